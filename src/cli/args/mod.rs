//! The command line as typed text. No effects: what can fail on the world is in `resolve`.

//!
//! This file holds the commands; the groups of flags that they share are in `selection` and `run`.

mod arrangement;
mod choices;
mod config;
mod explain;
mod explain_layout;
mod export;
mod file;
mod limits;
mod logdb;
mod man;
mod masks;
mod metadata;
mod plan;
mod publish;
mod report;
mod resume;
mod run;
mod selection;
mod tell;
mod verify;

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Args, Parser, Subcommand};

pub(super) use self::arrangement::{ArrangementArgs, FanoutArgs};
pub(super) use self::choices::{CompressionArg, FormatArg, LogFormatArg, LogLevelArg, NotifyOnArg};
pub(super) use self::config::{
    ConfigAction, ConfigArgs, ConfigCheckArgs, ConfigSchemaArgs, ConfigShowArgs, InEffect, InitArgs, Shown,
    ValueOrigin,
};
pub(super) use self::explain::ExplainArgs;
pub(super) use self::explain_layout::ExplainLayoutArgs;
pub(in crate::cli) use self::export::ExportArgs;
use self::file::FileArgs;
pub(super) use self::limits::LimitArgs;
pub(super) use self::logdb::{LogDbAction, LogDbArgs, LogDbConfirmedArgs, LogDbModeArg};
pub(super) use self::man::ManArgs;
pub(super) use self::masks::MaskArgs;
pub(super) use self::metadata::{DocumentArgs, GenerateArgs, MetadataArgs};
pub(super) use self::plan::{ApplyArgs, PlanArgs};
pub(super) use self::publish::PublishArgs;
pub(super) use self::report::ReportArgs;
pub(super) use self::resume::{ResumeArgs, SHOWN as RESUME_FLAGS};
pub(super) use self::run::{IgnoredArgs, OutputArgs, ParallelArgs, ParquetArgs, ProgressArgs, RunArgs};
pub(super) use self::selection::{
    AuthArgs, DescribedArgs, RuleArgs, SelectionArgs, SourceArgs, SourceUrl, TargetArgs, TypeArgs,
};
pub(super) use self::tell::{NotifyArgs, NotifyTo, TellArgs};
pub(super) use self::verify::VerifyArgs;
use super::first::HAPPY_PATH;
use super::values::{parse_count, parse_scale};
use super::version;

/// Exports databases to Parquet files: exactly, at one point in time, all or nothing per table.
///
/// Without a command, `export` runs. Every flag is also accepted with underscores, and read from the
/// environment as LAKEXPRESS_ plus its name (--n-jobs: LAKEXPRESS_N_JOBS). A file of -c/--config holds the same
/// names; the command line and the environment stand above it.
///
/// Exit codes: 0 all done; 1 the run ended and some tables failed; 2 usage; 65 data; 70 internal;
/// 75 try again later; 77 denied; 78 configuration; 129, 130 or 143 stopped by SIGHUP, Ctrl-C or SIGTERM.
#[derive(Debug, Parser)]
#[command(
    name = "lakexpress",
    version,
    long_version = version::long(),
    arg_required_else_help = true,
    after_long_help = HAPPY_PATH
)]
pub(in crate::cli) struct Cli {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Export tables to Parquet files (the default command)
    Export(Box<ExportArgs>),
    /// Show what an export would read and write, up to the first byte
    Plan(Box<PlanArgs>),
    /// Export what a plan says, or say what has changed since it was made
    Apply(Box<ApplyArgs>),
    /// Show tables, columns and how exactly each type travels
    Inspect(Box<InspectArgs>),
    /// Export the result of SQL over the source's tables
    Query(Box<QueryArgs>),
    /// Check that the source and the destination are ready for an export
    Check(Box<CheckArgs>),
    /// Write a configuration file from a live source
    Init(Box<InitArgs>),
    /// Check a configuration file, show what is in effect, or print its JSON Schema
    Config(ConfigArgs),
    /// Export a small generated database and show the result; no setup required
    Demo(DemoArgs),
    /// Finish what a run left undone
    Resume(Box<ResumeArgs>),
    /// List the latest runs
    Runs(RunsArgs),
    /// Show one run and its tables
    Status(StatusArgs),
    /// Make, empty or drop the tables of the run log
    Logdb(LogDbArgs),
    /// Show what a run did: rates, compression, verdicts, errors, what was slow and why
    Report(ReportArgs),
    /// Write metadata of Microsoft's Common Data Model for an earlier run
    Metadata(MetadataArgs),
    /// Prove that what lies at a destination is what its manifests say
    Verify(VerifyArgs),
    /// Publish exported tables in a DuckLake catalog, all in one transaction
    Publish(PublishArgs),
    /// Show what a reader skips of a table's files for a condition
    ExplainLayout(ExplainLayoutArgs),
    /// Explain an error code, or list all codes
    Explain(ExplainArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Print the manual page of the program or of a command
    Man(ManArgs),
}

impl Command {
    pub(in crate::cli) fn output(&self) -> &OutputArgs {
        match self {
            Self::Export(args) => &args.output,
            Self::Plan(args) => &args.export.output,
            Self::Apply(args) => &args.output,
            Self::Inspect(args) => &args.output,
            Self::Query(args) => &args.output,
            Self::Check(args) => &args.output,
            Self::Init(args) => &args.output,
            Self::Config(args) => args.action.output(),
            Self::Demo(args) => &args.output,
            Self::Man(args) => &args.output,
            Self::Explain(args) => &args.output,
            Self::Completions(args) => &args.output,
            Self::Logdb(args) => args.action.output(),
            Self::Resume(args) => &args.export.output,
            Self::Runs(args) => &args.output,
            Self::Status(args) => &args.output,
            Self::Report(args) => &args.output,
            Self::Metadata(args) => &args.output,
            Self::Verify(args) => &args.output,
            Self::Publish(args) => &args.output,
            Self::ExplainLayout(args) => &args.output,
        }
    }

    /// Whether standard output gets a JSON document. A stream has it for its rows.
    pub(in crate::cli) fn says_json(&self) -> bool {
        let streams = matches!(self, Self::Query(args) if args.format == FormatArg::Arrow);
        self.output().json && !streams
    }

    /// Who hears how the command ends, if it is a run or the plan of one.
    pub(in crate::cli) fn tells(&self) -> Option<(&TellArgs, &AuthArgs)> {
        match self {
            Self::Export(args) => {
                let earlier = args.metadata.generate_metadata && args.metadata.run_id.is_some();
                (!args.run_log.init_db && !earlier).then_some((&args.tell, &args.auth))
            }
            Self::Plan(args) => Some((&args.export.tell, &args.export.auth)),
            Self::Apply(args) => Some((&args.tell, &args.auth)),
            Self::Query(args) => (args.format != FormatArg::Arrow).then_some((&args.tell, &args.auth)),
            Self::Resume(args) => Some((&args.export.tell, &args.export.auth)),
            _ => None,
        }
    }

    /// Remembers which flags were given: `resume` compares those of the command line, the environment and the configuration
    /// file, a stream refuses those of the command line that are not for it. `of_file` says which come from the file.
    pub(in crate::cli) fn take_note(&mut self, matches: &clap::ArgMatches, of_file: &dyn Fn(&str) -> bool) {
        let (given, from_elsewhere) = match self {
            Self::Export(args) => (&mut args.given, true),
            Self::Plan(args) => (&mut args.export.given, true),
            Self::Resume(args) => (&mut args.export.given, true),
            Self::Query(args) => (&mut args.given, false),
            _ => return,
        };
        let Some((name, matches)) = matches.subcommand() else { return };
        let command = <Cli as clap::CommandFactory>::command();
        let arguments = command.find_subcommand(name).into_iter().flat_map(clap::Command::get_arguments);
        let is_given = |id: &str, long: &str| {
            let there = matches.try_get_raw(id).ok().flatten().is_some();
            there
                && match matches.value_source(id) {
                    Some(ValueSource::CommandLine) => from_elsewhere || !of_file(long),
                    Some(ValueSource::EnvVariable) => from_elsewhere,
                    _ => false,
                }
        };
        *given = arguments
            .filter_map(|argument| Some((argument.get_id().as_str(), argument.get_long()?)))
            .filter(|(id, long)| is_given(id, long))
            .map(|(_, long)| long.to_owned())
            .collect();
        let typed = matches.value_source("format") == Some(ValueSource::CommandLine) && !of_file("format");
        let format = match self {
            Self::Export(args) => &mut args.format,
            Self::Plan(args) => &mut args.export.format,
            _ => return,
        };
        if *format == FormatArg::Arrow && !typed {
            // A file or a variable says that of `query`.
            *format = FormatArg::Plain;
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct InspectArgs {
    #[command(flatten)]
    pub(in crate::cli) file: FileArgs,
    #[command(flatten)]
    pub(in crate::cli) described: DescribedArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// Check that the source and the destination are ready for an export.
///
/// Source: connect, pin one point in time, read no rows of every table. Destination: list, write, read, upload in
/// parts, complete, abort, lock, write under a condition, clock or free space, delete; on a probe that is removed.
/// One line each, with what to do. Name either or both; the exit code is that of the first failure.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// Print SQL of a role that may export these tables. Default: none.
    ///
    /// It creates the role of this name, and grants the tables that are selected, the partitions below them and their
    /// schemas. Nothing is tried.
    #[arg(long, env = "LAKEXPRESS_PRINT_ROLE", value_name = "NAME", help_heading = "Check")]
    pub(in crate::cli) print_role: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) file: FileArgs,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) source: SourceArgs,
    #[command(flatten)]
    pub(in crate::cli) selection: SelectionArgs,
    #[command(flatten)]
    pub(in crate::cli) rules: RuleArgs,
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    #[command(flatten)]
    pub(in crate::cli) to: NotifyArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// Export the result of SQL over the source's tables.
///
/// Any DataFusion query: joins, aggregates, windows, CTEs, UNION, ORDER BY. All tables are read as of one
/// snapshot, and the result lies in <output-dir>/[sub-path/]query/<name>/, committed all or nothing. Names
/// without a schema are tables of `public` (PostgreSQL) or `main` (SQLite).
#[derive(Debug, Args)]
pub(in crate::cli) struct QueryArgs {
    /// The query; this or --script is needed
    #[arg(value_name = "SQL", conflicts_with = "script", help_heading = "Query")]
    pub(in crate::cli) sql: Option<String>,
    /// Name of the export. Default: none; goes with SQL, unless --format is arrow.
    #[arg(long, env = "LAKEXPRESS_NAME", value_name = "NAME", help_heading = "Query")]
    pub(in crate::cli) name: Option<String>,
    /// A query in the database's own SQL. Default: none.
    ///
    /// One SELECT, WITH, VALUES or TABLE. It is read in the run's snapshot, by one reader unless --key is given.
    #[arg(
        long,
        env = "LAKEXPRESS_SOURCE_SQL",
        value_name = "SQL",
        conflicts_with_all = ["sql", "script"],
        help_heading = "Query"
    )]
    pub(in crate::cli) source_sql: Option<String>,
    /// Column of the result of --source-sql by whose ranges it is cut. Default: none, one reader.
    ///
    /// Each reader evaluates the whole query for its range, and one more finds the ranges.
    #[arg(long, env = "LAKEXPRESS_KEY", value_name = "COLUMN", help_heading = "Query")]
    pub(in crate::cli) key: Option<String>,
    /// File of COPY (SELECT ...) TO 'name'; statements. Default: none.
    ///
    /// - is standard input. One export each, all as of one snapshot. Everything is checked before anything is exported.
    #[arg(long, env = "LAKEXPRESS_SCRIPT", value_name = "FILE", help_heading = "Query")]
    pub(in crate::cli) script: Option<PathBuf>,
    /// What the result becomes: parquet, delta or arrow. Default: parquet.
    ///
    /// delta is a Delta Lake table, of which each run makes a new version.
    /// arrow is an Arrow IPC stream on standard output, of one query: rows come while they are read, nothing is recorded.
    /// It is whole only if the exit code is 0.
    #[arg(
        long,
        env = "LAKEXPRESS_FORMAT",
        value_enum,
        default_value = "parquet",
        ignore_case = true,
        hide_possible_values = true,
        help_heading = "Query"
    )]
    pub(in crate::cli) format: FormatArg,
    /// Flags that stand on the command line.
    #[arg(skip)]
    pub(in crate::cli) given: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) file: FileArgs,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) source: SourceArgs,
    #[command(flatten)]
    pub(in crate::cli) types: TypeArgs,
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    #[command(flatten)]
    pub(in crate::cli) parallel: ParallelArgs,
    #[command(flatten)]
    pub(in crate::cli) parquet: ParquetArgs,
    #[command(flatten)]
    pub(in crate::cli) fanout: FanoutArgs,
    #[command(flatten)]
    pub(in crate::cli) run: RunArgs,
    #[command(flatten)]
    pub(in crate::cli) limits: LimitArgs,
    #[command(flatten)]
    pub(in crate::cli) tell: TellArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::cli) progress: ProgressArgs,
}

/// Export a small generated database and show the result; no setup required.
///
/// Writes a TPC-H database to a SQLite file, exports it to Parquet, and asks the files a question. Always
/// the same rows; a few seconds at the default scale.
#[derive(Debug, Args)]
pub(in crate::cli) struct DemoArgs {
    /// Directory to make. Default: ./lakexpress-demo.
    ///
    /// It must not exist, or be empty.
    #[arg(long, env = "LAKEXPRESS_DIR", value_name = "PATH", default_value = "./lakexpress-demo")]
    pub(in crate::cli) dir: PathBuf,
    /// TPC-H scale factor. Default: 0.1.
    ///
    /// 1 is 8.7 million rows; time and space grow in proportion (0.1 is about 113 MB of SQLite).
    #[arg(long, env = "LAKEXPRESS_SCALE", value_name = "FACTOR", default_value = "0.1", value_parser = parse_scale)]
    pub(in crate::cli) scale: f64,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// Print the completion script of a shell.
///
/// For example: lakexpress completions bash > ~/.local/share/bash-completion/completions/lakexpress
#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, ignore_case = true)]
    pub(in crate::cli) shell: clap_complete::Shell,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunsArgs {
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    /// Runs to list, newest first. Default: 20.
    #[arg(long, env = "LAKEXPRESS_LIMIT", value_name = "N", default_value = "20", value_parser = parse_count)]
    pub(in crate::cli) limit: usize,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StatusArgs {
    /// Id of the run; a unique beginning of it is enough
    #[arg(value_name = "RUN_ID")]
    pub(in crate::cli) run_id: String,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
