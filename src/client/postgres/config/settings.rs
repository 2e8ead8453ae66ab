//! How a server is reached, resolved.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::client::password::{Fresh, Secret};

/// Port of a server when none is given.
pub(super) const DEFAULT_PORT: u16 = 5432;

/// libpq's `sslmode`. Not applied to Unix sockets, as in libpq.
///
/// The chain of the server's certificate is also checked in the weaker modes when `sslrootcert` is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// Plain first, TLS when the server rejects that.
    Allow,
    /// TLS first, plain when the server has none, or when TLS fails or is rejected.
    Prefer,
    /// TLS, whoever answers.
    Require,
    /// TLS with a certificate of a trusted authority.
    VerifyCa,
    /// TLS with a certificate of a trusted authority, made out to this host.
    VerifyFull,
}

impl SslMode {
    /// All modes, weakest first.
    pub const ALL: [Self; 6] =
        [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// libpq's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// The mode of a word; none when there is no such mode.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// libpq's `channel_binding`: whether the login must prove that the other end of the TLS connection is the server that
/// knows the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Not even where it could be.
    Disable,
    /// Where both sides can.
    Prefer,
    /// Or there is no connection.
    Require,
}

/// Which authorities are trusted: `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCert {
    /// The PEM certificates of this file.
    File(PathBuf),
    /// Those the platform trusts (`sslrootcert=system`).
    System,
}

/// How to reach one database of one server. Debug hides the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// Host name, IP address (IPv6 without brackets), or absolute directory of a Unix socket.
    pub host: String,
    /// TCP port, also part of the Unix socket's name.
    pub port: u16,
    /// Role to log in as.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// Database to connect to.
    pub database: String,
    /// Whether and how to use TLS.
    pub sslmode: SslMode,
    /// Trusted authorities.
    pub sslrootcert: Option<RootCert>,
    /// The root certificate file to use, if it exists, when `sslrootcert` is not given.
    pub default_root_cert: Option<PathBuf>,
    /// Client certificate chain (PEM), together with `sslkey`.
    pub sslcert: Option<PathBuf>,
    /// Private key of the client certificate (PEM, not encrypted).
    pub sslkey: Option<PathBuf>,
    /// Longest wait for each address of the host, and again for startup and login; zero waits forever.
    pub connect_timeout: Duration,
    /// Name shown in `pg_stat_activity`.
    pub application_name: String,
    /// Settings for the server to begin with, as on its command line: `-c work_mem=64MB`.
    pub options: Option<String>,
    /// Whether the login is bound to the TLS connection.
    pub channel_binding: Binding,
    /// Why a password file was not used, for the message that a password is missing.
    pub password_note: Option<String>,
    /// Where the password comes from for each new connection, instead of `password`.
    pub fresh: Option<Arc<Fresh>>,
}

impl PostgresConfig {
    /// A configuration with the defaults: port 5432, `sslmode=prefer`, 10 seconds, name `lakexpress`.
    pub fn new(host: impl Into<String>, user: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: DEFAULT_PORT,
            user: user.into(),
            password: None,
            database: database.into(),
            sslmode: SslMode::Prefer,
            sslrootcert: None,
            default_root_cert: None,
            sslcert: None,
            sslkey: None,
            connect_timeout: Duration::from_secs(10),
            application_name: "lakexpress".into(),
            options: None,
            channel_binding: Binding::Prefer,
            password_note: None,
            fresh: None,
        }
    }

    /// Whether `host` is the directory of a Unix socket.
    pub fn is_unix_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// `host:port`, or the path of the Unix socket: for messages.
    pub fn server(&self) -> String {
        if self.is_unix_socket() {
            self.socket_path().display().to_string()
        } else if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The Unix socket of the server, meaningful when [`Self::is_unix_socket`].
    pub fn socket_path(&self) -> PathBuf {
        PathBuf::from(&self.host).join(format!(".s.PGSQL.{}", self.port))
    }
}

/// Advice when a mode that verifies has nothing to verify against.
pub(in crate::client::postgres) const ROOT_CERT_HINT: &str = "set sslrootcert=FILE (the PEM certificate of the server's authority) or sslrootcert=system with verify-full";
