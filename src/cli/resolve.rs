//! Flags to an [`ExportSpec`] and the objects a run works with. All problems of a command line are said at once.

mod files;
mod format;
mod limits;
pub(super) mod looked_at;
pub(super) mod masks;
mod opened;
mod parquet;
mod problems;
pub(super) mod publication;
mod run_log;
mod statements;
mod streaming;
pub(super) mod verification;

use std::path::Path;
use std::sync::Arc;

use url::Url;

pub(super) use self::limits::within_hours;
pub(super) use self::opened::{Opened, auth_file};
pub(super) use self::problems::Problems;
pub(super) use self::run_log::is_own_run_log;
use self::run_log::{open_run_log, run_log_of, run_log_target};
use self::statements::statements;
#[cfg(test)]
pub(super) use self::streaming::OF_FILES;
pub(super) use self::streaming::stream;
use super::args::{
    ArrangementArgs, AuthArgs, CheckArgs, DescribedArgs, DocumentArgs, ExportArgs, FanoutArgs, GenerateArgs,
    InitArgs, InspectArgs, LimitArgs, ParallelArgs, ParquetArgs, QueryArgs, RuleArgs, RunArgs, SelectionArgs,
    SourceArgs, TargetArgs, TypeArgs,
};
use super::{named, values};
use crate::catalog::{Consistency, TableFilter};
use crate::config::auth::AuthFile;
use crate::config::environment;
use crate::destination::{self, Destination, StorageEntry};
use crate::error::{Code, Error, Result};
use crate::plan::QueryStatement;
use crate::runlog::{RunLog, RunRecord};
use crate::secret;
use crate::source::{self, Address, Environment, Source};
use crate::spec::{
    ArrangementSpec, CuttingSpec, ExportSpec, Format, MasksSpec, MetadataSpec, Misread, Origin, OutputSpec,
    ParquetSpec, RunSpec, SafetySpec, SelectionSpec, TableConfig, TypePolicy, Verify, cores, misread,
};

/// The least size of a file that may be asked for: less is mostly footers.
const LEAST_FILE_BYTES: u64 = 64 << 10;

/// The two connections that hold the snapshot, and one that reads.
const LEAST_CONNECTIONS: usize = 3;

/// What `export` and `query` work with.
pub(super) struct Export {
    pub(super) spec: ExportSpec,
    pub(super) opened: Opened,
}

/// What `plan` and `inspect` work with.
pub(super) struct Plan {
    pub(super) spec: ExportSpec,
    pub(super) source: Arc<dyn Source>,
    /// The destination as the user wrote it.
    pub(super) destination: Option<String>,
    /// The same, as the destination calls itself.
    pub(super) location: Option<String>,
    /// The run log, whose `partition_columns` count; none when it has no place.
    pub(super) runlog: Option<Arc<dyn RunLog>>,
}

/// Everything `export` needs. The destination and the run log are opened last, when nothing else is wrong.
pub(super) fn export(args: &ExportArgs) -> Result<Export> {
    let mut problems = Problems::default();
    let mut spec = export_spec(args, &mut problems);
    spec.origin = problems.keep(named::origin(&args.auth, &args.source, &args.target)).unwrap_or_default();
    let auth = problems.keep(auth_file(&args.auth)).flatten();
    let source = source(&args.source, &args.auth, auth.as_ref(), &spec.types, &mut problems);
    let opened = opened(source, (&args.auth, auth.as_ref()), &args.target, problems)?;
    Ok(Export { spec, opened })
}

/// Everything `query` needs, the statements parsed.
pub(super) fn query(args: &QueryArgs) -> Result<(Export, Vec<QueryStatement>)> {
    let mut problems = Problems::default();
    let statements = problems.keep(statements(args)).unwrap_or_default();
    let mut spec = query_spec(args, &mut problems);
    spec.origin = problems.keep(named::origin(&args.auth, &args.source, &args.target)).unwrap_or_default();
    let auth = problems.keep(auth_file(&args.auth)).flatten();
    let source = source(&args.source, &args.auth, auth.as_ref(), &spec.types, &mut problems);
    let opened = opened(source, (&args.auth, auth.as_ref()), &args.target, problems)?;
    statements::warn_of_unused_rules(&spec, &statements);
    Ok((Export { spec, opened }, statements))
}

fn query_spec(args: &QueryArgs, problems: &mut Problems) -> ExportSpec {
    let groups = Groups {
        types: &args.types,
        target: &args.target,
        parallel: &args.parallel,
        parquet: &args.parquet,
        run: &args.run,
        limits: &args.limits,
    };
    let mut spec = groups.spec(problems);
    if let Some(format) = args.format.of_files() {
        format::formatted(format, &mut spec, problems);
    }
    spec.arrangement = fanout(&args.fanout, problems);
    spec
}

/// Opens the destination and the run log, when nothing is wrong so far.
fn opened(
    source: Option<Arc<dyn Source>>,
    (auth_args, auth): (&AuthArgs, Option<&AuthFile>),
    target_args: &TargetArgs,
    mut problems: Problems,
) -> Result<Opened> {
    let runlog = problems.keep(run_log_of(auth_args, auth));
    let destination = target_address(target_args, (auth_args, auth), true);
    let destination = problems.keep(destination).flatten();
    let destination = destination.and_then(|address| problems.keep(destination::open(&address)));
    problems.finish()?;
    let (Some(source), Some(destination), Some(runlog)) = (source, destination, runlog) else {
        return Err(Error::internal("a flag was neither resolved nor refused"));
    };
    Ok(Opened { source, destination, runlog })
}

/// Everything `plan` needs. The run log's and the destination's flags are checked, nothing is opened or made.
pub(super) fn plan(args: &ExportArgs) -> Result<Plan> {
    let mut problems = Problems::default();
    let spec = export_spec(args, &mut problems);
    let auth = problems.keep(auth_file(&args.auth)).flatten();
    let source = source(&args.source, &args.auth, auth.as_ref(), &spec.types, &mut problems);
    // A plan needs no run log: without a place for one there are no rows.
    let runlog = match args.auth.log_db_auth_id {
        Some(_) => problems.keep(run_log_of(&args.auth, auth.as_ref())),
        None => open_run_log(None).ok(),
    };
    let destination = target_address(&args.target, (&args.auth, auth.as_ref()), false);
    let destination = problems.keep(destination).flatten();
    let destination = destination.and_then(|address| {
        let location = problems.keep(destination::open(&address))?.location();
        let written = match address {
            destination::Address::Location(text) if !text.contains("://") => text,
            _ => location.clone(),
        };
        Some((written, location))
    });
    let (destination, location) = destination.unzip();
    problems.finish()?;
    let source = source.ok_or_else(|| Error::internal("a source was neither resolved nor refused"))?;
    Ok(Plan { spec, source, destination, location, runlog })
}

/// Everything `inspect` needs: a plan of whole tables, one reader each.
pub(super) fn inspect(args: &InspectArgs) -> Result<Plan> {
    described(&args.described)
}

/// Everything `init` needs: the same, and a destination that could be one, if it is named.
pub(super) fn init(args: &InitArgs) -> Result<Plan> {
    if let Some(sub_path) = &args.target.sub_path {
        values::parse_sub_path(sub_path)?;
    }
    let auth_args = &args.described.auth;
    let auth = auth_file(auth_args)?;
    if let Some(address) = target_address(&args.target, (auth_args, auth.as_ref()), false)? {
        destination::open(&address)?;
    }
    described(&args.described)
}

fn described(args: &DescribedArgs) -> Result<Plan> {
    let DescribedArgs { auth: auth_args, source: source_args, selection, types } = args;
    let mut problems = Problems::default();
    let spec = ExportSpec {
        types: type_policy(types, &mut problems),
        parquet: ParquetSpec::suited(types.readers.clone()),
        cutting: CuttingSpec::whole_tables(),
        ..plain_spec(table_filter(selection))
    };
    let auth = problems.keep(auth_file(auth_args)).flatten();
    let source = source(source_args, auth_args, auth.as_ref(), &spec.types, &mut problems);
    problems.keep(run_log_target(auth_args, auth.as_ref()));
    problems.finish()?;
    let source = source.ok_or_else(|| Error::internal("a source was neither resolved nor refused"))?;
    Ok(Plan { spec, source, destination: None, location: None, runlog: None })
}

/// What `check` tries.
pub(super) struct Check {
    pub(super) spec: ExportSpec,
    pub(super) source: Option<Arc<dyn Source>>,
    pub(super) destination: Option<Arc<dyn Destination>>,
}

/// Everything `check` needs: a source, a destination, or both.
pub(super) fn check(args: &CheckArgs) -> Result<Check> {
    let mut problems = Problems::default();
    let mut spec = plain_spec(table_filter(&args.selection));
    rules(&args.rules, &mut problems, &mut spec);
    let sub_path = args.target.sub_path.as_deref().map(values::parse_sub_path);
    spec.output.sub_path = sub_path.and_then(|path| problems.keep(path)).unwrap_or_default();
    let auth = problems.keep(auth_file(&args.auth)).flatten();
    let named = args.source.source.is_some() || args.source.source_db_auth_id.is_some();
    let address = target_address(&args.target, (&args.auth, auth.as_ref()), false);
    let address = problems.keep(address).flatten();
    if !named && address.is_none() {
        problems.add(Error::usage("nothing to check").coded(Code::FlagMissing).hint(
            "name a source with --source or --source-db-auth-id, a destination with --output-dir or \
             --target-storage-id, or both",
        ));
    }
    problems.keep(run_log_target(&args.auth, auth.as_ref()));
    let source = if named {
        source(&args.source, &args.auth, auth.as_ref(), &spec.types, &mut problems)
    } else {
        None
    };
    let destination = address.and_then(|address| problems.keep(destination::open(&address)));
    problems.finish()?;
    Ok(Check { spec, source, destination })
}

/// What an export of the tables of `filter` does without further flags.
pub(super) fn plain_spec(filter: TableFilter) -> ExportSpec {
    let selection = SelectionSpec { filter, ..SelectionSpec::default() };
    ExportSpec { selection, ..ExportSpec::default() }
}

/// The run log that `runs` and `status` read.
pub(super) fn run_log(args: &AuthArgs) -> Result<Arc<dyn RunLog>> {
    let auth = auth_file(args)?;
    run_log_of(args, auth.as_ref())
}

/// One run, from its id or a unique beginning of it.
pub(super) async fn recorded(runlog: &dyn RunLog, run_id: &str) -> Result<RunRecord> {
    // What an earlier run could not record is written now.
    runlog.reach().await?;
    runlog.run(run_id).await?.ok_or_else(|| {
        Error::usage(format!("no run '{}'", secret::value(run_id)))
            .coded(Code::UnknownRun)
            .with("run log", runlog.location())
            .hint("`lakexpress runs` lists the runs of a run log; --log-db-auth-id names another one")
    })
}

fn rules(args: &RuleArgs, problems: &mut Problems, spec: &mut ExportSpec) {
    let mut parsed = |flag: &'static str, texts: &[String]| {
        texts.iter().filter_map(|text| problems.keep(values::parse_rule(flag, text))).collect()
    };
    spec.selection.wheres = parsed("--where", &args.wheres);
    spec.selection.columns = parsed("--columns", &args.columns);
    spec.selection.source_wheres = parsed("--source-where", &args.source_wheres);
    spec.selection.source_columns = parsed("--source-columns", &args.source_columns);
}

pub(super) fn export_spec(args: &ExportArgs, problems: &mut Problems) -> ExportSpec {
    let groups = Groups {
        types: &args.types,
        target: &args.target,
        parallel: &args.parallel,
        parquet: &args.parquet,
        run: &args.run,
        limits: &args.limits,
    };
    let metadata = generated(&args.metadata, problems);
    if args.verify.verify != Verify::None && args.run.consistency == Consistency::None {
        problems.add(
            Error::usage(
                "--verify compares with the source at one point in time, --consistency none has none",
            )
            .coded(Code::NotVerifiable)
            .hint("leave out one of them; --consistency table is enough"),
        );
    }
    let mut spec = groups.spec(problems);
    spec.selection.filter = table_filter(&args.selection);
    spec.cutting.env_name = args.run_log.env_name.clone().filter(|name| !name.is_empty());
    spec.safety.verify = args.verify.verify;
    spec.safety.accept_mixed_snapshot = args.accept_mixed_snapshot;
    spec.output.metadata = metadata;
    format::exported(args, &mut spec, problems);
    rules(&args.rules, problems, &mut spec);
    spec.masks = masks::masks(&args.masks, problems);
    spec.arrangement = arrangement(&args.arrangement, problems);
    spec
}

/// How rows are laid out in files.
fn arrangement(args: &ArrangementArgs, problems: &mut Problems) -> ArrangementSpec {
    let sort_by = args.sort_by.iter();
    let sort_by = sort_by.filter_map(|text| problems.keep(values::parse_sort(text))).collect();
    let (least, most) = (args.min_file_bytes.as_ref(), args.fanout.max_file_bytes.as_ref());
    if let (Some(least), Some(most)) = (least, most)
        && least.0 > most.0
    {
        problems
            .add(Error::usage("--min-file-bytes is larger than --max-file-bytes").coded(Code::FlagConflict));
    }
    ArrangementSpec {
        sort_by,
        min_file_bytes: least.map(|size| size.0),
        deterministic: args.deterministic,
        ..fanout(&args.fanout, problems)
    }
}

/// Into which files the rows of a part go.
fn fanout(args: &FanoutArgs, problems: &mut Problems) -> ArrangementSpec {
    let partition_by = args.partition_by.iter();
    let partition_by =
        partition_by.filter_map(|text| problems.keep(values::parse_rule("--partition-by", text))).collect();
    let most = args.max_file_bytes.as_ref();
    if most.is_some_and(|most| most.0 < LEAST_FILE_BYTES) {
        problems.add(
            Error::usage("--max-file-bytes is too small").coded(Code::FlagValue).hint("write at least 64KiB"),
        );
    }
    ArrangementSpec {
        partition_by,
        max_file_bytes: most.map(|size| size.0),
        max_open_files: args.max_open_files,
        max_partitions: args.max_partitions,
        ..ArrangementSpec::default()
    }
}

/// The metadata that an export is to write.
fn generated(args: &GenerateArgs, problems: &mut Problems) -> Option<MetadataSpec> {
    if args.generate_metadata {
        return Some(metadata_spec(&args.documents));
    }
    for (flag, given) in [
        ("--include-entity-files", args.documents.include_entity_files),
        ("--manifest-name", args.documents.manifest_name.is_some()),
        ("--run-id", args.run_id.is_some()),
    ] {
        if given {
            problems.add(
                Error::usage(format!("{flag} goes with --generate-metadata"))
                    .coded(Code::FlagConflict)
                    .hint("add --generate-metadata, or leave it out; ids of runs are made by the program"),
            );
        }
    }
    None
}

pub(super) fn metadata_spec(args: &DocumentArgs) -> MetadataSpec {
    MetadataSpec { entity_files: args.include_entity_files, manifest_name: args.manifest_name.clone() }
}

/// What commands about an earlier run work with.
pub(super) struct History {
    pub(super) runlog: Arc<dyn RunLog>,
    /// The destination, if one is named.
    pub(super) destination: Option<Arc<dyn Destination>>,
}

/// Everything that commands about an earlier run need.
pub(super) fn history(auth_args: &AuthArgs, target: &TargetArgs) -> Result<History> {
    let mut problems = Problems::default();
    let auth = problems.keep(auth_file(auth_args)).flatten();
    let log = problems.keep(run_log_target(auth_args, auth.as_ref())).flatten();
    let address = problems.keep(target_address(target, (auth_args, auth.as_ref()), false)).flatten();
    let destination = address.and_then(|address| problems.keep(destination::open(&address)));
    problems.finish()?;
    Ok(History { runlog: open_run_log(log)?, destination })
}

/// The groups of flags that `export` and `query` share.
struct Groups<'a> {
    types: &'a TypeArgs,
    target: &'a TargetArgs,
    parallel: &'a ParallelArgs,
    parquet: &'a ParquetArgs,
    run: &'a RunArgs,
    limits: &'a LimitArgs,
}

impl Groups<'_> {
    /// A spec of all tables, without rules.
    fn spec(&self, problems: &mut Problems) -> ExportSpec {
        let args = self;
        if args.parallel.max_connections < LEAST_CONNECTIONS {
            problems.add(
                Error::usage(format!("--max-connections {} is too few", args.parallel.max_connections))
                    .coded(Code::ConnectionBudget)
                    .hint(format!("write at least {LEAST_CONNECTIONS}: two hold the snapshot, one reads")),
            );
        }
        let table_configs =
            args.parallel.table_config.iter().filter_map(|text| problems.keep(TableConfig::parse_list(text)));
        let table_configs = table_configs.flatten().collect();
        let sub_path = args.target.sub_path.as_deref().map(values::parse_sub_path);
        let parquet = parquet::parquet(args.parquet, &args.types.readers);
        ExportSpec {
            selection: SelectionSpec::default(),
            types: type_policy(args.types, problems),
            cutting: CuttingSpec {
                readers: values::readers(args.parallel.parallel, cores()),
                large_table_rows: args.parallel.large_table_threshold,
                part_bytes: args.parallel.part_bytes.0,
                table_configs,
                env_name: None,
            },
            arrangement: ArrangementSpec::default(),
            masks: MasksSpec::default(),
            files: files::files(args.parquet, parquet.encodings, problems),
            parquet,
            safety: SafetySpec { consistency: args.run.consistency, ..SafetySpec::default() },
            output: OutputSpec {
                sub_path: sub_path.and_then(|path| problems.keep(path)).unwrap_or_default(),
                format: Format::default(),
                keep_versions: args.run.keep_versions.map(|count| count as u64),
                if_exists: args.run.if_exists,
                empty_tables: args.run.empty_tables,
                metadata: None,
            },
            run: RunSpec {
                n_jobs: args.parallel.n_jobs,
                max_connections: args.parallel.max_connections,
                memory_limit_bytes: args.run.memory_limit.0,
                retries: args.run.retries,
                error_action: args.run.error_action,
            },
            limits: limits::limits(args.limits, args.run.consistency, problems),
            origin: Origin::default(),
        }
    }
}

fn table_filter(args: &SelectionArgs) -> TableFilter {
    TableFilter {
        schemas: values::split_patterns(&args.source_schema_name),
        include: values::split_patterns(&args.include),
        exclude: values::split_patterns(&args.exclude),
        views: args.views,
    }
}

fn type_policy(args: &TypeArgs, problems: &mut Problems) -> TypePolicy {
    TypePolicy {
        special_values: args.special_values,
        numeric: args.numeric,
        cast_text: args.cast.iter().filter_map(|text| problems.keep(values::parse_cast(text))).collect(),
    }
}

/// Opens the source; does not connect. None only together with a problem, or after one of the auth file.
pub(super) fn source(
    args: &SourceArgs,
    auth_args: &AuthArgs,
    auth: Option<&AuthFile>,
    policy: &TypePolicy,
    problems: &mut Problems,
) -> Option<Arc<dyn Source>> {
    source_in(args, (auth_args, auth), policy, &environment::of_process(), problems)
}

/// Opens the source of a run log's record: it gets passwords of the surroundings only where these name it too.
pub(super) fn recorded_source(
    args: &SourceArgs,
    auth: (&AuthArgs, Option<&AuthFile>),
    policy: &TypePolicy,
    problems: &mut Problems,
) -> Option<Arc<dyn Source>> {
    source_in(args, auth, policy, &environment::of_process().for_recorded(), problems)
}

fn source_in(
    args: &SourceArgs,
    (auth_args, auth): (&AuthArgs, Option<&AuthFile>),
    policy: &TypePolicy,
    environment: &Environment,
    problems: &mut Problems,
) -> Option<Arc<dyn Source>> {
    let address = match (&args.source, &args.source_db_auth_id) {
        (Some(_), Some(_)) => Err(Error::usage("--source and --source-db-auth-id both name a source")
            .coded(Code::FlagConflict)
            .hint("keep one")),
        (None, None) => Err(Error::usage("no source")
            .coded(Code::FlagMissing)
            .hint("name one with --auth FILE and --source-db-auth-id ID, or with --source URL")),
        (Some(_), None) if args.source_db_name.is_some() => {
            Err(Error::usage("--source-db-name goes with --source-db-auth-id, not with --source")
                .coded(Code::FlagConflict)
                .hint("write the database into the URL"))
        }
        (Some(url), None) => source_url(&url.0),
        (None, Some(id)) => match auth {
            Some(auth) => auth.source(id, args.source_db_name.as_deref()),
            // The file was named but could not be read, which has been said.
            None if auth_args.auth.is_some() => return None,
            None => Err(Error::usage("--source-db-auth-id needs an auth file")
                .coded(Code::FlagMissing)
                .hint("name it with -a/--auth FILE")),
        },
    };
    let address = problems.keep(address)?;
    problems.keep(source::open(&address, policy, environment))
}

/// Opens the source at a URL; does not connect.
pub(super) fn open_url(url: &Url, policy: &TypePolicy) -> Result<Arc<dyn Source>> {
    source::open(&Address::Url(url.clone()), policy, &environment::of_process())
}

/// Whether the URL of `--source`, if it is given, is one; nothing is opened.
pub(super) fn check_source_url(args: &SourceArgs, problems: &mut Problems) {
    let Some(url) = &args.source else { return };
    let Some(Address::Url(url)) = problems.keep(source_url(&url.0)) else { return };
    let names: Vec<&str> = source::SOURCES.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    if !names.contains(&url.scheme()) {
        problems.add(
            Error::usage(format!("--source has the scheme '{}', which no source has", url.scheme()))
                .coded(Code::AddressInvalid)
                .hint(format!("schemes: {}", names.join(", "))),
        );
    }
}

fn source_url(text: &str) -> Result<Address> {
    // The text may hold a password: it is in no message. Blanks at its ends are forgiven.
    let schemes = source::SOURCES.iter().flat_map(|(names, _)| names.iter().copied());
    if let Some(Misread { what, remedy }) = misread(text.trim(), schemes) {
        return Err(Error::usage(format!("--source {what}")).coded(Code::AddressInvalid).hint(remedy));
    }
    Url::parse(text).map(Address::Url).map_err(|error| {
        // Its words are of the parser and quote nothing.
        let wrong = Error::usage(format!("--source is not a URL: {error}")).coded(Code::AddressInvalid);
        if Path::new(text).is_file() {
            return wrong.hint(format!("to read a SQLite file, use --source 'sqlite:{text}'"));
        }
        let names: Vec<&str> = source::SOURCES.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        wrong
            .hint(format!("write SCHEME://user@host:port/database, or sqlite:path/of/file; schemes: {}", names.join(", ")))
            .hint("of a user name or a password, write special characters as %XX: @ is %40, : %3A, / %2F, # %23")
    })
}

/// Where files go; none if that is not said and not needed.
pub(super) fn target_address(
    args: &TargetArgs,
    (auth_args, auth): (&AuthArgs, Option<&AuthFile>),
    needed: bool,
) -> Result<Option<destination::Address>> {
    match (&args.output_dir, &args.target_storage_id) {
        (Some(_), Some(_)) => {
            Err(Error::usage("--output-dir and --target-storage-id both name a destination")
                .coded(Code::FlagConflict).hint("keep one"))
        }
        (None, Some(id)) => match auth {
            Some(auth) => {
                let storage = auth.storage(id)?;
                let (id, kind) = (id.clone(), storage.kind);
                let entry = StorageEntry { id, kind, mode: storage.mode, info: storage.info };
                Ok(Some(destination::Address::Entry(entry)))
            }
            // The file was named but could not be read, which has been said.
            None if auth_args.auth.is_some() => Ok(None),
            None => Err(Error::usage("--target-storage-id needs an auth file").coded(Code::FlagMissing)
                .hint("name it with -a/--auth FILE")),
        },
        (Some(location), None) if location.trim().is_empty() => {
            Err(Error::usage("--output-dir is empty")
                .coded(Code::FlagValue).hint("name a directory, . for the current one"))
        }
        (Some(location), None) => Ok(Some(destination::Address::Location(location.clone()))),
        (None, None) if needed => Err(Error::usage("no destination").coded(Code::FlagMissing)
            .hint("name a directory or a URL with --output-dir, or a storage of the auth file with --target-storage-id")),
        (None, None) => Ok(None),
    }
}

/// Opens what `--output-dir` names; does not connect.
pub(super) fn open_destination(location: &str) -> Result<Arc<dyn Destination>> {
    destination::open(&destination::Address::Location(location.to_owned()))
}
