//! `--notify`: posts the document of a run to a URL when the run has ended.
//!
//! | answer | |
//! |---|---|
//! | 2xx | it has arrived |
//! | 408, 429, 5xx, none in [`ATTEMPT`], no connection | sent again after a pause that grows, until [`LONGEST`] is over |
//! | 307, 308 to the same scheme, host and port | followed |
//! | all others | not sent again |

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use reqwest::redirect::Policy;
use tokio::net::lookup_host;
use url::Url;

use super::args::{AuthArgs, NotifyOnArg, NotifyTo};
use super::resolve;
use crate::clock::{self, Instant, Pauses};
use crate::config::auth::Webhook;
use crate::destination::preflight::Check;
use crate::destination::{proxy_hint, web_client};
use crate::error::{Code, Error, Result, with_causes};
use crate::plain;
use crate::run::Checked;

/// How long all attempts may take together.
const LONGEST: Duration = Duration::from_secs(30);
/// How long one may take.
const ATTEMPT: Duration = Duration::from_secs(10);
const PAUSES: Pauses = Pauses::new(Duration::from_millis(500), Duration::from_secs(8));
const REDIRECTS: usize = 5;
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Where it is posted, and when.
#[derive(Debug)]
pub(super) struct Notify {
    to: Webhook,
    on: NotifyOnArg,
}

/// What is posted to a server until it has arrived.
pub(super) struct Delivery<'a> {
    pub(super) to: &'a Webhook,
    pub(super) body: Bytes,
    /// Where the headers name none.
    pub(super) content_type: &'static str,
    /// How long all attempts may take together.
    pub(super) longest: Duration,
    /// Whether what is answered so may arrive when it is sent once more.
    pub(super) may_arrive: fn(StatusCode) -> bool,
}

/// Why a document has not arrived.
struct Undelivered {
    what: String,
    /// It may arrive when it is sent once more, after this time if the server says one.
    again: Option<Option<Duration>>,
    hint: Option<String>,
}

impl Notify {
    /// What the flags name.
    pub(super) fn of(to: Option<&NotifyTo>, on: NotifyOnArg, auth: &AuthArgs) -> Result<Option<Self>> {
        let Some(to) = to else { return Ok(None) };
        Ok(Some(Self { to: webhook(to, auth)?, on }))
    }

    /// Whether somebody wants to hear of a run that ended with this code.
    pub(super) fn wants(&self, exit_code: u8) -> bool {
        self.on == NotifyOnArg::Always || exit_code != 0
    }

    /// Scheme, host and port.
    pub(super) fn shown(&self) -> String {
        self.to.shown()
    }

    /// Posts a document until it has arrived.
    ///
    /// # Errors
    /// Why it has not.
    pub(super) async fn post(&self, document: &str) -> Result<()> {
        let delivery = Delivery {
            to: &self.to,
            body: plain::text(document).into_owned().into(),
            content_type: "application/json",
            longest: LONGEST,
            may_arrive: |status| {
                status.is_server_error()
                    || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            },
        };
        delivery.post().await
    }
}

impl Delivery<'_> {
    /// Posts it until it has arrived.
    ///
    /// # Errors
    /// Why it has not.
    pub(super) async fn post(&self) -> Result<()> {
        let end = Instant::now() + self.longest;
        let failed = |what: String| Error::unavailable(what).coded(Code::Notify);
        let client = web_client(self.to.url.scheme() == "http").redirect(redirects()).build();
        let client = client.map_err(|error| failed(chain(error)))?;
        // One that was answered with an error may have arrived all the same.
        let key = clock::ordered_id().to_string();
        for attempt in 1.. {
            let request =
                client.post(self.to.url.clone()).headers(self.to.headers.clone()).body(self.body.clone());
            let request = match self.to.headers.contains_key(IDEMPOTENCY_KEY) {
                true => request,
                false => request.header(IDEMPOTENCY_KEY, &key),
            };
            let request = match self.to.headers.contains_key(header::CONTENT_TYPE) {
                true => request,
                false => request.header(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            };
            let Undelivered { what, again, hint } = match self.attempt(request, end).await {
                Ok(()) => return Ok(()),
                Err(undelivered) => undelivered,
            };
            tracing::debug!(attempt, "posted to {}: {what}", self.to.shown());
            let wait = again.map(|asked| asked.unwrap_or_default().max(PAUSES.after(attempt)));
            let Some(wait) = wait.filter(|wait| Instant::now() + *wait < end) else {
                let times = if attempt == 1 { String::new() } else { format!(", after {attempt} attempts") };
                let error = failed(format!("{what}{times}"));
                return Err(hint.into_iter().fold(error, Error::hint));
            };
            clock::sleep(wait).await;
        }
        Ok(())
    }

    async fn attempt(&self, request: reqwest::RequestBuilder, end: Instant) -> Result<(), Undelivered> {
        let limit = Instant::now() + ATTEMPT;
        let unreached =
            |what: String| Undelivered { what, again: Some(None), hint: proxy_hint(&self.to.url) };
        let answer = match clock::timeout_at(limit.min(end), request.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unreached(chain(error))),
            Err(_) => return Err(unreached("it does not answer in time".to_owned())),
        };
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let what = format!("it answers {status}");
        if status.is_redirection() {
            let hint = "a redirect is followed to the same host and with 307 or 308 only: name the place that it leads to";
            return Err(Undelivered { what, again: None, hint: Some(hint.to_owned()) });
        }
        let asked: Option<u32> =
            answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let asked = asked.map(|seconds| Duration::from_secs(seconds.into()));
        Err(Undelivered { what, again: (self.may_arrive)(status).then_some(asked), hint: None })
    }
}

/// What `--notify` names.
pub(super) fn webhook(to: &NotifyTo, auth: &AuthArgs) -> Result<Webhook> {
    let text = to.0.trim();
    // It may hold a token, also where its scheme is missing or misspelt: it is in no message.
    if text.contains('/') {
        return Webhook::of_url(text).map_err(|what| {
            Error::usage(format!("--notify {what}")).coded(Code::Notify)
                .hint("write https://host/path, special characters of a password as %XX, or the id of a webhook of the auth file")
        });
    }
    match resolve::auth_file(auth)? {
        Some(auth) => auth.webhook(text),
        None => Err(Error::usage(
            "--notify names no https:// or http:// URL, and for an id it needs an auth file",
        )
        .coded(Code::Notify)
        .hint("write https://host/path, or name the auth file with -a/--auth FILE")),
    }
}

/// For a check, which posts nothing: whether the host has an address.
pub(super) async fn look_up(webhook: &Webhook) -> Checked {
    let (url, shown) = (&webhook.url, webhook.shown());
    let found = match (proxy_hint(url), url.host_str(), url.port_or_known_default()) {
        (Some(_), ..) => Ok(format!("{shown}, through a proxy")),
        (None, Some(host), Some(port)) => {
            let looked_up = clock::timeout(ATTEMPT, lookup_host((host.trim_matches(['[', ']']), port))).await;
            let wrong = |error: Error| error.with("host", host).hint("correct the URL that --notify names");
            match looked_up {
                Ok(Ok(_)) => Ok(shown),
                Ok(Err(error)) => Err(wrong(
                    Error::unavailable("the host has no address").coded(Code::Notify).caused_by(error),
                )),
                Err(_) => {
                    Err(wrong(Error::unavailable("the host cannot be looked up in time").coded(Code::Notify)))
                }
            }
        }
        _ => Ok(shown),
    };
    Checked { area: "notify", check: Check::new("host of --notify", found) }
}

/// With other codes a client goes on with a GET, which delivers nothing; another host gets none of our secrets.
fn redirects() -> Policy {
    Policy::custom(|attempt| {
        let origin = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port());
        let keeps =
            matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let stays = attempt.previous().last().map(origin) == Some(origin(attempt.url()));
        if keeps && stays && attempt.previous().len() <= REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

/// An error and its causes, without the URL.
fn chain(error: reqwest::Error) -> String {
    plain::line(&with_causes(&error.without_url())).into_owned()
}
