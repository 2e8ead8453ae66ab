//! How to reach a MySQL or MariaDB server: an entry of the auth file, checked completely, all problems at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{OptsBuilder, SslOpts};
use serde_json::{Map, Value};

use crate::client::Address;
use crate::client::password::{Fresh, LIFETIME, Origin, Secret};
use crate::error::{Error, Result};
use crate::spec::nearest;

const DEFAULT_PORT: u16 = 3306;
const KEYS: [&str; 13] = [
    "username",
    "user",
    "password",
    "server",
    "host",
    "port",
    "database",
    "sslmode",
    "sslrootcert",
    "connect_timeout",
    "password_command",
    "password_file",
    "password_lifetime",
];

/// Whether and how to use TLS: PostgreSQL's words, which are clearer than MySQL's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
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

    pub(crate) fn is_optional(self) -> bool {
        self == Self::Prefer
    }
}

/// How to reach one database of one server. Debug hides the password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MysqlConfig {
    /// Host name, IP address, or absolute path of a Unix socket.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    password: Option<Secret>,
    /// Where the password comes from for each new connection, instead of `password`.
    pub(crate) fresh: Option<Arc<Fresh>>,
    pub(crate) database: String,
    pub(crate) tls: Tls,
    root_certificate: Option<PathBuf>,
    pub(crate) connect_timeout: Duration,
}

impl std::fmt::Debug for MysqlConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MysqlConfig")
            .field("server", &self.server())
            .field("user", &self.user)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl MysqlConfig {
    /// Reads the `info` of an auth file entry.
    ///
    /// # Errors
    /// `Config` with every problem there is, each with its path; no values of secrets.
    pub(crate) fn from_address(address: &Address) -> Result<Self> {
        let Address::Entry { id, info, database, .. } = address else {
            return Err(Error::config("a run log in MySQL is named by an entry of the auth file"));
        };
        let mut fields = Fields { id, info, problems: Vec::new() };
        fields.unknown_keys();
        let host = fields.required(&["server", "host"]);
        let user = fields.required(&["username", "user"]);
        let entry_database = fields.text("database");
        let database = database.clone().or(entry_database).unwrap_or_else(|| {
            fields.problems.push(format!("{id}.info.database: missing"));
            String::new()
        });
        let tls = fields.text("sslmode").map_or(Tls::Prefer, |word| {
            Tls::ALL.iter().find(|(name, _)| *name == word).map_or_else(
                || {
                    let names = Tls::ALL.map(|(name, _)| name).join(", ");
                    fields.problems.push(format!("{id}.info.sslmode: unknown mode, write one of {names}"));
                    Tls::Prefer
                },
                |(_, tls)| *tls,
            )
        });
        let config = Self {
            host,
            port: fields.number("port").map_or(DEFAULT_PORT, |port| {
                u16::try_from(port).unwrap_or_else(|_| {
                    fields.problems.push(format!("{id}.info.port: no port, write 1 to 65535"));
                    DEFAULT_PORT
                })
            }),
            user,
            fresh: fields.fresh(),
            password: fields.text("password").map(Secret::new),
            database,
            tls,
            root_certificate: fields.text("sslrootcert").map(PathBuf::from),
            connect_timeout: Duration::from_secs(fields.number("connect_timeout").unwrap_or(10).max(1)),
        };
        if fields.problems.is_empty() {
            return Ok(config);
        }
        Err(Error::config(format!("auth entry is not valid: {}", fields.problems.join("; ")))
            .hint("keys of a mysql or mariadb entry: username, password, server, port (3306), database, sslmode, sslrootcert, connect_timeout"))
    }

    /// `host:port`, or the path of the socket: for messages.
    pub(crate) fn server(&self) -> String {
        if self.host.starts_with('/') {
            self.host.clone()
        } else if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What the client library wants to know, with this `tls`.
    pub(crate) fn options(&self, tls: Tls, fresh: Option<&Secret>) -> OptsBuilder {
        let options = OptsBuilder::default()
            .user(Some(self.user.clone()))
            .pass(fresh.or(self.password.as_ref()).map(|password| password.expose().to_owned()))
            .db_name(Some(self.database.clone()))
            // Otherwise it would go on to whatever socket a loopback server names.
            .prefer_socket(false)
            .tcp_keepalive(Some(Duration::from_secs(60)));
        if self.host.starts_with('/') {
            return options.socket(Some(self.host.clone()));
        }
        let options = options.ip_or_hostname(self.host.clone()).tcp_port(self.port);
        let roots = self.root_certificate.iter().map(|path| path.clone().into()).collect::<Vec<_>>();
        let ssl = SslOpts::default().with_disable_built_in_roots(!roots.is_empty()).with_root_certs(roots);
        match tls {
            Tls::Disable => options,
            Tls::Prefer | Tls::Require => options.ssl_opts(
                ssl.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true),
            ),
            Tls::VerifyCa => options.ssl_opts(ssl.with_danger_skip_domain_validation(true)),
            Tls::VerifyFull => options.ssl_opts(ssl),
        }
    }
}

struct Fields<'a> {
    id: &'a str,
    info: &'a Map<String, Value>,
    problems: Vec<String>,
}

impl Fields<'_> {
    fn unknown_keys(&mut self) {
        for key in self.info.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let meant = nearest(key, KEYS).map_or(String::new(), |near| format!(", did you mean {near}?"));
            self.problems.push(format!("{}.info.{key}: unknown key{meant}", self.id));
        }
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.info.get(key)? {
            Value::String(text) => Some(text.clone()),
            _ => {
                self.problems.push(format!("{}.info.{key}: not a string", self.id));
                None
            }
        }
    }

    /// Where the password comes from for each connection, if the entry says so.
    fn fresh(&mut self) -> Option<Arc<Fresh>> {
        let (command, file) = (self.text("password_command"), self.text("password_file"));
        let lifetime = self.number("password_lifetime").map_or(LIFETIME, Duration::from_secs);
        let given = ["password", "password_command", "password_file"].map(|key| self.info.contains_key(key));
        if given.iter().filter(|given| **given).count() > 1 {
            self.problems
                .push(format!("{}.info: of password, password_command and password_file keep one", self.id));
        }
        let (key, origin) = match (command, file) {
            (Some(line), _) => ("password_command", Origin::Command(line)),
            (None, Some(path)) => ("password_file", Origin::File(path.into())),
            (None, None) => return None,
        };
        Some(Arc::new(Fresh::new(format!("{}.info.{key}", self.id), origin, lifetime)))
    }

    /// The first of several names; the first is the one we suggest.
    fn required(&mut self, names: &[&str]) -> String {
        let given: Vec<&&str> = names.iter().filter(|name| self.info.contains_key(**name)).collect();
        match given.as_slice() {
            [] => self.problems.push(format!("{}.info.{}: missing", self.id, names[0])),
            [name] => match self.text(name) {
                Some(text) if text.is_empty() => {
                    self.problems.push(format!("{}.info.{name}: empty", self.id));
                }
                found => return found.unwrap_or_default(),
            },
            _ => self.problems.push(format!(
                "{}.info: {} are the same key, keep one",
                self.id,
                names.join(" and ")
            )),
        }
        String::new()
    }

    /// A number, or its digits in a string, as variables give it.
    fn number(&mut self, key: &str) -> Option<u64> {
        let number = match self.info.get(key)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.problems.push(format!("{}.info.{key}: not a whole number", self.id));
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(info: &str) -> Result<MysqlConfig> {
        let info = serde_json::from_str(info).expect("json");
        MysqlConfig::from_address(&Address::Entry {
            id: "log".into(),
            kind: "mysql".into(),
            info,
            database: None,
        })
    }

    #[test]
    fn an_entry_has_defaults_and_hides_its_password() {
        let found = config(
            r#"{"username": "u", "password": "pa55", "server": "db", "database": "l", "port": "3307"}"#,
        )
        .expect("valid");
        assert_eq!((found.server().as_str(), found.tls), ("db:3307", Tls::Prefer));
        assert!(!format!("{found:?}").contains("pa55"));
    }

    #[test]
    fn all_problems_are_said_at_once_without_values() {
        let error = config(
            r#"{"usrname": "u", "user": "", "password": 5, "port": "x", "server": "a", "host": "b", "sslmode": "s3cret"}"#,
        )
        .expect_err("wrong");
        for part in [
            "log.info.usrname: unknown key, did you mean username?",
            "log.info.user: empty",
            "log.info.password: not a string",
            "log.info.port: not a whole number",
            "server and host are the same key",
            "log.info.database: missing",
            "log.info.sslmode: unknown mode",
        ] {
            assert!(error.message().contains(part), "{part} in {error}");
        }
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}
