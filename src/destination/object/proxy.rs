//! The proxy that the environment names, for messages: who it is, and which variable to change.

use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use object_store::client::HttpError;

use super::environment;
use super::remedy::{Remedy, Row, row};
use crate::error::ErrorKind;

/// What stands in the way of a connection to a proxy, by words in the causes; that says nothing about the endpoint.
pub(super) const UNREACHED: &[Row] = &[
    row(
        &["Temporary failure in name resolution", "Try again"],
        ErrorKind::Unavailable,
        "the name of the proxy cannot be looked up now",
        Remedy::DeadProxy,
    ),
    row(
        &["failed to lookup address", "dns error", "Name or service not known", "No address associated"],
        ErrorKind::Config,
        "there is no host of the proxy's name",
        Remedy::DeadProxy,
    ),
    row(&["Connection refused"], ErrorKind::Unavailable, "the proxy refuses connections", Remedy::DeadProxy),
    row(
        &["No route to host", "Network is unreachable"],
        ErrorKind::Unavailable,
        "there is no way to the proxy from here",
        Remedy::DeadProxy,
    ),
    row(
        &["(Connect): operation timed out", "(Connect): deadline has elapsed"],
        ErrorKind::Unavailable,
        "the proxy does not answer",
        Remedy::DeadProxy,
    ),
];

/// The proxies of the environment, as the HTTP client reads them.
#[derive(Debug)]
pub(super) struct Proxies(Matcher);

/// The proxy of one request.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    /// Without user and password.
    url: String,
    variable: &'static str,
    /// The host that is reached through it.
    host: String,
}

impl Proxies {
    pub(super) fn new() -> Self {
        Self(Matcher::from_system())
    }

    /// The proxy on the way to `uri`, if there is one.
    pub(super) fn of(&self, uri: &Uri) -> Option<Proxy> {
        let found = self.0.intercept(uri)?;
        let proxy = found.uri();
        // The parser ends a password at its first `@`; what follows would be shown as the host.
        let server = proxy.authority()?.as_str().rsplit('@').next()?;
        Some(Proxy {
            url: format!("{}://{}", proxy.scheme_str().unwrap_or("http"), server),
            variable: environment::proxy_variable(uri.scheme_str() == Some("https")),
            host: uri.host()?.to_owned(),
        })
    }
}

impl Proxy {
    /// What to do when it cannot be reached.
    pub(crate) fn hint(&self) -> String {
        let Self { variable, host, .. } = self;
        format!(
            "start the proxy, or correct or unset the environment variable {variable}; \
             NO_PROXY={host} reaches that host without it"
        )
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.url, self.variable)
    }
}

/// What went wrong with a request on its way through a proxy. Its text is that of the error.
#[derive(Debug)]
pub(super) struct Through {
    pub(super) proxy: Proxy,
    pub(super) error: HttpError,
}

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::error::Error::source(&self.error) {
            Some(cause) => write!(f, "{cause}"),
            None => write!(f, "{}", self.error),
        }
    }
}

impl std::error::Error for Through {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)?.source()
    }
}
