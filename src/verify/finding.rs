//! What a verification found of one table.

use serde::Serialize;

use crate::catalog::TableRef;
use crate::error::Code;

/// Which files' contents are read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Percent of each table's files, above 0 and at most 100; none for no file. At least one file is read then.
    pub percent: Option<f64>,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file in the table's directory; none when it is about the table.
    pub file: Option<String>,
    /// A stable word: see `docs/verification.md`.
    pub problem: &'static str,
    /// What was expected and what was found.
    pub detail: String,
}

impl Finding {
    pub(crate) fn of_table(problem: &'static str, detail: impl Into<String>) -> Self {
        Self { file: None, problem, detail: detail.into() }
    }

    pub(crate) fn of_file(file: &str, problem: &'static str, detail: impl Into<String>) -> Self {
        Self { file: Some(file.to_owned()), problem, detail: detail.into() }
    }

    /// The error code of the problem.
    pub fn code(&self) -> Code {
        match self.problem {
            "no_manifest" | "unfinished_commit" | "missing" | "extra" | "size" => Code::FileMissing,
            "manifest" | "table" => Code::ManifestUnreadable,
            "verdict" | "hash" => Code::HashDiffers,
            _ => Code::FileDamaged,
        }
    }
}

/// What was found in one table's directory.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TableReport {
    /// Directory below the base.
    pub directory: String,
    /// The table in the source, as its manifest says; none without a manifest.
    pub table: Option<String>,
    /// The same, its schema and name apart.
    #[serde(skip)]
    pub source: Option<TableRef>,
    /// The run that committed it last.
    pub run_id: Option<String>,
    /// Rows by the manifest.
    pub rows: u64,
    /// Files by the manifest.
    pub files: usize,
    /// Bytes by the manifest.
    pub bytes: u64,
    /// Files of which every byte and value was read.
    pub files_read: usize,
    /// Files whose rows were compared with the hash that the source computed.
    pub files_hashed: usize,
    /// What is wrong; empty when all is well.
    pub problems: Vec<Finding>,
}
