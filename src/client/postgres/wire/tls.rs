//! TLS as libpq means it: what is verified depends on `sslmode` and on whether `sslrootcert` is given.

use std::io;
use std::sync::Arc;

use rustls::{CertificateError, ClientConfig};

use crate::client::network;
use crate::client::postgres::config::{PostgresConfig, ROOT_CERT_HINT, RootCert, SslMode};
use crate::client::transport::{self, Socket, Stream, Trusted, tls_error};
use crate::error::{Code, Error, Result};

/// Reads the certificates the configuration names.
///
/// # Errors
/// `Config` when a file is missing or not what it should be.
pub(super) fn client_config(config: &PostgresConfig) -> Result<Arc<ClientConfig>> {
    let check_name = config.sslmode == SslMode::VerifyFull;
    let identity = config.sslcert.as_deref().zip(config.sslkey.as_deref());
    transport::client_config(trusted(config)?, check_name, identity)
}

/// Shakes hands.
///
/// # Errors
/// `Config` when the certificate fails a check, which the message names; else `Unavailable`.
pub(super) async fn handshake(
    socket: Socket,
    config: &PostgresConfig,
    tls: Arc<ClientConfig>,
) -> Result<Stream> {
    let name = transport::server_name(&config.host).map_err(|error| error.with("server", config.server()))?;
    transport::handshake(socket, name, tls).await.map_err(|error| explain(error, config))
}

fn trusted(config: &PostgresConfig) -> Result<Option<Arc<Trusted>>> {
    match (&config.sslrootcert, &config.default_root_cert) {
        (Some(RootCert::System), _) => Trusted::of_system("sslrootcert is system").map(Some),
        (Some(RootCert::File(path)), _) => Trusted::of_file(path).map(Some),
        (None, Some(path)) if path.exists() => Trusted::of_file(path).map(Some),
        (None, _) if config.sslmode >= SslMode::VerifyCa => Err(Error::config(format!(
            "sslmode {} needs to know whom to trust, and sslrootcert is not set",
            config.sslmode
        ))
        .coded(Code::CertificateUntrusted)
        .with("server", config.server())
        .hint(ROOT_CERT_HINT)),
        (None, _) => Ok(None),
    }
}

/// What went wrong in a handshake, in the words of `sslmode`.
fn explain(error: io::Error, config: &PostgresConfig) -> Error {
    let mode = config.sslmode;
    let server = config.server();
    let explained = match tls_error(&error) {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Error::config(format!(
            "the host name check of sslmode {mode} failed: the server's certificate is not made out to {:?}",
            config.host
        )).coded(Code::CertificateName)
        .hint("connect by a name that the certificate has, or set sslmode=verify-ca"),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Error::config(format!(
            "the chain check of sslmode {mode} failed: the server's certificate has expired or is not valid yet"
        )).coded(Code::CertificateUntrusted)
        .hint("renew the server's certificate, or check this machine's clock"),
        Some(rustls::Error::InvalidCertificate(_)) => Error::config(format!(
            "the chain check of sslmode {mode} failed: no authority in sslrootcert vouches for the server's certificate"
        )).coded(Code::CertificateUntrusted)
        .hint("sslrootcert must hold the authority that signed the server's certificate, or that certificate itself"),
        Some(rustls::Error::AlertReceived(_)) => alert(),
        Some(_) => Error::unavailable("TLS with the server failed").coded(Code::TlsFailed)
            .hint("the server must speak TLS 1.2 or 1.3 with ciphers that are still safe"),
        None => return network::lost(error, &server),
    };
    explained.with("server", server).caused_by(error)
}

/// With TLS 1.3 the server refuses our certificate after the handshake, by an alert.
pub(super) fn explain_alert(error: Error, config: &PostgresConfig) -> Error {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.and_then(tls_error) {
        Some(rustls::Error::AlertReceived(_)) => alert().with("server", config.server()).caused_by(error),
        _ => error,
    }
}

fn alert() -> Error {
    Error::denied("the server refused the TLS connection")
        .coded(Code::TlsFailed)
        .hint("it may ask for a client certificate (sslcert and sslkey) signed by an authority it trusts")
}
