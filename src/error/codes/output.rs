//! Pages: defects and output.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Defects and output", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::Internal,
        kinds: &[ErrorKind::Internal],
        title: "a defect in lakexpress",
        happened: "The program met a state that it does not expect. Committed tables are whole.",
        remedies: &[
            "Report it with the version (`lakexpress --version`), the command line without secrets and the \
                log file.",
            "Try the latest version.",
        ],
    },
    Page {
        code: Code::Output,
        kinds: &[ErrorKind::Output],
        title: "the result could not be written to standard output",
        happened: "The work was done, or nothing else was asked for. The disk of a redirected output may be full.",
        remedies: &["Make room, or redirect the output elsewhere.", "Run the command again: it only prints."],
    },
    Page {
        code: Code::MetricsFile,
        kinds: &[ErrorKind::Config, ErrorKind::Denied, ErrorKind::Unavailable, ErrorKind::Usage],
        title: "the metrics file cannot be written",
        happened: "The path of `--metrics-file` is no place for it: a URL, a directory, or a file that no run wrote \
            and that is not replaced.",
        remedies: &[
            "Name a file in a directory that this user may write.",
            "Remove the file that is there, or choose another name.",
        ],
    },
    Page {
        code: Code::LogFile,
        kinds: &[ErrorKind::Config, ErrorKind::Denied, ErrorKind::Unavailable, ErrorKind::Usage],
        title: "the log file cannot be written",
        happened: "The directory of `--log-dir` cannot be made or written.",
        remedies: &[
            "Name a directory that this user may write.",
            "Leave `--log-dir` out: log lines go to standard error too.",
        ],
    },
    Page {
        code: Code::Notify,
        kinds: &[ErrorKind::Config, ErrorKind::Unavailable, ErrorKind::Usage],
        title: "the notification cannot be sent",
        happened: "The URL or entry of `--notify` is not usable, or its host cannot be reached. The exit code of \
            the run does not change.",
        remedies: &[
            "Check the URL, or the entry that the id names.",
            "Check proxies: `HTTPS_PROXY`, `NO_PROXY`.",
            "Try it with `lakexpress check --notify`.",
        ],
    },
    Page {
        code: Code::Demo,
        kinds: &[ErrorKind::Config, ErrorKind::Unavailable, ErrorKind::Usage],
        title: "the demo cannot write its directory",
        happened: "`lakexpress demo` makes a new directory and never writes into one that holds something.",
        remedies: &[
            "Choose another directory with `--dir`, or remove the old one.",
            "Make room: `--scale 0.01` needs little.",
        ],
    },
];
