//! The words of the user's SQL that stand in no text and no comment.

use crate::error::{Code, Error, Result};

/// Words that make a read see what is committed by now, and wait for those who write.
const LOCKING: [&[&str]; 4] =
    [&["FOR", "UPDATE"], &["FOR", "SHARE"], &["LOCK", "IN", "SHARE", "MODE"], &["INTO"]];

/// Refuses SQL that reads at another moment than the view's, or writes: a locking read does so within a transaction that
/// has a snapshot.
///
/// # Errors
/// Usage, naming the words.
pub(super) fn refuse_locking_reads(sql: &str) -> Result<()> {
    let words = words(sql)?;
    let found = LOCKING.iter().find(|locking| {
        words
            .windows(locking.len())
            .any(|some| some.iter().zip(**locking).all(|(a, b)| a.eq_ignore_ascii_case(b)))
    });
    match found {
        None => Ok(()),
        Some(locking) => Err(Error::usage(format!("SQL of yours has {}", locking.join(" ")))
            .coded(Code::SourceSqlUnsafe).hint(
            "leave it out: it reads what is committed by now, or writes, where all readers see one moment",
        )),
    }
}

/// Words and numbers, under an empty `sql_mode`: a text may stand in either quotes, with backslashes. A name in backticks
/// is no word.
fn words(sql: &str) -> Result<Vec<&str>> {
    let (mut words, mut rest) = (Vec::new(), sql);
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        rest = match c {
            '\'' | '"' | '`' => behind_quotes(behind, c),
            '#' => behind_line(behind),
            '-' if is_comment(behind) => behind_line(behind),
            '/' if behind.starts_with("*!") || behind.starts_with("*M!") => {
                return Err(Error::usage("SQL of yours has a comment that the server runs")
                    .coded(Code::SourceSqlUnsafe)
                    .hint("write what stands in /*! */ without the comment"));
            }
            '/' if behind.starts_with('*') => behind[1..].find("*/").map_or("", |at| &behind[1..][at + 2..]),
            _ if is_of_word(c) => {
                let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                let (word, left) = rest.split_at(length);
                words.push(word);
                left
            }
            _ => behind,
        };
    }
    Ok(words)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// Whether a second minus sign and a space follow.
fn is_comment(behind: &str) -> bool {
    let mut chars = behind.chars();
    chars.next() == Some('-') && chars.next().is_none_or(|c| c.is_whitespace() || c.is_control())
}

fn behind_line(text: &str) -> &str {
    text.find('\n').map_or("", |at| &text[at + 1..])
}

fn behind_quotes(text: &str, quote: char) -> &str {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c == quote {
            // Two of them are one; the second opens what is read on as text.
            return &text[at + 1..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locking_reads_are_refused_wherever_they_stand() {
        for sql in [
            "SELECT * FROM t FOR UPDATE",
            "a IN (SELECT b FROM u lock in share mode)",
            "SELECT 1 FROM t for /* a comment */ Share",
            "SELECT 1 FROM t FOR -- a comment\n SHARE",
            "SELECT 'it''s \\' ' FROM t FOR#x\nSHARE",
            "SELECT 1 INTO @a",
            "SELECT 1 /*! FOR UPDATE */",
            "SELECT 1 /*M! FOR UPDATE */",
        ] {
            assert!(refuse_locking_reads(sql).is_err(), "{sql}");
        }
        for sql in [
            "SELECT 'FOR UPDATE' FROM t",
            "SELECT \"a\\\" FOR SHARE\" FROM t",
            "SELECT `for update` FROM t -- FOR UPDATE",
            "SELECT 1 # FOR SHARE",
            "SELECT 1 /* FOR SHARE */ FROM t FORCE INDEX FOR ORDER BY (a)",
            "SELECT 5--3, a_for, update_a",
        ] {
            assert!(refuse_locking_reads(sql).is_ok(), "{sql}");
        }
    }
}
