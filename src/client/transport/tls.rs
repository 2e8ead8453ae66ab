//! TLS: the handshake, whom to trust, and what is verified of a certificate.

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
use super::{certificate, pem};
use crate::error::{Code, Error, Result};

/// How to shake hands: whose certificates are trusted (none: anybody's), whether the host's name is checked too, and
/// files of our own certificates and their key.
///
/// # Errors
/// `Config` when a file is missing or not what it should be.
pub(in crate::client) fn client_config(
    trusted: Option<Arc<Trusted>>,
    check_name: bool,
    identity: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier { trusted, check_name, provider: Arc::clone(&provider) };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("TLS cannot be set up").caused_by(error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((chain_file, key_file)) = identity else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let chain = pem::certificates("sslcert", chain_file)?;
    let key = pem::private_key("sslkey", key_file)?;
    builder.with_client_auth_cert(chain, key).map(Arc::new).map_err(|error| {
        Error::config("sslcert and sslkey do not belong together, or are not what they should be")
            .coded(Code::CertificateFile)
            .with("path", chain_file.display())
            .with("key", key_file.display())
            .about_secret(&error)
    })
}

/// The name that a server's certificate is checked for.
///
/// # Errors
/// `Config` when TLS cannot be made with such a host.
pub(in crate::client) fn server_name(host: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(|error| {
        Error::config("the host is neither a DNS name nor an IP address, which TLS needs")
            .coded(Code::AddressInvalid)
            .caused_by(error)
    })
}

/// Shakes hands over a plain socket. [`tls_error`] tells what TLS objects to from what the network does.
pub(in crate::client) async fn handshake(
    socket: Socket,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
) -> io::Result<Stream> {
    let stream = TlsConnector::from(tls).connect(name, socket).await?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// What TLS objects to; none for an error of the network.
pub(in crate::client) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// Authorities whose certificates are accepted.
pub(in crate::client) struct Trusted {
    roots: RootCertStore,
    /// The same as written, to recognise a server's own certificate among them.
    certificates: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Those of the PEM certificates of a file, which `sslrootcert` names.
    pub(in crate::client) fn of_file(path: &Path) -> Result<Arc<Self>> {
        let certificates = pem::certificates("sslrootcert", path)?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| {
                Error::config("sslrootcert has a certificate that cannot be used")
                    .coded(Code::CertificateFile)
                    .with("path", path.display())
                    .caused_by(error)
            })?;
        }
        Ok(Arc::new(Self { roots, certificates }))
    }

    /// The platform's, read once: there are hundreds, and every part makes a connection. `why` says what chose them.
    pub(in crate::client) fn of_system(why: &str) -> Result<Arc<Self>> {
        static SYSTEM: OnceLock<Arc<Trusted>> = OnceLock::new();
        if let Some(trusted) = SYSTEM.get() {
            return Ok(Arc::clone(trusted));
        }
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(loaded.certs.iter().cloned());
        if roots.is_empty() {
            let error = Error::config(format!("{why}, but the platform has no certificates"))
                .coded(Code::CertificateUntrusted)
                .hint("install the package ca-certificates, or set sslrootcert=FILE");
            return Err(match loaded.errors.into_iter().next() {
                // SSL_CERT_FILE may name a key.
                Some(cause) => error.about_secret(&cause),
                None => error,
            });
        }
        let trusted = Arc::new(Self { roots, certificates: loaded.certs });
        Ok(Arc::clone(SYSTEM.get_or_init(|| trusted)))
    }
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
