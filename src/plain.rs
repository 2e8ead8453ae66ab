//! Text that others wrote, made harmless to terminals, log lines and readers.
//!
//! A database, a lake or a server may put anything into names, messages and documents: an escape sequence that clears
//! the screen, a line break that forges a line of the log, a mark that reverses the order of what is read. Such
//! characters are written as JSON writes them (`\u001b`, `\n`), so that one rule holds for text and for JSON.
//!
//! | function | for | line breaks and tabs |
//! |---|---|---|
//! | [`line`] | a name or message of others, where it is put into ours | escaped |
//! | [`text`] | what leaves the program, as the last fence | kept: they are ours |
//!
//! Escaped are control characters (C0, DEL, C1), separators of lines and paragraphs, marks of writing direction, and
//! what is invisible and has no use inside a word: zero-width space, word joiner and its neighbours, byte order mark,
//! soft hyphen, annotation marks, tags. All other characters stay as they are: letters of all scripts, emoji, and the
//! zero-width joiner and non-joiner, which Persian, Indic names and emoji need.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` on one line, without a character that is not seen.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_unseen)
}

/// `text` with its lines as they are.
pub fn text(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_unseen(c) && !matches!(c, '\n' | '\t'))
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Whether a reader of a key or name would not see that `c` is there, or take it for a blank.
pub fn is_invisible(c: char) -> bool {
    is_unseen(c) || (c.is_whitespace() && c != ' ')
}

fn escaped(text: &str, escape: fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(escape) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !escape(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_written_as_in_json() {
        for (given, shown) in [
            ("\u{1b}[2J", "\\u001b[2J"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\u0000"),
            ("\u{9b}31m\u{7f}", "\\u009b31m\\u007f"),
            ("\u{202e}gpj.exe\u{2066}", "\\u202egpj.exe\\u2066"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("a\u{200b}b\u{feff}", "a\\u200bb\\ufeff"),
        ] {
            assert_eq!(line(given), shown);
            let json: String = serde_json::from_str(&format!("\"{shown}\"")).expect("JSON");
            assert_eq!(json, given);
            assert_eq!(line(shown), shown, "once is enough");
        }
        assert_eq!(text("a\r\nb\tc\u{1b}\n"), "a\\r\nb\tc\\u001b\n");
    }

    #[test]
    fn names_of_all_scripts_stay() {
        for name in [
            "Müller",
            "表",
            "Größe 1",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}💻",
            "e\u{301}",
            "back\\slash",
        ] {
            assert!(matches!(line(name), Cow::Borrowed(same) if same == name));
        }
    }
}
