//! Errors of the client and the server, by what the user can do about them.

use mysql_async::Error as MysqlError;

use super::config::MysqlConfig;
use crate::error::{Error, ErrorKind};

/// An error of a statement.
pub(crate) fn problem(error: MysqlError) -> Error {
    match error {
        MysqlError::Server(server) => {
            let (kind, hint) = classify(server.code);
            let error = Error::new(kind, server.message).with("error", server.code);
            if hint.is_empty() { error } else { error.hint(hint) }
        }
        // The connection is gone, or in a state that nobody knows.
        other => Error::unavailable("the connection to the server was lost").caused_by(other),
    }
}

/// An error of connecting: says who wanted to get in where.
pub(crate) fn cannot_connect(error: MysqlError, config: &MysqlConfig) -> Error {
    let error = match error {
        MysqlError::Server(server) => problem(MysqlError::Server(server)),
        MysqlError::Driver(driver @ mysql_async::DriverError::NoClientSslFlagFromServer) => {
            Error::config("the server has no TLS").hint("sslmode disable goes without").caused_by(driver)
        }
        MysqlError::Driver(driver) => Error::config("the server's login is not understood").caused_by(driver),
        MysqlError::Io(mysql_async::IoError::Tls(mysql_async::TlsError::Pem(pem))) => {
            Error::config("sslrootcert is not a file of certificates in PEM format").about_secret(&pem)
        }
        MysqlError::Io(mysql_async::IoError::Tls(tls)) => Error::config("no TLS connection to the server")
            .hint("check sslmode and sslrootcert (the PEM certificate of the server's authority)")
            .caused_by(tls),
        other => Error::unavailable("cannot connect to the server")
            .hint("check server, port and network, and that the server runs")
            .caused_by(other),
    };
    error.with("server", config.server()).with("user", &config.user).with("database", &config.database)
}

/// The kind of a server's error code.
fn classify(code: u16) -> (ErrorKind, &'static str) {
    match code {
        1045 | 1698 => (ErrorKind::Denied, "check username and password in the auth file entry"),
        1044 | 1142 | 1143 | 1227 | 1370 => (
            ErrorKind::Denied,
            "GRANT CREATE, SELECT, INSERT, UPDATE, DELETE, REFERENCES ON the database to this user",
        ),
        1049 => (ErrorKind::Config, "CREATE DATABASE it, or name another one in the auth file entry"),
        1040 | 1203 | 1226 => {
            (ErrorKind::Unavailable, "the server has no connection left; raise max_connections")
        }
        // Deadlock, lock wait, read-only during a switch-over, shutdown, lost connection, disk full.
        1205 | 1213 | 1053 | 1290 | 1836 | 1021 | 1152..=1161 | 1927 | 3169 => (ErrorKind::Unavailable, ""),
        _ => (ErrorKind::Data, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        for (code, kind) in [
            (1045, ErrorKind::Denied),
            (1142, ErrorKind::Denied),
            (1049, ErrorKind::Config),
            (1213, ErrorKind::Unavailable),
            (1406, ErrorKind::Data),
        ] {
            assert_eq!(classify(code).0, kind, "{code}");
        }
    }
}
