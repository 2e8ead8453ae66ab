//! The single-writer lock: an object made by conditional create, with a lease that is renewed.
//!
//! Who holds the lock renews it every [`RENEW`] by conditional update. A lock that was not renewed for
//! [`LEASE`] belongs to a run that is gone and is taken over. Both ends are judged by the store's clock:
//! when it says that the object was written last, and what time it says it is.
//!
//! A lock may carry a note: what its holder is about to write. It outlives the holder, and whoever takes the lock
//! over gets it with the lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{SecondsFormat, TimeDelta};
use object_store::{ObjectMeta, PutMode, PutOptions, UpdateVersion};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::super::{DirLock, ONE_DIRECTORY_PER_RUN, StoredObject};
use super::Inner;
use super::problem::Refusal;
use crate::clock::{self, Instant, Pauses};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::spec::layout::LOCK;

#[cfg(test)]
mod tests;

const LEASE: Duration = Duration::from_secs(30);
/// Longer ones that a lock claims count as this.
const LONGEST_LEASE: Duration = Duration::from_secs(300);
const RENEW: Duration = Duration::from_secs(7);
/// A store's times have whole seconds.
const GRACE: Duration = Duration::from_secs(2);
/// How long attempts go on while others come and go.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long attempts go on while it is unknown what they did.
const DOUBT: Duration = Duration::from_secs(20);
/// A lock is written that often until it is what it should be.
const ATTEMPTS: usize = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const PAUSES: Pauses = Pauses::new(Duration::from_millis(100), LONGEST_PAUSE);

/// The content of a lock.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    owner: String,
    /// When it will have expired, if it is not renewed: for people.
    until: String,
    /// Of this one lock, so that its holder knows it again.
    token: String,
    lease_seconds: u64,
    /// Given back by someone who may not delete.
    #[serde(default)]
    released: bool,
    /// What the holder is about to write, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Content {
    fn new(inner: &Inner, owner: &str, token: &str, note: Option<String>) -> Self {
        let until = inner.http.now() + TimeDelta::from_std(LEASE).unwrap_or_default();
        Self {
            owner: owner.to_owned(),
            until: until.to_rfc3339_opts(SecondsFormat::Secs, true),
            token: token.to_owned(),
            lease_seconds: LEASE.as_secs(),
            released: false,
            note,
        }
    }
}

/// What became of a conditional write.
enum Written {
    Done(UpdateVersion),
    /// It was written and is there, but the store does not keep two writers apart.
    Hoped(UpdateVersion),
    /// Somebody else wrote.
    Changed,
    /// It may have been written or not.
    Unknown(Error),
}

/// A lock that is held.
#[derive(Debug)]
pub(super) struct Lease {
    held: Arc<Held>,
    renewing: AbortHandle,
}

#[derive(Debug)]
struct Held {
    inner: Arc<Inner>,
    path: String,
    owner: String,
    token: String,
    /// Also keeps two writes from being under way at once.
    state: Mutex<State>,
    /// What readers see is being changed.
    changing: AtomicBool,
}

#[derive(Debug)]
struct State {
    version: UpdateVersion,
    /// What was noted and is not settled.
    note: Option<String>,
    /// Whether the store kept others from taking it too.
    exclusive: bool,
    /// It may not be replaced, and so neither be renewed nor given back: it expires.
    fixed: bool,
    /// Nothing is left to give back.
    over: bool,
    /// Somebody else has it.
    lost: bool,
}

impl Lease {
    /// Takes the lock of `dir`. Waits while it is unknown whether its holder lives.
    pub(super) async fn take(inner: Arc<Inner>, dir: &str, owner: &str) -> Result<Self> {
        let path = if dir.is_empty() { LOCK.to_owned() } else { format!("{dir}/{LOCK}") };
        let token = uuid::Uuid::new_v4().to_string();
        let state = acquire(&inner, &path, owner, &token).await?;
        inner.held().locks.insert(path.clone());
        let held = Arc::new(Held {
            inner,
            path,
            owner: owner.to_owned(),
            token,
            state: Mutex::new(state),
            changing: AtomicBool::new(false),
        });
        let keeper = Arc::clone(&held);
        let renewing = tokio::spawn(async move {
            loop {
                clock::sleep(RENEW).await;
                if let Err(error) = keeper.renew().await {
                    tracing::warn!(%error, "a lock was not renewed");
                }
            }
        });
        Ok(Self { held, renewing: renewing.abort_handle() })
    }
}

/// The state of the lock that is ours now.
async fn acquire(inner: &Inner, path: &str, owner: &str, token: &str) -> Result<State> {
    let begun = Instant::now();
    let mut first: Option<ObjectMeta> = None;
    // Nearly always there is none, so that the first look is an attempt.
    let (mut seen, mut looks): (Option<(Bytes, ObjectMeta)>, u32) = (None, 0);
    let mut refused = None;
    loop {
        let mut content = Content::new(inner, owner, token, None);
        let written = match &seen {
            None => match write(inner, path, &content, PutMode::Create).await {
                // Perhaps because there is one.
                Err(error) if error.kind() == ErrorKind::Denied && !inner.place.replaces_freely => {
                    refused = Some(error);
                    Written::Changed
                }
                written => written?,
            },
            Some((text, meta)) => {
                let theirs: Option<Content> = serde_json::from_slice(text).ok();
                // Whatever was noted stays there until the one who has the lock has seen to it.
                content.note = theirs.as_ref().and_then(|theirs| theirs.note.clone());
                if theirs.as_ref().is_some_and(|theirs| theirs.token == token) {
                    // Our own write took effect although its answer was lost.
                    return Ok(State::new(version_of(meta), content.note, true));
                }
                let lease = lease(theirs.as_ref());
                let released = theirs.as_ref().is_some_and(|theirs| theirs.released);
                let age = inner.http.now() - meta.last_modified;
                if released || age > lease {
                    if !released {
                        let who = theirs.as_ref().map_or("somebody", |theirs| theirs.owner.as_str());
                        tracing::warn!(
                            path = inner.full(path),
                            "taking over the lock of {who}, which is gone"
                        );
                    }
                    write(inner, path, &content, PutMode::Update(version_of(meta))).await?
                } else if first.as_ref().is_some_and(|first| renewed(first, meta))
                    || begun.elapsed() > PATIENCE
                {
                    return Err(taken(inner, path, theirs.as_ref()));
                } else {
                    if first.is_none() {
                        tracing::info!(
                            path = inner.full(path),
                            "waiting to see whether the run that holds the lock is alive"
                        );
                    }
                    first.get_or_insert_with(|| meta.clone());
                    Written::Changed
                }
            }
        };
        match written {
            Written::Done(version) => return Ok(State::new(version, content.note, true)),
            Written::Hoped(version) => return Ok(State::new(version, content.note, false)),
            Written::Unknown(error) if begun.elapsed() > DOUBT => return Err(error),
            Written::Unknown(_) | Written::Changed => {}
        }
        if begun.elapsed() > PATIENCE {
            return Err(taken(inner, path, None));
        }
        if looks > 0 {
            clock::sleep(PAUSES.after(looks)).await;
        }
        looks += 1;
        seen = if inner.place.replaces_freely {
            inner.read(path).await?
        } else {
            look_before_replacing(inner, path, token, refused.take()).await?
        };
        if seen.is_none() {
            first = None;
        }
    }
}

/// From when on a lock that was not renewed is nobody's. Who writes a lock of ours does not decide for how long nobody
/// else may write.
fn lease(theirs: Option<&Content>) -> TimeDelta {
    let lease = theirs.map_or(LEASE, |theirs| Duration::from_secs(theirs.lease_seconds)).min(LONGEST_LEASE);
    TimeDelta::from_std(lease + GRACE).unwrap_or(TimeDelta::MAX)
}

/// A lock from its bytes, for `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::destination) fn fuzzing(text: &[u8]) {
    let theirs: Option<Content> = serde_json::from_slice(text).ok();
    assert!(lease(theirs.as_ref()) <= TimeDelta::minutes(10));
}

/// The lock that is there, if it is ours or may be replaced; none if there is none. `refused` is why it was not made.
async fn look_before_replacing(
    inner: &Inner,
    path: &str,
    token: &str,
    refused: Option<Error>,
) -> Result<Option<(Bytes, ObjectMeta)>> {
    let there = match inner.read(path).await {
        Err(error) if error.kind() == ErrorKind::Denied => {
            let error = refused.unwrap_or(error);
            let hint = "if an export has been written there before, its lock is there still: it can neither be read nor replaced";
            return Err(error.hint(hint).hint(ONE_DIRECTORY_PER_RUN));
        }
        there => there?,
    };
    let Some((text, _)) = &there else { return refused.map_or(Ok(None), Err) };
    let theirs: Option<Content> = serde_json::from_slice(text).ok();
    if theirs.as_ref().is_some_and(|theirs| theirs.token == token) {
        return Ok(there);
    }
    match inner.delete(&format!("{}_nothing", path.strip_suffix(LOCK).unwrap_or_default())).await {
        Err(error) if error.kind() == ErrorKind::Denied => {
            let owner =
                theirs.map_or_else(|| "another run".to_owned(), |theirs| format!("run {}", theirs.owner));
            let message = format!("the directory has the lock of {owner}, which cannot be replaced");
            Err(Error::denied(message)
                .coded(Code::LockHeld)
                .with("path", inner.full(path))
                .with("needs", "storage.objects.delete")
                .hint(ONE_DIRECTORY_PER_RUN))
        }
        may => may.map(|()| there),
    }
}

impl State {
    fn new(version: UpdateVersion, note: Option<String>, exclusive: bool) -> Self {
        Self { version, note, exclusive, fixed: false, over: false, lost: false }
    }
}

fn version_of(meta: &ObjectMeta) -> UpdateVersion {
    UpdateVersion { e_tag: meta.e_tag.clone(), version: meta.version.clone() }
}

/// Whether somebody wrote the lock between two looks at it.
fn renewed(before: &ObjectMeta, now: &ObjectMeta) -> bool {
    before.e_tag != now.e_tag || before.version != now.version || before.last_modified != now.last_modified
}

fn taken(inner: &Inner, path: &str, theirs: Option<&Content>) -> Error {
    let who = match theirs {
        Some(theirs) => format!("{}, which holds its lock until {}", theirs.owner, theirs.until),
        None => "it takes and gives back its lock all the time".to_owned(),
    };
    Error::unavailable(format!("another run writes to this directory: run {who}"))
        .coded(Code::LockHeld)
        .with("path", inner.full(path))
        .hint("wait until that run has ended, or choose another --sub-path or base_path")
}

/// Writes the lock under a condition.
async fn write(inner: &Inner, path: &str, content: &Content, mode: PutMode) -> Result<Written> {
    let key = inner.key(path)?;
    let text = serde_json::to_vec(content).map_err(|e| Error::internal("lock as JSON").caused_by(e))?;
    let careful = match &mode {
        PutMode::Update(version) => version.e_tag.is_none() && version.version.is_none(),
        _ => false,
    };
    let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
    let answer = if careful {
        Err(object_store::Error::NotImplemented {
            operation: "conditional update".into(),
            implementer: inner.place.location.clone(),
        })
    } else {
        inner.objects.put_opts(&key, text.clone().into(), options).await
    };
    match answer {
        Ok(put) => Ok(Written::Done(UpdateVersion { e_tag: put.e_tag, version: put.version })),
        Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
            Ok(Written::Changed)
        }
        Err(error) if is_unsupported(&error) => write_and_look(inner, path, content, &mode, text).await,
        Err(error) => {
            let refusal = Refusal::of_store(&error);
            let error = inner.refused("cannot lock the directory", path, &refusal);
            if refusal.is_transient() { Ok(Written::Unknown(error)) } else { Err(error) }
        }
    }
}

/// Whether the store keeps two writers from making the same object.
pub(super) async fn is_exclusive(inner: &Inner, path: &str) -> Result<String> {
    let key = inner.key(path)?;
    let create = || async {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        inner.objects.put_opts(&key, Bytes::from_static(b"probe").into(), options).await
    };
    let first = create().await;
    let second = create().await;
    match inner.delete(path).await {
        // Another check is for that.
        Err(error) if error.kind() == ErrorKind::Denied => {}
        outcome => outcome?,
    }
    // Google Cloud Storage may refuse to replace what is there before it looks at the condition.
    let kept = |error: &object_store::Error| {
        !inner.place.replaces_freely && Refusal::of_store(error).is_missing_right()
    };
    match (first, second) {
        (Ok(_), Err(error)) if kept(&error) => Ok(String::new()),
        // The first may have found one that an earlier check could not remove.
        (
            Ok(_) | Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }),
        ) => Ok(String::new()),
        (Err(error), _) if !is_unsupported(&error) => {
            Err(inner.failed("cannot write under a condition", path, &error))
        }
        _ => Err(Error::config("the store does not keep two writers apart: it ignores If-None-Match")
            .coded(Code::StoreUnfit).hint(
            "let only one run at a time write to a table; two that start at the same moment are not noticed",
        )),
    }
}

/// A store without conditional writes, or one that does not tell versions.
fn is_unsupported(error: &object_store::Error) -> bool {
    Refusal::of_store(error).is_unsupported()
        || error.to_string().to_ascii_lowercase().contains("version required")
}

/// The best that a store without conditional writes allows: look, write, and look again.
async fn write_and_look(
    inner: &Inner,
    path: &str,
    content: &Content,
    mode: &PutMode,
    text: Vec<u8>,
) -> Result<Written> {
    const SETTLE: Duration = Duration::from_millis(300);
    let key = inner.key(path)?;
    let mine = |read: &Option<(Bytes, ObjectMeta)>| {
        let there = read.as_ref().and_then(|(text, _)| serde_json::from_slice::<Content>(text).ok());
        there.is_some_and(|there| there.token == content.token)
    };
    match (mode, inner.read(path).await?) {
        (PutMode::Create, Some(there)) if !mine(&Some(there.clone())) => return Ok(Written::Changed),
        (PutMode::Update(before), Some((_, meta)))
            if before.e_tag.is_some() && before.e_tag != meta.e_tag =>
        {
            return Ok(Written::Changed);
        }
        (PutMode::Update(_), None) => return Ok(Written::Changed),
        _ => {}
    }
    let put = inner.objects.put_opts(&key, text.into(), PutOptions::default()).await;
    put.map_err(|error| inner.failed("cannot lock the directory", path, &error))?;
    if matches!(mode, PutMode::Create) {
        clock::sleep(SETTLE).await;
    }
    let read = inner.read(path).await?;
    match &read {
        Some((_, meta)) if mine(&read) => Ok(Written::Hoped(version_of(meta))),
        _ => Ok(Written::Changed),
    }
}

impl Held {
    /// Writes the lock once more, which proves that it is ours.
    async fn renew(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        self.write_again(&mut state).await
    }

    /// Writes the lock as `state` has it.
    async fn write_again(&self, state: &mut State) -> Result<()> {
        if state.over {
            return Ok(());
        }
        if state.lost {
            return Err(self.lost());
        }
        if state.fixed {
            return self.still_ours(state).await;
        }
        let content = Content::new(&self.inner, &self.owner, &self.token, state.note.clone());
        for _ in 0..ATTEMPTS {
            let mode = PutMode::Update(state.version.clone());
            match write(&self.inner, &self.path, &content, mode).await {
                Ok(Written::Done(version) | Written::Hoped(version)) => {
                    state.version = version;
                    return Ok(());
                }
                Ok(Written::Changed | Written::Unknown(_)) => {}
                Err(error) if error.kind() == ErrorKind::Denied && !self.inner.place.replaces_freely => {
                    state.fixed = true;
                    return self.still_ours(state).await;
                }
                Err(error) => return Err(error),
            }
            let there = self.inner.read(&self.path).await?;
            let ours = there.and_then(|(text, meta)| {
                let there: Content = serde_json::from_slice(&text).ok()?;
                (there.token == self.token).then_some((there, meta))
            });
            let Some((there, meta)) = ours else {
                state.lost = true;
                return Err(self.lost());
            };
            // The answer to a write of ours was lost: to this one, or to an earlier one.
            state.version = version_of(&meta);
            if there.note == content.note {
                return Ok(());
            }
        }
        Err(Error::unavailable("the lock of the directory cannot be renewed")
            .coded(Code::LockLost)
            .with("path", self.inner.full(&self.path))
            .hint("run again when the storage answers"))
    }

    /// Looks at a lock that may not be replaced. Who may not look either has to trust in it: without the right to replace
    /// this run changes nothing that is there.
    async fn still_ours(&self, state: &mut State) -> Result<()> {
        let there = match self.inner.read(&self.path).await {
            Err(error) if error.kind() == ErrorKind::Denied => return Ok(()),
            there => there?,
        };
        let there = there.and_then(|(text, _)| serde_json::from_slice::<Content>(&text).ok());
        if there.is_some_and(|there| there.token == self.token) {
            return Ok(());
        }
        state.lost = true;
        Err(self.lost())
    }

    fn lost(&self) -> Error {
        Error::unavailable("the lock of the directory has been lost to another run")
            .coded(Code::LockLost)
            .with("path", self.inner.full(&self.path))
            .hint("see whether two runs write to one directory, and whether this one was held up for long")
    }

    async fn given_back(&self) -> Result<Option<Error>> {
        let over = self.state.lock().await.over;
        let given = self.give_back().await;
        if given.is_ok() && !over {
            self.inner.held().locks.remove(&self.path);
        }
        given
    }

    /// Gives the lock back if it is ours. One with a note stays, for the next run to read; one that may not be deleted is
    /// marked, or expires, and the refusal is returned.
    async fn give_back(&self) -> Result<Option<Error>> {
        let mut state = self.state.lock().await;
        if state.over || state.lost {
            return Ok(None);
        }
        state.over = true;
        let mut denied = None;
        if state.note.is_none() {
            match self.inner.delete(&self.path).await {
                Err(error) if error.kind() == ErrorKind::Denied && state.fixed => return Ok(Some(error)),
                Err(error) if error.kind() == ErrorKind::Denied => denied = Some(error),
                outcome => return outcome.map(|()| None),
            }
        }
        let mut content = Content::new(&self.inner, &self.owner, &self.token, state.note.clone());
        content.until = clock::moment().to_rfc3339_opts(SecondsFormat::Secs, true);
        content.released = true;
        let mode = PutMode::Update(state.version.clone());
        match write(&self.inner, &self.path, &content, mode).await {
            Err(error)
                if error.kind() == ErrorKind::Denied
                    && denied.is_some()
                    && !self.inner.place.replaces_freely =>
            {
                Ok(denied)
            }
            written => written.map(|_| denied),
        }
    }
}

#[async_trait]
impl DirLock for Lease {
    async fn check(&self) -> Result<()> {
        self.held.renew().await
    }

    async fn found(&self) -> Option<Bytes> {
        self.held.state.lock().await.note.clone().map(Bytes::from)
    }

    async fn note(&self, note: &str) -> Result<bool> {
        let mut state = self.held.state.lock().await;
        if !state.exclusive {
            return Ok(false);
        }
        state.note = Some(note.to_owned());
        self.held.write_again(&mut state).await?;
        if state.fixed {
            state.note = None;
        }
        Ok(!state.fixed)
    }

    fn changing(&self, under_way: bool) {
        self.held.changing.store(under_way, Ordering::Relaxed);
    }

    async fn settled(&self) {
        self.held.state.lock().await.note = None;
    }

    async fn create(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        super::create::put_new(&self.held.inner, path, content).await
    }

    async fn release(self: Box<Self>) -> Result<Option<Error>> {
        self.renewing.abort();
        self.held.given_back().await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
        if self.held.changing.load(Ordering::Relaxed) {
            return;
        }
        let held = Arc::clone(&self.held);
        // Given back already: the state says so.
        self.held.inner.in_background(async move {
            if let Err(error) = held.given_back().await {
                tracing::warn!(%error, "the directory's lock was not given back; it expires");
            }
        });
    }
}
