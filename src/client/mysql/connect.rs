//! From nothing to a connection that is logged in, by the rules of `sslmode`.

use std::io;
use std::path::Path;

use super::config::{MysqlConfig, ServerKey, Tls};
use super::problem;
use super::wire::{Connection, Encryption, Login, PublicKey, log_in};
use crate::client::network;
use crate::client::password::Secret;
use crate::client::transport::{self, Stream, Trusted};
use crate::clock;
use crate::error::{Code, Error, ErrorKind, Result};

impl MysqlConfig {
    /// Connects and logs in, with a password that is valid now.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached, `Denied` when it refuses the login, `Config` when TLS or the
    /// database is not as configured.
    pub async fn connect(&self) -> Result<Connection> {
        let Some(fresh) = &self.fresh else { return self.connect_with(self.password.as_ref()).await };
        let is_refusal = |error: &Error| error.kind() == ErrorKind::Denied;
        let log_in = |password: Secret| async move { self.connect_with(Some(&password)).await };
        fresh.log_in(log_in, is_refusal).await
    }

    async fn connect_with(&self, password: Option<&Secret>) -> Result<Connection> {
        let password = password.map_or("", Secret::expose).as_bytes();
        let login = async {
            let encryption = self.encryption()?;
            let server_key = self.server_key()?;
            log_in(self.dial().await?, self, encryption, Login { password, server_key }).await
        };
        let done = self.in_time(Box::pin(login)).await;
        done.map_err(|error| match &self.password_note {
            Some(note) if error.kind() == ErrorKind::Denied => error.hint(note),
            _ => error,
        })
    }

    /// What belongs to a login, within its time. Errors say who wanted to get in where.
    ///
    /// # Errors
    /// Those of `work`; `Unavailable` when it takes too long.
    pub async fn in_time<T>(&self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let done = match clock::timeout(self.connect_timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(network::unreachable(io::ErrorKind::TimedOut.into(), &self.server())),
        };
        done.map_err(|error| {
            error.with("server", self.server()).with("user", &self.user).with("database", &self.database)
        })
    }

    /// Connects to the first of the host's addresses that answers.
    async fn dial(&self) -> Result<Stream> {
        let dialing = async {
            if self.is_socket() {
                return transport::unix(Path::new(&self.host)).await;
            }
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            for address in transport::resolve(&self.host, self.port).await? {
                match transport::tcp(address).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                }
            }
            Err(last)
        };
        dialing.await.map_err(|error| network::unreachable(error, &self.server()))
    }

    /// A file of certificates is heeded in the weaker modes too, as PostgreSQL does: without a name, as `verify-ca`.
    fn encryption(&self) -> Result<Encryption> {
        if self.is_socket() || self.tls == Tls::Disable {
            return Ok(Encryption::Never);
        }
        let named = self.root_certificate.as_deref().map(Trusted::of_file).transpose()?;
        let trusted = match (self.tls, named) {
            (Tls::VerifyFull, None) => Some(Trusted::of_system("sslrootcert is not set")?),
            // Any public certificate would pass.
            (Tls::VerifyCa, None) => return Err(problem::no_authority()),
            (_, named) => named,
        };
        let identity = self.identity.as_ref().map(|(chain, key)| (chain.as_path(), key.as_path()));
        let tls = transport::client_config(trusted, self.tls == Tls::VerifyFull, identity)?;
        Ok(match self.tls {
            Tls::Prefer => Encryption::Preferred(tls),
            _ => Encryption::Required(tls),
        })
    }

    fn server_key(&self) -> Result<PublicKey> {
        Ok(match &self.server_key {
            ServerKey::None => PublicKey::None,
            ServerKey::Asked => PublicKey::Asked,
            ServerKey::File(path) => {
                let pem = std::fs::read(path).map_err(|error| {
                    Error::config("server-public-key-path cannot be read")
                        .coded(Code::CertificateFile)
                        .with("path", path.display())
                        .about_secret(&error)
                })?;
                PublicKey::Given(pem)
            }
        })
    }
}
