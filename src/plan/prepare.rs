//! From what the source says of a table to its plan: as of which view, cut how.

use std::sync::Arc;

use super::arrangement::Wanted;
use super::cut::cut;
use super::masks::TableMasks;
use super::query::QueryInput;
use super::{Cut, CutSlice, QueryStatement, Shape, TablePlan, plan_table, verifiable};
use crate::catalog::filter::pattern_matches;
use crate::catalog::{ColumnInfo, Consistency, Slice, SourceSql, TableFilter, TableInfo, TableRef};
use crate::error::{Code, Error, Result};
use crate::partition::{self, PartCount};
use crate::sink::FileRules;
use crate::source::{Snapshot, Source};
use crate::spec::{ExportSpec, Method, TableRule, closest};

/// Describes, cuts and plans one table as of `view`.
pub async fn plan_one(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    table: &TableRef,
    rules: &FileRules,
) -> Result<TablePlan> {
    let stored = view.describe(table, &spec.selection.filter).await?;
    let info = shaped(spec, view, stored.clone()).await?;
    check_casts(spec, &info)?;
    if info.columns.is_empty() {
        return Err(Error::data("the table has no columns, and Parquet cannot keep rows without any")
            .coded(Code::UnsupportedType)
            .with("table", table)
            .hint("leave it out with --exclude"));
    }
    let row =
        spec.cutting.table_configs.iter().find(|config| config.matches(table)).and_then(|c| c.row.as_ref());
    let by_row = |error: Error| match row {
        Some(row) => error.with("partition_columns row", &row.name),
        None => error,
    };
    let dialect = source.dialect();
    let name = |method| dialect.method_name(method);
    let able = dialect.methods(&info);
    let count = match Wanted::of(&spec.arrangement, table)? {
        _ if spec.arrangement.deterministic => PartCount::BySizeAlone,
        // One set of files for each partition and reader.
        Wanted { partition: Some(_), .. } => PartCount::ByReaders,
        _ => PartCount::BySize,
    };
    let choice = partition::choose(&stored, &able, &name, &spec.cutting, count).map_err(by_row)?;
    let choice = partition::not_smaller(choice, &stored, spec.arrangement.min_file_bytes);
    let choice = masked_apart(spec, &info, choice)?;
    let (choice, apart) = match sorted_apart(spec, source, view, &info, &choice, rules).await? {
        Some(choice) if able.contains(&choice.method) => (choice, true),
        _ => (choice, false),
    };
    if choice.method == Method::Timepartition && spec.safety.consistency == Consistency::None {
        return Err(Error::usage("method Timepartition needs one point in time for all readers")
            .coded(Code::Method)
            .with("table", table)
            .hint("the directories are made from the rows there are: leave --consistency none out, or choose another method"));
    }
    if let Some(plan) = plan_selection(spec, source, view, [&stored, &info], &choice, rules).await? {
        verifiable::check(&plan, source.as_ref(), spec.safety.verify)?;
        return Ok(plan);
    }
    let slices = cut(&stored, &choice, source.dialect(), view).await.map_err(by_row)?;
    let mut plan =
        plan_table(source, info, view.token().clone(), Cut { choice, slices }, spec, rules).await?;
    plan.arrangement.apart = apart;
    verifiable::check(&plan, source.as_ref(), spec.safety.verify)?;
    Ok(plan)
}

/// The table with what the database's own SQL makes of it.
pub async fn shaped(spec: &ExportSpec, view: &dyn Snapshot, info: TableInfo) -> Result<TableInfo> {
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
        let error = Error::usage("more than one --source-columns names this table").coded(Code::FlagConflict);
        return Err(error.with("table", &info.table));
    }
    if condition.is_none() && columns.is_none() {
        return Ok(info);
    }
    view.shaped(info, &SourceSql { condition, columns, ..SourceSql::default() }).await
}

/// One part where a table would be cut by values of stored columns without being asked, of which masks know other names.
fn masked_apart(spec: &ExportSpec, info: &TableInfo, choice: partition::Choice) -> Result<partition::Choice> {
    let config = spec.cutting.table_configs.iter().find(|config| config.matches(&info.table));
    let asked_for = config.is_some_and(|config| config.method.is_some());
    let by_place = matches!(choice.method, Method::None | Method::Ctid | Method::DbPartition);
    if asked_for || by_place || info.reading.list().is_none() || TableMasks::of(&spec.masks, info)?.is_empty()
    {
        return Ok(choice);
    }
    let reason = "masks of --source-columns: bounds of slices would be values of the source".into();
    Ok(partition::Choice { method: Method::None, key: None, parts: 1, readers: 1, reason })
}

/// Ranges of the first column that rows are sorted by, where nobody chose how to cut the table: no two files then have
/// rows of the same range. `None` where it is one part, or where ranges could be in another order than the values of files.
async fn sorted_apart(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    info: &TableInfo,
    choice: &partition::Choice,
    rules: &FileRules,
) -> Result<Option<partition::Choice>> {
    let config = spec.cutting.table_configs.iter().find(|config| config.matches(&info.table));
    let wanted = Wanted::of(&spec.arrangement, &info.table)?;
    let asked_for = config.is_some_and(|config| config.method.is_some());
    // Columns that the database makes are none by which it can be cut.
    let made = info.reading.list().is_some();
    if wanted.sort.is_none() || wanted.partition.is_some() || asked_for || made || choice.parts == 1 {
        return Ok(None);
    }
    let whole = Cut { choice: choice.clone(), slices: vec![CutSlice { slice: Slice::All, directory: None }] };
    let plan = plan_table(source, info.clone(), view.token().clone(), whole, spec, rules).await?;
    let Some(first) = plan.arrangement.sort.first() else { return Ok(None) };
    // Ranges of the source's values are none of those that are written.
    if plan.masks.of_column(&first.column).is_some() {
        return Ok(None);
    }
    let of_table = plan.columns.iter().any(|c| c.name == first.column && c.source_type.is_some());
    let Some(column) = info.column(&first.column).filter(|_| of_table) else { return Ok(None) };
    Ok(partition::by_sorted(choice, info, column))
}

/// The plan of a table as one part, where nobody chose how to cut it and `--where` selects so little of it that more
/// would be slower.
async fn plan_selection(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    [stored, info]: [&TableInfo; 2],
    choice: &partition::Choice,
    rules: &FileRules,
) -> Result<Option<TablePlan>> {
    let config = spec.cutting.table_configs.iter().find(|config| config.matches(&info.table));
    let asked_for = config.is_some_and(|config| config.method.is_some());
    let own = info.reading.condition();
    if asked_for || choice.parts == 1 || (Shape::of(&spec.selection, info)?.filter.is_none() && own.is_none())
    {
        return Ok(None);
    }
    let whole = Cut { choice: choice.clone(), slices: vec![CutSlice { slice: Slice::All, directory: None }] };
    let mut plan = plan_table(source, info.clone(), view.token().clone(), whole, spec, rules).await?;
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
    plan.choose(choice, source.dialect());
    Ok(Some(plan))
}

/// Describes a table that queries read and cuts it into at most `spec.cutting.readers` slices.
pub async fn query_input(
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
    let dialect = source.dialect();
    let name = |method| dialect.method_name(method);
    let choice =
        partition::choose(&info, &dialect.methods(&info), &name, &spec.cutting, PartCount::ByReaders)?;
    let slices = cut(&info, &choice, source.dialect(), view).await?;
    Ok(QueryInput { info, slices: slices.into_iter().map(|cut| cut.slice).collect() })
}

/// Describes a query in the source's own SQL and cuts its result into at most `spec.cutting.readers` slices, if it has a key.
pub async fn source_query_input(
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
        let near = closest(&key, info.columns.iter().map(ColumnInfo::name));
        let hint = near.map_or_else(String::new, |near| format!("did you mean {near}?"));
        return Err(Error::usage(format!("column '{key}' of --key is not in the result"))
            .coded(Code::UnknownColumn)
            .hint(hint));
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
            let near = closest(column, info.columns.iter().map(ColumnInfo::name));
            return Err(Error::usage(format!("column '{column}' of --cast does not exist"))
                .coded(Code::UnknownColumn)
                .with("table", &info.table)
                .hint(near.map_or_else(String::new, |near| format!("did you mean {near}?"))));
        }
    }
    Ok(())
}
