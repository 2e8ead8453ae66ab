//! What may be shown.

use std::borrow::Cow;
use std::error::Error;
use std::io;

/// Pieces of a secret as long as this are not shown.
const LONGEST: usize = 11;
/// Schemes whose host may be followed by a port and a path with an `@` in it.
const WEB: [&str; 2] = ["http", "https"];
/// Ends of the names of parameters that hold a secret.
const SECRET_NAMES: [&str; 9] =
    ["password", "passwd", "pwd", "secret", "token", "sig", "signature", "credential", "key"];

/// What kind of mistake an error of a library is; none for an error that is not known. Its text may quote the
/// secret that was read, so that nothing of it is here.
pub fn class(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(error) = current.downcast_ref::<serde_json::Error>() {
            let (line, column) = (error.line(), error.column());
            return Some(match error.classify() {
                serde_json::error::Category::Data => {
                    format!("not of the expected shape (line {line} column {column})")
                }
                serde_json::error::Category::Eof => {
                    format!("it ends too early (line {line} column {column})")
                }
                _ => format!("not JSON (line {line} column {column})"),
            });
        }
        if let Some(error) = current.downcast_ref::<rustls_pki_types::pem::Error>() {
            return Some(pem_class(error));
        }
        if let Some(error) = current.downcast_ref::<io::Error>()
            && error.get_ref().is_none()
        {
            // Words of the system, or of the kind alone.
            return Some(error.to_string());
        }
        if current.is::<std::str::Utf8Error>() || current.is::<std::string::FromUtf8Error>() {
            return Some("not UTF-8".to_owned());
        }
        next = current.source();
    }
    None
}

fn pem_class(error: &rustls_pki_types::pem::Error) -> String {
    use rustls_pki_types::pem::Error as Pem;
    match error {
        Pem::MissingSectionEnd { .. } => "its line -----END ...----- is missing".to_owned(),
        Pem::IllegalSectionStart { .. } => "its line -----BEGIN ...----- is not alone on its line".to_owned(),
        Pem::Base64Decode(_) => "what it holds is not base64".to_owned(),
        Pem::Io(error) => class(error).unwrap_or_else(|| "it cannot be read".to_owned()),
        _ => "it holds nothing that can be used".to_owned(),
    }
}

/// `word` in quotes; none if it is long enough to be a secret.
pub fn short(word: &str) -> Option<String> {
    (word.len() <= LONGEST).then(|| format!("{word:?}"))
}

/// A word that somebody wrote where no URL belongs: of a URL its scheme only, of a connection string nothing.
pub fn value(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    if let Some((before, rest)) = text.split_once("://") {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:[]%+ ".contains(c);
        // A password that is not closed by an @ looks like a port.
        let port = rest.split('/').next().unwrap_or_default().rsplit_once(':');
        let is_port =
            port.is_none_or(|(_, port)| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()));
        if let Some((_, host)) =
            rest.rsplit_once('@').filter(|(user, host)| user.contains(':') && host.chars().all(plain))
        {
            return format!("{before}://***@{host}").into();
        }
        if !rest.chars().all(plain) || !is_port {
            return format!("{before}://***").into();
        }
    } else if SECRET_NAMES.iter().any(|name| lower.contains(&format!("{name}="))) {
        return "***".into();
    }
    text.into()
}

/// Names of what is secret in a connection string, as libpq and the stores write it.
const CONNECTION_NAMES: [&str; 6] =
    ["password", "passwd", "pwd", "accountkey", "sharedaccesskey", "sharedaccesssignature"];

/// `text` with what is secret in its URLs and connection strings hidden.
pub fn in_text(text: String) -> String {
    without_passwords(without_users(text))
}

/// `text` with `***` for the values of connection strings that are secret: `host=h password=***`.
fn without_passwords(text: String) -> String {
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('=') {
        shown.push_str(before);
        shown.push('=');
        let name = before.trim_end().to_ascii_lowercase();
        rest = after;
        // One of a URL is hidden by now.
        if CONNECTION_NAMES.iter().any(|end| name.ends_with(end)) && !after.starts_with("***") {
            let value = value_length(after);
            if value > 0 {
                shown.push_str("***");
            }
            rest = &after[value..];
        }
    }
    shown.push_str(rest);
    shown
}

/// How long a value of a connection string is, in bytes: to a blank or separator, or to its closing quote.
fn value_length(after: &str) -> usize {
    let blanks = after.len() - after.trim_start().len();
    let value = &after[blanks..];
    let Some(quoted) = value.strip_prefix('\'') else {
        let length = value.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(value.len());
        return if length == 0 { 0 } else { blanks + length };
    };
    let mut escaped = false;
    let end = quoted.find(|c: char| {
        let ends = c == '\'' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(after.len(), |end| blanks + end + 2)
}

/// `text` with what is secret in its URLs hidden.
fn without_users(text: String) -> String {
    if !text.contains("://") {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let scheme = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        rest = without_user(after, WEB.contains(&scheme), &mut shown);
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        push_query(&rest[..end], &mut shown);
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

/// Takes a user and a password off what follows `://`.
fn without_user<'t>(after: &'t str, web: bool, shown: &mut String) -> &'t str {
    let word = &after[..after.find(char::is_whitespace).unwrap_or(after.len())];
    let authority = word.split(['/', '?', '#']).next().unwrap_or_default();
    // The sentence goes on.
    let authority = authority.trim_end_matches(['.', ',', ';', ':', ')', '\'', '"', '`']);
    let colon = authority.rsplit_once(':').map(|(_, port)| port);
    // Advice of ours says `http://host:port`.
    let is_port = colon.is_none_or(|port| {
        port == "port" || !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit())
    });
    // The password itself may hold an @ or a / that somebody forgot to escape.
    match word.rfind('@') {
        Some(_) if web && is_port && !authority.contains('@') => after,
        Some(at) if word[..at].contains(':') => {
            shown.push_str("***");
            &after[at..]
        }
        Some(_) => after,
        None if is_port || authority.contains(']') => after,
        // A password that a blank or line break has cut.
        None => {
            shown.push_str("***");
            after.find('@').map_or("", |at| &after[at..])
        }
    }
}

fn push_query(word: &str, shown: &mut String) {
    let Some((path, query)) = word.split_once('?') else {
        shown.push_str(word);
        return;
    };
    shown.push_str(path);
    let mut sign = '?';
    for pair in query.split('&') {
        shown.push(sign);
        sign = '&';
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let lower = name.to_ascii_lowercase();
        if !value.is_empty() && SECRET_NAMES.iter().any(|end| lower.ends_with(end)) {
            shown.push_str(name);
            shown.push_str("=***");
        } else {
            shown.push_str(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_messages_show_no_password() {
        for (text, expected) in [
            ("no argument 'postgres://u:p@h/d' here", "no argument 'postgres://***@h/d' here"),
            ("postgres://u:p@w@h/d", "postgres://***@h/d"),
            ("postgres://u:12/pass@h/d", "postgres://***@h/d"),
            ("postgres://u:pa ss@h/d", "postgres://***@h/d"),
            ("postgres://u:pass", "postgres://***"),
            ("postgres://u@h:5432/d", "postgres://u@h:5432/d"),
            ("http://127.0.0.1:80/a@b, http://[::1]:9/x", "http://127.0.0.1:80/a@b, http://[::1]:9/x"),
            ("abfss://c@a.dfs.core.windows.net/x", "abfss://c@a.dfs.core.windows.net/x"),
            ("(server http://h:9000): refused", "(server http://h:9000): refused"),
            ("https://h/c?sv=1&sig=abc%3D more", "https://h/c?sv=1&sig=*** more"),
            ("postgres://h/d?user=u&password=x", "postgres://h/d?user=u&password=***"),
            ("write http://host:port for a plain one", "write http://host:port for a plain one"),
            ("a: b", "a: b"),
            ("no schema 'host=h password=x,(&) y' here", "no schema 'host=h password=*** y' here"),
            ("value 'host=h password=x' for", "value 'host=h password=*** for"),
            ("host=h password = 'a b\\'c' user=u", "host=h password =*** user=u"),
            ("AccountName=a;AccountKey=b==;x=y", "AccountName=a;AccountKey=***;x=y"),
            ("key=5, token_id=7, password=", "key=5, token_id=7, password="),
            ("postgres://h/d?password=x&a=b", "postgres://h/d?password=***&a=b"),
            ("password='never closed", "password=***"),
        ] {
            assert_eq!(in_text(text.to_owned()), expected);
        }
    }

    #[test]
    fn words_that_are_urls_or_connection_strings_are_not_repeated() {
        for (text, expected) in [
            ("postgres://u:pa\nss@h", "postgres://***@h"),
            ("postgres://u:pa\nss@h?x=y", "postgres://***"),
            ("postgres://u:password", "postgres://***"),
            ("--source=postgres://h?password=x", "--source=postgres://***"),
            ("host=h password=x", "***"),
            ("AccountName=a;AccountKey=b", "***"),
            ("019b-2f", "019b-2f"),
            ("s3://bucket/path", "s3://bucket/path"),
            ("http://h:9000/x", "http://h:9000/x"),
            ("orders", "orders"),
        ] {
            assert_eq!(value(text), expected);
        }
        assert_eq!((short("on"), short("longer than it may be")), (Some("\"on\"".to_owned()), None));
    }

    #[test]
    fn errors_of_libraries_are_classes() {
        #[derive(Debug, serde::Deserialize)]
        struct Token {
            #[allow(dead_code, reason = "it is only read")]
            access_token: String,
        }
        let error = serde_json::from_str::<Token>("\"hunter2hunter2\"").expect_err("another shape");
        assert!(error.to_string().contains("hunter2"), "{error}");
        assert_eq!(class(&error).as_deref(), Some("not of the expected shape (line 1 column 16)"));
        let error = rustls_pki_types::pem::Error::IllegalSectionStart { line: b"hunter2".to_vec() };
        assert_eq!(class(&error).as_deref(), Some("its line -----BEGIN ...----- is not alone on its line"));
        assert_eq!(class(&io::Error::other("hunter2")), None);
        assert!(class(&io::Error::from_raw_os_error(2)).expect("known").contains("No such file"));
    }
}
