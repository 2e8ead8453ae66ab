//! From nothing to a connection that is logged in, by the rules of `sslmode`.

use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::{backend, frontend};
use rustls::ClientConfig;

use super::error::Failure;
use super::error::{self, Response};
use super::frame::Frames;
use super::negotiate::{encrypt, negotiate, request_tls};
use super::stream;
use super::{CancelToken, Connection, Statement, auth, tls};
use crate::client::password::Secret;
use crate::client::postgres::config::{PostgresConfig, SslMode};
use crate::client::transport::{Stream, end_point};
use crate::clock;
use crate::error::{Code, Error, Result};

/// What to do about TLS in one attempt.
enum Encryption {
    Never,
    /// Plain if the server has none.
    Preferred(Arc<ClientConfig>),
    Required(Arc<ClientConfig>),
}

impl Connection {
    /// Connects and logs in, by the rules of the configuration's `sslmode`.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached, `Denied` when it refuses the login,
    /// `Config` when TLS or the database is not as configured.
    pub async fn connect(config: &PostgresConfig) -> Result<Self> {
        Box::pin(connect(config)).await
    }
}

/// Connects with a password that is valid now.
pub(super) async fn connect(config: &PostgresConfig) -> Result<Connection> {
    let Some(fresh) = &config.fresh else { return connect_with(config).await };
    // 28P01 is a wrong password; servers in the cloud say 28000 of a token that has expired.
    let is_refusal = |error: &Error| matches!(error::sqlstate(error), Some("28P01" | "28000"));
    let log_in = |password: Secret| {
        let config = PostgresConfig { password: Some(password), ..config.clone() };
        async move { connect_with(&config).await }
    };
    fresh.log_in(log_in, is_refusal).await
}

/// Connects as `sslmode` says, which may take two attempts.
async fn connect_with(config: &PostgresConfig) -> Result<Connection> {
    if config.is_unix_socket() || config.sslmode == SslMode::Disable {
        return attempt(config, Encryption::Never).await.map_err(|failure| failure.error);
    }
    let tls = tls::client_config(config)?;
    match config.sslmode {
        SslMode::Allow => match attempt(config, Encryption::Never).await {
            Err(first) if first.other_way => {
                either(first, attempt(config, Encryption::Required(tls)).await, "with TLS")
            }
            done => done.map_err(|failure| failure.error),
        },
        SslMode::Prefer => match attempt(config, Encryption::Preferred(tls)).await {
            Err(first) if first.other_way => {
                either(first, attempt(config, Encryption::Never).await, "without TLS")
            }
            done => done.map_err(|failure| failure.error),
        },
        _ => attempt(config, Encryption::Required(tls)).await.map_err(|failure| failure.error),
    }
}

/// The second attempt's connection; if both failed, the error that says more, with the other as a hint.
fn either(first: Failure, second: Result<Connection, Failure>, how: &str) -> Result<Connection> {
    let second = match second {
        Ok(connection) => return Ok(connection),
        Err(failure) => failure.error,
    };
    // The attempt that got as far as a wrong password or database is the one to repair.
    let got_in = |error: &Error| error::sqlstate(error).is_some_and(|code| code != "28000");
    if got_in(&second) && !got_in(&first.error) {
        return Err(second.hint(format!("the attempt before that failed: {}", first.error)));
    }
    if got_in(&second) && error::sqlstate(&first.error) == error::sqlstate(&second) {
        // The same once more.
        return Err(first.error);
    }
    Err(first.error.hint(format!("tried again {how}: {second}")))
}

async fn attempt(config: &PostgresConfig, encryption: Encryption) -> Result<Connection, Failure> {
    let (stream, peer) = stream::dial(config).await?;
    let login = Box::pin(async {
        let stream = match encryption {
            Encryption::Never => stream,
            Encryption::Required(tls) => negotiate(stream, config, Some(tls)).await?,
            Encryption::Preferred(tls) => match request_tls(stream, config).await? {
                (stream, true) => encrypt(stream, config, tls).await?,
                (stream, false) => stream,
            },
        };
        let mut connection = Connection {
            cancel: CancelToken::new(config, peer, stream.is_tls(), None),
            stream,
            frames: Frames::for_startup(),
            output: BytesMut::new(),
            parameters: std::collections::BTreeMap::new(),
            statement: Statement { runs: true, cancel: None },
            received: Arc::default(),
        };
        start(&mut connection, config).await?;
        Ok(connection)
    });
    if config.connect_timeout.is_zero() {
        return login.await;
    }
    match clock::timeout(config.connect_timeout, login).await {
        Ok(done) => done,
        Err(_) => Err(error::login_timeout(&config.server()).into()),
    }
}

/// Startup message, login, and the server's greeting up to the first ReadyForQuery.
pub(super) async fn start(connection: &mut Connection, config: &PostgresConfig) -> Result<(), Failure> {
    // Nothing that a pooler might not know: everything else is set by statements.
    let mut parameters = vec![
        ("user", config.user.as_str()),
        ("database", config.database.as_str()),
        ("client_encoding", "UTF8"),
        ("application_name", config.application_name.as_str()),
    ];
    if let Some(options) = &config.options {
        parameters.push(("options", options));
    }
    frontend::startup_message(parameters, &mut connection.output).map_err(|error| {
        Error::config("user, database or application_name cannot be sent")
            .coded(Code::AddressInvalid)
            .caused_by(error)
    })?;
    let binding = match &connection.stream {
        Stream::Tls(stream) => {
            stream.get_ref().1.peer_certificates().and_then(|chain| end_point(chain.first()?))
        }
        _ => None,
    };
    auth::login(connection, config, binding).await?;
    loop {
        let frame = connection.receive().await?;
        let body = connection.frames.body(frame);
        match frame.tag {
            backend::BACKEND_KEY_DATA_TAG => {
                if let [a, b, c, d, e, f, g, h] = *body {
                    let key = (i32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([e, f, g, h]));
                    connection.cancel = connection.cancel.with_key(key);
                }
            }
            backend::READY_FOR_QUERY_TAG => {
                connection.statement.runs = false;
                connection.frames.lift_limit();
                return Ok(());
            }
            backend::ERROR_RESPONSE_TAG => {
                return Err(Response::parse(body).into_login_error(config, connection.is_encrypted()).into());
            }
            _ => connection.aside(frame)?,
        }
    }
}
