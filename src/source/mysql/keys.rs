//! What is known of the keys of a table: where to cut it.
//!
//! What is asked here steers the size of slices and nothing else: slices are disjoint and covering whatever the answers
//! are, if only the keys ascend as the server compares them.

mod answer;
mod dives;
mod explain;
mod kind;

pub(super) use self::answer::{Cell, ask, ask_row};
use self::dives::{Dives, Piece};
use self::explain::{Step, explain};
use self::kind::KeyKind;
use super::dialect::{Bound, Key, is_null, present, value_sql};
use crate::catalog::{
    ColumnInfo, KeyBounds, KeyQuantiles, KeyValue, Selection, TableInfo, TableKind, ValueCount,
};
use crate::client::mysql::{Connection, ident, literal};
use crate::error::{Code, Error, Result};
use crate::source::kit::user_sql::derived;

/// Rows of a table whose keys are all looked at, whatever is asked for.
const FEW_ROWS: u64 = 20_000;
/// The same where nothing else tells how the keys lie: without an index, and of texts.
const SOME_ROWS: u64 = 1_000_000;
const SOME_BYTES: u64 = 256 << 20;
/// Rows that are looked at where neither an index nor all rows are.
const SAMPLED_ROWS: usize = 4_096;
const LOOKUPS_AT_ONCE: usize = 128;
/// Ranges that one EXPLAIN is about. MySQL limits how deep a UNION is.
const RANGES_AT_ONCE: usize = 48;
/// Pairs of keys that one statement compares, and how long these are together: servers take no statement that is longer
/// than `max_allowed_packet`.
const PAIRS_AT_ONCE: usize = 256;
const PAIRS_BYTES: usize = 256 * 1024;
/// Rows in which values are counted when not every row is wanted.
const SAMPLE_ROWS: u64 = 100_000;
/// What a row costs that is found through a secondary index, where one that is met in the table's order costs 1.
const LOOKUP: f64 = 4.0;

/// FROM of a table or a query, without its conditions: more rows than are read do no harm.
fn from(table: &TableInfo) -> String {
    match table.reading.query() {
        Some(sql) => derived(sql),
        None => format!("{}.{}", ident(&table.table.schema), ident(&table.table.name)),
    }
}

fn find<'t>(table: &'t TableInfo, column: &str) -> Result<&'t ColumnInfo> {
    table
        .stored_column(column)
        .ok_or_else(|| Error::usage("the key column does not exist").coded(Code::Method))
}

fn odd(what: &str) -> Error {
    Error::internal(format!("the server answered a question about {what} in an unknown form"))
}

/// Smallest and largest key; none also for a type whose keys have no order of their own.
///
/// A date that no calendar has is no bound: the first that it could be is, or the smallest that is one.
pub(super) async fn bounds(
    connection: &mut Connection,
    table: &TableInfo,
    column: &str,
) -> Result<Option<KeyBounds>> {
    let Some(kind) = KeyKind::of(find(table, column)?)? else { return Ok(None) };
    if !kind.is_text() {
        let found = extremes(connection, table, column, &kind).await?;
        return Ok(found.map(|(min, max)| KeyBounds { min: kind.value(min), max: kind.value(max) }));
    }
    // Nothing is cut by these alone: not worth a scan where no index has the order.
    if !kind.is_ordered_text() || Key::of(table, column)?.is_by_bytes() {
        return Ok(None);
    }
    let row = min_and_max(connection, table, column, &kind, "").await?;
    let text = |at: usize| row.get(at).and_then(|cell| kind.text(cell));
    Ok(text(0).zip(text(1)).map(|(min, max)| KeyBounds { min, max }))
}

async fn min_and_max(
    connection: &mut Connection,
    table: &TableInfo,
    column: &str,
    kind: &KeyKind,
    condition: &str,
) -> Result<Vec<Cell>> {
    let (from, key) = (from(table), ident(column));
    // Each by its own SELECT is found in an index, with a condition too.
    let one = |name: &str| {
        let value = kind.select_sql(&format!("{name}({key})"));
        format!("(SELECT {value} FROM {from}{condition})")
    };
    if table.reading.query().is_some() {
        let [min, max] = ["MIN", "MAX"].map(|name| kind.select_sql(&format!("{name}({key})")));
        return ask_row(connection, &format!("SELECT {min}, {max} FROM {from}{condition}")).await;
    }
    ask_row(connection, &format!("SELECT {}, {}", one("MIN"), one("MAX"))).await
}

/// Smallest and largest key as numbers.
async fn extremes(
    connection: &mut Connection,
    table: &TableInfo,
    column: &str,
    kind: &KeyKind,
) -> Result<Option<(i128, i128)>> {
    let units = |row: &[Cell]| Some((kind.unit(row.first()?)?, kind.unit(row.get(1)?)?));
    let found = units(&min_and_max(connection, table, column, kind, "").await?);
    let found = match (found, kind.since_first(&ident(column))) {
        (Some((min, _)), Some(condition)) if kind.is_none_before(min) => {
            let condition = format!(" WHERE {condition}");
            units(&min_and_max(connection, table, column, kind, &condition).await?)
        }
        (found, _) => found,
    };
    Ok(found.map(|(min, max)| (min, max.max(min))))
}

/// How the keys of a column lie: of every row by a sort of all keys; else by what an index says of ranges of them, or of a
/// sample. None where that would take reading a large table.
pub(super) async fn quantiles(
    connection: &mut Connection,
    table: &TableInfo,
    column: &str,
    points: usize,
    every: bool,
) -> Result<Option<KeyQuantiles>> {
    let Some(kind) = KeyKind::of(find(table, column)?)? else { return Ok(None) };
    let all = from(table);
    if every || (table.est_rows <= FEW_ROWS && table.reading.query().is_none()) {
        return by_rows(connection, table, column, (&kind, &all), points).await;
    }
    if table.reading.query().is_some() {
        return Ok(None);
    }
    if !kind.is_text()
        && let Some(index) = index_of(connection, table, column).await?
    {
        return by_index(connection, table, column, (&kind, &index), points).await.map(Some);
    }
    if table.est_rows <= SOME_ROWS && table.est_bytes <= SOME_BYTES {
        return by_rows(connection, table, column, (&kind, &all), points).await;
    }
    match sample(connection, table, column).await? {
        Some(sample) => by_rows(connection, table, column, (&kind, &sample), points).await,
        None => Ok(None),
    }
}

/// FROM of some rows that are as far from each other in the primary key; none without one of a single column that is a
/// number or a date.
async fn sample(connection: &mut Connection, table: &TableInfo, column: &str) -> Result<Option<String>> {
    let primary = table.primary_key.as_ref().map_or(&[][..], |key| &key.columns);
    let [primary] = primary else { return Ok(None) };
    let kind = match table.stored_column(primary).map(KeyKind::of).transpose()?.flatten() {
        Some(kind) if !kind.is_text() => kind,
        _ => return Ok(None),
    };
    let Some(dives) = dive(connection, table, primary, (&kind, "PRIMARY"), SAMPLED_ROWS).await? else {
        return Ok(None);
    };
    let (key, all) = (ident(primary), from(table));
    let mut wanted: Vec<i128> = dives.points().into_iter().map(|(key, _)| key).collect();
    wanted.dedup();
    let mut found = Vec::with_capacity(wanted.len());
    for wanted in wanted.chunks(LOOKUPS_AT_ONCE) {
        let next: Vec<String> = wanted
            .iter()
            .map(|unit| {
                let value = kind.select_sql(&format!("MIN({key})"));
                format!("(SELECT {value} FROM {all} WHERE {key} >= {})", kind.literal(*unit))
            })
            .collect();
        let row = ask_row(connection, &format!("SELECT {}", next.join(", "))).await?;
        found.extend(row.iter().filter_map(|cell| kind.unit(cell)));
    }
    found.dedup();
    let found: Vec<String> = found.into_iter().map(|unit| kind.literal(unit)).collect();
    let column = ident(column);
    Ok((!found.is_empty()).then(|| {
        let rows = found.join(", ");
        format!("(SELECT {column} FROM {all} FORCE INDEX (PRIMARY) WHERE {key} IN ({rows})) AS sample")
    }))
}

/// Exact for the rows of `from`, for a sort of the column on the server.
async fn by_rows(
    connection: &mut Connection,
    table: &TableInfo,
    column: &str,
    (kind, from): (&KeyKind, &str),
    points: usize,
) -> Result<Option<KeyQuantiles>> {
    let key = ident(column);
    let row = ask_row(connection, &format!("SELECT COUNT(*), COUNT({key}) FROM {from}")).await?;
    let count = |at: usize| row.get(at).and_then(Cell::whole).ok_or_else(|| odd("rows"));
    let (all, present) = (count(0)?, count(1)?);
    let nulls = if all > 0 { 1.0 - present as f64 / all as f64 } else { 0.0 };
    if present == 0 {
        return Ok(Some(KeyQuantiles { points: Vec::new(), nulls }));
    }
    // NULL comes first.
    let ranks = (0..points).map(|point| all - present + rank(point, points, present));
    let ranks: Vec<String> = ranks.map(|rank| rank.to_string()).collect();
    let sql = format!(
        "SELECT s.v, s.lakexpress_rank FROM \
         (SELECT {} AS v, ROW_NUMBER() OVER (ORDER BY {}) AS lakexpress_rank FROM {from}) AS s \
         WHERE s.lakexpress_rank IN ({}) ORDER BY s.lakexpress_rank",
        kind.select_sql(&key),
        Key::of(table, column)?.sql(),
        ranks.join(", ")
    );
    let found = ask(connection, &sql).await?;
    let mut values = Vec::with_capacity(points);
    let mut rows = found.rows.iter().peekable();
    // A rank that is wanted twice has one row.
    for point in 0..points {
        let wanted = all - present + rank(point, points, present);
        while rows.next_if(|row| row.get(1).and_then(Cell::whole).is_some_and(|n| n < wanted)).is_some() {}
        if let Some(value) = rows.peek().and_then(|row| row.first()) {
            values.push(value.clone());
        }
    }
    let points = if kind.is_text() {
        let texts = values.iter().filter_map(|value| kind.text(value));
        ascending(connection, table, column, texts.collect()).await?
    } else {
        let mut units: Vec<i128> = values.iter().filter_map(|value| kind.unit(value)).collect();
        units.sort_unstable();
        Some(units.into_iter().map(|unit| kind.value(unit)).collect())
    };
    Ok(points.map(|points| KeyQuantiles { points, nulls }))
}

/// The row, from 1, at the middle of a step of rank.
fn rank(point: usize, points: usize, rows: i128) -> i128 {
    let twice = 2 * point as i128 + 1;
    (twice * rows + 2 * points as i128 - 1) / (2 * points as i128)
}

/// The keys if the server finds them in ascending order by the comparison that slices make: ORDER BY looks at the first
/// `max_sort_length` bytes only. Those that it finds equal become the first of them.
async fn ascending(
    connection: &mut Connection,
    table: &TableInfo,
    column: &str,
    keys: Vec<KeyValue>,
) -> Result<Option<Vec<KeyValue>>> {
    let mut distinct = keys.clone();
    distinct.dedup();
    let mut bounds = Vec::with_capacity(distinct.len());
    let compared = Key::of(table, column)?;
    for key in &distinct {
        let Ok(Bound::At(bound)) = compared.bound(key) else { return Ok(None) };
        bounds.push(bound);
    }
    let pairs: Vec<String> = bounds
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(format!("CASE WHEN {a} < {b} THEN 1 WHEN {a} = {b} THEN 0 ELSE -1 END")),
            _ => None,
        })
        .collect();
    let mut orders = Vec::with_capacity(pairs.len());
    let Some(statements) = at_once(&pairs) else { return Ok(None) };
    for pairs in statements {
        let row = ask_row(connection, &format!("SELECT {}", pairs.join(", "))).await?;
        orders.extend(row.iter().map(Cell::whole));
    }
    if orders.len() != pairs.len() || orders.iter().any(|order| !matches!(order, Some(0 | 1))) {
        return Ok(None);
    }
    Ok(Some(joined(keys, &orders)))
}

/// The pairs of one statement each; none when one is too long even alone.
fn at_once(pairs: &[String]) -> Option<Vec<&[String]>> {
    let (mut statements, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, pair) in pairs.iter().enumerate() {
        if pair.len() > PAIRS_BYTES {
            return None;
        }
        if at - from == PAIRS_AT_ONCE || bytes + pair.len() > PAIRS_BYTES {
            statements.extend(pairs.get(from..at));
            (from, bytes) = (at, 0);
        }
        bytes += pair.len();
    }
    statements.extend(pairs.get(from..).filter(|rest| !rest.is_empty()));
    Some(statements)
}

/// The keys with those that are equal made the same: `orders` has 0 for a key that differs in its text from the one
/// before, and is equal all the same.
fn joined(keys: Vec<KeyValue>, orders: &[Option<i128>]) -> Vec<KeyValue> {
    let (mut orders, mut found) = (orders.iter(), Vec::<KeyValue>::with_capacity(keys.len()));
    let mut before: Option<KeyValue> = None;
    for key in keys {
        let is_same = match &before {
            Some(before) => *before == key || orders.next() == Some(&Some(0)),
            None => false,
        };
        found.push(match found.last() {
            Some(last) if is_same => last.clone(),
            _ => key.clone(),
        });
        before = Some(key);
    }
    found
}

/// An index that begins with the column; the primary key if that does.
async fn index_of(connection: &mut Connection, table: &TableInfo, column: &str) -> Result<Option<String>> {
    let sql = format!(
        "SELECT * FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
         AND SEQ_IN_INDEX = 1",
        literal(&table.table.schema),
        literal(&table.table.name)
    );
    let answer = ask(connection, &sql).await?;
    let names = answer.rows.iter().filter_map(|row| {
        let text = |name: &str| answer.cell(row, name).and_then(Cell::text);
        let is_used = text("IS_VISIBLE") != Some("NO") && text("IGNORED") != Some("YES");
        let is_whole = answer.cell(row, "SUB_PART") == Some(&Cell::Null);
        // Names differ in case too where the server's names do.
        let is_of_table = text("TABLE_NAME") == Some(table.table.name.as_str())
            && text("TABLE_SCHEMA") == Some(table.table.schema.as_str())
            && text("COLUMN_NAME") == Some(column);
        let is_tree = text("INDEX_TYPE") == Some("BTREE");
        (is_used && is_whole && is_of_table && is_tree).then(|| text("INDEX_NAME").map(str::to_owned))?
    });
    Ok(names.min_by_key(|name| name != "PRIMARY"))
}

/// By what the server expects of ranges of keys.
async fn by_index(
    connection: &mut Connection,
    table: &TableInfo,
    column: &str,
    (kind, index): (&KeyKind, &str),
    points: usize,
) -> Result<KeyQuantiles> {
    let is_nullable = find(table, column)?.field.is_nullable();
    let Some(dives) = dive(connection, table, column, (kind, index), points).await? else {
        let nulls = if is_nullable { 1.0 } else { 0.0 };
        return Ok(KeyQuantiles { points: Vec::new(), nulls });
    };
    let (mut nulls, rows) = (0.0, dives.rows());
    if is_nullable {
        let none = is_null(&ident(column));
        let select = format!("SELECT 1 FROM {} FORCE INDEX ({}) WHERE {none}", from(table), ident(index));
        nulls = expected(connection, &[select]).await?.iter().sum();
    }
    let points = dives.points().into_iter().map(|(key, first)| kind.value(kind.rounded(key, first)));
    let all = rows + nulls;
    Ok(KeyQuantiles { points: points.collect(), nulls: if all > 0.0 { nulls / all } else { 0.0 } })
}

/// Asks for the rows of ranges of keys, of which the server looks at a few pages of the index, until no range has many.
/// None when every key is NULL.
async fn dive(
    connection: &mut Connection,
    table: &TableInfo,
    column: &str,
    (kind, index): (&KeyKind, &str),
    points: usize,
) -> Result<Option<Dives>> {
    let Some((min, max)) = extremes(connection, table, column, kind).await? else { return Ok(None) };
    let key = ident(column);
    let select = format!("SELECT 1 FROM {} FORCE INDEX ({}) WHERE", from(table), ident(index));
    let mut dives = Dives::new(min, max, points);
    loop {
        let open = dives.open();
        if open.is_empty() {
            break;
        }
        let selects: Vec<String> = open
            .iter()
            .map(|Piece { from, to, .. }| {
                let lower = (*from > min).then(|| format!("{key} >= {}", kind.literal(*from)));
                let upper = (*to <= max).then(|| format!("{key} < {}", kind.literal(*to)));
                let both: Vec<String> = lower.into_iter().chain(upper).collect();
                let condition = if both.is_empty() { present(&key) } else { both.join(" AND ") };
                format!("{select} {condition}")
            })
            .collect();
        let rows = expected(connection, &selects).await?;
        dives.answer(&rows);
    }
    tracing::debug!(
        "{}.{column}: about {} rows by {} ranges of index {index}",
        table.table,
        dives.rows(),
        dives.asked()
    );
    Ok(Some(dives))
}

/// Rows that are expected of each SELECT.
async fn expected(connection: &mut Connection, selects: &[String]) -> Result<Vec<f64>> {
    let mut found = Vec::with_capacity(selects.len());
    for some in selects.chunks(RANGES_AT_ONCE) {
        let mut rows = vec![0.0; some.len()];
        for step in explain(connection, &some.join(" UNION ALL ")).await? {
            let at = step.select.and_then(|number| number.checked_sub(1));
            if let Some(of) = at.and_then(|at| rows.get_mut(at)) {
                *of += step.rows;
            }
        }
        found.append(&mut rows);
    }
    Ok(found)
}

/// The values of an expression, most frequent first: of every row, or of the first that the server finds.
pub(super) async fn values(
    connection: &mut Connection,
    table: &TableInfo,
    expression: &str,
    most: usize,
    every: bool,
) -> Result<Vec<ValueCount>> {
    let value = value_sql(expression);
    let limit = if every { String::new() } else { format!(" LIMIT {SAMPLE_ROWS}") };
    // NULL of the expression itself, and not of a value that has no text: those rows are in no slice of a value.
    let sql = format!(
        "SELECT s.v, COUNT(*) AS n FROM (SELECT {value} AS v, ISNULL({expression}) AS is_null FROM {}{limit}) AS s \
         WHERE s.is_null OR s.v IS NOT NULL GROUP BY s.v ORDER BY n DESC, s.v LIMIT {most}",
        from(table)
    );
    let answer = ask(connection, &sql).await?;
    let counts = answer.rows.iter().map(|row| {
        let (value, rows) = (row.first().ok_or_else(|| odd("values"))?, row.get(1).and_then(Cell::whole));
        let value = match value {
            Cell::Null => None,
            value => Some(value.text().ok_or_else(|| odd("values"))?.to_owned()),
        };
        let rows = rows.and_then(|rows| u64::try_from(rows).ok()).ok_or_else(|| odd("values"))?;
        Ok(ValueCount { value, rows })
    });
    counts.collect()
}

/// What the optimizer expects of a condition; none where it reads more than the one table.
pub(super) async fn selection(
    connection: &mut Connection,
    table: &TableInfo,
    condition: &str,
) -> Result<Option<Selection>> {
    if table.reading.query().is_some() || matches!(table.kind, TableKind::View | TableKind::Foreign) {
        return Ok(None);
    }
    // All columns, as the export reads them: a scan of an index alone would look cheaper than it is.
    let readable = table.columns.iter().map(ColumnInfo::name).filter(|name| table.is_readable(name));
    let columns: Vec<String> = readable.map(ident).collect();
    let select = format!("SELECT {} FROM {}", columns.join(", "), from(table));
    let some = explain(connection, &format!("{select} WHERE (\n{condition}\n)")).await?;
    let all = explain(connection, &select).await?;
    Ok(match (some.as_slice(), all.as_slice()) {
        ([some], [all]) => Some(compared(some, all)),
        _ => None,
    })
}

fn compared(some: &Step, all: &Step) -> Selection {
    let is_lookup = some.key.as_deref().is_some_and(|key| key != "PRIMARY");
    let work = some.rows * if is_lookup { LOOKUP } else { 1.0 };
    Selection {
        rows: (some.rows * some.share).ceil() as u64,
        effort: if all.rows > 0.0 { (work / all.rows).min(1.0) } else { 1.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_in_the_middle_of_their_steps() {
        let ranks = |points, rows| (0..points).map(|point| rank(point, points, rows)).collect::<Vec<_>>();
        assert_eq!(ranks(4, 8), [1, 3, 5, 7]);
        assert_eq!(ranks(4, 1), [1, 1, 1, 1]);
        assert_eq!(ranks(1, 5), [3]);
        assert_eq!(ranks(3, 3), [1, 2, 3]);
    }

    #[test]
    fn statements_are_not_too_long() {
        let of = |lengths: &[usize]| {
            let pairs: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            at_once(&pairs).map(|statements| statements.iter().map(|pairs| pairs.len()).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), Some(vec![]));
        assert_eq!(of(&[1; 600]), Some(vec![256, 256, 88]));
        assert_eq!(of(&[PAIRS_BYTES, 1, PAIRS_BYTES - 1, 1]), Some(vec![1, 2, 1]));
        assert_eq!(of(&[1, PAIRS_BYTES + 1]), None);
    }

    #[test]
    fn equal_keys_become_the_first_of_them() {
        let text = |text: &str| KeyValue::Text(text.to_owned());
        let keys = vec![text("a"), text("a"), text("A"), text("b"), text("B"), text("b"), text("c")];
        // a = A < b = B = b < c
        let orders = [Some(0), Some(1), Some(0), Some(0), Some(1)];
        assert_eq!(
            joined(keys, &orders),
            [text("a"), text("a"), text("a"), text("b"), text("b"), text("b"), text("c")]
        );
    }

    #[test]
    fn a_row_through_a_secondary_index_costs_more() {
        let step = |key: Option<&str>, rows, share| Step {
            select: Some(1),
            key: key.map(str::to_owned),
            rows,
            share,
        };
        let all = step(None, 1000.0, 1.0);
        let found = compared(&step(Some("PRIMARY"), 100.0, 0.5), &all);
        assert_eq!((found.rows, found.effort), (50, 0.1));
        assert_eq!(compared(&step(Some("k"), 100.0, 1.0), &all).effort, 0.4);
        assert_eq!(compared(&step(Some("k"), 900.0, 1.0), &all).effort, 1.0);
        assert_eq!(compared(&step(None, 0.0, 1.0), &all), Selection { rows: 0, effort: 0.0 });
    }
}
