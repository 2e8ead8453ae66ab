//! Amazon S3 and every store that speaks its protocol.

mod chain;
mod config;
mod keys;
mod partition;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsAuthorizer, AwsCredential, AwsCredentialProvider, Checksum};
use object_store::client::HttpRequest;

use self::chain::Chain;
use self::config::{Credentials, S3Config};
use super::s3::settings::Addressing;
use super::{Address, Authorize, Destination, Http, ObjectStorage, Pending, Place, Remedies, Store};
use crate::error::{Code, Error, Result};

/// URL schemes and `storage_type` values; also everything that ends in `_s3`.
pub const NAMES: &[&str] = &["s3", "s3a"];

const REMEDIES: Remedies = Remedies {
    bucket: "bucket",
    credentials: "access_key_id and secret_access_key, or profile,",
    endpoint: "endpoint_url",
    rights: "s3:ListBucket on the bucket; s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on what is in it",
    steps: &[
        ("cannot use the storage", "s3:ListBucket"),
        ("cannot list objects", "s3:ListBucket"),
        ("cannot list unfinished uploads", "s3:ListBucketMultipartUploads"),
        ("cannot delete", "s3:DeleteObject"),
        ("cannot abort", "s3:AbortMultipartUpload"),
        ("cannot read", "s3:GetObject"),
        ("cannot look", "s3:GetObject"),
        ("cannot", "s3:PutObject"),
    ],
    wants: keys::WANTS,
};

/// Opens a bucket, or a path in one; does not connect yet.
pub fn open(address: &Address) -> Result<Arc<dyn Destination>> {
    let config = match address {
        Address::Location(location) => S3Config::of_url(location)?,
        Address::Entry(entry) => S3Config::of_entry(entry)?,
    };
    let http = Arc::new(Http::default());
    let bucket = config.bucket_url();
    let plain = bucket.starts_with("http://");
    let chain = |profile| Chain::new(profile, config.region.clone(), &config.settings, &http);
    let credentials: AwsCredentialProvider = match &config.credentials {
        Credentials::Keys { id, secret, token } => Arc::new(StaticCredentialProvider::new(AwsCredential {
            key_id: id.clone(),
            secret_key: secret.reveal().to_owned(),
            token: token.as_ref().map(|token| token.reveal().to_owned()),
        })),
        Credentials::Profile(name) => Arc::new(chain(Some(name.clone()))?),
        Credentials::Environment => Arc::new(chain(None)?),
    };
    let virtual_hosted = config.addressing == Addressing::Virtual;
    let signer = Arc::new(Signer { credentials: Arc::clone(&credentials), region: config.region.clone() });
    let connector = config.keys.extras.clone().connector(http.connector(), signer.clone(), &bucket);
    let mut builder = AmazonS3Builder::new();
    if config.keys.sha256 {
        builder = builder.with_checksum_algorithm(Checksum::SHA256);
    }
    let client = builder
        .with_credentials(credentials)
        .with_bucket_name(&config.bucket.name)
        .with_region(&config.region)
        .with_virtual_hosted_style_request(virtual_hosted)
        .with_endpoint(config.service_url())
        .with_client_options(Http::options(plain))
        .with_retry(Http::retry())
        .with_http_connector(connector.clone())
        .build()
        .map_err(|error| {
            Error::config("the S3 storage cannot be used").coded(Code::StorageIncomplete).about_secret(&error)
        })?;
    let place = Place {
        location: config.bucket.location("s3"),
        bucket,
        contact: "list-type=2&max-keys=1",
        base: config.bucket.base,
        pending: Pending::Listed,
        replaces_freely: true,
        plain,
        words: &REMEDIES,
    };
    Ok(Arc::new(ObjectStorage::new(Store { client, http, connector, authorize: signer }, place)?))
}

/// Bytes from their hexadecimal digits.
fn bytes_of(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// Signature version 4.
#[derive(Debug)]
struct Signer {
    credentials: AwsCredentialProvider,
    region: String,
}

#[async_trait]
impl Authorize for Signer {
    async fn authorize(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        let credential = self.credentials.get_credential().await?;
        AwsAuthorizer::new(&credential, "s3", &self.region).authorize(request, None);
        Ok(())
    }

    async fn sign_again(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        let credential = self.credentials.get_credential().await?;
        // The first signature is over a digest of the content, which need not be made twice.
        let digest =
            request.headers().get("x-amz-content-sha256").and_then(|value| bytes_of(value.as_bytes()));
        request.headers_mut().remove("x-amz-security-token");
        AwsAuthorizer::new(&credential, "s3", &self.region).authorize(request, digest.as_deref());
        Ok(())
    }
}
