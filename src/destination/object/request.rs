//! Signed requests that object_store does not have, with the same retries.

use std::time::Duration;

use futures::future::BoxFuture;
use http::{Method, StatusCode};
use object_store::client::{HttpClient, HttpErrorKind, HttpRequest, HttpRequestBody};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Authorize;
use super::problem::Refusal;
use super::reply::Reply;
use crate::clock::{self, Pauses};
use crate::error::{Code, Error, Result};

/// As object_store waits, see [`super::Http::retry`].
const PAUSES: Pauses = Pauses::new(Duration::from_millis(200), Duration::from_secs(15)).with_jitter();
/// What every store's signature leaves as it is in a path; `/` too.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Time for an answer: short enough that there is patience left to ask again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);

/// The key of an object in a URL.
pub(super) fn in_path(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}

/// A value of a URL's query.
pub(super) fn in_query(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

/// Sends a request without content until an answer is final or `patience` is over.
///
/// The error is the last refusal, or that no answer came.
pub(super) async fn send(
    client: &HttpClient,
    authorize: &dyn Authorize,
    (method, url): (Method, &str),
    patience: Duration,
) -> Result<Reply, Refusal> {
    let call = || async {
        let reply = once(client, authorize, &method, url).await?;
        let status = reply.status;
        if status.is_success() {
            return Ok(reply);
        }
        let again = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Err((Refusal::of_reply(&reply), again))
    };
    PAUSES.retry(patience, call, |(_, again)| *again).await.map_err(|(refusal, _)| refusal)
}

/// Repeats a call that object_store does not repeat after a reset, because it could have two effects.
pub(super) async fn again<'a, T>(
    patience: Duration,
    call: impl Fn() -> BoxFuture<'a, object_store::Result<T>>,
) -> object_store::Result<T> {
    PAUSES.retry(patience, call, |error| Refusal::of_store(error).is_transient()).await
}

async fn once(
    client: &HttpClient,
    authorize: &dyn Authorize,
    method: &Method,
    url: &str,
) -> Result<Reply, (Refusal, bool)> {
    let wrong = |error: &dyn std::fmt::Display| {
        (
            Refusal::of_error(
                Error::config(format!("not a URL of a store: {error}")).coded(Code::AddressInvalid),
            ),
            false,
        )
    };
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.method_mut() = method.clone();
    *request.uri_mut() = url.parse().map_err(|error: http::uri::InvalidUri| wrong(&error))?;
    authorize.authorize(&mut request).await.map_err(|error| (Refusal::of_store(&error), false))?;
    let answer = async {
        let (head, body) = client.execute(request).await?.into_parts();
        Ok((head, body.bytes().await?))
    };
    let answer = match clock::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => answer,
        Err(late) => return Err((Refusal::of_timeout(&late), true)),
    };
    match answer {
        Ok((head, body)) => {
            let body = String::from_utf8_lossy(&body).into_owned();
            Ok(Reply { status: head.status, headers: head.headers, body })
        }
        Err(error) => {
            let refusal = Refusal::of_transport(&error);
            let again = !matches!(error.kind(), HttpErrorKind::Unknown | HttpErrorKind::Decode);
            Err((refusal.clone(), again && !refusal.is_permanent()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::clock::Instant;

    #[test]
    fn a_busy_store_is_asked_again_as_long_as_patience_lasts() {
        clock::without_waiting(async |time| {
            let patience = Duration::from_secs(60);
            let calls = Cell::new(0);
            let answers = |good_from: u32| {
                let (calls, text) =
                    (&calls, "Server returned non-2xx status code: 503 Service Unavailable: ");
                move || -> BoxFuture<'static, object_store::Result<u32>> {
                    calls.set(calls.get() + 1);
                    let busy = object_store::Error::Generic { store: "S3", source: text.into() };
                    Box::pin(std::future::ready(if calls.get() < good_from { Err(busy) } else { Ok(7) }))
                }
            };
            assert!(again(patience, answers(u32::MAX)).await.is_err());
            // Pauses of half to all of 0.2, 0.4 ... 12.8 and 15 s.
            let longest = Duration::from_secs(15);
            assert!(time.passed() < patience && time.passed() + longest >= patience, "{:?}", time.passed());
            assert!((9..=13).contains(&calls.get()), "{}", calls.get());
            let begun = Instant::now();
            calls.set(0);
            assert_eq!(again(patience, answers(4)).await.ok(), Some(7));
            let pauses = Duration::from_millis(200 + 400 + 800);
            assert!(begun.elapsed() >= pauses / 2 && begun.elapsed() <= pauses, "{:?}", begun.elapsed());
        });
    }
}
