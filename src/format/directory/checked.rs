//! What is examined after a commit, and noted in the manifest.

use super::document::json;
use super::place::Place;
use crate::destination::DirLock;
use crate::error::{ErrorKind, Result};
use crate::format::contract::AfterCommit;
use crate::manifest::Manifest;
use crate::spec::layout::MANIFEST;

/// The manifest after the check, which is written again if it is another one. The lock is held.
///
/// # Errors
/// Those of the check, and of writing the manifest.
pub(in crate::format) async fn checked(
    place: &Place,
    lock: &dyn DirLock,
    mut manifest: Manifest,
    check: Option<&dyn AfterCommit>,
) -> Result<Manifest> {
    let Some(check) = check else { return Ok(manifest) };
    let mut verification = manifest.verification.clone();
    let outcome = check.check(&manifest, &mut verification).await;
    if verification != manifest.verification {
        let before = std::mem::replace(&mut manifest.verification, verification);
        let noted = match lock.check().await {
            Ok(()) => place.destination.put(&place.path(MANIFEST), json(&manifest)?).await,
            Err(lost) => Err(lost),
        };
        let noted = match noted {
            Err(error) if error.kind() == ErrorKind::Denied && !place.destination.replaces_freely() => {
                tracing::warn!(path = place.full(), %error, "the manifest keeps saying that the files were not compared");
                outcome?;
                manifest.verification = before;
                return Ok(manifest);
            }
            noted => noted,
        };
        // An error of the check is worth more than one of noting it.
        outcome.and(noted.map(drop))?;
        return Ok(manifest);
    }
    outcome.map(|()| manifest)
}
