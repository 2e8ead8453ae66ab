//! Flags about values that are changed before they are written.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Rows and columns")]
pub(in crate::cli) struct MaskArgs {
    /// Values to change: '%.email: hmac'. Repeatable. Default: none.
    ///
    /// LIKE patterns of tables and columns; hmac, hmac(DIGITS), partial(FIRST, LAST), truncate(CHARACTERS), truncate(year),
    /// truncate(month), constant(TEXT), null or drop. --where, --source-where and --source-columns see source values;
    /// everything else sees masked values.
    #[arg(long, env = "LAKEXPRESS_MASK", value_name = "PATTERN: MASK")]
    pub(in crate::cli) mask: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) key: MaskKeyArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MaskKeyArgs {
    /// File with the key of hmac, at least 16 bytes. Default: none.
    ///
    /// The same key gives the same hashes, in every run and table. It is recorded nowhere.
    #[arg(long, env = "LAKEXPRESS_MASK_KEY_FILE", value_name = "FILE", help_heading = "Rows and columns")]
    pub(in crate::cli) mask_key_file: Option<PathBuf>,
}
