//! Where the rows of a table lie, so that slices can be made as large as each other.
//!
//! What is asked here steers the size of slices and nothing else: slices are disjoint and covering whatever
//! the answers are. So most questions are asked of a sample of the table's blocks.

use arrow_schema::DataType;

use super::column::FIRST_OWN_OID;
use super::columns::number;
use super::dialect::{PostgresDialect, key_of_row};
use crate::catalog::{KeyQuantiles, KeyValue, TableInfo, TableKind, ValueCount};
use crate::client::postgres::Row;
use crate::error::{Code, Error, Result};
use crate::source::Dialect;
use crate::source::kit::user_sql::derived;

/// Blocks that are looked at for each slice that is wanted: its size is then known to about 7 %.
const BLOCKS_PER_SLICE: u64 = 400;
/// Blocks that are looked at however few slices are wanted.
const LEAST_BLOCKS: u64 = 4_000;
const BLOCK_BYTES: u64 = 8_192;

/// FROM of a sample that is large enough for `slices` slices; of the whole table when that is hardly more, or
/// when it has no blocks of its own.
pub(super) fn from(dialect: &PostgresDialect, table: &TableInfo, slices: usize) -> String {
    if let Some(sql) = table.reading.query() {
        return derived(sql);
    }
    let name = dialect.table(&table.table);
    let has_blocks = matches!(
        table.kind,
        TableKind::Table | TableKind::Partitioned | TableKind::Partition | TableKind::MaterializedView
    );
    let blocks = match table.blocks.iter().sum() {
        0 => table.est_bytes / BLOCK_BYTES,
        blocks => blocks,
    };
    let wanted = (slices as u64).saturating_mul(BLOCKS_PER_SLICE).max(LEAST_BLOCKS);
    if !has_blocks || wanted >= blocks / 2 {
        return name;
    }
    let percent = wanted as f64 * 100.0 / blocks as f64;
    // Repeatable, so that the same table is cut in the same way.
    format!("{name} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (0)")
}

/// How `column` is read as a key: its value as a number or text, given the name it has in the query; and the
/// condition under which it has one.
fn key_sql(table: &TableInfo, column: &str) -> Result<(&'static str, &'static str)> {
    let info = table
        .column(column)
        .ok_or_else(|| Error::usage("the key column does not exist").coded(Code::Method))?;
    Ok(match info.field.data_type() {
        DataType::Int16 | DataType::Int32 | DataType::Int64 => ("{}::pg_catalog.int8", "true"),
        DataType::Date32 => {
            ("({} OPERATOR(pg_catalog.-) '1970-01-01'::pg_catalog.date)", "pg_catalog.isfinite(k)")
        }
        DataType::Timestamp(_, _) => (
            "pg_catalog.trunc(extract(epoch FROM {})::pg_catalog.numeric OPERATOR(pg_catalog.*) 1000000::pg_catalog.numeric)::pg_catalog.int8",
            "pg_catalog.isfinite(k)",
        ),
        _ => ("{}::pg_catalog.text", "true"),
    })
}

/// A key as `key_sql` selects it.
fn key_value(table: &TableInfo, column: &str, text: &str) -> Result<KeyValue> {
    Ok(match table.column(column).map(|c| c.field.data_type()) {
        Some(DataType::Int16 | DataType::Int32 | DataType::Int64) => KeyValue::Int(number(text)?),
        Some(DataType::Date32) => KeyValue::Date(number(text)?),
        Some(DataType::Timestamp(_, _)) => KeyValue::Timestamp(number(text)?),
        _ => KeyValue::Text(text.to_owned()),
    })
}

/// Asks for `points` keys at equal steps of rank, of the rows that `from` gives. They are in the order of the operator
/// that slices compare with: a type's own order may be another (citext), and then slices would overlap.
pub(super) fn quantiles_sql(from: &str, table: &TableInfo, column: &str, points: usize) -> Result<String> {
    let (key, finite) = key_sql(table, column)?;
    let of_row = key_of_row(table, column)?;
    Ok(format!(
        "SELECT a.n, a.present, {} FROM (SELECT pg_catalog.count(*) AS n, pg_catalog.count(k) AS present, \
            pg_catalog.percentile_disc(ARRAY(SELECT \
                    (g::pg_catalog.float8 OPERATOR(pg_catalog.+) 0.5::pg_catalog.float8) \
                    OPERATOR(pg_catalog./) {points}::pg_catalog.float8 \
                FROM pg_catalog.generate_series(0, {last}) AS g)) \
                WITHIN GROUP (ORDER BY k USING OPERATOR(pg_catalog.<)) FILTER (WHERE {finite}) AS points \
            FROM (SELECT {of_row} AS k FROM {from}) AS s) AS a \
         LEFT JOIN LATERAL pg_catalog.unnest(a.points) WITH ORDINALITY AS p(p, at) ON true ORDER BY p.at",
        key.replace("{}", "p.p"),
        last = points.saturating_sub(1),
    ))
}

/// The answer to [`quantiles_sql`].
pub(super) fn quantiles(rows: &[Row], table: &TableInfo, column: &str) -> Result<KeyQuantiles> {
    let Some(first) = rows.first() else { return Ok(KeyQuantiles { points: Vec::new(), nulls: 0.0 }) };
    let (all, present): (f64, f64) = (number(first.required(0)?)?, number(first.required(1)?)?);
    let mut points = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(text) = row.get(2) {
            points.push(key_value(table, column, text)?);
        }
    }
    Ok(KeyQuantiles { points, nulls: if all > 0.0 { 1.0 - present / all } else { 0.0 } })
}

/// Asks for the values of `expression` and how many rows have each, of the rows that `from` gives; at most `most`.
pub(super) fn values_sql(from: &str, expression: &str, most: usize) -> String {
    format!(
        "SELECT CASE WHEN pg_catalog.pg_typeof(e)::pg_catalog.oid OPERATOR(pg_catalog.<) {FIRST_OWN_OID}::pg_catalog.oid \
             THEN e::pg_catalog.text \
             WHEN e IS DISTINCT FROM NULL THEN pg_catalog.format('%s', e) END, n \
         FROM (SELECT {expression} AS e, pg_catalog.count(*) AS n FROM {from} GROUP BY 1) AS s \
         ORDER BY n DESC, 1 LIMIT {most}"
    )
}

/// The answer to [`values_sql`].
pub(super) fn values(rows: &[Row]) -> Result<Vec<ValueCount>> {
    let count =
        |row: &Row| Ok(ValueCount { value: row.get(0).map(str::to_owned), rows: number(row.required(1)?)? });
    rows.iter().map(count).collect()
}

/// Asks for the blocks at which the rows that `from` gives under `condition` are cut into `pieces` with about as many
/// rows each.
pub(super) fn blocks_sql(from: &str, condition: &str, pieces: usize) -> String {
    format!(
        "SELECT b FROM (SELECT pg_catalog.percentile_disc(ARRAY(SELECT g::pg_catalog.float8 / {pieces} \
            FROM pg_catalog.generate_series(1, {pieces} - 1) AS g)) \
            WITHIN GROUP (ORDER BY (ctid::pg_catalog.text::pg_catalog.point)[0]::pg_catalog.int8) AS blocks \
            FROM {from} WHERE {condition}) AS s, pg_catalog.unnest(blocks) AS b WHERE b IS NOT NULL"
    )
}

/// The answer to [`blocks_sql`].
pub(super) fn blocks(rows: &[Row]) -> Result<Vec<u64>> {
    rows.iter().map(|row| number(row.required(0)?)).collect()
}
