//! What a store's refusal means to a user: one table from status and code to kind, message and remedy.

use std::fmt;

use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};

use super::http::Failure;
use super::progress::STALLED;
use super::proxy::{Proxy, Through, UNREACHED};
use super::remedy::{Remedy, Row, row};
use super::reply::Reply;
use super::wants::Want;
use super::xml;
use crate::clock::Elapsed;
use crate::error::{Code, Error, ErrorKind, causes, with_causes};

/// The words of one kind of store for the things that a remedy names.
#[derive(Debug)]
pub(crate) struct Remedies {
    /// The key or keys that say where the bucket is.
    pub(crate) bucket: &'static str,
    /// The keys that hold credentials.
    pub(crate) credentials: &'static str,
    /// The key of the endpoint.
    pub(crate) endpoint: &'static str,
    /// The rights that an export needs.
    pub(crate) rights: &'static str,
    /// The right that each action needs; the first whose action begins so.
    pub(crate) steps: &'static [(&'static str, &'static str)],
    /// What buckets want of requests, by words of refusals.
    pub(crate) wants: &'static [Want],
}

/// Why a store refused, or could not be asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal {
    status: Option<u16>,
    /// The store's own code, such as `NoSuchBucket`.
    code: String,
    /// The store's own sentence.
    message: String,
    /// The region that the store says is right.
    region: Option<String>,
    /// No answer came: why, and the causes of that.
    transport: Option<(HttpErrorKind, String)>,
    /// What the request was to go through.
    proxy: Option<Proxy>,
    /// A web page came instead of a store's answer.
    page: bool,
    /// The answer says that this port is for TLS.
    for_tls: bool,
    /// Ours already.
    ours: Option<(ErrorKind, Option<Code>, String, Vec<String>)>,
    /// A redirect without a place, as S3 answers for a bucket of another region.
    redirect: bool,
}

impl Refusal {
    pub(super) fn of_reply(reply: &Reply) -> Self {
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        let mut refusal = Self { status: Some(reply.status.as_u16()), ..Self::default() };
        refusal.read(&reply.body);
        if let Some(code) = header("x-ms-error-code").filter(|_| refusal.code.is_empty()) {
            refusal.code = code.to_owned();
        }
        refusal.region = header("x-amz-bucket-region").map(str::to_owned).or(refusal.region);
        refusal.redirect = reply.status.is_redirection();
        refusal
    }

    pub(super) fn of_transport(error: &HttpError) -> Self {
        let text = match error.kind() {
            // Its cause quotes the answer.
            HttpErrorKind::Decode => "the answer cannot be understood".to_owned(),
            _ => with_causes(error),
        };
        let through = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Through>());
        let proxy = through.map(|through| through.proxy.clone());
        Self { transport: Some((error.kind(), text)), proxy, ..Self::default() }
    }

    pub(super) fn of_timeout(late: &Elapsed) -> Self {
        Self { transport: Some((HttpErrorKind::Timeout, late.to_string())), ..Self::default() }
    }

    /// Without an answer for so long that somebody must be told: what stood in the way last, if anything did.
    pub(super) fn silent(last: Option<Failure>) -> Self {
        let (text, proxy) = match last {
            Some(Failure { text, proxy }) => (text, proxy),
            None => ("no answer".to_owned(), None),
        };
        Self { transport: Some((HttpErrorKind::Timeout, text)), proxy, ..Self::default() }
    }

    pub(super) fn of_error(error: Error) -> Self {
        let ours = (error.kind(), error.specific(), error.to_string(), error.hints().to_vec());
        Self { ours: Some(ours), ..Self::default() }
    }

    /// What a sign-in service, a metadata server or a file of credentials gave instead of credentials. Answers may repeat
    /// what was sent, so that of them only codes are kept that are known.
    pub(super) fn of_sign_in(error: &object_store::Error) -> Self {
        let mut refusal = Self::of_store(error);
        refusal.message.clear();
        if row_of(&refusal.code).is_none() {
            refusal.code.clear();
        }
        let known = refusal.status.is_some() || refusal.transport.is_some() || refusal.ours.is_some();
        if !known && refusal.code.is_empty() {
            let text =
                "no credentials could be had: a file or command that gives them cannot be used".to_owned();
            refusal.ours = Some((ErrorKind::Denied, Some(Code::CredentialsMissing), text, Vec::new()));
        }
        refusal
    }

    /// object_store keeps status and body of an answer to itself; its text has both.
    pub(super) fn of_store(error: &object_store::Error) -> Self {
        for inner in causes(error) {
            if let Some(refusal) = inner.downcast_ref::<Self>() {
                return refusal.clone();
            }
            if let Some(ours) = inner.downcast_ref::<Error>() {
                return Self::of_error(ours.copied());
            }
            if let Some(http) = inner.downcast_ref::<HttpError>() {
                return Self::of_transport(http);
            }
        }
        let text = error.to_string();
        let redirect = text.contains("redirect without LOCATION");
        let mut refusal = Self { status: status_of(error, &text), redirect, ..Self::default() };
        refusal.read(&text);
        if refusal.status.is_none() && refusal.message.is_empty() {
            refusal.message = text;
        }
        refusal
    }

    /// Code, message and region out of an answer in XML or JSON.
    fn read(&mut self, body: &str) {
        let lower = body.get(..body.floor_char_boundary(4096)).unwrap_or(body).to_ascii_lowercase();
        self.page = lower.contains("<!doctype html") || lower.contains("<html");
        self.for_tls = lower.contains("https port") || lower.contains("https server");
        let [code, message, region] = xml::texts(body, ["Code", "Message", "Region"]);
        (self.code, self.message) = (code.unwrap_or_default(), message.unwrap_or_default());
        self.region = region.filter(|region| !region.is_empty());
        // OAuth servers answer {"error": "invalid_grant", "error_description": "..."}.
        if self.code.is_empty()
            && let Some(at) = body.find('{')
            && let Some(Ok(document)) =
                serde_json::Deserializer::from_str(&body[at..]).into_iter::<serde_json::Value>().next()
        {
            self.code = document["error"].as_str().unwrap_or_default().to_owned();
            self.message = document["error_description"].as_str().unwrap_or_default().to_owned();
        }
    }

    /// The store's own code.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// Whether the store knows nothing of the object or upload; a missing bucket is another matter.
    pub(super) fn is_not_found(&self) -> bool {
        self.status == Some(404) && row_of(&self.code).is_none()
    }

    /// Whether asking once more gives the same answer.
    pub(super) fn is_permanent(&self) -> bool {
        match &self.transport {
            Some((_, text)) => transport_row(text).is_some_and(|row| row.kind != ErrorKind::Unavailable),
            None => false,
        }
    }

    /// Whether the same request may well succeed the next time.
    pub(super) fn is_transient(&self) -> bool {
        match self.status {
            Some(status) => matches!(status, 408 | 429 | 500 | 502..=599),
            None => self.transport.is_some() && !self.is_permanent(),
        }
    }

    /// Whether the credentials are good and lack a right.
    pub(super) fn is_missing_right(&self) -> bool {
        let (kind, _, remedy) = judge(self);
        kind == ErrorKind::Denied && matches!(remedy, Remedy::Rights) && self.ours.is_none()
    }

    /// Whether no answer came.
    pub(super) fn is_silence(&self) -> bool {
        self.transport.is_some()
    }

    /// Whether the request stood still, or was not answered in time.
    pub(super) fn is_late(&self) -> bool {
        matches!(self.transport, Some((HttpErrorKind::Timeout, _)))
    }

    /// Whether the store does not have what was asked for.
    pub(super) fn is_unsupported(&self) -> bool {
        self.status == Some(501) || self.code == "NotImplemented"
    }
}

/// The status of the answer behind `error`, whose text is `text`. The type that has it, `client::retry::RetryError`, is
/// object_store's own; `tests.rs` compares the text with answers of a server.
fn status_of(error: &object_store::Error, text: &str) -> Option<u16> {
    let (_, after) = text.split_once("status code: ").unwrap_or_default();
    after.get(..3).and_then(|digits| digits.parse().ok()).or(match error {
        object_store::Error::NotFound { .. } => Some(404),
        object_store::Error::PermissionDenied { .. } => Some(403),
        object_store::Error::Unauthenticated { .. } => Some(401),
        object_store::Error::AlreadyExists { .. } => Some(409),
        object_store::Error::Precondition { .. } => Some(412),
        object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. } => Some(501),
        _ => None,
    })
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refusal {}

/// By the store's own code: S3 and those like it, the XML API of GCS, Azure Blob, OAuth servers.
const CODES: &[Row] = &[
    row(
        &["NoSuchBucket", "ContainerNotFound", "FilesystemNotFound"],
        ErrorKind::Config,
        "the bucket does not exist",
        Remedy::Bucket,
    ),
    row(
        &["InvalidBucketName", "InvalidResourceName", "AccountNotFound", "InvalidUri"],
        ErrorKind::Config,
        "no bucket can have this name",
        Remedy::Bucket,
    ),
    row(
        &[
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "TemporaryRedirect",
            "Redirect",
            "IllegalLocationConstraintException",
            "InvalidRegion",
        ],
        ErrorKind::Config,
        "the bucket is in another region",
        Remedy::Region,
    ),
    row(
        &["InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"],
        ErrorKind::Denied,
        "the access key id is not known there",
        Remedy::Credentials,
    ),
    row(
        &["SignatureDoesNotMatch"],
        ErrorKind::Denied,
        "the signature does not match, so the secret key is not the one of the access key id",
        Remedy::Credentials,
    ),
    row(
        &["AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"],
        ErrorKind::Denied,
        "the key, token or signature is not valid there",
        Remedy::Credentials,
    ),
    row(
        &["invalid_grant", "invalid_client", "unauthorized_client", "invalid_request", "access_denied"],
        ErrorKind::Denied,
        "the sign-in service refused the credentials",
        Remedy::Credentials,
    ),
    row(
        &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "RequestExpired"],
        ErrorKind::Denied,
        "the session token has expired or is not valid",
        Remedy::Token,
    ),
    row(
        &["RequestTimeTooSkewed", "RequestInTheFuture"],
        ErrorKind::Config,
        "the clock of this machine and that of the store differ too much",
        Remedy::Clock,
    ),
    row(
        &[
            "AccessDenied",
            "Forbidden",
            "AllAccessDisabled",
            "AccountProblem",
            "NotSignedUp",
            "AuthorizationPermissionMismatch",
            "AuthorizationFailure",
            "InsufficientAccountPermissions",
            "AuthorizationServiceMismatch",
            "AuthorizationResourceTypeMismatch",
            "AccountIsDisabled",
            "KMS.DisabledException",
            "KMS.NotFoundException",
        ],
        ErrorKind::Denied,
        "access denied",
        Remedy::Rights,
    ),
    row(
        &["QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "StorageFull", "OutOfCapacity"],
        ErrorKind::Unavailable,
        "no space left or a quota is used up",
        Remedy::Space,
    ),
    row(
        &[
            "SlowDown",
            "ServiceUnavailable",
            "ServerBusy",
            "TooManyRequests",
            "RequestLimitExceeded",
            "Throttling",
            "InternalError",
            "OperationTimedOut",
            "RequestTimeout",
        ],
        ErrorKind::Unavailable,
        "the store is busy or has a fault of its own",
        Remedy::Later,
    ),
];

/// By words in the causes of a request that got no answer.
const TRANSPORT: &[Row] = &[
    row(
        &[STALLED],
        ErrorKind::Unavailable,
        "the line to the store is too slow for so many uploads at once, or broken",
        Remedy::Line,
    ),
    row(
        &["Temporary failure in name resolution", "Try again"],
        ErrorKind::Unavailable,
        "the host's name cannot be looked up now",
        Remedy::Endpoint,
    ),
    row(
        &["failed to lookup address", "dns error", "Name or service not known", "No address associated"],
        ErrorKind::Config,
        "there is no host of this name",
        Remedy::Endpoint,
    ),
    row(&["tunnel", "proxy", "Proxy"], ErrorKind::Config, "the proxy refused the connection", Remedy::Proxy),
    row(
        &["InvalidContentType", "invalid message", "InvalidMessage", "wrong version", "corrupt message"],
        ErrorKind::Config,
        "the endpoint does not speak TLS",
        Remedy::Scheme,
    ),
    row(
        &["certificate", "UnknownIssuer", "CertNotValid", "HandshakeFailure", "handshake"],
        ErrorKind::Config,
        "no trusted TLS connection to the endpoint",
        Remedy::Certificate,
    ),
    row(
        &["Connection refused"],
        ErrorKind::Unavailable,
        "the endpoint refuses connections",
        Remedy::Endpoint,
    ),
    row(
        &["No route to host", "Network is unreachable"],
        ErrorKind::Unavailable,
        "the endpoint is unreachable from this host",
        Remedy::Endpoint,
    ),
    row(
        &["URL scheme is not allowed", "InvalidUri", "relative URL", "builder error"],
        ErrorKind::Config,
        "the endpoint is no URL that may be used",
        Remedy::Endpoint,
    ),
];

fn row_of(code: &str) -> Option<&'static Row> {
    CODES.iter().find(|row| row.codes.contains(&code))
}

fn transport_row(text: &str) -> Option<&'static Row> {
    TRANSPORT.iter().find(|row| row.names(text))
}

/// The error of `refusal`, which stood in the way of `action`.
pub(super) fn explain(action: &str, refusal: &Refusal, words: &Remedies) -> Error {
    if let Some((kind, code, text, hints)) = &refusal.ours {
        let mut error = Error::new(*kind, format!("{action}: {text}"));
        if let Some(code) = code {
            error = error.coded(*code);
        }
        return hints.iter().fold(error, |error, hint| error.hint(hint));
    }
    let (kind, message, remedy) = judge(refusal);
    let step = words.steps.iter().find(|(step, _)| action.starts_with(step));
    let want = Want::of(words.wants, &refusal.code, &refusal.message, step.map_or("", |(_, right)| right));
    let known = want.and_then(|want| want.message);
    let mut error = Error::new(kind, format!("{action}: {}", known.unwrap_or(message)));
    if let Some(code) = lookup(refusal, kind, remedy, known.is_some()) {
        error = error.coded(code);
    }
    if let Some(status) = refusal.status {
        error =
            error.with("status", StatusCode::from_u16(status).map_or(status.to_string(), |s| s.to_string()));
    }
    if !refusal.code.is_empty() {
        error = error.with("code", &refusal.code);
    }
    if let (Remedy::Rights, Some((_, right))) = (remedy, step) {
        error = error.with("needs", right);
    }
    if let Some(proxy) = &refusal.proxy {
        error = error.with("proxy", proxy);
    }
    let general = if known.is_some() { Vec::new() } else { hints(remedy, refusal, words) };
    for hint in general.into_iter().chain(want.map(|want| want.hint.to_owned())) {
        error = error.hint(hint);
    }
    if refusal.is_late() && matches!(remedy, Remedy::Endpoint) && action.starts_with("cannot upload") {
        error = error.hint(FEWER);
    }
    let cause = match &refusal.transport {
        Some((_, text)) => text.clone(),
        None => refusal.message.clone(),
    };
    // What a page says is for eyes, and long.
    if cause.is_empty() || refusal.page { error } else { error.caused_by(cause) }
}

/// Where more about it is found.
fn lookup(refusal: &Refusal, kind: ErrorKind, remedy: Remedy, wants: bool) -> Option<Code> {
    Some(match (remedy, kind) {
        _ if wants && kind != ErrorKind::Internal => Code::StorageSettings,
        (Remedy::Clock, ErrorKind::Config) => Code::ClockSkew,
        (Remedy::Space, ErrorKind::Unavailable) => Code::DiskFull,
        (Remedy::Bucket | Remedy::Region, ErrorKind::Config) => Code::NoSuchBucket,
        (_, ErrorKind::Denied) => Code::StorageDenied,
        (_, ErrorKind::Config | ErrorKind::Unavailable) if refusal.status.is_none() || refusal.for_tls => {
            Code::StorageUnreachable
        }
        (Remedy::Later, ErrorKind::Unavailable) => Code::StorageUnreachable,
        (_, ErrorKind::Config | ErrorKind::Unavailable | ErrorKind::Data) => Code::StorageAnswer,
        _ => return None,
    })
}

fn judge(refusal: &Refusal) -> (ErrorKind, &'static str, Remedy) {
    if let Some(row) = row_of(&refusal.code) {
        // Azure says with one code that a key is wrong and that a signature has expired.
        let text = refusal.message.to_ascii_lowercase();
        if row.codes.contains(&"AuthorizationFailure") && text.contains("failed to authenticate") {
            return (
                ErrorKind::Denied,
                "the key, token or signature is not valid there",
                Remedy::Credentials,
            );
        }
        if row.codes.contains(&"AuthenticationFailed") && text.contains("expired") {
            return (ErrorKind::Denied, "the token has expired", Remedy::Token);
        }
        return (row.kind, row.message, row.remedy);
    }
    if let Some((kind, text)) = &refusal.transport {
        let to_proxy = UNREACHED.iter().filter(|_| refusal.proxy.is_some());
        let row = to_proxy.chain(TRANSPORT).find(|row| row.names(text));
        return match row {
            Some(row) => (row.kind, row.message, row.remedy),
            None if *kind == HttpErrorKind::Timeout => {
                (ErrorKind::Unavailable, "the endpoint does not answer", Remedy::Endpoint)
            }
            None => (ErrorKind::Unavailable, "the connection failed", Remedy::Later),
        };
    }
    if refusal.for_tls {
        return (ErrorKind::Config, "the endpoint speaks TLS, and was asked without", Remedy::Scheme);
    }
    if refusal.page {
        return (ErrorKind::Config, "a web page came instead of a store's answer", Remedy::Proxy);
    }
    if refusal.redirect || matches!(refusal.status, Some(301 | 302 | 307 | 308)) {
        return (ErrorKind::Config, "the bucket is in another region or at another endpoint", Remedy::Region);
    }
    match refusal.status {
        Some(401) => (ErrorKind::Denied, "the credentials are not valid there", Remedy::Credentials),
        Some(403) => (ErrorKind::Denied, "access denied", Remedy::Rights),
        Some(404) => (ErrorKind::Config, "not found", Remedy::Bucket),
        Some(407) => (ErrorKind::Config, "the proxy asks for credentials", Remedy::Proxy),
        Some(400 | 405) => (ErrorKind::Config, "the store does not understand the request", Remedy::Endpoint),
        Some(507) => (ErrorKind::Unavailable, "no space left", Remedy::Space),
        Some(409 | 412) => {
            (ErrorKind::Unavailable, "somebody else changed it at the same time", Remedy::Later)
        }
        Some(501) => (ErrorKind::Config, "the store cannot do this", Remedy::Endpoint),
        Some(408 | 429 | 500..=599) => {
            (ErrorKind::Unavailable, "the store is busy or has a fault of its own", Remedy::Later)
        }
        _ => (ErrorKind::Unavailable, "the store gave no usable answer", Remedy::Endpoint),
    }
}

const FEWER: &str = "over a slow line fewer uploads at once get through: -p 1 --n-jobs 1";

fn hints(remedy: Remedy, refusal: &Refusal, words: &Remedies) -> Vec<String> {
    let Remedies { bucket, credentials, endpoint, rights, .. } = words;
    let hint = match remedy {
        Remedy::Bucket => {
            format!("check {bucket} and {endpoint}; the bucket must be made before the first export")
        }
        Remedy::Credentials => format!("check {credentials} of the storage"),
        Remedy::Endpoint => format!("check {endpoint}, and that firewalls let this machine reach it"),
        Remedy::Rights => format!("the credentials need these rights: {rights}"),
        Remedy::Region => match &refusal.region {
            Some(region) => format!("write \"region\": \"{region}\""),
            None => format!("check region and {endpoint}"),
        },
        Remedy::Token => format!("get new credentials and check {credentials} of the storage"),
        Remedy::Clock => "set this machine's clock, for example with NTP".to_owned(),
        Remedy::Proxy => format!(
            "see what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, and whether {endpoint} is the store's and not a console's"
        ),
        Remedy::DeadProxy => refusal.proxy.as_ref().map(Proxy::hint).unwrap_or_default(),
        Remedy::Line => FEWER.to_owned(),
        Remedy::Certificate => format!(
            "check that {endpoint} names the host as its certificate does; a certificate authority of your own \
             is trusted when it is in the system's store or in the file that SSL_CERT_FILE names"
        ),
        Remedy::Scheme => format!("check whether {endpoint} must begin with http:// or with https://"),
        Remedy::Later => "run it again later".to_owned(),
        Remedy::Space => "free space or raise the quota there".to_owned(),
    };
    vec![hint]
}
