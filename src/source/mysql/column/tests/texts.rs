//! Texts by character set.

use super::{by_default, declared, of_charset, shown};

#[track_caller]
fn is(charset: &str, value: &[u8], expected: &str) {
    let column = of_charset("varchar(9)", charset, &format!("{charset}_bin"));
    assert_eq!(shown(&by_default(&column), value).as_deref(), Ok(expected), "{charset}");
}

fn refused(charset: &str, value: &[u8]) -> String {
    shown(&by_default(&of_charset("varchar(9)", charset, &format!("{charset}_bin"))), value).unwrap_err()
}

#[test]
fn texts_in_utf8_are_checked() {
    for charset in ["utf8mb4", "utf8mb3", "utf8", "binary"] {
        is(charset, "é€ \0".as_bytes(), "é€ \0");
        assert!(refused(charset, b"\xE9").starts_with("text is not UTF-8"), "{charset}");
        // Half of a pair that UTF-8 does not have.
        assert!(refused(charset, b"\xED\xA0\x80").starts_with("text is not UTF-8"), "{charset}");
    }
    let json = by_default(&declared("json"));
    assert_eq!(shown(&json, r#"{"k": "é"}"#.as_bytes()).as_deref(), Ok(r#"{"k": "é"}"#));
    assert!(shown(&json, b"\xFF").is_err());
}

#[test]
fn ascii_has_no_other_bytes_though_they_be_utf8() {
    is("ascii", b"abc", "abc");
    assert_eq!(refused("ascii", "é".as_bytes()), "text of character set ascii is not ASCII");
    let address = by_default(&declared("inet6"));
    assert_eq!(shown(&address, b"::1").as_deref(), Ok("::1"));
}

#[test]
fn latin1_is_cp1252_and_control_characters() {
    is("latin1", b"abc", "abc");
    is("latin1", b"", "");
    is("latin1", b"\x80\x81\x8d\x8f\x90\x9d\x9e\x9f", "€\u{81}\u{8d}\u{8f}\u{90}\u{9d}žŸ");
    is("latin1", b"a\xA0\xBF\xC0\xE9\xFF", "a\u{a0}¿Àéÿ");
    let all: Vec<u8> = (0..=255).collect();
    let text = shown(&by_default(&of_charset("char(255)", "latin1", "latin1_swedish_ci")), &all).unwrap();
    assert_eq!(text.chars().count(), 256);
}

#[test]
fn what_the_server_could_not_convert_is_refused() {
    is("cp932", "日本".as_bytes(), "日本");
    assert_eq!(
        refused("cp932", b"\xFF"),
        "the server cannot convert a text from cp932 to UTF-8 without loss"
    );
    assert!(refused("cp932", b"\xFF\xFF").starts_with("the server cannot convert a text from cp932"));
    let choice = by_default(&declared("xmltype"));
    assert_eq!(shown(&choice, b"<a/>").as_deref(), Ok("<a/>"));
    assert!(shown(&choice, b"\xFF").unwrap_err().contains("max_allowed_packet"));
}
