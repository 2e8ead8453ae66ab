//! Azure Blob Storage, Data Lake Storage Gen2 and OneLake, all through their blob endpoints.
//!
//! Blocks that were never committed expire after seven days; nothing lists or aborts them. They are invisible,
//! and the blocks that a blob was made of tell whether it is the one that an upload was to become.

mod config;
mod keys;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::http::HeaderValue;
use async_trait::async_trait;
use object_store::azure::{
    AzureAuthorizer, AzureConfigKey, AzureCredential, AzureCredentialProvider, MicrosoftAzureBuilder,
};
use object_store::client::HttpRequest;

use self::config::{AzureConfig, Credentials, is_name};
use super::{
    Address, Authorize, Destination, Discreet, Http, ObjectStorage, Pending, Place, Remedies, Store,
    environment, is_safe, plain_endpoint,
};
use crate::error::{Code, Error, Result};

/// URL schemes and `storage_type` values.
pub const NAMES: &[&str] =
    &["azure", "az", "abfss", "abfs", "abs", "adls", "azure_blob", "adls_gen2", "onelake", "wasbs"];

const REMEDIES: Remedies = Remedies {
    bucket: "container and account",
    credentials: "account_key, sas_token or azure_client_id, azure_tenant_id and azure_client_secret",
    endpoint: "endpoint_url",
    rights: "role Storage Blob Data Contributor on the container; for a SAS token: read, write, create, delete and list",
    steps: &[
        ("cannot use the storage", "list"),
        ("cannot list", "list"),
        ("cannot delete", "delete"),
        ("cannot read", "read"),
        ("cannot look", "read"),
        ("cannot", "create and write"),
    ],
    wants: keys::WANTS,
};

/// Opens a container, or a path in one; does not connect yet.
pub fn open(address: &Address) -> Result<Arc<dyn Destination>> {
    let config = match address {
        Address::Location(location) => AzureConfig::of_url(location)?,
        Address::Entry(entry) => AzureConfig::of_entry(entry)?,
    };
    let builder = builder(&config.credentials).map_err(|what| {
        Error::config(what).coded(Code::StorageIncomplete).hint("correct the variable where it is set")
    })?;
    let account = config.place.account.clone();
    let account =
        account.or_else(|| builder.get_config_value(&AzureConfigKey::AccountName)).ok_or_else(|| {
            Error::config("the storage account is not known").coded(Code::StorageIncomplete).hint(
            "write abfss://container@account.dfs.core.windows.net/path, or set AZURE_STORAGE_ACCOUNT_NAME",
        )
        })?;
    let service = config.service_url(&account);
    let plain = service.starts_with("http://");
    let http = Arc::new(Http::default());
    let builder = builder
        .with_account(&account)
        .with_container_name(&config.place.container)
        .with_endpoint(service.clone())
        .with_client_options(Http::options(plain))
        .with_retry(Http::retry())
        .with_http_connector(http.connector());
    let unusable = |error: object_store::Error| {
        Error::config(
            "the Azure storage cannot be used: account_key is not base64, or sas_token not name=value&...",
        )
        .coded(Code::StorageIncomplete)
        .hint("check account_key and sas_token: copy them whole, as the portal shows them")
        .about_secret(&error)
    };
    let found = builder.clone().build().map_err(unusable)?;
    let credentials: AzureCredentialProvider =
        Arc::new(Discreet::new(Arc::clone(found.credentials()), "Azure", can_be_sent));
    let signer = Arc::new(Signer { credentials: Arc::clone(&credentials), account: account.clone() });
    let bucket = format!("{service}/{}", config.place.container);
    // Tokens were asked for without the headers of the entry.
    let connector = config.extras.clone().connector(http.connector(), signer.clone(), &bucket);
    let builder = builder.with_http_connector(connector.clone());
    let client = builder.with_credentials(credentials).build().map_err(unusable)?;
    let place = Place {
        location: config.location(&account),
        bucket,
        contact: "restype=container&comp=list&maxresults=1",
        base: config.place.base,
        pending: Pending::Blocks,
        replaces_freely: true,
        plain,
        words: &REMEDIES,
    };
    Ok(Arc::new(ObjectStorage::new(Store { client, http, connector, authorize: signer }, place)?))
}

fn can_be_sent(credential: &AzureCredential) -> bool {
    match credential {
        AzureCredential::BearerToken(token) => HeaderValue::from_str(token).is_ok(),
        AzureCredential::AccessKey(_) | AzureCredential::SASToken(_) => true,
    }
}

/// What a variable sets.
fn key_of(variable: &str) -> Option<AzureConfigKey> {
    if variable.starts_with("AZURE_") { variable.to_ascii_lowercase().parse().ok() } else { None }
}

/// What the variables `AZURE_*` and `IDENTITY_*` say, as object_store reads them.
fn of_environment() -> std::result::Result<MicrosoftAzureBuilder, String> {
    let mut builder = MicrosoftAzureBuilder::new();
    for (name, value) in environment::variables(|name| key_of(name).is_some())? {
        let Some(key) = key_of(&name) else { continue };
        let problem = match key {
            AzureConfigKey::AccountName if !is_name(&value) => Some("is no account's name"),
            AzureConfigKey::AuthorityId if !is_name(&value) => Some("is no tenant's id"),
            AzureConfigKey::AuthorityHost if !is_safe(&value) => {
                Some("is no URL, such as https://login.microsoftonline.com, or holds more than that")
            }
            AzureConfigKey::MsiEndpoint => plain_endpoint(&value).err(),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(format!("{name} {problem}"));
        }
        builder = builder.with_config(key, value);
    }
    with_identity(builder)
}

/// App Service and others have their own place for the machine's identity, and say where.
fn with_identity(builder: MicrosoftAzureBuilder) -> std::result::Result<MicrosoftAzureBuilder, String> {
    environment::exact("IDENTITY_HEADER")?;
    match environment::exact("IDENTITY_ENDPOINT")? {
        Some(url) => match plain_endpoint(&url) {
            Ok(_) => Ok(builder.with_msi_endpoint(url)),
            Err(what) => Err(format!("IDENTITY_ENDPOINT {what}")),
        },
        None => Ok(builder),
    }
}

fn builder(credentials: &Credentials) -> std::result::Result<MicrosoftAzureBuilder, String> {
    let new = MicrosoftAzureBuilder::new;
    Ok(match credentials {
        Credentials::Environment => of_environment()?,
        Credentials::AccountKey(key) => new().with_access_key(key.reveal()),
        Credentials::Sas(token) => new().with_config(AzureConfigKey::SasKey, token.reveal()),
        Credentials::ClientSecret { sign_in, secret } => {
            let builder = new().with_client_id(&sign_in.client).with_tenant_id(&sign_in.tenant);
            at_authority(builder.with_client_secret(secret.reveal()), sign_in.authority.as_deref())
        }
        Credentials::Workload { sign_in, token_file } => {
            let builder = new().with_client_id(&sign_in.client).with_tenant_id(&sign_in.tenant);
            at_authority(builder.with_federated_token_file(token_file), sign_in.authority.as_deref())
        }
        Credentials::Managed { client } => {
            let builder = match client {
                Some(client) => new().with_client_id(client),
                None => new(),
            };
            with_identity(builder)?
        }
    })
}

fn at_authority(builder: MicrosoftAzureBuilder, host: Option<&str>) -> MicrosoftAzureBuilder {
    match host {
        Some(host) => builder.with_authority_host(host),
        None => builder,
    }
}

/// Shared key, SAS token or bearer token.
#[derive(Debug)]
struct Signer {
    credentials: AzureCredentialProvider,
    account: String,
}

#[async_trait]
impl Authorize for Signer {
    async fn authorize(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        let credential = self.credentials.get_credential().await?;
        AzureAuthorizer::new(&credential, &self.account).authorize(request);
        Ok(())
    }

    async fn sign_again(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        let credential = self.credentials.get_credential().await?;
        // Tokens and shared access signatures are not over headers.
        if matches!(*credential, AzureCredential::AccessKey(_)) {
            request.headers_mut().remove("authorization");
            AzureAuthorizer::new(&credential, &self.account).authorize(request);
        }
        Ok(())
    }
}
