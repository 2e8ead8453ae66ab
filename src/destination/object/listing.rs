//! The list of objects, read here: object_store refuses a whole answer for one key that it does not like, and keys that
//! others made lie beside ours.

use http::Method;
use serde::Deserialize;

use super::problem::Refusal;
use super::request::in_query;
use super::{Inner, PATIENCE, Pending};
use crate::destination::StoredObject;
use crate::error::{Code, Error, Result};
use crate::spec::layout::{LOCK, file_name, is_hive};

/// One page of the answer: of S3 and GCS, or of Azure.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Page {
    contents: Vec<Content>,
    common_prefixes: Vec<CommonPrefix>,
    next_continuation_token: String,
    blobs: Blobs,
    next_marker: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    key: String,
    size: u64,
    #[serde(rename = "ETag")]
    tag: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Blobs {
    blob: Vec<Blob>,
    blob_prefix: Vec<BlobPrefix>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blob {
    name: Name,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BlobPrefix {
    name: Name,
}

/// A name that XML cannot hold is percent-encoded, and says so. Such a name is nobody's here.
#[derive(Debug, Deserialize)]
struct Name {
    #[serde(rename = "$text", default)]
    text: String,
}

#[derive(Debug, Deserialize)]
struct Properties {
    #[serde(rename = "Content-Length")]
    bytes: u64,
    #[serde(rename = "Etag")]
    tag: Option<String>,
    /// `directory` where directories are objects, too.
    #[serde(rename = "ResourceType")]
    kind: Option<String>,
}

/// An object as the store names it.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    key: String,
    bytes: u64,
    tag: Option<String>,
}

/// What is in a page: objects, prefixes, and the mark of the next page.
fn page(body: &str) -> Result<(Vec<Found>, Vec<String>, Option<String>)> {
    let page: Page = quick_xml::de::from_str(body).map_err(|error| {
        Error::unavailable("the store's list of objects cannot be understood")
            .coded(Code::StorageAnswer)
            .caused_by(error)
    })?;
    let contents = page.contents.into_iter().map(|of| Found { key: of.key, bytes: of.size, tag: of.tag });
    let files = page.blobs.blob.into_iter().filter(|b| b.properties.kind.as_deref() != Some("directory"));
    let blobs =
        files.map(|of| Found { key: of.name.text, bytes: of.properties.bytes, tag: of.properties.tag });
    let prefixes = page.common_prefixes.into_iter().map(|of| of.prefix);
    let prefixes = prefixes.chain(page.blobs.blob_prefix.into_iter().map(|of| of.name.text)).collect();
    let next = [page.next_continuation_token, page.next_marker].into_iter().find(|mark| !mark.is_empty());
    Ok((contents.chain(blobs).collect(), prefixes, next))
}

/// Whether an object below a table's directory, by its name there, can be ours or would be taken for data.
fn counts(name: &str, bytes: u64) -> bool {
    // Some stores and tools keep an empty object for a directory.
    let is_directory = |file: &str| file.is_empty() || (bytes == 0 && is_hive(file));
    let is_odd = |file: &str| matches!(file, "." | "..") || name.contains(char::is_control);
    name != LOCK
        && file_name(name)
            .is_some_and(|file| !is_directory(file) && (!is_odd(file) || file.ends_with(".parquet")))
}

/// Objects directly in `dir` and in `key=value` directories below it, by path.
pub(super) async fn list(inner: &Inner, dir: &str) -> Result<Vec<StoredObject>> {
    let key = inner.key(dir)?;
    let start = if key.as_ref().is_empty() { String::new() } else { format!("{key}/") };
    let (mut objects, mut places) = (Vec::new(), vec![start.clone()]);
    while let Some(place) = places.pop() {
        let mut next = Some(String::new());
        while let Some(mark) = next {
            let body = request(inner, dir, &place, &mark).await?;
            let (found, prefixes, more) = page(&body)?;
            // A table's own directories cost a request each; most tables have none.
            places.extend(prefixes.into_iter().filter(|prefix| {
                let name = prefix.strip_prefix(&place).and_then(|name| name.strip_suffix('/'));
                name.is_some_and(is_hive)
            }));
            objects.extend(found.into_iter().filter_map(|Found { key, bytes, tag }| {
                let name = key.strip_prefix(&start).filter(|name| counts(name, bytes))?;
                let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
                Some(StoredObject { path, bytes, e_tag: tag })
            }));
            next = more;
        }
    }
    objects.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(objects)
}

/// One answer of the store; `mark` is that of the page, empty for the first.
async fn request(inner: &Inner, dir: &str, prefix: &str, mark: &str) -> Result<String> {
    let (kind, marker) = match inner.place.pending {
        Pending::Listed => ("list-type=2", "continuation-token"),
        Pending::Blocks => ("restype=container&comp=list", "marker"),
    };
    let mut url = format!("{}?delimiter=%2F&{kind}", inner.place.bucket);
    for (key, value) in [("prefix", prefix), (marker, mark)] {
        if !value.is_empty() {
            url.push_str(&format!("&{key}={}", in_query(value)));
        }
    }
    const ACTION: &str = "cannot list objects";
    match inner.send(Method::GET, &url, PATIENCE).await {
        Ok(reply) if reply.body.contains("ListBucketResult") || reply.body.contains("EnumerationResults") => {
            Ok(reply.body)
        }
        Ok(reply) => Err(inner.refused(ACTION, dir, &Refusal::of_reply(&reply))),
        Err(refusal) => Err(inner.refused(ACTION, dir, &refusal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &str, bytes: u64, tag: &str) -> Found {
        Found { key: key.into(), bytes, tag: Some(tag.into()) }
    }

    #[test]
    fn pages_of_both_kinds_are_read() {
        let s3 = r#"<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Name>b</Name><Prefix>t/</Prefix><IsTruncated>true</IsTruncated><NextContinuationToken>a+b=</NextContinuationToken>
            <Contents><Key>t/a&amp;&#xA;b c</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>&quot;x-1&quot;</ETag>
            <Size>5</Size></Contents><CommonPrefixes><Prefix>t//</Prefix></CommonPrefixes>
            <Contents><Key>t/</Key><Size>0</Size><ETag>y</ETag></Contents>
            <CommonPrefixes><Prefix>t/year=1/</Prefix></CommonPrefixes></ListBucketResult>"#;
        let objects = vec![found("t/a&\nb c", 5, "\"x-1\""), found("t/", 0, "y")];
        let prefixes = vec!["t//".to_owned(), "t/year=1/".into()];
        assert_eq!(page(s3).expect("S3"), (objects, prefixes, Some("a+b=".into())));
        let azure = r#"<?xml version="1.0"?><EnumerationResults ServiceEndpoint="https://a/" ContainerName="c">
            <Prefix>t/</Prefix><Delimiter>/</Delimiter><Blobs>
            <Blob><Name>t/d</Name><Properties><Content-Length>0</Content-Length><Etag>0x1</Etag>
            <ResourceType>directory</ResourceType></Properties></Blob>
            <BlobPrefix><Name>t/k=v/</Name></BlobPrefix>
            <Blob><Name Encoded="true">t/%01</Name><Properties><Etag>0x2</Etag><Content-Length>7</Content-Length>
            </Properties></Blob></Blobs><NextMarker /></EnumerationResults>"#;
        let expected = (vec![found("t/%01", 7, "0x2")], vec!["t/k=v/".to_owned()], None);
        assert_eq!(page(azure).expect("Azure"), expected);
        for empty in
            ["<ListBucketResult/>", "<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>"]
        {
            assert_eq!(page(empty).expect("nothing"), (vec![], vec![], None));
        }
        assert!(page("<ListBucketResult>").is_err());
    }

    #[test]
    fn what_cannot_be_ours_does_not_count() {
        for name in
            ["part-00000.parquet", "_manifest.json", "year=2024/x.parquet", "x y", "a\nb.parquet", "year=1"]
        {
            assert!(counts(name, 1), "{name:?}");
        }
        for name in ["", "/x", "/x.parquet", "sub/x", "a\nb", "..", ".", LOCK, "year=1/", "year=1//x"] {
            assert!(!counts(name, 1), "{name:?}");
        }
        assert!(!counts("year=2024", 0));
    }
}
