//! What a bucket wants of requests and did not get, by the store's words, and the key of the entry that gives it.

/// Words of a refusal and what they ask for.
#[derive(Debug)]
pub(crate) struct Want {
    /// In the store's code or message, in lower case; one is enough.
    words: &'static [&'static str],
    /// What is wrong. None: the words can mean something else too, so that the hint is one more.
    pub(super) message: Option<&'static str>,
    /// What to do about it.
    pub(super) hint: &'static str,
    /// The right that the action needs; empty for any.
    right: &'static str,
}

/// A row of a table.
pub(crate) const fn want(words: &'static [&'static str], message: &'static str, hint: &'static str) -> Want {
    Want { words, message: Some(message), hint, right: "" }
}

impl Want {
    /// The words may mean this too, where an action needs a right.
    pub(crate) const fn perhaps(
        words: &'static [&'static str],
        right: &'static str,
        hint: &'static str,
    ) -> Self {
        Self { words, message: None, hint, right }
    }

    /// The first of `wants` that the store's words are about.
    pub(super) fn of(
        wants: &'static [Self],
        code: &str,
        message: &str,
        right: &str,
    ) -> Option<&'static Self> {
        let text = format!("{code} {message}").to_ascii_lowercase();
        let says = |want: &&Self| want.words.iter().any(|words| text.contains(words));
        wants.iter().find(|want| says(want) && right.contains(want.right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_counts_and_rights_are_looked_at() {
        const WANTS: &[Want] = &[
            want(&["object lock"], "no checksum", "send one"),
            Want::perhaps(&["accessdenied"], "s3:PutObject", "encrypt"),
        ];
        let of = |code, message, right| Want::of(WANTS, code, message, right).map(|want| want.hint);
        let message =
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock";
        assert_eq!(of("InvalidRequest", message, "s3:PutObject"), Some("send one"));
        assert_eq!(of("AccessDenied", "Access Denied", "s3:PutObject"), Some("encrypt"));
        assert_eq!(of("AccessDenied", "Access Denied", "s3:GetObject"), None);
        assert_eq!(of("NoSuchKey", "", "s3:PutObject"), None);
    }
}
