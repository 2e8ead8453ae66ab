//! Entity tags as stores spell them: with quotes in one answer and without in another.

/// A tag without its quotes, and without the mark of a weak one.
pub(crate) fn bare_tag(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::bare_tag;

    #[test]
    fn a_tag_is_the_same_however_it_is_spelt() {
        for tag in ["ab-2", "\"ab-2\"", "W/\"ab-2\""] {
            assert_eq!(bare_tag(tag), "ab-2");
        }
        assert_eq!(bare_tag("\"W/\""), "W/");
    }
}
