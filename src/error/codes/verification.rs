//! Pages: verification and manifests.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Verification and manifests", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::FileDamaged,
        kinds: &[ErrorKind::Data],
        title: "a file is not what was written",
        happened: "It cannot be decoded, is cut short, or its bytes, rows or statistics are not those of the \
            manifest.",
        remedies: &[
            "Export the table again.",
            "Restore the file from a backup or an earlier version of the object.",
            "Look for programs that write into the directory, and at the disk.",
        ],
    },
    Page {
        code: Code::HashDiffers,
        kinds: &[ErrorKind::Data],
        title: "the files do not hold what the source has",
        happened: "The hash of all rows in the files is not the one that the source computed in the same snapshot.",
        remedies: &[
            "Do not use the files. Export the table again with `--verify hash`.",
            "Report it with the output of `lakexpress report RUN_ID` if it comes again.",
        ],
    },
    Page {
        code: Code::CountDiffers,
        kinds: &[ErrorKind::Data],
        title: "the number of rows is not that of the source or the manifest",
        happened: "The source counts other rows in the snapshot than were written, or a file has other rows than \
            its manifest says.",
        remedies: &[
            "Export the table again with `--verify hash`.",
            "Report it if it comes again for a table whose engine has snapshots.",
        ],
    },
    Page {
        code: Code::ManifestUnreadable,
        kinds: &[ErrorKind::Data],
        title: "a manifest or another document at the destination is not usable",
        happened: "A document of the program is not valid, names files that it cannot name, is too large, or was \
            written by a later version.",
        remedies: &[
            "Use the version of lakexpress that wrote it, or a later one.",
            "Restore it from a backup or an earlier version of the object.",
            "Move the table's directory away and export the table again.",
        ],
    },
    Page {
        code: Code::FileMissing,
        kinds: &[ErrorKind::Data],
        title: "the directory is not as its manifest says",
        happened: "A file that the manifest names is missing or has another size, files are there that it does not \
            name, or there is no manifest or an unfinished commit.",
        remedies: &[
            "Export the table again: an unfinished commit is finished first.",
            "Restore the missing file from a backup.",
            "Exclude the directory from clean-up jobs.",
        ],
    },
    Page {
        code: Code::NotVerifiable,
        kinds: &[ErrorKind::Data, ErrorKind::Usage],
        title: "the table cannot be verified in this way",
        happened: "The source cannot count or hash rows as they are written: a condition or a column is evaluated \
            here, the type has no hash, or there is no point in time to compare at.",
        remedies: &[
            "Use `--verify count`, or leave `--verify` out for this run.",
            "Write the condition in the database's own SQL with `--source-where`, the columns with \
                `--source-columns`.",
            "Leave `--consistency none` out.",
        ],
    },
    Page {
        code: Code::NothingToVerify,
        kinds: &[ErrorKind::Usage],
        title: "there is nothing to verify",
        happened: "The directory, the storage or the run that was named has no tables.",
        remedies: &[
            "Name the directory, URL or run id that an export printed.",
            "Name the storage with `--target-storage-id`.",
        ],
    },
    Page {
        code: Code::NoParquetFile,
        kinds: &[ErrorKind::Usage],
        title: "there is no Parquet file",
        happened: "The place that was named is not there, or has no Parquet files that are one table.",
        remedies: &[
            "Name the directory of one table, not the one above all tables.",
            "Name the storage with `--target-storage-id`, and the table's directory in it with `--sub-path`.",
            "Write `s3://`, `gs://` or `abfss://` before a place that is not on this machine.",
        ],
    },
    Page {
        code: Code::SchemasDiffer,
        kinds: &[ErrorKind::Data],
        title: "the files of a directory are not one table",
        happened: "Two files have different columns, or lie in directories of different keys. A condition has one \
            meaning for a table.",
        remedies: &[
            "Name a directory with the files of one table.",
            "Name one of the two files.",
            "Export the table again, after the files of others were moved away.",
        ],
    },
];
