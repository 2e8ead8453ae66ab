//! What every table format can do, and what it is asked for: the traits that a format implements.

use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;

use super::left::Left;
use super::owner::Owner;
use crate::catalog::TableRef;
use crate::destination::{Destination, PendingUpload};
use crate::error::{Code, Error, Result};
use crate::manifest::{Manifest, Verification};
use crate::sink::{Demands, EmptyFile, FileRules, PreparedFile};
use crate::spec::IfExists;
use crate::spec::layout::FileNames;

/// A table at a destination.
#[derive(Debug, Clone)]
pub struct TableTarget {
    /// Where it is.
    pub destination: Arc<dyn Destination>,
    /// Its directory below the base.
    pub directory: String,
}

/// What is committed of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// What readers see.
    pub manifest: Manifest,
    /// Which commit made it.
    pub version: Version,
}

/// One commit of a table. Two that are equal are the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The run that committed.
    pub run_id: String,
    /// What tells commits apart, in words of the format.
    pub tag: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {} ({})", self.run_id, self.tag)
    }
}

/// What a run takes to be committed of a table that it begins to write.
#[derive(Debug, Clone, Copy, Default)]
pub enum Expected<'a> {
    /// It does not matter: nothing was planned on it.
    #[default]
    Anything,
    /// The commit that the run was planned on, as [`TableFormat::committed`] gave it; `None`: no commit.
    Exactly(Option<&'a Version>),
}

impl Expected<'_> {
    /// Compares it with what is committed now.
    ///
    /// # Errors
    /// `Unavailable`, naming the table and both runs, when they differ.
    pub(super) fn check(self, table: &TableRef, committed: Option<&Version>) -> Result<()> {
        let Self::Exactly(planned) = self else { return Ok(()) };
        if planned == committed {
            return Ok(());
        }
        let words = |version: Option<&Version>| version.map_or("nothing".to_owned(), Version::to_string);
        Err(Error::unavailable("another run committed the table after this run was planned")
            .coded(Code::CommittedMeanwhile)
            .with("table", table)
            .with("planned on", words(planned))
            .with("committed now", words(committed))
            .hint("nothing was changed; run again, which plans on what is committed now"))
    }
}

/// What a run says when it begins to write a table.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    /// The run.
    pub run_id: &'a str,
    /// What becomes of what is there.
    pub if_exists: IfExists,
    /// Whose rows are to be written.
    pub owner: &'a Owner,
    /// Uploads of an earlier process of the same run that it uses again: they stay, if they are there.
    pub keep: &'a [PendingUpload],
    /// What must be committed now.
    pub expected: Expected<'a>,
}

/// What a run has written of a table and wants to be seen.
#[derive(Debug)]
pub struct Written {
    /// The files, which nobody sees yet.
    pub files: Vec<PreparedFile>,
    /// A file without rows, for transactions that [need one](TableTransaction::needs_empty_file).
    pub empty: Option<EmptyFile>,
    /// What every file looks like, with the ids of its columns, for transactions that [ask for it](TableTransaction::needs_schema).
    pub schema: Option<SchemaRef>,
    /// The description. Its `files`, `rows`, `run_id` and `format_version` are filled in by the commit.
    pub manifest: Manifest,
}

/// A way to make files one table.
///
/// Contract:
/// * All or nothing: a reader who follows the documents of the format sees one whole commit. An error before the
///   commit leaves the old one.
/// * A commit that was decided and not finished, because its process died, is finished by the next `begin`.
/// * Files that no commit of the table ever named are neither replaced nor deleted.
/// * Planning needs the format's [`FileRules`] only. They are values and the same for all processes of a run, so that a
///   part that is written again has the name that it had.
#[async_trait]
pub trait TableFormat: fmt::Debug + Send + Sync {
    /// As messages name it.
    fn name(&self) -> &'static str;

    /// How the run `run_id` names its files. No two parts of a run have one name. A format whose old files must stay
    /// as they are until the commit gives names that no other run has.
    fn file_names(&self, run_id: &str, if_exists: IfExists) -> FileNames;

    /// What it demands of types and encodings. A table that does not comply is refused when it is planned.
    fn demands(&self) -> Demands;

    /// What planning follows.
    fn file_rules(&self, run_id: &str, if_exists: IfExists) -> FileRules {
        FileRules { format: self.name(), names: self.file_names(run_id, if_exists), demands: self.demands() }
    }

    /// What is committed now; `None` for no table. Takes no lock and changes nothing, so another run may commit at any
    /// moment after it: what is planned on the answer says so in [`Beginning::expected`].
    ///
    /// # Errors
    /// `Data` when what is there cannot be understood; those of the destination.
    async fn committed(&self, target: &TableTarget) -> Result<Option<Committed>>;

    /// The description of what is committed now, if `run_id` committed it, `is_wanted` and all its files are there with
    /// their sizes. Takes no lock and changes nothing. A commit that waits to be finished is for
    /// [`begin`](Self::begin).
    ///
    /// # Errors
    /// Those of the destination. What cannot be understood was not committed by this run.
    async fn committed_by(
        &self,
        target: &TableTarget,
        run_id: &str,
        is_wanted: &(dyn for<'m> Fn(&'m Manifest) -> bool + Send + Sync),
    ) -> Result<Option<Manifest>>;

    /// Begins to replace or extend a table, before the first part is uploaded: finishes the commit of a run that died,
    /// applies `if_exists`, and removes uploads that nobody will finish.
    ///
    /// # Errors
    /// `Unavailable` when another run writes the table, or when [`Beginning::expected`] is not what is committed: a format
    /// that holds no lock until its commit finds that out there, in one step with the commit. `Data` when `if_exists`
    /// forbids what is there, when files are there that no commit names, or when what is there cannot be understood.
    async fn begin(
        &self,
        target: &TableTarget,
        beginning: &Beginning<'_>,
    ) -> Result<Box<dyn TableTransaction>>;
}

/// The right to replace or extend one table. Dropped without a [`commit`](Self::commit) it changes nothing that readers
/// see, and releases the table shortly afterwards.
#[async_trait(?Send)]
pub trait TableTransaction: fmt::Debug + Send {
    /// What was committed when it began; `None` for a new table.
    fn previous(&self) -> Option<&Manifest>;

    /// The description of what is committed, if this very run has committed it before and all its files are there: a run
    /// that is resumed, whose commit [`TableFormat::begin`] may have finished. Nothing is left to do then.
    fn finished(&self) -> Option<&Manifest>;

    /// Whether old files that the new table lacks may not be deleted, so that the commit needs
    /// [a file without rows](Written::empty) to put in their place.
    fn needs_empty_file(&self) -> bool;

    /// Whether the commit must know [what every file looks like](Written::schema).
    fn needs_schema(&self) -> bool {
        false
    }

    /// Makes what was written visible, all or nothing. Returns the description as committed, and what could not be cleared
    /// away. Then `check` examines what readers see now, before any other run can change it.
    ///
    /// # Errors
    /// Those before the commit is decided remove the uploads and leave the old table whole. Later ones leave a commit that
    /// the next [`TableFormat::begin`] finishes. The error of `check` leaves the table committed.
    async fn commit(
        self: Box<Self>,
        written: Written,
        check: Option<&dyn AfterCommit>,
    ) -> Result<(Manifest, Left)>;

    /// Removes `files` and leaves the old table as it is. All are tried; the first error is returned.
    async fn abort(self: Box<Self>, files: &[PendingUpload]) -> Result<()>;

    /// Ends the transaction and changes nothing: uploads stay.
    async fn release(self: Box<Self>);
}

/// What is done with a table that has just been committed.
#[async_trait(?Send)]
pub trait AfterCommit {
    /// `verification` is that of the description, `manifest`. What it changes in it is committed too, also when it returns an
    /// error.
    async fn check(&self, manifest: &Manifest, verification: &mut Option<Verification>) -> Result<()>;
}
