//! TLS as libpq means it: what is verified depends on `sslmode` and on whether `sslrootcert` is given.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use super::socket::Socket;
use super::stream::Stream;
use super::{certificate, error, pem};
use crate::client::postgres::config::{PostgresConfig, ROOT_CERT_HINT, RootCert, SslMode};
use crate::error::{Error, Result};

/// Reads the certificates the configuration names.
///
/// # Errors
/// `Config` when a file is missing or not what it should be.
pub(super) fn client_config(config: &PostgresConfig) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier {
        trusted: trusted(config)?,
        check_name: config.sslmode == SslMode::VerifyFull,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("TLS cannot be set up").caused_by(error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let (Some(chain_file), Some(key_file)) = (&config.sslcert, &config.sslkey) else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let chain = pem::certificates("sslcert", chain_file)?;
    let key = pem::private_key("sslkey", key_file)?;
    builder.with_client_auth_cert(chain, key).map(Arc::new).map_err(|error| {
        Error::config("sslcert and sslkey do not belong together, or are not what they should be")
            .with("path", chain_file.display())
            .with("key", key_file.display())
            .about_secret(&error)
    })
}

/// Shakes hands.
///
/// # Errors
/// `Config` when the certificate fails a check, which the message names; else `Unavailable`.
pub(super) async fn handshake(
    stream: Socket,
    config: &PostgresConfig,
    tls: Arc<ClientConfig>,
) -> Result<Stream> {
    let name = ServerName::try_from(config.host.clone()).map_err(|error| {
        Error::config("the host is neither a DNS name nor an IP address, which TLS needs")
            .with("server", config.server())
            .caused_by(error)
    })?;
    match TlsConnector::from(tls).connect(name, stream).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) => Err(explain(error, config)),
    }
}

struct Trusted {
    roots: RootCertStore,
    /// The same as written, to recognise a server's own certificate among them.
    certificates: Vec<CertificateDer<'static>>,
}

fn trusted(config: &PostgresConfig) -> Result<Option<Arc<Trusted>>> {
    match (&config.sslrootcert, &config.default_root_cert) {
        (Some(RootCert::System), _) => system().map(Some),
        (Some(RootCert::File(path)), _) => of_file(path).map(Some),
        (None, Some(path)) if path.exists() => of_file(path).map(Some),
        (None, _) if config.sslmode >= SslMode::VerifyCa => Err(Error::config(format!(
            "sslmode {} needs to know whom to trust, and sslrootcert is not set",
            config.sslmode
        ))
        .with("server", config.server())
        .hint(ROOT_CERT_HINT)),
        (None, _) => Ok(None),
    }
}

fn of_file(path: &Path) -> Result<Arc<Trusted>> {
    let certificates = pem::certificates("sslrootcert", path)?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| {
            Error::config("sslrootcert has a certificate that cannot be used")
                .with("path", path.display())
                .caused_by(error)
        })?;
    }
    Ok(Arc::new(Trusted { roots, certificates }))
}

/// The platform's authorities, read once: there are hundreds, and every part makes a connection.
fn system() -> Result<Arc<Trusted>> {
    static SYSTEM: OnceLock<Arc<Trusted>> = OnceLock::new();
    if let Some(trusted) = SYSTEM.get() {
        return Ok(Arc::clone(trusted));
    }
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs.iter().cloned());
    if roots.is_empty() {
        let error = Error::config("sslrootcert is system, but the platform has no certificates")
            .hint("install the package ca-certificates, or set sslrootcert=FILE");
        return Err(match loaded.errors.into_iter().next() {
            // SSL_CERT_FILE may name a key.
            Some(cause) => error.about_secret(&cause),
            None => error,
        });
    }
    let trusted = Arc::new(Trusted { roots, certificates: loaded.certs });
    Ok(Arc::clone(SYSTEM.get_or_init(|| trusted)))
}

/// Checks the chain if somebody is trusted, then the host name if asked; signatures always.
struct Verifier {
    trusted: Option<Arc<Trusted>>,
    check_name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn check_chain(
        &self,
        trusted: &Trusted,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let checked = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &trusted.roots,
            intermediates,
            now,
            algorithms,
        );
        match checked {
            // The usual self-signed certificate of `openssl req -x509` says that it is an authority.
            // libpq takes it if it is itself in sslrootcert; its dates were checked before this error.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
                if format!("{other:?}").contains("CaUsedAsEndEntity")
                    && trusted.certificates.iter().any(|known| known == end_entity) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(trusted) = &self.trusted {
            self.check_chain(trusted, end_entity, intermediates, now)?;
        }
        if self.check_name {
            check_name(end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("chain", &self.trusted.is_some())
            .field("name", &self.check_name)
            .finish_non_exhaustive()
    }
}

/// The subject alternative names must have the host; without any, the common name counts, as in libpq.
fn check_name(end_entity: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), rustls::Error> {
    let parsed = ParsedCertificate::try_from(end_entity)?;
    let mismatch = match verify_server_name(&parsed, host) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    match (mismatch, certificate::common_name(end_entity)) {
        (
            rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                expected,
                presented,
            }),
            Some(name),
        ) if presented.is_empty() => {
            if certificate::name_matches(&name, &host.to_str()) {
                return Ok(());
            }
            let presented = vec![name];
            Err(CertificateError::NotValidForNameContext { expected, presented }.into())
        }
        (mismatch, _) => Err(mismatch),
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
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
        ))
        .hint("connect by a name that the certificate has, or set sslmode=verify-ca"),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Error::config(format!(
            "the chain check of sslmode {mode} failed: the server's certificate has expired or is not valid yet"
        ))
        .hint("renew the server's certificate, or check this machine's clock"),
        Some(rustls::Error::InvalidCertificate(_)) => Error::config(format!(
            "the chain check of sslmode {mode} failed: no authority in sslrootcert vouches for the server's certificate"
        ))
        .hint("sslrootcert must hold the authority that signed the server's certificate, or that certificate itself"),
        Some(rustls::Error::AlertReceived(_)) => alert(),
        Some(_) => Error::unavailable("TLS with the server failed")
            .hint("the server must speak TLS 1.2 or 1.3 with ciphers that are still safe"),
        None => return error::lost(error, &server),
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
        .hint("it may ask for a client certificate (sslcert and sslkey) signed by an authority it trusts")
}
