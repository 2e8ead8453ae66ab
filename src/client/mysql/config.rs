//! How to reach a MySQL or MariaDB server: from a URL or an entry of the auth file, checked completely, all problems at
//! once. What they leave open comes from `MYSQL_*` variables (`environment.rs`).
//!
//! Keys are PostgreSQL's words, as everywhere in this program, or those of the `mysql` client.

mod environment;
mod settings;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

pub use self::settings::MysqlConfig;
use self::settings::{DEFAULT_PORT, Key};
pub(super) use self::settings::{ServerKey, Tls};
use crate::client::fields::{Fields, FreshKeys, Keys, Parts, is_misread};
use crate::client::password::Secret;
use crate::client::{Address, Environment};
use crate::error::{Code, Error, Result};

const URL_HINT: &str = "write mysql://user:password@host:port/database?sslmode=...";

/// Keys of an entry; the first name of a key is the one we suggest.
const ENTRY_KEYS: Keys<Key> = &[
    ("username", Key::User),
    ("user", Key::User),
    ("password", Key::Password),
    ("server", Key::Host),
    ("host", Key::Host),
    ("port", Key::Port),
    ("socket", Key::Socket),
    ("database", Key::Database),
    ("sslmode", Key::Mode),
    ("ssl-mode", Key::Mode),
    ("ssl_mode", Key::Mode),
    ("sslrootcert", Key::RootCertificate),
    ("ssl-ca", Key::RootCertificate),
    ("ssl_ca", Key::RootCertificate),
    ("sslcert", Key::Certificate),
    ("ssl-cert", Key::Certificate),
    ("ssl_cert", Key::Certificate),
    ("sslkey", Key::PrivateKeyFile),
    ("ssl-key", Key::PrivateKeyFile),
    ("ssl_key", Key::PrivateKeyFile),
    ("get-server-public-key", Key::AskPublic),
    ("server-public-key-path", Key::ServerKeyFile),
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
    ("socket", Key::Socket),
    ("database", Key::Database),
    ("sslmode", Key::Mode),
    ("ssl-mode", Key::Mode),
    ("ssl_mode", Key::Mode),
    ("sslrootcert", Key::RootCertificate),
    ("ssl-ca", Key::RootCertificate),
    ("ssl_ca", Key::RootCertificate),
    ("sslcert", Key::Certificate),
    ("ssl-cert", Key::Certificate),
    ("ssl_cert", Key::Certificate),
    ("sslkey", Key::PrivateKeyFile),
    ("ssl-key", Key::PrivateKeyFile),
    ("ssl_key", Key::PrivateKeyFile),
    ("get-server-public-key", Key::AskPublic),
    ("server-public-key-path", Key::ServerKeyFile),
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

impl MysqlConfig {
    /// Reads a URL or the `info` of an auth file entry; what they leave open comes from `environment`.
    ///
    /// # Errors
    /// `Config` with every problem there is, each with its place.
    pub fn from_address(address: &Address, environment: &Environment) -> Result<Self> {
        let (mut fields, hint) = match address {
            Address::Url(url) if is_misread(url) => {
                return Err(Error::config("the URL's user and password do not end where they are to")
                    .coded(Code::AddressInvalid)
                    .hint("write / ? # and @ of a password as %2F %3F %23 and %40")
                    .hint(URL_HINT));
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
        let has_own_password = fields.has(Key::Password);
        environment::fill(&mut fields, environment);
        let mut config = build(fields).map_err(|error| error.hint(hint))?;
        if environment.is_for_recorded() && !has_own_password {
            environment::guard(&mut config, environment);
        }
        Ok(config)
    }
}

fn build(mut fields: Fields<Key>) -> Result<MysqlConfig> {
    let tls = tls(&mut fields);
    let identity = identity(&mut fields);
    let server_key = server_key(&mut fields);
    let seconds = fields.number::<u32>(Key::ConnectTimeout, "a whole number of seconds");
    let config = MysqlConfig {
        host: host(&mut fields),
        port: fields.port(Key::Port).unwrap_or(DEFAULT_PORT),
        user: fields.required(Key::User),
        fresh: fields.fresh(&FRESH),
        password: fields.text(Key::Password).map(Secret::new),
        database: fields.required(Key::Database),
        tls,
        root_certificate: fields.text(Key::RootCertificate).map(PathBuf::from),
        identity,
        server_key,
        password_note: None,
        connect_timeout: Duration::from_secs(seconds.unwrap_or(10).max(1).into()),
    };
    fields.finish()?;
    Ok(config)
}

/// The host, or the path of the socket; a socket is on `localhost`.
fn host(fields: &mut Fields<Key>) -> String {
    let is_socket = fields.has(Key::Socket);
    let Some((place, path)) = fields.take(Key::Socket) else {
        // One that is there and wrong is a problem already.
        return if is_socket { String::new() } else { fields.required(Key::Host) };
    };
    if !path.starts_with('/') {
        fields.problem(format!("{place} must be the absolute path of a socket"));
    }
    if let Some((other, host)) = fields.take(Key::Host)
        && host != path
        && !host.eq_ignore_ascii_case("localhost")
    {
        fields.problem(format!("{place} and {other} name different servers: keep one"));
    }
    path
}

/// With the `mysql` client, `ssl-ca` alone has the certificate verified.
fn tls(fields: &mut Fields<Key>) -> Tls {
    let authority =
        fields.get(Key::RootCertificate).map(|(place, _)| place.rsplit('.').next().unwrap_or(place));
    let default = if matches!(authority, Some("ssl-ca" | "ssl_ca")) { Tls::VerifyCa } else { Tls::Prefer };
    let words = Tls::ALL.map(|(name, _)| name).join(", ");
    let mysql = Tls::OF_MYSQL.map(|(name, _)| name).join(", ");
    fields.read(Key::Mode, &format!("one of {words} ({mysql})"), Tls::parse).unwrap_or(default)
}

fn identity(fields: &mut Fields<Key>) -> Option<(PathBuf, PathBuf)> {
    if fields.has(Key::Certificate) != fields.has(Key::PrivateKeyFile) {
        let (certificate, key) = (fields.place(Key::Certificate), fields.place(Key::PrivateKeyFile));
        fields.problem(format!("{certificate} and {key} must be given together"));
    }
    let (certificate, key) = (fields.text(Key::Certificate), fields.text(Key::PrivateKeyFile));
    Some((certificate?.into(), key?.into()))
}

/// A file counts before a key from the network, as with the `mysql` client.
fn server_key(fields: &mut Fields<Key>) -> ServerKey {
    let asked =
        fields.read(Key::AskPublic, "true or false", |word| match word.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        });
    match fields.text(Key::ServerKeyFile) {
        Some(path) => ServerKey::File(path.into()),
        None if asked == Some(true) => ServerKey::Asked,
        None => ServerKey::None,
    }
}
