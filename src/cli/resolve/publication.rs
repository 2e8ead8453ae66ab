//! What `publish` reads, and the catalog that it writes.

use std::sync::Arc;

use super::super::args::PublishArgs;
use super::auth_file;
use super::verification::{Named, tables};
use crate::config::auth::RunLogTarget;
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::publish::CatalogAddress;
use crate::secret;
use crate::verify::Scope;

/// What `publish` needs.
pub(in crate::cli) struct Publication {
    pub(in crate::cli) destination: Arc<dyn Destination>,
    pub(in crate::cli) scope: Scope,
    pub(in crate::cli) catalog: CatalogAddress,
}

/// The tables that are named, and the catalog.
pub(in crate::cli) async fn publication(args: &PublishArgs) -> Result<Publication> {
    let PublishArgs { what, target_storage_id, sub_path, auth, .. } = args;
    let catalog = catalog(args)?;
    let found = tables(Named { what: what.as_deref(), target_storage_id, sub_path, auth }).await?;
    Ok(Publication { destination: found.destination, scope: found.scope, catalog })
}

fn catalog(args: &PublishArgs) -> Result<CatalogAddress> {
    let Some(to) = args.to.as_deref() else {
        return Err(Error::usage("no catalog is named").coded(Code::FlagMissing).hint(
            "--to sqlite:FILE or --to postgres://user@host/database, or the id of an entry of the auth file",
        ));
    };
    if to.contains("://") || to.starts_with("sqlite:") {
        return CatalogAddress::of_url(to);
    }
    let Some(auth) = auth_file(&args.auth)? else {
        return Err(Error::usage(format!("--to '{}' is no URL, and there is no auth file", secret::value(to)))
            .coded(Code::FlagValue)
            .hint("--to sqlite:FILE or --to postgres://user@host/database; or name the auth file with -a/--auth FILE"));
    };
    Ok(match auth.runlog(to)? {
        RunLogTarget::Sqlite(path) => CatalogAddress::Sqlite(path),
        RunLogTarget::Server(address) => CatalogAddress::Server(address),
    })
}
