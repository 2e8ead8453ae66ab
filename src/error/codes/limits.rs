//! Pages: limits and interruption.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Limits and interruption", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::MemoryLimit,
        kinds: &[ErrorKind::Unavailable],
        title: "more memory is needed than may be used",
        happened: "A query or the readers together need more than `--memory-limit`.",
        remedies: &[
            "Raise `--memory-limit`.",
            "Lower `-p` and `--n-jobs`.",
            "Lower `--row-group-rows` or `--row-group-bytes`.",
        ],
    },
    Page {
        code: Code::SystemLimits,
        kinds: &[ErrorKind::Config, ErrorKind::Data, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "the process may not open more files or start more threads",
        happened: "The limits of the system on this process are too low for the connections, files and threads of \
            the run.",
        remedies: &[
            "Raise the limit on open files: `ulimit -n 1024` in the shell, `LimitNOFILE=1024` in a systemd \
                unit.",
            "Raise the limit on tasks: `TasksMax=` in a systemd unit, `--pids-limit` of a container.",
            "Lower `-p` and `--n-jobs`.",
        ],
    },
    Page {
        code: Code::SnapshotAge,
        kinds: &[ErrorKind::Unavailable, ErrorKind::Usage],
        title: "the snapshot became as old as --max-snapshot-age allows",
        happened: "The tables that were not finished in time fail, so that the database can clean up again. \
            Committed tables are whole.",
        remedies: &[
            "Finish the run with `lakexpress resume RUN_ID`; it takes a new snapshot.",
            "Raise `--max-snapshot-age`.",
            "Raise `-p` so that the run takes less time; leave the flag out with `--consistency none`.",
        ],
    },
    Page {
        code: Code::ReplicaLag,
        kinds: &[ErrorKind::Denied, ErrorKind::Unavailable, ErrorKind::Usage],
        title: "replicas are too far behind, or their delay is not known",
        happened: "`--max-replica-lag` lets parts begin only while replicas keep up. They were behind for too long, \
            or the server or this user cannot say how far they are.",
        remedies: &[
            "Wait until the replicas have caught up, or raise `--max-replica-lag`.",
            "`GRANT pg_monitor TO user` on PostgreSQL; elsewhere the right that the hint names.",
            "Leave `--max-replica-lag` out where the source has no replicas.",
        ],
    },
    Page {
        code: Code::WindowClosed,
        kinds: &[ErrorKind::Unavailable],
        title: "the hours of --start-between are over",
        happened: "A run or a table begins only within these hours. What began before is finished.",
        remedies: &[
            "Finish the run in the next window with `lakexpress resume RUN_ID`.",
            "Widen `--start-between`; it may name a time zone.",
        ],
    },
    Page {
        code: Code::SpillDirectory,
        kinds: &[ErrorKind::Config, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "the temporary directory cannot take what memory does not hold",
        happened: "Sorts and joins that need more than `--memory-limit` write temporary files. Their directory is \
            missing, full or may not be written.",
        remedies: &[
            "Set `TMPDIR` to a directory with space in which this user may write.",
            "Raise `--memory-limit`.",
        ],
    },
    Page {
        code: Code::ConnectionBudget,
        kinds: &[ErrorKind::Usage],
        title: "the run needs more connections than --max-connections allows",
        happened: "Each reader has a connection, and the run needs some more for the snapshot and the catalog.",
        remedies: &[
            "Raise `--max-connections` to the number that the hint names.",
            "Lower `-p` and `--n-jobs`.",
            "Write a query that reads fewer tables side by side.",
        ],
    },
    Page {
        code: Code::Interrupted,
        kinds: &[ErrorKind::Unavailable],
        title: "the work was stopped before it was done",
        happened: "A signal, another error of the same run or `--error-action fail` ended it. What was committed is \
            whole, the rest is as before.",
        remedies: &[
            "Finish the run with `lakexpress resume RUN_ID`.",
            "Look further up in the output for the error that came first.",
        ],
    },
    Page {
        code: Code::TooManyPartitions,
        kinds: &[ErrorKind::Data],
        title: "a table would have too many partitions",
        happened: "Each partition is a directory with files. More of them than `--max-partitions` are taken for a \
            mistake: millions of small files are slow to write and to read. Nothing is written.",
        remedies: &[
            "Partition by an expression with fewer values: `year(d) AS y`, `left(name, 2) AS prefix`.",
            "Raise `--max-partitions`.",
        ],
    },
];
