//! `lakexpress verify`.

use std::sync::Arc;

use super::args::VerifyArgs;
use super::resolve::verification::{self, Verification};
use super::{print, resolve, tell};
use crate::destination::Destination;
use crate::error::{ErrorKind, Result};
use crate::report;
use crate::verify::{Sample, Scope, has_tables_in, verify};

/// Prints what was found; 65 if anything is wrong.
pub(super) async fn run(args: &VerifyArgs) -> Result<u8> {
    let resolved = verification::verify(args).await?;
    let sample = Sample { percent: args.read_data };
    let found = match Box::pin(verify(&resolved.destination, &resolved.scope, sample)).await {
        // Summaries lie at the base: this may be a directory below it.
        Err(error) if error.kind() == ErrorKind::Usage => match base_of(&resolved).await {
            Some((base, scope)) => Box::pin(verify(&base, &scope, sample)).await?,
            None => return Err(error),
        },
        found => found?,
    };
    let code = if found.ok { 0 } else { ErrorKind::Data.exit_code() };
    // That something is wrong is said by the code too, which must not give way to that of a full disk.
    let text = match args.output.json {
        true => report::json::verified(&found, code)?,
        false => report::text::verified(&found),
    };
    if !found.ok {
        tell(&text, || "what was verified is not as it should be".to_owned());
    } else if args.output.json || !args.output.quiet {
        print(&text)?;
    }
    Ok(code)
}

/// The destination above the place that was named whose runs wrote tables there, and where below it that is.
async fn base_of(resolved: &Verification) -> Option<(Arc<dyn Destination>, Scope)> {
    let place = resolved.place.as_deref().filter(|_| resolved.scope.below.is_empty())?;
    for (above, below) in places_above(place) {
        let base = resolve::open_destination(&above).ok()?;
        if has_tables_in(&base, &below).await {
            return Some((base, Scope { run_id: None, below }));
        }
    }
    None
}

/// Every directory above a place, the nearest first, and the way from it to the place.
fn places_above(place: &str) -> Vec<(String, String)> {
    let (start, path) = match place.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("{scheme}://{host}"), path.to_owned())
        }
        None => match std::path::absolute(place) {
            Ok(path) => (String::new(), path.display().to_string()),
            Err(_) => return Vec::new(),
        },
    };
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    let above = |at: usize| (format!("{start}/{}", names[..at].join("/")), names[at..].join("/"));
    (0..names.len()).rev().map(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_above_are_named_with_the_way_down() {
        let found =
            |place| places_above(place).into_iter().map(|(a, b)| format!("{a} {b}")).collect::<Vec<_>>();
        assert_eq!(found("s3://b/x/2026"), ["s3://b/x 2026", "s3://b/ x/2026"]);
        assert_eq!(found("/a/b/"), ["/a b", "/ a/b"]);
        assert_eq!(found("s3://b"), [""; 0]);
    }
}
