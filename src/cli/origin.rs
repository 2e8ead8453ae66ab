//! Opens source and destination of a run again, as they were recorded with it ([`super::named`]).

use std::path::Path;
use std::sync::Arc;

use super::args::{ApplyArgs, AuthArgs, ExportArgs, SourceArgs, SourceUrl, TargetArgs};
use super::resolve::{self, Opened, Problems};
use crate::config::own;
use crate::destination::{self, Destination};
use crate::error::{Code, Error, Result};
use crate::runlog::{RunLog, RunRecord};
use crate::source::Source;
use crate::spec::{ExportSpec, Origin};

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
            .coded(Code::UntrustedRun)
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
            .coded(Code::UntrustedRun)
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
    let auth = auth.or_recorded(&origin);
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
                .coded(Code::RunDiffers)
                .with("recorded", &run.destination)
                .with("now", opened.location()),
        ));
    }
    Ok(opened)
}

/// Opens what the run was begun with. The auth file may be named again; does not connect.
pub(super) fn reopen(args: &ExportArgs, spec: &ExportSpec, runlog: Arc<dyn RunLog>) -> Result<Opened> {
    trusted(args, &spec.origin)?;
    let (source, destination) = open((&args.auth, args.source.source.as_ref()), spec, "the run log")?;
    Ok(Opened { source, destination, runlog })
}

/// Opens what a plan was made for, which its owner alone can write; does not connect.
pub(super) fn planned(args: &ApplyArgs, spec: &ExportSpec) -> Result<Opened> {
    let (source, destination) = open((&args.auth, args.source.as_ref()), spec, "the plan")?;
    let auth = args.auth.or_recorded(&spec.origin);
    Ok(Opened { source, destination, runlog: resolve::run_log(&auth)? })
}

/// Opens source and destination of `spec`, with what is given once more; `record` has the rest.
fn open(
    (auth, url): (&AuthArgs, Option<&SourceUrl>),
    spec: &ExportSpec,
    record: &str,
) -> Result<(Arc<dyn Source>, Arc<dyn Destination>)> {
    let origin = &spec.origin;
    if origin.source_had_password && url.is_none() {
        return Err(Error::usage(format!("the source's password is not in {record}"))
            .coded(Code::FlagMissing)
            .with("source", origin.source.as_deref().unwrap_or_default())
            .hint("give --source, or LAKEXPRESS_SOURCE, once more with its password"));
    }
    let auth_args = auth.or_recorded(origin);
    let source_args = SourceArgs {
        source_db_auth_id: origin.source_db_auth_id.clone(),
        source_db_name: origin.source_db_name.clone(),
        source: url.cloned().or_else(|| origin.source.clone().map(SourceUrl)),
    };
    let target_args = TargetArgs {
        output_dir: origin.output_dir.clone(),
        target_storage_id: origin.target_storage_id.clone(),
        sub_path: None,
    };
    let mut problems = Problems::default();
    let auth = problems.keep(resolve::auth_file(&auth_args)).flatten();
    // An entry of the auth file is named by the record, and says itself where its password goes.
    let source = match url.is_some() || source_args.source.is_none() {
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
        (Some(source), Some(destination)) => Ok((source, destination)),
        _ => Err(Error::internal("source or destination were neither resolved nor refused")),
    }
}
