//! What is undone, or given back, when a transaction ends: errors here are only logged.

use super::place::{Place, all};
use crate::destination::{DirLock, PendingUpload};
use crate::error::Error;

/// The error that made us give up is the one to return; these are only logged.
pub(in crate::format) async fn abort_all(place: &Place, uploads: &[PendingUpload]) {
    for result in all(uploads.iter().map(|upload| place.destination.abort(upload))).await {
        if let Err(error) = result {
            tracing::warn!(path = place.full(), %error, "an upload was not removed; the next run removes it");
        }
    }
}

/// A lock that cannot be given back does not undo what was done under it.
pub(in crate::format) async fn give_back(lock: Box<dyn DirLock>, place: &Place) {
    match lock.release().await {
        Ok(Some(error)) if !place.destination.replaces_freely() => tell_lock(place, &error),
        // At most a mark is left that says so.
        Ok(_) => {}
        Err(error) => tell_lock(place, &error),
    }
}

pub(in crate::format) fn tell_lock(place: &Place, error: &Error) {
    tracing::warn!(path = place.full(), %error, "the directory's lock was not given back");
}
