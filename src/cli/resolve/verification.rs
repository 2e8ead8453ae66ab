//! What `verify` reads: a place, or where a run wrote.

use std::path::Path;
use std::sync::Arc;

use super::super::args::{AuthArgs, TargetArgs, VerifyArgs};
use super::super::{origin, values};
use super::{auth_file, run_log_of, target_address};
use crate::destination::{self, Destination};
use crate::error::{Code, Error, Result};
use crate::secret;
use crate::verify::Scope;

/// What `verify` looks at.
pub(in crate::cli) struct Verification {
    pub(in crate::cli) destination: Arc<dyn Destination>,
    pub(in crate::cli) scope: Scope,
    /// The directory or URL that was named, if one was.
    pub(in crate::cli) place: Option<String>,
}

/// Whether what `verify` is given is a directory or URL, and not the id of a run.
pub(in crate::cli) fn is_place(what: &str) -> bool {
    what.contains("://") || Path::new(what).exists()
}

/// Everything `verify` needs: a place, or a run and, from the run log or a flag, where it wrote.
pub(in crate::cli) async fn verify(args: &VerifyArgs) -> Result<Verification> {
    let VerifyArgs { what, target_storage_id, sub_path, auth, .. } = args;
    tables(Named { what: what.as_deref(), target_storage_id, sub_path, auth }).await
}

/// How tables are named on the command line.
pub(super) struct Named<'a> {
    pub(super) what: Option<&'a str>,
    pub(super) target_storage_id: &'a Option<String>,
    pub(super) sub_path: &'a Option<String>,
    pub(super) auth: &'a AuthArgs,
}

/// The tables that are named.
pub(super) async fn tables(args: Named<'_>) -> Result<Verification> {
    let auth = auth_file(args.auth)?;
    let what = args.what;
    let place = what.filter(|what| is_place(what));
    let target = TargetArgs {
        output_dir: place.map(str::to_owned),
        target_storage_id: args.target_storage_id.clone(),
        sub_path: None,
    };
    if let Some(address) = target_address(&target, (args.auth, auth.as_ref()), false)? {
        let run_id = what.filter(|_| place.is_none()).map(str::to_owned);
        let below = args.sub_path.as_deref().map(values::parse_sub_path).transpose()?.unwrap_or_default();
        let (scope, place) = (Scope { run_id, below }, target.output_dir);
        return Ok(Verification { destination: destination::open(&address)?, scope, place });
    }
    let Some(run_id) = what else {
        return Err(Error::usage("no tables are named").coded(Code::NothingToVerify).hint(
            "name a directory, a URL or the id of a run, or a storage of the auth file with --target-storage-id",
        ));
    };
    if run_id.ends_with('%') {
        return Err(Error::usage(format!("there is no directory and no run '{}'", secret::value(run_id)))
            .coded(Code::NothingToVerify)
            .hint(format!("a share of the files is written with an equals sign: --read-data={run_id}")));
    }
    let runlog = run_log_of(args.auth, auth.as_ref())?;
    let Some(run) = runlog.run(run_id).await? else {
        return Err(Error::usage(format!("there is no directory and no run '{}'", secret::value(run_id)))
            .coded(Code::NothingToVerify)
            .with("run log", runlog.location())
            .hint("`lakexpress runs` lists the runs of a run log; --log-db-auth-id names another one")
            .hint("--target-storage-id names the storage that a run of another machine wrote to"));
    };
    let destination = origin::recorded_destination(args.auth, &run)?;
    let scope = Scope { run_id: Some(run.run_id), below: String::new() };
    Ok(Verification { destination, scope, place: None })
}
