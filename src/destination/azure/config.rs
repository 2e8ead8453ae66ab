//! Where a container is and who we are: an entry of the auth file, or a URL and the environment.
//!
//! | key | also | what |
//! |---|---|---|
//! | `container` | `container_name`, `filesystem`, `bucket`, `bucket_name` | the container |
//! | `account` | `account_name`, `storage_account` | the storage account |
//! | `base_path` | `prefix` | path in the container; none |
//! | `directory` | | a URL instead of the three |
//! | `account_key` | `access_key`, `azure_storage_account_key` | key of the account |
//! | `sas_token` | `azure_storage_sas_token` | shared access signature |
//! | `azure_client_id`, `azure_tenant_id`, `azure_client_secret` | without `azure_` | service principal |
//! | `federated_token_file` | `azure_federated_token_file` | workload identity, with client and tenant id |
//! | `authority_host` | `azure_authority_host` | where to sign in |
//! | `endpoint_url` | `endpoint` | blob endpoint of another place than Azure's |
//!
//! | URL | account, container |
//! |---|---|
//! | `abfss://container@account.dfs.core.windows.net/path` | as it says; `abfs`, `abs`, `wasbs`, `az`, `azure` too, and `blob` for `dfs` |
//! | `abfss://account.dfs.core.windows.net/container/path`, `https://...` | the same |
//! | `az://container/path` | the account from `account` or AZURE_STORAGE_ACCOUNT_NAME |
//! | `onelake://workspace/lakehouse/path` | account `onelake`, container `workspace` |

use url::Url;

use super::super::{Extras, Fields, Secret, StorageEntry, is_safe};
use super::keys;
use crate::error::{Code, Error, Result};

const CONTAINER: &[&str] = &["container", "container_name", "filesystem", "bucket", "bucket_name"];
const ACCOUNT: &[&str] = &["account", "account_name", "storage_account", "azure_storage_account_name"];
const BASE: &[&str] = &["base_path", "prefix"];
const DIRECTORY: &[&str] = &["directory"];
const KEY: &[&str] = &["account_key", "access_key", "azure_storage_account_key"];
const SAS: &[&str] = &["sas_token", "azure_storage_sas_token"];
const CLIENT: &[&str] = &["azure_client_id", "client_id"];
const TENANT: &[&str] = &["azure_tenant_id", "tenant_id"];
const SECRET: &[&str] = &["azure_client_secret", "client_secret"];
const TOKEN_FILE: &[&str] = &["federated_token_file", "azure_federated_token_file"];
const AUTHORITY: &[&str] = &["authority_host", "azure_authority_host"];
const MODES: &str =
    "service_principal, account_key, sas_token, workload_identity, managed_identity or environment";

const AZURE_HOST: &str = "blob.core.windows.net";
const ONELAKE_HOST: &str = "blob.fabric.microsoft.com";

/// An application that signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignIn {
    pub(super) client: String,
    pub(super) tenant: String,
    pub(super) authority: Option<String>,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    AccountKey(Secret),
    Sas(Secret),
    ClientSecret {
        sign_in: SignIn,
        secret: Secret,
    },
    Workload {
        sign_in: SignIn,
        token_file: String,
    },
    /// The machine's own.
    Managed {
        client: Option<String>,
    },
    /// What the environment and the machine say.
    Environment,
}

/// Where a base is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AzurePlace {
    pub(super) account: Option<String>,
    /// What follows the account in the host of the blob endpoint.
    host: String,
    pub(super) container: String,
    pub(super) base: String,
}

/// A checked address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AzureConfig {
    pub(super) place: AzurePlace,
    endpoint: Option<Url>,
    pub(super) credentials: Credentials,
    /// Headers for encryption, access tier and the like.
    pub(super) extras: Extras,
}

impl AzureConfig {
    /// A URL, with credentials from the environment.
    pub(super) fn of_url(location: &str) -> Result<Self> {
        let place = place_of(location).map_err(|what| {
            Error::usage(format!("--output-dir is no Azure URL: {what}"))
                .coded(Code::AddressInvalid)
                .hint("write abfss://container@account.dfs.core.windows.net/path")
        })?;
        let (credentials, extras) = (Credentials::Environment, Extras::default());
        Ok(Self { place, endpoint: None, credentials, extras })
    }

    /// An entry of the auth file. All its problems are reported at once.
    pub(super) fn of_entry(entry: &StorageEntry) -> Result<Self> {
        let mut fields = Fields::of(entry);
        let place = place(&mut fields);
        let endpoint = fields.endpoint(&["endpoint_url", "endpoint"]);
        let credentials = credentials(&mut fields);
        let plain = endpoint.as_ref().is_some_and(|url| !is_safe(url.as_str()));
        let extras = keys::of(&mut fields, plain);
        fields.finish()?;
        Ok(Self { place, endpoint, credentials, extras })
    }

    /// URL of the blob service, without a trailing slash.
    pub(super) fn service_url(&self, account: &str) -> String {
        match &self.endpoint {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("https://{account}.{}", self.place.host),
        }
    }

    /// For messages.
    pub(super) fn location(&self, account: &str) -> String {
        let AzurePlace { host, container, base, .. } = &self.place;
        let host = match &self.endpoint {
            Some(url) => url.host_str().unwrap_or_default().to_owned(),
            None => format!("{account}.{}", host.replacen("blob.", "dfs.", 1)),
        };
        let location = format!("abfss://{container}@{host}/{base}");
        location.trim_end_matches('/').to_owned()
    }
}

/// Takes a URL apart, or says what is wrong with it.
fn place_of(text: &str) -> std::result::Result<AzurePlace, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let base = path.trim_matches('/');
    if base.split('/').any(|part| matches!(part, "." | ".."))
        || base.contains("//")
        || base.contains(['?', '#'])
    {
        return Err("its path must hold names with a single / between them and nothing else");
    }
    if authority.contains(':') || authority.contains(char::is_whitespace) {
        return Err("it holds a port, a password or a space");
    }
    let (container, host) = match authority.split_once('@') {
        Some((container, host)) => (Some(container), host),
        None => (None, authority),
    };
    // The first name of a path is the container when no other place is left for it.
    let split = |base: &str| match base.split_once('/') {
        Some((first, rest)) => (first.to_owned(), rest.to_owned()),
        None => (base.to_owned(), String::new()),
    };
    let place = if scheme.eq_ignore_ascii_case("onelake") {
        let (item, rest) = split(base);
        // An item's type belongs to its name, but not to its id.
        let named = !item.contains('.') && uuid::Uuid::parse_str(&item).is_err();
        let item = if named { format!("{item}.Lakehouse") } else { item };
        AzurePlace {
            account: Some("onelake".to_owned()),
            host: ONELAKE_HOST.to_owned(),
            container: host.to_owned(),
            base: format!("{item}/{rest}").trim_end_matches('/').to_owned(),
        }
    } else if let Some((account, service)) = host.split_once('.') {
        let service = service.strip_prefix("dfs.").or_else(|| service.strip_prefix("blob."));
        let service =
            service.ok_or("its host is not account.dfs.core.windows.net or account.blob.core.windows.net")?;
        let (container, base) = match container {
            Some(container) => (container.to_owned(), base.to_owned()),
            None => split(base),
        };
        AzurePlace { account: Some(account.to_owned()), host: format!("blob.{service}"), container, base }
    } else {
        let (account, container) = match container {
            Some(container) => (Some(host.to_owned()), container.to_owned()),
            None => (None, host.to_owned()),
        };
        AzurePlace { account, host: AZURE_HOST.to_owned(), container, base: base.to_owned() }
    };
    if place.container.is_empty() {
        return Err("it names no container");
    }
    Ok(place)
}

fn place(fields: &mut Fields) -> AzurePlace {
    if !fields.has(DIRECTORY) {
        let account = fields.needed(ACCOUNT, "the storage account's name");
        let container = fields.needed(CONTAINER, "the container's name").unwrap_or_default();
        for (key, value) in
            [("container", container.as_str()), ("account", account.as_deref().unwrap_or_default())]
        {
            if let Some((scheme, _)) = value.split_once("://") {
                let what = format!("write the bare name, without {scheme}://");
                fields.wrong(key, what);
            } else if value.contains('/') || value.contains(char::is_whitespace) {
                fields.wrong(key, "write the name only; a path belongs in base_path");
            } else if key == "account" && value.contains('.') {
                fields.wrong(key, "write the account's name only; another host belongs in endpoint_url");
            }
        }
        return AzurePlace { account, host: AZURE_HOST.to_owned(), container, base: fields.path(BASE) };
    }
    if fields.has(CONTAINER) || fields.has(BASE) {
        fields.wrong("directory", "says the same as container and base_path, keep one");
    }
    let (_, _, account) = (fields.text(CONTAINER), fields.path(BASE), fields.text(ACCOUNT));
    let Some(directory) = fields.text(DIRECTORY) else { return AzurePlace::default() };
    match place_of(&directory) {
        Ok(mut place) => {
            match (&place.account, account) {
                (Some(own), Some(other)) if *own != other => {
                    fields.wrong("account", "the directory names another account");
                }
                (None, None) => fields.wrong("account", "missing: the directory does not name it either"),
                (None, given) => place.account = given,
                _ => {}
            }
            place
        }
        Err(what) => {
            let example = "write abfss://container@account.dfs.core.windows.net/path";
            fields.wrong("directory", format!("{what}; {example}"));
            AzurePlace::default()
        }
    }
}

fn credentials(fields: &mut Fields) -> Credentials {
    let mode = fields.mode();
    let key = fields.secret(KEY);
    let sas = fields.secret(SAS);
    let (client, tenant) = (fields.text(CLIENT), fields.text(TENANT));
    let (secret, token_file) = (fields.secret(SECRET), fields.text(TOKEN_FILE));
    let authority = fields.text(AUTHORITY);
    if tenant.as_ref().is_some_and(|tenant| !is_name(tenant)) {
        fields.wrong("azure_tenant_id", "not an id: write the directory's id or domain");
    }
    if authority.as_ref().is_some_and(|host| !is_safe(host)) {
        fields.wrong("authority_host", "write a URL, such as https://login.microsoftonline.com");
    }
    let given = [key.is_some(), sas.is_some(), secret.is_some(), token_file.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let all = "account_key, sas_token, azure_client_secret or federated_token_file";
        fields.wrong("account_key", format!("keep one of {all}"));
    }
    let wanted = match mode.as_deref() {
        None if key.is_some() => "account_key",
        None if sas.is_some() => "sas_token",
        None if token_file.is_some() => "workload_identity",
        None if secret.is_some() || tenant.is_some() => "service_principal",
        None if client.is_some() => "managed_identity",
        None => "environment",
        Some(mode) => mode,
    };
    let sign_in = |fields: &mut Fields| {
        for (name, value) in [("azure_client_id", &client), ("azure_tenant_id", &tenant)] {
            if value.is_none() {
                fields.wrong(name, "missing: an application signs in with client and tenant");
            }
        }
        SignIn {
            client: client.clone().unwrap_or_default(),
            tenant: tenant.clone().unwrap_or_default(),
            authority: authority.clone(),
        }
    };
    let found = match wanted {
        "account_key" | "classic" => key.map(Credentials::AccountKey).ok_or("account_key"),
        "sas_token" | "sas" => sas.map(Credentials::Sas).ok_or("sas_token"),
        "service_principal" => {
            let sign_in = sign_in(fields);
            secret.map(|secret| Credentials::ClientSecret { sign_in, secret }).ok_or("azure_client_secret")
        }
        "workload_identity" => {
            let sign_in = sign_in(fields);
            token_file
                .map(|token_file| Credentials::Workload { sign_in, token_file })
                .ok_or("federated_token_file")
        }
        "managed_identity" => Ok(Credentials::Managed { client }),
        "environment" => Ok(Credentials::Environment),
        other => {
            fields.wrong_mode(format!("'{other}' is not supported, write {MODES}"));
            Ok(Credentials::Environment)
        }
    };
    found.unwrap_or_else(|missing| {
        fields.wrong(missing, format!("missing: auth_mode {wanted} needs it"));
        Credentials::Environment
    })
}

/// Whether a text is a name that may stand in a URL.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}
