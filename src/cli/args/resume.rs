//! `lakexpress resume`.

use clap::Args;

use super::ExportArgs;

/// Finish what a run left undone.
///
/// Everything comes from the run log: what was exported, from where, to where and how. Tables that are finished,
/// by their manifests at the destination, are not read again; the others are exported again, as of a new moment, or
/// with --accept-mixed-snapshot only their missing parts.
/// The auth file is needed again when it has moved, --log-db-auth-id when the run log is not the default one, and
/// --source when its URL had a password; --mask-key-file with hmac. Any other flag of the run may be given again and must agree;
/// --n-jobs, --max-connections, --retries, --error-action and the limits on the source may differ.
#[derive(Debug, Args)]
pub(in crate::cli) struct ResumeArgs {
    /// Id of the run; a unique beginning of it is enough
    #[arg(value_name = "RUN_ID")]
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) export: ExportArgs,
}

/// Flags that `resume --help` shows; the others are those of the run.
pub(in crate::cli) const SHOWN: &[&str] = &[
    "config",
    "auth",
    "log-db-auth-id",
    "source",
    "mask-key-file",
    "n-jobs",
    "max-connections",
    "retries",
    "max-snapshot-age",
    "max-replica-lag",
    "max-rate",
    "start-between",
    "accept-mixed-snapshot",
    "error-action",
    "notify",
    "notify-on",
    "metrics-file",
    "json",
    "quiet",
    "hide-values",
    "log-level",
    "log-format",
    "log-dir",
    "no-progress",
];
