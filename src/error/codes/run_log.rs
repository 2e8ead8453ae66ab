//! Pages: the run log.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "The run log", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::RunLogUnreachable,
        kinds: &[ErrorKind::Config, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "the run log cannot be opened or written",
        happened: "The database or file that records runs does not answer, is locked by another program, is full or \
            may not be written.",
        remedies: &[
            "Check the entry of `--log-db-auth-id`.",
            "Give this user the right to write the file and its directory, and make room on the disk.",
            "Put a run log in a file on a local disk and not on a network file system.",
        ],
    },
    Page {
        code: Code::RunLogUnfit,
        kinds: &[ErrorKind::Config],
        title: "the database cannot be this run log",
        happened: "It is of a later version, has tables of another program, has an encoding that loses characters, \
            or is of a kind that holds no run log.",
        remedies: &[
            "Use the version of lakexpress that made it, or a later one.",
            "Name an empty database or schema in the entry.",
            "Create a PostgreSQL database with `ENCODING 'UTF8'`.",
        ],
    },
    Page {
        code: Code::RunLogContent,
        kinds: &[ErrorKind::Data],
        title: "the run log holds something that it cannot hold",
        happened: "A value in its tables is not one that this program writes: rows were changed by hand, the file \
            is damaged, or a later version wrote them.",
        remedies: &[
            "Restore the run log from a backup.",
            "Start another one: move the file away, or `lakexpress logdb drop`.",
        ],
    },
    Page {
        code: Code::RunUnderWay,
        kinds: &[ErrorKind::Unavailable],
        title: "the run is still under way",
        happened: "Its process is alive, or another one is resuming it.",
        remedies: &[
            "Wait until it has ended; `lakexpress status RUN_ID` shows its state.",
            "A run whose process was killed can be resumed after about half a minute.",
        ],
    },
    Page {
        code: Code::RunNotResumable,
        kinds: &[ErrorKind::Data, ErrorKind::Unavailable],
        title: "the run cannot be finished from what is recorded",
        happened: "The run has no tables, was recorded by an earlier version without what a resume needs, or a part \
            that it had finished is gone.",
        remedies: &[
            "Start a new export with the same flags.",
            "Give source and destination on the command line if an earlier version recorded the run.",
        ],
    },
    Page {
        code: Code::EventLost,
        kinds: &[ErrorKind::Unavailable],
        title: "an event could be neither recorded nor kept",
        happened: "The run log did not answer, and there is no place on this machine to keep its events until it \
            does. The exported files are not concerned.",
        remedies: &[
            "Set `HOME` or `XDG_STATE_HOME` to a directory that can be written.",
            "Make room on its disk.",
            "Check the run log's database.",
        ],
    },
];
