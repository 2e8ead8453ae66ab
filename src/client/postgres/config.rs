//! How to reach a server: from a URL or an entry of the auth file, checked completely, all problems at once.
//!
//! The names and meanings are libpq's. Two things libpq guesses are asked for instead: the user and
//! the database, here or by `PG*` variables (`environment.rs`).

mod environment;
mod fields;
mod fresh;
mod recorded;
mod settings;
#[cfg(test)]
mod tests;

use self::fields::{Fields, Key, URL_KEYS};
use self::recorded::Recorded;
pub(super) use self::settings::ROOT_CERT_HINT;
pub use self::settings::{Binding, DEFAULT_PORT, PostgresConfig, RootCert, SslMode};
use crate::client::password::Secret;
use crate::client::{Address, Environment};
use crate::error::{Error, Result};

/// Whether a part of the password was taken for a path, a query or a fragment, where messages and records would show it.
fn is_misread(url: &url::Url) -> bool {
    let nobody = url.username().is_empty() && url.password().is_none();
    let names = url.query().unwrap_or("").split('&').map(|pair| pair.split('=').next().unwrap_or(""));
    url.fragment().is_some()
        || nobody && (url.path().contains('@') || names.into_iter().any(|name| name.contains('@')))
}

impl PostgresConfig {
    /// Reads a URL or the `info` of an auth file entry; what they leave open comes from `environment`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] with every problem there is: missing, unknown and
    /// mistyped keys and wrong values, each with its path.
    pub fn from_address(address: &Address, environment: &Environment) -> Result<Self> {
        let (mut fields, whole) = match address {
            Address::Url(url) if is_misread(url) => {
                return Err(Error::config("the source URL has a password with a sign that ends it")
                    .hint("write / ? # and @ of a password as %2F %3F %23 and %40, or put it into PGPASSWORD or ~/.pgpass"));
            }
            Address::Url(url) => (Fields::of_url(url), "the source URL".to_owned()),
            Address::Entry { id, info, database, .. } => {
                (Fields::of_entry(id, info, database.as_deref()), format!("entry {id}"))
            }
        };
        let recorded = environment.is_for_recorded().then(|| Recorded::of(&fields, environment));
        environment::fill(&mut fields, environment);
        let password_file = fields.text(Key::PasswordFile);
        let password = fields.values.get(&Key::Password).map(|(place, _)| place.clone());
        let mut config = fields.build(&whole)?;
        let trusted = recorded.as_ref().is_none_or(|recorded| recorded.admit(&mut config, password));
        environment::password(&mut config, password_file, environment, trusted);
        Ok(config)
    }
}
