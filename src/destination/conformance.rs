//! The contract of [`Destination`], asserted on a real one. Every implementation and every wrapper runs it.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{Error as StoreError, PutMode, PutOptions};

use super::{Destination, PendingUpload, StoredObject};
use crate::error::{Error, ErrorKind, Result};

/// Directory below the base that the suite works in; it must not hold anything.
const DIR: &str = "conformance/a b";

/// Asserts every sentence of the contract in a directory of its own and leaves no object there.
///
/// Errors: `Data` naming the sentence that does not hold, or the destination's own error.
#[doc(hidden)]
pub async fn check(dest: &dyn Destination) -> Result<()> {
    ensure(!dest.location().is_empty(), "a destination has a location")?;
    what_is_not_there(dest).await?;
    small_objects(dest).await?;
    objects_where_there_is_none(dest).await?;
    by_object_store(dest).await?;
    uploads(dest).await?;
    completing_again(dest).await?;
    giving_up(dest).await?;
    paths_below_the_base(dest).await?;
    names_apart(dest).await?;
    locks(dest).await?;
    let left = names(&dest.list(DIR).await?);
    ensure(left.is_empty(), "what was deleted is gone").map_err(|e| e.with("left", left.join(", ")))
}

fn ensure(holds: bool, sentence: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::data(format!("the destination breaks its contract: {sentence}"))) }
}

fn at(name: &str) -> String {
    format!("{DIR}/{name}")
}

fn names(objects: &[StoredObject]) -> Vec<String> {
    objects.iter().map(|object| object.path.clone()).collect()
}

async fn what_is_not_there(dest: &dyn Destination) -> Result<()> {
    let path = at("nothing");
    ensure(dest.list(DIR).await?.is_empty(), "a directory that is not there is empty")?;
    ensure(dest.list_pending(DIR).await?.is_empty(), "a directory that is not there has no uploads")?;
    ensure(dest.get(&path).await?.is_none(), "get of nothing is none")?;
    ensure(dest.head(&path).await?.is_none(), "head of nothing is none")?;
    dest.delete(&path).await
}

/// Reads of parts of an object whose content is `second`.
async fn ranges(dest: &dyn Destination, path: &str) -> Result<()> {
    for (range, expected) in [(0..6, "second"), (0..1, "s"), (2..5, "con"), (5..6, "d")] {
        let read = dest.read_range(path, range).await?;
        ensure(read == expected.as_bytes(), "a range is exactly its bytes")?;
    }
    for range in [0..7, 5..8, 6..7, 100..101] {
        let error = dest.read_range(path, range).await.err();
        ensure(
            error.is_some_and(|error| error.kind() == ErrorKind::Data),
            "a range that is not there, or not whole, is a data error",
        )?;
    }
    let error = dest.read_range(&at("nothing"), 0..1).await.err();
    ensure(error.is_some_and(|e| e.kind() == ErrorKind::Data), "a range of nothing is a data error")
}

async fn small_objects(dest: &dyn Destination) -> Result<()> {
    let (path, other) = (at("_small.json"), at("b.txt"));
    let stored = dest.put(&path, Bytes::from_static(b"one")).await?;
    ensure(stored.path == path && stored.bytes == 3, "put says what it stored")?;
    dest.put(&path, Bytes::from_static(b"second")).await?;
    ensure(dest.get(&path).await?.as_deref() == Some(b"second"), "put replaces what is there")?;
    ensure(
        dest.head(&path).await?.is_some_and(|o| o.bytes == 6 && o.path == path),
        "head tells path and size",
    )?;
    ranges(dest, &path).await?;
    dest.put(&other, Bytes::new()).await?;
    ensure(
        dest.get(&other).await?.is_some_and(|content| content.is_empty()),
        "an empty object is an object",
    )?;
    dest.put(&at("below/c.txt"), Bytes::from_static(b"c")).await?;
    let listed = dest.list(DIR).await?;
    ensure(names(&listed) == [path.clone(), other.clone()], "list shows the directory itself, by name")?;
    ensure(listed[0].bytes == 6, "list tells sizes")?;
    ensure(dest.head(&at("below")).await?.is_none(), "a directory is not an object")?;
    let hive = at("year=2024/month=03/d.txt");
    dest.put(&hive, Bytes::from_static(b"d")).await?;
    ensure(
        names(&dest.list(DIR).await?) == [path.clone(), other.clone(), hive.clone()],
        "list shows key=value directories, whatever their depth",
    )?;
    for path in [&path, &other, &hive, &at("below/c.txt"), &path] {
        dest.delete(path).await?;
    }
    ensure(dest.get(&path).await?.is_none(), "delete removes, and may be repeated")?;
    odd_names(dest).await
}

/// Names that need escaping in a URL, in a signature, or in XML.
/// Of many that write one object where there is none, one does; the others learn that it is another's.
async fn objects_where_there_is_none(dest: &dyn Destination) -> Result<()> {
    let path = at("where there is none.json");
    let contents: Vec<Bytes> = (0..4).map(|i| Bytes::from(format!("content {i}"))).collect();
    let written =
        futures::future::join_all(contents.iter().map(|content| dest.put_new(&path, content.clone()))).await;
    let there = dest.get(&path).await?;
    for (content, written) in contents.iter().zip(written) {
        let is_there = there.as_ref() == Some(content);
        ensure(written.is_ok() == is_there, "an object is written where there is another")?;
        if let Err(error) = written {
            ensure(error.kind() == ErrorKind::Data, "another object there is no error of the data")?;
        }
        ensure(dest.put_new(&path, content.clone()).await.is_ok() == is_there, "the very same is refused")?;
    }
    ensure(dest.get(&path).await? == there, "an object that was there has changed")?;
    ensure(dest.list_pending(DIR).await?.is_empty(), "writing where there is none leaves an upload")?;
    dest.delete(&path).await
}

async fn odd_names(dest: &dyn Destination) -> Result<()> {
    let mut paths: Vec<String> =
        ["a+b=c&d.txt", "50%25.txt", "Größe 日本.txt", "a'(b)!~*;@$,.txt", "x%2Fy.txt"].map(at).to_vec();
    paths.sort();
    for path in &paths {
        dest.put(path, Bytes::copy_from_slice(path.as_bytes())).await?;
    }
    for path in &paths {
        let content = dest.get(path).await?;
        ensure(content.as_deref() == Some(path.as_bytes()), "any name keeps its own content")?;
    }
    let mut listed = names(&dest.list(DIR).await?);
    listed.sort();
    ensure(listed == paths, "any name is listed as it is")?;
    for path in &paths {
        dest.delete(path).await?;
    }
    Ok(())
}

/// What one of the two interfaces writes the other reads, by the same names.
async fn by_object_store(dest: &dyn Destination) -> Result<()> {
    let Some((store, base)) = dest.object_store() else { return Ok(()) };
    let failed = |error: StoreError| Error::unavailable("object_store's interface failed").caused_by(error);
    let key = |path: &str| {
        let full = if base.as_ref().is_empty() { path.to_owned() } else { format!("{base}/{path}") };
        ObjectPath::parse(full).map_err(|error| Error::internal("no key").caused_by(error))
    };
    let (ours, theirs) = (at("50%25 Größe.txt"), at("theirs.json"));
    dest.put(&ours, Bytes::from_static(b"ours")).await?;
    let read = store.get_opts(&key(&ours)?, Default::default()).await.map_err(failed)?;
    let read = read.bytes().await.map_err(failed)?;
    ensure(read == b"ours"[..], "object_store reads what the destination wrote")?;
    let (new, create) = (key(&theirs)?, PutOptions::from(PutMode::Create));
    store.put_opts(&new, "theirs".into(), create.clone()).await.map_err(failed)?;
    ensure(
        dest.get(&theirs).await?.as_deref() == Some(b"theirs"),
        "the destination reads what object_store wrote",
    )?;
    ensure(
        matches!(store.put_opts(&new, "others".into(), create).await, Err(StoreError::AlreadyExists { .. })),
        "object_store creates nothing where something is",
    )?;
    let listed: Vec<_> = store.list(Some(&key(DIR)?)).try_collect().await.map_err(failed)?;
    let mut listed: Vec<ObjectPath> = listed.into_iter().map(|object| object.location).collect();
    listed.sort();
    let mut expected = vec![key(&ours)?, new];
    expected.sort();
    ensure(listed == expected, "object_store lists what is there")?;
    ensure(names(&dest.list(DIR).await?).len() == 2, "the destination lists what object_store wrote")?;
    dest.delete(&ours).await?;
    dest.delete(&theirs).await
}

/// Uploads `content` in pieces.
async fn upload(dest: &dyn Destination, path: &str, pieces: &[&'static [u8]]) -> Result<PendingUpload> {
    let mut upload = dest.create(path, 1 << 20).await?;
    for piece in pieces {
        upload.put_part(Bytes::from_static(piece)).await?;
    }
    upload.finish().await
}

async fn uploads(dest: &dyn Destination) -> Result<()> {
    let path = at("part-00000.parquet");
    let first = upload(dest, &path, &[b"123", b"", b"456789"]).await?;
    ensure(first.path == path && first.bytes == 9, "an upload knows its path and size")?;
    ensure(first.crc32 == "cbf43926", "an upload knows the CRC-32 of its content")?;
    ensure(dest.list(DIR).await?.is_empty(), "an upload is invisible to list until complete")?;
    ensure(dest.get(&path).await?.is_none(), "an upload is invisible to readers until complete")?;
    let pending = dest.list_pending(DIR).await?;
    let found = pending.iter().any(|p| p.path == path && p.upload_id == first.upload_id);
    ensure(
        if dest.uploads_expire() { pending.is_empty() } else { pending.len() == 1 && found },
        "list_pending shows an upload that is neither completed nor aborted",
    )?;

    let below = upload(dest, &at("year=2024/part-00001.parquet"), &[b"x"]).await?;
    let pending = dest.list_pending(DIR).await?;
    ensure(
        dest.uploads_expire()
            || pending.iter().any(|p| p.path == below.path && p.upload_id == below.upload_id),
        "list_pending looks into key=value directories",
    )?;
    dest.abort(&below).await?;

    let text = serde_json::to_string(&first).map_err(|e| Error::internal("upload as JSON").caused_by(e))?;
    let first: PendingUpload =
        serde_json::from_str(&text).map_err(|e| Error::internal("upload from JSON").caused_by(e))?;
    let stored = dest.complete(&first).await?;
    ensure(stored.path == path && stored.bytes == 9, "complete says what can be seen now")?;
    ensure(dest.get(&path).await?.as_deref() == Some(b"123456789"), "complete makes the upload visible")?;
    ensure(dest.list_pending(DIR).await?.is_empty(), "a completed upload is not pending")?;

    let second = upload(dest, &path, &[b"new"]).await?;
    ensure(dest.get(&path).await?.as_deref() == Some(b"123456789"), "the old object stays until complete")?;
    dest.complete(&second).await?;
    ensure(dest.get(&path).await?.as_deref() == Some(b"new"), "complete replaces what is there")?;
    let empty = upload(dest, &path, &[]).await?;
    dest.complete(&empty).await?;
    ensure(dest.head(&path).await?.is_some_and(|o| o.bytes == 0), "an upload may be empty")?;
    dest.delete(&path).await
}

async fn completing_again(dest: &dyn Destination) -> Result<()> {
    let path = at("again");
    let first = upload(dest, &path, &[b"first"]).await?;
    dest.complete(&first).await?;
    dest.complete(&first).await?;
    ensure(dest.get(&path).await?.as_deref() == Some(b"first"), "complete may be repeated")?;
    let same_size = upload(dest, &path, &[b"other"]).await?;
    dest.complete(&same_size).await?;
    let refused = dest.complete(&first).await.is_err();
    ensure(refused, "complete fails if the object at the path is not the one of the upload")?;
    ensure(dest.get(&path).await?.as_deref() == Some(b"other"), "a refused complete changes nothing")?;
    dest.delete(&path).await?;
    ensure(dest.complete(&first).await.is_err(), "complete fails if neither upload nor object is there")
}

async fn giving_up(dest: &dyn Destination) -> Result<()> {
    let path = at("given up");
    let finished = upload(dest, &path, &[b"x"]).await?;
    dest.abort(&finished).await?;
    dest.abort(&finished).await?;
    if !dest.uploads_expire() {
        ensure(dest.complete(&finished).await.is_err(), "an aborted upload cannot be completed")?;
    }

    let mut under_way = dest.create(&path, 0).await?;
    under_way.put_part(Bytes::from_static(b"x")).await?;
    under_way.abort().await?;
    let mut dropped = dest.create(&path, 0).await?;
    dropped.put_part(Bytes::from_static(b"x")).await?;
    drop(dropped);
    let abandoned = upload(dest, &path, &[b"x"]).await?;
    dest.abandon(&abandoned);
    dest.settle().await;
    if !dest.uploads_expire() {
        ensure(dest.complete(&abandoned).await.is_err(), "an abandoned upload cannot be completed")?;
    }
    ensure(
        dest.list_pending(DIR).await?.is_empty(),
        "an upload that was given up or dropped is not pending",
    )?;
    if dest.uploads_expire() {
        ensure(dest.head(&path).await?.is_none(), "nothing became visible")?;
        // What would expire some day is gone with the object.
        let last = upload(dest, &path, &[b"x"]).await?;
        dest.complete(&last).await?;
        return dest.delete(&path).await;
    }

    let forgotten = upload(dest, &path, &[b"x"]).await?;
    let listed = dest.list_pending(DIR).await?;
    ensure(listed.len() == 1 && listed[0].upload_id == forgotten.upload_id, "finished uploads stay pending")?;
    ensure(dest.is_pending(&forgotten).await?, "a finished upload is known to be there")?;
    let other = PendingUpload { bytes: forgotten.bytes + 1, ..forgotten.clone() };
    ensure(!dest.is_pending(&other).await?, "an upload of another size is another one")?;
    dest.abort(&listed[0]).await?;
    ensure(!dest.is_pending(&forgotten).await?, "an aborted upload is not there")?;
    ensure(dest.list_pending(DIR).await?.is_empty(), "an upload can be aborted as it was listed")?;
    ensure(dest.head(&path).await?.is_none(), "nothing became visible")
}

async fn paths_below_the_base(dest: &dyn Destination) -> Result<()> {
    for path in ["../x", "a/../../x", "/x", "a//x"] {
        let refused = dest.get(path).await.is_err() && dest.put(path, Bytes::new()).await.is_err();
        ensure(refused, "paths that leave the base are refused")?;
    }
    Ok(())
}

/// What `keeps_apart` says is what happens.
async fn names_apart(dest: &dyn Destination) -> Result<()> {
    for (first, second) in
        [("Sales/x", "sales/x"), ("caf\u{e9}", "cafe\u{301}"), ("a/X", "a/x"), ("one", "two"), ("a", "a")]
    {
        let (first, second) = (at(first), at(second));
        let apart = dest.keeps_apart(&first, &second).await?;
        dest.put(&format!("{first}/x"), Bytes::from_static(b"x")).await?;
        let found = dest.head(&format!("{second}/x")).await?;
        dest.delete(&format!("{first}/x")).await?;
        ensure(apart == found.is_none(), "keeps_apart tells whether two directories are one")?;
    }
    Ok(())
}

async fn locks(dest: &dyn Destination) -> Result<()> {
    let lock = dest.lock(DIR, "owner-one").await?;
    ensure(dest.list(DIR).await?.is_empty(), "the lock is not listed")?;
    match dest.lock(DIR, "owner-two").await {
        Ok(_) => ensure(false, "a lock has one holder")?,
        Err(error) => {
            ensure(error.kind() == ErrorKind::Unavailable, "a lock that is held is unavailable")?;
            ensure(error.to_string().contains("owner-one"), "a lock that is held names its owner")?;
        }
    }
    let elsewhere = dest.lock("conformance/other", "owner-two").await?;
    elsewhere.release().await?;
    lock.check().await?;
    lock.release().await?;
    drop(dest.lock(DIR, "owner-three").await?);
    dest.settle().await;
    dest.lock(DIR, "owner-four").await?.release().await.map(drop)
}
