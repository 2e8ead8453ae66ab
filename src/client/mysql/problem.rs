//! Errors of the client and the server, by what the user can do about them.

use std::io;

use crate::client::network;
use crate::client::transport::tls_error;
use crate::error::{Code, Error, ErrorKind, Transient, values_are_hidden};

/// The number of a server's error; none for errors from elsewhere.
pub fn code(error: &Error) -> Option<u16> {
    error.context().iter().find(|(key, _)| *key == "error").and_then(|(_, code)| code.parse().ok())
}

/// `KILL QUERY`.
pub(super) const INTERRUPTED: u16 = 1317;

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
        // Other messages name users, tables and settings; those about data may quote values.
        let is_hidden = kind == ErrorKind::Data && values_are_hidden();
        let message = match is_hidden {
            true => format!("error of the server (SQLSTATE {})", self.sqlstate),
            false => self.message,
        };
        let mut error = Error::new(kind, message).with("error", self.code);
        if let Some(code) = lookup(self.code, &self.sqlstate, kind) {
            error = error.coded(code);
        }
        if !hint.is_empty() {
            error = error.hint(hint);
        }
        if is_hidden {
            error = error.hint("the server's message is hidden by --hide-values");
        }
        match transient {
            Some(why) => error.as_transient(why),
            None => error,
        }
    }
}

/// What a server says of its version is nothing that servers say.
pub(super) fn odd_version(text: &str) -> Error {
    let start: String = text.chars().take(64).collect();
    Error::config("the server's version is not understood")
        .coded(Code::NotThisServer)
        .with("version", start)
        .hint("check that server and port are those of a MySQL or MariaDB server, or of a proxy for one")
}

/// The server said something that this client does not understand.
pub(super) fn protocol(what: &str) -> Error {
    Error::unavailable(format!("unexpected answer from the server: {what}"))
        .coded(Code::NotThisServer)
        .hint("check that server and port are those of a MySQL or MariaDB server, or of a proxy for one")
}

/// The server wants to be logged in to in a way that this client does not know.
pub(super) fn not_understood(what: &'static str) -> Error {
    Error::config("the server's login is not understood").coded(Code::NotThisServer).caused_by(what)
}

pub(super) fn no_tls() -> Error {
    Error::config("the server has no TLS")
        .coded(Code::TlsMissing)
        .hint("turn TLS on at the server; sslmode=prefer connects without it where there is none")
}

pub(super) fn no_authority() -> Error {
    Error::config("sslmode verify-ca needs sslrootcert, the PEM certificate of the server's authority")
        .coded(Code::CertificateUntrusted)
        .hint("set sslrootcert; sslmode verify-full may do without, and trusts the platform's authorities")
}

/// Shaking hands failed.
pub(super) fn of_tls(error: io::Error, server: &str) -> Error {
    if tls_error(&error).is_none() {
        return network::lost(error, server);
    }
    Error::config("no TLS connection to the server")
        .coded(Code::TlsFailed)
        .hint("check sslmode and sslrootcert (the PEM certificate of the server's authority)")
        .caused_by(error)
}

/// The kind of a server's error, whether the statement is worth another attempt, and what to do.
///
/// Not 1205: the lock was waited for as long as we wait. Not 1021: a full disk does not empty itself. Not 1969 and 3024:
/// the statement would take as long again.
fn classify(code: u16, sqlstate: &str) -> (ErrorKind, Option<Transient>, &'static str) {
    let lasting = |kind, hint| (kind, None, hint);
    match code {
        1045 | 1698 => lasting(
            ErrorKind::Denied,
            "check username and password in the auth file entry or the URL, and sslmode if the user has REQUIRE SSL",
        ),
        1130 => lasting(
            ErrorKind::Denied,
            "the server lets nobody in from this host: see the host part of its users",
        ),
        1820 | 1862 => {
            lasting(ErrorKind::Denied, "the password has expired: ALTER USER gives the user a new one")
        }
        1044 => lasting(
            ErrorKind::Denied,
            "check the database's name, whose case may matter; if it is right, GRANT SELECT on it to the user",
        ),
        3118 | 4151 => lasting(ErrorKind::Denied, "the account is locked: ALTER USER ... ACCOUNT UNLOCK"),
        1142 | 1143 | 1227 | 1370 => lasting(ErrorKind::Denied, ""),
        1049 => lasting(ErrorKind::Config, "check the database's name in the auth file entry or the URL"),
        3159 => lasting(ErrorKind::Config, "set sslmode=require or a stronger one"),
        1129 => {
            lasting(ErrorKind::Unavailable, "the server had too many failed logins from here: FLUSH HOSTS")
        }
        1040 | 1203 | 1226 => (
            ErrorKind::Unavailable,
            Some(Transient::Full),
            "the server or the user has no connection left: raise max_connections or the user's MAX_USER_CONNECTIONS",
        ),
        1135 | 1461 | 1637 => (ErrorKind::Unavailable, Some(Transient::Full), ""),
        // Deadlock; a table that changed between PREPARE and EXECUTE.
        1213 | 1615 => (ErrorKind::Unavailable, Some(Transient::Conflict), ""),
        INTERRUPTED => (
            ErrorKind::Unavailable,
            Some(Transient::Conflict),
            "the statement was ended by KILL QUERY, or by a shutdown",
        ),
        1969 | 3024 => lasting(
            ErrorKind::Unavailable,
            "the server ends statements that take too long: see its max_statement_time (MariaDB) or max_execution_time (MySQL)",
        ),
        1153 | 1301 => lasting(ErrorKind::Data, "raise max_allowed_packet at the server"),
        // Shutdown, lost or killed connections; those that were idle for longer than the server waits. Proxies say of the
        // server behind them what clients say of theirs.
        1053 | 1152 | 1154..=1161 | 1927 | 2002 | 2003 | 2006 | 2013 | 2055 | 3168 | 3169 | 4031 => {
            (ErrorKind::Unavailable, Some(Transient::Connection), "")
        }
        1205 => lasting(
            ErrorKind::Unavailable,
            "another session holds or waits for a stronger lock on the table (ALTER, LOCK TABLES ...; SHOW FULL PROCESSLIST shows it): export it when that is done",
        ),
        1114 | 1021 => lasting(
            ErrorKind::Unavailable,
            "the server has no room left on disk, for a table or for a temporary one",
        ),
        1037 | 1038 | 1041 => {
            lasting(ErrorKind::Unavailable, "the server has no memory left for the statement")
        }
        // Read-only during a switch-over.
        1290 | 1836 => lasting(ErrorKind::Unavailable, ""),
        _ => of_tables(code, sqlstate),
    }
}

/// Where more about an error of the kind is found.
fn lookup(code: u16, sqlstate: &str, kind: ErrorKind) -> Option<Code> {
    Some(match code {
        1045 | 1698 | 1130 | 1820 | 1862 | 3118 | 4151 => Code::LoginRefused,
        1044 | 1049 => Code::UnknownDatabase,
        1142 | 1143 | 1227 | 1370 => Code::SelectDenied,
        3159 => Code::LoginMethod,
        1040 | 1135 | 1203 | 1226 => Code::NoFreeConnection,
        1021 | 1037 | 1038 | 1041 | 1114 | 1461 | 1637 => Code::ServerResources,
        1205 | 1213 => Code::LockTimeout,
        1412 | 1615 => Code::TableChanged,
        INTERRUPTED | 1969 | 3024 => Code::StatementCancelled,
        1153 | 1301 => Code::TooLarge,
        1053 | 1290 | 1836 => Code::ServerStops,
        1152 | 1154..=1161 | 1927 | 2002 | 2003 | 2006 | 2013 | 2055 | 3168 | 3169 | 4031 => {
            Code::ConnectionLost
        }
        1054 | 1146 => Code::TableMissing,
        _ if kind == ErrorKind::Data => Code::ServerRefuses,
        _ if sqlstate == "28000" => Code::LoginRefused,
        _ if sqlstate == "08S01" => Code::ConnectionLost,
        _ => return None,
    })
}

/// The same of errors that say something of a table or its rows.
fn of_tables(code: u16, sqlstate: &str) -> (ErrorKind, Option<Transient>, &'static str) {
    let hint = match code {
        1146 => "the table does not exist (any more)",
        1054 => "the column does not exist (any more)",
        1412 => "the table was altered after the moment that is exported: export once more when no DDL runs",
        1356 => {
            "the view refers to what does not exist, or its definer may not read it: repair it, or leave it out with --exclude"
        }
        1449 => {
            "the view's definer does not exist: repair it (ALTER DEFINER = ... VIEW), or leave it out with --exclude"
        }
        126 | 127 | 144 | 145 | 1034 | 1035 | 1194 | 1195 => {
            "the table is damaged: CHECK TABLE says how, REPAIR TABLE mends it"
        }
        1712 | 1877 => "the table or an index of it is damaged: CHECK TABLE says how",
        1812 | 1814 | 1932 => {
            "the table's file is missing at the server: repair the table, or leave it out with --exclude"
        }
        _ => "",
    };
    match sqlstate {
        _ if !hint.is_empty() => (ErrorKind::Data, None, hint),
        "28000" => (ErrorKind::Denied, None, ""),
        "08S01" => (ErrorKind::Unavailable, Some(Transient::Connection), ""),
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
            (1301, "#HY000", ErrorKind::Data, None),
            (1064, "#42000", ErrorKind::Data, None),
            (1317, "#70100", ErrorKind::Unavailable, Some(Transient::Conflict)),
            (1969, "#70100", ErrorKind::Unavailable, None),
            (3024, "#HY000", ErrorKind::Unavailable, None),
            (2013, "#HY000", ErrorKind::Unavailable, Some(Transient::Connection)),
            (1836, "#HY000", ErrorKind::Unavailable, None),
            (1615, "#HY000", ErrorKind::Unavailable, Some(Transient::Conflict)),
            (1461, "#42000", ErrorKind::Unavailable, Some(Transient::Full)),
            (3159, "#HY000", ErrorKind::Config, None),
            (1820, "#HY000", ErrorKind::Denied, None),
            (1194, "#HY000", ErrorKind::Data, None),
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
    fn what_can_be_mended_has_advice() {
        for (code, part) in [
            (1146, "does not exist"),
            (1356, "--exclude"),
            (1449, "DEFINER"),
            (145, "REPAIR TABLE"),
            (1412, "altered"),
            (1153, "max_allowed_packet"),
            (1040, "max_connections"),
            (3024, "max_execution_time"),
            (1205, "stronger lock"),
            (1045, "REQUIRE SSL"),
            (1044, "database's name"),
            (4151, "ACCOUNT UNLOCK"),
        ] {
            let error = said(code, "#HY000", "why");
            assert!(error.hints()[0].contains(part), "{code}: {error:?}");
        }
        assert!(said(1064, "#42000", "why").hints().is_empty());
    }

    #[test]
    fn no_error_is_too_short() {
        for packet in [&[0xff][..], &[0xff, 1], &[0xff, 1, 2], &[0xff, 1, 2, b'#', b'2'], b"\xff\x01\x02\xc3"]
        {
            assert_eq!(ServerError::parse(packet).into_error().kind(), ErrorKind::Data, "{packet:?}");
        }
    }
}
