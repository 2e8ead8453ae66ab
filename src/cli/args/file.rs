//! `-c/--config`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Auth file and run log")]
pub(in crate::cli) struct FileArgs {
    /// Configuration file (TOML or YAML) with values of flags. Default: none.
    ///
    /// A flag or a variable overrides the file. `lakexpress init` writes such a file, `lakexpress config
    /// check` finds its mistakes; docs/configuration.md has the keys.
    #[arg(short = 'c', long, env = "LAKEXPRESS_CONFIG", value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
}
