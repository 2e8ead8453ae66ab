//! Proving who we are: trust, clear text, MD5, SCRAM-SHA-256 with and without channel binding.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::{backend, frontend};

use super::error::{self, Response};
use super::startup::Failure;
use super::{Connection, tls};
use crate::error::{Error, Result};
use crate::source::postgres::config::{Binding, PostgresConfig};

/// Answer of the server that is not part of any login.
const NEGOTIATE_PROTOCOL_VERSION_TAG: u8 = b'v';

/// Sends what is in the output buffer and answers the server's questions until it lets us in.
///
/// `binding` is the hash of the server's certificate, when there is one to bind to.
pub(super) async fn login(
    connection: &mut Connection,
    config: &PostgresConfig,
    binding: Option<Vec<u8>>,
) -> Result<(), Failure> {
    let mut scram = None;
    let mut proven = true;
    let binding = binding.filter(|_| config.channel_binding != Binding::Disable);
    // With `channel_binding=require` nothing else is let in, or given a password.
    let mut bound = config.channel_binding != Binding::Require;
    loop {
        // A server that dislikes our certificate says so here only, by an alert or by hanging up.
        if let Err(lost) = connection.send().await {
            let error = connection.last_words().await.unwrap_or(lost);
            return Err(Failure::of_this_way(tls::explain_alert(error, config)));
        }
        let frame = loop {
            let received = connection.receive().await;
            let frame = received.map_err(|lost| Failure::of_this_way(tls::explain_alert(lost, config)))?;
            match frame.tag {
                backend::AUTHENTICATION_TAG => break frame,
                backend::ERROR_RESPONSE_TAG => {
                    let response = Response::parse(connection.frames.body(frame));
                    let other_way = response.code().starts_with("28");
                    let error = response.into_login_error(config, connection.is_encrypted());
                    return Err(Failure { error, other_way });
                }
                NEGOTIATE_PROTOCOL_VERSION_TAG => {}
                _ => connection.aside(frame)?,
            }
        };
        let body = connection.frames.body(frame).to_vec();
        let Some((method, rest)) = body.split_first_chunk::<4>() else {
            return Err(error::protocol("a short question for the login").into());
        };
        let output = &mut connection.output;
        let answered = match i32::from_be_bytes(*method) {
            // SCRAM proves the server's identity too; without that proof its "come in" means nothing.
            0 if proven && bound => return Ok(()),
            0 if proven => return Err(unbound(config, "the server asks for no login that could").into()),
            0 => return Err(refuse(config, "the server did not prove that it knows the password").into()),
            3 | 5 if !bound => return Err(unbound(config, "the server asks for the password itself").into()),
            3 => frontend::password_message(password(config)?, output),
            5 => {
                let Ok(salt) = <[u8; 4]>::try_from(rest) else {
                    return Err(error::protocol("a short MD5 salt").into());
                };
                let hash = md5_hash(config.user.as_bytes(), password(config)?, salt);
                frontend::password_message(hash.as_bytes(), output)
            }
            10 => {
                let (mechanism, mode) = choose(rest, binding.clone(), config)?;
                bound |= mechanism == SCRAM_SHA_256_PLUS;
                if !bound {
                    return Err(unbound(config, "it needs TLS, and a server that offers it").into());
                }
                let dialog = ScramSha256::new(password(config)?, mode);
                proven = false;
                let sent = frontend::sasl_initial_response(mechanism, dialog.message(), output);
                scram = Some(dialog);
                sent
            }
            11 => {
                let dialog = scram.as_mut().ok_or_else(|| error::protocol("SCRAM out of order"))?;
                dialog.update(rest).map_err(|error| refuse(config, "SCRAM failed").about_secret(&error))?;
                frontend::sasl_response(dialog.message(), output)
            }
            12 => {
                let dialog = scram.as_mut().ok_or_else(|| error::protocol("SCRAM out of order"))?;
                dialog.finish(rest).map_err(|error| {
                    refuse(config, "the server did not prove that it knows the password").about_secret(&error)
                })?;
                proven = true;
                Ok(())
            }
            other => return Err(unsupported(config, other).into()),
        };
        answered.map_err(|error| Error::config("the password cannot be sent").about_secret(&error))?;
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
    binding: Option<Vec<u8>>,
    config: &PostgresConfig,
) -> Result<(&'static str, ChannelBinding)> {
    let offers = |name: &str| offered.split(|byte| *byte == 0).any(|other| other == name.as_bytes());
    match binding {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
            Ok((SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash)))
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
    Error::denied(why).with("user", &config.user).with("server", config.server())
}
