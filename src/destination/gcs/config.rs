//! Where a bucket is and who we are: an entry of the auth file, or a URL and the environment.
//!
//! | key | also | what |
//! |---|---|---|
//! | `bucket` | `bucket_name` | the bucket's bare name |
//! | `base_path` | `prefix` | path in the bucket; none |
//! | `directory` | | `gs://bucket/path` instead of both |
//! | `credentials_file` | `profile`, `service_account_file` | key file of a service account; else what the environment says |
//! | `project_id` | `project` | not needed to write to a bucket |
//! | `endpoint_url` | `endpoint` | of another place than Google's |

use object_store::gcp::GoogleConfigKey;

use super::super::{Bucket, Extras, Fields, Secret, StorageEntry, environment, is_safe, plain_endpoint};
use super::key::{self, KeyFile};
use super::keys;
use crate::error::{Code, Error, Result};

const SCHEMES: &[&str] = &["gs", "gcs"];
const KEY_FILE: &[&str] = &["credentials_file", "profile", "service_account_file"];

/// Who we are.
#[derive(Debug)]
pub(super) enum Credentials {
    ServiceAccount(ServiceAccount),
    /// A user's own, as `gcloud auth application-default login` writes them; the file's path.
    User(String),
    /// What the environment and the machine say.
    Environment,
}

/// A service account's key.
#[derive(Debug)]
pub(super) struct ServiceAccount {
    pub(super) text: Secret,
    pub(super) base_url: Option<String>,
}

/// A checked address.
#[derive(Debug)]
pub(super) struct GcsConfig {
    pub(super) bucket: Bucket,
    pub(super) endpoint: Option<String>,
    pub(super) credentials: Credentials,
    /// Headers for encryption, storage class and the like.
    pub(super) extras: Extras,
}

impl GcsConfig {
    /// `gs://bucket/path`, with credentials from the environment.
    pub(super) fn of_url(location: &str) -> Result<Self> {
        let bucket = Bucket::of_url(location, SCHEMES).map_err(|what| {
            Error::usage(format!("--output-dir is no GCS URL: {what}"))
                .coded(Code::AddressInvalid)
                .hint("write gs://bucket/path")
        })?;
        let (credentials, endpoint) = of_environment().map_err(|what| {
            Error::config(what)
                .coded(Code::StorageIncomplete)
                .hint("GOOGLE_APPLICATION_CREDENTIALS names the key file of a service account")
        })?;
        Ok(Self { bucket, endpoint, credentials, extras: Extras::default() })
    }

    /// An entry of the auth file. All its problems are reported at once.
    pub(super) fn of_entry(entry: &StorageEntry) -> Result<Self> {
        let mut fields = Fields::of(entry);
        let bucket = Bucket::of_entry(&mut fields, SCHEMES);
        let endpoint = fields.endpoint(&["endpoint_url", "endpoint"]);
        let mut credentials = credentials(&mut fields);
        let mut of_variables = None;
        if matches!(credentials, Credentials::Environment) && !fields.has(KEY_FILE) && !fields.has_problems()
        {
            match of_environment() {
                Ok(found) => (credentials, of_variables) = found,
                Err(what) => fields.outside(what),
            }
        }
        if fields.text(&["project_id", "project"]).is_some() {
            tracing::debug!(id = entry.id, "project_id is not needed to write to a bucket");
        }
        let base_url = match (&credentials, &of_variables) {
            (Credentials::ServiceAccount(account), None) => account.base_url.as_deref(),
            (_, of_variables) => of_variables.as_deref(),
        };
        let url = endpoint.as_ref().map(url::Url::as_str).or(base_url);
        let extras = keys::of(&mut fields, url.is_some_and(|url| !is_safe(url)));
        fields.finish()?;
        let endpoint = endpoint.map(|url| url.as_str().trim_end_matches('/').to_owned());
        Ok(Self { bucket, endpoint: endpoint.or(of_variables), credentials, extras })
    }
}

fn credentials(fields: &mut Fields) -> Credentials {
    let given = fields.has(KEY_FILE);
    let named = fields.named(KEY_FILE);
    match fields.mode().as_deref() {
        Some("profile" | "classic" | "service_account") if !given => {
            fields.wrong("credentials_file", "missing: the path of a service account's key file");
        }
        None | Some("profile" | "classic" | "service_account" | "environment") => {}
        Some(other) => {
            fields.wrong_mode(format!("'{other}' is not supported, write \"profile\" or \"environment\""));
        }
    }
    let Some((name, path)) = named else { return Credentials::Environment };
    let file = match key::read(&path) {
        Ok(file) => file,
        Err(what) => {
            fields.wrong(name, what);
            return Credentials::Environment;
        }
    };
    match file.kind() {
        "service_account" => {}
        "authorized_user" => return Credentials::User(path),
        _ => {
            let kind = file.kind_shown();
            let what = format!("the file is of type {kind}, write the key file of a service account");
            fields.wrong(name, what);
            return Credentials::Environment;
        }
    }
    match account(file) {
        Ok(account) => Credentials::ServiceAccount(account),
        Err(what) => {
            fields.wrong(name, format!("the file {what}"));
            Credentials::Environment
        }
    }
}

/// The error goes on where the name of the document ends.
fn account(file: KeyFile) -> std::result::Result<ServiceAccount, String> {
    let base_url = file.base_url()?;
    Ok(ServiceAccount { text: file.service_account()?, base_url })
}

/// What a variable sets.
fn key_of(variable: &str) -> Option<GoogleConfigKey> {
    let known = variable.starts_with("GOOGLE_") || variable == "SERVICE_ACCOUNT";
    let key = if known { variable.to_ascii_lowercase().parse().ok() } else { None };
    key.filter(|key| {
        matches!(
            key,
            GoogleConfigKey::BaseUrl
                | GoogleConfigKey::ServiceAccountKey
                | GoogleConfigKey::ServiceAccount
                | GoogleConfigKey::ApplicationCredentials
        )
    })
}

/// What the variables `GOOGLE_*` say, as object_store reads them, and the endpoint that they name.
fn of_environment() -> std::result::Result<(Credentials, Option<String>), String> {
    environment::exact("GCE_METADATA_HOST")?;
    environment::exact("GCE_METADATA_IP")?;
    environment::exact("GCE_METADATA_ROOT")?;
    let (mut found, mut base_url) = (Credentials::Environment, None);
    let mut variables = environment::variables(|name| key_of(name).is_some())?;
    // A service account that is named as such goes before it.
    variables.sort_by_key(|(name, _)| key_of(name) != Some(GoogleConfigKey::ApplicationCredentials));
    for (name, value) in variables {
        match key_of(&name) {
            Some(GoogleConfigKey::BaseUrl) => {
                let url = plain_endpoint(&value).map_err(|what| format!("{name} {what}"))?;
                base_url = Some(url.as_str().trim_end_matches('/').to_owned());
            }
            Some(GoogleConfigKey::ServiceAccountKey) => {
                let account =
                    key::parse(&value).and_then(account).map_err(|what| format!("{name} {what}"))?;
                found = Credentials::ServiceAccount(account);
            }
            Some(GoogleConfigKey::ServiceAccount | GoogleConfigKey::ApplicationCredentials) => {
                let file = key::read(&value).map_err(|what| format!("{name}: {what}"))?;
                match file.kind() {
                    "service_account" => {
                        let account = account(file).map_err(|what| format!("{name}: {value} {what}"))?;
                        found = Credentials::ServiceAccount(account);
                    }
                    "authorized_user" => found = Credentials::User(value),
                    _ => {
                        let kind = file.kind_shown();
                        return Err(format!(
                            "{name}: {value} is of type {kind}, name the key file of a service account"
                        ));
                    }
                }
            }
            _ => {}
        }
    }
    if matches!(found, Credentials::Environment) {
        // object_store asks a host without a name then.
        for name in ["GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"] {
            environment::not_empty(name)?;
        }
    }
    Ok((found, base_url))
}
