//! A destination that fails on purpose.

#![allow(clippy::disallowed_methods, reason = "a process that dies drops nothing")]

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use lakexpress::destination::{Destination, DirLock, PendingUpload, StoredObject, Upload};
use lakexpress::error::{Error, Result};

/// What a fault does to the call that it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error, and nothing happened.
    Before,
    /// An error, and everything happened.
    After,
    /// As `After`, and the next call fails too, without an effect.
    AfterAndNext,
    /// The process dies before the call: no later call happens, nothing is cleaned up.
    DiesBefore,
    /// The process dies after the call.
    DiesAfter,
}

impl Fault {
    fn has_effect(self) -> bool {
        matches!(self, Self::After | Self::AfterAndNext | Self::DiesAfter)
    }
}

/// All of them.
pub(crate) const FAULTS: [Fault; 5] =
    [Fault::Before, Fault::After, Fault::AfterAndNext, Fault::DiesBefore, Fault::DiesAfter];

/// Which call meets which fault.
#[derive(Debug)]
pub(crate) struct Plan {
    calls: AtomicUsize,
    nth: usize,
    fault: Fault,
}

impl Plan {
    pub(crate) fn new(nth: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), nth, fault })
    }

    /// Runs a call, or what the plan has for it.
    async fn run<T, F: Future<Output = Result<T>>>(&self, call: F) -> Result<T> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let failed = || Error::unavailable(format!("injected fault at call {number}"));
        let dying = matches!(self.fault, Fault::DiesBefore | Fault::DiesAfter);
        match number.cmp(&self.nth) {
            std::cmp::Ordering::Less => call.await,
            std::cmp::Ordering::Greater if dying => Err(failed()),
            std::cmp::Ordering::Greater if self.fault == Fault::AfterAndNext && number == self.nth + 1 => {
                Err(failed())
            }
            std::cmp::Ordering::Greater => call.await,
            std::cmp::Ordering::Equal => {
                if self.fault.has_effect() {
                    let done = call.await?;
                    if dying {
                        // The dead clean up nothing.
                        std::mem::forget(done);
                    }
                }
                Err(failed())
            }
        }
    }

    fn dead(&self) -> bool {
        matches!(self.fault, Fault::DiesBefore | Fault::DiesAfter) && self.met()
    }

    /// Whether the fault has happened.
    pub(crate) fn met(&self) -> bool {
        self.calls.load(Ordering::SeqCst) >= self.nth
    }
}

/// A destination whose n-th call goes wrong; uploads and locks count their calls with it.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<dyn Destination>,
    plan: Arc<Plan>,
}

impl Faulty {
    pub(crate) fn over(inner: &Arc<dyn Destination>, plan: &Arc<Plan>) -> Arc<dyn Destination> {
        Arc::new(Self { inner: Arc::clone(inner), plan: Arc::clone(plan) })
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Option<Box<dyn Upload>>,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct FaultyLock {
    inner: Box<dyn DirLock>,
    plan: Arc<Plan>,
}

#[async_trait]
impl Destination for Faulty {
    fn location(&self) -> String {
        self.inner.location()
    }

    async fn create(&self, path: &str, est_bytes: u64) -> Result<Box<dyn Upload>> {
        let inner = self.plan.run(self.inner.create(path, est_bytes)).await?;
        Ok(Box::new(FaultyUpload { inner: Some(inner), plan: Arc::clone(&self.plan) }))
    }

    async fn complete(&self, upload: &PendingUpload) -> Result<StoredObject> {
        self.plan.run(self.inner.complete(upload)).await
    }

    fn abandon(&self, upload: &PendingUpload) {
        self.inner.abandon(upload);
    }

    async fn abort(&self, upload: &PendingUpload) -> Result<()> {
        self.plan.run(self.inner.abort(upload)).await
    }

    async fn is_pending(&self, upload: &PendingUpload) -> Result<bool> {
        self.plan.run(self.inner.is_pending(upload)).await
    }

    async fn list_pending(&self, dir: &str) -> Result<Vec<PendingUpload>> {
        self.plan.run(self.inner.list_pending(dir)).await
    }

    async fn put(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        self.plan.run(self.inner.put(path, content)).await
    }

    async fn put_new(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        self.plan.run(self.inner.put_new(path, content)).await
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        self.plan.run(self.inner.get(path)).await
    }

    async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        self.plan.run(self.inner.read_range(path, range)).await
    }

    async fn head(&self, path: &str) -> Result<Option<StoredObject>> {
        self.plan.run(self.inner.head(path)).await
    }

    async fn list(&self, dir: &str) -> Result<Vec<StoredObject>> {
        self.plan.run(self.inner.list(dir)).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.plan.run(self.inner.delete(path)).await
    }

    async fn keeps_apart(&self, first: &str, second: &str) -> Result<bool> {
        self.plan.run(self.inner.keeps_apart(first, second)).await
    }

    async fn lock(&self, dir: &str, owner: &str) -> Result<Box<dyn DirLock>> {
        // The kernel takes a dead process' lock, so a lock is dropped also when we die after taking it.
        let call = async { self.inner.lock(dir, owner).await.map(Some) };
        let number = self.plan.calls.load(Ordering::SeqCst) + 1;
        let inner = if number == self.plan.nth && self.plan.fault.has_effect() {
            drop(call.await?);
            self.plan.run(async { Ok(None) }).await?
        } else {
            self.plan.run(call).await?
        };
        let inner = inner.expect("a lock");
        Ok(Box::new(FaultyLock { inner, plan: Arc::clone(&self.plan) }))
    }
}

#[async_trait]
impl Upload for FaultyUpload {
    async fn put_part(&mut self, data: Bytes) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        plan.run(self.inner.as_mut().expect("open").put_part(data)).await
    }

    async fn finish(mut self: Box<Self>) -> Result<PendingUpload> {
        let plan = Arc::clone(&self.plan);
        let slot = &mut self.inner;
        plan.run(async move { slot.take().expect("open").finish().await }).await
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        let slot = &mut self.inner;
        plan.run(async move { slot.take().expect("open").abort().await }).await
    }
}

impl Drop for FaultyUpload {
    fn drop(&mut self) {
        if self.plan.dead() {
            std::mem::forget(self.inner.take());
        }
    }
}

#[async_trait]
impl DirLock for FaultyLock {
    async fn release(self: Box<Self>) -> Result<Option<Error>> {
        let (plan, inner) = (Arc::clone(&self.plan), self.inner);
        plan.run(inner.release()).await
    }
}

/// A destination that neither deletes nor aborts nor lists uploads, over one that does.
#[derive(Debug)]
pub(crate) struct Poor(Arc<dyn Destination>);

impl Poor {
    pub(crate) fn over(inner: &Arc<dyn Destination>) -> Arc<dyn Destination> {
        Arc::new(Self(Arc::clone(inner)))
    }
}

fn denied<T>(what: &str) -> Result<T> {
    Err(Error::denied(format!("cannot {what}")).with("needs", "the right to delete"))
}

#[async_trait]
impl Destination for Poor {
    fn location(&self) -> String {
        self.0.location()
    }

    async fn create(&self, path: &str, est_bytes: u64) -> Result<Box<dyn Upload>> {
        self.0.create(path, est_bytes).await
    }

    async fn keeps_apart(&self, first: &str, second: &str) -> Result<bool> {
        self.0.keeps_apart(first, second).await
    }

    async fn complete(&self, upload: &PendingUpload) -> Result<StoredObject> {
        self.0.complete(upload).await
    }

    fn abandon(&self, upload: &PendingUpload) {
        self.0.abandon(upload);
    }

    async fn abort(&self, _upload: &PendingUpload) -> Result<()> {
        denied("abort")
    }

    async fn list_pending(&self, _dir: &str) -> Result<Vec<PendingUpload>> {
        denied("list uploads")
    }

    async fn put(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        self.0.put(path, content).await
    }

    async fn put_new(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        self.0.put_new(path, content).await
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        self.0.get(path).await
    }

    async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        self.0.read_range(path, range).await
    }

    async fn head(&self, path: &str) -> Result<Option<StoredObject>> {
        self.0.head(path).await
    }

    async fn list(&self, dir: &str) -> Result<Vec<StoredObject>> {
        self.0.list(dir).await
    }

    async fn delete(&self, _path: &str) -> Result<()> {
        denied("delete")
    }

    async fn lock(&self, dir: &str, owner: &str) -> Result<Box<dyn DirLock>> {
        self.0.lock(dir, owner).await
    }
}
