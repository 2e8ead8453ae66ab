//! `lakexpress explain`.

use clap::Args;

use super::OutputArgs;

/// Explain an error code: what happened and what to do.
///
/// Errors end with their code. Without a code all codes are listed.
/// For example: lakexpress explain LX0302
#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainArgs {
    /// The code; LX0302, lx0302, 0302 and 302 are the same
    #[arg(value_name = "CODE")]
    pub(in crate::cli) code: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
