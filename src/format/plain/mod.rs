//! Plain files: a table is what `_manifest.json` in its directory names, and programs that list the directory read the same
//! files. A commit has two phases, the same on every destination.
//!
//! Phase 1 uploads every part and completes none. Phase 2:
//!
//! | step | after it |
//! |---|---|
//! | 1 write the intent `_commit.json` | the commit will happen: this run or a later one finishes it |
//! | 2 delete the old manifest | not committed: readers of manifests wait |
//! | 3 complete all uploads | the new files are visible |
//! | 4 delete what the old manifest lists and the new one lacks | the old files are gone |
//! | 5 write the new manifest | committed |
//! | 6 delete the intent | done |
//!
//! Every step may be repeated. A run that finds an intent does steps 2 to 6 first.
//!
//! Without the right to delete, where objects may be replaced all the same, the steps are these:
//!
//! | step | instead |
//! |---|---|
//! | before 1 | a file without rows is uploaded for each old file that the new table lacks, see [`emptied`] |
//! | 2 | the old manifest is replaced by a document that says that it is withdrawn |
//! | 3 | completes those uploads as well, so that who lists the directory reads no old row |
//! | 4 | nothing is left to delete |
//! | 6 | the intent is replaced by a document that says that it is withdrawn |
//!
//! A commit that another run has begun, which could delete, is finished the same way: files are emptied in step 4.
//!
//! Where not even that is allowed (Google Cloud Storage without `storage.objects.delete`) a table is only written where
//! there is none, and the intent stays: a commit whose manifest is there is finished.
//!
//! A new table of one small part does without uploads and intent, see [`direct`].
//!
//! | file | what |
//! |---|---|
//! | `open` | the lock is taken, what is there is found, and may be changed or not |
//! | `transaction` | the order of a commit, from what was written to what readers see |
//! | `swap` | phase 2; `roll` finds one that was not ended |
//! | `direct` | the commit without an intent |
//! | `emptied` | what becomes of old files without the right to delete |
//!
//! What commits of every format do in a directory is in [`directory`](super::directory).

mod direct;
mod emptied;
mod open;
mod roll;
mod state;
mod swap;
mod transaction;

use async_trait::async_trait;

use self::transaction::PlainTransaction;
use super::contract::{Beginning, Committed, TableFormat, TableTarget, TableTransaction};
use super::directory::{self, Place};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::sink::Demands;
use crate::spec::IfExists;
use crate::spec::layout::FileNames;
pub use roll::{is_unfinished, roll_forward};

/// Plain files and a manifest.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainFiles;

#[async_trait]
impl TableFormat for PlainFiles {
    fn name(&self) -> &'static str {
        "plain"
    }

    /// The names are those of the last run, so that a program that lists the directory during a commit reads no row of a
    /// part twice; files that are added carry their run.
    fn file_names(&self, run_id: &str, if_exists: IfExists) -> FileNames {
        match if_exists {
            IfExists::Append => FileNames::OfRun(run_id.to_owned()),
            IfExists::Overwrite | IfExists::Replace | IfExists::Error => FileNames::Fixed,
        }
    }

    fn demands(&self) -> Demands {
        Demands::default()
    }

    async fn committed(&self, target: &TableTarget) -> Result<Option<Committed>> {
        directory::committed(&Place::of(target)).await
    }

    async fn committed_by(
        &self,
        target: &TableTarget,
        run_id: &str,
        is_wanted: &(dyn for<'m> Fn(&'m Manifest) -> bool + Send + Sync),
    ) -> Result<Option<Manifest>> {
        directory::committed_by(&Place::of(target), run_id, is_wanted).await
    }

    async fn begin(
        &self,
        target: &TableTarget,
        beginning: &Beginning<'_>,
    ) -> Result<Box<dyn TableTransaction>> {
        Ok(Box::new(PlainTransaction::begin(Place::of(target), beginning).await?))
    }
}
