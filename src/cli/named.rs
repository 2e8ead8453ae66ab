//! How source and destination are named by the flags, as it is recorded with a run: without secrets.

use std::path::Path;

use url::Url;

use super::args::{AuthArgs, SourceArgs, SourceUrl, TargetArgs};
use crate::config::process;
use crate::error::Result;
use crate::spec::{Origin, absolute, path_text};

/// What the flags say. Paths become absolute, passwords are left out.
pub(super) fn origin(auth: &AuthArgs, source: &SourceArgs, target: &TargetArgs) -> Result<Origin> {
    let (url, had_password) = match &source.source {
        Some(SourceUrl(text)) => without_password(text)?,
        None => (None, false),
    };
    let directory = |text: &String| match text.contains("://") {
        true => without_password(text).map(|(url, _)| url.unwrap_or_default()),
        false => absolute_text(Path::new(text)),
    };
    Ok(Origin {
        // A file whose path is no Unicode is named again.
        auth: auth
            .auth
            .as_deref()
            .map(absolute)
            .transpose()?
            .and_then(|path| path.to_str().map(str::to_owned)),
        source_db_auth_id: source.source_db_auth_id.clone(),
        source_db_name: source.source_db_name.clone(),
        source: url,
        source_had_password: had_password,
        target_storage_id: target.target_storage_id.clone(),
        output_dir: target.output_dir.as_ref().map(directory).transpose()?,
        process: process::current(),
    })
}

/// The path as text that leads back to it.
fn absolute_text(path: &Path) -> Result<String> {
    Ok(path_text(&absolute(path)?))
}

/// An absolute path as the path of a URL. Bytes that are no Unicode are percent-encoded, as those with a meaning are.
fn url_path(path: &Path) -> String {
    if path.to_str().is_none()
        && let Ok(url) = Url::from_file_path(path)
    {
        return url.path().to_owned();
    }
    path.display().to_string().replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}

/// A URL without its password, and whether it had one. None for what is no URL, which is said elsewhere.
fn without_password(text: &str) -> Result<(Option<String>, bool)> {
    let Ok(mut url) = Url::parse(text) else { return Ok((None, false)) };
    let mut had_password = url.password().is_some();
    // A URL without a host has no password.
    let _ = url.set_password(None);
    let is_secret = |name: &str| {
        let name = name.to_lowercase();
        ["password", "secret", "token", "sig"].iter().any(|word| name.contains(word))
    };
    if url.query_pairs().any(|(name, _)| is_secret(&name)) {
        had_password = true;
        let query = url.query().unwrap_or_default().split('&');
        let kept: Vec<&str> =
            query.filter(|pair| !is_secret(pair.split('=').next().unwrap_or_default())).collect();
        let kept = kept.join("&");
        url.set_query(Some(&kept).filter(|kept| !kept.is_empty()).map(String::as_str));
    }
    if url.cannot_be_a_base() && !url.path().is_empty() {
        // `sqlite:relative.db`: the file, wherever it is resumed from. Its path is percent-encoded and stays so.
        let here = url_path(&absolute(Path::new("."))?);
        let query = url.query().map_or(String::new(), |query| format!("?{query}"));
        return Ok((
            Some(format!("{}://{}/{}{query}", url.scheme(), here.trim_end_matches('/'), url.path())),
            had_password,
        ));
    }
    Ok((Some(url.to_string()), had_password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_recorded_without_passwords() {
        let here = absolute_text(Path::new(".")).expect("path");
        for (text, kept, secret) in [
            ("postgres://u:p%40w@h:1/d?sslmode=require", "postgres://u@h:1/d?sslmode=require".into(), true),
            ("postgres://u@h/d", "postgres://u@h/d".into(), false),
            ("postgres://u@h/d?password=x&sslmode=disable", "postgres://u@h/d?sslmode=disable".into(), true),
            ("postgres:///d?host=/run/pg&password=x", "postgres:///d?host=/run/pg".into(), true),
            ("sqlite:///a/b.db", "sqlite:///a/b.db".into(), false),
            ("sqlite:b%20c.db?busy_timeout=3", format!("sqlite://{here}/b%20c.db?busy_timeout=3"), false),
        ] {
            assert_eq!(without_password(text).expect(text), (Some(kept), secret), "{text}");
        }
    }
}
