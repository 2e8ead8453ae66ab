//! The HTTP client of a store, shared by object_store and by the few requests that it does not have.
//!
//! It gives every request a time that fits its size, and keeps what answers tell besides their content: the
//! store's clock, and what went wrong last.

use std::fmt::{self, Debug};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpService,
};
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};
use reqwest::redirect::Policy;
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for an answer, beside that for sending what the request holds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Slower connections are taken for dead.
const SLOWEST_BYTES_PER_SECOND: u64 = 32 << 10;

/// Redirects of one request, all to the same host.
const REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("lakexpress/", env!("CARGO_PKG_VERSION"));

/// What all clients of one store share.
#[derive(Debug, Default)]
pub(crate) struct Http {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The store's time, and when we were told.
    clock: Option<(Instant, DateTime<Utc>)>,
    /// The host that could not be reached last, and why.
    failure: Option<String>,
}

impl Http {
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
            None => Utc::now(),
        }
    }

    /// How far the store's clock is ahead of ours; none before the first answer.
    pub(super) fn skew(&self) -> Option<chrono::TimeDelta> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clock.map(|(at, then)| then + at.elapsed() - Utc::now())
    }

    /// What stood in the way of the last request that got no answer.
    pub(super) fn last_failure(&self) -> Option<String> {
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

    fn failed(&self, host: &str, error: &HttpError) {
        let mut text = format!("{host}: {error}");
        let mut cause = std::error::Error::source(error).and_then(std::error::Error::source);
        while let Some(inner) = cause {
            text.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(text);
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
fn client(plain: bool, proxied: bool) -> object_store::Result<HttpClient> {
    let same_host = Policy::custom(|attempt| {
        let origin = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port());
        let previous = attempt.previous().last().map(origin);
        let stays = previous == Some(origin(attempt.url())) && attempt.previous().len() <= REDIRECTS;
        if stays { attempt.follow() } else { attempt.stop() }
    });
    let builder = reqwest::Client::builder();
    let builder = if proxied { builder } else { builder.no_proxy() };
    let client = builder
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .https_only(!plain)
        .http1_only()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .redirect(same_host)
        .build()
        .map_err(|error| object_store::Error::Generic { store: "HTTP", source: Box::new(error) })?;
    Ok(HttpClient::new(client))
}

#[derive(Debug)]
struct Watched {
    inner: HttpClient,
    /// Knows no proxy.
    direct: HttpClient,
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

/// A request got no answer in time.
#[derive(Debug)]
struct NoAnswer(Duration);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {} seconds", self.0.as_secs())
    }
}

impl std::error::Error for NoAnswer {}

#[async_trait]
impl HttpService for Watched {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let bytes = request.body().content_length() as u64;
        let limit = ANSWER_TIMEOUT + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
        let host = request.uri().host().unwrap_or_default().to_owned();
        let plain = request.uri().scheme_str() == Some("http");
        let direct = self.plain_is_machine && plain || asks_machine(&request);
        let client = if direct { &self.direct } else { &self.inner };
        let answer = match tokio::time::timeout(limit, client.execute(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::new(HttpErrorKind::Timeout, NoAnswer(limit))),
        };
        match &answer {
            Ok(response) => self.http.answered(response),
            Err(error) => self.http.failed(&host, error),
        }
        answer
    }
}
