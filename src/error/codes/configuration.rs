//! Pages: configuration, auth entries, environment.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Configuration, auth entries, environment", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::Config,
        kinds: &[ErrorKind::Config],
        title: "the configuration is wrong",
        happened: "A file, an entry, an address or a setting of the environment cannot be used. The same command \
            fails again until it is corrected.",
        remedies: &[
            "Read the lines `hint:` below the error.",
            "Run `lakexpress check` after the correction.",
        ],
    },
    Page {
        code: Code::AuthFileUnreadable,
        kinds: &[ErrorKind::Config, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "the auth file cannot be read",
        happened: "The file of `--auth` does not exist, may not be read by this user, or its disk does not answer.",
        remedies: &[
            "Check the path in `--auth` or `LAKEXPRESS_AUTH`.",
            "Let this user read the file: `chmod 600 FILE`, `chown USER FILE`.",
            "In a container, check that the secret is mounted at this path.",
        ],
    },
    Page {
        code: Code::AuthFileInvalid,
        kinds: &[ErrorKind::Config],
        title: "the auth file is not valid JSON, or not an object of entries",
        happened: "The file is read as one JSON object whose keys are ids and whose values are entries. Its text is \
            never repeated in messages, because it holds passwords.",
        remedies: &[
            "Check the file with `python3 -m json.tool FILE`.",
            "Look at the line and column that the message names: a comma, a quote or a bracket is missing or \
                too many.",
        ],
    },
    Page {
        code: Code::AuthEntryMissing,
        kinds: &[ErrorKind::Config],
        title: "the auth file has no entry of this id",
        happened: "An id of `--source-db-auth-id`, `--target-storage-id`, `--log-db-auth-id` or `--notify` is not a \
            key of the auth file.",
        remedies: &[
            "Correct the id; the message names the nearest one.",
            "Check that `--auth` names the file that has the entry.",
        ],
    },
    Page {
        code: Code::AuthEntryInvalid,
        kinds: &[ErrorKind::Config],
        title: "an auth entry has wrong or missing keys",
        happened: "The message lists all problems of the entry: keys that are not known, that are missing, or whose \
            values have a wrong form.",
        remedies: &[
            "Correct the keys that are named; a hint names the nearest known key.",
            "Compare the entry with `docs/storage.md`, `docs/postgres-connections.md` or `docs/mysql.md`.",
        ],
    },
    Page {
        code: Code::AuthFileWritable,
        kinds: &[ErrorKind::Denied],
        title: "other users can change what a command of the auth file runs",
        happened: "`password_command` runs as the user that exports. The program refuses it where other users could \
            replace the auth file or the command.",
        remedies: &[
            "Take the right to write from others: `chmod go-w FILE`, and the same for its directory.",
            "Move the auth file to a directory that only this user can write.",
        ],
    },
    Page {
        code: Code::PasswordSource,
        kinds: &[ErrorKind::Config, ErrorKind::Unavailable],
        title: "no password could be had from its command or file",
        happened: "`password_command` failed, took too long or wrote something that is no password, or the file of \
            `password_file` or of a password list cannot be read.",
        remedies: &[
            "Run the command by hand as the user that exports: it must end with 0 and write one line.",
            "Let it ask for nothing: it has no terminal and no input.",
            "Check the path and the rights of `password_file`.",
        ],
    },
    Page {
        code: Code::AddressInvalid,
        kinds: &[ErrorKind::Usage, ErrorKind::Config],
        title: "an address is no URL or path that can be used",
        happened: "The source's URL, the destination's URL or a path has a form that is not understood, or names a \
            kind of database or storage that this version does not have.",
        remedies: &[
            "Write a source as `postgresql://user@host:5432/database`, `sqlite:///path/file.db` or the form \
                of your server's page.",
            "Write a destination as a directory, `s3://bucket/prefix`, `gs://bucket/prefix` or an Azure URL \
                (`docs/storage.md`).",
            "Write `/ ? # @` in a password as `%2F %3F %23 %40`, or keep the password in the auth file.",
        ],
    },
    Page {
        code: Code::CertificateFile,
        kinds: &[ErrorKind::Config],
        title: "a file of certificates or keys cannot be used",
        happened: "A file of `sslrootcert`, `sslcert`, `sslkey` or a server's public key cannot be read, or is not \
            in PEM format.",
        remedies: &[
            "Check the path and that this user may read the file.",
            "Convert it to PEM: `openssl x509 -in FILE -out FILE.pem`.",
            "Remove the passphrase of a private key: `openssl pkey -in FILE -out FILE`.",
            "Check that `sslcert` and `sslkey` belong together.",
        ],
    },
    Page {
        code: Code::StorageIncomplete,
        kinds: &[ErrorKind::Config],
        title: "the settings of the storage are incomplete or not usable",
        happened: "A region, an account, an endpoint or a key that the storage needs is missing, or has a form that \
            no storage takes. No request was sent.",
        remedies: &[
            "Set the key that the message names in the storage's entry, or its variable.",
            "See `docs/storage.md` for where each key is looked up, and in which order.",
            "Copy keys without line breaks and quotes.",
        ],
    },
    Page {
        code: Code::Surroundings,
        kinds: &[ErrorKind::Config],
        title: "the environment of the process lacks a directory",
        happened: "Neither `XDG_STATE_HOME` nor `HOME` is an absolute path, or the working directory was removed or \
            may not be read.",
        remedies: &[
            "Set `HOME` or `XDG_STATE_HOME` in the service or container.",
            "Name a run log with `--log-db-auth-id`.",
            "Start the program in a directory that exists, and write absolute paths.",
        ],
    },
    Page {
        code: Code::ConfigFileUnreadable,
        kinds: &[ErrorKind::Config, ErrorKind::Denied],
        title: "the configuration file cannot be read",
        happened: "The file of `-c/--config` or `LAKEXPRESS_CONFIG` does not exist, may not be read by this user, is \
            larger than 16 MiB, or has a name that does not end in `.toml`, `.yaml` or `.yml`.",
        remedies: &[
            "Check the path in `-c` or `LAKEXPRESS_CONFIG`; a relative one begins at the working directory.",
            "Let `lakexpress init --source URL --write lakexpress.toml` write a file.",
        ],
    },
    Page {
        code: Code::ConfigFileInvalid,
        kinds: &[ErrorKind::Config],
        title: "the configuration file has mistakes",
        happened: "A key is not known or has a value that its flag does not take, or the file is not TOML or YAML. \
            The message names file, line and column of each mistake; nothing was read or written.",
        remedies: &[
            "Run `lakexpress config check -c FILE`: it lists all mistakes, with the nearest known key.",
            "Compare with `docs/configuration.md`, or have your editor use `lakexpress config schema`.",
            "Set the variables that `${NAME}` names in the file.",
        ],
    },
    Page {
        code: Code::PlanFile,
        kinds: &[ErrorKind::Config, ErrorKind::Data, ErrorKind::Denied],
        title: "the file is no plan that can be applied",
        happened: "The file of `lakexpress apply` cannot be read, can be changed by other users, or is not a plan \
            of `lakexpress plan --out FILE` in the format of this version.",
        remedies: &[
            "Check the path.",
            "Make the plan again with `lakexpress plan ... --out FILE`.",
            "Let only its owner write the file and its directory: `chmod go-w FILE`.",
        ],
    },
    Page {
        code: Code::StalePlan,
        kinds: &[ErrorKind::Data],
        title: "the plan is stale",
        happened: "Since `lakexpress plan --out FILE` the source has changed so that an export would do something \
            else than what was reviewed: tables, columns, types, or how a table is cut. The message names each \
            change. Nothing was written.",
        remedies: &[
            "Make the plan again with `lakexpress plan ... --out FILE`, review it, and apply it.",
            "Undo what changed in the source.",
        ],
    },
];
