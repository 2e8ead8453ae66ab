//! Proving who we are: `caching_sha2_password`, `mysql_native_password`.

use mysql_common::packets::AuthPlugin;
use mysql_common::scramble::{scramble_native, scramble_sha256};

use super::greeting::NONCE_BYTES;
use super::link::Link;
use super::packet::ERROR;
use super::reader::Reader;
use super::rsa;
use crate::client::mysql::problem::{self, ServerError};
use crate::error::{Code, Error, Result};

const OK: u8 = 0x00;
const MORE: u8 = 0x01;
const SWITCH: u8 = 0xfe;

/// `caching_sha2_password`: the server knows the password's hash, and lets us in.
const KNOWN: u8 = 3;
/// `caching_sha2_password`: the server needs the password itself.
const IN_FULL: u8 = 4;

/// `caching_sha2_password`: asks for the server's RSA key.
const ASK_KEY: u8 = 2;

/// What a login needs.
pub(in crate::client::mysql) struct Login<'a> {
    /// Empty without one.
    pub(in crate::client::mysql) password: &'a [u8],
    pub(in crate::client::mysql) server_key: PublicKey,
}

/// The RSA key that the password is encrypted with where others may listen.
pub(in crate::client::mysql) enum PublicKey {
    /// None: the login is refused.
    None,
    /// The one that comes over the network.
    Asked,
    /// This one, as PEM.
    Given(Vec<u8>),
}

/// How a user logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Native,
    CachingSha2,
}

impl Method {
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql_native_password" => Some(Self::Native),
            b"caching_sha2_password" => Some(Self::CachingSha2),
            _ => None,
        }
    }

    /// The first to try. A server whose user has another asks for that.
    pub(super) fn first(default: &[u8]) -> Self {
        if default == b"caching_sha2_password" { Self::CachingSha2 } else { Self::Native }
    }

    pub(super) fn plugin(self) -> AuthPlugin<'static> {
        match self {
            Self::Native => AuthPlugin::MysqlNativePassword,
            Self::CachingSha2 => AuthPlugin::CachingSha2Password,
        }
    }

    /// The proof of a password; empty without one.
    pub(super) fn proof(self, password: &[u8], nonce: &[u8; NONCE_BYTES]) -> Vec<u8> {
        match self {
            Self::Native => scramble_native(nonce, password).map(Vec::from),
            Self::CachingSha2 => scramble_sha256(nonce, password).map(Vec::from),
        }
        .unwrap_or_default()
    }
}

/// How far a login is. A question that does not belong to its step is never answered: what a server in the middle asks
/// for could be the password itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The first proof was sent.
    Begun,
    /// A proof of the method that the server asked for was sent.
    Switched,
    /// The server's key was asked for.
    KeyAsked,
    /// All was answered: the server lets us in, or it does not.
    Answered,
}

/// Answers the server's questions, after the first proof by `method`, until it lets us in. `is_private` says whether
/// nobody can listen: TLS, or a Unix socket.
pub(super) async fn login(
    link: &mut Link,
    mut method: Method,
    mut nonce: [u8; NONCE_BYTES],
    login: &Login<'_>,
    is_private: bool,
) -> Result<()> {
    let mut step = Step::Begun;
    loop {
        let packet = link.receive().await?;
        let body = link.body(packet).to_vec();
        match (body.as_slice(), step) {
            ([OK, ..], _) => return Ok(()),
            ([ERROR, ..], _) => return Err(ServerError::parse(&body).into_error()),
            // Of a server before MySQL 4.1.
            ([SWITCH], _) => return Err(unsupported(b"mysql_old_password")),
            ([SWITCH, asked @ ..], Step::Begun) => {
                (method, nonce) = switched(asked)?;
                step = Step::Switched;
                link.answer().extend_from_slice(&method.proof(login.password, &nonce));
                link.send().await?;
            }
            ([MORE, KNOWN], Step::Begun | Step::Switched) if method == Method::CachingSha2 => {
                step = Step::Answered;
            }
            ([MORE, IN_FULL], Step::Begun | Step::Switched) if method == Method::CachingSha2 => {
                step = Step::Answered;
                match &login.server_key {
                    _ if is_private => link.answer().extend([login.password, &[0]].concat()),
                    PublicKey::None => return Err(would_be_read()),
                    PublicKey::Given(pem) => link.answer().extend(encrypted(pem, login, &nonce)?),
                    PublicKey::Asked => {
                        link.answer().push(ASK_KEY);
                        step = Step::KeyAsked;
                    }
                }
                link.send().await?;
            }
            ([MORE, pem @ ..], Step::KeyAsked) => {
                link.answer().extend(encrypted(pem, login, &nonce)?);
                link.send().await?;
                step = Step::Answered;
            }
            _ => return Err(problem::not_understood("it asks for something out of turn")),
        }
    }
}

/// Method and nonce of a question for another login.
fn switched(asked: &[u8]) -> Result<(Method, [u8; NONCE_BYTES])> {
    let mut reader = Reader(asked);
    let name = reader.until_zero().unwrap_or(asked);
    let method = Method::of(name).ok_or_else(|| unsupported(name))?;
    let nonce = reader.0.strip_suffix(&[0]).unwrap_or(reader.0);
    let nonce = nonce.try_into();
    Ok((method, nonce.map_err(|_| problem::not_understood("it has no nonce of 20 bytes"))?))
}

/// An RSA key from the network is asked for only where the user says so: an attacker could send one.
fn would_be_read() -> Error {
    Error::config("the server asks for the password itself, and the connection has no TLS")
        .coded(Code::LoginMethod).hint(
        "set sslmode=require or a stronger one (the server needs TLS for that), or connect by the server's Unix socket; or \
         set server-public-key-path to a copy of the server's public_key.pem",
    )
}

/// The password, good for this login only.
fn encrypted(pem: &[u8], login: &Login<'_>, nonce: &[u8; NONCE_BYTES]) -> Result<Vec<u8>> {
    let secret = login.password.iter().chain(&[0]).zip(nonce.iter().cycle());
    let secret: Vec<u8> = secret.map(|(byte, mask)| byte ^ mask).collect();
    rsa::encrypted(pem, &secret).map_err(|what| {
        Error::config(format!("the server's public key cannot be used: {what}"))
            .coded(Code::CertificateFile)
            .hint("server-public-key-path is to be a copy of the server's public_key.pem")
    })
}

fn unsupported(name: &[u8]) -> Error {
    let name: String = String::from_utf8_lossy(name).chars().take(64).collect();
    let error = Error::config(format!("the server asks for a login by {name}, which is not supported"))
        .coded(Code::LoginMethod)
        .hint("let this user log in by caching_sha2_password (MySQL) or mysql_native_password (MariaDB): ALTER USER");
    // So that nobody finds out which users there are.
    match name.as_str() {
        "sha256_password" => error.hint("MySQL asks so for users that it does not know, too: check the name"),
        _ => error,
    }
}
