//! How source and destination were named: recorded with a run, without secrets, and opened again when it is resumed.

use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::args::{AuthArgs, ExportArgs, SourceArgs, SourceUrl, TargetArgs};
use super::resolve::{self, Opened, Problems};
use crate::config::{own, process};
use crate::destination::{self, Destination};
use crate::error::{Error, Result};
use crate::runlog::{RunLog, RunRecord};
use crate::spec::{ExportSpec, Origin, absolute, path_text};

/// What the flags say. Paths become absolute, passwords are left out.
pub(super) fn of(auth: &AuthArgs, source: &SourceArgs, target: &TargetArgs) -> Result<Origin> {
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

/// An error if what the run log names may only be named by somebody who can be trusted: others may have written it.
///
/// A password of an auth file goes where the file says, but any string of it can ask for a variable of the environment.
/// Keys of the environment open whatever store is named. What is given on the command line must agree with the run log,
/// and is trusted.
fn trusted(args: &ExportArgs, origin: &Origin) -> Result<()> {
    trusted_auth(&args.auth, origin)?;
    match (&args.target.output_dir, &origin.output_dir) {
        (None, Some(place)) => trusted_destination(&args.auth, place),
        _ => Ok(()),
    }
}

/// An error if only the run log names the auth file, and others can write that.
fn trusted_auth(auth: &AuthArgs, origin: &Origin) -> Result<()> {
    if let (None, Some(path)) = (&auth.auth, &origin.auth)
        && Path::new(path).exists()
        && !own::is_own(Path::new(path))
    {
        return Err(Error::usage("the run log names an auth file that other users can write")
            .with("file", path)
            .hint(
                "name it with -a/--auth or LAKEXPRESS_AUTH, or let only its owner write it and its directory",
            ));
    }
    Ok(())
}

/// An error if only the run log names the destination, one that keys of the environment open, and others can write it.
pub(super) fn trusted_destination(auth: &AuthArgs, place: &str) -> Result<()> {
    if is_store(place) && !resolve::is_own_run_log(auth)? {
        return Err(Error::usage("the run log names the destination, and other users can write the run log")
            .with("destination", place)
            .hint("give --output-dir, or LAKEXPRESS_OUTPUT_DIR, once more: keys of the environment are used only for a store that is named outside of such a run log"));
    }
    Ok(())
}

/// Whether a destination that is named so is reached by keys.
pub(super) fn is_store(place: &str) -> bool {
    place.contains("://") && !place.starts_with("file://")
}

/// Opens where a run wrote, as the run log has it: by the entry of the auth file, which has keys and region, or by its
/// URL or directory. Does not connect.
pub(super) fn recorded_destination(auth: &AuthArgs, run: &RunRecord) -> Result<Arc<dyn Destination>> {
    let told = |error: Error| {
        error
            .with("run", &run.run_id)
            .hint("name where the run wrote: -a FILE --target-storage-id ID, or a directory or URL")
    };
    let config: serde_json::Value = run.config.read().unwrap_or_default();
    // Earlier versions did not record it.
    let origin: Origin = serde_json::from_value(config["origin"].clone()).unwrap_or_default();
    let Some(id) = origin.target_storage_id.clone() else {
        trusted_destination(auth, &run.destination)?;
        return resolve::open_destination(&run.destination).map_err(told);
    };
    trusted_auth(auth, &origin)?;
    let auth = AuthArgs {
        auth: auth.auth.clone().or_else(|| origin.auth.clone().map(Into::into)),
        log_db_auth_id: auth.log_db_auth_id.clone(),
    };
    let opened = || {
        let file = resolve::auth_file(&auth)?;
        let target = TargetArgs { output_dir: None, target_storage_id: Some(id), sub_path: None };
        let address = resolve::target_address(&target, (&auth, file.as_ref()), true)?;
        address.map(|address| destination::open(&address)).transpose()
    };
    let opened = opened().map_err(told)?;
    let opened = opened.ok_or_else(|| Error::internal("a storage was neither resolved nor refused"))?;
    if opened.location() != run.destination {
        return Err(told(
            Error::usage("the storage of the auth file is not where the run wrote")
                .with("recorded", &run.destination)
                .with("now", opened.location()),
        ));
    }
    Ok(opened)
}

/// Opens what the run was begun with. The auth file may be named again; does not connect.
pub(super) fn reopen(args: &ExportArgs, spec: &ExportSpec, runlog: Arc<dyn RunLog>) -> Result<Opened> {
    let origin = &spec.origin;
    if origin.source_had_password && args.source.source.is_none() {
        return Err(Error::usage("the source's password is not in the run log")
            .with("source", origin.source.as_deref().unwrap_or_default())
            .hint("give --source, or LAKEXPRESS_SOURCE, once more with its password"));
    }
    trusted(args, origin)?;
    let auth_args = AuthArgs {
        auth: args.auth.auth.clone().or_else(|| origin.auth.clone().map(Into::into)),
        log_db_auth_id: args.auth.log_db_auth_id.clone(),
    };
    let source_args = SourceArgs {
        source_db_auth_id: origin.source_db_auth_id.clone(),
        source_db_name: origin.source_db_name.clone(),
        source: args.source.source.clone().or_else(|| origin.source.clone().map(SourceUrl)),
    };
    let target_args = TargetArgs {
        output_dir: origin.output_dir.clone(),
        target_storage_id: origin.target_storage_id.clone(),
        sub_path: None,
    };
    let mut problems = Problems::default();
    let auth = problems.keep(resolve::auth_file(&auth_args)).flatten();
    // An entry of the auth file is named by the record, and says itself where its password goes.
    let source = match args.source.source.is_some() || source_args.source.is_none() {
        true => resolve::source(&source_args, &auth_args, auth.as_ref(), &spec.types, &mut problems),
        false => {
            resolve::recorded_source(&source_args, (&auth_args, auth.as_ref()), &spec.types, &mut problems)
        }
    };
    let address = resolve::target_address(&target_args, (&auth_args, auth.as_ref()), true);
    let address = problems.keep(address).flatten();
    let destination = address.and_then(|address| problems.keep(destination::open(&address)));
    problems.finish()?;
    match (source, destination) {
        (Some(source), Some(destination)) => Ok(Opened { source, destination, runlog }),
        _ => Err(Error::internal("source or destination were neither resolved nor refused")),
    }
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
