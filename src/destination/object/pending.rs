//! The list of multipart uploads that were begun and neither completed nor aborted, and what is in one.

use http::Method;
use serde::Deserialize;

use super::super::{PendingUpload, bare_tag};
use super::request::in_query;
use super::{Inner, PATIENCE, Pending, xml};
use crate::error::{Code, Error, Result};

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
        Error::unavailable("the store's list of unfinished uploads cannot be understood")
            .coded(Code::StorageAnswer)
            .caused_by(error)
    })?;
    let next = page.is_truncated.then(|| {
        let (key, id) = (in_query(&page.next_key_marker), in_query(&page.next_upload_id_marker));
        format!("{}&key-marker={key}&upload-id-marker={id}", query(prefix))
    });
    Ok((page.upload, next))
}

/// One page of the answer to `GET ?uploadId=`, the same for S3 and for the XML API of GCS.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parts {
    #[serde(default)]
    part: Vec<Part>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_part_number_marker: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    #[serde(rename = "ETag")]
    tag: String,
    size: u64,
}

/// Whether the store has the upload with exactly the parts that were sent, by their tags and their size together.
/// Blocks of Azure cannot be distinguished from those of other uploads: false.
pub(super) async fn is_whole(inner: &Inner, upload: &PendingUpload) -> Result<bool> {
    if inner.place.pending == Pending::Blocks || upload.upload_id.is_empty() {
        return Ok(false);
    }
    let url = format!("{}?uploadId={}", inner.url(&inner.key(&upload.path)?), in_query(&upload.upload_id));
    let (mut tags, mut bytes, mut marker) = (Vec::new(), 0, String::new());
    loop {
        let reply = match inner.send(Method::GET, &format!("{url}{marker}"), PATIENCE).await {
            Ok(reply) => reply,
            Err(refusal) if refusal.is_not_found() || refusal.code() == "NoSuchUpload" => return Ok(false),
            Err(refusal) => return Err(inner.refused("cannot look at an upload", &upload.path, &refusal)),
        };
        let page: Parts = quick_xml::de::from_str(&reply.body).map_err(|error| {
            Error::unavailable("the store's list of an upload's parts cannot be understood")
                .coded(Code::StorageAnswer)
                .caused_by(error)
        })?;
        bytes += page.part.iter().map(|part| part.size).sum::<u64>();
        tags.extend(page.part.into_iter().map(|part| bare(&part.tag)));
        if !page.is_truncated || page.next_part_number_marker.is_empty() {
            break;
        }
        marker = format!("&part-number-marker={}", in_query(&page.next_part_number_marker));
    }
    Ok(bytes == upload.bytes
        && tags.iter().eq(upload.part_tags.iter().map(|tag| bare(tag)).collect::<Vec<_>>().iter()))
}

/// A part's tag without its quotes. With checksums, object_store stores the tag and the checksum as XML.
pub(super) fn bare(tag: &str) -> String {
    let [inner] = xml::texts(tag, ["e_tag"]);
    bare_tag(inner.as_deref().unwrap_or(tag)).to_owned()
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

    #[test]
    fn parts_of_an_upload_are_read() {
        let body = r#"<?xml version="1.0"?><ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Bucket>b</Bucket><Key>k</Key><UploadId>1</UploadId><PartNumberMarker>0</PartNumberMarker>
            <NextPartNumberMarker>2</NextPartNumberMarker><MaxParts>2</MaxParts><IsTruncated>true</IsTruncated>
            <Part><PartNumber>1</PartNumber><ETag>&quot;ab&quot;</ETag><Size>5</Size></Part>
            <Part><PartNumber>2</PartNumber><ETag>cd</ETag><Size>6</Size></Part></ListPartsResult>"#;
        let parts: Parts = quick_xml::de::from_str(body).expect("parts");
        let found: Vec<_> = parts.part.iter().map(|part| (bare(&part.tag), part.size)).collect();
        assert_eq!(found, [("ab".to_owned(), 5), ("cd".to_owned(), 6)]);
        assert!(parts.is_truncated && parts.next_part_number_marker == "2");
        let none: Parts = quick_xml::de::from_str("<ListPartsResult/>").expect("parts");
        assert!(none.part.is_empty());
        for tag in [
            "ab",
            "\"ab\"",
            "<PartMetadata><e_tag>&quot;ab&quot;</e_tag><checksum_sha256>x</checksum_sha256></PartMetadata>",
        ] {
            assert_eq!(bare(tag), "ab");
        }
    }
}
