//! Pages: committing a table.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Committing a table", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::TableExists,
        kinds: &[ErrorKind::Data, ErrorKind::Denied],
        title: "the table already exists at the destination",
        happened: "`--if-exists error` was given, or the credentials may write but not replace.",
        remedies: &[
            "Use `--if-exists overwrite` to replace it, or `append` to add files.",
            "Write to another `--sub-path` for each run.",
            "Grant the right to delete, which stores ask for to replace.",
        ],
    },
    Page {
        code: Code::OthersFiles,
        kinds: &[ErrorKind::Config, ErrorKind::Data],
        title: "the directory holds files of somebody else",
        happened: "Files are there that no manifest of ours names, or the table there is of another source or name. \
            They are neither replaced nor removed.",
        remedies: &[
            "Choose another `--output-dir` or `--sub-path`.",
            "Move the files away if they are not needed.",
            "`--if-exists replace` replaces a table of another source, `append` adds to it.",
        ],
    },
    Page {
        code: Code::LockHeld,
        kinds: &[ErrorKind::Denied, ErrorKind::Unavailable],
        title: "another run writes to the directory",
        happened: "A table's directory has one writer at a time, and another run holds its lock. A lock that is not \
            renewed is free after about half a minute on object stores, at once on local disks.",
        remedies: &[
            "Wait until the run that the message names has ended, then run again.",
            "Plan exports of the same tables so that they do not overlap.",
            "Grant the right to delete where the lock of an earlier run cannot be replaced, or use one \
                directory for each run.",
        ],
    },
    Page {
        code: Code::LockLost,
        kinds: &[ErrorKind::Unavailable],
        title: "the lock of the directory was lost during the run",
        happened: "The lock could not be renewed for too long, and another run may have taken it. The table was not \
            committed.",
        remedies: &[
            "Run again, or `lakexpress resume RUN_ID`.",
            "Check the network to the store, and whether the machine was suspended.",
        ],
    },
    Page {
        code: Code::AppendDiffers,
        kinds: &[ErrorKind::Data],
        title: "new files do not fit the files that are there",
        happened: "With `--if-exists append` columns, types and directories of the new files must be those of the \
            table that is there.",
        remedies: &[
            "Export with the same `--columns`, `--cast`, `--numeric` and method as before.",
            "Replace the table with `--if-exists overwrite`.",
            "Write the new rows to another `--sub-path`.",
        ],
    },
    Page {
        code: Code::CommittedMeanwhile,
        kinds: &[ErrorKind::Data, ErrorKind::Unavailable],
        title: "another run committed the table meanwhile",
        happened: "The table at the destination is not the one that this run looked at. What the other run wrote is \
            kept.",
        remedies: &["Run again.", "Plan exports of the same tables so that they do not overlap."],
    },
    Page {
        code: Code::CommitTooLarge,
        kinds: &[ErrorKind::Data],
        title: "the manifest cannot describe the table",
        happened: "The manifest or the metadata would be too large or would name two things by one name.",
        remedies: &[
            "Make fewer and larger files: raise `--part-bytes`, or use a method with fewer values.",
            "Choose another `--manifest-name`, or another `--sub-path`.",
        ],
    },
];
