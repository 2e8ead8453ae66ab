//! Errors of connections that break, or do not come about: the same for every server.

use std::io;

use crate::error::{Code, Error, Transient};

/// The server ended the connection without a reason.
pub(super) fn closed(server: &str) -> Error {
    Error::unavailable("server closed the connection")
        .coded(Code::ConnectionLost)
        .with("server", server)
        .hint(
            "the server's log says why; it may have restarted, or something between may end long connections",
        )
        .as_transient(Transient::Connection)
}

/// Reading or writing failed.
pub(super) fn lost(error: io::Error, server: &str) -> Error {
    if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) {
        return closed(server).caused_by(error);
    }
    Error::unavailable("connection to the server was lost")
        .coded(Code::ConnectionLost)
        .with("server", server)
        .caused_by(error)
        .as_transient(Transient::Connection)
}

/// The server cannot be reached at all.
pub(super) fn unreachable(error: io::Error, server: &str) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nothing listens there: check host and port, that the server runs, and on which addresses it listens"
        }
        io::ErrorKind::NotFound => {
            "there is no such socket: check directory and port, and that the server runs"
        }
        io::ErrorKind::PermissionDenied => "the rights of the socket's directory do not let this user in",
        io::ErrorKind::TimedOut => {
            "no answer: check host, port and firewalls, or raise connect_timeout (seconds)"
        }
        _ => "check host, port and network",
    };
    Error::unavailable("cannot connect to the server")
        .coded(Code::ServerUnreachable)
        .with("server", server)
        .hint(hint)
        .caused_by(error)
        .as_transient(Transient::Connection)
}
