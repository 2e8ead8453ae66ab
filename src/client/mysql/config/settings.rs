//! What an address says, as typed values.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::client::fields;
use crate::client::password::{Fresh, Secret};

pub(super) const DEFAULT_PORT: u16 = 3306;

/// Whether and how to use TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client::mysql) enum Tls {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Tls {
    pub(super) const ALL: [(&str, Self); 5] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// MySQL's words, in letters of any case.
    pub(super) const OF_MYSQL: [(&str, Self); 5] = [
        ("DISABLED", Self::Disable),
        ("PREFERRED", Self::Prefer),
        ("REQUIRED", Self::Require),
        ("VERIFY_CA", Self::VerifyCa),
        ("VERIFY_IDENTITY", Self::VerifyFull),
    ];

    pub(super) fn parse(word: &str) -> Option<Self> {
        let same = Self::ALL.iter().find(|(name, _)| *name == word);
        let same = same.or_else(|| Self::OF_MYSQL.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)));
        same.map(|(_, tls)| *tls)
    }
}

/// The RSA key that a password is encrypted with where there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client::mysql) enum ServerKey {
    /// None: such a login is refused.
    None,
    /// The one that the server sends, or an attacker in its place.
    Asked,
    /// The one in a PEM file.
    File(PathBuf),
}

/// What a key sets, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    User,
    Password,
    Host,
    Port,
    Database,
    Socket,
    Mode,
    RootCertificate,
    Certificate,
    PrivateKeyFile,
    AskPublic,
    ServerKeyFile,
    ConnectTimeout,
    FreshCommand,
    FreshFile,
    FreshLifetime,
}

impl fields::Key for Key {
    const LATER_COUNTS: bool = false;

    fn is_number(self) -> bool {
        matches!(self, Self::Port | Self::ConnectTimeout | Self::FreshLifetime)
    }

    /// A mode or a certificate that a variable did not fill in would weaken the connection.
    fn may_be_empty(self) -> bool {
        self == Self::Password
    }
}

/// How to reach one database of one server. Debug hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct MysqlConfig {
    /// Host name, IP address, or absolute path of a Unix socket.
    pub(in crate::client::mysql) host: String,
    pub(in crate::client::mysql) port: u16,
    pub(crate) user: String,
    pub(in crate::client::mysql) password: Option<Secret>,
    /// Where the password comes from for each new connection, instead of `password`.
    pub(in crate::client::mysql) fresh: Option<Arc<Fresh>>,
    pub(crate) database: String,
    pub(in crate::client::mysql) tls: Tls,
    pub(in crate::client::mysql) root_certificate: Option<PathBuf>,
    /// Files of our own certificates and their key.
    pub(in crate::client::mysql) identity: Option<(PathBuf, PathBuf)>,
    pub(in crate::client::mysql) server_key: ServerKey,
    /// Why a password that the surroundings have was not used.
    pub(in crate::client::mysql) password_note: Option<String>,
    /// Longest wait for the login.
    pub(in crate::client::mysql) connect_timeout: Duration,
}

impl fmt::Debug for MysqlConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlConfig")
            .field("server", &self.server())
            .field("user", &self.user)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl MysqlConfig {
    /// `host:port`, or the path of the socket: for messages.
    pub fn server(&self) -> String {
        if self.is_socket() {
            self.host.clone()
        } else if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether `host` is the path of a Unix socket.
    pub(in crate::client::mysql) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}
