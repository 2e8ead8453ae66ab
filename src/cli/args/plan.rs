//! `lakexpress plan` and `lakexpress apply`.

use std::path::PathBuf;

use clap::Args;

use super::export::ExportArgs;
use super::masks::MaskKeyArgs;
use super::run::{OutputArgs, ProgressArgs};
use super::selection::{AuthArgs, SourceUrl};
use super::tell::TellArgs;
use crate::config::window::Window;

#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArgs {
    #[command(flatten)]
    pub(in crate::cli) export: ExportArgs,
    /// File that the plan is written to, for `lakexpress apply`. Default: none.
    ///
    /// It holds what an export would do, and no password. A file that is there is not replaced.
    #[arg(long, env = "LAKEXPRESS_OUT", value_name = "FILE", help_heading = "Output")]
    pub(in crate::cli) out: Option<PathBuf>,
}

/// Export what a plan says, or say what has changed since it was made.
///
/// The plan is made again and compared, before anything is written and once more as of the snapshot: tables, columns and
/// types, conditions, how tables are cut, directories, form and layout of the files. Rows may differ. If anything else
/// does, the changes are listed and nothing is written. Settings are those of the plan.
#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArgs {
    /// File that `lakexpress plan --out FILE` wrote
    #[arg(value_name = "FILE")]
    pub(in crate::cli) plan: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    /// URL of the plan's source, with its password. Default: the plan's.
    ///
    /// Needed when the URL that was planned with had a password, which the plan does not keep.
    #[arg(
        long,
        env = "LAKEXPRESS_SOURCE",
        value_name = "URL",
        hide_env_values = true,
        help_heading = "Source"
    )]
    pub(in crate::cli) source: Option<SourceUrl>,
    #[command(flatten)]
    pub(in crate::cli) key: MaskKeyArgs,
    /// Begin only at these hours: 01:00-05:00, '22:00-04:00 UTC'. Default: at any time.
    ///
    /// As of `lakexpress export`. A plan has no hours.
    #[arg(long, env = "LAKEXPRESS_START_BETWEEN", value_name = "HOURS", value_parser = Window::parse, help_heading = "Limits on the source")]
    pub(in crate::cli) start_between: Option<Window>,
    #[command(flatten)]
    pub(in crate::cli) tell: TellArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::cli) progress: ProgressArgs,
}
