//! What an address says, key by key, and what is wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::Address;
use crate::client::fields::{self, FreshKeys, Keys, Parts};
use crate::client::password::Secret;
use crate::error::Result;

use super::settings::{Binding, PostgresConfig, ROOT_CERT_HINT, RootCert, SslMode};

const URL_HINT: &str = "write postgres://user:password@host:port/database?sslmode=...";

/// What a key sets, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    User,
    Password,
    Host,
    Port,
    Database,
    Mode,
    RootCertificate,
    Certificate,
    PrivateKeyFile,
    ConnectTimeout,
    ApplicationName,
    Options,
    ChannelBinding,
    Service,
    PasswordFile,
    FreshCommand,
    FreshFile,
    FreshLifetime,
}

impl fields::Key for Key {
    /// As in libpq.
    const LATER_COUNTS: bool = true;

    fn is_number(self) -> bool {
        matches!(self, Self::Port | Self::ConnectTimeout | Self::FreshLifetime)
    }

    /// As in libpq.
    fn may_be_empty(self) -> bool {
        true
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
    ("sslcert", Key::Certificate),
    ("sslkey", Key::PrivateKeyFile),
    ("connect_timeout", Key::ConnectTimeout),
    ("application_name", Key::ApplicationName),
    ("options", Key::Options),
    ("channel_binding", Key::ChannelBinding),
    ("service", Key::Service),
    ("passfile", Key::PasswordFile),
    ("password_command", Key::FreshCommand),
    ("password_file", Key::FreshFile),
    ("password_lifetime", Key::FreshLifetime),
];

/// Keys of a URL's query, libpq's.
pub(super) const URL_KEYS: Keys<Key> = &[
    ("user", Key::User),
    ("password", Key::Password),
    ("host", Key::Host),
    ("port", Key::Port),
    ("dbname", Key::Database),
    ("sslmode", Key::Mode),
    ("sslrootcert", Key::RootCertificate),
    ("sslcert", Key::Certificate),
    ("sslkey", Key::PrivateKeyFile),
    ("connect_timeout", Key::ConnectTimeout),
    ("application_name", Key::ApplicationName),
    ("options", Key::Options),
    ("channel_binding", Key::ChannelBinding),
    ("service", Key::Service),
    ("passfile", Key::PasswordFile),
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

/// What an address says, and the problems found so far.
pub(super) type Fields = fields::Fields<Key>;

impl Fields {
    pub(super) fn empty() -> Self {
        Self::of_no_url(URL_KEYS)
    }

    pub(super) fn of(address: &Address) -> Self {
        match address {
            Address::Url(url) => Self::of_server_url(url, URL_KEYS, &PARTS),
            Address::Entry { id, info, database, .. } => {
                let mut fields = Self::of_entry(id, info, ENTRY_KEYS);
                match database.as_deref() {
                    // Not the database of the entry, which is another one.
                    Some("") => fields.problem("the database's name is empty"),
                    Some(database) => fields.put(Key::Database, "database", database.to_owned()),
                    None => {}
                }
                fields
            }
        }
    }

    fn host(&mut self) -> String {
        let host = self.required(Key::Host);
        if host.contains(',') {
            self.problem(format!("{} lists several hosts: name one", self.place(Key::Host)));
        }
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host).to_string()
    }

    fn sslmode(&mut self, sslrootcert: Option<&RootCert>) -> SslMode {
        let system = sslrootcert == Some(&RootCert::System);
        let default = if system { SslMode::VerifyFull } else { SslMode::Prefer };
        let place = self.get(Key::Mode).map(|(place, _)| place.to_owned());
        let all = SslMode::ALL.map(SslMode::as_str).join(", ");
        let Some(mode) = self.read(Key::Mode, &format!("one of {all}"), SslMode::parse) else {
            return default;
        };
        // Any public certificate would pass a weaker check; libpq refuses this too.
        if system && mode != SslMode::VerifyFull {
            let place = place.unwrap_or_default();
            self.problem(format!("{place} must be verify-full with sslrootcert system, but is {mode}"));
        }
        mode
    }

    fn channel_binding(&mut self) -> Binding {
        let binding = self.read(Key::ChannelBinding, "disable, prefer or require", |word| match word {
            "disable" => Some(Binding::Disable),
            "prefer" => Some(Binding::Prefer),
            "require" => Some(Binding::Require),
            _ => None,
        });
        binding.unwrap_or(Binding::Prefer)
    }

    pub(super) fn build(mut self) -> Result<PostgresConfig> {
        let user = self.required(Key::User);
        let host = self.host();
        let database = self.required(Key::Database);
        let mut config = PostgresConfig::new(host, user, database);
        config.fresh = self.fresh(&FRESH);
        config.password = self.text(Key::Password).map(Secret::new);
        config.port = self.port(Key::Port).unwrap_or(config.port);
        if let Some(seconds) = self.number::<u32>(Key::ConnectTimeout, "a whole number of seconds") {
            config.connect_timeout = Duration::from_secs(seconds.into());
        }
        config.sslrootcert = self.text(Key::RootCertificate).map(|word| RootCert::of(&word));
        config.sslmode = self.sslmode(config.sslrootcert.as_ref());
        config.sslcert = self.text(Key::Certificate).map(PathBuf::from);
        config.sslkey = self.text(Key::PrivateKeyFile).map(PathBuf::from);
        if config.sslcert.is_some() != config.sslkey.is_some() {
            self.problem(format!("{} and sslkey must be given together", self.place(Key::Certificate)));
        }
        if let Some(name) = self.text(Key::ApplicationName) {
            config.application_name = name;
        }
        config.options = self.text(Key::Options);
        config.channel_binding = self.channel_binding();
        let is_trustless = matches!(config.sslmode, SslMode::VerifyCa | SslMode::VerifyFull)
            && config.sslrootcert.is_none()
            && !config.is_unix_socket();
        if is_trustless {
            self.problem(format!(
                "{} is missing: sslmode {} needs to know whom to trust",
                self.place(Key::RootCertificate),
                config.sslmode
            ));
        }
        let is_url = self.is_url();
        match self.finish() {
            Ok(()) => Ok(config),
            Err(error) => {
                let error = if is_trustless { error.hint(ROOT_CERT_HINT) } else { error };
                Err(if is_url { error.hint(URL_HINT) } else { error })
            }
        }
    }
}
