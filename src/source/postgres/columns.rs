//! The rows of `columns.sql`, and the columns that they describe.

use super::column::{Extension, PgColumn, PgElement};
use crate::client::postgres::Row;
use crate::error::{Error, Result};

/// Where an answer to [`columns_sql`], and one to `sizes.sql`, says of which relation it is.
pub(super) const COLUMNS_RELATION: usize = 22;

pub(super) fn columns_sql(oids: &str) -> String {
    columns_of(oids, "pg_catalog.pg_attribute", "pg_catalog.pg_class")
}

pub(super) fn columns_of(oids: &str, attributes: &str, classes: &str) -> String {
    include_str!("columns.sql")
        .replace("{attributes}", attributes)
        .replace("{classes}", classes)
        .replace("{oids}", oids)
}

/// As [`columns_sql`] about columns of no relation: number, name, type and its modifier of each, as rows of VALUES.
pub(super) fn typed_columns_sql(rows: &str) -> String {
    // The rows come last, because of what may be in names.
    let attributes = "(SELECT 0::pg_catalog.oid AS attrelid, t.n::pg_catalog.int2 AS attnum, \
            t.name::pg_catalog.text AS attname, t.type::pg_catalog.oid AS atttypid, t.mod::pg_catalog.int4 AS atttypmod, \
            0 AS attndims, false AS attisdropped, false AS attnotnull, 0::pg_catalog.oid AS attcollation, \
            ''::pg_catalog.text AS attgenerated FROM (VALUES {rows}) t(n, name, type, mod))";
    let classes = "(SELECT 0::pg_catalog.oid AS oid, ''::pg_catalog.name AS relname, \
            'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid AS relnamespace, \
            'v'::pg_catalog.\"char\" AS relkind, false AS relhassubclass)";
    columns_of("0", attributes, classes).replace("{rows}", rows)
}

/// One row of `columns.sql`, with the fields of its type and of its elements' type, if these are composite.
pub(super) fn pg_column(row: &Row, fields: Vec<PgColumn>, elements: Vec<PgColumn>) -> Result<PgColumn> {
    let element = match row.get(13) {
        Some(oid) => Some(Box::new(PgElement {
            type_oid: number(oid)?,
            typmod: number(row.required(18)?)?,
            base_type_name: row.required(14)?.to_owned(),
            typtype: character(row.required(15)?),
            fields: elements,
            extension: extension(row, 25)?,
            delimiter: character(row.required(28)?),
        })),
        None => None,
    };
    Ok(PgColumn {
        name: row.required(1)?.to_owned(),
        attnum: number(row.required(0)?)?,
        declared_oid: number(row.required(21)?)?,
        type_oid: number(row.required(3)?)?,
        typmod: number(row.required(4)?)?,
        type_name: row.required(2)?.to_owned(),
        base_type_name: row.required(5)?.to_owned(),
        typtype: character(row.required(6)?),
        typcategory: character(row.required(7)?),
        labels: labels(row)?,
        fields,
        element,
        ndims: number(row.required(9)?)?,
        not_null: row.required(10)? == "t",
        collation_deterministic: row.required(11)? == "t",
        in_pg_catalog: row.required(8)? == "t",
        extension: extension(row, COLUMNS_EXTENSION)?,
        spatial: None,
    })
}

/// The extension named at `place`, with the schema of its type behind it.
pub(super) fn extension(row: &Row, place: usize) -> Result<Option<Extension>> {
    let Some(name) = row.get(place) else { return Ok(None) };
    Ok(Some(Extension { name: name.to_owned(), schema: row.required(place + 1)?.to_owned() }))
}

pub(super) fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| Error::internal(format!("the catalog returned '{text}' where a number was expected")))
}

pub(super) fn character(text: &str) -> char {
    text.chars().next().unwrap_or(' ')
}

/// The extension that brought the type.
pub(super) const COLUMNS_EXTENSION: usize = 23;
pub(super) const COLUMNS_LABELS: usize = 17;

/// The labels of an enum; none of any other type.
pub(super) fn labels(row: &Row) -> Result<Vec<String>> {
    let Some(labels) = row.get(COLUMNS_LABELS) else { return Ok(Vec::new()) };
    serde_json::from_str(labels).map_err(|e| Error::internal("the labels of an enum").caused_by(e))
}
