//! Encryption with a server's RSA key: what `caching_sha2_password` does without TLS.
//!
//! `mysql_common` encrypts, and panics on what is no key: it is looked at here before.

use mysql_common::crypto::{der, rsa};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;

/// Tag, length and value of the algorithm's name, `rsaEncryption`.
const ALGORITHM: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

/// Bytes of a modulus, from 1024 to 8192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 128..=1024;
const EXPONENT_BYTES: usize = 8;

/// Bytes that OAEP with SHA-1 takes.
const PADDING: usize = 42;

/// `secret`, encrypted with the key of a PEM text. An error says what is wrong.
pub(super) fn encrypted(pem: &[u8], secret: &[u8]) -> Result<Vec<u8>, &'static str> {
    let spki =
        SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| "it is no public key in PEM format")?;
    let (key, modulus) = numbers(&spki).ok_or("it is no RSA key of 1024 to 8192 bits")?;
    if secret.len() + PADDING > modulus {
        return Err("it is too short for the password");
    }
    let (modulus, exponent) = der::parse_pub_key_pkcs1(key);
    let padding = rsa::Pkcs1OaepPadding::new(rsa::GetRandom);
    Ok(rsa::PublicKey::new(modulus, exponent).encrypt_block(secret, padding))
}

/// The sequence of modulus and exponent, and the modulus' bytes; none when it is not exactly that.
fn numbers(spki: &[u8]) -> Option<(&[u8], usize)> {
    let mut whole = Der(spki);
    let mut fields = Der(whole.last(SEQUENCE)?);
    if !fields.element(SEQUENCE)?.starts_with(ALGORITHM) {
        return None;
    }
    let key = fields.last(BITS)?.strip_prefix(&[0])?;
    let mut numbers = Der(Der(key).last(SEQUENCE)?);
    let modulus = positive(numbers.element(INTEGER)?)?;
    let exponent = positive(numbers.last(INTEGER)?)?;
    let is_whole = modulus.first()? & 0x80 != 0 && modulus.last()? & 1 == 1;
    let is_exponent = exponent.len() <= EXPONENT_BYTES && exponent.last()? & 1 == 1 && exponent != [1];
    (is_whole && is_exponent && MODULUS.contains(&modulus.len())).then_some((key, modulus.len()))
}

/// The bytes of a number that is greater than zero.
fn positive(value: &[u8]) -> Option<&[u8]> {
    match value {
        [0, rest @ ..] => (rest.first()? & 0x80 != 0).then_some(rest),
        [first, ..] => (first & 0x80 == 0).then_some(value),
        [] => None,
    }
}

/// What is left of a value in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The value of the next element, which has this tag and a length of three bytes at most.
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (length, rest) = match self.0 {
            [found, length @ ..=0x7f, rest @ ..] if *found == tag => (usize::from(*length), rest),
            [found, 0x81, length, rest @ ..] if *found == tag => (usize::from(*length), rest),
            [found, 0x82, a, b, rest @ ..] if *found == tag => {
                (usize::from(u16::from_be_bytes([*a, *b])), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }

    /// The same, and nothing after it.
    fn last(&mut self, tag: u8) -> Option<&'a [u8]> {
        let value = self.element(tag)?;
        self.0.is_empty().then_some(value)
    }
}

/// `openssl genrsa 1024 | openssl rsa -pubout`, of no use elsewhere.
#[cfg(test)]
pub(super) const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9xdGmtJC9jKP/pSbIQIeFsh8I\n\
        fEsLgMKE1Z8icrQ5ZWfI95IXfEiN1cXHcYmFmGX1KGSVxVGgrPIgB4Rk2CCJJWG2\n\
        VItWLryZ6k5j5QwV+Z/b0h5MryEAX6PYUG9w5YZeJgET1kRP2bn8yhWvWchy3H3H\n\
        DVt9YKINGUY/cye42wIDAQAB\n\
        -----END PUBLIC KEY-----\n";

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    /// The private exponent.
    const PRIVATE: &str = "Fk+gk2HdNnvHeDHZemejx0MmxN+gDw0nUWiwGeO0bp8OcaExqtMw0IQWiZk+mtdM/WKvWLBnJWXP3ZYkqZqDUIgzIK\
        Mb+PxhYyVhyiW3Jq8LjUy02VlUcA8MDWG7lM9mHO8Doads7qMCB3UFZnSikAy1gyvtfHapM/fgmplxiPE=";

    fn of_der(der: &[u8]) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    /// A number as an INTEGER, for `mysql_common`.
    fn integer(bytes: &[u8]) -> Vec<u8> {
        let [a, b] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [&[INTEGER, 0x82, a, b], bytes].concat()
    }

    fn spki() -> Vec<u8> {
        SubjectPublicKeyInfoDer::from_pem_slice(PEM.as_bytes()).unwrap().to_vec()
    }

    #[test]
    fn what_is_encrypted_is_decrypted_by_the_private_key() {
        let spki = spki();
        let (key, _) = numbers(&spki).unwrap();
        let (modulus, _) = der::parse_pub_key_pkcs1(key);
        let private = integer(&STANDARD.decode(PRIVATE).unwrap());
        let (private, _) = der::parse_uint(&private);
        for length in [0, 1, 86] {
            let hidden = encrypted(PEM.as_bytes(), &vec![b'x'; length]).unwrap();
            assert_eq!(hidden.len(), 128);
            let hidden = integer(&hidden);
            let (hidden, _) = der::parse_uint(&hidden);
            // Its first byte is zero, which the number does not have.
            let block = hidden.modpow(&private, &modulus).to_bytes_be();
            assert!(block.len() <= 127, "{block:?}");
        }
        assert_eq!(encrypted(PEM.as_bytes(), &[0; 87]), Err("it is too short for the password"));
        assert_ne!(encrypted(PEM.as_bytes(), b"a"), encrypted(PEM.as_bytes(), b"a"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for pem in
            ["", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n!"]
        {
            assert!(encrypted(pem.as_bytes(), b"x").is_err(), "{pem}");
        }
        let whole = spki();
        for length in 0..whole.len() {
            assert!(encrypted(of_der(&whole[..length]).as_bytes(), b"x").is_err(), "{length}");
        }
        assert!(encrypted(of_der(&[&whole, &[0][..]].concat()).as_bytes(), b"x").is_err());
    }

    proptest! {
        #[test]
        fn no_key_is_too_odd(at in 0..160_usize, byte in any::<u8>()) {
            let mut der = spki();
            let at = at % der.len();
            der[at] = byte;
            if let Ok(hidden) = encrypted(of_der(&der).as_bytes(), b"secret") {
                prop_assert!(hidden.len() == 128);
            }
        }
    }
}
