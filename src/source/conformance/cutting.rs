//! Slices, cut as an export cuts them: each row is in exactly one, whatever the source knows of its keys.

use std::collections::BTreeMap;

use arrow_schema::DataType;

use super::view::{Table, Texts, View, same};
use super::{Change, Row, Subject, ensure};
use crate::catalog::{Consistency, KeyValue, Slice, TableRef};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::prepare::plan_one;
use crate::sink::FileRules;
use crate::source::TableRead;
use crate::spec::{ConfigRow, CuttingSpec, ExportSpec, Method, SafetySpec, TableConfig};

/// Values that are asked for.
const MOST_VALUES: usize = 1_000;

/// The keys that a method is tried with, each with numbers of parts.
fn ways(method: Method, table: &Table) -> Vec<(Option<&'static str>, &'static [usize])> {
    let since = table.info.column("since").map(|column| column.field.data_type());
    let is_date = matches!(since, Some(DataType::Date32));
    match method {
        Method::None => vec![(None, &[1])],
        Method::Ctid | Method::DbPartition => vec![(None, &[1, 5])],
        Method::RangeId | Method::Ntile => {
            let keys = [Some("id"), Some("n"), Some("since"), Some("name")];
            keys.into_iter().map(|key| (key, &[5][..])).collect()
        }
        Method::Random => vec![(Some("id"), &[3]), (Some("n"), &[1, 5])],
        Method::DataDriven => vec![(Some("n"), &[2]), (Some("name"), &[2])],
        Method::Timepartition if is_date => {
            vec![(Some("(since,year,month)"), &[2]), (Some("(since,year,week)"), &[2])]
        }
        Method::Timepartition => Vec::new(),
    }
}

/// The slices of a table, cut by `method`; none where the source says that it cannot cut by such a key.
async fn cut(
    view: &View,
    table: &TableRef,
    (method, key, parts): (Method, Option<&str>, usize),
    level: Consistency,
) -> Result<Option<Vec<Slice>>> {
    let row = ConfigRow { table: table.clone(), name: "of the suite".into() };
    let config = TableConfig {
        pattern: table.name.clone(),
        method: Some(method),
        key: key.map(str::to_owned),
        readers: Some(parts),
        row: Some(row),
    };
    let spec = ExportSpec {
        cutting: CuttingSpec { table_configs: vec![config], part_bytes: u64::MAX, ..CuttingSpec::default() },
        safety: SafetySpec { consistency: level, ..SafetySpec::default() },
        ..ExportSpec::default()
    };
    let plan = match plan_one(&spec, &view.source, view.held.as_ref(), table, &FileRules::default()).await {
        Err(error) if error.kind() == ErrorKind::Usage && !matches!(key, None | Some("id" | "n")) => {
            return Ok(None);
        }
        plan => plan?,
    };
    ensure(plan.method == method, "a table is cut by the method that was asked for")?;
    Ok(Some(plan.parts.into_iter().map(|part| part.slice).collect()))
}

/// The keys of the rows in all slices, and whether each slice is counted as it is read.
async fn in_slices(table: &Table, slices: &[Slice], filter: Option<&str>) -> Result<Texts> {
    let mut found = Texts::new();
    for slice in slices {
        let read = TableRead { slice: slice.clone(), filter: filter.map(str::to_owned), ..table.ids() };
        let rows = table.texts(&read).await?;
        // Whether it heeds a filter is another check's.
        if filter.is_none() {
            let count = table.count(&read).await?;
            ensure(count == rows.len(), "the count of a slice is that of its rows")
                .map_err(|error| error.with("slice", slice))?;
        }
        found.extend(rows);
    }
    found.sort();
    Ok(found)
}

pub(super) async fn disjoint_and_covering(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let view = s.view(Consistency::Run).await?;
    for name in s.fixture.tables() {
        let table = view.table(&name).await?;
        let whole = table.texts(&table.ids()).await?;
        let methods = s.source.dialect().methods(&table.info);
        ensure(!methods.is_empty(), "a table can be cut by at least one method")?;
        let filter = some_filter(s, &table);
        let filtered = match &filter {
            Some(_) => table.texts(&TableRead { filter: filter.clone(), ..table.ids() }).await?,
            None => Texts::new(),
        };
        for method in methods {
            for (key, numbers) in ways(method, &table) {
                for parts in numbers {
                    let about = |error: Error| {
                        error.with("table", &name).with("method", method).with("key", key.unwrap_or("none"))
                    };
                    let slices = cut(&view, &name, (method, key, *parts), Consistency::Run).await;
                    let Some(slices) = slices.map_err(about)? else { continue };
                    s.saw(|seen| {
                        let most = seen.methods.entry(method.name()).or_default();
                        *most = slices.len().max(*most);
                    });
                    let found = in_slices(&table, &slices, None).await.map_err(about)?;
                    same(&found, &whole, "each row is in exactly one slice").map_err(about)?;
                    if let Some(filter) = filter.as_ref().filter(|_| Some(parts) == numbers.last()) {
                        let found = in_slices(&table, &slices, Some(filter)).await.map_err(about)?;
                        same(&found, &filtered, "a filter holds in every slice as in the whole")
                            .map_err(about)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A filter whose outermost operator binds weaker than those of slices.
fn some_filter(s: &Subject<'_>, table: &Table) -> Option<String> {
    use datafusion::prelude::{ident, lit};
    let filter = ident("id").lt(lit(100_i64)).or(ident("n").is_null());
    s.source.dialect().pushdown(&table.info, &filter)
}

pub(super) async fn rows_that_came_later(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let view = s.view(Consistency::None).await?;
    let mut all = Vec::new();
    for name in s.fixture.tables() {
        let table = view.table(&name).await?;
        for method in s.source.dialect().methods(&table.info) {
            // Its directories are made of the rows there are.
            if method == Method::Timepartition {
                continue;
            }
            for (key, numbers) in ways(method, &table) {
                let most = numbers.iter().copied().max().unwrap_or(1);
                if let Some(slices) = cut(&view, &name, (method, key, most), Consistency::None).await? {
                    all.push((table.clone(), method, key, slices));
                }
            }
        }
    }
    let row = |id: i64| Row { id, n: Some(id), name: Some(format!("later {id}")), since: None };
    let (least, most) = (row(i64::MIN + 1), row(i64::MAX - 1));
    let later = vec![least, row(-5_000_000_000), row(5_000_000_000), most];
    s.fixture.change(&Change::Insert(later)).await?;
    for (table, method, key, slices) in all {
        let found = in_slices(&table, &slices, None).await?;
        let whole = table.texts(&table.ids()).await?;
        same(&found, &whole, "slices hold rows that came after they were cut").map_err(|error| {
            error.with("table", &table.info.table).with("method", method).with("key", key.unwrap_or("none"))
        })?;
    }
    Ok(())
}

pub(super) async fn keys(s: &Subject<'_>) -> Result<()> {
    let rows = s.fill().await?;
    let view = s.view(Consistency::Run).await?;
    for name in s.fixture.tables() {
        let table = view.table(&name).await?;
        let columns: [(&str, Vec<Option<i64>>); 2] = [
            ("id", rows.iter().map(|row| Some(row.id)).collect()),
            ("n", rows.iter().map(|row| row.n).collect()),
        ];
        for (column, values) in columns {
            let present = || values.iter().copied().flatten().map(KeyValue::Int);
            if let Some(bounds) = view.held.bounds(&table.info, column).await? {
                s.saw(|seen| seen.keys[0] += 1);
                let ends = (present().min(), present().max());
                ensure(
                    ends == (Some(bounds.min), Some(bounds.max)),
                    "bounds are those of the rows there are",
                )?;
            }
            for every in [false, true] {
                let Some(found) = view.held.quantiles(&table.info, column, 20, every).await? else {
                    continue;
                };
                s.saw(|seen| seen.keys[1] += usize::from(!found.points.is_empty()));
                ensure(found.points.is_sorted(), "quantiles are ascending")?;
                ensure((0.0..=1.0).contains(&found.nulls), "a share of NULL keys is one")?;
            }
            if counted(&view, &table, s.source.dialect().column(column), &values).await? {
                s.saw(|seen| seen.keys[2] += 1);
            }
        }
    }
    Ok(())
}

/// Asserts that the values of an expression, all counted, are those of the rows. Whether there were any.
async fn counted(view: &View, table: &Table, expression: String, values: &[Option<i64>]) -> Result<bool> {
    let mut expected: BTreeMap<Option<String>, u64> = BTreeMap::new();
    for value in values {
        *expected.entry(value.map(|value| value.to_string())).or_default() += 1;
    }
    if expected.len() > MOST_VALUES {
        return Ok(false);
    }
    let found = view.held.values(&table.info, &expression, MOST_VALUES, true).await?;
    if found.is_empty() {
        return Ok(false);
    }
    ensure(found.is_sorted_by(|one, next| one.rows >= next.rows), "values come by frequency")?;
    let counts: BTreeMap<_, _> = found.into_iter().map(|count| (count.value, count.rows)).collect();
    ensure(counts == expected, "values that are counted in every row have as many rows as there are")?;
    Ok(true)
}
