//! Errors of the client and the server, by what the user can do about them.

use mysql_async::{DriverError, Error as MysqlError, IoError, TlsError};

use super::config::MysqlConfig;
use crate::client::network;
use crate::error::{Error, ErrorKind, Transient};

/// The number of a server's error; none for errors from elsewhere.
pub(crate) fn code(error: &Error) -> Option<u16> {
    error.context().iter().find(|(key, _)| *key == "error").and_then(|(_, code)| code.parse().ok())
}

/// An error of a statement that `server` was asked to run.
pub(crate) fn of_statement(error: MysqlError, server: &str) -> Error {
    match error {
        MysqlError::Server(said) => {
            let (kind, transient, hint) = classify(said.code);
            let error = Error::new(kind, said.message).with("error", said.code);
            let error = if hint.is_empty() { error } else { error.hint(hint) };
            match transient {
                Some(why) => error.as_transient(why),
                None => error,
            }
        }
        MysqlError::Io(IoError::Io(error)) => network::lost(error, server),
        // The connection is in a state that nobody knows.
        other => Error::unavailable("connection to the server was lost")
            .with("server", server)
            .caused_by(other)
            .as_transient(Transient::Connection),
    }
}

/// An error of a login: says who wanted to get in where.
pub(super) fn of_login(error: MysqlError, config: &MysqlConfig) -> Error {
    let server = config.server();
    let error = match error {
        MysqlError::Server(said) => of_statement(MysqlError::Server(said), &server).with("server", server),
        MysqlError::Io(IoError::Io(error)) => network::unreachable(error, &server),
        MysqlError::Io(IoError::Tls(TlsError::Pem(pem))) => {
            Error::config("sslrootcert is not a file of certificates in PEM format")
                .about_secret(&pem)
                .with("server", server)
        }
        MysqlError::Io(IoError::Tls(tls)) => Error::config("no TLS connection to the server")
            .hint("check sslmode and sslrootcert (the PEM certificate of the server's authority)")
            .with("server", server)
            .caused_by(tls),
        MysqlError::Driver(driver @ DriverError::NoClientSslFlagFromServer) => {
            Error::config("the server has no TLS")
                .hint("sslmode disable goes without")
                .with("server", server)
                .caused_by(driver)
        }
        MysqlError::Driver(driver) => {
            Error::config("the server's login is not understood").with("server", server).caused_by(driver)
        }
        other => Error::unavailable("cannot connect to the server")
            .hint("check server, port and network, and that the server runs")
            .with("server", server)
            .caused_by(other),
    };
    error.with("user", &config.user).with("database", &config.database)
}

/// The kind of a server's error, whether the statement is worth another attempt, and what to do.
///
/// Not 1205: the lock was waited for as long as we wait. Not 1021: a full disk does not empty itself.
fn classify(code: u16) -> (ErrorKind, Option<Transient>, &'static str) {
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
        // Shutdown, lost or killed connections.
        1053 | 1152..=1161 | 1927 | 3169 => (ErrorKind::Unavailable, Some(Transient::Connection), ""),
        // Lock wait, read-only during a switch-over, disk full.
        1205 | 1290 | 1836 | 1021 => (ErrorKind::Unavailable, None, ""),
        _ => (ErrorKind::Data, None, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        for (code, kind, transient) in [
            (1045, ErrorKind::Denied, None),
            (1142, ErrorKind::Denied, None),
            (1049, ErrorKind::Config, None),
            (1213, ErrorKind::Unavailable, Some(Transient::Conflict)),
            (1205, ErrorKind::Unavailable, None),
            (1040, ErrorKind::Unavailable, Some(Transient::Full)),
            (1053, ErrorKind::Unavailable, Some(Transient::Connection)),
            (1406, ErrorKind::Data, None),
        ] {
            let (of, why, _) = classify(code);
            assert_eq!((of, why), (kind, transient), "{code}");
        }
    }

    #[test]
    fn the_number_of_an_error_is_found_again() {
        let said = mysql_async::ServerError { code: 1142, message: "no".into(), state: "42000".into() };
        assert_eq!(code(&of_statement(MysqlError::Server(said), "db:3306")), Some(1142));
        assert_eq!(code(&Error::denied("no")), None);
    }
}
