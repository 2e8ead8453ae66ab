//! What the schema says about the tables, and what becomes of their columns.

use arrow_schema::DataType;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::column::{self, StorageClass, calendar};
use super::connect::failed;
use super::definition::Definition;
use super::dialect::{BLOCK_ROWIDS, SqliteDialect, ident, rowid_name};
use super::keys;
use super::statement;
use crate::catalog::{
    ColumnInfo, KeyBounds, KeyValue, ListedTable, Reading, SourceFacts, TableFilter, TableInfo, TableKind,
    TableRef,
};
use crate::client::sqlite::{SqliteConfig, module_missing};
use crate::error::{Code, Error, Result};
use crate::source::Dialect;
use crate::source::kit::choice::cast_to_text;
use crate::spec::TypePolicy;

/// The schema of the file itself, as SQLite names it.
const SCHEMA: &str = "main";
/// Rows that are weighed to estimate the size of the others.
const SAMPLE_ROWS: u32 = 256;
/// From that many rows on it pays to know how many distinct values a column has.
const LARGE_ROWS: u64 = 100_000;
/// Rows that are looked at for it.
const DISTINCT_ROWS: u32 = 4096;
/// Columns that are weighed: expressions of SQLite may not be nested deeper than 1000.
const SAMPLE_COLUMNS: usize = 200;

/// Tables, views and virtual tables. SQLite's own tables are left out.
pub(super) fn list(config: &SqliteConfig, connection: &Connection) -> Result<Vec<ListedTable>> {
    let read = || -> rusqlite::Result<Vec<ListedTable>> {
        let mut statement = connection.prepare(
            "SELECT name, sql FROM main.sqlite_schema \
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )?;
        let rows = statement.query_map([], |row| {
            let sql: Option<String> = row.get(1)?;
            let table = TableRef { schema: SCHEMA.into(), name: row.get(0)? };
            Ok(ListedTable { table, kind: Definition::of(&sql.unwrap_or_default()).kind })
        })?;
        rows.collect()
    };
    let mut listed = read().map_err(|e| failed(config, e))?;
    // SQLite leaves out what a virtual table keeps its content in only where it has the module.
    let contents: Vec<String> = listed
        .iter()
        .filter(|listed| listed.kind == TableKind::Foreign)
        .flat_map(|listed| contents_of(connection, &listed.table))
        .collect();
    for one in &mut listed {
        if contents.iter().any(|name| name.eq_ignore_ascii_case(&one.table.name)) {
            one.kind = TableKind::Foreign;
        }
    }
    Ok(listed)
}

/// The tables in which a virtual table keeps its content, if its module is not here.
fn contents_of(connection: &Connection, table: &TableRef) -> Vec<String> {
    let sql = format!("SELECT 1 FROM {}", SqliteDialect.table(table));
    let error = connection.prepare(&sql).err();
    let suffixes: &[&str] = match error.as_ref().and_then(module_missing) {
        Some("fts3" | "fts4") => &["content", "docsize", "segdir", "segments", "stat"],
        Some("fts5") => &["config", "content", "data", "docsize", "idx"],
        Some("rtree" | "rtree_i32" | "geopoly") => &["node", "parent", "rowid"],
        _ => &[],
    };
    suffixes.iter().map(|suffix| format!("{}_{suffix}", table.name)).collect()
}

/// A row of `table_xinfo`.
struct Described {
    ordinal: i64,
    name: String,
    declared: String,
    not_null: bool,
    /// Place in the primary key, from 1; 0 outside of it.
    key: i64,
    /// Computed when read: not even a STRICT table checks its type.
    computed: bool,
}

/// Describes `table` as of the connection's view.
pub(super) fn table(
    config: &SqliteConfig,
    connection: &Connection,
    table: &TableRef,
    (policy, filter): (&TypePolicy, &TableFilter),
) -> Result<TableInfo> {
    let fail = |e| failed(config, e);
    let relation = identify(connection, table).map_err(fail)?.ok_or_else(|| {
        Error::data("the table does not exist any more")
            .coded(Code::TableMissing)
            .hint("it was dropped or renamed after the run began; run again")
    })?;
    filter.still_means(table, relation.kind)?;
    let described = columns(connection, table).map_err(fail)?;
    let alias = rowid_alias(connection, table, &relation, &described).map_err(fail)?;
    let stored = relation.kind == TableKind::Table;
    let rowid = (stored && !relation.without_rowid)
        .then(|| rowid_name(described.iter().map(|c| c.name.as_str())))
        .flatten();
    let sizes = sizes(connection, table, &described, rowid, stored).map_err(fail)?;
    let is_cast = cast_to_text(policy, table);
    let mut columns = Vec::with_capacity(described.len());
    for (at, one) in described.iter().enumerate() {
        let is_alias = alias == Some(at);
        let cast = is_cast(&one.name);
        let untyped = column::needs_first_value(&one.declared, relation.strict);
        let first_class = match untyped && !cast {
            true => first_class(connection, table, &one.name).map_err(fail)?,
            false => None,
        };
        let asked = column::Column {
            name: &one.name,
            ordinal: one.ordinal,
            declared: &one.declared,
            never_null: is_alias || (stored && one.not_null),
            // Nothing else can be in it: the rowid, or a column of a STRICT table.
            enforced: is_alias || (relation.strict && !one.computed),
            binary_collation: stored && binary_collation(connection, table, &one.name).map_err(fail)?,
            untyped,
            first_class,
        };
        let choice = column::choose(&asked, policy, cast);
        columns.push(ColumnInfo {
            est_distinct: if is_alias { Some(sizes.rows as f64) } else { None },
            ..choice.into_column(&one.declared)?
        });
    }
    distinct(connection, table, sizes.rows, &mut columns).map_err(fail)?;
    if stored && sizes.rows >= LARGE_ROWS {
        sample(connection, table, sizes.rows, &mut columns).map_err(fail)?;
    }
    let key: Vec<&Described> = described.iter().filter(|c| c.key > 0).collect();
    // The order in which rows are stored: the rowid, or the key of a table without one.
    let stored_by = match (alias, relation.without_rowid, key.as_slice()) {
        (Some(at), _, _) => columns.get(at),
        (None, true, [only]) => columns.iter().find(|c| c.name() == only.name),
        _ => None,
    };
    let range_key =
        stored_by.filter(|c| c.field.data_type() == &DataType::Int64).map(|c| c.name().to_owned());
    Ok(TableInfo {
        table: table.clone(),
        kind: relation.kind,
        columns,
        est_rows: sizes.rows,
        est_bytes: sizes.bytes,
        blocks: rowid.map(|_| sizes.last_rowid / BLOCK_ROWIDS + 1).into_iter().collect(),
        identity: None,
        compound: false,
        primary_key: keys::primary(connection, table).map_err(fail)?,
        foreign_keys: keys::foreign(connection, table).map_err(fail)?,
        leaves: Vec::new(),
        range_key,
        unreadable: Vec::new(),
        reading: Reading::default(),
        facts: SourceFacts::default(),
    })
}

/// By its name as it is written, as all that SQLite is asked.
fn identify(connection: &Connection, table: &TableRef) -> rusqlite::Result<Option<Definition>> {
    connection
        .query_row(
            "SELECT sql FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = ?1",
            params![table.name],
            |row| Ok(Definition::of(&row.get::<_, Option<String>>(0)?.unwrap_or_default())),
        )
        .optional()
}

/// Columns in the order of their declaration, generated ones too, without the hidden ones of virtual tables.
fn columns(connection: &Connection, table: &TableRef) -> rusqlite::Result<Vec<Described>> {
    let mut statement = connection.prepare(
        "SELECT cid, name, type, \"notnull\", pk, hidden = 2 FROM pragma_table_xinfo(?1, ?2) WHERE hidden <> 1 ORDER BY cid",
    )?;
    let rows = statement.query_map(params![table.name, table.schema], |row| {
        Ok(Described {
            ordinal: row.get(0)?,
            name: row.get(1)?,
            declared: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            not_null: row.get(3)?,
            key: row.get(4)?,
            computed: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// The column that is another name of the rowid: the only key column, declared INTEGER to the letter, and
/// without an index of its own (which `INTEGER PRIMARY KEY DESC` has).
fn rowid_alias(
    connection: &Connection,
    table: &TableRef,
    relation: &Definition,
    columns: &[Described],
) -> rusqlite::Result<Option<usize>> {
    let mut keys = columns.iter().enumerate().filter(|(_, c)| c.key > 0);
    let (Some((at, key)), None) = (keys.next(), keys.next()) else { return Ok(None) };
    if relation.kind != TableKind::Table
        || relation.without_rowid
        || !key.declared.eq_ignore_ascii_case("INTEGER")
    {
        return Ok(None);
    }
    let indexed: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1, ?2) WHERE origin = 'pk')",
        params![table.name, table.schema],
        |row| row.get(0),
    )?;
    Ok((!indexed).then_some(at))
}

/// Whether equality of texts in this column is equality of bytes.
fn binary_collation(connection: &Connection, table: &TableRef, column: &str) -> rusqlite::Result<bool> {
    let (_, collation, ..) =
        connection.column_metadata(Some(table.schema.as_str()), table.name.as_str(), column)?;
    Ok(collation.is_some_and(|name| name.to_bytes().eq_ignore_ascii_case(b"BINARY")))
}

/// The storage class of the first value that is not NULL.
fn first_class(
    connection: &Connection,
    table: &TableRef,
    column: &str,
) -> rusqlite::Result<Option<StorageClass>> {
    let (name, column) = (SqliteDialect.table(table), ident(column));
    let class: Option<String> = connection
        .query_row(
            &format!("SELECT typeof({column}) FROM {name} WHERE {column} IS NOT NULL LIMIT 1"),
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(class.as_deref().and_then(StorageClass::parse))
}

/// Estimates, except for `last_rowid`.
#[derive(Default)]
struct Sizes {
    rows: u64,
    bytes: u64,
    last_rowid: u64,
}

/// From ANALYZE if it has run, else from the rowids and the weight of some rows, bounded by the file's size.
fn sizes(
    connection: &Connection,
    table: &TableRef,
    columns: &[Described],
    rowid: Option<&str>,
    stored: bool,
) -> rusqlite::Result<Sizes> {
    if !stored {
        return Ok(Sizes::default());
    }
    let name = SqliteDialect.table(table);
    let file: u64 = connection.query_row(
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        [],
        |row| row.get(0),
    )?;
    let weights: Vec<String> = columns
        .iter()
        .take(SAMPLE_COLUMNS)
        .map(|c| format!("coalesce(octet_length({}), 0) + 1", ident(&c.name)))
        .collect();
    let weigh = format!(
        "SELECT count(*), total(w) FROM (SELECT {} AS w FROM {name} LIMIT {SAMPLE_ROWS})",
        weights.join(" + ")
    );
    let (sampled, weight) =
        match connection.query_row(&weigh, [], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, f64>(1)?))) {
            // A generated column may fail on a row; that is for the export to say.
            Err(e) if fails_on_a_value(&e) => (1, 100.0),
            sampled => sampled?,
        };
    if sampled == 0 {
        return Ok(Sizes::default());
    }
    let share = columns.len() as f64 / weights.len().max(1) as f64;
    let width = (weight * share / sampled as f64).max(1.0);
    let most = (file as f64 / width) as u64;
    let ends = match rowid {
        // Two queries: one with both would read the whole table.
        Some(rowid) => connection.query_row(
            &format!("SELECT (SELECT min({rowid}) FROM {name}), (SELECT max({rowid}) FROM {name})"),
            [],
            |row| {
                Ok((row.get::<_, Option<i64>>(0)?.unwrap_or(0), row.get::<_, Option<i64>>(1)?.unwrap_or(0)))
            },
        )?,
        None => (0, 0),
    };
    let rows = if sampled < u64::from(SAMPLE_ROWS) {
        sampled
    } else if let Some(rows) = analyzed_rows(connection, table)? {
        rows
    } else if rowid.is_some() {
        most.min(ends.1.abs_diff(ends.0).saturating_add(1))
    } else {
        let tables: u64 = connection.query_row(
            "SELECT max(count(*), 1) FROM sqlite_schema WHERE type = 'table'",
            [],
            |row| row.get(0),
        )?;
        most / tables
    };
    Ok(Sizes {
        rows,
        bytes: ((rows as f64 * width) as u64).min(file),
        last_rowid: u64::try_from(ends.1).unwrap_or(0),
    })
}

/// Whether an expression could not be computed, as opposed to the file not being read.
fn fails_on_a_value(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::Unknown | ErrorCode::TooBig | ErrorCode::TypeMismatch)
    )
}

fn has_statistics(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        // A file made by hand may have a view of this name, which need not end.
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1' AND sql LIKE 'CREATE TABLE %')",
        [],
        |row| row.get(0),
    )
}

/// Rows when ANALYZE last ran.
fn analyzed_rows(connection: &Connection, table: &TableRef) -> rusqlite::Result<Option<u64>> {
    if !has_statistics(connection)? {
        return Ok(None);
    }
    // A partial index has fewer entries than the table has rows.
    let mut statement = connection.prepare("SELECT CAST(stat AS TEXT) FROM sqlite_stat1 WHERE tbl = ?1")?;
    let stats = statement.query_map([&table.name], |row| row.get::<_, Option<String>>(0))?;
    let mut most = None;
    for stat in stats {
        let rows = stat?.and_then(|s| s.split(' ').next()?.parse::<u64>().ok());
        most = most.max(rows);
    }
    Ok(most)
}

/// Distinct values of the first column of every index, from ANALYZE.
fn distinct(
    connection: &Connection,
    table: &TableRef,
    rows: u64,
    columns: &mut [ColumnInfo],
) -> rusqlite::Result<()> {
    if !has_statistics(connection)? {
        return Ok(());
    }
    let mut statement = connection.prepare(
        "SELECT i.name, CAST(s.stat AS TEXT) FROM sqlite_stat1 s, pragma_index_info(s.idx) i \
         WHERE s.tbl = ?1 AND i.seqno = 0",
    )?;
    let found = statement.query_map([&table.name], |row| {
        Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?))
    })?;
    for pair in found {
        let (Some(name), Some(stat)) = pair? else { continue };
        let per_value = stat.split(' ').nth(1).and_then(|n| n.parse::<f64>().ok()).filter(|n| *n >= 1.0);
        if let (Some(per_value), Some(info)) = (per_value, columns.iter_mut().find(|c| c.name() == name)) {
            info.est_distinct.get_or_insert(rows as f64 / per_value);
        }
    }
    Ok(())
}

/// Distinct values of the other columns, as the first rows suggest.
fn sample(
    connection: &Connection,
    table: &TableRef,
    rows: u64,
    columns: &mut [ColumnInfo],
) -> rusqlite::Result<()> {
    let mut unknown: Vec<&mut ColumnInfo> =
        columns.iter_mut().filter(|c| c.est_distinct.is_none()).take(SAMPLE_COLUMNS).collect();
    let names: Vec<String> = unknown.iter().map(|c| ident(c.name())).collect();
    let counts: Vec<String> =
        names.iter().map(|name| format!("count({name}), count(DISTINCT {name})")).collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT {} FROM (SELECT {} FROM {} LIMIT {DISTINCT_ROWS})",
        counts.join(", "),
        names.join(", "),
        SqliteDialect.table(table)
    );
    let pairs = connection.query_row(&sql, [], |row| {
        (0..names.len())
            .map(|i| Ok((row.get(2 * i)?, row.get(2 * i + 1)?)))
            .collect::<rusqlite::Result<Vec<_>>>()
    });
    let pairs: Vec<(f64, f64)> = match pairs {
        Err(e) if fails_on_a_value(&e) => return Ok(()),
        pairs => pairs?,
    };
    for (column, (values, distinct)) in unknown.iter_mut().zip(pairs) {
        column.est_distinct = Some(distinct_of(values, distinct, rows as f64));
    }
    Ok(())
}

/// Of how many values `distinct` are seen when `values` of them are drawn: `distinct = n (1 - e^(-values / n))`.
fn distinct_of(values: f64, distinct: f64, rows: f64) -> f64 {
    let (mut least, mut most) = (distinct, rows.max(distinct));
    for _ in 0..50 {
        let middle = (least + most) / 2.0;
        if middle * (1.0 - (-values / middle.max(1.0)).exp()) < distinct {
            least = middle;
        } else {
            most = middle;
        }
    }
    most
}

/// Smallest and largest key; none also when they are not of the column's type, which reading will then say.
pub(super) fn bounds(
    config: &SqliteConfig,
    connection: &Connection,
    table: &TableInfo,
    column: &str,
) -> Result<Option<KeyBounds>> {
    let info = table
        .column(column)
        .ok_or_else(|| Error::usage("the key column does not exist").coded(Code::Method))?;
    let data_type = info.field.data_type();
    if !matches!(data_type, DataType::Int64 | DataType::Date32 | DataType::Timestamp(_, _)) {
        return Err(Error::usage(format!(
            "RangeId cannot cut by a column of type {} ({data_type})",
            info.source_type
        ))
        .coded(Code::Method)
        .hint("choose an integer, date or timestamp column, or method Rowid or None"));
    }
    let (key, name) = (ident(column), statement::relation(table));
    let sql = format!("SELECT (SELECT min({key}) FROM {name}), (SELECT max({key}) FROM {name})");
    let (min, max) = connection
        .query_row(&sql, [], |row| Ok((row.get::<_, Value>(0)?, row.get::<_, Value>(1)?)))
        .map_err(|e| failed(config, e))?;
    let value = |value: &Value| match (data_type, value) {
        (DataType::Int64, Value::Integer(v)) => Some(KeyValue::Int(*v)),
        (DataType::Date32, Value::Text(text)) => calendar::date(text.as_bytes()).map(KeyValue::Date),
        (DataType::Timestamp(_, zone), Value::Text(text)) => {
            calendar::timestamp(text.as_bytes(), zone.is_some()).ok().map(KeyValue::Timestamp)
        }
        _ => None,
    };
    Ok(value(&min).zip(value(&max)).map(|(min, max)| KeyBounds { min, max }))
}

#[cfg(test)]
mod tests {
    use super::distinct_of;

    #[test]
    fn samples_tell_flags_from_keys() {
        let of = |distinct| distinct_of(4096.0, distinct, 6e6);
        assert!(of(3.0) < 4.0);
        assert!(of(4096.0) > 1e6, "every value another one");
        // 4096 draws out of 10,000 and of 200,000.
        assert!((9_000.0..11_000.0).contains(&of(3361.0)), "{}", of(3361.0));
        assert!((150_000.0..250_000.0).contains(&of(4054.0)), "{}", of(4054.0));
        assert!(distinct_of(0.0, 0.0, 6e6) < 1.0, "nothing but NULL");
    }
}
