//! A bucket and a path in it: `scheme://bucket/path`, or the keys of an entry.

use super::Fields;

const BUCKET: &[&str] = &["bucket", "bucket_name"];
const BASE: &[&str] = &["base_path", "prefix"];
const DIRECTORY: &[&str] = &["directory"];

/// Where a base is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// Path in it, without slashes at its ends.
    pub(crate) base: String,
}

impl Bucket {
    /// Takes a URL with one of `schemes` apart.
    ///
    /// The error says what is wrong with it, and nothing that it holds.
    pub(crate) fn of_url(text: &str, schemes: &[&str]) -> Result<Self, String> {
        let wrong = |what: &str| Err(what.to_owned());
        let Some((scheme, rest)) = text.split_once("://") else { return wrong("it has no scheme") };
        if !schemes.iter().any(|name| scheme.eq_ignore_ascii_case(name)) {
            return Err(format!("it does not begin with {}://", schemes[0]));
        }
        let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return wrong("it names no bucket");
        }
        if name.contains(['@', ':', '?', '#']) || name.contains(char::is_whitespace) {
            return wrong("only the bucket's name may stand before the path");
        }
        let base = path.trim_matches('/');
        if base.split('/').any(|part| matches!(part, "." | "..")) || base.contains("//") {
            return wrong("its path must hold names with a single / between them, without . and ..");
        }
        Ok(Self { name: name.to_owned(), base: base.to_owned() })
    }

    /// Takes `bucket` and `base_path`, or `directory`, out of an entry.
    pub(crate) fn of_entry(fields: &mut Fields, schemes: &[&str]) -> Self {
        if !fields.has(DIRECTORY) {
            let name = fields.needed(BUCKET, "the bucket's name").unwrap_or_default();
            if let Some((scheme, _)) = name.split_once("://") {
                let what = format!("write the bare name, without {scheme}://");
                fields.wrong("bucket", what);
            } else if name.contains('/') || name.contains(char::is_whitespace) {
                fields.wrong("bucket", "write the bucket's name only; a path belongs in base_path");
            }
            let base = fields.path(BASE);
            return Self { name, base };
        }
        if fields.has(BUCKET) || fields.has(BASE) {
            fields.wrong("directory", "says the same as bucket and base_path, keep one");
        }
        let (_, _) = (fields.text(BUCKET), fields.path(BASE));
        let Some(directory) = fields.text(DIRECTORY) else { return Self::default() };
        Self::of_url(&directory, schemes).unwrap_or_else(|what| {
            fields.wrong("directory", format!("{what}; write {}://bucket/path", schemes[0]));
            Self::default()
        })
    }

    /// The URL again.
    pub(crate) fn location(&self, scheme: &str) -> String {
        let Self { name, base } = self;
        if base.is_empty() { format!("{scheme}://{name}") } else { format!("{scheme}://{name}/{base}") }
    }
}
