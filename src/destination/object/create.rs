//! Objects that are made where there is none.

use bytes::Bytes;
use object_store::{PutMode, PutOptions};

use super::super::StoredObject;
use super::Inner;
use super::problem::Refusal;
use super::request::again;
use crate::error::{Code, Error, ErrorKind, Result};

/// Makes an object, and finds out what became of it when the answer does not tell.
pub(super) async fn put_new(inner: &Inner, path: &str, content: Bytes) -> Result<StoredObject> {
    const ACTION: &str = "cannot write an object";
    let key = inner.key(path)?;
    let bytes = content.len() as u64;
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let put = || inner.objects.put_opts(&key, content.clone().into(), options.clone());
    let error = match again(super::PATIENCE, put).await {
        Ok(put) => return Ok(StoredObject { path: path.to_owned(), bytes, e_tag: put.e_tag }),
        Err(error) => error,
    };
    let refusal = Refusal::of_store(&error);
    let exists =
        matches!(error, object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. });
    // Google Cloud Storage may refuse to replace what is there before it looks at the condition.
    let may_exist = refusal.is_missing_right() && !inner.place.replaces_freely;
    if !exists && !may_exist && !refusal.is_transient() {
        return Err(inner.failed(ACTION, path, &error));
    }
    let there = match inner.head(path).await {
        Err(denied) if may_exist && denied.kind() == ErrorKind::Denied => None,
        there => there?,
    };
    match there {
        Some(meta)
            if meta.size == bytes && inner.read(path).await?.is_some_and(|(there, _)| there == content) =>
        {
            Ok(Inner::stored(path, meta))
        }
        Some(_) if exists => Err(Error::data("an object of this name has come from elsewhere meanwhile")
            .coded(Code::CommittedMeanwhile)
            .with("path", inner.full(path))
            .hint("see whether two runs write to one directory, then run again")),
        _ => Err(inner.failed(ACTION, path, &error)),
    }
}
