//! From nothing to a connection that is logged in, by the rules of `sslmode`.

use std::io;

use mysql_async::{Conn, DriverError, Error as MysqlError};

use super::config::{MysqlConfig, Tls};
use super::problem::of_login;
use crate::client::network;
use crate::client::password::Secret;
use crate::clock;
use crate::error::{Error, ErrorKind, Result};

impl MysqlConfig {
    /// Connects and logs in, with a password that is valid now.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached, `Denied` when it refuses the login, `Config` when TLS or the
    /// database is not as configured.
    pub(crate) async fn connect(&self) -> Result<Conn> {
        let Some(fresh) = &self.fresh else { return self.connect_with(None).await };
        let is_refusal = |error: &Error| error.kind() == ErrorKind::Denied;
        let log_in = |password: Secret| async move { self.connect_with(Some(&password)).await };
        fresh.log_in(log_in, is_refusal).await
    }

    async fn connect_with(&self, password: Option<&Secret>) -> Result<Conn> {
        self.in_time(async {
            match Conn::new(self.options(self.tls, password)).await {
                Err(MysqlError::Driver(DriverError::NoClientSslFlagFromServer))
                    if self.tls == Tls::Prefer =>
                {
                    Conn::new(self.options(Tls::Disable, password)).await
                }
                other => other,
            }
        })
        .await
    }

    /// What belongs to a login, within its time.
    ///
    /// # Errors
    /// Those of [`Self::connect`].
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, MysqlError>> + Send,
    ) -> Result<T> {
        match clock::timeout(self.connect_timeout, work).await {
            Ok(done) => done.map_err(|error| of_login(error, self)),
            Err(_) => Err(network::unreachable(io::ErrorKind::TimedOut.into(), &self.server())),
        }
    }
}
