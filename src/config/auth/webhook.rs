//! Where notifications are posted to: a URL, or an entry with headers.
//!
//! ```json
//! { "alerts": { "ds_type": "webhook", "info": {
//!     "url": "https://hooks.example.com/lakexpress", "headers": { "Authorization": "Bearer ${ALERT_TOKEN}" } } } }
//! ```

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;
use url::{Origin, Url};

use super::{AuthFile, Role, type_name};
use crate::error::{Code, Error, Result};
use crate::spec::nearest;

const KEYS: [&str; 2] = ["url", "headers"];

/// A URL that is posted to. `Debug` and [`Webhook::shown`] show its scheme, host and port: what follows may be a secret.
#[derive(Clone)]
pub struct Webhook {
    /// It may hold a user and a password, and tokens in path and query.
    pub url: Url,
    /// Headers of each request.
    pub headers: HeaderMap,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({})", self.shown())
    }
}

impl Webhook {
    /// The place that a URL names.
    ///
    /// # Errors
    /// What is wrong with the text, without any of it.
    pub fn of_url(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // The parser leaves them out, and an address of another meaning is left.
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("holds a blank, a line break or another control character".to_owned());
        }
        // Words of the parser quote nothing.
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        if !text.contains("://")
            || !matches!(url.scheme(), "http" | "https")
            || url.host_str().is_none_or(str::is_empty)
        {
            return Err("is not an https:// or http:// URL".to_owned());
        }
        Ok(Self { url, headers: HeaderMap::new() })
    }

    /// Scheme, host and port, for messages.
    pub fn shown(&self) -> String {
        match self.url.origin() {
            origin @ Origin::Tuple(..) => origin.ascii_serialization(),
            Origin::Opaque(_) => "the URL".to_owned(),
        }
    }
}

impl AuthFile {
    /// Entry `id` as a place that is posted to.
    ///
    /// # Errors
    /// An unknown id, an entry that is not a webhook, and every wrong key of the entry at once.
    pub fn webhook(&self, id: &str) -> Result<Webhook> {
        let info = self.entry(id, Role::Webhook)?.info;
        let mut problems = Vec::new();
        for key in info.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let meant = nearest(key, KEYS).map_or(String::new(), |near| format!(", did you mean {near}?"));
            problems.push(format!("{id}.info.{key}: unknown key{meant}"));
        }
        let webhook = match info.get("url") {
            Some(Value::String(url)) => {
                Webhook::of_url(url).map_err(|what| problems.push(format!("{id}.info.url {what}"))).ok()
            }
            Some(other) => {
                problems.push(format!("{id}.info.url: {}, not a string", type_name(other)));
                None
            }
            None => {
                problems.push(format!("{id}.info.url: missing"));
                None
            }
        };
        let headers = headers(id, info.get("headers"), &mut problems);
        match webhook.filter(|_| problems.is_empty()) {
            Some(webhook) => Ok(Webhook { headers, ..webhook }),
            None => Err(Error::config(format!("auth entry is not valid: {}", problems.join("; ")))
                .coded(Code::AuthEntryInvalid)
                .with("file", self.path.display())
                .hint("write {\"ds_type\": \"webhook\", \"info\": {\"url\": \"https://...\", \"headers\": {...}}}")),
        }
    }
}

fn headers(id: &str, given: Option<&Value>, problems: &mut Vec<String>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let pairs = match given {
        None => return headers,
        Some(Value::Object(pairs)) => pairs,
        Some(other) => {
            problems.push(format!("{id}.info.headers: {}, not an object", type_name(other)));
            return headers;
        }
    };
    for (name, value) in pairs {
        let place = format!("{id}.info.headers.{name}");
        let Value::String(value) = value else {
            problems.push(format!("{place}: {}, not a string", type_name(value)));
            continue;
        };
        let own = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
        match (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value.trim())) {
            (Ok(name), _) if own.contains(&name) => {
                problems.push(format!("{place}: this header is the program's own"));
            }
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                headers.append(name, value);
            }
            (Err(_), _) => problems.push(format!("{place}: no header has such a name")),
            (_, Err(_)) => {
                problems.push(format!(
                    "{place}: holds a line break or another character that no header may have"
                ));
            }
        }
    }
    headers
}
