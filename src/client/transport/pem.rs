//! Files of certificates and keys. No message holds anything of them: a key may lie where a certificate is expected.

use std::path::Path;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Code, Error, Result};
use crate::secret::{self, pem::mended};

/// The certificates in the file that `key` names, at least one.
pub(in crate::client) fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all = parsed(&read(key, path)?, |bytes| {
        CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>()
    });
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(Error::config(format!("{key} has no certificate in PEM format"))
            .coded(Code::CertificateFile)
            .with("path", path.display())),
        Err(error) => Err(Error::config(format!("{key} is not a file of certificates in PEM format"))
            .coded(Code::CertificateFile)
            .with("path", path.display())
            .about_secret(&error)),
    }
}

/// The private key in the file that `key` names.
pub(in crate::client) fn private_key(key: &str, path: &Path) -> Result<PrivateKeyDer<'static>> {
    secret::warn_if_others_may_read(key, path);
    parsed(&read(key, path)?, PrivateKeyDer::from_pem_slice).map_err(|error| {
        Error::config(format!("{key} is not a private key in PEM format, without a passphrase"))
            .coded(Code::CertificateFile)
            .with("path", path.display())
            .about_secret(&error)
    })
}

/// What `parse` makes of a file; or of what can be made of it, when its line breaks did not survive.
fn parsed<T>(bytes: &[u8], parse: impl Fn(&[u8]) -> Result<T, pem::Error>) -> Result<T, pem::Error> {
    parse(bytes).or_else(|error| match std::str::from_utf8(bytes).map(mended) {
        Ok(Ok(mended)) => parse(mended.as_bytes()),
        _ => Err(error),
    })
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        Error::config(format!("{key} cannot be read"))
            .coded(Code::CertificateFile)
            .with("path", path.display())
            .hint(format!("check the path in {key} and the file's rights"))
            .about_secret(&error)
    })
}
