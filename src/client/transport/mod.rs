//! What clients of servers send over: sockets, TLS, and the files of certificates that it needs.

pub(super) mod buffer;
mod certificate;
mod pem;
mod socket;
mod stream;
mod tls;

pub(super) use self::certificate::end_point;
pub(super) use self::socket::Socket;
pub(super) use self::stream::{Stream, in_time, resolve, tcp, unix};
pub(super) use self::tls::{Trusted, client_config, handshake, server_name, tls_error};
