//! Google Cloud Storage through its XML API, which has multipart uploads that can be listed and aborted.

mod config;
mod key;
mod keys;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::http::HeaderValue;
use async_trait::async_trait;
use object_store::client::HttpRequest;
use object_store::gcp::{GcpCredential, GcpCredentialProvider, GoogleCloudStorageBuilder};

use self::config::{Credentials, GcsConfig};
use super::{
    Address, Authorize, Destination, Discreet, Http, ObjectStorage, Pending, Place, Remedies, Store,
};
use crate::error::{Code, Error, Result};

/// URL schemes and `storage_type` values.
pub const NAMES: &[&str] = &["gcs", "gs"];

const BASE_URL: &str = "https://storage.googleapis.com";
const REMEDIES: Remedies = Remedies {
    bucket: "bucket",
    credentials: "credentials_file",
    endpoint: "endpoint_url",
    rights: "role Storage Object User on the bucket, or storage.objects.create, .delete, .get and .list with \
             storage.multipartUploads.create, .abort, .list and .listParts",
    steps: &[
        ("cannot use the storage", "storage.objects.list"),
        ("cannot list objects", "storage.objects.list"),
        ("cannot list unfinished uploads", "storage.multipartUploads.list"),
        ("cannot delete", "storage.objects.delete"),
        ("cannot abort", "storage.multipartUploads.abort"),
        ("cannot read", "storage.objects.get"),
        ("cannot look", "storage.objects.get"),
        ("cannot", "storage.objects.create, and storage.objects.delete to replace an object"),
    ],
    wants: keys::WANTS,
};

/// Opens a bucket, or a path in one; does not connect yet.
pub fn open(address: &Address) -> Result<Arc<dyn Destination>> {
    let config = match address {
        Address::Location(location) => GcsConfig::of_url(location)?,
        Address::Entry(entry) => GcsConfig::of_entry(entry)?,
    };
    let mut builder = GoogleCloudStorageBuilder::new();
    let mut base_url = config.endpoint.clone();
    match &config.credentials {
        Credentials::ServiceAccount(key) => {
            base_url = base_url.or_else(|| key.base_url.clone());
            builder = builder.with_service_account_key(key.text.reveal());
        }
        Credentials::User(path) => builder = builder.with_application_credentials(path),
        Credentials::Environment => {}
    }
    let base_url = base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/');
    let plain = base_url.starts_with("http://");
    let http = Arc::new(Http::default());
    let builder = builder
        .with_bucket_name(&config.bucket.name)
        .with_base_url(base_url)
        .with_client_options(Http::options(plain))
        .with_retry(Http::retry())
        .with_http_connector(http.connector());
    let unusable = |error: object_store::Error| {
        Error::config(
            "the GCS storage cannot be used: the key or the file of credentials is not what it should be",
        )
        .coded(Code::StorageIncomplete)
        .hint("check credentials_file: it must hold the key of a service account, as Google hands it out")
        .about_secret(&error)
    };
    let found = builder.clone().build().map_err(unusable)?;
    let can_be_sent = |found: &GcpCredential| HeaderValue::from_str(&found.bearer).is_ok();
    let credentials: GcpCredentialProvider =
        Arc::new(Discreet::new(Arc::clone(found.credentials()), "GCS", can_be_sent));
    let signer = Arc::new(Signer { credentials: Arc::clone(&credentials) });
    let bucket = format!("{base_url}/{}", config.bucket.name);
    // Tokens were asked for without the headers of the entry.
    let connector = config.extras.connector(http.connector(), signer.clone(), &bucket);
    let builder = builder.with_http_connector(connector.clone());
    let client = builder.with_credentials(credentials).build().map_err(unusable)?;
    let place = Place {
        location: config.bucket.location("gs"),
        bucket,
        contact: "list-type=2&max-keys=1",
        base: config.bucket.base,
        pending: Pending::Listed,
        // <https://cloud.google.com/storage/docs/access-control/iam-xml>: storage.objects.delete is needed to write an
        // object of a name that exists.
        replaces_freely: false,
        plain,
        words: &REMEDIES,
    };
    Ok(Arc::new(ObjectStorage::new(Store { client, http, connector, authorize: signer }, place)?))
}

/// A bearer token.
#[derive(Debug)]
struct Signer {
    credentials: GcpCredentialProvider,
}

#[async_trait]
impl Authorize for Signer {
    async fn authorize(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        let credential = self.credentials.get_credential().await?;
        let value = HeaderValue::from_str(&format!("Bearer {}", credential.bearer));
        let mut value =
            value.map_err(|error| object_store::Error::Generic { store: "GCS", source: error.into() })?;
        value.set_sensitive(true);
        request.headers_mut().insert("authorization", value);
        Ok(())
    }

    async fn sign_again(&self, _: &mut HttpRequest) -> object_store::Result<()> {
        // A token is no signature.
        Ok(())
    }
}
