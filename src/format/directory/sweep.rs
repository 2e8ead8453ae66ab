//! Uploads that an earlier run left and that nobody will finish.

use std::collections::HashSet;

use super::place::{Place, all};
use crate::destination::PendingUpload;
use crate::error::{ErrorKind, Result};
use crate::format::left::Left;

/// Aborts uploads that are not in `keep`, and notes in `left` those that may not be aborted.
pub(in crate::format) async fn sweep(place: &Place, keep: &[PendingUpload], left: &mut Left) -> Result<()> {
    let destination = &place.destination;
    let pending = match destination.list_pending(&place.dir).await {
        // A lifecycle rule can clean up as well.
        Err(error) if error.kind() == ErrorKind::Denied => {
            left.unknown_uploads = true;
            left.lacks(&error);
            return Ok(());
        }
        pending => pending?,
    };
    let kept: HashSet<(&str, &str)> = keep.iter().map(|u| (u.path.as_str(), u.upload_id.as_str())).collect();
    let swept: Vec<&PendingUpload> =
        pending.iter().filter(|u| !kept.contains(&(u.path.as_str(), u.upload_id.as_str()))).collect();
    let aborted = all(swept.iter().map(|upload| destination.abort(upload))).await;
    for (upload, aborted) in swept.into_iter().zip(aborted) {
        match aborted {
            Err(error) if error.kind() == ErrorKind::Denied => {
                let start = place.path("");
                left.uploads.insert(upload.path.strip_prefix(&start).unwrap_or(&upload.path).to_owned());
                left.lacks(&error);
            }
            aborted => aborted?,
        }
    }
    Ok(())
}
