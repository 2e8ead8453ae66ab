//! The two things in a certificate that rustls does not hand out: the common name and the signature's hash.

use rustls::crypto::hash::{Hash, HashAlgorithm};
use rustls::crypto::ring;
use rustls_pki_types::CertificateDer;

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
/// `[0]`, the version, which a version 1 certificate leaves out.
const VERSION: u8 = 0xa0;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 1.2.840.113549.1.1, RSA with PKCS #1 padding; then one byte for the hash.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4.3, ECDSA with SHA-2; then one byte for the hash.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];

/// One DER element: tag, content, and what follows it.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = input.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let (digits, after) = rest.split_at_checked(length - 0x80)?;
        if digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

/// The content of the next element, which must be of kind `tag`.
fn expect(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(input).filter(|(found, ..)| *found == tag).map(|(_, content, after)| (content, after))
}

/// The first common name of the subject, as written.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (mut rest, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, after)) = expect(rest, VERSION) {
        rest = after;
    }
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        rest = element(rest)?.2;
    }
    let (mut subject, _) = expect(rest, SEQUENCE)?;
    while let Some((_, mut names, after)) = element(subject) {
        subject = after;
        while let Some((name, others)) = expect(names, SEQUENCE) {
            names = others;
            let (kind, value) = expect(name, OBJECT_ID)?;
            if kind == COMMON_NAME {
                let text = element(value)?.1;
                // A zero byte hides the rest of a name from some readers: such a name is nobody's.
                return String::from_utf8(text.to_vec()).ok().filter(|text| !text.contains('\0'));
            }
        }
    }
    None
}

/// Whether a common name is that of `host`: the same, or `*.` and all but the first label.
pub(super) fn name_matches(name: &str, host: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(domain) if host.parse::<std::net::IpAddr>().is_err() => {
            domain.contains('.')
                && host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain)
        }
        _ => name == host,
    }
}

/// The channel binding `tls-server-end-point` (RFC 5929): a hash of the certificate by its own signature's hash.
///
/// None when that hash is not one we have; the login then goes without binding.
pub(in crate::client) fn end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (content, _) = expect(certificate, SEQUENCE)?;
    let (_, _, after) = element(content)?;
    let (algorithm, _) = expect(after, SEQUENCE)?;
    let (id, _) = expect(algorithm, OBJECT_ID)?;
    let (last, family) = id.split_last()?;
    let hash = match (family, last) {
        // MD5 and SHA-1 count as SHA-256 by the RFC.
        (RSA, 4 | 5 | 11) | (ECDSA, 2) => HashAlgorithm::SHA256,
        (RSA, 12) | (ECDSA, 3) => HashAlgorithm::SHA384,
        _ => return None,
    };
    Some(hasher(hash)?.hash(certificate).as_ref().to_vec())
}

fn hasher(wanted: HashAlgorithm) -> Option<&'static dyn Hash> {
    ring::ALL_CIPHER_SUITES
        .iter()
        .filter_map(|suite| suite.tls13())
        .map(|suite| suite.common.hash_provider)
        .find(|hash| hash.algorithm() == wanted)
}

#[cfg(test)]
mod tests {
    use super::name_matches;

    #[test]
    fn common_names_match_as_in_libpq() {
        assert!(name_matches("DB.example.org", "db.Example.org"));
        assert!(name_matches("*.example.org", "db.example.org"));
        assert!(!name_matches("*.example.org", "a.db.example.org"));
        assert!(!name_matches("*.example.org", "example.org"));
        assert!(!name_matches("*.org", "example.org"));
        assert!(!name_matches("*.0.0.1", "127.0.0.1"));
    }
}
