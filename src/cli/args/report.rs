//! `lakexpress report`.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::{AuthArgs, OutputArgs, TargetArgs};

/// Show what a run did: rates, compression, verdicts, errors, what was slow and why.
///
/// From the run log, and from the run's summary and the tables' manifests at the destination: the run's own unless
/// one is named. One that needs credentials is named as for the export; without it the run log alone answers.
#[derive(Debug, Args)]
pub(in crate::cli) struct ReportArgs {
    /// Id of the run; a unique beginning of it is enough
    #[arg(value_name = "RUN_ID")]
    pub(in crate::cli) run_id: String,
    /// A line for every part too. Default: tables only; --json has all.
    #[arg(long, env = "LAKEXPRESS_PARTS", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) parts: bool,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
