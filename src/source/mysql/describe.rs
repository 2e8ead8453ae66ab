//! What the catalog says about a table, and what becomes of its columns.
//!
//! The reader that asks has touched the table in its transaction: no definition changes until that ends.

use std::time::Duration;

use arrow_schema::DataType;

use super::ask::{Answer, ask};
use super::column::{self, Declared, SpatialSystem, first_srid_sql, labels};
use super::{list, session, statement};
use crate::catalog::{
    ColumnInfo, ForeignKey, Leaf, PrimaryKey, Reading, SourceFacts, TableFilter, TableInfo, TableKind,
    TableRef,
};
use crate::client::mysql::{Connection, code, ident};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::source::kit::choice::cast_to_text;
use crate::spec::TypePolicy;

const TABLE: &str = "SELECT table_schema, table_name, table_type, engine, create_options, table_rows, data_length \
     FROM information_schema.tables WHERE table_schema = ? AND table_name = ?";

/// What [`Declared::of`] reads, in its order.
const COLUMNS: &str = "SELECT table_schema, table_name, ordinal_position, column_name, data_type, column_type, is_nullable, \
     character_set_name, collation_name, numeric_precision, numeric_scale, extra";

const INDEXES: &str = "SELECT table_schema, table_name, index_name, seq_in_index, column_name, cardinality \
     FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? ORDER BY index_name, seq_in_index";

const FOREIGN_KEYS: &str = "SELECT table_schema, table_name, constraint_name, column_name, referenced_table_schema, \
     referenced_table_name, referenced_column_name FROM information_schema.key_column_usage \
     WHERE table_schema = ? AND table_name = ? AND referenced_table_name IS NOT NULL \
     ORDER BY constraint_name, ordinal_position";

const PARTITIONS: &str = "SELECT table_schema, table_name, coalesce(subpartition_name, partition_name), data_length, \
     partition_method FROM information_schema.partitions \
     WHERE table_schema = ? AND table_name = ? AND partition_name IS NOT NULL \
     ORDER BY partition_ordinal_position, subpartition_ordinal_position";

/// Pauses in milliseconds after which the catalog is asked again for a table that it left out.
const PAUSES: [u64; 3] = [50, 200, 500];

/// Rows of system time that are no rows of the table any more stand in partitions of their own.
const BY_SYSTEM_TIME: &str = "SYSTEM_TIME";

/// Describes `table`.
///
/// # Errors
/// `Data`, when it is not there or of a kind that `filter` does not mean; `Denied`, when not every column may be read;
/// what the server said.
pub(super) async fn table(
    connection: &mut Connection,
    table: &TableRef,
    policy: &TypePolicy,
    filter: &TableFilter,
) -> Result<TableInfo> {
    let found = there(connection, table, TABLE).await?;
    let found = found.first().ok_or_else(gone)?;
    let kind = list::kind(found.required(2)?, found.get(3), found.get(4)).ok_or_else(gone)?;
    filter.still_means(table, kind)?;
    let columns = columns(connection, table, kind, policy).await?;
    all_are_listed(connection, table, &columns).await?;
    if !connection.version()?.maria {
        none_is_hidden(connection, table).await?;
    }
    let indexes = about(connection, table, INDEXES).await?;
    let primary = primary_key(&indexes);
    let leaves = leaves(connection, table, kind).await?;
    let range_key = primary.first().filter(|name| is_range_key(&columns, name)).cloned();
    let mut columns: Vec<ColumnInfo> = columns.into_iter().map(|(column, _)| column).collect();
    note_distinct(&mut columns, &indexes);
    Ok(TableInfo {
        table: table.clone(),
        kind,
        columns,
        est_rows: found.number(5).unwrap_or(0),
        est_bytes: found.number(6).unwrap_or(0),
        blocks: Vec::new(),
        identity: None,
        compound: false,
        primary_key: (!primary.is_empty()).then_some(PrimaryKey { columns: primary, of_all_rows: true }),
        foreign_keys: foreign_keys(connection, table).await?,
        leaves,
        range_key,
        unreadable: Vec::new(),
        reading: Reading::default(),
        facts: SourceFacts::default(),
    })
}

/// A column is not what it was when the table was described.
pub(super) fn altered() -> Error {
    Error::data("the table was altered since the run began").coded(Code::TableChanged).hint("run again")
}

/// Refuses a table whose columns are not those that were described.
///
/// # Errors
/// `Data`, naming the column.
pub(super) async fn unchanged(
    connection: &mut Connection,
    table: &TableInfo,
    policy: &TypePolicy,
) -> Result<()> {
    let now = columns(connection, &table.table, table.kind, policy).await?;
    let stored = &table.reading.stored_columns;
    let described = if stored.is_empty() { &table.columns } else { stored };
    if now.len() != described.len() {
        return Err(altered());
    }
    for (before, (now, _)) in described.iter().zip(&now) {
        if (&before.field, &before.codec, &before.source_type) != (&now.field, &now.codec, &now.source_type) {
            return Err(altered().with("column", before.name()));
        }
    }
    Ok(())
}

fn gone() -> Error {
    Error::data("the table does not exist any more")
        .coded(Code::TableMissing)
        .hint("it was dropped or renamed after the run began; run again")
}

/// What the catalog says of exactly this table: its own comparisons may ignore case.
async fn about(connection: &mut Connection, table: &TableRef, sql: &str) -> Result<Vec<Answer>> {
    let mut answers = ask(connection, sql, &[&table.schema, &table.name]).await?;
    let same = |answer: &Answer| {
        answer.get(0) == Some(table.schema.as_str()) && answer.get(1) == Some(table.name.as_str())
    };
    answers.retain(same);
    Ok(answers)
}

/// The same of what is there if the table is. The catalog may leave a table out for a moment, while another session's
/// backup flushes it: then it is asked again.
async fn there(connection: &mut Connection, table: &TableRef, sql: &str) -> Result<Vec<Answer>> {
    for pause in PAUSES {
        let answers = about(connection, table, sql).await?;
        if !answers.is_empty() {
            return Ok(answers);
        }
        clock::sleep(Duration::from_millis(pause)).await;
    }
    about(connection, table, sql).await
}

/// The columns, and of each whether `SELECT *` gives it.
async fn columns(
    connection: &mut Connection,
    table: &TableRef,
    kind: TableKind,
    policy: &TypePolicy,
) -> Result<Vec<(ColumnInfo, bool)>> {
    let version = connection.version()?;
    // Only MySQL keeps the system of coordinates in the catalog.
    let srid = if version.maria { "NULL" } else { "srs_id" };
    let sql = format!(
        "{COLUMNS}, {srid} FROM information_schema.columns WHERE table_schema = ? AND table_name = ? \
         ORDER BY ordinal_position"
    );
    let is_text = cast_to_text(policy, table);
    let mut columns = Vec::new();
    for answer in there(connection, table, &sql).await? {
        let mut declared = declared(&answer)?;
        // The catalog is not to be believed about what a view computes.
        declared.nullable |= kind == TableKind::View;
        let name = declared.name.clone();
        locate(connection, table, &mut declared).await.map_err(|error| error.with("column", &name))?;
        let text = is_text(&name);
        let choice = column::choose(&declared, text, policy, version.maria);
        let choice = choice.map_err(|error| error.with("column", &name))?;
        let labels = if text { None } else { labels(&declared.column_type) }.unwrap_or_default();
        let visible = !answer.get(11).unwrap_or_default().to_ascii_uppercase().contains("INVISIBLE");
        let column = ColumnInfo { labels, ..choice.into_column(declared.column_type)? };
        columns.push((column, visible));
    }
    Ok(columns)
}

fn declared(answer: &Answer) -> Result<Declared> {
    Ok(Declared {
        position: answer.number(2).unwrap_or(0),
        name: answer.required(3)?.into(),
        data_type: answer.required(4)?.to_ascii_lowercase(),
        column_type: answer.required(5)?.into(),
        nullable: answer.get(6) != Some("NO"),
        character_set: answer.get(7).map(str::to_owned),
        collation: answer.get(8).map(str::to_owned),
        precision: answer.number(9),
        scale: answer.number(10),
        srid: answer.number(12),
        system: None,
    })
}

/// Types of the catalog whose values lie in a system of coordinates.
const SPATIAL: [&str; 9] = [
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "geomcollection",
];

/// Notes the system of coordinates of a spatial column: that of its declaration, else that of its first value.
async fn locate(connection: &mut Connection, table: &TableRef, declared: &mut Declared) -> Result<()> {
    if !SPATIAL.contains(&declared.data_type.as_str()) {
        return Ok(());
    }
    if declared.srid.is_none() {
        let first = session::urgent(&first_srid_sql(&ident(&declared.name), &statement::name(table)));
        declared.srid = ask(connection, &first, &[]).await?.first().and_then(|answer| answer.number(0));
    }
    let Some(srid) = declared.srid.filter(|srid| *srid != 0) else { return Ok(()) };
    if connection.version()?.maria {
        return Ok(());
    }
    let sql = "SELECT organization, organization_coordsys_id, definition \
         FROM information_schema.st_spatial_reference_systems WHERE srs_id = ?";
    let known = ask(connection, sql, &[&srid.to_string()]).await?;
    declared.system = known.first().and_then(|answer| {
        Some(SpatialSystem {
            organization: answer.get(0).map(str::to_owned),
            id: answer.number(1),
            definition: answer.get(2)?.to_owned(),
        })
    });
    Ok(())
}

/// The catalog leaves out, without a word, the columns that the user has no right to.
async fn all_are_listed(
    connection: &mut Connection,
    table: &TableRef,
    columns: &[(ColumnInfo, bool)],
) -> Result<()> {
    let sql = format!("SELECT * FROM {} LIMIT 0", statement::name(table));
    let statement = match connection.prepare(&sql).await {
        Ok(statement) => statement,
        Err(error) if matches!(code(&error), Some(1142 | 1143)) => {
            return Err(error.hint(format!(
                "the user must be allowed to read every column, whichever are exported: GRANT SELECT ON {} TO the user, or read a view that has only the others",
                statement::name(table)
            )));
        }
        Err(error) => return Err(error),
    };
    let given: Vec<String> = statement.columns().iter().map(|column| column.name.clone()).collect();
    connection.forget(statement).await?;
    let listed: Vec<&str> = columns.iter().filter(|(_, visible)| *visible).map(|(c, _)| c.name()).collect();
    if given == listed {
        return Ok(());
    }
    Err(Error::data("the columns that the server gives are not those of its catalog")
        .coded(Code::TableChanged)
        .with("given", given.join(", "))
        .with("listed", listed.join(", "))
        .hint("the table was altered while the run began: run again"))
}

/// MySQL leaves out of `SELECT *` what is invisible, and out of its catalog what may not be read: a user with rights to
/// some columns only may lack an invisible one.
async fn none_is_hidden(connection: &mut Connection, table: &TableRef) -> Result<()> {
    let some = "SELECT 1 FROM information_schema.column_privileges \
         WHERE table_schema = ? AND table_name = ? AND privilege_type = 'SELECT' LIMIT 1";
    let names = [table.schema.as_str(), table.name.as_str()];
    if ask(connection, some, &names).await?.is_empty() {
        return Ok(());
    }
    let all = "SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'SELECT' UNION ALL \
         SELECT 1 FROM information_schema.schema_privileges WHERE table_schema = ? AND privilege_type = 'SELECT' UNION ALL \
         SELECT 1 FROM information_schema.table_privileges \
         WHERE table_schema = ? AND table_name = ? AND privilege_type = 'SELECT' LIMIT 1";
    if ask(connection, all, &[&table.schema, &table.schema, &table.name]).await?.is_empty() {
        return Err(Error::denied("the user may read some columns of the table only, and the server does not say which others there are")
            .coded(Code::SelectDenied).hint(
            format!("GRANT SELECT ON {} TO the user, or read a view that has only the others", statement::name(table)),
        ));
    }
    Ok(())
}

/// Columns of the primary key in its order.
fn primary_key(indexes: &[Answer]) -> Vec<String> {
    let key = indexes.iter().filter(|answer| answer.get(2) == Some("PRIMARY"));
    key.filter_map(|answer| answer.get(4)).map(str::to_owned).collect()
}

/// Whether slices are cut over a key without being asked for.
fn is_range_key(columns: &[(ColumnInfo, bool)], name: &str) -> bool {
    let column = columns.iter().find(|(column, _)| column.name() == name);
    column.is_some_and(|(column, _)| {
        use DataType::{Date32, Decimal128, Int16, Int32, Int64, Timestamp};
        // `bigint unsigned` is a decimal without places.
        matches!(
            column.field.data_type(),
            Int16 | Int32 | Int64 | Decimal128(_, 0) | Date32 | Timestamp(_, _)
        )
    })
}

/// The server knows how many values the first column of an index has.
fn note_distinct(columns: &mut [ColumnInfo], indexes: &[Answer]) {
    for answer in indexes.iter().filter(|answer| answer.get(3) == Some("1")) {
        let column = columns.iter_mut().find(|column| Some(column.name()) == answer.get(4));
        if let (Some(column), Some(distinct)) = (column, answer.number::<f64>(5)) {
            column.est_distinct = Some(column.est_distinct.unwrap_or(0.0).max(distinct));
        }
    }
}

async fn foreign_keys(connection: &mut Connection, table: &TableRef) -> Result<Vec<ForeignKey>> {
    let mut keys: Vec<ForeignKey> = Vec::new();
    for answer in about(connection, table, FOREIGN_KEYS).await? {
        let name = answer.required(2)?;
        let (column, references) = (answer.required(3)?.to_owned(), answer.required(6)?.to_owned());
        match keys.last_mut().filter(|key| key.name.as_deref() == Some(name)) {
            Some(key) => {
                key.columns.push(column);
                key.references.push(references);
            }
            None => keys.push(ForeignKey {
                name: Some(name.to_owned()),
                columns: vec![column],
                table: TableRef { schema: answer.required(4)?.into(), name: answer.required(5)?.into() },
                references: vec![references],
            }),
        }
    }
    Ok(keys)
}

/// The partitions of a table, each of which can be read alone; none where rows of the past stand among them.
async fn leaves(connection: &mut Connection, table: &TableRef, kind: TableKind) -> Result<Vec<Leaf>> {
    if kind != TableKind::Partitioned {
        return Ok(Vec::new());
    }
    let mut leaves = Vec::new();
    for (number, answer) in about(connection, table, PARTITIONS).await?.into_iter().enumerate() {
        if answer.get(4) == Some(BY_SYSTEM_TIME) {
            return Ok(Vec::new());
        }
        leaves.push(Leaf {
            id: u32::try_from(number).unwrap_or(u32::MAX),
            name: ident(answer.required(2)?),
            bytes: answer.number(3).unwrap_or(0),
            blocks: None,
        });
    }
    Ok(leaves)
}
