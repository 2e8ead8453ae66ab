//! Flags about who hears how a run ended.

use std::fmt;
use std::path::PathBuf;

use clap::Args;

use super::choices::NotifyOnArg;

#[derive(Debug, Args)]
#[command(next_help_heading = "Monitoring")]
pub(in crate::cli) struct TellArgs {
    #[command(flatten)]
    pub(in crate::cli) to: NotifyArgs,
    /// Which runs are posted: always or failure. Default: always.
    ///
    /// failure: those whose exit code is not 0.
    #[arg(
        long,
        env = "LAKEXPRESS_NOTIFY_ON",
        value_name = "WHEN",
        hide_possible_values = true,
        value_enum,
        default_value = "always",
        ignore_case = true
    )]
    pub(in crate::cli) notify_on: NotifyOnArg,
    /// File for Prometheus, written when the run has ended. Default: none.
    ///
    /// In the text format that node_exporter's textfile collector reads; its name ends in .prom. It is replaced whole,
    /// also after a failed run. Each job has a file, whose name becomes the label `name`.
    #[arg(long, env = "LAKEXPRESS_METRICS_FILE", value_name = "PATH")]
    pub(in crate::cli) metrics_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Monitoring")]
pub(in crate::cli) struct NotifyArgs {
    /// URL that the JSON summary is posted to when the run has ended. Default: none.
    ///
    /// Or the id of an entry of the auth file with `ds_type` webhook, url and headers. The document is that of --json,
    /// also when the run fails before it begins. Other users of this machine can see command lines: a URL with a token
    /// belongs in the environment variable or an entry.
    #[arg(long, env = "LAKEXPRESS_NOTIFY", value_name = "URL|ID", hide_env_values = true)]
    pub(in crate::cli) notify: Option<NotifyTo>,
}

/// The text of `--notify`, which may hold a token. Debug shows nothing of it.
#[derive(Clone)]
pub(in crate::cli) struct NotifyTo(pub(in crate::cli) String);

impl From<String> for NotifyTo {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for NotifyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotifyTo")
    }
}
