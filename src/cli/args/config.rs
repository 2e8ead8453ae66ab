//! `lakexpress config` and `lakexpress init`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::export::ExportArgs;
use super::run::OutputArgs;
use super::selection::{DescribedArgs, TargetArgs};
use crate::config::file::Place;

/// Check a configuration file, show what is in effect, or print its JSON Schema.
#[derive(Debug, Args)]
pub(in crate::cli) struct ConfigArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: ConfigAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigAction {
    /// Find all mistakes in a configuration file, without connecting
    Check(ConfigCheckArgs),
    /// Show each setting of an export that is in effect
    Show(Box<ConfigShowArgs>),
    /// Print the JSON Schema of configuration files
    Schema(ConfigSchemaArgs),
}

impl ConfigAction {
    pub(in crate::cli) fn output(&self) -> &OutputArgs {
        match self {
            Self::Check(args) => &args.output,
            Self::Show(args) => &args.export.output,
            Self::Schema(args) => &args.output,
        }
    }
}

/// Find all mistakes in a configuration file, without connecting.
///
/// Each with file, line and column, the key and the nearest known one. Exit code 78 when there is a mistake, 0 when there
/// are none or only warnings.
#[derive(Debug, Args)]
pub(in crate::cli) struct ConfigCheckArgs {
    /// The file. Default: lakexpress.toml.
    #[arg(
        id = "checked",
        short = 'c',
        long = "config",
        env = "LAKEXPRESS_CONFIG",
        value_name = "FILE",
        default_value = "lakexpress.toml"
    )]
    pub(in crate::cli) file: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// Show each setting of an export that is in effect.
///
/// Takes the flags of an export. Shows the values that result from these flags, the environment, the file of -c and the
/// defaults. Passwords are hidden.
#[derive(Debug, Args)]
pub(in crate::cli) struct ConfigShowArgs {
    /// Where each comes from: a flag, a variable, a line of the file, the default. Default: not shown.
    #[arg(long)]
    pub(in crate::cli) origin: bool,
    #[command(flatten)]
    pub(in crate::cli) export: ExportArgs,
    /// What is shown.
    #[arg(skip)]
    pub(in crate::cli) settings: Vec<InEffect>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ConfigSchemaArgs {
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// Write a configuration file from a live source.
///
/// Connects, lists the tables, and prints a commented file: the source without its password, the destination, the defaults
/// as comments, and a section for each table with its rows, its size, its key and what must be decided about its columns.
/// The file is one for export -c.
#[derive(Debug, Args)]
pub(in crate::cli) struct InitArgs {
    /// File to write; none is replaced. Default: standard output.
    #[arg(long, env = "LAKEXPRESS_WRITE", value_name = "FILE", help_heading = "Destination")]
    pub(in crate::cli) write: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) described: DescribedArgs,
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
    /// What was given.
    #[arg(skip)]
    pub(in crate::cli) settings: Vec<InEffect>,
}

/// A value that is in effect. No password is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct InEffect {
    /// The name of its flag.
    pub(in crate::cli) key: String,
    pub(in crate::cli) value: Shown,
    pub(in crate::cli) origin: ValueOrigin,
}

/// A value as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Shown {
    Truth(bool),
    Number(String),
    Text(String),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum ValueOrigin {
    Flag,
    Variable(String),
    File(Place),
    Default,
}
