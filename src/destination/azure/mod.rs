//! Azure Blob Storage, Data Lake Storage Gen2 and OneLake, all through their blob endpoints.
//!
//! Blocks that were never committed expire after seven days; nothing lists or aborts them. They are invisible,
//! and the blocks that a blob was made of tell whether it is the one that an upload was to become.

mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use object_store::azure::{AzureAuthorizer, AzureConfigKey, AzureCredentialProvider, MicrosoftAzureBuilder};
use object_store::client::HttpRequest;

use self::config::{AzureConfig, Credentials};
use super::{Address, Authorize, Destination, Http, ObjectStorage, Pending, Place, Remedies, Store};
use crate::error::{Error, Result};

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
};

/// Opens a container, or a path in one; does not connect yet.
pub fn open(address: &Address) -> Result<Arc<dyn Destination>> {
    let config = match address {
        Address::Location(location) => AzureConfig::of_url(location)?,
        Address::Entry(entry) => AzureConfig::of_entry(entry)?,
    };
    let builder = builder(&config.credentials);
    let account = config.place.account.clone();
    let account =
        account.or_else(|| builder.get_config_value(&AzureConfigKey::AccountName)).ok_or_else(|| {
            Error::config("the storage account is not known").hint(
            "write abfss://container@account.dfs.core.windows.net/path, or set AZURE_STORAGE_ACCOUNT_NAME",
        )
        })?;
    let service = config.service_url(&account);
    let plain = service.starts_with("http://");
    let http = Arc::new(Http::default());
    let client = builder
        .with_account(&account)
        .with_container_name(&config.place.container)
        .with_endpoint(service.clone())
        .with_client_options(Http::options(plain))
        .with_retry(Http::retry())
        .with_http_connector(http.connector())
        .build()
        .map_err(|error| {
            let error = Error::config("the Azure storage cannot be used").caused_by(error);
            error.hint("check account_key and sas_token: copy them whole, as the portal shows them")
        })?;
    let signer = Signer { credentials: Arc::clone(client.credentials()), account: account.clone() };
    let place = Place {
        location: config.location(&account),
        bucket: format!("{service}/{}", config.place.container),
        contact: "restype=container&comp=list&maxresults=1",
        base: config.place.base,
        pending: Pending::Blocks,
        replaces_freely: true,
        plain,
        words: &REMEDIES,
    };
    Ok(Arc::new(ObjectStorage::new(Store { client, http, authorize: Arc::new(signer) }, place)?))
}

fn builder(credentials: &Credentials) -> MicrosoftAzureBuilder {
    let new = MicrosoftAzureBuilder::new;
    match credentials {
        Credentials::Environment => MicrosoftAzureBuilder::from_env(),
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
            // App Service and others have their own place for it, and say where.
            let endpoint = MicrosoftAzureBuilder::from_env().get_config_value(&AzureConfigKey::MsiEndpoint);
            match endpoint {
                Some(endpoint) => builder.with_msi_endpoint(endpoint),
                None => builder,
            }
        }
    }
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
}
