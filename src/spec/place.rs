//! Texts that are meant as a place and are none as they stand: quotes and blanks that nobody took away, and names that
//! nobody replaced by what they stand for.

use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};

/// A path as seen from the working directory, whose name may be of any encoding.
///
/// # Errors
/// The working directory is gone or may not be read, and the path is relative.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::config("relative paths lead nowhere: the working directory was removed, or may not be read")
            .coded(Code::Surroundings)
            .hint("change to a directory that is there, or write absolute paths")
            .caused_by(error)
    })
}

/// An absolute path as text that leads back to it: as it is, or as a `file://` URL where its bytes are no Unicode.
pub fn path_text(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => url::Url::from_file_path(path).map_or_else(|()| path.display().to_string(), Into::into),
    }
}

/// What is wrong with a text that the user gives as a place, and what to do. Holds nothing of the text but a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    /// Reads on after the flag's name.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

const QUOTED: &str =
    "write it without quotes: a shell takes them away, docker's --env-file, YAML blocks and systemd may not";
const BLANK: &str = "write it without blanks at its ends";
const CONTROL: &str =
    "write it in one line; a file with the line ends of Windows leaves a character at the end of each value";
const HOME: &str =
    "write the whole path: only a shell replaces ~, and not within quotes or in environment variables";
const VARIABLE: &str =
    "write the value itself: only a shell replaces variables, and not within single quotes";

const CONNECTION: &str = "name a database with --source and a store with --target-storage-id: a password would become part of a name";

/// Whether `text` is a connection string with a password: `host=h password=p`, `AccountName=a;AccountKey=k`.
pub fn is_connection_string(text: &str) -> bool {
    let names: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c == ';')
        .filter_map(|pair| Some(pair.split_once('=')?.0.to_ascii_lowercase()))
        .collect();
    let secret = |name: &String| {
        ["password", "passwd", "pwd", "accountkey", "sharedaccesskey", "sharedaccesssignature"]
            .contains(&name.as_str())
    };
    names.len() > 1 && names.iter().any(secret)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}')
}

/// What is wrong with `text`, if its author must have meant something else; `schemes` are those of URLs.
pub fn misread<'s>(text: &str, mut schemes: impl Iterator<Item = &'s str>) -> Option<Misread> {
    let found = |what: String, remedy| Some(Misread { what, remedy });
    let bare = text.trim_matches(|c: char| is_quote(c) || c.is_whitespace() || c.is_control());
    let scheme = bare.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let scheme = scheme.filter(|scheme| schemes.any(|known| known == scheme));
    if let Some(scheme) = scheme.filter(|_| bare != text) {
        return if text.trim() != bare {
            found(format!("has a quote before or after {scheme}://"), QUOTED)
        } else if text.ends_with(char::is_control) {
            found(format!("has a line break or another control character after {scheme}://"), CONTROL)
        } else {
            found(format!("has a blank before or after {scheme}://"), BLANK)
        };
    }
    if is_connection_string(text) {
        return found("is a connection string with a password".into(), CONNECTION);
    }
    if text.contains(char::is_control) {
        return found("holds a line break or another control character".into(), CONTROL);
    }
    match text.trim_start().chars().next()? {
        c if is_quote(c) => found(format!("begins with a quote, {c}"), QUOTED),
        '~' => found("begins with ~".into(), HOME),
        c @ ('$' | '%') => {
            found(format!("begins with {c}, as a variable that nothing has replaced"), VARIABLE)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_place_says_why() {
        let wrong = |text: &str| misread(text, ["s3", "file"].into_iter());
        for (text, what) in [
            ("\"s3://b\"", "has a quote before or after s3://"),
            (" 'S3:b'", "has a quote before or after s3://"),
            ("\ts3://b", "has a blank before or after s3://"),
            ("s3://b\r\n", "has a line break or another control character after s3://"),
            ("a\rb", "holds a line break or another control character"),
            ("\u{2019}a", "begins with a quote, \u{2019}"),
            (" ~/a", "begins with ~"),
            ("$A/b", "begins with $, as a variable that nothing has replaced"),
            ("host=h password=p", "is a connection string with a password"),
            ("AccountName=a;AccountKey=k==", "is a connection string with a password"),
            ("%A%", "begins with %, as a variable that nothing has replaced"),
        ] {
            assert_eq!(wrong(text).map(|found| found.what).as_deref(), Some(what), "{text:?}");
        }
        for good in [
            "s3://b/'x'/y",
            "lake",
            " lake",
            "lake ",
            "./~",
            "./'x'",
            "a$b",
            "a'",
            "C:\\x",
            "x:y",
            "",
            "year=2024/month=1",
            "password=1",
        ] {
            assert_eq!(wrong(good), None, "{good:?}");
        }
    }
}
