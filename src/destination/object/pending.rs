//! The list of multipart uploads that were begun and neither completed nor aborted.

use serde::Deserialize;

use super::request::in_query;
use crate::error::{Error, Result};

/// One page of the answer to `GET ?uploads`, the same for S3 and for the XML API of GCS.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    upload: Vec<Found>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
}

/// An upload under way: the object's key and the upload's id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Found {
    pub(super) key: String,
    pub(super) upload_id: String,
}

/// The query that lists uploads of keys that begin with `prefix`.
pub(super) fn query(prefix: &str) -> String {
    format!("uploads=&prefix={}", in_query(prefix))
}

/// The uploads of one answer, and the query of the next page if there is one.
pub(super) fn page(body: &str, prefix: &str) -> Result<(Vec<Found>, Option<String>)> {
    let page: Page = quick_xml::de::from_str(body).map_err(|error| {
        Error::unavailable("the store's list of unfinished uploads cannot be understood").caused_by(error)
    })?;
    let next = page.is_truncated.then(|| {
        let (key, id) = (in_query(&page.next_key_marker), in_query(&page.next_upload_id_marker));
        format!("{}&key-marker={key}&upload-id-marker={id}", query(prefix))
    });
    Ok((page.upload, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_followed_by_their_markers() {
        let body = r#"<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Bucket>b</Bucket><Prefix>a b/</Prefix><KeyMarker/><NextKeyMarker>a b/ü</NextKeyMarker>
            <NextUploadIdMarker>2+</NextUploadIdMarker><IsTruncated>true</IsTruncated>
            <Upload><Key>a b/&amp;</Key><UploadId>1</UploadId><Initiated>2026-01-01T00:00:00Z</Initiated></Upload>
            <CommonPrefixes><Prefix>x</Prefix></CommonPrefixes>
            <Upload><Key>a b/ü</Key><UploadId>2+</UploadId></Upload></ListMultipartUploadsResult>"#;
        let (found, next) = page(body, "a b/").expect("page");
        let found: Vec<_> = found.iter().map(|f| (f.key.as_str(), f.upload_id.as_str())).collect();
        assert_eq!(found, [("a b/&", "1"), ("a b/ü", "2+")]);
        let next = next.expect("a next page");
        assert_eq!(next, "uploads=&prefix=a%20b%2F&key-marker=a%20b%2F%C3%BC&upload-id-marker=2%2B");
        let (found, next) = page("<ListMultipartUploadsResult/>", "").expect("empty");
        assert!(found.is_empty() && next.is_none());
        assert!(page("<html>", "").is_err());
    }
}
