//! Delta Lake: the log in `_delta_log` names the files, and its next document is the commit.
//!
//! Files have names of their run, so that old ones stay as they are. Under the directory's lock:
//!
//! | step | after it |
//! |---|---|
//! | 1 write the intent `_commit.json` | this run or a later one finishes the commit, or removes its files |
//! | 2 complete all uploads | the new files are there, and no log names them |
//! | 3 write the next document of the log, where there is none | **committed** |
//! | 4 write the manifest | verify, resume and `open` of the Python package see it too |
//! | 5 delete files that no version needs that is kept | `--keep-versions` |
//! | 6 delete the intent | done |
//!
//! Every step may be repeated. When a program that does not know the lock has written the document of step 3 meanwhile, the
//! files of the intent are removed, and the run says so: [`commit`].
//!
//! | file | what |
//! |---|---|
//! | `open` | the lock is taken, what an earlier run left is finished, and what is there may be changed or not |
//! | `commit` | steps 2 to 6, by the run that decides them or by the next one |
//! | `transaction` | step 1, and what is around the commit |
//! | `action`, `log` | the lines of the log; the log as it is read |
//! | `entry` | the next document of the log |
//! | `schema`, `stats`, `path` | columns, statistics, and names of files as the log has them |
//! | `look` | whether manifest and log say the same, for `lakexpress verify` |

mod action;
mod commit;
mod entry;
mod log;
mod look;
mod open;
mod path;
mod schema;
mod stats;
mod transaction;

use async_trait::async_trait;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::log::fuzzing;
pub use self::look::{Known, look};
use self::transaction::DeltaTransaction;
use super::contract::{Beginning, Committed, TableFormat, TableTarget, TableTransaction};
use super::directory::{self, Place};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::sink::Demands;
use crate::spec::IfExists;
use crate::spec::layout::FileNames;

/// Tables with a Delta log.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeltaTables {
    /// Versions whose files stay; all without a number.
    pub(super) keep_versions: Option<u64>,
}

#[async_trait]
impl TableFormat for DeltaTables {
    fn name(&self) -> &'static str {
        "delta"
    }

    fn file_names(&self, run_id: &str, _if_exists: IfExists) -> FileNames {
        FileNames::OfRun(run_id.to_owned())
    }

    fn demands(&self) -> Demands {
        Demands { plain_encodings: false, refused: schema::REFUSED, ignores_case: true }
    }

    /// The manifest: a commit whose manifest was not written yet is for [`begin`](TableFormat::begin).
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
        let transaction = DeltaTransaction::begin(Place::of(target), beginning, self.keep_versions).await?;
        Ok(Box::new(transaction))
    }
}
