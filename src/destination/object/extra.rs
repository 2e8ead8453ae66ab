//! Headers that an entry asks for, on the requests on which its store wants them: encryption, storage class, tags and
//! whatever else there is.
//!
//! They are added where requests leave, because object_store has no place for most of them in a multipart upload. What
//! was signed is then signed again. What stores answer does not show the secret ones.

use std::pin::Pin;
use std::sync::Arc;

use ::http::header::CONTENT_LENGTH;
use ::http::{HeaderName, HeaderValue, Method};
use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::body::Body;
use md5::{Digest, Md5};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use percent_encoding::percent_decode_str;

use super::http::Connector;
use super::{Authorize, Fields};
use crate::spec::layout::RUNS_DIR;

/// How headers begin that a signature is over. Others are added after it, so that a gateway may take them away.
const SIGNED: [&str; 3] = ["x-amz-", "x-ms-", "content-"];
/// Secret values that are shorter are part of other words.
const SHORTEST_SECRET: usize = 8;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Writes a whole object.
    Put,
    /// Begins an upload in parts. Azure has no such request.
    Begin,
    /// Sends a part or block.
    Part,
    /// Makes parts or blocks an object.
    Complete,
    /// Reads an object or what is known of it.
    Read,
    /// Lists the parts of an upload.
    Parts,
    /// Lists, deletes or gives up.
    Other,
}

impl Step {
    fn of(method: &Method, key: &str, query: &str) -> Self {
        let has =
            |name: &str| query.split('&').any(|pair| pair == name || pair.split('=').next() == Some(name));
        let comp = query.split('&').find_map(|pair| pair.strip_prefix("comp="));
        let is = |other: Method| *method == other;
        match (has("uploadId"), comp) {
            _ if key.is_empty() => Self::Other,
            (true, _) if is(Method::PUT) => Self::Part,
            (true, _) if is(Method::POST) => Self::Complete,
            (true, _) if is(Method::GET) => Self::Parts,
            (false, Some("block")) if is(Method::PUT) => Self::Part,
            (false, Some("blocklist")) if is(Method::PUT) => Self::Complete,
            (false, None) if is(Method::POST) && has("uploads") => Self::Begin,
            (false, None) if is(Method::PUT) => Self::Put,
            (false, None) if is(Method::GET) || is(Method::HEAD) => Self::Read,
            _ => Self::Other,
        }
    }
}

/// On which requests a header belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// On every one.
    All,
    /// On those that do this.
    Steps(&'static [Step]),
    /// The same, but not on locks, intents and manifests: these are replaced again and again, and classes of storage
    /// for what is rarely read charge for a month each time.
    Lasting(&'static [Step]),
}

impl On {
    fn holds(self, step: Step, is_lasting: bool) -> bool {
        match self {
            Self::All => true,
            Self::Steps(steps) => steps.contains(&step),
            Self::Lasting(steps) => is_lasting && steps.contains(&step),
        }
    }
}

/// The headers of an entry. Values that are secret are marked as sensitive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    headers: Vec<(HeaderName, HeaderValue, On)>,
    /// Objects and parts go with their MD5.
    pub(crate) md5: bool,
}

impl Extras {
    /// Adds a header for `key` of an entry, or says that it cannot be sent.
    pub(crate) fn set(
        &mut self,
        fields: &mut Fields,
        key: &str,
        (name, value): (&'static str, &str),
        on: On,
    ) {
        self.add(fields, key, (HeaderName::from_static(name), value), on, false);
    }

    /// The same for a header whose value is shown to nobody.
    pub(crate) fn set_secret(&mut self, fields: &mut Fields, key: &str, header: (HeaderName, &str), on: On) {
        self.add(fields, key, header, on, true);
    }

    fn add(&mut self, fields: &mut Fields, key: &str, header: (HeaderName, &str), on: On, secret: bool) {
        let (name, value) = header;
        match HeaderValue::from_str(value) {
            // Stores and gateways read other bytes each in another way.
            Ok(mut found) if value.is_ascii() => {
                found.set_sensitive(secret);
                self.headers.push((name, found, on));
            }
            _ => fields.wrong(key, "holds another character than ASCII has, which no HTTP header can hold"),
        }
    }

    /// The answer without secrets of the request that it repeats.
    async fn hidden(&self, answer: HttpResponse) -> Result<HttpResponse, HttpError> {
        let secret = |value: &&HeaderValue| value.is_sensitive() && value.len() >= SHORTEST_SECRET;
        let secrets = self.headers.iter().map(|(_, value, _)| value).filter(secret);
        let secrets: Vec<&str> = secrets.filter_map(|value| value.to_str().ok()).collect();
        if secrets.is_empty() {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let body = body.bytes().await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let text = secrets.iter().fold(text, |text, secret| text.replace(secret, "***"));
        head.headers.remove(CONTENT_LENGTH);
        Ok(HttpResponse::from_parts(head, HttpResponseBody::from(text)))
    }

    /// A connector whose requests to the store have these headers. `bucket` is the bucket's URL.
    pub(crate) fn connector(
        self,
        connector: Connector,
        signer: Arc<dyn Authorize>,
        bucket: &str,
    ) -> Extending {
        let path = url::Url::parse(bucket).map_or(String::new(), |url| url.path().to_owned());
        let base = decoded(path.trim_end_matches('/'));
        Extending { connector, extras: Arc::new(self), signer, base }
    }
}

/// Makes clients whose requests have the headers of an entry.
#[derive(Debug, Clone)]
pub(crate) struct Extending {
    connector: Connector,
    extras: Arc<Extras>,
    signer: Arc<dyn Authorize>,
    /// Path of the bucket in the URLs of requests, decoded.
    base: String,
}

impl HttpConnector for Extending {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = self.connector.connect(options)?;
        if *self.extras == Extras::default() {
            return Ok(client);
        }
        Ok(HttpClient::new(Extended { client, with: self.clone() }))
    }
}

#[derive(Debug)]
struct Extended {
    client: HttpClient,
    with: Extending,
}

#[async_trait]
impl HttpService for Extended {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let Extending { extras, signer, base, .. } = &self.with;
        let key = key_of(request.uri().path(), base);
        let step = Step::of(request.method(), &key, request.uri().query().unwrap_or_default());
        let is_lasting = !key.split('/').any(|directory| directory == RUNS_DIR)
            && !key.rsplit('/').next().is_some_and(|name| name.starts_with('_'));
        let fitting = extras.headers.iter().filter(|(_, _, on)| on.holds(step, is_lasting));
        let fitting = fitting.map(|(name, value, _)| (name.clone(), value.clone()));
        let (mut signed, unsigned): (Vec<_>, Vec<_>) =
            fitting.partition(|(name, _)| SIGNED.iter().any(|with| name.as_str().starts_with(with)));
        if extras.md5 && matches!(step, Step::Put | Step::Part) {
            let body = request.body().clone();
            let digest = tokio::task::spawn_blocking(move || md5_of(body)).await.map_err(unsendable)?;
            let value = HeaderValue::from_str(&digest).map_err(unsendable)?;
            signed.push((HeaderName::from_static("content-md5"), value));
        }
        if !signed.is_empty() {
            for (name, value) in signed {
                request.headers_mut().insert(name, value);
            }
            signer.sign_again(&mut request).await.map_err(unsendable)?;
        }
        for (name, value) in unsigned {
            request.headers_mut().insert(name, value);
        }
        let answer = self.client.execute(request).await?;
        let failed = answer.status().is_client_error() || answer.status().is_server_error();
        if failed { extras.hidden(answer).await } else { Ok(answer) }
    }
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// The object's key in the path of a URL; `base` is the bucket's path. Clients encode more or less of both.
fn key_of(path: &str, base: &str) -> String {
    let path = decoded(path);
    path.strip_prefix(base).unwrap_or(&path).trim_matches('/').to_owned()
}

fn unsendable(error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}

/// The MD5 of a request's body, as `Content-MD5` has it.
fn md5_of(mut body: HttpRequestBody) -> String {
    let mut md5 = Md5::new();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // What is in memory is there at once.
    while let std::task::Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
        if let Some(block) = frame.data_ref() {
            md5.update(block);
        }
    }
    BASE64_STANDARD.encode(md5.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_one_step() {
        let of = |method: Method, key: &str, query: &str| Step::of(&method, key, query);
        for (method, query, step) in [
            (Method::PUT, "", Step::Put),
            (Method::POST, "uploads", Step::Begin),
            (Method::POST, "uploads=", Step::Begin),
            (Method::PUT, "partNumber=1&uploadId=a", Step::Part),
            (Method::POST, "uploadId=a", Step::Complete),
            (Method::GET, "uploadId=a&part-number-marker=2", Step::Parts),
            (Method::DELETE, "uploadId=a", Step::Other),
            (Method::GET, "", Step::Read),
            (Method::HEAD, "versionId=1", Step::Read),
            (Method::DELETE, "", Step::Other),
            (Method::PUT, "comp=block&blockid=MDA%3D", Step::Part),
            (Method::PUT, "comp=blocklist", Step::Complete),
            (Method::GET, "comp=blocklist&blocklisttype=committed", Step::Other),
            (Method::PUT, "sv=2024&sig=comp", Step::Put),
        ] {
            assert_eq!(of(method, "a/b", query), step, "{query}");
        }
        assert_eq!(of(Method::GET, "", "list-type=2"), Step::Other);
        assert_eq!(of(Method::GET, "", "uploads=&prefix=a"), Step::Other);
    }

    #[test]
    fn a_key_is_found_however_the_path_is_encoded() {
        for (path, key) in [
            ("/my-lake/a/_lock", "a/_lock"),
            ("/my%2Dlake/a%2F%5Flock", "a/_lock"),
            ("/my%2Dlake", ""),
            ("/my-lake/", ""),
        ] {
            assert_eq!(key_of(path, "/my-lake"), key);
        }
        assert_eq!(key_of("/a/b", ""), "a/b");
    }

    #[test]
    fn a_digest_is_of_all_blocks() {
        let blocks: object_store::PutPayload =
            ["12345".into(), "6789".into()].into_iter().collect::<Vec<bytes::Bytes>>().into_iter().collect();
        for body in [HttpRequestBody::from(blocks), HttpRequestBody::from("123456789".to_owned())] {
            assert_eq!(md5_of(body), "JfnnlDI7RTiF9RgfG2JNCw==");
        }
    }
}
