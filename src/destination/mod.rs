//! Where files go. One folder and one row in [`DESTINATIONS`] each.

mod address;
pub mod azure;
pub mod conformance;
mod contract;
pub mod gcs;
pub mod local;
mod object;
pub mod preflight;
pub mod s3;
mod tag;

use std::sync::Arc;

pub(crate) use object::{
    Authorize, Bucket, CustomerKey, Discreet, Extras, Fields, HeaderRules, Http, ObjectStorage, On, Pending,
    Place, Remedies, Secret, Step, Store, Want, customer_key, environment, headers, is_safe, one_of,
    plain_endpoint, proxy_hint, sha256, tags, want, web_client,
};

use self::address::scheme_of;
pub use self::address::{Address, StorageEntry};
pub(crate) use self::contract::{DOCUMENT_BYTES, ONE_DIRECTORY_PER_RUN, too_large, too_short};
pub use self::contract::{Destination, DirLock, PendingUpload, StoredObject, Unfinished, Upload};
pub(crate) use self::tag::bare_tag;
use crate::error::{Code, Error, Result};
use crate::secret;
use crate::spec::{Misread, misread, nearest};

/// A lock from its bytes, in a directory and in a bucket, for `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzzing(mut data: &[u8]) {
    object::lock::fuzzing(data);
    let error = local::fuzzing(&mut data).to_string();
    assert!(error.len() < 4096);
}

/// Opens a destination; checks the address, does not connect yet.
pub type OpenFn = fn(&Address) -> Result<Arc<dyn Destination>>;

/// Every destination: names (URL schemes and `storage_type` values) and how to open it.
pub const DESTINATIONS: &[(&[&str], OpenFn)] = &[
    (local::NAMES, local::open),
    (s3::NAMES, s3::open),
    (gcs::NAMES, gcs::open),
    (azure::NAMES, azure::open),
];

/// Opens the destination that answers to the address's scheme or `storage_type`; does not connect yet.
///
/// # Errors
/// Usage or Config, naming the nearest destination and all of them, when there is none; those of the
/// destination's own address.
pub fn open(address: &Address) -> Result<Arc<dyn Destination>> {
    let kind = match address {
        Address::Location(text) => scheme_of(text).unwrap_or("file").to_ascii_lowercase(),
        // `aws_s3`, `ovh_s3` and the like speak S3.
        Address::Entry(entry) => match entry.kind.rsplit_once('_') {
            Some((_, "s3")) => "s3".to_owned(),
            _ => entry.kind.clone(),
        },
    };
    if let Address::Location(text) = address
        && let Some(Misread { what, remedy }) = misread(text, schemes())
    {
        return Err(Error::usage(format!("--output-dir {what}"))
            .coded(Code::AddressInvalid)
            .hint(remedy)
            .hint("a directory of such a name is written with ./ before it: ./~x"));
    }
    if let Address::Location(text) = address
        && scheme_of(text).is_none()
        && let Some((scheme, _)) = text.split_once(':')
        && DESTINATIONS.iter().any(|(names, _)| names.contains(&scheme.to_ascii_lowercase().as_str()))
    {
        return Err(Error::usage(format!("--output-dir: '{scheme}:' is no URL"))
            .coded(Code::AddressInvalid)
            .hint(format!(
                "write {scheme}:// for the storage, ./{scheme}:... for a directory of that name"
            )));
    }
    if let Some((_, open)) = DESTINATIONS.iter().find(|(names, _)| names.contains(&kind.as_str())) {
        return open(address);
    }
    // A directory is no storage of the auth file.
    let entry = matches!(address, Address::Entry(_));
    let names = || schemes().filter(move |name| !entry || !local::NAMES.contains(name));
    let near = match nearest(&kind, names()) {
        Some(near) if entry => format!("did you mean {near}? "),
        Some(near) => format!("did you mean {near}://? "),
        None => String::new(),
    };
    let all = names().collect::<Vec<_>>().join(", ");
    // The text of a location may hold a password: only its scheme is told.
    Err(match address {
        Address::Location(_) => Error::usage(format!("--output-dir: no destination takes {kind}:// URLs"))
            .coded(Code::AddressInvalid)
            .hint(format!("{near}Name a directory or a URL with one of: {all}")),
        Address::Entry(entry) => Error::config(format!(
            "{}.storage_type: '{}' is not a storage this version can write to",
            entry.id,
            secret::value(&kind)
        ))
        .coded(Code::AddressInvalid)
        .hint(format!("{near}Storages so far: {all}")),
    })
}

/// Every scheme of a URL, and every kind of storage.
pub fn schemes() -> impl Iterator<Item = &'static str> {
    DESTINATIONS.iter().flat_map(|(names, _)| names.iter().copied())
}
