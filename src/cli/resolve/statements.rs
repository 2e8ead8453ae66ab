//! The statements that `query` exports.

use crate::catalog::TableRef;
use crate::catalog::filter::pattern_matches;
use crate::cli::args::QueryArgs;
use crate::config::script;
use crate::error::{Code, Error, Result};
use crate::plan::QueryStatement;
use crate::plan::query::{parse_query, parse_script, source_query};
use crate::secret;
use crate::spec::ExportSpec;

/// The name that a statement has where a result has none.
const UNNAMED: &str = "result";

/// The one statement of a stream.
pub(super) fn streamed(args: &QueryArgs) -> Result<QueryStatement> {
    match (&args.sql, &args.source_sql) {
        (Some(_), _) if args.key.is_some() => {
            Err(Error::usage("--key goes with --source-sql").coded(Code::FlagConflict))
        }
        (Some(sql), _) => parse_query(sql, UNNAMED),
        (None, Some(sql)) => source_query(sql, UNNAMED, args.key.as_deref()),
        (None, None) => Err(Error::usage("no query")
            .coded(Code::FlagMissing)
            .hint("lakexpress query --format arrow 'SELECT ...' > result.arrows")),
    }
}

/// Those whose results become files.
pub(super) fn statements(args: &QueryArgs) -> Result<Vec<QueryStatement>> {
    if args.key.is_some() && args.source_sql.is_none() {
        return Err(Error::usage("--key goes with --source-sql")
            .coded(Code::FlagConflict)
            .hint("in a script: COPY (SELECT ...) TO 'name' WITH (source_sql, key 'column')"));
    }
    if let (Some(sql), Some(name)) = (&args.source_sql, &args.name) {
        return Ok(vec![source_query(sql, name, args.key.as_deref())?]);
    }
    if args.source_sql.is_some() {
        return Err(Error::usage("the export has no name")
            .coded(Code::FlagMissing)
            .hint("give it one with --name NAME"));
    }
    match (&args.sql, &args.name, &args.script) {
        (Some(sql), Some(name), None) => Ok(vec![parse_query(sql, name)?]),
        (None, None, Some(path)) => {
            let standard_input = path.as_os_str() == "-";
            let origin =
                if standard_input { "standard input".to_owned() } else { path.display().to_string() };
            parse_script(&script::read(path)?, &origin)
        }
        (Some(_), None, _) => Err(Error::usage("the export has no name")
            .coded(Code::FlagMissing)
            .hint("give it one with --name NAME")),
        (_, Some(_), Some(_)) => {
            Err(Error::usage("--name goes with a query on the command line, not with --script")
                .coded(Code::FlagConflict)
                .hint("a script names its exports: COPY (SELECT ...) TO 'name'"))
        }
        _ => Err(Error::usage("no query")
            .coded(Code::FlagMissing)
            .hint("lakexpress query 'SELECT ...' --name NAME")
            .hint("or --script FILE with COPY (SELECT ...) TO 'name'; statements")),
    }
}

/// Warns of rules about files that match none of `statements`: misspelt, or those of tables in a configuration file.
pub(super) fn warn_of_unused_rules(spec: &ExportSpec, statements: &[QueryStatement]) {
    let names: Vec<TableRef> = statements.iter().map(QueryStatement::table).collect();
    let rules = spec.arrangement.partition_by.iter().map(|r| ("--partition-by", &r.pattern));
    let rules = rules.chain(spec.files.bloom_filters.iter().map(|r| ("--bloom-filter", &r.pattern)));
    let rules = rules.chain(spec.files.column_codecs.iter().map(|r| ("--column-compression", &r.pattern)));
    for (flag, pattern) in rules {
        if !names.iter().any(|name| pattern_matches(pattern, name)) {
            let names: Vec<String> = names.iter().map(TableRef::to_string).collect();
            let (pattern, names) = (secret::value(pattern), names.join(", "));
            tracing::warn!("{flag} '{pattern}' matches none of the results: {names}");
        }
    }
}
