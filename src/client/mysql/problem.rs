//! Errors of the client and the server, by what the user can do about them.

use std::io;

use crate::client::network;
use crate::client::transport::tls_error;
use crate::error::{Error, ErrorKind, Transient};

/// The number of a server's error; none for errors from elsewhere.
pub fn code(error: &Error) -> Option<u16> {
    error.context().iter().find(|(key, _)| *key == "error").and_then(|(_, code)| code.parse().ok())
}

/// Most bytes of a message that are kept. Servers' messages have 512.
const LONGEST: usize = 8 * 1024;

/// What a server says when a command fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerError {
    /// The number: the same in every language, and more exact than the SQLSTATE.
    code: u16,
    /// Five characters; empty in an error of a login that has not got far.
    sqlstate: String,
    message: String,
}

impl ServerError {
    /// Reads a packet. Never fails: before the login the text may be in any encoding.
    pub(super) fn parse(body: &[u8]) -> Self {
        let (code, text) = match body {
            [_, a, b, text @ ..] => (u16::from_le_bytes([*a, *b]), text),
            _ => (0, &[][..]),
        };
        let (sqlstate, message) = match text {
            [b'#', state @ ..] => state.split_at_checked(5).unwrap_or((state, &[])),
            message => (&[][..], message),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]).into_owned();
        Self { code, sqlstate: text(sqlstate), message: text(message) }
    }

    pub(super) fn into_error(self) -> Error {
        let (kind, transient, hint) = classify(self.code, &self.sqlstate);
        let error = Error::new(kind, self.message).with("error", self.code);
        let error = if hint.is_empty() { error } else { error.hint(hint) };
        match transient {
            Some(why) => error.as_transient(why),
            None => error,
        }
    }
}

/// The server said something that this client does not understand.
pub(super) fn protocol(what: &str) -> Error {
    Error::unavailable(format!("unexpected answer from the server: {what}"))
        .hint("check that server and port are those of a MySQL or MariaDB server, or of a proxy for one")
}

/// The server wants to be logged in to in a way that this client does not know.
pub(super) fn not_understood(what: &'static str) -> Error {
    Error::config("the server's login is not understood").caused_by(what)
}

pub(super) fn no_tls() -> Error {
    Error::config("the server has no TLS").hint("sslmode disable goes without")
}

pub(super) fn no_authority() -> Error {
    Error::config("sslmode verify-ca needs sslrootcert, the PEM certificate of the server's authority")
        .hint("set sslrootcert; sslmode verify-full may do without, and trusts the platform's authorities")
}

/// Shaking hands failed.
pub(super) fn of_tls(error: io::Error, server: &str) -> Error {
    if tls_error(&error).is_none() {
        return network::lost(error, server);
    }
    Error::config("no TLS connection to the server")
        .hint("check sslmode and sslrootcert (the PEM certificate of the server's authority)")
        .caused_by(error)
}

/// The kind of a server's error, whether the statement is worth another attempt, and what to do.
///
/// Not 1205: the lock was waited for as long as we wait. Not 1021: a full disk does not empty itself.
fn classify(code: u16, sqlstate: &str) -> (ErrorKind, Option<Transient>, &'static str) {
    match code {
        1045 | 1698 => (ErrorKind::Denied, None, "check username and password in the auth file entry"),
        1044 | 1142 | 1143 | 1227 | 1370 => (ErrorKind::Denied, None, ""),
        1049 => (ErrorKind::Config, None, "check the database's name in the auth file entry"),
        1040 | 1203 | 1226 => (
            ErrorKind::Unavailable,
            Some(Transient::Full),
            "the server has no connection left; raise max_connections",
        ),
        // Deadlock.
        1213 => (ErrorKind::Unavailable, Some(Transient::Conflict), ""),
        1153 => (ErrorKind::Data, None, "raise max_allowed_packet at the server"),
        // Shutdown, lost or killed connections; those that were idle for longer than the server waits.
        1053 | 1152 | 1154..=1161 | 1927 | 3168 | 3169 | 4031 => {
            (ErrorKind::Unavailable, Some(Transient::Connection), "")
        }
        // Lock wait, read-only during a switch-over, disk full.
        1205 | 1290 | 1836 | 1021 => (ErrorKind::Unavailable, None, ""),
        _ if sqlstate == "28000" => (ErrorKind::Denied, None, ""),
        _ if sqlstate == "08S01" => (ErrorKind::Unavailable, Some(Transient::Connection), ""),
        _ => (ErrorKind::Data, None, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16, sqlstate: &str, message: &str) -> Error {
        let [a, b] = code.to_le_bytes();
        let packet = [&[0xff, a, b][..], sqlstate.as_bytes(), message.as_bytes()].concat();
        ServerError::parse(&packet).into_error()
    }

    #[test]
    fn errors_have_kinds_by_number_and_then_by_class() {
        for (code, sqlstate, kind, transient) in [
            (1045, "#28000", ErrorKind::Denied, None),
            (1142, "#42000", ErrorKind::Denied, None),
            (1049, "#42000", ErrorKind::Config, None),
            (1213, "#40001", ErrorKind::Unavailable, Some(Transient::Conflict)),
            (1205, "#HY000", ErrorKind::Unavailable, None),
            (1040, "", ErrorKind::Unavailable, Some(Transient::Full)),
            (1053, "#08S01", ErrorKind::Unavailable, Some(Transient::Connection)),
            (4031, "#HY000", ErrorKind::Unavailable, Some(Transient::Connection)),
            (1153, "#08S01", ErrorKind::Data, None),
            (1406, "#22001", ErrorKind::Data, None),
            (9001, "#28000", ErrorKind::Denied, None),
            (9001, "#08S01", ErrorKind::Unavailable, Some(Transient::Connection)),
            // A login that the client does not support.
            (1251, "#08004", ErrorKind::Data, None),
        ] {
            let error = said(code, sqlstate, "why");
            assert_eq!(
                (error.kind(), error.transient(), error.message()),
                (kind, transient, "why"),
                "{code}"
            );
        }
    }

    #[test]
    fn the_number_of_an_error_is_found_again() {
        assert_eq!(code(&said(1142, "#42000", "no")), Some(1142));
        assert_eq!(code(&Error::denied("no")), None);
    }

    #[test]
    fn no_error_is_too_short() {
        for packet in [&[0xff][..], &[0xff, 1], &[0xff, 1, 2], &[0xff, 1, 2, b'#', b'2'], b"\xff\x01\x02\xc3"]
        {
            assert_eq!(ServerError::parse(packet).into_error().kind(), ErrorKind::Data, "{packet:?}");
        }
    }
}
