//! The HTTP client of a store, shared by object_store and by the few requests that it does not have.
//!
//! It gives up requests that stand still, and keeps what answers tell besides their content: the store's clock, and
//! what went wrong last.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use hyper::body::Body;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};
use reqwest::redirect::Policy;
use url::Url;

use super::lanes::Lanes;
use super::progress::{Arriving, Counted, Late, Limits, Progress, Pulse};
use super::proxy::{Proxies, Proxy, Through};
use crate::clock::{self, Instant};
use crate::error::{causes, with_causes};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits {
    stall: Duration::from_secs(60),
    answer: Duration::from_secs(60),
    slowest_bytes_per_second: 32 << 10,
};

/// Redirects of one request, all to the same host.
const REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("lakexpress/", env!("CARGO_PKG_VERSION"));

/// What all clients of one store share.
#[derive(Debug)]
pub(crate) struct Http {
    seen: Mutex<Seen>,
    limits: Limits,
    pulse: Pulse,
    lanes: Arc<Lanes>,
    proxies: Proxies,
}

#[derive(Debug, Default)]
struct Seen {
    /// The store's time, and when we were told.
    clock: Option<(Instant, DateTime<Utc>)>,
    /// What went wrong with the last request that got no answer.
    failure: Option<Failure>,
}

/// Why a request got no answer.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The host that could not be reached, and why.
    pub(crate) text: String,
    /// What the request was to go through.
    pub(crate) proxy: Option<Proxy>,
}

impl Default for Http {
    fn default() -> Self {
        Self::with(LIMITS)
    }
}

impl Http {
    fn with(limits: Limits) -> Self {
        let (pulse, lanes) = (Pulse::default(), Arc::default());
        Self { seen: Mutex::default(), limits, pulse, lanes, proxies: Proxies::new() }
    }

    /// What parts of uploads are sent through.
    pub(super) fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes
    }

    /// A connector for object_store's builders.
    pub(crate) fn connector(self: &Arc<Self>) -> Connector {
        Connector { http: Arc::clone(self), plain_is_machine: false }
    }

    /// A connector for those who speak without TLS to nobody but the machine or container that they run in.
    pub(crate) fn machine_connector(self: &Arc<Self>) -> Connector {
        Connector { http: Arc::clone(self), plain_is_machine: true }
    }

    /// Settings of the client. `plain`: `http://` is what the user wrote.
    pub(crate) fn options(plain: bool) -> ClientOptions {
        ClientOptions::new()
            .with_allow_http(plain)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout_disabled()
    }

    /// Retries of 5xx, 429, resets and timeouts, with jitter. Other answers are final.
    pub(crate) fn retry() -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(200),
                max_backoff: Duration::from_secs(15),
                base: 2.0,
            },
            // About a minute of them; a request that got no answer for a minute is sent once more.
            max_retries: 10,
            retry_timeout: Duration::from_secs(150),
        }
    }

    /// The store's time as far as we know; ours before the first answer.
    pub(super) fn now(&self) -> DateTime<Utc> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.clock {
            Some((at, then)) => then + at.elapsed(),
            None => clock::moment(),
        }
    }

    /// How far the store's clock is ahead of ours; none before the first answer.
    pub(super) fn skew(&self) -> Option<chrono::TimeDelta> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clock.map(|(at, then)| then + at.elapsed() - clock::moment())
    }

    /// What stood in the way of the last request that got no answer.
    pub(crate) fn last_failure(&self) -> Option<Failure> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).failure.clone()
    }

    fn answered(&self, response: &HttpResponse) {
        let date = response.headers().get("date").and_then(|value| value.to_str().ok());
        let date = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.failure = None;
        if let Some(date) = date {
            seen.clock = Some((Instant::now(), date.with_timezone(&Utc)));
        }
    }

    fn failed(&self, host: &str, error: &HttpError, proxy: Option<Proxy>) {
        let failure = Failure { text: format!("{host}: {}", with_causes(error)), proxy };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(failure);
    }

    /// A part that was sent at `sent` did not get through. Where others do, there are too many for the line.
    fn late(&self, sent: Instant, progress: &Progress) {
        if self.pulse.last().is_some_and(|at| at > progress.last() && at.elapsed() < self.limits.stall)
            && let Some((parts, first)) = self.lanes.narrow(sent)
        {
            match first {
                true => tracing::warn!(
                    parts,
                    "the line to the store is too slow for so many uploads at once: fewer are sent from now on; \
                     with -p 1 --n-jobs 1 none is sent in vain"
                ),
                false => {
                    tracing::info!(parts, "the line to the store is still too slow: fewer uploads at once");
                }
            }
        }
    }
}

/// Makes clients that tell [`Http`] what they see.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    http: Arc<Http>,
    plain_is_machine: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain =
            options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        Ok(HttpClient::new(Watched {
            inner: client(plain, true)?,
            direct: client(plain, false)?,
            http: Arc::clone(&self.http),
            plain_is_machine: self.plain_is_machine,
        }))
    }
}

/// As object_store makes its clients, but for redirects: to another host none is followed, because a request carries
/// what proves who we are, in headers and, with a SAS, in its URL. `proxied`: through the proxy that the environment
/// names, if it does.
fn client(plain: bool, proxied: bool) -> object_store::Result<reqwest::Client> {
    let same_host = Policy::custom(|attempt| {
        let origin = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port());
        let previous = attempt.previous().last().map(origin);
        let stays = previous == Some(origin(attempt.url())) && attempt.previous().len() <= REDIRECTS;
        if stays { attempt.follow() } else { attempt.stop() }
    });
    let builder = web_client(plain).redirect(same_host);
    let builder = if proxied { builder } else { builder.no_proxy() };
    // reqwest has the kernel end a connection after 30 seconds without progress; whether there is any is judged here.
    #[cfg(target_os = "linux")]
    let builder = builder.tcp_user_timeout(None::<Duration>);
    builder.build().map_err(|error| object_store::Error::Generic { store: "HTTP", source: Box::new(error) })
}

/// What all clients have in common. `plain`: `http://` is what the user wrote.
pub(crate) fn web_client(plain: bool) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .https_only(!plain)
        .http1_only()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

/// What to do when `url` cannot be reached, if the way there is through a proxy.
pub(crate) fn proxy_hint(url: &Url) -> Option<String> {
    let proxy = Proxies::new().of(&url.as_str().parse().ok()?)?;
    Some(format!("the way there is through the proxy {proxy}: {}", proxy.hint()))
}

#[derive(Debug)]
struct Watched {
    inner: reqwest::Client,
    /// Knows no proxy.
    direct: reqwest::Client,
    http: Arc<Http>,
    plain_is_machine: bool,
}

/// Headers of questions for a machine's identity. Stores get none of them.
const MACHINE_HEADERS: [&str; 5] = [
    "metadata",
    "metadata-flavor",
    "x-aws-ec2-metadata-token",
    "x-aws-ec2-metadata-token-ttl-seconds",
    "x-identity-header",
];

/// Whether a request asks the machine, container or cluster who it is. The answer is a key, in clear text, that a proxy
/// has no business with; and a proxy would be told about another machine, its own.
fn asks_machine(request: &HttpRequest) -> bool {
    if MACHINE_HEADERS.iter().any(|name| request.headers().contains_key(*name)) {
        return true;
    }
    let host = request.uri().host().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        // Link-local, and those of AWS (fd00:ec2::254, fd00:ec2::23).
        Ok(IpAddr::V6(address)) => {
            address.is_unicast_link_local() || address.segments().starts_with(&[0xfd00, 0xec2])
        }
        Err(_) => host.trim_end_matches('.').eq_ignore_ascii_case("metadata.google.internal"),
    }
}

#[async_trait]
impl HttpService for Watched {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let plain = request.uri().scheme_str() == Some("http");
        let direct = self.plain_is_machine && plain || asks_machine(&request);
        let (client, proxy) = match direct {
            true => (&self.direct, None),
            false => (&self.inner, self.http.proxies.of(request.uri())),
        };
        match send(client, &self.http, request).await {
            Ok(response) => {
                self.http.answered(&response);
                Ok(response)
            }
            Err(error) => {
                self.http.failed(&host, &error, proxy.clone());
                Err(match proxy {
                    Some(proxy) => HttpError::new(error.kind(), Through { proxy, error }),
                    None => error,
                })
            }
        }
    }
}

/// Sends a request, and gives it up when it stands still.
async fn send(
    client: &reqwest::Client,
    http: &Http,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    // Documents and questions are whole in memory; they can be sent once more, to where a redirect leads.
    if request.body().as_bytes().is_some() {
        let limit = http.limits.answer_to(request.body().content_length() as u64);
        return match clock::timeout(limit, client.call(request)).await {
            Ok(answer) => Ok(answer?.map(|body| arriving(body, http, |error| error))),
            Err(_) => Err(HttpError::new(HttpErrorKind::Timeout, Late::NoAnswer(limit))),
        };
    }
    let sent = Instant::now();
    let progress = Progress::new(request.body().content_length() as u64, &http.pulse);
    let (head, body) = request.into_parts();
    let url = Url::parse(&head.uri.to_string());
    let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
    let mut request = reqwest::Request::new(head.method, url);
    *request.headers_mut() = head.headers;
    *request.body_mut() = Some(reqwest::Body::wrap(Counted::new(body, Arc::clone(&progress))));
    match progress.watch(&http.limits, client.execute(request)).await {
        Ok(Ok(answer)) => {
            let answer: ::http::Response<reqwest::Body> = answer.into();
            Ok(answer.map(|body| arriving(body, http, http_error)))
        }
        Ok(Err(error)) => Err(http_error(error)),
        Err(late) => {
            http.late(sent, &progress);
            Err(HttpError::new(HttpErrorKind::Timeout, late))
        }
    }
}

fn arriving<B>(body: B, http: &Http, error: fn(B::Error) -> HttpError) -> HttpResponseBody
where
    B: Body<Data = Bytes> + Unpin + Send + Sync + 'static,
    B::Error: 'static,
{
    HttpResponseBody::new(Arriving::new(body, http.limits.stall, error))
}

/// The kind of an error, by the rules of object_store's own client. It decides whether a request is sent again.
fn http_error(error: reqwest::Error) -> HttpError {
    let mut kind = match () {
        () if error.is_timeout() => HttpErrorKind::Timeout,
        () if error.is_connect() => HttpErrorKind::Connect,
        () if error.is_decode() => HttpErrorKind::Decode,
        () => HttpErrorKind::Unknown,
    };
    for cause in causes(&error) {
        if kind != HttpErrorKind::Unknown {
            break;
        }
        if let Some(cause) = cause.downcast_ref::<hyper::Error>() {
            if cause.is_closed() || cause.is_incomplete_message() || cause.is_body_write_aborted() {
                kind = HttpErrorKind::Request;
            } else if cause.is_timeout() {
                kind = HttpErrorKind::Timeout;
            }
        } else if let Some(cause) = cause.downcast_ref::<io::Error>() {
            match cause.kind() {
                io::ErrorKind::TimedOut => kind = HttpErrorKind::Timeout,
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => kind = HttpErrorKind::Interrupted,
                _ => {}
            }
        }
    }
    // The URL may hold a signature.
    HttpError::new(kind, error.without_url())
}

#[cfg(test)]
mod tests;
