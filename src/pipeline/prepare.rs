//! From patterns to plans: which tables, as of which view, cut how.

use std::sync::Arc;

use super::cut::cut;
use super::verify;
use crate::catalog::filter::{like, pattern_matches};
use crate::catalog::{Consistency, ListedTable, Slice, SourceSql, TableFilter, TableInfo, TableRef};
use crate::error::{Error, Result};
use crate::partition::{self, PartCount};
use crate::plan::query::QueryInput;
use crate::plan::{Cut, CutSlice, QueryStatement, Shape, TablePlan, plan_table};
use crate::secret;
use crate::source::{Snapshot, Source};
use crate::spec::{ExportSpec, IfExists, Method, TableRule};

/// The tables that the filter means. Nothing at all, or a named table that is not there, is an error:
/// a table that silently stays out of a nightly job is a lost table.
pub(super) async fn select(spec: &ExportSpec, source: &dyn Source) -> Result<Vec<TableRef>> {
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
    let mut error = Error::usage("no table matches");
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
/// nothing is only told, because tomorrow's tables may have that name.
fn missing_names(spec: &ExportSpec, all: &[ListedTable], chosen: &[TableRef]) -> Result<()> {
    for pattern in &spec.selection.filter.include {
        let excluded = || all.iter().any(|t| pattern_matches(pattern, &t.table));
        if !chosen.iter().any(|t| pattern_matches(pattern, t)) && !excluded() {
            return Err(Error::usage(format!("--include '{}' matches no table", secret::value(pattern)))
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
    for (flag, pattern) in rules {
        if !tables.iter().any(|t| pattern_matches(pattern, t)) {
            let wrong = Error::usage(format!(
                "{flag} '{}' matches none of the tables to export",
                secret::value(pattern)
            ));
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
        strsim::damerau_levenshtein(&full, pattern).min(strsim::damerau_levenshtein(bare, pattern))
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

/// Describes, cuts and plans one table as of `view`.
pub(super) async fn plan_one(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    table: &TableRef,
    run_id: &str,
) -> Result<TablePlan> {
    let stored = view.describe(table, &spec.selection.filter).await?;
    let info = shaped(spec, view, stored.clone()).await?;
    check_casts(spec, &info)?;
    if info.columns.is_empty() {
        return Err(Error::data("the table has no columns, and Parquet cannot keep rows without any")
            .with("table", table)
            .hint("leave it out with --exclude"));
    }
    let row =
        spec.cutting.table_configs.iter().find(|config| config.matches(table)).and_then(|c| c.row.as_ref());
    let by_row = |error: Error| match row {
        Some(row) => error.with("partition_columns row", &row.name),
        None => error,
    };
    let methods = source.dialect().methods(&info);
    let choice = partition::choose(&stored, &methods, &spec.cutting, PartCount::BySize).map_err(by_row)?;
    if choice.method == Method::Timepartition && spec.safety.consistency == Consistency::None {
        return Err(Error::usage("method Timepartition needs one point in time for all readers")
            .with("table", table)
            .hint("the directories are made from the rows there are: leave --consistency none out, or choose another method"));
    }
    let append = (spec.output.if_exists == IfExists::Append).then_some(run_id);
    if let Some(plan) = plan_selection(spec, source, view, [&stored, &info], &choice, append).await? {
        verify::check(&plan, source.as_ref(), spec.safety.verify)?;
        return Ok(plan);
    }
    let slices = cut(&stored, &choice, source.dialect(), view).await.map_err(by_row)?;
    let plan = plan_table(source, info, view.token().clone(), Cut { choice, slices }, spec, append).await?;
    verify::check(&plan, source.as_ref(), spec.safety.verify)?;
    Ok(plan)
}

/// The table with what the database's own SQL makes of it.
pub(super) async fn shaped(spec: &ExportSpec, view: &dyn Snapshot, info: TableInfo) -> Result<TableInfo> {
    let about = |rules: &[TableRule]| -> Vec<String> {
        rules.iter().filter(|r| pattern_matches(&r.pattern, &info.table)).map(|r| r.sql.clone()).collect()
    };
    let mut conditions = about(&spec.selection.source_wheres);
    let condition = match conditions.len() {
        0 | 1 => conditions.pop(),
        _ => {
            // Each alone, so that what is wrong with one is not mended by another.
            for condition in &conditions {
                let sql = SourceSql { condition: Some(condition.clone()), ..SourceSql::default() };
                view.shaped(info.clone(), &sql).await?;
            }
            Some(conditions.iter().map(|one| format!("(\n{one}\n)")).collect::<Vec<_>>().join(" AND "))
        }
    };
    let mut lists = about(&spec.selection.source_columns);
    let columns = lists.pop();
    if !lists.is_empty() {
        let error = Error::usage("more than one --source-columns names this table");
        return Err(error.with("table", &info.table));
    }
    if condition.is_none() && columns.is_none() {
        return Ok(info);
    }
    view.shaped(info, &SourceSql { condition, columns, ..SourceSql::default() }).await
}

/// The plan of a table as one part, where nobody chose how to cut it and `--where` selects so little of it that more
/// would be slower.
async fn plan_selection(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    [stored, info]: [&TableInfo; 2],
    choice: &partition::Choice,
    append: Option<&str>,
) -> Result<Option<TablePlan>> {
    let config = spec.cutting.table_configs.iter().find(|config| config.matches(&info.table));
    let asked_for = config.is_some_and(|config| config.method.is_some());
    let own = info.reading.condition();
    if asked_for || choice.parts == 1 || (Shape::of(&spec.selection, info)?.filter.is_none() && own.is_none())
    {
        return Ok(None);
    }
    let whole = Cut { choice: choice.clone(), slices: vec![CutSlice { slice: Slice::All, directory: None }] };
    let mut plan = plan_table(source, info.clone(), view.token().clone(), whole, spec, append).await?;
    // What is pushed may be about columns that the table does not have.
    let pushed = plan.pushed.iter().filter(|_| info.reading.list().is_none());
    let conditions: Vec<String> = pushed.cloned().chain(own.map(|own| format!("(\n{own}\n)"))).collect();
    if conditions.is_empty() {
        return Ok(None);
    }
    let Some(selection) = view.selection(stored, &conditions.join(" AND ")).await? else { return Ok(None) };
    let Some(choice) = partition::one_is_enough(choice, info, spec.cutting.part_bytes, selection) else {
        return Ok(None);
    };
    (plan.method, plan.method_reason, plan.readers) = (choice.method, choice.reason, choice.readers);
    Ok(Some(plan))
}

/// Describes a table that queries read and cuts it into at most `spec.cutting.readers` slices.
pub(super) async fn query_input(
    spec: &ExportSpec,
    source: &dyn Source,
    view: &dyn Snapshot,
    table: &TableRef,
) -> Result<QueryInput> {
    // A statement names it, whatever it is.
    let named = TableFilter { views: true, include: vec![exact(&table.name)], ..TableFilter::default() };
    let info = view.describe(table, &named).await?;
    check_casts(spec, &info)?;
    // The rows flow on at once: smaller slices would only be more connections.
    let methods = source.dialect().methods(&info);
    let choice = partition::choose(&info, &methods, &spec.cutting, PartCount::ByReaders)?;
    let slices = cut(&info, &choice, source.dialect(), view).await?;
    Ok(QueryInput { info, slices: slices.into_iter().map(|cut| cut.slice).collect() })
}

/// Describes a query in the source's own SQL and cuts its result into at most `spec.cutting.readers` slices, if it has a key.
pub(super) async fn source_query_input(
    spec: &ExportSpec,
    source: &dyn Source,
    view: &dyn Snapshot,
    statement: &QueryStatement,
) -> Result<QueryInput> {
    let (name, own) = (statement.table(), statement.source_sql.as_ref());
    let sql = own.and_then(|own| own.query.as_deref()).unwrap_or_default();
    let info = view.describe_query(&name, sql).await?;
    check_casts(spec, &info)?;
    let Some(key) = own.and_then(|own| own.key.clone()) else {
        return Ok(QueryInput { info, slices: vec![Slice::All] });
    };
    if info.column(&key).is_none() {
        let near = info.columns.iter().min_by_key(|c| strsim::damerau_levenshtein(c.name(), &key));
        let hint = near.map_or_else(String::new, |near| format!("did you mean {}?", near.name()));
        return Err(Error::usage(format!("column '{key}' of --key is not in the result")).hint(hint));
    }
    let readers = spec.cutting.readers.max(1);
    let reason = "--key".to_owned();
    let choice =
        partition::Choice { method: Method::RangeId, key: Some(key), parts: readers, readers, reason };
    let slices = cut(&info, &choice, source.dialect(), view).await?;
    Ok(QueryInput { info, slices: slices.into_iter().map(|cut| cut.slice).collect() })
}

/// The pattern that matches `name` and no other.
fn exact(name: &str) -> String {
    name.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// `--cast` of a column that is not there.
fn check_casts(spec: &ExportSpec, info: &TableInfo) -> Result<()> {
    for (pattern, column) in &spec.types.cast_text {
        if pattern_matches(pattern, &info.table) && info.column(column).is_none() {
            let near = info.columns.iter().min_by_key(|c| strsim::damerau_levenshtein(c.name(), column));
            return Err(Error::usage(format!("column '{column}' of --cast does not exist"))
                .with("table", &info.table)
                .hint(near.map_or_else(String::new, |c| format!("did you mean {}?", c.name()))));
        }
    }
    Ok(())
}
