//! Addresses out of a run log, which others may have written: what of the surroundings they get.
//!
//! A password of the surroundings (`PGPASSWORD`, a service file, a password file) goes only to a server that the
//! surroundings name as well: by `PGHOST` and `PGPORT`, by the service, or by a line of the password file. Client
//! certificates are used: a server learns whose they are, and neither the key nor anything that it could use elsewhere.

use super::environment::unused;
use super::{Binding, Fields, Key, PostgresConfig, RootCert, SslMode, environment};
use crate::client::Environment;

impl RootCert {
    /// What `sslrootcert` says.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "system" => Self::System,
            _ => Self::File(word.into()),
        }
    }
}

/// What the surroundings say, without the address.
pub(super) struct Recorded {
    host: Option<String>,
    port: Option<String>,
    sslmode: Option<SslMode>,
    sslrootcert: Option<RootCert>,
    bound: bool,
    /// The address has a password, which is no secret of ours.
    has_password: bool,
}

impl Recorded {
    /// `address` is what the address alone says.
    pub(super) fn of(address: &Fields, surroundings: &Environment) -> Self {
        let mut fields = Fields::empty();
        if let Some((place, service)) = address.get(Key::Service) {
            fields.default(Key::Service, place, service);
        }
        environment::fill_quietly(&mut fields, surroundings);
        Self {
            host: fields.text(Key::Host),
            port: fields.text(Key::Port),
            // An unknown mode is refused where the address is read; here it counts as the strictest.
            sslmode: fields
                .text(Key::Mode)
                .map(|word| SslMode::parse(word.trim()).unwrap_or(SslMode::VerifyFull)),
            sslrootcert: fields.text(Key::RootCertificate).map(|word| RootCert::of(&word)),
            bound: fields
                .text(Key::ChannelBinding)
                .is_some_and(|word| !matches!(word.trim(), "disable" | "prefer")),
            has_password: address.has(Key::Password),
        }
    }

    /// Takes from `config` the password that stands at `place`, unless its server may have it. Whether it may.
    ///
    /// A server that may have it is asked in no weaker way than the surroundings say.
    pub(super) fn admit(&self, config: &mut PostgresConfig, place: Option<String>) -> bool {
        let port = self.port.as_ref().map_or(Some(super::DEFAULT_PORT), |port| port.trim().parse().ok());
        let host = self.host.as_deref().map(|host| host.trim_matches(['[', ']']));
        let named =
            host.is_some_and(|host| host.eq_ignore_ascii_case(&config.host)) && port == Some(config.port);
        if let Some(place) = place.filter(|_| !named && !self.has_password) {
            config.password = None;
            config.password_note = Some(unused(&place, config));
        }
        config.sslmode = self.sslmode.map_or(config.sslmode, |mode| mode.max(config.sslmode));
        if let Some(authorities) = &self.sslrootcert {
            config.sslrootcert = Some(authorities.clone());
            if *authorities == RootCert::System {
                config.sslmode = SslMode::VerifyFull;
            }
        }
        if self.bound {
            config.channel_binding = Binding::Require;
        }
        named
    }
}
