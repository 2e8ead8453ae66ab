//! Pages: reaching a database and logging in.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Reaching a database and logging in", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::Unavailable,
        kinds: &[ErrorKind::Unavailable],
        title: "a server, a network or a disk is not usable now",
        happened: "Something outside of the program did not answer or failed. The same command may succeed later; \
            the exit code asks to try again.",
        remedies: &[
            "Read the lines `caused by:` and `hint:` below the error.",
            "Run the command again later, or `lakexpress resume RUN_ID` for a run that began.",
        ],
    },
    Page {
        code: Code::ServerUnreachable,
        kinds: &[ErrorKind::Unavailable],
        title: "the database server cannot be reached",
        happened: "No connection came about, or the server did not finish the login in time. The server does not \
            run, listens on another address or port, or a firewall is in between.",
        remedies: &[
            "Check host and port in the URL or the auth entry.",
            "Try the same address from this machine with the database's own client.",
            "Check on which addresses the server listens (`listen_addresses`, `bind-address`) and the \
                firewalls.",
            "Raise `connect_timeout` (seconds) for a slow network.",
        ],
    },
    Page {
        code: Code::LoginRefused,
        kinds: &[ErrorKind::Denied],
        title: "the server refuses the login",
        happened: "User, password, host or encryption are not what the server asks for, or the account is locked or \
            its password has expired.",
        remedies: &[
            "Check user name, password and database in the URL or the auth entry.",
            "Log in with the same values with the database's own client.",
            "On PostgreSQL look at `pg_hba.conf`: it decides who may log in from where, and how.",
            "Set `sslmode=require` if the server lets the user in over TLS only.",
            "For a token or a password that changes use `password_command`.",
        ],
    },
    Page {
        code: Code::HostUnknown,
        kinds: &[ErrorKind::Unavailable],
        title: "the server's host name cannot be resolved",
        happened: "The name service has no address for the host, or does not answer.",
        remedies: &[
            "Check the host's name for a typing mistake.",
            "Look it up on this machine: `getent hosts NAME`.",
            "Write the IP address instead of the name.",
        ],
    },
    Page {
        code: Code::ConnectionLost,
        kinds: &[ErrorKind::Unavailable],
        title: "a connection to the server was lost",
        happened: "The server restarted, ended the session or crashed, or something between (a firewall, a proxy, a \
            NAT gateway) cut the connection.",
        remedies: &[
            "Look into the server's log for the time of the error.",
            "Raise time limits for idle or long connections at proxies and firewalls.",
            "Raise `--retries` for a network that often breaks.",
            "Finish the run with `lakexpress resume RUN_ID`.",
        ],
    },
    Page {
        code: Code::UnknownDatabase,
        kinds: &[ErrorKind::Config, ErrorKind::Denied],
        title: "the database does not exist on the server",
        happened: "The server was reached and has no database of this name, or this user may not know of it. The \
            name's case may matter.",
        remedies: &[
            "Correct the database in the URL, the auth entry or `--source-db-name`.",
            "List the databases with the database's own client.",
        ],
    },
    Page {
        code: Code::NoFreeConnection,
        kinds: &[ErrorKind::Unavailable],
        title: "the server has no connection left",
        happened: "The server, the user or a pooler in between has as many connections as it allows.",
        remedies: &[
            "Lower `-p` and `--n-jobs`, or set `--max-connections`.",
            "Raise `max_connections` at the server, or the user's own limit.",
            "Run the export at an hour with fewer other connections.",
        ],
    },
    Page {
        code: Code::TlsMissing,
        kinds: &[ErrorKind::Config],
        title: "the server does not speak TLS, which sslmode asks for",
        happened: "`sslmode` is `require` or stronger, and the server or the pooler in between has TLS turned off.",
        remedies: &[
            "Turn TLS on at the server.",
            "Set `sslmode=prefer` only in a network that you trust: then passwords and rows may travel in the \
                clear.",
        ],
    },
    Page {
        code: Code::CertificateName,
        kinds: &[ErrorKind::Config],
        title: "the server's certificate is made out to another name",
        happened: "`sslmode=verify-full` compares the host of the address with the names in the certificate. They \
            differ.",
        remedies: &[
            "Use the host name for which the certificate was made.",
            "Have a certificate made that names this host.",
            "Use `sslmode=verify-ca` if the name cannot be right, for example through a tunnel.",
        ],
    },
    Page {
        code: Code::CertificateUntrusted,
        kinds: &[ErrorKind::Config],
        title: "the server's certificate is not trusted",
        happened: "The certificate is signed by an authority that is not in `sslrootcert`, has expired or is not \
            valid yet, or `sslmode` needs an authority and `sslrootcert` is not set.",
        remedies: &[
            "Set `sslrootcert` to the PEM file of the server's authority; cloud providers offer it for \
                download.",
            "Look at the certificate's dates: `openssl x509 -noout -dates -in FILE`.",
            "Check the clock of this machine.",
            "Install the package `ca-certificates` if the platform's authorities are to be used.",
        ],
    },
    Page {
        code: Code::TlsFailed,
        kinds: &[ErrorKind::Config, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "no TLS connection to the server came about",
        happened: "The two sides do not agree on a version or a cipher, the server asks for a client certificate, \
            or the port does not speak TLS.",
        remedies: &[
            "Use a server with TLS 1.2 or 1.3.",
            "Set `sslcert` and `sslkey` if the server asks for a client certificate.",
            "Check that host and port are those of the database and not of something else.",
        ],
    },
    Page {
        code: Code::LoginMethod,
        kinds: &[ErrorKind::Config, ErrorKind::Denied],
        title: "the server asks for a login that cannot be used",
        happened: "The server wants a way to log in that this program does not have, or wants the password itself \
            over a connection without TLS.",
        remedies: &[
            "Set another method for this user: SCRAM (`scram-sha-256`) on PostgreSQL, `caching_sha2_password` \
                or native passwords elsewhere.",
            "Set `sslmode=require` or stronger, so that the connection is encrypted.",
        ],
    },
    Page {
        code: Code::ServerTooOld,
        kinds: &[ErrorKind::Config],
        title: "the server's version is too old",
        happened: "The version lacks functions that a consistent export needs. The message names the oldest version \
            that is supported.",
        remedies: &["Upgrade the server.", "Export from a replica of a later version."],
    },
    Page {
        code: Code::NotThisServer,
        kinds: &[ErrorKind::Config, ErrorKind::Unavailable],
        title: "the answer is not that of the expected server",
        happened: "Something else listens on this port: another database, a web server, or a proxy that does not \
            speak the protocol.",
        remedies: &[
            "Check host and port.",
            "Check the URL's scheme: it names the kind of the database.",
            "Connect to the server directly to see whether the proxy is the cause.",
        ],
    },
    Page {
        code: Code::ServerStops,
        kinds: &[ErrorKind::Unavailable],
        title: "the server is starting, stopping or switching over",
        happened: "It takes no connections, ended the ones that it had, or is read-only for the time of a \
            switch-over.",
        remedies: &[
            "Wait until the server is up, then run the command again.",
            "Finish the run with `lakexpress resume RUN_ID`.",
        ],
    },
    Page {
        code: Code::DatabaseFile,
        kinds: &[ErrorKind::Config, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "the database file cannot be opened",
        happened: "The SQLite file does not exist, is not a file, or may not be read by this user. Nothing is \
            created.",
        remedies: &[
            "Check the path in the URL; `sqlite:///data/x.db` is absolute.",
            "Give this user the right to read the file and to enter its directory.",
            "Give it the right to write the directory once if a program ended within a transaction.",
        ],
    },
    Page {
        code: Code::DatabaseDamaged,
        kinds: &[ErrorKind::Config, ErrorKind::Data],
        title: "the database file is damaged, or is no database",
        happened: "Pages contradict each other, the file is cut short, or it is encrypted or of another kind.",
        remedies: &[
            "Run `PRAGMA integrity_check` with the `sqlite3` program.",
            "Restore the file from a backup, or save what can be read with `.recover`.",
            "Copy a database with `.backup` or `VACUUM INTO`, never with `cp` while it is written.",
        ],
    },
    Page {
        code: Code::DatabaseBusy,
        kinds: &[ErrorKind::Unavailable],
        title: "another program keeps the database file locked",
        happened: "A writer holds the lock for longer than `busy_timeout`, or the file system has no locks that \
            work.",
        remedies: &[
            "Run again when the other program has ended its transaction.",
            "Raise `busy_timeout` in the URL or the entry.",
            "Copy the file to a local disk if it lies on a network file system.",
        ],
    },
];
