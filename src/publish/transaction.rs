//! The catalog's next snapshot: all tables in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::bounds::Known;
use super::columns::Column;
use super::database::{Database, number};
use super::lake::{Lake, Table};
use super::layout::{AUTHOR, TAG, VERSION};
use super::published::{Done, Published, PublishedTable};
use super::state::{self, Schema, Shown};

use crate::client::Value;
use crate::clock;
use crate::error::Result;
use crate::manifest::{FileEntry, Manifest};
use crate::spec::layout::hive_values;

/// How an attempt ended.
pub(super) enum Attempt {
    Done(Published),
    /// Another writer made the next snapshot.
    Overtaken,
}

/// The snapshot that is being made.
struct Next {
    id: i64,
    schema_version: i64,
    /// The next ids of schemas, tables and partitions, and of files and mappings.
    catalog_id: i64,
    file_id: i64,
    data_path: String,
    changes: Vec<String>,
    /// Tables that are others than before.
    altered: Vec<i64>,
}

impl Next {
    fn catalog_id(&mut self) -> i64 {
        self.catalog_id += 1;
        self.catalog_id - 1
    }

    fn file_id(&mut self) -> i64 {
        self.file_id += 1;
        self.file_id - 1
    }
}

/// One transaction: the catalog is made if there is none, and gets its next snapshot if anything differs.
pub(super) async fn attempt(database: &mut Database, lake: &Lake) -> Result<Attempt> {
    database.begin().await?;
    if !database.has_catalog().await? {
        database.alone().await?;
        if !database.has_catalog().await? {
            database.make_tables().await?;
            first_rows(database, lake).await?;
        }
    }
    let data_path = state::data_path(database).await?;
    let sql = "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot \
        WHERE snapshot_id = (SELECT max(snapshot_id) FROM ducklake_snapshot)";
    let head = database.query(sql, &[]).await?;
    let column = |column| number(head.first(), column).ok_or_else(state::unfit);
    let (last, schema_version) = (column(0)?, column(1)?);
    let mut next = Next {
        id: last + 1,
        schema_version,
        catalog_id: column(2)?,
        file_id: column(3)?,
        data_path,
        changes: Vec::new(),
        altered: Vec::new(),
    };
    if let Err(error) = snapshot_row(database, &next).await {
        let sql = "SELECT max(snapshot_id) FROM ducklake_snapshot";
        let now = number(database.query(sql, &[]).await?.first(), 0);
        return if now >= Some(next.id) { Ok(Attempt::Overtaken) } else { Err(error) };
    }
    let mut tables = Vec::new();
    for table in &lake.tables {
        let done = published(database, lake, table, &mut next).await;
        let done = done.map_err(|error| error.with("table", &table.manifest.table))?;
        tables.push(shown(table, done));
    }
    let changed = !next.changes.is_empty();
    if changed {
        finish(database, lake, &next, schema_version).await?;
        database.commit().await?;
    } else {
        database.roll_back();
    }
    let snapshot = u64::try_from(if changed { next.id } else { last }).unwrap_or_default();
    let destination = lake.base.trim_end_matches('/').to_owned();
    let moments =
        lake.tables.iter().flat_map(|table| moments(&table.manifest)).collect::<BTreeSet<_>>().len();
    Ok(Attempt::Done(Published {
        catalog: database.location(),
        destination,
        snapshot,
        changed,
        moments,
        tables,
    }))
}

fn shown(table: &Table, done: Done) -> PublishedTable {
    let manifest = &table.manifest;
    PublishedTable {
        table: manifest.table.full(),
        directory: table.directory.clone(),
        run_id: manifest.run_id.clone(),
        taken_at: manifest.snapshot.taken_at.clone(),
        rows: manifest.rows,
        files: manifest.own_files().count(),
        done,
    }
}

/// The points in time of a table's rows.
fn moments(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let others = manifest.mixed_snapshots.iter().map(|parts| parts.snapshot.taken_at.as_str());
    others.chain([manifest.snapshot.taken_at.as_str()])
}

/// A moment as catalogs have it.
fn now() -> Value {
    Value::Text(clock::moment().format("%Y-%m-%d %H:%M:%S%.6f+00").to_string())
}

/// What a catalog has before its first table.
async fn first_rows(database: &mut Database, lake: &Lake) -> Result<()> {
    let program = concat!("lakexpress ", env!("CARGO_PKG_VERSION"));
    let said =
        [("version", VERSION), ("created_by", program), ("data_path", &lake.base), ("encrypted", "false")];
    let rows = said.map(|(key, value)| vec![Value::text(key), Value::text(value), Value::Null, Value::Null]);
    database.insert("metadata", "key, value, scope, scope_id", rows.into()).await?;
    let snapshot = vec![Value::Integer(0), now(), Value::Integer(0), Value::Integer(1), Value::Integer(0)];
    database.insert("snapshot", SNAPSHOT, vec![snapshot]).await?;
    let changes = vec![Value::Integer(0), Value::text("created_schema:\"main\""), Value::text(AUTHOR)];
    database.insert("snapshot_changes", "snapshot_id, changes_made, author", vec![changes]).await?;
    let uuid = Value::Text(clock::ordered_id().to_string());
    let (zero, yes) = (Value::Integer(0), database.flag(true));
    let schema = vec![zero.clone(), uuid, zero, Value::Null, Value::text("main"), Value::text("main/"), yes];
    database.insert("schema", SCHEMA, vec![schema]).await
}

const SNAPSHOT: &str = "snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id";
const SCHEMA: &str =
    "schema_id, schema_uuid, begin_snapshot, end_snapshot, schema_name, path, path_is_relative";

/// The row that decides who makes the snapshot. Its last columns are not known yet.
async fn snapshot_row(database: &mut Database, next: &Next) -> Result<()> {
    let numbers = [next.schema_version, next.catalog_id, next.file_id].map(Value::Integer);
    let row = [vec![Value::Integer(next.id), now()], numbers.to_vec()].concat();
    database.insert("snapshot", SNAPSHOT, vec![row]).await
}

/// What the snapshot is, when all tables are in it.
async fn finish(database: &mut Database, lake: &Lake, next: &Next, schema_version: i64) -> Result<()> {
    let version = if next.altered.is_empty() { schema_version } else { schema_version + 1 };
    let sql = "UPDATE ducklake_snapshot SET schema_version = ?, next_catalog_id = ?, next_file_id = ? WHERE snapshot_id = ?";
    let values = [version, next.catalog_id, next.file_id, next.id].map(Value::Integer);
    database.query(sql, &values).await?;
    let versions = next.altered.iter().map(|table| [next.id, version, *table].map(Value::Integer).to_vec());
    database
        .insert("schema_versions", "begin_snapshot, schema_version, table_id", versions.collect())
        .await?;
    let moments: Vec<_> = lake
        .tables
        .iter()
        .map(|table| {
            let (manifest, snapshot) = (&table.manifest, &table.manifest.snapshot);
            json!({
                "table": manifest.table.full(), "run_id": manifest.run_id, "source": manifest.source.url(),
                "consistency": snapshot.level.to_string(), "snapshot": snapshot.id, "position": snapshot.position,
                "taken_at": snapshot.taken_at,
            })
        })
        .collect();
    let row = vec![
        Value::Integer(next.id),
        Value::Text(next.changes.join(",")),
        Value::text(AUTHOR),
        Value::text(&format!("lakexpress publish: {}", lake.base.trim_end_matches('/'))),
        Value::Text(json!({ "tables": moments }).to_string()),
    ];
    let columns = "snapshot_id, changes_made, author, commit_message, commit_extra_info";
    database.insert("snapshot_changes", columns, vec![row]).await
}

/// Brings one table of the catalog up to what lies at the destination.
async fn published(database: &mut Database, lake: &Lake, table: &Table, next: &mut Next) -> Result<Done> {
    let (name, path) = (&table.manifest.table, lake.path(table));
    let schema = match state::schema(database, &next.data_path, &name.schema).await? {
        Some(schema) => schema,
        None => new_schema(database, &name.schema, &path, next).await?,
    };
    let there = state::table(database, &schema, name, &path).await?;
    let wanted: Vec<Shown> = table.columns.iter().map(Shown::of).collect();
    let keys: Vec<i64> = table.columns.iter().filter(|c| c.is_partition).map(|column| column.id).collect();
    let (done, mut there) = match there {
        Some(there) if there.columns == wanted && there.partitions == keys => (Done::Updated, there),
        Some(there) => {
            ended(database, there.id, next).await?;
            next.changes.push(format!("dropped_table:{}", there.id));
            (Done::Recreated, new_table(database, (&schema, &path), table, &keys, next).await?)
        }
        None => (Done::Created, new_table(database, (&schema, &path), table, &keys, next).await?),
    };
    let mut files: BTreeMap<&str, &FileEntry> =
        table.manifest.own_files().map(|file| (file.name.as_str(), file)).collect();
    let gone: Vec<i64> = there
        .files
        .iter()
        .filter(|(name, _)| !files.contains_key(name.as_str()))
        .map(|(_, id)| *id)
        .collect();
    files.retain(|name, _| !there.files.contains_key(*name));
    if done == Done::Updated && gone.is_empty() && files.is_empty() {
        return Ok(Done::Unchanged);
    }
    if !gone.is_empty() {
        next.changes.push(format!("deleted_from_table:{}", there.id));
        for file in &gone {
            let sql = "UPDATE ducklake_data_file SET end_snapshot = ? WHERE data_file_id = ?";
            database.query(sql, &[Value::Integer(next.id), Value::Integer(*file)]).await?;
        }
    }
    if !files.is_empty() {
        next.changes.push(format!("inserted_into_table:{}", there.id));
    }
    let added: Vec<&FileEntry> = files.into_values().collect();
    add_files(database, table, &added, &mut there, next).await?;
    counted(database, table, &there).await?;
    Ok(done)
}

async fn new_schema(database: &mut Database, name: &str, table: &str, next: &mut Next) -> Result<Schema> {
    let id = next.catalog_id();
    let above = table.trim_end_matches('/').rsplit_once('/').map_or("", |(above, _)| above);
    let full = format!("{above}/");
    let relative = full.strip_prefix(&next.data_path).filter(|rest| !rest.is_empty());
    let path = relative.unwrap_or(&full);
    let row = vec![
        Value::Integer(id),
        Value::Text(clock::ordered_id().to_string()),
        Value::Integer(next.id),
        Value::Null,
        Value::text(name),
        Value::text(path),
        database.flag(relative.is_some()),
    ];
    database.insert("schema", SCHEMA, vec![row]).await?;
    next.changes.push(format!("created_schema:{}", in_quotes(name)));
    Ok(Schema { id, path: full })
}

fn in_quotes(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Ends a table whose place another one of the same name takes.
async fn ended(database: &mut Database, id: i64, next: &Next) -> Result<()> {
    for table in ["table", "column", "data_file", "partition_info"] {
        let sql = format!(
            "UPDATE ducklake_{table} SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL"
        );
        database.query(&sql, &[Value::Integer(next.id), Value::Integer(id)]).await?;
    }
    let sql = "UPDATE ducklake_tag SET end_snapshot = ? WHERE object_id = ? AND end_snapshot IS NULL";
    database.query(sql, &[Value::Integer(next.id), Value::Integer(id)]).await.map(drop)
}

async fn new_table(
    database: &mut Database,
    (schema, path): (&Schema, &str),
    table: &Table,
    keys: &[i64],
    next: &mut Next,
) -> Result<state::Table> {
    let (id, name) = (next.catalog_id(), &table.manifest.table);
    let begin = Value::Integer(next.id);
    let relative = path.strip_prefix(&schema.path).filter(|rest| !rest.is_empty());
    let row = vec![
        Value::Integer(id),
        Value::Text(clock::ordered_id().to_string()),
        begin.clone(),
        Value::Null,
        Value::Integer(schema.id),
        Value::text(&name.name),
        Value::text(relative.unwrap_or(path)),
        database.flag(relative.is_some()),
    ];
    let columns =
        "table_id, table_uuid, begin_snapshot, end_snapshot, schema_id, table_name, path, path_is_relative";
    database.insert("table", columns, vec![row]).await?;
    let tag = vec![Value::Integer(id), begin.clone(), Value::Null, Value::text(TAG), Value::text(path)];
    database.insert("tag", "object_id, begin_snapshot, end_snapshot, key, value", vec![tag]).await?;
    add_columns(database, id, table, next).await?;
    let (mut partition_id, mut mapping_id) = (None, None);
    if !keys.is_empty() {
        let partition = next.catalog_id();
        let row = vec![Value::Integer(partition), Value::Integer(id), begin, Value::Null];
        database
            .insert("partition_info", "partition_id, table_id, begin_snapshot, end_snapshot", vec![row])
            .await?;
        let rows = keys.iter().zip(0..).map(|(column, at)| {
            let ids = [partition, id, at, *column].map(Value::Integer);
            [ids.to_vec(), vec![Value::text("identity")]].concat()
        });
        let columns = "partition_id, table_id, partition_key_index, column_id, transform";
        database.insert("partition_column", columns, rows.collect()).await?;
        partition_id = Some(partition);
        mapping_id = Some(mapped(database, id, table, next).await?);
    }
    next.altered.push(id);
    next.changes.push(format!("created_table:{}.{}", in_quotes(&name.schema), in_quotes(&name.name)));
    Ok(state::Table {
        id,
        columns: Vec::new(),
        partitions: keys.to_vec(),
        partition_id,
        mapping_id,
        files: std::collections::HashMap::new(),
        next_row_id: 0,
        stats: std::collections::HashMap::new(),
    })
}

async fn add_columns(database: &mut Database, id: i64, table: &Table, next: &Next) -> Result<()> {
    let optional = |id: Option<i64>| id.map_or(Value::Null, Value::Integer);
    let has_fields = |column: &Column| matches!(column.data_type.as_str(), "list" | "struct" | "map");
    let mut rows = Vec::new();
    for (column, at) in table.columns.iter().zip(1..) {
        rows.push(vec![
            Value::Integer(column.id),
            Value::Integer(next.id),
            Value::Null,
            Value::Integer(id),
            Value::Integer(at),
            Value::text(&column.name),
            Value::text(&column.data_type),
            Value::Null,
            Value::text("NULL"),
            database.flag(column.nullable),
            optional(column.parent),
            Value::text(if has_fields(column) { "" } else { "literal" }),
            Value::text("duckdb"),
        ]);
    }
    let columns = "column_id, begin_snapshot, end_snapshot, table_id, column_order, column_name, column_type, initial_default, \
        default_value, nulls_allowed, parent_column, default_value_type, default_value_dialect";
    database.insert("column", columns, rows).await
}

/// Files that lack the columns of directories are read by the names of columns, not by their ids.
async fn mapped(database: &mut Database, id: i64, table: &Table, next: &mut Next) -> Result<i64> {
    let mapping = next.file_id();
    let row = vec![Value::Integer(mapping), Value::Integer(id), Value::text("map_by_name")];
    database.insert("column_mapping", "mapping_id, table_id, type", vec![row]).await?;
    let place = |id: i64| table.columns.iter().position(|column| column.id == id);
    let mut rows = Vec::new();
    for (column, at) in table.columns.iter().zip(0..) {
        let parent = column.parent.and_then(place);
        let in_list = parent.is_some_and(|parent| table.columns[parent].data_type == "list");
        rows.push(vec![
            Value::Integer(mapping),
            Value::Integer(at),
            Value::text(if in_list { "list" } else { &column.name }),
            Value::Integer(column.id),
            parent.and_then(|parent| i64::try_from(parent).ok()).map_or(Value::Null, Value::Integer),
            database.flag(column.is_partition),
        ]);
    }
    let columns = "mapping_id, column_id, source_name, target_field_id, parent_column, is_partition";
    database.insert("name_mapping", columns, rows).await?;
    Ok(mapping)
}

/// Columns that have statistics: those with values of their own that are not inside of others.
fn with_stats(table: &Table) -> impl Iterator<Item = (&Column, &str)> {
    let simple = |column: &&Column| !matches!(column.data_type.as_str(), "list" | "struct" | "map");
    table.columns.iter().filter(simple).filter_map(|column| Some((column, column.path.as_deref()?)))
}

/// What is known of a column of a file.
fn known(column: &Column, path: &str, file: &FileEntry, values: &BTreeMap<String, Option<String>>) -> Known {
    if column.is_partition {
        let value = values.get(&column.name).and_then(Option::as_deref);
        return Known::of_partition(value, file.rows, &column.data_type);
    }
    // Paths of fields are joined by dots, which names may have too.
    let mut of_name = file.columns.iter().filter(|stats| *stats.name == *path);
    let stats = of_name.next().filter(|_| of_name.next().is_none());
    Known::of(stats, file.rows, &column.data_type)
}

async fn add_files(
    database: &mut Database,
    table: &Table,
    added: &[&FileEntry],
    there: &mut state::Table,
    next: &mut Next,
) -> Result<()> {
    let (mut files, mut stats, mut places) = (Vec::new(), Vec::new(), Vec::new());
    let optional = |id: Option<i64>| id.map_or(Value::Null, Value::Integer);
    for file in added {
        let id = next.file_id();
        files.push(vec![
            Value::Integer(id),
            Value::Integer(there.id),
            Value::Integer(next.id),
            Value::Null,
            Value::text(&file.name),
            database.flag(true),
            Value::text("parquet"),
            Value::count(file.rows),
            Value::count(file.bytes),
            Value::Integer(there.next_row_id),
            optional(there.partition_id),
            optional(there.mapping_id),
        ]);
        let count = i64::try_from(file.rows).unwrap_or(i64::MAX);
        there.next_row_id += count;
        let values = hive_values(&file.name);
        for (column, path) in with_stats(table) {
            let known = known(column, path, file, &values);
            let (min, max) = known.bounds.clone().unzip();
            stats.push(vec![
                Value::Integer(id),
                Value::Integer(there.id),
                Value::Integer(column.id),
                known.nulls.map_or(Value::Null, |nulls| Value::count(file.rows - nulls.min(file.rows))),
                known.nulls.map_or(Value::Null, Value::count),
                Value::optional(min.as_deref()),
                Value::optional(max.as_deref()),
            ]);
        }
        for (column, at) in table.columns.iter().filter(|column| column.is_partition).zip(0..) {
            let value = values.get(&column.name).and_then(Option::as_deref);
            places.push(vec![
                Value::Integer(id),
                Value::Integer(there.id),
                Value::Integer(at),
                Value::optional(value),
            ]);
        }
    }
    let columns = "data_file_id, table_id, begin_snapshot, end_snapshot, path, path_is_relative, file_format, record_count, \
        file_size_bytes, row_id_start, partition_id, mapping_id";
    database.insert("data_file", columns, files).await?;
    let columns = "data_file_id, table_id, column_id, value_count, null_count, min_value, max_value";
    database.insert("file_column_stats", columns, stats).await?;
    let columns = "data_file_id, table_id, partition_key_index, partition_value";
    database.insert("file_partition_value", columns, places).await
}

/// Counts and statistics of the table. They are no snapshot's. By the counts readers estimate: they are those of now. By the
/// statistics readers skip, in older snapshots too, so they hold what older files have as well.
async fn counted(database: &mut Database, table: &Table, there: &state::Table) -> Result<()> {
    let of_table = [Value::Integer(there.id)];
    database.query("DELETE FROM ducklake_table_stats WHERE table_id = ?", &of_table).await?;
    let bytes = table.manifest.own_files().map(|file| file.bytes).sum();
    let row = vec![
        Value::Integer(there.id),
        Value::count(table.manifest.rows),
        Value::Integer(there.next_row_id),
        Value::count(bytes),
    ];
    database.insert("table_stats", "table_id, record_count, next_row_id, file_size_bytes", vec![row]).await?;
    database.query("DELETE FROM ducklake_table_column_stats WHERE table_id = ?", &of_table).await?;
    let mut rows = Vec::new();
    for (column, path) in with_stats(table) {
        let files = table.manifest.own_files();
        let now = files.map(|file| known(column, path, file, &hive_values(&file.name)));
        let now = now.reduce(|all, one| all.and(&one, &column.data_type));
        let before = there.stats.get(&column.id);
        let all = match (now, before) {
            (Some(now), Some(before)) => now.and(before, &column.data_type),
            (Some(now), None) => now,
            (None, Some(before)) => before.clone(),
            (None, None) => continue,
        };
        let (min, max) = all.bounds.unzip();
        rows.push(vec![
            Value::Integer(there.id),
            Value::Integer(column.id),
            all.nulls.map_or(Value::Null, |nulls| database.flag(nulls > 0)),
            Value::optional(min.as_deref()),
            Value::optional(max.as_deref()),
        ]);
    }
    let columns = "table_id, column_id, contains_null, min_value, max_value";
    database.insert("table_column_stats", columns, rows).await
}
