//! `lakexpress man`.

use clap::Args;

use super::OutputArgs;

/// Print the manual page of the program, or of one of its commands.
///
/// For example: lakexpress man export > ~/.local/share/man/man1/lakexpress-export.1
#[derive(Debug, Args)]
pub(in crate::cli) struct ManArgs {
    /// The command
    #[arg(value_name = "COMMAND")]
    pub(in crate::cli) command: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
