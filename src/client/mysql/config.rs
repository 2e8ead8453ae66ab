//! How to reach a MySQL or MariaDB server: from a URL or an entry of the auth file, checked completely, all problems at
//! once.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Address;
use crate::client::fields::{self, Fields, FreshKeys, Keys, Parts, is_misread};
use crate::client::password::{Fresh, Secret};
use crate::error::{Error, Result};

const DEFAULT_PORT: u16 = 3306;

const URL_HINT: &str = "write mysql://user:password@host:port/database?sslmode=...";

/// Whether and how to use TLS: PostgreSQL's words, which are clearer than MySQL's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Tls {
    const ALL: [(&str, Self); 5] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];
}

/// What a key sets, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    User,
    Password,
    Host,
    Port,
    Database,
    Mode,
    RootCertificate,
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

/// Keys of an entry; the first name of a key is the one we suggest.
const ENTRY_KEYS: Keys<Key> = &[
    ("username", Key::User),
    ("user", Key::User),
    ("password", Key::Password),
    ("server", Key::Host),
    ("host", Key::Host),
    ("port", Key::Port),
    ("database", Key::Database),
    ("sslmode", Key::Mode),
    ("sslrootcert", Key::RootCertificate),
    ("connect_timeout", Key::ConnectTimeout),
    ("password_command", Key::FreshCommand),
    ("password_file", Key::FreshFile),
    ("password_lifetime", Key::FreshLifetime),
];

/// Keys of a URL's query. Those of the parts before it stand for a socket as the host, and for what is easier to write
/// there.
const URL_KEYS: Keys<Key> = &[
    ("user", Key::User),
    ("password", Key::Password),
    ("host", Key::Host),
    ("port", Key::Port),
    ("database", Key::Database),
    ("sslmode", Key::Mode),
    ("sslrootcert", Key::RootCertificate),
    ("connect_timeout", Key::ConnectTimeout),
];

const PARTS: Parts<Key> = Parts {
    user: Key::User,
    password: Key::Password,
    host: Key::Host,
    port: Key::Port,
    database: Key::Database,
};

const FRESH: FreshKeys<Key> = FreshKeys {
    command: Key::FreshCommand,
    file: Key::FreshFile,
    lifetime: Key::FreshLifetime,
    password: Key::Password,
};

/// How to reach one database of one server. Debug hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct MysqlConfig {
    /// Host name, IP address, or absolute path of a Unix socket.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<Secret>,
    /// Where the password comes from for each new connection, instead of `password`.
    pub(super) fresh: Option<Arc<Fresh>>,
    pub(crate) database: String,
    pub(super) tls: Tls,
    pub(super) root_certificate: Option<PathBuf>,
    /// Longest wait for the login.
    pub(super) connect_timeout: Duration,
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
    /// Reads a URL or the `info` of an auth file entry.
    ///
    /// # Errors
    /// `Config` with every problem there is, each with its place.
    pub fn from_address(address: &Address) -> Result<Self> {
        let (fields, hint) = match address {
            Address::Url(url) if is_misread(url) => {
                return Err(Error::config("the URL has a password with a sign that ends it")
                    .hint("write / ? # and @ of a password as %2F %3F %23 and %40"));
            }
            Address::Url(url) => (Fields::of_server_url(url, URL_KEYS, &PARTS), URL_HINT.to_owned()),
            Address::Entry { id, info, database, .. } => {
                let mut fields = Fields::of_entry(id, info, ENTRY_KEYS);
                if let Some(database) = database {
                    fields.put(Key::Database, "database", database.clone());
                }
                let known: Vec<_> = ENTRY_KEYS.iter().map(|(name, _)| *name).collect();
                (fields, format!("keys of a mysql or mariadb entry: {}", known.join(", ")))
            }
        };
        build(fields).map_err(|error| error.hint(hint))
    }

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
    pub(super) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

fn build(mut fields: Fields<Key>) -> Result<MysqlConfig> {
    let modes = Tls::ALL.map(|(name, _)| name).join(", ");
    let tls = fields.read(Key::Mode, &format!("one of {modes}"), |word| {
        Tls::ALL.iter().find(|(name, _)| *name == word).map(|(_, tls)| *tls)
    });
    let seconds = fields.number::<u32>(Key::ConnectTimeout, "a whole number of seconds");
    let config = MysqlConfig {
        host: fields.required(Key::Host),
        port: fields.port(Key::Port).unwrap_or(DEFAULT_PORT),
        user: fields.required(Key::User),
        fresh: fields.fresh(&FRESH),
        password: fields.text(Key::Password).map(Secret::new),
        database: fields.required(Key::Database),
        tls: tls.unwrap_or(Tls::Prefer),
        root_certificate: fields.text(Key::RootCertificate).map(PathBuf::from),
        connect_timeout: Duration::from_secs(seconds.unwrap_or(10).max(1).into()),
    };
    fields.finish()?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn entry(info: &str) -> Result<MysqlConfig> {
        let info = serde_json::from_str(info).expect("json");
        MysqlConfig::from_address(&Address::Entry {
            id: "log".into(),
            kind: "mysql".into(),
            info,
            database: None,
        })
    }

    fn url(text: &str) -> Result<MysqlConfig> {
        MysqlConfig::from_address(&Address::Url(url::Url::parse(text).expect("a URL")))
    }

    #[test]
    fn an_entry_has_defaults_and_hides_its_password() {
        let found = entry(
            r#"{"username": "u", "password": "pa55", "server": "db", "database": "l", "port": "3307"}"#,
        )
        .expect("valid");
        assert_eq!((found.server().as_str(), found.tls), ("db:3307", Tls::Prefer));
        assert!(!format!("{found:?}").contains("pa55"));
    }

    #[test]
    fn a_url_says_the_same_as_an_entry() {
        let info = r#"{"username": "u@x", "password": "p/w+", "server": "db", "database": "l d", "port": 3307,
            "sslmode": "verify-ca", "sslrootcert": "/ca.pem", "connect_timeout": 3}"#;
        let text =
            "mysql://u%40x:p%2Fw+@db:3307/l%20d?sslmode=verify-ca&sslrootcert=%2Fca.pem&connect_timeout=3";
        assert_eq!(url(text).expect("valid"), entry(info).expect("valid"));
        let found = url("mariadb://u@[2001:db8::1]/d").expect("valid");
        assert_eq!((found.server().as_str(), found.password), ("[2001:db8::1]:3306", None));
        assert_eq!(url("mysql:///d?host=/run/my.sock&user=u").expect("valid").server(), "/run/my.sock");
    }

    #[test]
    fn all_problems_are_said_at_once() {
        let error = entry(
            r#"{"usrname": "u", "user": "", "password": 5, "port": "x", "server": "a", "host": "b",
                "sslmode": "a text that is long enough to be a secret"}"#,
        )
        .expect_err("wrong");
        assert_eq!(error.kind(), ErrorKind::Config);
        for part in [
            "entry log has 7 problems",
            "log.info.usrname is not a known key: did you mean username?",
            "log.info.user is empty",
            "log.info.password must be a string, but is a number",
            "log.info.port must be a number from 1 to 65535, but is \"x\"",
            "says the same as log.info.",
            "log.info.database is missing",
            "log.info.sslmode must be one of disable, prefer, require, verify-ca, verify-full",
        ] {
            assert!(error.message().contains(part), "{part} in {error}");
        }
        assert!(!format!("{error:?}").contains("secret"));
        let error = url("mysql://u:hunter2@h/d?user=v&sslmode=&port=0").expect_err("wrong");
        for part in ["3 problems", "user says the same as user", "sslmode is empty", "port must be"] {
            assert!(error.message().contains(part), "{part} in {error}");
        }
        assert!(!format!("{error:?}").contains("hunter"));
        let error = url("mysql://u:12#ter2@h/d").expect_err("wrong");
        assert!(error.message().contains("sign that ends it") && !format!("{error:?}").contains("ter2"));
    }
}
