//! Pages: the destination.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "The destination", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::StorageUnreachable,
        kinds: &[ErrorKind::Config, ErrorKind::Unavailable],
        title: "the storage cannot be reached",
        happened: "The endpoint does not answer, refuses connections, has no address, cannot be reached through the \
            proxy or is busy.",
        remedies: &[
            "Check the endpoint and region of the storage's entry.",
            "Check proxies: `HTTPS_PROXY`, `NO_PROXY`.",
            "Check that the endpoint speaks TLS if its URL begins with `https`.",
            "Lower `-p` and `--n-jobs` if the line is too slow for so many uploads.",
        ],
    },
    Page {
        code: Code::StorageDenied,
        kinds: &[ErrorKind::Denied],
        title: "the destination denies the access",
        happened: "The credentials or this user lack a right, or the credentials are not known there. On a local \
            disk the directory may not be written, or is read-only.",
        remedies: &[
            "Grant the right that the line `needs:` names.",
            "Check the keys, and that they have not expired.",
            "On a local disk: `chown` or `chmod` the directory, or choose another `--output-dir`.",
            "Run `lakexpress check` with the destination alone: it tries every right.",
        ],
    },
    Page {
        code: Code::NoSuchBucket,
        kinds: &[ErrorKind::Config],
        title: "the bucket does not exist, or is in another region",
        happened: "The store knows no bucket or container of this name, or says that it is elsewhere. Buckets are \
            never created.",
        remedies: &[
            "Correct the name in `--output-dir` or in the entry.",
            "Create the bucket.",
            "Set `region` in the entry to the bucket's region.",
        ],
    },
    Page {
        code: Code::DiskFull,
        kinds: &[ErrorKind::Unavailable],
        title: "no space is left at the destination",
        happened: "The disk or the quota is full. What was committed before is whole; the table's unfinished files \
            are removed.",
        remedies: &[
            "Free space or raise the quota.",
            "Choose another `--output-dir`.",
            "Finish the run with `lakexpress resume RUN_ID`.",
        ],
    },
    Page {
        code: Code::CredentialsMissing,
        kinds: &[ErrorKind::Config, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "no credentials for the storage could be had",
        happened: "No key was given, and none of the places where credentials are looked for has any, or they have \
            expired.",
        remedies: &[
            "Set the keys in the storage's entry or in the variables of the provider.",
            "Log in again: `aws sso login`, `gcloud auth application-default login`, `az login`.",
            "Check the role of the machine or the service account of the container.",
            "See `docs/storage.md` for the order in which credentials are looked for.",
        ],
    },
    Page {
        code: Code::ClockSkew,
        kinds: &[ErrorKind::Config],
        title: "the clock of this machine is wrong",
        happened: "Stores refuse requests whose time is far from theirs, and locks depend on the time too.",
        remedies: &["Set the clock: `timedatectl set-ntp true`.", "Compare: `date -u` with another machine."],
    },
    Page {
        code: Code::DirectoryUnusable,
        kinds: &[ErrorKind::Config, ErrorKind::Data, ErrorKind::Unavailable, ErrorKind::Usage],
        title: "the output directory cannot be used",
        happened: "It is not a directory, is a link to nothing, has a name that the file system does not take, or \
            holds a link where the program keeps its files.",
        remedies: &[
            "Name a directory in `--output-dir` below one that exists and can be written.",
            "Mount the volume on which it is to lie.",
            "Remove links below it; use `mount --bind` for a directory on another disk.",
        ],
    },
    Page {
        code: Code::StorageSettings,
        kinds: &[ErrorKind::Config, ErrorKind::Data, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "the bucket asks for a setting that the entry lacks",
        happened: "The bucket demands encryption, a checksum, a storage class, a tag or that the requester pays, or \
            refuses what was asked for.",
        remedies: &[
            "Set the key that the hint names in the storage's entry (`docs/storage.md`).",
            "Ask the owner of the bucket for its policy.",
        ],
    },
    Page {
        code: Code::StoreUnfit,
        kinds: &[ErrorKind::Config, ErrorKind::Data, ErrorKind::Denied],
        title: "the store does not keep what an export needs of it",
        happened: "It ignores conditions of requests, does not list what was written, or gives back something else. \
            Two runs could damage each other's files there.",
        remedies: &[
            "Use a store, or a version of it, that supports `If-None-Match`.",
            "Look for a cache or gateway between here and the store, and go around it.",
            "Run `lakexpress check` against it after the change.",
        ],
    },
    Page {
        code: Code::StorageAnswer,
        kinds: &[ErrorKind::Config, ErrorKind::Unavailable, ErrorKind::Data],
        title: "the store's answer is not understood, or the store has a fault",
        happened: "The endpoint gave a web page, a cut off list or an error that has no row in this program. The \
            line `code:` of the error's context has the store's own word.",
        remedies: &[
            "Check that the endpoint is that of the store and not of its console.",
            "Look for a proxy or login page in between.",
            "Run again later; ask the store's operator with the code and status.",
        ],
    },
    Page {
        code: Code::UploadLost,
        kinds: &[ErrorKind::Data, ErrorKind::Unavailable],
        title: "an upload is gone before it was completed",
        happened: "Something removed the unfinished files or uploads of the run, or put another object in their \
            place.",
        remedies: &[
            "Run again, or `lakexpress resume RUN_ID`.",
            "Exclude the directory from clean-up jobs and lifecycle rules that remove uploads within a day.",
            "Use a directory that only exports write.",
        ],
    },
];
