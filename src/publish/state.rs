//! What the catalog has of a table, as its newest snapshot shows it.

use std::collections::HashMap;

use super::bounds::Known;
use super::columns::Column;
use super::database::{Database, is_yes, number, text};
use super::layout::{AUTHOR, TAG, VERSION};
use crate::catalog::TableRef;
use crate::client::{Row, Value};
use crate::error::{Code, Error, Result};

/// A schema of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    pub(super) id: i64,
    /// The full path of its directory.
    pub(super) path: String,
}

/// A table of the catalog that was published from where it is to be published from.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) id: i64,
    pub(super) columns: Vec<Shown>,
    /// Columns that are its partitions, outermost first.
    pub(super) partitions: Vec<i64>,
    pub(super) partition_id: Option<i64>,
    pub(super) mapping_id: Option<i64>,
    /// Files by their names below the table's directory.
    pub(super) files: HashMap<String, i64>,
    pub(super) next_row_id: i64,
    /// What its statistics say of each column, over all its snapshots.
    pub(super) stats: HashMap<i64, Known>,
}

/// What tells a column from another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    id: i64,
    parent: Option<i64>,
    name: String,
    data_type: String,
    nullable: bool,
}

impl Shown {
    pub(super) fn of(column: &Column) -> Self {
        Self {
            id: column.id,
            parent: column.parent,
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            nullable: column.nullable,
        }
    }
}

/// The schema of that name; names differ by more than case.
pub(super) async fn schema(database: &mut Database, data_path: &str, name: &str) -> Result<Option<Schema>> {
    let sql = "SELECT schema_id, path, path_is_relative, schema_name FROM ducklake_schema WHERE end_snapshot IS NULL";
    let rows = database.query(sql, &[]).await?;
    let found = rows.iter().find(|row| text(row, 3).is_some_and(|found| same_name(found, name)));
    let Some(row) = found else { return Ok(None) };
    let (Some(id), path) = (number(Some(row), 0), text(row, 1).unwrap_or_default()) else {
        return Err(unfit());
    };
    let path = if is_yes(row, 2) { format!("{data_path}{path}") } else { path.to_owned() };
    Ok(Some(Schema { id, path }))
}

pub(super) fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The table of that name.
///
/// # Errors
/// `Data` when it is not one that was published from `path`, or when another program has changed it since.
pub(super) async fn table(
    database: &mut Database,
    schema: &Schema,
    name: &TableRef,
    path: &str,
) -> Result<Option<Table>> {
    let of_schema = [Value::Integer(schema.id)];
    let sql = "SELECT table_id, table_name, begin_snapshot FROM ducklake_table WHERE schema_id = ? AND end_snapshot IS NULL";
    let tables = database.query(sql, &of_schema).await?;
    let sql = "SELECT view_name FROM ducklake_view WHERE schema_id = ? AND end_snapshot IS NULL";
    let views = database.query(sql, &of_schema).await?;
    if views.iter().any(|row| text(row, 0).is_some_and(|found| same_name(found, &name.name))) {
        return Err(others(name, "the catalog has a view of this name"));
    }
    let Some(row) = tables.iter().find(|row| text(row, 1).is_some_and(|found| same_name(found, &name.name)))
    else {
        return Ok(None);
    };
    let (Some(id), Some(begin)) = (number(Some(row), 0), number(Some(row), 2)) else { return Err(unfit()) };
    is_ours(database, (id, begin), name, path).await?;
    of(database, id).await.map(Some)
}

/// Refuses a table that another program has made or changed.
async fn is_ours(
    database: &mut Database,
    (id, begin): (i64, i64),
    name: &TableRef,
    path: &str,
) -> Result<()> {
    let of_table = [Value::Integer(id)];
    let sql = "SELECT value FROM ducklake_tag WHERE object_id = ? AND key = ? AND end_snapshot IS NULL";
    let tags = database.query(&quoted(sql), &[Value::Integer(id), Value::text(TAG)]).await?;
    match tags.first().and_then(|row| text(row, 0)) {
        None => {
            return Err(others(name, "the catalog has a table of this name that lakexpress did not publish"));
        }
        Some(other) if other != path => {
            return Err(others(name, "the table of this name was published from another place")
                .with("published from", other)
                .with("now at", path));
        }
        Some(_) => {}
    }
    let sql = "SELECT changes_made FROM ducklake_snapshot_changes WHERE snapshot_id >= ? AND (author IS NULL OR author <> ?)";
    let changes = database.query(sql, &[Value::Integer(begin), Value::text(AUTHOR)]).await?;
    let end = format!(":{id}");
    let touches =
        |row: &Row| text(row, 0).is_some_and(|made| made.split(',').any(|one| one.trim().ends_with(&end)));
    let sql = "SELECT count(*) FROM ducklake_data_file f LEFT JOIN ducklake_snapshot_changes c ON c.snapshot_id = f.begin_snapshot \
        WHERE f.table_id = ? AND f.end_snapshot IS NULL AND c.snapshot_id IS NOT NULL AND (c.author IS NULL OR c.author <> ?)";
    let files = database.query(sql, &[Value::Integer(id), Value::text(AUTHOR)]).await?;
    let sql = "SELECT count(*) FROM ducklake_delete_file WHERE table_id = ? AND end_snapshot IS NULL";
    let deletes = database.query(sql, &of_table).await?;
    let sql = "SELECT count(*) FROM ducklake_inlined_data_tables WHERE table_id = ?";
    let inlined = database.query(sql, &of_table).await?;
    let some = |rows: &[Row]| number(rows.first(), 0) != Some(0);
    if changes.iter().any(touches) || some(&files) || some(&deletes) || some(&inlined) {
        return Err(others(name, "another program has changed the table in the catalog"));
    }
    Ok(())
}

fn others(name: &TableRef, what: &str) -> Error {
    Error::data(what).coded(Code::CatalogTable).with("table", name).hint(
        "nothing was published; if nobody needs what is there, drop it in the catalog and publish again",
    )
}

/// `key` is a word of SQL in some databases.
fn quoted(sql: &str) -> String {
    sql.replace(" key ", " \"key\" ").replace("SELECT value", "SELECT \"value\"")
}

async fn of(database: &mut Database, id: i64) -> Result<Table> {
    let of_table = [Value::Integer(id)];
    let sql = "SELECT column_id, parent_column, column_name, column_type, nulls_allowed FROM ducklake_column \
        WHERE table_id = ? AND end_snapshot IS NULL ORDER BY column_order, column_id";
    let columns = database.query(sql, &of_table).await?;
    let shown = |row: &Row| {
        Some(Shown {
            id: number(Some(row), 0)?,
            parent: number(Some(row), 1),
            name: text(row, 2)?.to_owned(),
            data_type: text(row, 3)?.to_owned(),
            nullable: is_yes(row, 4),
        })
    };
    let columns = columns.iter().map(|row| shown(row).ok_or_else(unfit)).collect::<Result<_>>()?;
    let sql = "SELECT p.partition_id, c.column_id FROM ducklake_partition_info p \
        JOIN ducklake_partition_column c ON c.partition_id = p.partition_id AND c.table_id = p.table_id \
        WHERE p.table_id = ? AND p.end_snapshot IS NULL ORDER BY c.partition_key_index";
    let partitions = database.query(sql, &of_table).await?;
    let partition_id = number(partitions.first(), 0);
    let partitions = partitions.iter().filter_map(|row| number(Some(row), 1)).collect();
    let sql = "SELECT max(mapping_id) FROM ducklake_column_mapping WHERE table_id = ?";
    let mapping_id = number(database.query(sql, &of_table).await?.first(), 0);
    let sql = "SELECT data_file_id, path FROM ducklake_data_file WHERE table_id = ? AND end_snapshot IS NULL";
    let files = database.query(sql, &of_table).await?;
    let file = |row: &Row| Some((text(row, 1)?.to_owned(), number(Some(row), 0)?));
    let files = files.iter().map(|row| file(row).ok_or_else(unfit)).collect::<Result<_>>()?;
    let sql = "SELECT next_row_id FROM ducklake_table_stats WHERE table_id = ?";
    let counted = database.query(sql, &of_table).await?;
    let next_row_id = number(counted.first(), 0).unwrap_or(0);
    let sql = "SELECT column_id, contains_null, min_value, max_value FROM ducklake_table_column_stats WHERE table_id = ?";
    let stats = database.query(sql, &of_table).await?;
    let stat = |row: &Row| {
        let nulls = text(row, 1).map(|_| u64::from(is_yes(row, 1)));
        let bounds = text(row, 2).zip(text(row, 3)).map(|(min, max)| (min.to_owned(), max.to_owned()));
        // More rows than there are NULLs: whether it has a value is not known.
        Some((number(Some(row), 0)?, Known { bounds, nulls, rows: 2 }))
    };
    let stats = stats.iter().filter_map(stat).collect();
    Ok(Table { id, columns, partitions, partition_id, mapping_id, files, next_row_id, stats })
}

pub(super) fn unfit() -> Error {
    Error::config("the database holds no DuckLake catalog that this program understands")
        .coded(Code::CatalogUnfit)
        .hint("catalogs of version 1.0 are understood; name another database with --to")
}

/// What the catalog says of itself: where its files are.
///
/// # Errors
/// `Config` for another version, and for a catalog whose files are encrypted.
pub(super) async fn data_path(database: &mut Database) -> Result<String> {
    let sql = "SELECT \"key\", \"value\" FROM ducklake_metadata WHERE scope IS NULL";
    let rows = database.query(sql, &[]).await?;
    let said = |key: &str| rows.iter().find(|row| text(row, 0) == Some(key)).and_then(|row| text(row, 1));
    if said("version") != Some(VERSION) {
        return Err(unfit().with("version", said("version").unwrap_or("none")));
    }
    if said("encrypted") == Some("true") {
        return Err(Error::config(
            "the files of this catalog are encrypted, and files of lakexpress are not",
        )
        .coded(Code::CatalogUnfit)
        .hint("name another catalog with --to"));
    }
    said("data_path").map(str::to_owned).ok_or_else(unfit)
}
