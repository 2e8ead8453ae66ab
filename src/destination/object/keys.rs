//! Keys of an entry that more than one kind of store has: tags, customers' keys for encryption and custom headers.

use std::collections::BTreeSet;

use ::http::HeaderName;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

use super::extra::{Extras, On, Step};
use super::fields::Fields;
use super::request::in_query;

const MOST_TAGS: usize = 10;

/// Tags of objects as a header has them, from `{"name": "value"}` or `"name=value&name=value"`. `punctuation` may stand
/// in them, and letters, digits and blanks.
pub(crate) fn tags(fields: &mut Fields, punctuation: &str, ascii: bool) -> Option<String> {
    const KEY: &str = "tags";
    let pairs = fields.pairs(KEY, |text| {
        url::form_urlencoded::parse(text.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned())).collect()
    })?;
    if pairs.is_empty() {
        return None;
    }
    if pairs.len() > MOST_TAGS {
        fields.wrong(KEY, format!("{} tags: an object has at most {MOST_TAGS}", pairs.len()));
    }
    let allowed = |c: char| {
        let letter = if ascii { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() };
        letter || c == ' ' || punctuation.contains(c)
    };
    let mut names = BTreeSet::new();
    for (name, value) in &pairs {
        let shown = crate::secret::value(name);
        let wrong = match (name.chars().count(), value.chars().count()) {
            (0, _) | (129.., _) => Some("a name has 1 to 128 characters".to_owned()),
            (_, 257..) => Some(format!("the value of {shown} has more than 256 characters")),
            _ if name.starts_with("aws:") => Some("names that begin with aws: are AWS's own".to_owned()),
            _ if !name.chars().chain(value.chars()).all(allowed) => Some(format!(
                "{shown} holds another character than letters, digits, blanks and {punctuation}"
            )),
            _ if !names.insert(name) => Some(format!("{shown} is there twice")),
            _ => None,
        };
        if let Some(wrong) = wrong {
            fields.wrong(KEY, wrong);
        }
    }
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", in_query(name), in_query(value)));
    Some(pairs.collect::<Vec<_>>().join("&"))
}

/// How a kind of store takes a customer's key for encryption.
pub(crate) struct CustomerKey {
    /// Spellings of the entry's key.
    pub(crate) names: &'static [&'static str],
    /// The headers for algorithm, key and the key's digest.
    pub(crate) headers: [&'static str; 3],
    pub(crate) digest: fn(&[u8]) -> Vec<u8>,
    pub(crate) on: On,
}

/// Adds the headers of a customer's key: 256 bits in base64. `plain`: a secret must not go to the endpoint.
pub(crate) fn customer_key(fields: &mut Fields, key: &CustomerKey, plain: bool, extras: &mut Extras) {
    let name = fields.spelled(key.names);
    let Some(text) = fields.secret(key.names) else { return };
    let bytes = match BASE64_STANDARD.decode(text.reveal()) {
        Ok(bytes) if bytes.len() == 32 => bytes,
        _ => {
            fields.wrong(name, "not 256 bits in base64, as `openssl rand -base64 32` makes them");
            return;
        }
    };
    if plain {
        fields.wrong(name, "would go over http:// in clear text: use it with https:// only");
    }
    let [algorithm, header, digest] = key.headers;
    extras.set(fields, name, (algorithm, "AES256"), key.on);
    extras.set_secret(fields, name, (HeaderName::from_static(header), text.reveal()), key.on);
    extras.set(fields, name, (digest, &BASE64_STANDARD.encode((key.digest)(&bytes))), key.on);
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// A text in which nothing but a few words may stand.
pub(crate) fn one_of(
    fields: &mut Fields,
    names: &[&'static str],
    known: &[&'static str],
) -> Option<&'static str> {
    let (name, text) = fields.named(names)?;
    // As Google's JSON API writes them: bucketOwnerRead.
    let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let found = known.iter().find(|known| plain(known) == plain(&text));
    if found.is_none() {
        fields.wrong(name, format!("write {}", known.join(", ")));
    }
    found.copied()
}

/// How a kind of store takes the headers that an entry lists under `headers`.
pub(crate) struct HeaderRules {
    /// How the store's own headers begin.
    pub(crate) prefix: &'static str,
    /// Requests that make an object.
    pub(crate) making: &'static [Step],
    /// Headers, by how they begin, that have a key; the first counts.
    pub(crate) keys: &'static [(&'static str, &'static str)],
    /// What headers about an object's content begin with, if their names alone mean the request's.
    pub(crate) content: &'static str,
}

/// Of the request, its connection or its signature, by how they begin.
const OURS: &[&str] = &[
    "authorization",
    "metadata-flavor",
    "proxy-",
    "host",
    "date",
    "content-length",
    "content-md5",
    "content-range",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "range",
    "user-agent",
    "accept",
    "if-",
    "metadata",
    "x-identity-header",
    "x-aws-ec2-",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amz-decoded-",
    "x-amz-trailer",
    "x-amz-sdk-",
    "x-amz-checksum-",
    "x-amz-copy-",
    "x-amz-write-offset-",
    "x-goog-date",
    "x-goog-content-",
    "x-goog-hash",
    "x-goog-resumable",
    "x-goog-copy-",
    "x-goog-if-",
    "x-ms-date",
    "x-ms-version",
    "x-ms-blob-type",
    "x-ms-blob-content-md5",
    "x-ms-content-",
    "x-ms-copy-",
    "x-ms-if-",
    "x-ms-lease-",
    "x-ms-range",
    "x-ms-source-",
];
/// Of an object's content.
const CONTENT: &[&str] =
    &["cache-control", "content-disposition", "content-language", "content-type", "expires"];
/// Of stores, and about requests and not about objects.
const OF_REQUESTS: &[&str] =
    &["x-amz-expected-bucket-owner", "x-goog-custom-audit-", "x-goog-allowed-resources", "x-ms-client-"];

/// Adds `headers` of the entry: those about objects where objects are made, others to every request.
pub(crate) fn headers(fields: &mut Fields, rules: &HeaderRules, extras: &mut Extras) {
    const KEY: &str = "headers";
    let Some(pairs) = fields.pairs(KEY, |_| Vec::new()) else { return };
    let mut names = BTreeSet::new();
    for (text, value) in pairs {
        let lower = text.to_ascii_lowercase();
        let key = format!("{KEY}.{}", crate::secret::value(&text));
        let begins = |with: &[&str]| with.iter().any(|with| lower.starts_with(with));
        // Whole words, or beginnings that end in a dash.
        let is_ours =
            OURS.iter().any(|ours| lower == *ours || ours.ends_with('-') && lower.starts_with(ours));
        let about_content = CONTENT.contains(&lower.as_str());
        let better = rules.keys.iter().find(|(header, _)| lower.starts_with(header));
        let Ok(name) = HeaderName::from_bytes(lower.as_bytes()) else {
            fields.wrong(KEY, format!("{} is no name of a header", crate::secret::value(&text)));
            continue;
        };
        if !names.insert(lower.clone()) {
            fields.wrong(&key, "there twice");
        } else if let Some((_, better)) = better {
            fields.wrong(&key, format!("write the key {better} instead"));
        } else if is_ours {
            fields.wrong(&key, "is set for each request, or signs it");
        } else if value.is_empty() {
            fields.wrong(&key, "empty");
        } else if lower.ends_with("content-encoding") {
            fields.wrong(&key, "the files are encoded by nothing, and readers would decode them");
        } else if about_content && !rules.content.is_empty() {
            fields.wrong(&key, format!("write {}{lower} instead", rules.content));
        } else {
            let about_object = about_content || begins(&[rules.prefix]) && !begins(OF_REQUESTS);
            let on = if about_object { On::Steps(rules.making) } else { On::All };
            extras.set_secret(fields, &key, (name, &value), on);
        }
    }
}
