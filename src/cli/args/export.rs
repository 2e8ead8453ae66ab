//! `lakexpress export`.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::arrangement::ArrangementArgs;
use super::choices::FormatArg;
use super::file::FileArgs;
use super::limits::LimitArgs;
use super::logdb::RunLogArgs;
use super::masks::MaskArgs;
use super::metadata::GenerateArgs;
use super::run::{IgnoredArgs, OutputArgs, ParallelArgs, ParquetArgs, ProgressArgs, RunArgs};
use super::selection::{AuthArgs, RuleArgs, SelectionArgs, SourceArgs, TargetArgs, TypeArgs};
use super::tell::TellArgs;
use super::verify::VerifyFlag;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    pub(in crate::cli) file: FileArgs,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) run_log: RunLogArgs,
    #[command(flatten)]
    pub(in crate::cli) source: SourceArgs,
    #[command(flatten)]
    pub(in crate::cli) selection: SelectionArgs,
    #[command(flatten)]
    pub(in crate::cli) rules: RuleArgs,
    #[command(flatten)]
    pub(in crate::cli) masks: MaskArgs,
    #[command(flatten)]
    pub(in crate::cli) types: TypeArgs,
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    #[command(flatten)]
    pub(in crate::cli) parallel: ParallelArgs,
    #[command(flatten)]
    pub(in crate::cli) parquet: ParquetArgs,
    /// What the files of a table are: plain or delta. Default: plain.
    ///
    /// plain is files and a manifest. delta is a Delta Lake table: each run makes a new version, which readers see whole or
    /// not at all, and older ones stay readable.
    #[arg(
        long,
        env = "LAKEXPRESS_FORMAT",
        value_enum,
        default_value = "plain",
        ignore_case = true,
        hide_possible_values = true,
        help_heading = "Run"
    )]
    pub(in crate::cli) format: FormatArg,
    #[command(flatten)]
    pub(in crate::cli) arrangement: ArrangementArgs,
    #[command(flatten)]
    pub(in crate::cli) run: RunArgs,
    #[command(flatten)]
    pub(in crate::cli) limits: LimitArgs,
    /// Finish the run of this id instead, as `lakexpress resume` does. Default: none.
    #[arg(short = 'r', long, env = "LAKEXPRESS_RESUME", value_name = "RUN_ID", help_heading = "Run")]
    pub(in crate::cli) resume: Option<String>,
    /// Allow a resumed table to combine parts of different snapshots. Default: the table is exported again.
    ///
    /// resume then reads only the parts that are missing, of tables cut by their primary key; the others, which are
    /// named, are exported whole. The manifest says which parts are of which moment. With export, parts stay at the
    /// destination for that when the source goes away.
    #[arg(
        long,
        env = "LAKEXPRESS_ACCEPT_MIXED_SNAPSHOT",
        value_parser = FalseyValueParser::new(),
        help_heading = "Run"
    )]
    pub(in crate::cli) accept_mixed_snapshot: bool,
    #[command(flatten)]
    pub(in crate::cli) metadata: GenerateArgs,
    #[command(flatten)]
    pub(in crate::cli) verify: VerifyFlag,
    #[command(flatten)]
    pub(in crate::cli) tell: TellArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::cli) progress: ProgressArgs,
    #[command(flatten)]
    pub(in crate::cli) ignored: IgnoredArgs,
    /// Long names of the flags that were given.
    #[arg(skip)]
    pub(in crate::cli) given: Vec<String>,
}
