//! Help that fits: `-h` is one screen, `--help` is complete.

use std::env;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};

use super::args::{Cli, RESUME_FLAGS};

/// Flags that `-h` leaves out; `--help` has them all.
const RARE: &[&str] = &[
    "hide-values",
    "log-db-auth-id",
    "init-db",
    "log-db-mode",
    "env-name",
    "source-db-name",
    "source-schema-name",
    "views",
    "source-where",
    "source-columns",
    "key",
    "cast",
    "special-values",
    "numeric",
    "target-storage-id",
    "sub-path",
    "n-jobs",
    "max-connections",
    "large-table-threshold",
    "part-bytes",
    "table-config",
    "row-group-rows",
    "row-group-bytes",
    "encodings",
    "column-compression",
    "bloom-filter",
    "page-index",
    "parquet-metadata",
    "readers",
    "mask",
    "mask-key-file",
    "partition-by",
    "sort-by",
    "max-file-bytes",
    "min-file-bytes",
    "max-open-files",
    "max-partitions",
    "deterministic",
    "format",
    "keep-versions",
    "error-action",
    "empty-tables",
    "retries",
    "max-snapshot-age",
    "max-replica-lag",
    "max-rate",
    "start-between",
    "resume",
    "accept-mixed-snapshot",
    "generate-metadata",
    "include-entity-files",
    "manifest-name",
    "run-id",
    "memory-limit",
    "verify",
    "notify",
    "notify-on",
    "metrics-file",
    "no-progress",
    "log-level",
    "log-format",
    "log-dir",
];

/// Flags of export that a query has no need of.
const IN_SQL: &[&str] = &[
    "source-schema-name",
    "include",
    "exclude",
    "views",
    "where",
    "columns",
    "source-where",
    "source-columns",
];

/// The variable of `--parallel` by its old name, which is `--fastbcp-p`. A flag has one variable.
const OLD_PARALLEL: &str = "LAKEXPRESS_FASTBCP_P";

/// The command line's grammar. Variables and defaults are not repeated behind each flag: the rule for
/// variables stands in the program's help, and the texts name their defaults.
pub(super) fn command() -> clap::Command {
    let mut cli = Cli::command();
    let names: Vec<String> = cli.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    // An empty variable is an unset one.
    let is_set =
        |name: &str| env::var_os(name).is_some_and(|value| !value.to_string_lossy().trim().is_empty());
    let old_variable = !is_set("LAKEXPRESS_PARALLEL") && is_set(OLD_PARALLEL);
    for name in names {
        let resumes = name == "resume";
        cli = cli.mut_subcommand(name, |command| {
            tidy(command.mut_args(|arg| match arg.get_long() {
                Some(long) if resumes && !RESUME_FLAGS.contains(&long) => arg.hide(true),
                Some("parallel") if old_variable => arg.env(OLD_PARALLEL),
                _ => arg,
            }))
        });
    }
    cli
}

/// A refused command line with what to write instead of flags that a query has in its SQL.
pub(super) fn advised(mut refusal: clap::Error, command: Option<&str>) -> clap::Error {
    let wanted = match refusal.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => flag.trim_start_matches('-').to_owned(),
        _ => return refusal,
    };
    if refusal.kind() == clap::error::ErrorKind::UnknownArgument
        && command == Some("query")
        && IN_SQL.contains(&wanted.as_str())
    {
        let advice = "a query has its tables, columns and conditions in its SQL: SELECT id FROM shop.orders WHERE id > 7";
        refusal.remove(ContextKind::SuggestedArg);
        refusal.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]));
    }
    refusal
}

fn tidy(command: clap::Command) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| {
        let rare = arg.get_long().is_some_and(|long| RARE.contains(&long));
        let valued = arg.get_action().takes_values();
        arg.hide_env(true).hide_default_value(valued).hide_short_help(rare)
    });
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, tidy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN_LINES: usize = 40;
    const SCREEN_COLUMNS: usize = 100;

    #[test]
    fn short_help_is_one_screen_and_long_help_is_complete() {
        let mut cli = command();
        cli.build();
        let mut seen = Vec::new();
        for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let (short, long) = (command.render_help().to_string(), command.render_long_help().to_string());
            let name = command.get_name();
            assert!(
                short.lines().count() <= SCREEN_LINES,
                "{name}: {} lines\n{short}",
                short.lines().count()
            );
            let widest = short.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= SCREEN_COLUMNS, "{name}: {widest} columns\n{short}");
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let Some(flag) = arg.get_long() else { continue };
                assert!(long.contains(&format!("--{flag}")), "{name} --help lacks --{flag}");
                seen.push(flag.to_owned());
            }
        }
        for rare in RARE {
            assert!(seen.iter().any(|flag| flag == rare), "--{rare} is no flag");
        }
    }
}
