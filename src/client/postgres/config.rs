//! How to reach a server: from a URL or an entry of the auth file, checked completely, all problems at once.
//!
//! The names and meanings are libpq's. Two things libpq guesses are asked for instead: the user and
//! the database, here or by `PG*` variables (`environment.rs`).

mod environment;
mod fields;
mod recorded;
mod settings;
#[cfg(test)]
mod tests;

use self::fields::{Fields, Key, URL_KEYS};
use self::recorded::Recorded;
use self::settings::DEFAULT_PORT;
pub(super) use self::settings::ROOT_CERT_HINT;
pub use self::settings::{Binding, PostgresConfig, RootCert, SslMode};
use crate::client::fields::is_misread;
use crate::client::password::Secret;
use crate::client::{Address, Environment};
use crate::error::{Code, Error, Result};

impl PostgresConfig {
    /// Reads a URL or the `info` of an auth file entry; what they leave open comes from `environment`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] with every problem there is: missing, unknown and
    /// mistyped keys and wrong values, each with its path.
    pub fn from_address(address: &Address, environment: &Environment) -> Result<Self> {
        if matches!(address, Address::Url(url) if is_misread(url)) {
            return Err(Error::config("the source URL has a password with a sign that ends it")
                .coded(Code::AddressInvalid).hint(
                "write / ? # and @ of a password as %2F %3F %23 and %40, or put it into PGPASSWORD or ~/.pgpass",
            ));
        }
        let mut fields = Fields::of(address);
        let recorded = environment.is_for_recorded().then(|| Recorded::of(&fields, environment));
        environment::fill(&mut fields, environment);
        let password_file = fields.text(Key::PasswordFile);
        let password = fields.get(Key::Password).map(|(place, _)| place.to_owned());
        let mut config = fields.build()?;
        let trusted = recorded.as_ref().is_none_or(|recorded| recorded.admit(&mut config, password));
        environment::password(&mut config, password_file, environment, trusted);
        Ok(config)
    }
}
