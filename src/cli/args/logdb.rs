//! `logdb`, and the flags of an export that are about the run log's tables.

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::run::OutputArgs;
use super::selection::AuthArgs;

/// Make, empty or drop the tables of the run log.
#[derive(Debug, Args)]
pub(in crate::cli) struct LogDbArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: LogDbAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LogDbAction {
    /// Make the run log's tables; those that are there stay
    Init(LogDbInitArgs),
    /// Drop the run log's tables with everything in them, partition_columns too
    Drop(LogDbConfirmedArgs),
    /// Remove all runs from the run log; partition_columns stays
    Truncate(LogDbConfirmedArgs),
}

impl LogDbAction {
    pub(in crate::cli) fn output(&self) -> &OutputArgs {
        match self {
            Self::Init(args) => &args.output,
            Self::Drop(args) | Self::Truncate(args) => &args.output,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogDbInitArgs {
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogDbConfirmedArgs {
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    /// Do it without asking. Default: ask.
    #[arg(long, env = "LAKEXPRESS_CONFIRM", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) confirm: bool,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// What an export does to the run log's tables and takes from them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Auth file and run log")]
pub(in crate::cli) struct RunLogArgs {
    /// Only make the run log's tables, export nothing. Default: export; they are made when needed.
    #[arg(long, env = "LAKEXPRESS_INIT_DB", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) init_db: bool,
    /// Keep, truncate or recreate the run log before the run. Default: preserve.
    ///
    /// Without asking, as LakeXpress does. truncate removes all runs; drop removes partition_columns too.
    #[arg(
        long,
        value_name = "MODE",
        env = "LAKEXPRESS_LOG_DB_MODE",
        value_enum,
        default_value = "preserve",
        ignore_case = true
    )]
    pub(in crate::cli) log_db_mode: LogDbModeArg,
    /// Rows of partition_columns with this env_name count. Default: those without one.
    #[arg(long, env = "LAKEXPRESS_ENV_NAME", value_name = "NAME")]
    pub(in crate::cli) env_name: Option<String>,
}

/// `--log-db-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum LogDbModeArg {
    Preserve,
    Truncate,
    Drop,
}
