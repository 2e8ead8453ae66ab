//! Credentials of AWS profiles, the environment and the machine, as the AWS tools find them.
//!
//! `aws-config` knows profiles with keys, roles that are assumed in turn, `credential_process`, SSO, web identities,
//! containers and instances. It speaks through our own HTTP client, so that there is one TLS stack. What it finds
//! is kept for all writers and renewed before it expires.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient as AwsHttpClient, HttpConnector as AwsHttpConnector, HttpConnectorFuture,
    HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest as AwsRequest, HttpResponse as AwsResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest};
use tokio::sync::{Mutex, OnceCell};

use super::super::{Http, environment};
use super::config::can_be_sent;
use super::partition::Variant;
use super::settings::{self, Settings};
use crate::clock::{self, Instant};
use crate::error::{Code, Error, Result, with_causes};
use crate::plain::is_invisible;

/// Credentials that live that long or shorter are renewed.
const MARGIN: Duration = Duration::from_secs(300);
/// A source that cannot renew is not asked more often, as long as what it gave is still good.
const PAUSE: Duration = Duration::from_secs(10);
/// First contact must answer within 15 seconds; a machine without credentials of its own is found out before.
const LIMIT: Duration = Duration::from_secs(11);

const IGNORED: &str = "an endpoint that is to be ignored";

/// What the services and files of AWS say, found in errors whose texts hold more than may be shown: answers, words of
/// commands, lines of files.
const KNOWN: &[(&str, &str)] = &[
    (
        IGNORED,
        "configured endpoints are to be ignored, and those of STS and SSO cannot be: unset AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL",
    ),
    ("external process exited", "its credential_process failed"),
    ("external process, could not parse", "its credential_process did not print the JSON that it should"),
    ("could not decode output", "its credential_process did not print text"),
    ("from external process", "its credential_process cannot be run"),
    ("did not contain credential information", "the profile has none"),
    ("infinite loop", "profiles name each other as source_profile in a circle"),
    ("missing aws_access_key_id", "the profile has no aws_access_key_id"),
    ("missing aws_secret_access_key", "the profile has no aws_secret_access_key"),
    ("was not defined", "the profile names another one that is not there, or lacks a key"),
    ("credential source", "its source_profile or credential_source cannot be used"),
    ("provider but that provider", "its credential_source is not one that is known"),
    ("ExpiredToken", "the token that was shown to AWS has expired"),
    ("InvalidIdentityToken", "the web identity's token is not valid"),
    ("InvalidClientTokenId", "the access key id is not known"),
    ("SignatureDoesNotMatch", "the secret key is not the one of the access key id"),
    ("UnauthorizedException", "the single sign-on session is over"),
    ("AccessDenied", "access denied"),
    ("SSO", "the single sign-on session is over or was not begun"),
    ("sso", "the single sign-on session is over or was not begun"),
    ("environment variable not set", "none were found"),
];

/// Why there are no credentials, in words of ours; of the libraries' own errors only those without content.
fn why(error: &CredentialsError) -> &'static str {
    let text = with_causes(error);
    match KNOWN.iter().find(|(words, _)| text.contains(words)) {
        Some((_, why)) => why,
        None => match error {
            CredentialsError::CredentialsNotLoaded(_) => "none were found",
            CredentialsError::ProviderTimedOut(_) => "nothing answered",
            CredentialsError::InvalidConfiguration(_) => "what says where they come from is not valid",
            _ => "where they should come from failed or refused",
        },
    }
}

/// Where AWS credentials come from, and the last ones.
pub(super) struct Chain {
    profile: Option<String>,
    region: String,
    variant: Variant,
    http: Arc<Http>,
    client: Client,
    source: OnceCell<SharedCredentialsProvider>,
    kept: Mutex<Option<Kept>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("profile", &self.profile).finish_non_exhaustive()
    }
}

struct Kept {
    credential: Arc<AwsCredential>,
    expires: Option<SystemTime>,
    /// How long they were good when they came.
    lifetime: Duration,
    /// When the source was asked last.
    asked: Instant,
}

impl Kept {
    fn left(&self) -> Duration {
        match self.expires {
            Some(expires) => expires.duration_since(clock::system_time()).unwrap_or_default(),
            None => Duration::MAX,
        }
    }

    /// Whether they can be used without asking for others.
    fn is_fresh(&self) -> bool {
        // Those that never live as long as the margin are renewed when half of their time is over.
        self.left() > MARGIN.min(self.lifetime / 2)
            || self.left() > Duration::ZERO && self.asked.elapsed() < PAUSE
    }
}

impl Chain {
    /// Credentials of `profile`, or of whatever the environment and the machine have.
    pub(super) fn new(
        profile: Option<String>,
        region: String,
        settings: &Settings,
        http: &Arc<Http>,
    ) -> Result<Self> {
        // Containers and instances answer without TLS; aws-config takes care to whom it speaks.
        let client = http.machine_connector().connect(&Http::options(true));
        let client =
            client.map_err(|error| Error::internal("cannot make an HTTP client").about_secret(&error))?;
        Ok(Self {
            profile,
            region,
            variant: settings.variant,
            http: Arc::clone(http),
            client: Client { client, ignored: settings.ignored.clone().into() },
            source: OnceCell::new(),
            kept: Mutex::new(None),
        })
    }

    async fn source(&self) -> &SharedCredentialsProvider {
        self.source
            .get_or_init(|| async {
                let region = Region::new(self.region.clone());
                let config = ProviderConfig::without_region()
                    .with_behavior_version(Some(BehaviorVersion::latest()))
                    .with_region(Some(region.clone()))
                    .with_use_fips(Some(self.variant.fips))
                    .with_use_dual_stack(Some(self.variant.dual_stack))
                    .with_http_client(self.client.clone());
                match &self.profile {
                    Some(name) => SharedCredentialsProvider::new(
                        ProfileFileCredentialsProvider::builder()
                            .configure(&config)
                            .profile_name(name)
                            .build(),
                    ),
                    None => {
                        let mut chain = DefaultCredentialsChain::builder().configure(config).region(region);
                        // Without the blanks around it.
                        if let Ok(Some(name)) = settings::selected() {
                            chain = chain.profile_name(&name);
                        }
                        SharedCredentialsProvider::new(chain.build().await)
                    }
                }
            })
            .await
    }

    async fn ask(&self) -> Result<Kept> {
        let asked = Instant::now();
        let found = clock::timeout(LIMIT, async { self.source().await.provide_credentials().await }).await;
        let found: Credentials = match found {
            Ok(found) => found.map_err(|error| self.failed(error))?,
            Err(_) => return Err(self.failed(CredentialsError::provider_timed_out(LIMIT))),
        };
        let expires = found.expiry();
        // Line breaks around them are of the editor or secret store that they went through.
        let credential = AwsCredential {
            key_id: found.access_key_id().trim_ascii().to_owned(),
            secret_key: found.secret_access_key().trim_ascii().to_owned(),
            token: found.session_token().map(|token| token.trim_ascii().to_owned()),
        };
        for (what, text, sent) in [
            ("access key id", Some(&credential.key_id), true),
            ("secret access key", Some(&credential.secret_key), false),
            ("session token", credential.token.as_ref(), true),
        ] {
            if text.is_some_and(|text| text.contains(is_invisible) || sent && !can_be_sent(text)) {
                let from = self.from();
                return Err(Error::config(format!(
                    "the {what} {from} holds a line break, an invisible character or one that no key has"
                ))
                .coded(Code::CredentialsMissing)
                .hint("copy it once more"));
            }
        }
        let mut kept = Kept { credential: Arc::new(credential), expires, lifetime: Duration::MAX, asked };
        kept.lifetime = kept.left();
        Ok(kept)
    }

    fn from(&self) -> String {
        match &self.profile {
            Some(name) => format!("of the AWS profile '{name}'"),
            None => "in the environment, the AWS files or on this machine".to_owned(),
        }
    }

    fn failed(&self, error: CredentialsError) -> Error {
        let from = self.from();
        let hint = match &self.profile {
            Some(name) => format!("see what `aws sts get-caller-identity --profile {name}` says; SSO: aws sso login --profile {name}"),
            None => "write access_key_id and secret_access_key or profile into the entry, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
        };
        if let Some(proxy) = self.http.last_failure().and_then(|failure| failure.proxy) {
            let why = why(&error);
            let ours = Error::unavailable(format!(
                "no AWS credentials {from}: the sign-in service cannot be reached through the proxy"
            ))
            .coded(Code::CredentialsMissing);
            return ours.with("proxy", &proxy).with("why", why).hint(proxy.hint());
        }
        let ours = match &error {
            CredentialsError::ProviderTimedOut(_) => {
                Error::unavailable(format!("no AWS credentials {from} in time"))
                    .coded(Code::CredentialsMissing)
            }
            _ => Error::denied(format!("no AWS credentials {from}")).coded(Code::CredentialsMissing),
        };
        let ours = ours.with("why", why(&error)).hint(hint);
        // aws-config takes an empty one for an endpoint without a host.
        let endpoints =
            ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"];
        endpoints.into_iter().filter_map(|name| environment::not_empty(name).err()).fold(ours, Error::hint)
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // Whoever comes while they are renewed waits for them.
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh()) {
            return Ok(Arc::clone(&kept.credential));
        }
        match (self.ask().await, kept.as_mut()) {
            (Ok(new), _) => {
                let credential = Arc::clone(&new.credential);
                *kept = Some(new);
                Ok(credential)
            }
            (Err(error), Some(old)) if old.left() > Duration::ZERO => {
                tracing::warn!(%error, "AWS credentials were not renewed; the old ones are still good");
                old.asked = Instant::now();
                Ok(Arc::clone(&old.credential))
            }
            (Err(error), _) => Err(object_store::Error::Generic { store: "S3", source: Box::new(error) }),
        }
    }
}

/// Our HTTP client in the shape that aws-config wants.
#[derive(Debug, Clone)]
struct Client {
    client: HttpClient,
    /// Endpoints that are configured and not to be used.
    ignored: Arc<[String]>,
}

impl AwsHttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        Connection { client: self.clone(), settings: settings.clone() }.into_shared()
    }
}

#[derive(Debug)]
struct Connection {
    client: Client,
    settings: HttpConnectorSettings,
}

impl AwsHttpConnector for Connection {
    fn call(&self, request: AwsRequest) -> HttpConnectorFuture {
        let Client { client, ignored } = self.client.clone();
        // aws-config has no switch for this.
        if ignored.iter().any(|url| request.uri().starts_with(url.as_str())) {
            return HttpConnectorFuture::ready(Err(ConnectorError::user(IGNORED.into())));
        }
        let limits = [self.settings.connect_timeout(), self.settings.read_timeout()];
        let limit = limits.into_iter().flatten().reduce(|a, b| a + b);
        HttpConnectorFuture::new(async move {
            let answer = call(&client, request);
            match limit {
                Some(limit) => match clock::timeout(limit, answer).await {
                    Ok(answer) => answer,
                    Err(late) => Err(ConnectorError::timeout(late.into())),
                },
                None => answer.await,
            }
        })
    }
}

async fn call(client: &HttpClient, request: AwsRequest) -> std::result::Result<AwsResponse, ConnectorError> {
    let user = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
    let content = request.body().bytes().map(Bytes::copy_from_slice);
    let content = content.ok_or_else(|| user("a request of aws-config is a stream".into()))?;
    let mut ours = HttpRequest::new(content.into());
    *ours.method_mut() =
        request.method().parse().map_err(|e: ::http::method::InvalidMethod| user(e.into()))?;
    *ours.uri_mut() = request.uri().parse().map_err(|e: ::http::uri::InvalidUri| user(e.into()))?;
    for (name, value) in request.headers() {
        let name = ::http::HeaderName::from_bytes(name.as_bytes()).map_err(|e| user(e.into()))?;
        ours.headers_mut()
            .append(name, value.parse().map_err(|e: ::http::header::InvalidHeaderValue| user(e.into()))?);
    }
    let (head, body) = client.execute(ours).await.map_err(connector_error)?.into_parts();
    let content = body.bytes().await.map_err(connector_error)?;
    let status = head.status.as_u16().try_into();
    let status = status.map_err(|_| ConnectorError::other("an answer without a status".into(), None))?;
    let mut answer = AwsResponse::new(status, SdkBody::from(content));
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str() {
            answer.headers_mut().append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(answer)
}

fn connector_error(error: HttpError) -> ConnectorError {
    match error.kind() {
        HttpErrorKind::Timeout => ConnectorError::timeout(error.into()),
        _ => ConnectorError::io(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_five_minutes_before_they_expire_or_at_half_of_a_short_life() {
        let time = clock::hold();
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let fresh = |lifetime: Duration, left: Duration| {
            let credential = AwsCredential { key_id: String::new(), secret_key: String::new(), token: None };
            let asked = Instant::now();
            time.advance(minutes(1));
            let expires = Some(clock::system_time() + left);
            Kept { credential: Arc::new(credential), expires, lifetime, asked }.is_fresh()
        };
        let (second, moment) = (Duration::from_secs(1), Duration::from_nanos(1));
        assert!(fresh(minutes(60), minutes(5) + moment));
        assert!(!fresh(minutes(60), minutes(5)));
        assert!(fresh(minutes(11), minutes(5) + moment) && !fresh(minutes(11), minutes(5)));
        assert!(fresh(minutes(1), second * 30 + moment) && !fresh(minutes(1), second * 30));
    }
}
