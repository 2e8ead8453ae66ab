//! Proving who we are: trust, clear text, MD5, SCRAM-SHA-256 with and without channel binding.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::{backend, frontend};

use super::error::Failure;
use super::error::{self, Response};
use super::frame::Frame;
use super::{Connection, tls};
use crate::client::postgres::config::{Binding, PostgresConfig, SslMode};
use crate::error::{Code, Error, Result};

/// The fewest iterations of SCRAM that are answered.
const LEAST_ITERATIONS: u64 = 4096;

/// Answer of the server that is not part of any login.
const NEGOTIATE_PROTOCOL_VERSION_TAG: u8 = b'v';

/// How far a login is. A question that does not belong to its step is never answered: what a server in the middle
/// asks for after the first answer could be the password itself.
enum Step {
    /// Nothing was asked yet.
    Begun,
    /// SCRAM: the mechanism was chosen, the server's salt comes next.
    Chosen(ScramSha256),
    /// SCRAM: our proof was sent, the server's comes next.
    Proved(ScramSha256),
    /// Everything was answered: the server lets us in, or it does not.
    Answered,
}

/// Sends what is in the output buffer and answers the server's questions until it lets us in.
///
/// `binding` is the hash of the server's certificate, when there is one to bind to. With `channel_binding=require`
/// the only way in is SCRAM-SHA-256-PLUS: nothing else is answered at any time.
pub(super) async fn login(
    connection: &mut Connection,
    config: &PostgresConfig,
    binding: Option<Vec<u8>>,
) -> Result<(), Failure> {
    let binding = binding.filter(|_| config.channel_binding != Binding::Disable);
    let mut step = Step::Begun;
    loop {
        // A server that dislikes our certificate says so here only, by an alert or by hanging up.
        if let Err(lost) = connection.send().await {
            let error = connection.last_words().await.unwrap_or(lost);
            return Err(Failure::of_this_way(tls::explain_alert(error, config)));
        }
        let frame = question(connection, config).await?;
        let body = connection.frames.body(frame).to_vec();
        let Some((method, rest)) = body.split_first_chunk::<4>() else {
            return Err(error::protocol("a short question for the login").into());
        };
        match answer(step, i32::from_be_bytes(*method), rest, binding.as_deref(), config, connection)? {
            Some(next) => step = next,
            None => return Ok(()),
        }
    }
}

/// The server's next question.
async fn question(connection: &mut Connection, config: &PostgresConfig) -> Result<Frame, Failure> {
    loop {
        let received = connection.receive().await;
        let frame = received.map_err(|lost| Failure::of_this_way(tls::explain_alert(lost, config)))?;
        match frame.tag {
            backend::AUTHENTICATION_TAG => return Ok(frame),
            backend::ERROR_RESPONSE_TAG => {
                let response = Response::parse(connection.frames.body(frame));
                let other_way = response.code().starts_with("28");
                let error = response.into_login_error(config, connection.is_encrypted());
                return Err(Failure { error, other_way });
            }
            NEGOTIATE_PROTOCOL_VERSION_TAG => {}
            _ => connection.aside(frame)?,
        }
    }
}

/// Writes the answer to one question into the output buffer; none when the server lets us in.
fn answer(
    step: Step,
    method: i32,
    rest: &[u8],
    binding: Option<&[u8]>,
    config: &PostgresConfig,
    connection: &mut Connection,
) -> Result<Option<Step>> {
    let required = config.channel_binding == Binding::Require;
    let output = &mut connection.output;
    let (next, written) = match (method, step) {
        (0, Step::Begun) if required => {
            return Err(unbound(config, "the server asks for no login that could"));
        }
        (0, Step::Begun | Step::Answered) => return Ok(None),
        // SCRAM proves the server's identity too; without that proof its "come in" means nothing.
        (0, _) => return Err(refuse(config, "the server did not prove that it knows the password")),
        (3 | 5, Step::Begun) if required => {
            return Err(unbound(config, "the server asks for the password itself"));
        }
        (3, Step::Begun) => (Step::Answered, frontend::password_message(password(config)?, output)),
        (5, Step::Begun) => {
            let Ok(salt) = <[u8; 4]>::try_from(rest) else {
                return Err(error::protocol("a short MD5 salt"));
            };
            let hash = md5_hash(config.user.as_bytes(), password(config)?, salt);
            (Step::Answered, frontend::password_message(hash.as_bytes(), output))
        }
        (10, Step::Begun) => {
            let (mechanism, mode) = choose(rest, binding, config)?;
            if required && mechanism != SCRAM_SHA_256_PLUS {
                return Err(unbound(config, "it needs TLS, and a server that offers it"));
            }
            let dialog = ScramSha256::new(password(config)?, mode);
            let written = frontend::sasl_initial_response(mechanism, dialog.message(), output);
            (Step::Chosen(dialog), written)
        }
        (11, Step::Chosen(mut dialog)) => {
            check_iterations(rest, config)?;
            dialog.update(rest).map_err(|error| refuse(config, "SCRAM failed").about_secret(&error))?;
            let written = frontend::sasl_response(dialog.message(), output);
            (Step::Proved(dialog), written)
        }
        (12, Step::Proved(mut dialog)) => {
            dialog.finish(rest).map_err(|error| {
                refuse(config, "the server did not prove that it knows the password").about_secret(&error)
            })?;
            (Step::Answered, Ok(()))
        }
        (3 | 5 | 10..=12, _) => return Err(out_of_order(config, method)),
        (other, _) => return Err(unsupported(config, other)),
    };
    written.map_err(|error| {
        Error::config("the password cannot be sent").coded(Code::PasswordSource).about_secret(&error)
    })?;
    Ok(Some(next))
}

/// With few iterations what we answer lets a false server guess the password at leisure. RFC 7677 demands 4096 at the
/// least, which is PostgreSQL's default. A message without a count is refused where it is parsed.
fn check_iterations(challenge: &[u8], config: &PostgresConfig) -> Result<()> {
    let count = challenge.split(|byte| *byte == b',').find_map(|field| field.strip_prefix(b"i="));
    let count: Option<u64> = count.and_then(|count| str::from_utf8(count).ok()?.parse().ok());
    match count {
        Some(count) if count < LEAST_ITERATIONS && config.sslmode != SslMode::VerifyFull => Err(refuse(
            config,
            &format!("the server asks for SCRAM with {count} iterations, fewer than {LEAST_ITERATIONS}"),
        )
        .hint("ask the administrator to set scram_iterations to 4096 or more and then to set this user's password again; or, with sslmode=verify-full, the server is known and any number is accepted")),
        _ => Ok(()),
    }
}

fn password(config: &PostgresConfig) -> Result<&[u8]> {
    match &config.password {
        Some(secret) => Ok(secret.expose().as_bytes()),
        None => {
            let error = refuse(config, "the server asks for a password, and none is given")
                .hint("add password to the auth file entry or to the source URL, or a line to ~/.pgpass");
            Err(match &config.password_note {
                Some(note) => error.hint(note.clone()),
                None => error,
            })
        }
    }
}

/// The best SASL mechanism both sides know, and how the channel is bound.
fn choose(
    offered: &[u8],
    binding: Option<&[u8]>,
    config: &PostgresConfig,
) -> Result<(&'static str, ChannelBinding)> {
    let offers = |name: &str| offered.split(|byte| *byte == 0).any(|other| other == name.as_bytes());
    match binding {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
            Ok((SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash.to_vec())))
        }
        // Tells the server that we could have: it notices if somebody removed its offer.
        Some(_) if offers(SCRAM_SHA_256) => Ok((SCRAM_SHA_256, ChannelBinding::unrequested())),
        None if offers(SCRAM_SHA_256) => Ok((SCRAM_SHA_256, ChannelBinding::unsupported())),
        _ => {
            let names = String::from_utf8_lossy(offered).replace('\0', " ");
            Err(refuse(config, &format!("the server offers {} only", names.trim()))
                .hint("this client logs in by password (SCRAM-SHA-256, MD5, clear text) or trust"))
        }
    }
}

fn unbound(config: &PostgresConfig, why: &str) -> Error {
    refuse(config, &format!("channel_binding is require, but the login cannot be bound to the connection: {why}"))
        .hint("set sslmode=require or stronger and scram-sha-256 in the server's pg_hba.conf, or channel_binding=prefer")
}

fn out_of_order(config: &PostgresConfig, method: i32) -> Error {
    refuse(config, &format!("the server asks for login method {method} in the middle of another login"))
        .hint("no PostgreSQL server does that: find out what answers at this address")
}

fn unsupported(config: &PostgresConfig, method: i32) -> Error {
    let name = match method {
        2 => "Kerberos V5".to_string(),
        6 => "SCM credentials".to_string(),
        7 | 8 => "GSSAPI".to_string(),
        9 => "SSPI".to_string(),
        other => format!("authentication method {other}"),
    };
    refuse(config, &format!("the server asks for {name}, which is not supported"))
        .hint("let this user log in by scram-sha-256 in the server's pg_hba.conf")
}

fn refuse(config: &PostgresConfig, why: &str) -> Error {
    Error::denied(why).coded(Code::LoginRefused).with("user", &config.user).with("server", config.server())
}
