//! What the variables of OpenTelemetry say. One that is empty is not set.
//!
//! | variable | |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | where traces are sent, as it is |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the same, without `/v1/traces` |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_EXPORTER_OTLP_PROTOCOL` | also with `TRACES_`, which then counts |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who sends |
//! | `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER` | nothing is sent |
//! | `TRACEPARENT`, `TRACESTATE` | the span that the run is a part of |

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::message::{KeyValue, attribute};
use crate::config::auth::Webhook;

/// How long all attempts may take together, where no variable says it.
const USUAL: Duration = Duration::from_secs(5);
/// How long they may take in any case.
const LONGEST: Duration = Duration::from_secs(30);

/// Where a trace is sent.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) to: Webhook,
    /// The variable that names it.
    pub(super) variable: &'static str,
    pub(super) timeout: Duration,
}

/// The span that a run is a part of.
#[derive(Debug, PartialEq)]
pub(super) struct Parent {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) flags: u8,
    pub(super) state: String,
}

/// The value of a variable.
type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The value of a variable of this process.
pub(super) fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// Where traces are sent; none when nobody asks for them.
///
/// # Errors
/// Why they cannot be sent as the variables say, without their values.
pub(super) fn collector(get: Get<'_>) -> Result<Option<Collector>, String> {
    if get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || get("OTEL_TRACES_EXPORTER").is_some_and(|list| list.split(',').all(|name| name.trim() != "otlp"))
    {
        return Ok(None);
    }
    let (of_traces, of_all) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    let (name, url) = match (get(of_traces), get(of_all)) {
        (Some(url), _) => (of_traces, url),
        (None, Some(url)) => (of_all, url),
        (None, None) => return Ok(None),
    };
    if let Some((variable, protocol)) = specific(get, "PROTOCOL")
        && !protocol.eq_ignore_ascii_case("http/protobuf")
    {
        let what = match protocol.eq_ignore_ascii_case("grpc") {
            true => "is grpc, which is not supported",
            false => "names a protocol that is not supported",
        };
        return Err(format!(
            "{variable} {what}: set it to http/protobuf, which collectors take at port 4318"
        ));
    }
    let mut to = Webhook::of_url(&url).map_err(|what| {
        format!("{name} {what}: it is written http://host:4318, special characters of a password as %XX")
    })?;
    if name == of_all {
        let path = format!("{}/v1/traces", to.url.path().trim_end_matches('/'));
        to.url.set_path(&path);
    }
    if let Some((variable, list)) = specific(get, "HEADERS") {
        for (key, value) in pairs(&list) {
            let (Ok(key), Ok(mut value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) else {
                return Err(format!(
                    "{variable} holds what is no header: it is written name=value,name=value"
                ));
            };
            value.set_sensitive(true);
            to.headers.insert(key, value);
        }
    }
    let timeout = specific(get, "TIMEOUT").and_then(|(_, value)| value.parse().ok());
    let timeout = timeout.map_or(USUAL, Duration::from_millis).min(LONGEST);
    Ok(Some(Collector { to, variable: name, timeout }))
}

/// Who sends.
pub(super) fn resource(get: Get<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![attribute("service.version", env!("CARGO_PKG_VERSION"))];
    let listed = get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let named = get("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name));
    let usual = ("service.name".to_owned(), "lakexpress".to_owned());
    // What comes later counts.
    for (key, value) in std::iter::once(usual).chain(pairs(&listed)).chain(named) {
        attributes.retain(|attribute| attribute.key != key);
        attributes.push(attribute(&key, value));
    }
    attributes
}

/// The span that `TRACEPARENT` names, as the W3C's recommendation has it; none if it names none.
pub(super) fn parent(get: Get<'_>) -> Option<Parent> {
    let text = get("TRACEPARENT")?;
    let mut fields = text.split('-');
    let [version] = hex::<1>(fields.next()?)?;
    let trace_id = hex::<16>(fields.next()?)?;
    let span_id = hex::<8>(fields.next()?)?;
    let [flags] = hex::<1>(fields.next()?)?;
    let ends = fields.next().is_none();
    // Later versions may have more fields.
    let known = version != 0xff && (ends || version > 0);
    let valid = known && trace_id != [0; 16] && span_id != [0; 8];
    let state = get("TRACESTATE").unwrap_or_default();
    valid.then_some(Parent { trace_id, span_id, flags, state })
}

/// The variable of traces, or else that of all signals, and its value.
fn specific(get: Get<'_>, what: &str) -> Option<(String, String)> {
    let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
    names.into_iter().find_map(|name| get(&name).map(|value| (name, value)))
}

/// `name=value,name=value`, values with `%XX`.
fn pairs(list: &str) -> impl Iterator<Item = (String, String)> {
    list.split(',').filter(|pair| !pair.trim().is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
        (key.trim().to_owned(), value)
    })
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    if !digits || text.len() != 2 * N {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn where_it_is_sent() {
        let all = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        for (set, expected) in [
            (&[][..], None),
            (&[(all, "http://c:4318")][..], Some("http://c:4318/v1/traces")),
            (&[(all, "https://u:p@c/otlp/")], Some("https://u:p@c/otlp/v1/traces")),
            (&[(all, "http://c"), (traces, "http://t/x")], Some("http://t/x")),
            (&[(all, "http://c"), ("OTEL_SDK_DISABLED", "True")], None),
            (&[(all, "http://c"), ("OTEL_TRACES_EXPORTER", "none")], None),
            (&[(all, "http://c"), ("OTEL_TRACES_EXPORTER", "console, otlp")], Some("http://c/v1/traces")),
            (
                &[(all, "http://c"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")],
                Some("http://c/v1/traces"),
            ),
        ] {
            let found = collector(&of(set)).expect("valid").map(|collector| collector.to.url.to_string());
            assert_eq!(found.as_deref(), expected, "{set:?}");
        }
        for (set, words) in [
            (&[(all, "s3cret:4317")][..], "OTEL_EXPORTER_OTLP_ENDPOINT is not an"),
            (&[(all, "http://c"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "grpc, which is not supported"),
            (
                &[(all, "http://c"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")],
                "TRACES_PROTOCOL names a protocol that is not supported",
            ),
            (&[(all, "http://c"), ("OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret")], "no header"),
        ] {
            let what = collector(&of(set)).expect_err("not valid");
            assert!(what.contains(words) && !what.contains("s3cret"), "{what}");
        }
    }

    #[test]
    fn headers_timeout_and_resource() {
        let set = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x = 1=2 ,"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "200"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team=data,service.name=other,service.version=v%2C1"),
        ];
        let collector = collector(&of(&set)).expect("valid").expect("set");
        assert_eq!(collector.timeout, Duration::from_millis(200));
        assert_eq!(collector.to.headers["api-key"], "a b");
        assert_eq!(collector.to.headers["x"], "1=2");
        let expected = [("team", "data"), ("service.name", "other"), ("service.version", "v,1")];
        assert_eq!(resource(&of(&set)), expected.map(|(key, value)| attribute(key, value)));
        let named = [("OTEL_SERVICE_NAME", "mine"), set[3]];
        assert!(resource(&of(&named)).contains(&attribute("service.name", "mine")));
        assert!(resource(&of(&[])).contains(&attribute("service.name", "lakexpress")));
    }

    #[test]
    fn who_calls() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let found = |text: &str| parent(&of(&[("TRACEPARENT", text), ("TRACESTATE", "a=b")]));
        let valid = found(&format!("00-{trace}-{span}-01")).expect("valid");
        assert_eq!((valid.trace_id[0], valid.span_id[7], valid.flags), (0x0a, 0x31, 1));
        assert_eq!(valid.state, "a=b");
        assert_eq!(found(&format!("cc-{trace}-{span}-01-more")), Some(valid));
        for text in [
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{trace}-{span}"),
            "x".to_owned(),
            "é".repeat(16),
        ] {
            assert_eq!(found(&text), None, "{text}");
        }
    }
}
