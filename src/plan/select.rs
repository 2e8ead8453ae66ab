//! Which tables an export means.

use crate::catalog::filter::{like, pattern_matches};
use crate::catalog::{ListedTable, TableFilter, TableRef};
use crate::error::{Code, Error, Result};
use crate::secret;
use crate::source::Source;
use crate::spec::{self, ExportSpec};

/// The tables that the filter means. Nothing at all, or a named table that is not there, is an error:
/// a table that silently stays out of a nightly job is a lost table.
pub async fn tables(spec: &ExportSpec, source: &dyn Source) -> Result<Vec<TableRef>> {
    let everything = TableFilter { views: true, ..TableFilter::default() };
    let all = source.list(&everything).await?;
    let partitions =
        source.list(&TableFilter { include: spec.selection.filter.include.clone(), ..everything }).await?;
    let mut chosen: Vec<ListedTable> =
        all.iter().chain(&partitions).filter(|t| spec.selection.filter.matches(t)).cloned().collect();
    chosen.sort_by(|a, b| a.table.cmp(&b.table));
    chosen.dedup();
    let tables: Vec<TableRef> = chosen.into_iter().map(|t| t.table).collect();
    missing_names(spec, &all, &tables)?;
    if tables.is_empty() {
        return Err(nothing_matches(spec, &all));
    }
    rules_that_match_nothing(spec, &tables, &all)?;
    Ok(tables)
}

fn nothing_matches(spec: &ExportSpec, all: &[ListedTable]) -> Error {
    let mut schemas: Vec<&str> = all.iter().map(|t| t.table.schema.as_str()).collect();
    schemas.dedup();
    let quoted = |patterns: &[String]| patterns.join(", ");
    let mut error = Error::usage("no table matches").coded(Code::NoTable);
    for (flag, patterns) in [
        ("--source-schema-name", &spec.selection.filter.schemas),
        ("--include", &spec.selection.filter.include),
        ("--exclude", &spec.selection.filter.exclude),
    ] {
        if !patterns.is_empty() {
            error = error.with(flag, quoted(patterns));
        }
    }
    if schemas.is_empty() {
        error.hint("the database has no tables that this user can see")
    } else {
        error.hint(format!("schemas with tables: {}", schemas.join(", ")))
    }
}

/// Includes that name no table are errors, even beside others that do; an exclude or a schema that names
/// nothing is only a warning, because tomorrow's tables may have that name.
fn missing_names(spec: &ExportSpec, all: &[ListedTable], chosen: &[TableRef]) -> Result<()> {
    for pattern in &spec.selection.filter.include {
        let excluded = || all.iter().any(|t| pattern_matches(pattern, &t.table));
        if !chosen.iter().any(|t| pattern_matches(pattern, t)) && !excluded() {
            return Err(Error::usage(format!("--include '{}' matches no table", secret::value(pattern)))
                .coded(Code::NoTable)
                .hint(nearest(pattern, all.iter().map(|t| &t.table))));
        }
    }
    for pattern in
        spec.selection.filter.exclude.iter().filter(|p| !all.iter().any(|t| pattern_matches(p, &t.table)))
    {
        tracing::warn!("--exclude '{}' matches no table{}", secret::value(pattern), starred(pattern));
    }
    for pattern in
        spec.selection.filter.schemas.iter().filter(|p| !all.iter().any(|t| like(p, &t.table.schema)))
    {
        let (pattern, starred) = (secret::value(pattern), starred(pattern));
        tracing::warn!("--source-schema-name '{pattern}' matches no schema with tables{starred}");
    }
    Ok(())
}

/// A filter or column list with a misspelt table would export too much without a word.
fn rules_that_match_nothing(spec: &ExportSpec, tables: &[TableRef], all: &[ListedTable]) -> Result<()> {
    let rules = spec.selection.wheres.iter().map(|r| ("--where", &r.pattern));
    let rules = rules.chain(spec.selection.columns.iter().map(|r| ("--columns", &r.pattern)));
    let rules = rules.chain(spec.selection.source_wheres.iter().map(|r| ("--source-where", &r.pattern)));
    let rules = rules.chain(spec.selection.source_columns.iter().map(|r| ("--source-columns", &r.pattern)));
    let rules = rules.chain(spec.cutting.table_configs.iter().map(|c| ("--table-config", &c.pattern)));
    let rules = rules.chain(spec.types.cast_text.iter().map(|(pattern, _)| ("--cast", pattern)));
    let arrangement = &spec.arrangement;
    let rules = rules.chain(arrangement.partition_by.iter().map(|r| ("--partition-by", &r.pattern)));
    let rules = rules.chain(arrangement.sort_by.iter().map(|r| ("--sort-by", &r.pattern)));
    let rules = rules.chain(spec.files.bloom_filters.iter().map(|r| ("--bloom-filter", &r.pattern)));
    let rules = rules.chain(spec.files.column_codecs.iter().map(|r| ("--column-compression", &r.pattern)));
    for (flag, pattern) in rules {
        if !tables.iter().any(|t| pattern_matches(pattern, t)) {
            let wrong = Error::usage(format!(
                "{flag} '{}' matches none of the tables to export",
                secret::value(pattern)
            ))
            .coded(Code::NoTable);
            return Err(match all.iter().find(|t| pattern_matches(pattern, &t.table)) {
                Some(there) => wrong.hint(left_out(spec, there)),
                None => wrong.hint(nearest(pattern, tables.iter())),
            });
        }
    }
    Ok(())
}

/// Why a table that is there is none of those to export.
fn left_out(spec: &ExportSpec, ListedTable { table, kind }: &ListedTable) -> String {
    let TableFilter { schemas, include, exclude, .. } = &spec.selection.filter;
    let by = if exclude.iter().any(|pattern| pattern_matches(pattern, table)) {
        "--exclude"
    } else if !schemas.is_empty() && !schemas.iter().any(|pattern| like(pattern, &table.schema)) {
        "--source-schema-name"
    } else if !include.is_empty() && !include.iter().any(|pattern| pattern_matches(pattern, table)) {
        "--include"
    } else {
        return format!("{table} is a {kind}: it is exported when --include has its full name");
    };
    format!("{table} is left out by {by}: change that, or leave this rule out")
}

fn nearest<'a>(pattern: &str, all: impl Iterator<Item = &'a TableRef>) -> String {
    let distance = |table: &&TableRef| {
        let (full, bare) = (table.full(), &table.name);
        spec::distance(pattern, &full).min(spec::distance(pattern, bare))
    };
    if pattern.contains('*') {
        return any_text(pattern);
    }
    all.min_by_key(distance)
        .map_or_else(|| "there are no tables".into(), |table| format!("did you mean {table}?"))
}

fn starred(pattern: &str) -> String {
    if pattern.contains('*') { format!(": {}", any_text(pattern)) } else { String::new() }
}

/// Patterns are those of LIKE; a shell's stand for themselves.
fn any_text(pattern: &str) -> String {
    format!("% and not * stands for any text: '{}'", secret::value(&pattern.replace('*', "%")))
}
