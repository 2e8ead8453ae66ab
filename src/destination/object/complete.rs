//! Completing an upload, once or again, and finding out what became of it when the store's answer does not tell.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt;
use http::Method;
use md5::{Digest, Md5};
use object_store::multipart::PartId;
use object_store::{GetOptions, ObjectMeta};
use serde::Deserialize;

use super::super::{PendingUpload, StoredObject, bare_tag};
use super::pending::bare;
use super::problem::Refusal;
use super::{Inner, PATIENCE, Pending};
use crate::error::{Code, Error, ErrorKind, Result};

/// Makes `upload` visible. An answer that does not say so means *unknown*: then the object is looked at.
pub(super) async fn complete(inner: &Inner, upload: &PendingUpload) -> Result<StoredObject> {
    let key = inner.key(&upload.path)?;
    let parts = upload.part_tags.iter().map(|tag| PartId { content_id: tag.clone() }).collect();
    let answer = inner.uploads.0.complete_multipart(&key, &upload.upload_id, parts).await;
    let there = inner.head(&upload.path).await;
    match (answer, there) {
        (Ok(put), Ok(Some(meta))) if meta.size == upload.bytes => {
            // A store may say yes once more to an upload that something else has replaced since.
            if same_tag(put.e_tag.as_deref(), meta.e_tag.as_deref()) || is_this(inner, upload, &meta).await? {
                Ok(Inner::stored(&upload.path, meta))
            } else {
                Err(another(inner, upload))
            }
        }
        (Ok(_), Ok(Some(_))) => Err(another(inner, upload)),
        (Ok(_), Ok(None)) => Err(lost(inner, upload)),
        // The store's word is all there is to whom it shows nothing, and what is there was not replaced.
        (Ok(put), Err(error)) if error.kind() == ErrorKind::Denied && !inner.place.replaces_freely => {
            Ok(StoredObject { path: upload.path.clone(), bytes: upload.bytes, e_tag: put.e_tag })
        }
        (Ok(_), Err(error)) => Err(error),
        (Err(error), Ok(Some(meta)))
            if meta.size == upload.bytes && is_this(inner, upload, &meta).await? =>
        {
            tracing::debug!(path = inner.full(&upload.path), %error, "completed all the same");
            Ok(Inner::stored(&upload.path, meta))
        }
        (Err(error), there) => {
            let refusal = Refusal::of_store(&error);
            let gone =
                refusal.is_not_found() || matches!(refusal.code(), "NoSuchUpload" | "InvalidBlockList");
            match there {
                Ok(Some(_)) if gone => Err(another(inner, upload)),
                Ok(None) if gone => Err(lost(inner, upload)),
                _ => Err(inner.refused("cannot complete an upload", &upload.path, &refusal)),
            }
        }
    }
}

fn same_tag(a: Option<&str>, b: Option<&str>) -> bool {
    a.is_some() && a.map(bare_tag) == b.map(bare_tag)
}

fn another(inner: &Inner, upload: &PendingUpload) -> Error {
    Error::data("the object that is there is not the one of this upload")
        .coded(Code::UploadLost)
        .with("path", inner.full(&upload.path))
}

fn lost(inner: &Inner, upload: &PendingUpload) -> Error {
    Error::data("an upload is lost: the store has neither it nor its object")
        .coded(Code::UploadLost)
        .with("path", inner.full(&upload.path))
        .hint("see whether a lifecycle rule aborts unfinished uploads too early, then export the table again")
}

/// Whether the object of which `meta` tells is the one of `upload`; sizes have been compared.
async fn is_this(inner: &Inner, upload: &PendingUpload, meta: &ObjectMeta) -> Result<bool> {
    if inner.place.pending == Pending::Blocks {
        return Ok(committed_blocks(inner, &upload.path).await? == upload.part_tags);
    }
    let tag = meta.e_tag.as_deref().map(bare_tag);
    if tag.is_some() && tag == expected_tag(&upload.part_tags).as_deref() {
        return Ok(true);
    }
    Ok(crc32_of(inner, &upload.path).await? == Some((upload.bytes, upload.crc32.clone())))
}

/// The e-tag that S3 gives an object of these parts: the MD5 of their MD5s; none if their tags are no MD5s.
pub(super) fn expected_tag(part_tags: &[String]) -> Option<String> {
    let mut all = Md5::new();
    for tag in part_tags {
        let digits = bare(tag);
        if digits.len() != 32 {
            return None;
        }
        for at in (0..32).step_by(2) {
            all.update([u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?]);
        }
    }
    let digits: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    (!part_tags.is_empty()).then(|| format!("{digits}-{}", part_tags.len()))
}

/// Size and CRC-32 of an object, read back.
async fn crc32_of(inner: &Inner, path: &str) -> Result<Option<(u64, String)>> {
    let key = inner.key(path)?;
    let reading = async {
        let mut content = inner.objects.get_opts(&key, GetOptions::default()).await?.into_stream();
        let (mut crc, mut bytes) = (crc32fast::Hasher::new(), 0);
        while let Some(block) = content.try_next().await? {
            crc.update(&block);
            bytes += block.len() as u64;
        }
        Ok((bytes, format!("{:08x}", crc.finalize())))
    };
    match reading.await {
        Ok(read) => Ok(Some(read)),
        Err(error) if Refusal::of_store(&error).is_not_found() => Ok(None),
        Err(error) => Err(inner.failed("cannot read an object back", path, &error)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BlockLists {
    #[serde(default)]
    committed_blocks: Blocks,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blocks {
    #[serde(default)]
    block: Vec<Block>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Block {
    name: String,
}

/// The ids of the blocks that an Azure blob was made of, as our part tags have them.
async fn committed_blocks(inner: &Inner, path: &str) -> Result<Vec<String>> {
    let url = format!("{}?comp=blocklist&blocklisttype=committed", inner.url(&inner.key(path)?));
    let reply = match inner.send(Method::GET, &url, PATIENCE).await {
        Ok(reply) => reply,
        Err(refusal) => return Err(inner.refused("cannot list the blocks of an object", path, &refusal)),
    };
    let lists: BlockLists =
        quick_xml::de::from_str(reply.body.trim_start_matches('\u{feff}')).map_err(|error| {
            Error::unavailable("a list of blocks cannot be understood")
                .coded(Code::StorageAnswer)
                .caused_by(error)
        })?;
    let decode = |block: Block| {
        let bytes = BASE64_STANDARD.decode(&block.name).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(lists.committed_blocks.block.into_iter().map(decode).collect())
}
