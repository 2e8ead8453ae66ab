//! What the AWS files and variables say besides credentials, in the order of the AWS tools.

use std::fmt;

use aws_config::profile::ProfileSet;
use aws_runtime::env_config::property::PropertiesKey;
use aws_types::os_shim_internal::{Env, Fs};
use url::Url;

use super::super::plain_endpoint;
use super::partition::Variant;
use crate::error::with_causes;

/// A value and where it stands, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) text: String,
    place: String,
}

impl Found {
    fn new(text: &str, place: impl fmt::Display) -> Option<Self> {
        let text = text.trim_ascii();
        (!text.is_empty()).then(|| Self { text: text.to_owned(), place: place.to_string() })
    }

    /// `what` is wrong with it.
    pub(super) fn wrong(&self, what: impl fmt::Display) -> String {
        format!("{}: {what}", self.place)
    }

    pub(super) fn url(&self) -> Result<Url, String> {
        plain_endpoint(&self.text).map_err(|what| self.wrong(what))
    }

    fn switch(&self) -> Result<bool, String> {
        match self.text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.wrong("write true or false")),
        }
    }
}

/// What a profile, or the environment, says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) region: Option<Found>,
    pub(super) endpoint: Option<Found>,
    pub(super) style: Option<Addressing>,
    pub(super) variant: Variant,
    /// Endpoints of variables that are not to be used.
    pub(super) ignored: Vec<String>,
}

/// Where values are looked up.
struct Places<'p> {
    env: Env,
    profiles: Option<&'p ProfileSet>,
}

impl Places<'_> {
    fn variable(&self, name: &str) -> Option<Found> {
        Found::new(&self.env.get(name).ok()?, name)
    }

    fn of_profile(&self, key: &str) -> Option<Found> {
        let profiles = self.profiles?;
        Found::new(
            profiles.get(key)?,
            format_args!("{key} of the AWS profile '{}'", profiles.selected_profile()),
        )
    }

    /// A key of the lines that are indented under `s3 =`.
    fn of_s3(&self, key: &str) -> Option<Found> {
        let profiles = self.profiles?;
        let lines = profiles.get("s3")?.lines().filter_map(|line| line.split_once('='));
        let value = lines.filter(|(name, _)| name.trim() == key).map(|(_, value)| value).next_back()?;
        Found::new(value, format_args!("s3 = {key} of the AWS profile '{}'", profiles.selected_profile()))
    }

    /// `endpoint_url` under `s3 =` in the section that the profile names with `services = NAME`.
    fn of_services(&self) -> Option<Found> {
        let section = self.of_profile("services")?.text;
        let key = PropertiesKey::builder().section_key("services").section_name(&section);
        let key = key.property_name("s3").sub_property_name("endpoint_url").build().ok()?;
        Found::new(
            self.profiles?.other_sections().get(&key)?,
            format_args!("endpoint_url of [services {section}]"),
        )
    }

    fn switch(&self, variable: &str, keys: [Option<Found>; 2]) -> Result<bool, String> {
        let found = self.variable(variable).or_else(|| keys.into_iter().flatten().next());
        found.map_or(Ok(false), |found| found.switch())
    }

    fn variant(&self) -> Result<Variant, String> {
        let fips = self.switch("AWS_USE_FIPS_ENDPOINT", [self.of_profile("use_fips_endpoint"), None])?;
        let keys = ["use_dualstack_endpoint"; 2];
        let keys = [self.of_profile(keys[0]), self.of_s3(keys[1])];
        let dual_stack = self.switch("AWS_USE_DUALSTACK_ENDPOINT", keys)?;
        let accelerate = match self.of_s3("use_accelerate_endpoint") {
            Some(found) => found.switch()?,
            None => false,
        };
        Ok(Variant { fips, dual_stack, accelerate })
    }

    fn style(&self) -> Result<Option<Addressing>, String> {
        let Some(found) = self.of_s3("addressing_style") else { return Ok(None) };
        match found.text.as_str() {
            "auto" => Ok(None),
            "path" => Ok(Some(Addressing::Path)),
            "virtual" => Ok(Some(Addressing::Virtual)),
            _ => Err(found.wrong("write path, virtual or auto")),
        }
    }
}

/// The switches that variables alone set; no file is read.
pub(super) fn of_variables() -> Result<Settings, String> {
    let variant = Places { env: Env::real(), profiles: None }.variant()?;
    Ok(Settings { variant, ..Settings::default() })
}

/// The profile that AWS_PROFILE selects.
///
/// An empty name is an error, as it is for the AWS tools: without it another account's keys would be used.
pub(super) fn selected() -> Result<Option<String>, String> {
    match Env::real().get("AWS_PROFILE") {
        Ok(name) if name.trim_ascii().is_empty() => {
            Err("AWS_PROFILE is empty: unset it, or name a profile".to_owned())
        }
        Ok(name) => Ok(Some(name.trim_ascii().to_owned())),
        Err(_) => Ok(None),
    }
}

/// Settings of `profile`, or of the one that the environment selects; reads the AWS files.
///
/// The error is a sentence: no such profile, a file that cannot be parsed, an invalid value.
pub(super) fn of_profile(profile: Option<&str>) -> Result<Settings, String> {
    let env = Env::real();
    let name = match profile {
        Some(name) => Some(name.to_owned()),
        None => selected()?,
    };
    // Files only, so nothing is waited for.
    let (files, usual_places) = (Fs::real(), Default::default());
    let loaded = aws_config::profile::load(&files, &env, &usual_places, name.map(Into::into));
    let profiles = futures::executor::block_on(loaded)
        .map_err(|error| format!("the AWS configuration cannot be read: {}", with_causes(&error)))?;
    if let Some(name) = profile
        && profiles.get_profile(name).is_none()
    {
        let mut names: Vec<&str> = profiles.profiles().collect();
        names.sort_unstable();
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(format!(
            "no profile '{name}' in ~/.aws/config and ~/.aws/credentials; profiles there: {there}"
        ));
    }
    let places = Places { env, profiles: Some(&profiles) };
    let region = || places.variable("AWS_REGION").or_else(|| places.variable("AWS_DEFAULT_REGION"));
    // A profile that was named is where its region is; one that was not says less than the variables.
    let region = match profile {
        Some(_) => places.of_profile("region").or_else(region),
        None => region().or_else(|| places.of_profile("region")),
    };
    let ignore = "ignore_configured_endpoint_urls";
    let ignore = places.switch("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", [places.of_profile(ignore), None])?;
    let endpoint = places
        .variable("AWS_ENDPOINT_URL_S3")
        .or_else(|| places.variable("AWS_ENDPOINT_URL"))
        .or_else(|| places.of_services())
        .or_else(|| places.of_profile("endpoint_url"));
    let others =
        ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"];
    let ignored = others.into_iter().filter_map(|name| places.variable(name)).filter(|_| ignore);
    Ok(Settings {
        region,
        endpoint: endpoint.filter(|_| !ignore),
        style: places.style()?,
        variant: places.variant()?,
        ignored: ignored.map(|found| found.text).collect(),
    })
}

/// How the bucket is named in URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addressing {
    /// `https://host/bucket/key`.
    Path,
    /// `https://bucket.host/key`.
    Virtual,
}
