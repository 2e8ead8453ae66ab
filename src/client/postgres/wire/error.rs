//! What the server, the network and TLS say, as this crate's error.

use std::io;

use crate::client::postgres::config::PostgresConfig;
use crate::error::{Code, Error, ErrorKind, Transient, values_are_hidden};

/// The SQLSTATE of a server's error; none for errors from elsewhere.
pub fn sqlstate(error: &Error) -> Option<&str> {
    error.context().iter().find(|(key, _)| *key == "sqlstate").map(|(_, code)| code.as_str())
}

/// The fields of an ErrorResponse or NoticeResponse we use.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Response {
    code: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    /// The server's function that raised it: unlike the message, the same in every language.
    routine: String,
    position: Option<usize>,
}

impl Response {
    /// Reads a message's body. Never fails: before the login the text may be in any encoding.
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut response = Self::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((kind, text)) = field.split_first() else { break };
            let text = String::from_utf8_lossy(text).into_owned();
            match kind {
                b'C' => response.code = text,
                b'M' => response.message = text,
                b'D' => response.detail = Some(text),
                b'H' => response.hint = Some(text),
                b'R' => response.routine = text,
                b'P' => response.position = text.parse().ok(),
                _ => {}
            }
        }
        response
    }

    /// The SQLSTATE; empty when the server sent none.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// The place in the statement, in characters from 1.
    pub(super) fn position(&self) -> Option<usize> {
        self.position
    }

    /// The error of a statement.
    pub(super) fn into_error(self) -> Error {
        let (kind, lead) = classify(&self.code);
        if values_are_hidden() && !self.code.starts_with("28") {
            return self.into_hidden_error(kind, lead);
        }
        let mut message = format!("{lead}{}", self.message);
        if let Some(detail) = &self.detail {
            message.push_str("; ");
            message.push_str(detail);
        }
        let mut error = Error::new(kind, message);
        if !self.code.is_empty() {
            error = error.with("sqlstate", &self.code);
        }
        let is_row_security = self.routine == "check_enable_rls";
        if let Some(code) = lookup(&self.code, is_row_security, kind) {
            error = error.coded(code);
        }
        let advice = if is_row_security { Some(ROW_SECURITY) } else { advice(&self.code) };
        if let Some(advice) = advice {
            error = error.hint(advice);
        }
        if let Some(why) = transient(&self.code) {
            error = error.as_transient(why);
        }
        match self.hint {
            Some(hint) => error.hint(format!("the server says: {hint}")),
            None => error,
        }
    }

    /// The error of a statement, without the server's text, which may quote values.
    fn into_hidden_error(self, kind: ErrorKind, lead: &str) -> Error {
        let mut error = Error::new(kind, format!("{lead}{}", class_of(&self.code)));
        if !self.code.is_empty() {
            error = error.with("sqlstate", &self.code);
        }
        if let Some(code) = lookup(&self.code, self.routine == "check_enable_rls", kind) {
            error = error.coded(code);
        }
        if let Some(advice) = advice(&self.code) {
            error = error.hint(advice);
        }
        error = error.hint("the server's message is hidden by --hide-values; the server's log has it");
        match transient(&self.code) {
            Some(why) => error.as_transient(why),
            None => error,
        }
    }

    /// The error of a login: says who wanted to get in where.
    pub(super) fn into_login_error(mut self, config: &PostgresConfig, encrypted: bool) -> Error {
        if self.code.starts_with("28") {
            let how = if encrypted { "with TLS" } else { "without TLS" };
            self.message = format!(
                "user {:?} may not log in to database {:?} at {} {how}: {}",
                config.user,
                config.database,
                config.server(),
                self.message
            );
            return self.into_error();
        }
        self.into_error().with("server", config.server()).with("database", &config.database)
    }
}

/// What PostgreSQL's documentation calls the class of a SQLSTATE.
fn class_of(code: &str) -> &'static str {
    match code.get(..2).unwrap_or("") {
        "08" => "connection exception",
        "0A" => "feature not supported",
        "21" => "cardinality violation",
        "22" => "data exception",
        "23" => "integrity constraint violation",
        "25" => "invalid transaction state",
        "2F" | "38" | "39" => "exception in a routine",
        "40" => "transaction rollback",
        "42" => "syntax error or access rule violation",
        "53" => "insufficient resources",
        "54" => "program limit exceeded",
        "55" => "object not in the state that is needed",
        "57" => "operator intervention",
        "58" => "system error",
        "P0" => "exception in PL/pgSQL",
        "XX" => "internal error of the server",
        _ => "error of the server",
    }
}

/// The kind of a SQLSTATE, and what to put before the server's message.
fn classify(code: &str) -> (ErrorKind, &'static str) {
    let class = code.get(..2).unwrap_or("");
    match code {
        "42501" => (ErrorKind::Denied, ""),
        "3D000" => (ErrorKind::Config, ""),
        "42P01" | "3F000" => (ErrorKind::Data, "the table does not exist (any more): "),
        "42703" => (ErrorKind::Data, "the column does not exist (any more): "),
        // Lock and idle timeouts, cancelled statements: the next attempt may succeed.
        "55P03" | "57014" | "25P03" | "25P04" => (ErrorKind::Unavailable, ""),
        _ if class == "28" => (ErrorKind::Denied, ""),
        _ if code.starts_with("57P0") || matches!(class, "08" | "53" | "40") => (ErrorKind::Unavailable, ""),
        _ => (ErrorKind::Data, ""),
    }
}

/// Where more about a SQLSTATE of the kind is found.
fn lookup(code: &str, is_row_security: bool, kind: ErrorKind) -> Option<Code> {
    Some(match code {
        "42501" if is_row_security => Code::RowSecurity,
        "42501" => Code::SelectDenied,
        "3D000" => Code::UnknownDatabase,
        "42P01" | "3F000" | "42703" => Code::TableMissing,
        "55P03" | "40P01" => Code::LockTimeout,
        "40001" => Code::StandbyConflict,
        "57014" => Code::StatementCancelled,
        "25P03" | "25P04" => Code::ConnectionLost,
        "53300" => Code::NoFreeConnection,
        "22P05" | "22021" => Code::BadText,
        _ if code.starts_with("28") => Code::LoginRefused,
        _ if code.starts_with("53") => Code::ServerResources,
        _ if code.starts_with("57P0") => Code::ServerStops,
        _ if code.starts_with("08") => Code::ConnectionLost,
        _ if kind == ErrorKind::Data => Code::ServerRefuses,
        _ => return None,
    })
}

/// Whether a SQLSTATE is worth another attempt.
///
/// Not 57014: the statement was cancelled by somebody, or took longer than the server allows, and would again.
/// Not 55P03: the lock was waited for as long as we wait. Not 53100 and 53200: disk and memory do not come back.
fn transient(code: &str) -> Option<Transient> {
    match code {
        // Serialization failure (on a standby: conflict with recovery) and deadlock.
        "40001" | "40P01" => Some(Transient::Conflict),
        "53300" => Some(Transient::Full),
        // Shut down, crashed, starting; idle timeouts, which end the connection.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Some(Transient::Connection),
        _ if code.starts_with("08") => Some(Transient::Connection),
        _ => None,
    }
}

/// A policy would hide rows; `row_security = off` makes that an error.
const ROW_SECURITY: &str = "a row-level security policy would hide rows from this user: export as a role that sees \
    all rows (the table's owner, or one with BYPASSRLS), or leave the table out with --exclude";

fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" => "check user name and password in the auth file entry or the source URL",
        _ if code.starts_with("28") => {
            "check user name, database and sslmode; the server's pg_hba.conf decides who may log in from where"
        }
        "3D000" => "check the database's name in the auth file entry, --source-db-name or the source URL",
        "42501" => "GRANT USAGE on the schema and SELECT on the table to this user",
        "53300" => "lower --n-jobs and -p, or raise the server's max_connections",
        "53200" => "lower --n-jobs, or raise the server's max_locks_per_transaction",
        "22P05" | "22021" => {
            "repair the value in the database, leave its row out with --where, or its column with --columns"
        }
        "55P03" => {
            "another session holds or waits for a stronger lock on the table (ALTER, VACUUM FULL, REINDEX ...): export it when that is done"
        }
        // Reading alone never conflicts with other sessions: this is a standby.
        "40001" => {
            "the primary removed rows that this read still needs: set hot_standby_feedback = on, or a larger max_standby_streaming_delay, on the standby, or export from the primary"
        }
        "57014" => "the statement was cancelled, or ran into the server's statement_timeout",
        "42883" => {
            "functions without a schema are looked up in the search_path that the role and the database have: write their schema, or ALTER FUNCTION ... SET search_path"
        }
        _ => return None,
    })
}

/// The server said something this client does not understand.
pub(super) fn protocol(what: &str) -> Error {
    Error::unavailable(format!("unexpected answer from the server: {what}"))
        .coded(Code::NotThisServer)
        .hint("check that host and port are those of a PostgreSQL server or a pooler for it")
}

/// The host's name has no address.
pub(super) fn unknown_host(error: io::Error, server: &str) -> Error {
    Error::unavailable("host name cannot be resolved")
        .coded(Code::HostUnknown)
        .with("server", server)
        .hint("check the host's name, or write its IP address")
        .caused_by(error)
        .as_transient(Transient::Connection)
}

/// Connected, but the server did not finish the login in time.
pub(super) fn login_timeout(server: &str) -> Error {
    Error::unavailable("server did not finish the login in time")
        .coded(Code::ServerUnreachable)
        .with("server", server)
        .hint("raise connect_timeout (seconds), or check that a PostgreSQL server answers on this port")
        .as_transient(Transient::Connection)
}

/// Why an attempt failed, and whether the other choice of TLS may do better.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) other_way: bool,
}

impl Failure {
    /// The server or the network objects to this way of connecting.
    pub(super) fn of_this_way(error: Error) -> Self {
        Self { error, other_way: true }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, other_way: false }
    }
}
