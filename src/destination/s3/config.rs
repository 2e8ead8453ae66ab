//! Where a bucket is and who we are: an entry of the auth file, or a URL and the environment.
//!
//! | key | also | what |
//! |---|---|---|
//! | `bucket` | `bucket_name` | the bucket's bare name |
//! | `base_path` | `prefix` | path in the bucket; none |
//! | `directory` | | `s3://bucket/path` instead of both |
//! | `region` | `region_name`, `aws_region` | the bucket's region |
//! | `endpoint_url` | `endpoint`, `aws_endpoint_url` | of another store than AWS |
//! | `addressing_style` | | `path` (the default of other stores) or `virtual` (of AWS) |
//! | `access_key_id`, `secret_access_key` | with `aws_` before | keys |
//! | `session_token` | `aws_session_token` | with keys that have one |
//! | `profile` | `profile_name` | of the AWS files; region and endpoint come from it too, if the entry has none |
//!
//! Encryption, tags and other headers are in `keys`.

use url::Url;

use super::super::{Bucket, Fields, Secret, StorageEntry, environment, is_safe};
use super::keys::{self, Keys};
use super::partition::{self, Variant};
use super::settings::Addressing;
use super::settings::{self, Found, Settings};
use crate::error::{Code, Error, Result};

const SCHEMES: &[&str] = &["s3", "s3a"];
const REGION: &[&str] = &["region", "region_name", "aws_region"];
const ENDPOINT: &[&str] = &["endpoint_url", "endpoint", "aws_endpoint_url"];
const STYLE: &[&str] = &["addressing_style"];
const KEY_ID: &[&str] = &["access_key_id", "aws_access_key_id"];
const SECRET: &[&str] = &["secret_access_key", "aws_secret_access_key"];
const TOKEN: &[&str] = &["session_token", "aws_session_token"];
const PROFILE: &[&str] = &["profile", "profile_name"];
const AUTH_MODES: &str = "\"profile\", \"keys\" or \"environment\"";
/// Variables that end in a header or a URL.
const VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];
/// What other stores than AWS take when they have no regions.
const ANY_REGION: &str = "us-east-1";

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    Keys {
        id: String,
        secret: Secret,
        token: Option<Secret>,
    },
    /// Of the AWS files.
    Profile(String),
    /// What the environment and the machine say.
    Environment,
}

/// A checked address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct S3Config {
    pub(super) bucket: Bucket,
    pub(super) region: String,
    /// Of another place than AWS, or the region's own.
    endpoint: String,
    pub(super) addressing: Addressing,
    pub(super) credentials: Credentials,
    /// Of the AWS files and variables.
    pub(super) settings: Settings,
    /// Headers for encryption, storage class and the like.
    pub(super) keys: Keys,
}

impl S3Config {
    /// `s3://bucket/path`, with credentials from the environment.
    pub(super) fn of_url(location: &str) -> Result<Self> {
        let bucket = Bucket::of_url(location, SCHEMES).map_err(|what| {
            Error::usage(format!("--output-dir is no S3 URL: {what}"))
                .coded(Code::AddressInvalid)
                .hint("write s3://bucket/path")
        })?;
        environment::variables(|name| VARIABLES.contains(&name)).map_err(|what| {
            Error::config(what).coded(Code::StorageIncomplete).hint("correct the variable where it is set")
        })?;
        let wrong = |what: String| {
            Error::config(what)
                .coded(Code::StorageIncomplete)
                .hint("see AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE")
        };
        let settings = settings::of_profile(None).map_err(wrong)?;
        let endpoint = settings.endpoint.as_ref().map(Found::url).transpose().map_err(|what| {
            Error::config(what)
                .coded(Code::StorageIncomplete)
                .hint("write https://host, or http://host:port for a plain connection")
        })?;
        let region = match (&settings.region, &endpoint) {
            (Some(region), _) if !is_region(&region.text) => {
                return Err(Error::config(region.wrong("no region"))
                    .coded(Code::StorageIncomplete)
                    .hint("write a region's name, such as eu-west-1"));
            }
            (Some(region), _) => region.text.clone(),
            (None, Some(_)) => ANY_REGION.to_owned(),
            (None, None) => {
                return Err(Error::config("the region of the bucket is not known")
                    .coded(Code::StorageIncomplete)
                    .hint("set AWS_REGION, or region in the AWS profile"));
            }
        };
        Self::found(bucket, region, endpoint.as_ref(), Credentials::Environment, settings).map_err(wrong)
    }

    /// The error says why there is no such host.
    fn found(
        bucket: Bucket,
        region: String,
        endpoint: Option<&Url>,
        credentials: Credentials,
        settings: Settings,
    ) -> std::result::Result<Self, String> {
        let variant = settings.variant;
        let mut addressing = addressing(settings.style, endpoint, &bucket.name);
        if variant.accelerate {
            if endpoint.is_some() {
                return Err(
                    "use_accelerate_endpoint: goes without endpoint_url, which names another host".into()
                );
            }
            if bucket.name.contains('.') {
                return Err(
                    "use_accelerate_endpoint: no bucket with a dot in its name has such a host".into()
                );
            }
            addressing = Addressing::Virtual;
        }
        let endpoint = match endpoint {
            Some(url) => {
                if variant != Variant::default() {
                    tracing::warn!(
                        "endpoint_url names the host: use_fips_endpoint and use_dualstack_endpoint have no effect on it"
                    );
                }
                url.as_str().trim_end_matches('/').to_owned()
            }
            None => format!("https://{}", partition::host(&region, variant)?),
        };
        Ok(Self { addressing, bucket, region, endpoint, credentials, settings, keys: Keys::default() })
    }

    /// An entry of the auth file. All its problems are reported at once.
    pub(super) fn of_entry(entry: &StorageEntry) -> Result<Self> {
        let mut fields = Fields::of(entry);
        let bucket = Bucket::of_entry(&mut fields, SCHEMES);
        let given = [fields.has(ENDPOINT), fields.has(REGION)];
        let (mut endpoint, mut region) = (fields.endpoint(ENDPOINT), fields.text(REGION));
        let style = match fields.text(STYLE).as_deref() {
            None | Some("auto") => None,
            Some("path") => Some(Addressing::Path),
            Some("virtual") => Some(Addressing::Virtual),
            Some(_) => {
                fields.wrong("addressing_style", "write path or virtual");
                None
            }
        };
        let credentials = credentials(&mut fields);
        if !matches!(credentials, Credentials::Keys { .. })
            && let Err(what) = environment::variables(|name| VARIABLES.contains(&name))
        {
            fields.outside(what);
        }
        let mut settings = match &credentials {
            Credentials::Keys { .. } => settings::of_variables().unwrap_or_else(|what| {
                fields.outside(what);
                Settings::default()
            }),
            Credentials::Profile(name) => of_profile(&mut fields, Some(name)),
            Credentials::Environment => of_profile(&mut fields, None),
        };
        if let (Some(found), false) = (&settings.endpoint, given[0]) {
            match found.url() {
                Ok(url) => endpoint = Some(url),
                Err(what) => fields.wrong("endpoint_url", what),
            }
        }
        if let (Some(found), false) = (&settings.region, given[1]) {
            if !is_region(&found.text) {
                fields.wrong("region", found.wrong("no region: write its name, such as eu-west-1"));
            }
            region = Some(found.text.clone());
        }
        settings.style = style.or(settings.style);
        if region.is_none() && endpoint.is_none() && given == [false, false] && !fields.has_problems() {
            fields.wrong("region", "missing: the bucket's region, such as eu-west-1");
        }
        if given[1] && region.as_ref().is_some_and(|region| !is_region(region)) {
            fields.wrong("region", "no region: write its name, such as eu-west-1");
        }
        if let Credentials::Keys { id, token, .. } = &credentials {
            let token = token.as_ref().map_or("", Secret::reveal);
            for (key, text) in [("access_key_id", id.as_str()), ("session_token", token)] {
                if !can_be_sent(text) {
                    fields.wrong(key, "holds a character that no HTTP header can hold");
                }
            }
        }
        let plain = endpoint.as_ref().is_some_and(|url| !is_safe(url.as_str()));
        let keys = keys::of(&mut fields, plain);
        let region = region.unwrap_or_else(|| ANY_REGION.to_owned());
        match Self::found(bucket, region, endpoint.as_ref(), credentials, settings) {
            Ok(config) => fields.finish().map(|()| Self { keys, ..config }),
            Err(what) => {
                fields.outside(what);
                fields.finish()?;
                Err(Error::internal("a problem of the entry was not said"))
            }
        }
    }

    /// The endpoint as object_store wants it: with the bucket's name in the host in virtual style.
    pub(super) fn service_url(&self) -> String {
        let endpoint = self.endpoint.clone();
        let Some((scheme, host)) = endpoint.split_once("://") else { return endpoint };
        if self.addressing == Addressing::Path || host.starts_with(&format!("{}.", self.bucket.name)) {
            return endpoint;
        }
        format!("{scheme}://{}.{host}", self.bucket.name)
    }

    /// URL of the bucket.
    pub(super) fn bucket_url(&self) -> String {
        match self.addressing {
            Addressing::Path => format!("{}/{}", self.service_url(), self.bucket.name),
            Addressing::Virtual => self.service_url(),
        }
    }
}

/// AWS asks for names in the host, which its certificate does not cover for a bucket with dots.
fn addressing(wish: Option<Addressing>, endpoint: Option<&Url>, bucket: &str) -> Addressing {
    let host = endpoint.and_then(Url::host_str);
    let aws = host.is_none_or(partition::is_aws);
    match wish {
        Some(wish) => wish,
        None if aws && !bucket.contains('.') => Addressing::Virtual,
        None => Addressing::Path,
    }
}

/// Whether an HTTP header can hold a text: the library that signs panics otherwise.
pub(super) fn can_be_sent(text: &str) -> bool {
    ::http::HeaderValue::from_str(text).is_ok()
}

/// Whether a text is a name that may stand in a host and in a signature's scope.
fn is_region(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn of_profile(fields: &mut Fields, profile: Option<&str>) -> Settings {
    settings::of_profile(profile).unwrap_or_else(|what| {
        fields.wrong("profile", what);
        Settings::default()
    })
}

fn credentials(fields: &mut Fields) -> Credentials {
    let profile_given = fields.has(PROFILE);
    let profile = fields.text(PROFILE);
    let (given_id, given_secret) = (fields.has(KEY_ID), fields.has(SECRET));
    let (id, secret, token) = (fields.text(KEY_ID), fields.secret(SECRET), fields.secret(TOKEN));
    let mode = fields.mode();
    match mode.as_deref() {
        None => {}
        Some("keys" | "classic" | "access_key") if !given_id && !given_secret => {
            fields.wrong("access_key_id", "missing, and so is secret_access_key");
        }
        Some("keys" | "classic" | "access_key") => {}
        Some("profile") if !profile_given => {
            fields.wrong("profile", "missing: the name of a profile in ~/.aws/config or ~/.aws/credentials");
        }
        Some("profile") => {}
        Some("environment") if given_id || given_secret || profile_given => {
            fields.wrong_mode("'environment' goes without access_key_id, secret_access_key and profile");
        }
        Some("environment") => {}
        Some(other) => fields.wrong_mode(format!("'{other}' is not supported, write {AUTH_MODES}")),
    }
    if given_id != given_secret {
        let (there, missing) = if given_id {
            ("access_key_id", "secret_access_key")
        } else {
            ("secret_access_key", "access_key_id")
        };
        fields.wrong(missing, format!("missing: it goes with {there}"));
    }
    if token.is_some() && !given_id {
        fields.wrong("session_token", "goes with access_key_id and secret_access_key");
    }
    if profile_given && (given_id || given_secret) {
        fields.wrong("profile", "says who we are, and so do access_key_id and secret_access_key; keep one");
        return Credentials::Keys { id: String::new(), secret: Secret::new(String::new()), token: None };
    }
    match (id, secret, profile) {
        (Some(id), Some(secret), _) => Credentials::Keys { id, secret, token },
        (_, _, Some(profile)) => Credentials::Profile(profile),
        // Wrong already: nothing else is to be looked for.
        (id, _, _) if given_id || given_secret => {
            let secret = Secret::new(String::new());
            Credentials::Keys { id: id.unwrap_or_default(), secret, token }
        }
        _ => Credentials::Environment,
    }
}
