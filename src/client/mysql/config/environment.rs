//! What the `mysql` client takes from its surroundings: `MYSQL_*` variables.
//!
//! All of it stands below what the URL or the auth entry says.

use super::settings::{DEFAULT_PORT, Key, MysqlConfig, ServerKey};
use crate::client::Environment;
use crate::client::fields::Fields;

const HOST: &str = "MYSQL_HOST";
const PORT: &str = "MYSQL_TCP_PORT";
const SOCKET: &str = "MYSQL_UNIX_PORT";
const PASSWORD: &str = "MYSQL_PWD";

/// Adds what the surroundings say about keys that are not given. The socket is that of `localhost`: it counts where
/// nothing names another server.
pub(super) fn fill(fields: &mut Fields<Key>, environment: &Environment) {
    let is_named = [Key::Host, Key::Socket, Key::Port].into_iter().any(|key| fields.has(key));
    let is_local = environment.get(HOST).is_none_or(|host| host.eq_ignore_ascii_case("localhost"));
    for (variable, key, counts) in [
        (SOCKET, Key::Socket, !is_named && is_local),
        (HOST, Key::Host, !fields.has(Key::Socket)),
        (PORT, Key::Port, true),
        (PASSWORD, Key::Password, true),
    ] {
        if let Some(value) = environment.get(variable).filter(|_| counts) {
            fields.default(key, variable, value);
        }
    }
}

/// For an address out of a run log, which others may have written: takes the password of the surroundings away, unless
/// they name the server too. Then it is never encrypted with a key that comes over the network.
pub(super) fn guard(config: &mut MysqlConfig, environment: &Environment) {
    if config.password.is_none() {
        return;
    }
    config.server_key = ServerKey::None;
    if is_named(config, environment) {
        return;
    }
    config.password = None;
    config.password_note = Some(format!(
        "the password of {PASSWORD} is not sent to {}, which only the run log names: give --source (or \
         LAKEXPRESS_SOURCE) once more, or set {HOST} and {PORT}, or {SOCKET}",
        config.server()
    ));
}

/// Whether the surroundings name the server.
fn is_named(config: &MysqlConfig, environment: &Environment) -> bool {
    let host = environment.get(HOST);
    if config.is_socket() {
        return [host, environment.get(SOCKET)].contains(&Some(config.host.as_str()));
    }
    let port = environment.get(PORT).map_or(Some(DEFAULT_PORT), |port| port.trim().parse().ok());
    host.is_some_and(|host| host.eq_ignore_ascii_case(&config.host)) && port == Some(config.port)
}
