//! Counts and fingerprints that the server computes of its own values, as of a snapshot.
//!
//! A row's bytes are those of `record_send(ROW(...))`, the binary form of its values by the server's own send
//! functions; `crate::fingerprint::rows` makes the same of the values in a file. What `md5` gives for them is summed up
//! by the server. Each column is cast to a built-in type first, so that no object id of this database is in the bytes.

use arrow_schema::{DataType, Field, Fields};

use super::column::{Codec, steady_array};
use super::dialect::PostgresDialect;
use super::facts::TableFacts;
use super::guard::{self, may_be_planned};
use super::read::relation_sql;
use super::session::{self, is_theirs};
use crate::catalog::{SnapshotToken, TableInfo};
use crate::client::postgres::{Pool, Row, ident};
use crate::error::{Code, Error, Result};
use crate::fingerprint::{Fingerprint, Rule};
use crate::source::TableRead;
use crate::spec::SpecialValues;

/// The most columns that a `ROW(...)` of PostgreSQL can have.
const MOST_COLUMNS: usize = 1664;

/// Counts the rows of `read`.
pub(super) async fn count(
    pool: &Pool,
    dialect: &PostgresDialect,
    read: &TableRead,
    at: &SnapshotToken,
) -> Result<u64> {
    let sql = format!("SELECT pg_catalog.count(*) {}", relation_sql(dialect, read)?);
    let row = ask(pool, &sql, read, at).await?;
    number(&row, 0)
}

/// The fingerprint of the rows of `read`.
pub(super) async fn fingerprint(
    pool: &Pool,
    dialect: &PostgresDialect,
    read: &TableRead,
    written: &Fields,
    at: &SnapshotToken,
) -> Result<Fingerprint> {
    let row = row_sql(&read.table, &read.columns, written)?;
    // OFFSET 0 keeps the server from computing every hash once for each half.
    let half = |from: u8| {
        format!("pg_catalog.sum(('x' || pg_catalog.substr(hash, {from}, 16))::bit(64)::pg_catalog.int8)")
    };
    let sql = format!(
        "SELECT pg_catalog.count(*), {}, {} FROM (SELECT pg_catalog.md5(pg_catalog.record_send({row})) AS hash \
         {} OFFSET 0) AS hashes",
        half(1),
        half(17),
        relation_sql(dialect, read)?
    );
    let row = ask(pool, &sql, read, at).await?;
    Ok(Fingerprint { rule: Rule::Md5Sum, rows: number(&row, 0)?, sums: [sum(&row, 1)?, sum(&row, 2)?] })
}

/// The one row that answers `sql` as of `at`.
async fn ask(pool: &Pool, sql: &str, read: &TableRead, at: &SnapshotToken) -> Result<Row> {
    let named = |error: Error| error.with("table", &read.table.table);
    let mut connection = pool.take().await.map_err(named)?;
    let looked = guard::join(&mut connection, at, read).await.map_err(named)?;
    if is_theirs(&read.table) {
        connection.execute(session::BUILT_IN_FIRST).await.map_err(named)?;
    }
    let rows = connection.query(sql).await.map_err(named)?;
    looked.end(&mut connection, at, "COMMIT").await.map_err(named)?;
    pool.give_back(connection);
    rows.into_iter().next().ok_or_else(|| named(Error::internal("the server returned no row")))
}

fn number(row: &Row, at: usize) -> Result<u64> {
    super::columns::number(row.required(at)?)
}

/// A sum of signed numbers, modulo 2^64; NULL when there is nothing to add.
fn sum(row: &Row, at: usize) -> Result<u64> {
    let sum: i128 = row.get(at).map_or(Ok(0), super::columns::number)?;
    // The low bits of a two's complement are the remainder, never negative.
    Ok(sum as u64)
}

/// `ROW(...)` of the columns, each as the type that its values have in a file.
///
/// Errors: `Data` naming the column that has no such form.
pub(super) fn row_sql(table: &TableInfo, columns: &[usize], written: &Fields) -> Result<String> {
    let special = TableFacts::of(table)?.special_values;
    may_be_planned(table).map_err(|error| error.with("table", &table.table))?;
    let mut values = Vec::with_capacity(columns.len());
    for (index, written) in columns.iter().zip(written) {
        let column = &table.columns[*index];
        let codec = Codec::of(column)?;
        if is_theirs(table) && codec.holds_interval() {
            return Err(Error::data(
                "the server cannot hash intervals by the rules under which it reads the user's SQL",
            )
            .coded(Code::NotVerifiable)
            .with("table", &table.table)
            .with("column", column.name())
            .hint("--verify count leaves hashes out"));
        }
        let value = value_sql(&codec, [&column.field, written], &ident(column.name()), special);
        values.push(value.map_err(|why| {
            Error::data(format!("the server cannot hash this column as it is written: {why}"))
                .coded(Code::NotVerifiable)
                .with("table", &table.table)
                .with("column", column.name())
                .with("type", &column.source_type)
                .hint("--cast 'table.column: text' makes it hashable, --verify count leaves hashes out")
        })?);
    }
    if values.is_empty() || values.len() > MOST_COLUMNS {
        return Err(Error::data(format!("the server cannot hash rows of {} columns", values.len()))
            .coded(Code::NotVerifiable)
            .with("table", &table.table)
            .hint("--verify count leaves hashes out"));
    }
    Ok(format!("ROW({})", values.join(", ")))
}

/// `column` as the type that it has in a file, NULL where it is NULL there; or why that cannot be. The field as it was
/// described, and as it is written, which may be text instead.
fn value_sql(
    codec: &Codec,
    [field, written]: [&Field; 2],
    column: &str,
    special: SpecialValues,
) -> std::result::Result<String, &'static str> {
    if let (Codec::Composite { fields: codecs }, DataType::Struct(fields), DataType::Struct(forms)) =
        (codec, field.data_type(), written.data_type())
    {
        let values = codecs.iter().zip(fields).zip(forms).map(|((of, field), written)| {
            value_sql(&of.codec, [field, written], &format!("({column}).{}", ident(&of.name)), special)
        });
        let values: Vec<String> = values.collect::<std::result::Result<_, _>>()?;
        // `IS NULL` would also be true of a value whose fields are all NULL.
        return Ok(format!("CASE WHEN {column} IS DISTINCT FROM NULL THEN ROW({}) END", values.join(", ")));
    }
    if let Codec::List { depth, element, own } = codec {
        let inner = innermost(field, *depth);
        let written = innermost(written, *depth);
        // Their array is not sent as it is, or would not be the same in every session.
        let send = match **element {
            Codec::Composite { .. } => Some("pg_catalog.record_send"),
            Codec::Money => Some("pg_catalog.numeric_send"),
            Codec::Vector | Codec::HalfVector => Some(""),
            _ => None,
        };
        if let Some(send) = send {
            let value = value_sql(element, [inner, written], ELEMENT, special)?;
            return Ok(list_sql(column, *depth, &format!("{send}({value})")));
        }
        if special == SpecialValues::Null && finite(element, "").is_some() {
            return Err("special values inside arrays are NULL (--special-values null)");
        }
        if matches!(**element, Codec::Output { .. }) {
            return Ok(array_sql(&codec.select_expr(column)));
        }
        let name = type_name(element, inner).ok_or("its elements have no form")?;
        let through = match **element {
            Codec::Unsigned4 => "::pg_catalog.text[]",
            // Its text is without the trailing spaces.
            Codec::Padded => "::pg_catalog.bpchar[]",
            _ => "",
        };
        let text = if is_text_instead(inner, written) { "::pg_catalog.text[]" } else { "" };
        return Ok(array_sql(&format!("{}{through}::{name}[]{text}", steady_array(column, *own))));
    }
    if let (Codec::Money, DataType::Decimal128(precision, scale)) = (codec, field.data_type()) {
        return Ok(money_sql(column, *precision, *scale));
    }
    if matches!(codec, Codec::Vector | Codec::HalfVector) {
        return Ok(array_sql(&format!("{column}::pg_catalog.float4[]")));
    }
    if let Codec::Geometry { schema, geography, .. } = codec {
        let (schema, name) = (ident(schema), if *geography { "geography" } else { "geometry" });
        // Any geometry without its SRID; not by ST_AsBinary, which takes a collection of empty geometries for an empty one.
        return Ok(format!(
            "{schema}.st_asewkb({schema}.st_setsrid({column}::{schema}.{name}::{schema}.geometry, 0))"
        ));
    }
    if matches!(codec, Codec::Label | Codec::Output { .. }) {
        return Ok(codec.text_sql(column));
    }
    let name = type_name(codec, field).ok_or("its type has no form")?;
    let through = if *codec == Codec::Unsigned4 { "::pg_catalog.text" } else { "" };
    let text = if is_text_instead(field, written) { "::pg_catalog.text" } else { "" };
    let value = format!("{column}{through}::{name}{text}");
    Ok(match finite(codec, column) {
        Some(finite) if special == SpecialValues::Null => format!("CASE WHEN {finite} THEN {value} END"),
        _ => value,
    })
}

/// Whether a file has text where the field has another type.
fn is_text_instead(field: &Field, written: &Field) -> bool {
    *written.data_type() == DataType::Utf8 && *field.data_type() != DataType::Utf8
}

/// The name of an element while an array is taken apart. Inside its own definition it still means that of an outer array.
const ELEMENT: &str = "\"$element\"";

/// The binary form of an array, without the flag for NULLs, which may be set where there are none, and the type of the
/// elements.
fn array_sql(array: &str) -> String {
    format!(
        "pg_catalog.overlay(pg_catalog.array_send({array}), '\\x0000000000000000'::pg_catalog.bytea, 5, 8)"
    )
}

/// A value of money as a number of `scale` decimal places, whatever `lc_monetary` is.
fn money_sql(column: &str, precision: u8, scale: i8) -> String {
    format!(
        "(('x' || pg_catalog.encode(pg_catalog.cash_send({column}), 'hex'))::bit(64)::pg_catalog.int8 \
         * '1e-{scale}'::pg_catalog.numeric)::pg_catalog.numeric({precision},{scale})"
    )
}

/// What `array_send` would give if `sent` were the binary form of an element, without its flag and object id.
fn list_sql(column: &str, depth: usize, sent: &str) -> String {
    let zeros = "'\\x0000000000000000'::pg_catalog.bytea";
    let dimensions: String = (1..=depth)
        .map(|level| format!(" || pg_catalog.int4send(pg_catalog.array_length({column}, {level})) || pg_catalog.int4send(1)"))
        .collect();
    format!(
        "CASE WHEN pg_catalog.cardinality({column}) = 0 THEN pg_catalog.int4send(0) || {zeros} \
         ELSE pg_catalog.int4send({depth}) || {zeros}{dimensions} || (SELECT pg_catalog.string_agg(\
            COALESCE(pg_catalog.int4send(pg_catalog.octet_length(sent)) || sent, pg_catalog.int4send(-1)), \
            ''::pg_catalog.bytea ORDER BY place) FROM (SELECT place, {sent} AS sent \
            FROM (SELECT {ELEMENT}, pg_catalog.row_number() OVER () AS place \
                FROM (SELECT pg_catalog.unnest({column}) AS {ELEMENT} OFFSET 0) AS elements) AS numbered) AS rows) END"
    )
}

/// The built-in type whose binary form the file's values have.
fn type_name(codec: &Codec, field: &Field) -> Option<String> {
    let name = match codec {
        Codec::Boolean => "bool",
        Codec::Int2 => "int2",
        Codec::Int4 => "int4",
        Codec::Int8 | Codec::Unsigned4 => "int8",
        Codec::Float4 => "float4",
        Codec::Float8 | Codec::Double => "float8",
        Codec::Numeric => {
            let (DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)) =
                field.data_type()
            else {
                return None;
            };
            return Some(format!("pg_catalog.numeric({precision},{scale})"));
        }
        Codec::Text
        | Codec::Label
        | Codec::Padded
        | Codec::Interval
        | Codec::CastText(_)
        | Codec::Output { .. }
        | Codec::Jsonb => "text",
        Codec::Bytes => "bytea",
        Codec::Uuid => "uuid",
        Codec::Date => "date",
        Codec::Time => "time",
        Codec::Timestamp => match field.data_type() {
            DataType::Timestamp(_, Some(_)) => "timestamptz",
            _ => "timestamp",
        },
        Codec::Money
        | Codec::Vector
        | Codec::HalfVector
        | Codec::Geometry { .. }
        | Codec::Composite { .. }
        | Codec::List { .. } => return None,
    };
    Some(format!("pg_catalog.{name}"))
}

/// The condition under which a value is not one of those that `--special-values` is about; none where there are none.
fn finite(codec: &Codec, column: &str) -> Option<String> {
    match codec {
        Codec::Numeric => Some(format!("{column}::pg_catalog.text NOT IN ('NaN', 'Infinity', '-Infinity')")),
        Codec::Date | Codec::Timestamp => Some(format!("pg_catalog.isfinite({column})")),
        Codec::Time => Some(format!("{column} <> '24:00:00'::pg_catalog.time")),
        _ => None,
    }
}

/// The element of an array of `depth` dimensions.
fn innermost(field: &Field, depth: usize) -> &Field {
    match field.data_type() {
        DataType::List(element) if depth > 0 => innermost(element, depth - 1),
        _ => field,
    }
}
