//! What the catalog says about one table, and what becomes of its columns.

use std::collections::{BTreeSet, HashMap};

use arrow_schema::DataType;

use super::column::{PgColumn, Styles};
use super::columns::{COLUMNS_EXTENSION, COLUMNS_RELATION, columns_sql, number};
use super::composites::Composites;
use super::facts::TableFacts;
use super::guard::{self, Guard};
use super::session::{BEGIN_THEIRS, BUILT_IN_FIRST, END_THEIRS, fence};
use super::{column, keys, measure, spatial};
use crate::catalog::{ColumnInfo, Leaf, Reading, TableFilter, TableInfo, TableKind, TableRef};
use crate::client::postgres::{Connection, Row, ident, literal};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::source::kit::choice::cast_to_text;
use crate::spec::{NumericPolicy, TypePolicy};

/// What the catalog says of one relation.
#[derive(Debug)]
pub(super) struct Facts {
    relation: Row,
    columns: Vec<Row>,
    sizes: Vec<Row>,
    /// What [`planned::functions`] found.
    ///
    /// [`planned::functions`]: super::planned::functions
    runs: Option<String>,
}

impl Facts {
    /// The object id.
    pub(super) fn oid(&self) -> Result<u32> {
        number(self.relation.required(0)?)
    }

    /// What [`table`] looks into by statements that are planned.
    pub(super) fn looks_into(&self, table: &TableRef, policy: &TypePolicy) -> Result<Vec<Guard>> {
        let is_spatial = |row: &&Row| row.get(COLUMNS_EXTENSION) == Some("postgis");
        let schemas = self.columns.iter().filter(is_spatial).filter_map(|row| row.get(COLUMNS_EXTENSION + 1));
        let schemas: BTreeSet<&str> = schemas.collect();
        if self.runs.is_some() || (policy.numeric != NumericPolicy::Measure && schemas.is_empty()) {
            return Ok(Vec::new());
        }
        let systems = schemas.into_iter().map(|schema| Guard::new(spatial::systems(&ident(schema)), None));
        Ok(std::iter::once(Guard::new(guard::named(table), Some(self.oid()?))).chain(systems).collect())
    }

    /// Notes what a plan would run.
    pub(super) fn note(&mut self, runs: Option<String>) {
        self.runs = runs;
    }
}

/// Asks about all of `tables` at once, in three questions: with thousands of tables, what a question costs is most
/// of what describing them takes. Those that do not exist are missing.
pub(super) async fn facts(view: &mut Connection, tables: &[TableRef]) -> Result<HashMap<TableRef, Facts>> {
    let mut all = HashMap::new();
    let mut names = HashMap::new();
    for relation in view.query(&relations_sql(tables)).await? {
        let (schema, name) = (relation.required(5)?.to_owned(), relation.required(6)?.to_owned());
        names.insert(
            relation.required(0)?.to_owned(),
            TableRef { schema: schema.clone(), name: name.clone() },
        );
        let facts = Facts { relation, columns: Vec::new(), sizes: Vec::new(), runs: None };
        all.insert(TableRef { schema, name }, facts);
    }
    if all.is_empty() {
        return Ok(all);
    }
    let oids = names.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    for row in view.query(&columns_sql(&oids)).await? {
        if let Some(facts) = names.get(row.required(COLUMNS_RELATION)?).and_then(|table| all.get_mut(table)) {
            facts.columns.push(row);
        }
    }
    for row in view.query(&include_str!("sizes.sql").replace("{oids}", &oids)).await? {
        if let Some(facts) = names.get(row.required(SIZES_ROOT)?).and_then(|table| all.get_mut(table)) {
            facts.sizes.push(row);
        }
    }
    Ok(all)
}

/// Describes `table` as of the connection's view, by what the catalog says of it, if there is such a table.
pub(super) async fn table(
    view: &mut Connection,
    (table, filter): (&TableRef, &TableFilter),
    facts: Option<Facts>,
    policy: &TypePolicy,
    money_scale: i8,
) -> Result<TableInfo> {
    let facts = facts.ok_or_else(|| {
        Error::data("the table does not exist any more")
            .coded(Code::TableMissing)
            .hint("it was dropped or renamed after the run began; run again")
    })?;
    let Facts { relation, columns: rows, sizes: stored, runs } = facts;
    let (kind, keys) = identify(&relation)?;
    filter.still_means(table, kind)?;
    let mut sizes = sizes(&stored, view.server_version_num())?;
    if sizes.foreign {
        filter.reads_foreign(table)?;
    }
    let missing = column_rights(&relation, &rows, table)?;
    let (by_columns, unreadable) = (missing.is_some(), missing.unwrap_or_default());
    let is_cast = cast_to_text(policy, table);
    let mut described = described(view, table, &rows, &is_cast).await?;
    let is_readable = |name: &str| unreadable.iter().all(|missing| missing != name);
    // Questions about values are planned.
    let may_ask = runs.is_none();
    // What a view gives is asked for as it is read.
    let theirs = may_ask && kind == TableKind::View;
    if may_ask {
        view.execute(&fence(kind, sizes.foreign)).await?;
    }
    if theirs {
        view.execute(&format!("{BEGIN_THEIRS}; {BUILT_IN_FIRST}")).await?;
    }
    for column in described.iter_mut().filter(|c| may_ask && !is_cast(&c.name) && is_readable(&c.name)) {
        column.spatial = spatial::facts(view, table, column).await?;
    }
    let mut policies = vec![policy.clone(); described.len()];
    if may_ask && policy.numeric == NumericPolicy::Measure {
        measure(view, table, &described, &mut policies, |name| is_cast(name) || !is_readable(name)).await?;
    }
    if theirs {
        view.execute(END_THEIRS).await?;
    }
    let (mut columns, mut styles) = (Vec::with_capacity(rows.len()), Vec::new());
    for ((row, described), policy) in rows.iter().zip(described).zip(policies) {
        let choice = column::choose(&described, &policy, is_cast(&described.name), money_scale);
        if kind == TableKind::View {
            styles.push((described.name.clone(), Styles::of(&described, &choice.codec)));
        }
        columns.push(ColumnInfo {
            est_distinct: row.get(12).and_then(|v| v.parse().ok()),
            labels: described.labels,
            ..choice.into_column(described.type_name)?
        });
    }
    super::steady::steady(view, &styles).await?;
    if by_columns {
        // Where a row is stored takes the right to the table.
        sizes.blocks.clear();
        sizes.leaves.clear();
    }
    if runs.is_some() {
        // Nothing that takes a condition: no ranges of blocks, no key.
        sizes.blocks.clear();
        sizes.leaves.iter_mut().for_each(|leaf| leaf.blocks = None);
    }
    resolve_distinct(&mut columns, sizes.rows);
    let facts = TableFacts {
        stored: relation.required(1)? == "r",
        foreign: sizes.foreign,
        generated: generated(&rows)?,
        by_columns,
        special_values: policy.special_values,
        relations: sizes.relations,
    };
    let mut described = TableInfo {
        table: table.clone(),
        kind,
        columns,
        est_rows: sizes.rows,
        est_bytes: sizes.bytes,
        blocks: sizes.blocks,
        identity: TableInfo::identity_of(&facts.relations),
        compound: facts.relations.len() > 1,
        leaves: sizes.leaves,
        primary_key: keys.primary,
        foreign_keys: keys.foreign,
        range_key: None,
        unreadable,
        facts: facts.kept()?,
        reading: Reading { runs, sql: None, stored_columns: Vec::new() },
    };
    if described.reading.runs.is_none() {
        described.range_key = range_key(&described);
    }
    Ok(described)
}

/// The only column of the primary key, if ranges of it can be cut.
fn range_key(table: &TableInfo) -> Option<String> {
    let mut key = table.key_columns();
    match (key.next(), key.next()) {
        (Some(only), None) if is_range_key(only) => Some(only.name().to_owned()),
        _ => None,
    }
}

/// Columns that are computed from others.
fn generated(columns: &[Row]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for row in columns {
        if !row.required(COLUMNS_GENERATED)?.is_empty() {
            names.push(row.required(1)?.to_owned());
        }
    }
    Ok(names)
}

/// The columns of a table as its catalog has them. Those that `is_cast` need not be looked into.
async fn described(
    view: &mut Connection,
    table: &TableRef,
    rows: &[Row],
    is_cast: impl Fn(&str) -> bool,
) -> Result<Vec<PgColumn>> {
    let mut described = Vec::with_capacity(rows.len());
    let mut composites = Composites::default();
    for row in rows {
        let name = row.required(1)?;
        let column = composites.column(view, row, is_cast(name)).await;
        described.push(column.map_err(|error| {
            match error.kind() {
                ErrorKind::Data => error
                    .with("column", name)
                    .hint(format!("--cast '{table}.{name}: text' exports the column as the database's text; with it, --columns can leave the column out")),
                _ => error,
            }
        })?);
    }
    Ok(described)
}

/// Puts what `--numeric measure` finds into the policies of the columns that it is about.
async fn measure(
    view: &mut Connection,
    table: &TableRef,
    columns: &[PgColumn],
    policies: &mut [TypePolicy],
    is_left_out: impl Fn(&str) -> bool,
) -> Result<()> {
    let wanted = |column: &PgColumn| column::is_bare_numeric(column) && !is_left_out(&column.name);
    let places: Vec<usize> = (0..columns.len()).filter(|at| wanted(&columns[*at])).collect();
    if places.is_empty() {
        return Ok(());
    }
    let chosen: Vec<&PgColumn> = places.iter().map(|at| &columns[*at]).collect();
    for (at, found) in places.iter().zip(measure::numerics(view, table, &chosen).await?) {
        // Where there is none the note says that it was looked for.
        policies[*at].numeric = if found == NumericPolicy::Text { NumericPolicy::Measure } else { found };
    }
    Ok(())
}

fn is_range_key(column: &ColumnInfo) -> bool {
    matches!(
        column.field.data_type(),
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Timestamp(_, _)
    )
}

/// Oid, kind, rights, keys and names of the `tables` there are.
fn relations_sql(tables: &[TableRef]) -> String {
    let pairs = tables.iter().map(|table| format!("({}, {})", literal(&table.schema), literal(&table.name)));
    format!(
        "SELECT c.oid, c.relkind, c.relispartition, \
            pg_catalog.has_table_privilege(c.oid, 'SELECT'), \
            {}, n.nspname, c.relname \
         FROM (VALUES {}) w(schema, name) \
         JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema::pg_catalog.name \
         JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name::pg_catalog.name",
        keys::SQL,
        pairs.collect::<Vec<_>>().join(", ")
    )
}

/// The columns that may not be read, where rights are on columns and there is none to the table.
fn column_rights(relation: &Row, columns: &[Row], table: &TableRef) -> Result<Option<Vec<String>>> {
    if relation.required(3)? == "t" {
        return Ok(None);
    }
    let mut missing = Vec::new();
    for row in columns {
        if row.required(COLUMNS_READABLE)? != "t" {
            missing.push(row.required(1)?.to_owned());
        }
    }
    if missing.len() == columns.len() {
        return Err(Error::denied("permission denied: no right to SELECT from the table")
            .coded(Code::SelectDenied)
            .hint(format!(
                "GRANT SELECT ON {table} TO the user that exports, or leave it out with --exclude"
            )));
    }
    Ok(Some(missing))
}

/// Kind and keys of a table.
fn identify(row: &Row) -> Result<(TableKind, keys::Declared)> {
    let kind = match (row.required(1)?, row.required(2)? == "t") {
        ("v", _) => TableKind::View,
        ("m", _) => TableKind::MaterializedView,
        (_, true) => TableKind::Partition,
        ("p", _) => TableKind::Partitioned,
        ("f", _) => TableKind::Foreign,
        _ => TableKind::Table,
    };
    let keys = row.get(4).map(keys::parse).transpose()?.unwrap_or_default();
    Ok((kind, keys))
}
const COLUMNS_READABLE: usize = 27;
const COLUMNS_GENERATED: usize = 29;
const SIZES_ROOT: usize = 10;

/// `n_distinct` is a count, or minus a share of all rows.
fn resolve_distinct(columns: &mut [ColumnInfo], rows: u64) {
    for column in columns {
        column.est_distinct = match column.est_distinct {
            Some(n) if n < 0.0 => Some(-n * rows as f64),
            Some(n) if n > 0.0 => Some(n),
            _ => None,
        };
    }
}

struct Sizes {
    rows: u64,
    bytes: u64,
    blocks: Vec<u64>,
    relations: Vec<u32>,
    leaves: Vec<Leaf>,
    /// Some of them are foreign tables.
    foreign: bool,
}

/// Sizes of everything that stores rows of this relation. Estimates, except for `blocks`.
fn sizes(rows: &[Row], server_version_num: u32) -> Result<Sizes> {
    let mut sizes = Sizes {
        rows: 0,
        bytes: 0,
        blocks: Vec::new(),
        relations: Vec::new(),
        leaves: Vec::new(),
        foreign: false,
    };
    let tid_ranges = server_version_num >= 140_000;
    let (mut all_heap, mut all_readable) = (true, true);
    for row in rows {
        let (relkind, access_method) = (row.required(0)?, row.required(1)?);
        let blocks: u64 = number(row.required(2)?)?;
        let reltuples: f64 = number(row.required(4)?)?;
        let relpages: f64 = number(row.required(5)?)?;
        let bytes: u64 = number(row.required(3)?)?;
        sizes.bytes += bytes;
        let id = number(row.required(6)?)?;
        sizes.relations.push(id);
        // Inner nodes of a partitioned table store nothing.
        if relkind == "p" {
            continue;
        }
        sizes.foreign |= relkind == "f";
        let is_heap = matches!(relkind, "r" | "m") && access_method == "heap";
        if is_heap {
            sizes.blocks.push(blocks);
        } else {
            all_heap = false;
        }
        // Read alone a leaf needs rights of its own, and its own row-level security counts.
        all_readable &= row.required(8)? == "t";
        let of_leaf = (is_heap && tid_ranges).then_some(blocks);
        sizes.leaves.push(Leaf { id, name: row.required(7)?.to_owned(), bytes, blocks: of_leaf });
        sizes.rows += if reltuples > 0.0 && relpages > 0.0 {
            (reltuples / relpages * blocks as f64) as u64
        } else if relkind == "f" || relkind == "v" {
            reltuples.max(0.0) as u64
        } else {
            // Never analyzed: assume rows of a hundred bytes.
            blocks * number::<u64>(row.required(9)?)? / 100
        };
    }
    if !all_heap || !tid_ranges {
        sizes.blocks.clear();
    }
    if !all_readable || rows.len() < 2 {
        sizes.leaves.clear();
    }
    Ok(sizes)
}
