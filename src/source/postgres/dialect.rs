//! PostgreSQL's SQL: names, slices, and the filters that it answers exactly as DataFusion does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::DataType;
use chrono::{DateTime, NaiveDate};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use super::column::{AS_ASKED, Codec};
use super::facts::TableFacts;
use super::{repeatable, session};
use crate::catalog::{ColumnInfo, KeyValue, Slice, TableInfo, TableKind, TableRef, Verdict};
use crate::client::postgres::{ident, literal};
use crate::error::{Code, Error, Result};
use crate::source::Dialect;
use crate::source::kit::pushdown::{self, Comparison, Provable};
use crate::spec::{Method, Period, SpecialValues};

/// See the module.
#[derive(Debug, Default)]
pub struct PostgresDialect {
    /// Whether the server's encoding has every character; false until a connection has told.
    pub any_character: Arc<AtomicBool>,
}

/// A key bound as SQL. The same text on both sides of a cut, so slices meet exactly even where the
/// server's interval arithmetic rounds.
fn key_value(value: &KeyValue, tz: bool, table: &TableInfo) -> String {
    let (plus, times) = (op(table, "+"), op(table, "*"));
    match value {
        KeyValue::Int(v) => format!("({v})"),
        KeyValue::Date(days) => format!("('1970-01-01'::pg_catalog.date {plus} ({days}))"),
        KeyValue::Timestamp(us) => {
            let origin = if tz {
                "'1970-01-01 00:00:00+00'::pg_catalog.timestamptz"
            } else {
                "'1970-01-01'::timestamp"
            };
            if session::is_theirs(table) {
                // Each as the operator takes it.
                let number = format!("({us})::pg_catalog.float8");
                return format!("({origin} {plus} ({number} {times} '1 microsecond'::interval))");
            }
            format!("({origin} + ({us}) * '1 microsecond'::interval)")
        }
        // Without a type it is of the type of what it is compared with.
        KeyValue::Text(text) => literal(text),
    }
}

/// An operator of PostgreSQL's own. Its schema is named where the search path is not ours; all operators written so bind
/// alike, from left to right.
fn op(table: &TableInfo, operator: &str) -> String {
    if session::is_theirs(table) { format!("OPERATOR(pg_catalog.{operator})") } else { operator.to_owned() }
}

/// NULL itself; `IS NULL` is also true of a composite value whose fields are all NULL.
fn is_null(expression: &str) -> String {
    format!("{expression} IS NOT DISTINCT FROM NULL")
}

/// `column` as a key: itself, or its text where its type is not built in, because then its operators are not either.
///
/// # Errors
/// Usage, when there is no such column.
pub(super) fn key_of_row(table: &TableInfo, column: &str) -> Result<String> {
    let info = table
        .stored_column(column)
        .ok_or_else(|| Error::usage("the key column does not exist").coded(Code::Method))?;
    let codec = Codec::of(info)?;
    Ok(if codec.is_built_in() { ident(column) } else { codec.text_sql(&ident(column)) })
}

/// The remainder of an integer column, never negative.
pub(super) fn remainder_sql(column: &str, of: u32) -> String {
    format!("((({}::pg_catalog.int8 % {of}) + {of}) % {of})", ident(column))
}

/// The same by operators that name their schema.
fn steady_remainder_sql(column: &str, of: u32) -> String {
    let column = ident(column);
    let (rest, plus) = ("OPERATOR(pg_catalog.%)", "OPERATOR(pg_catalog.+)");
    let of = format!("{of}::pg_catalog.int8");
    format!("((({column}::pg_catalog.int8 {rest} {of}) {plus} {of}) {rest} {of})")
}

/// Whether values of the column may be NULL here that are not at the server: nothing about them is pushed.
fn may_hold_specials(table: &TableInfo, column: &ColumnInfo) -> bool {
    // Facts that cannot be read do not say that there are none.
    TableFacts::of(table).map_or(true, |facts| facts.special_values == SpecialValues::Null)
        && !matches!(
            column.field.data_type(),
            DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Boolean | DataType::Utf8
        )
}

impl PostgresDialect {
    fn range(
        &self,
        table: &TableInfo,
        column: &str,
        lower: Option<&KeyValue>,
        upper: Option<&KeyValue>,
    ) -> String {
        let tz = table
            .stored_column(column)
            .is_some_and(|c| matches!(c.field.data_type(), DataType::Timestamp(_, Some(_))));
        let key = self.key(table, column);
        let mut terms = Vec::new();
        if let Some(lower) = lower {
            terms.push(format!("{key} {} {}", op(table, ">="), key_value(lower, tz, table)));
        }
        if let Some(upper) = upper {
            terms.push(format!("{key} {} {}", op(table, "<"), key_value(upper, tz, table)));
        }
        if terms.is_empty() {
            terms.push(format!("{key} IS DISTINCT FROM NULL"));
        }
        terms.join(" AND ")
    }

    /// A literal of exactly the column's type; none when the two engines might read it differently, or when the server
    /// could not read it: a statement with a character that its encoding lacks is refused as a whole.
    fn scalar(&self, column: &ColumnInfo, value: &ScalarValue) -> Option<String> {
        let text = match value {
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => text,
            _ => return scalar(column, value),
        };
        (text.is_ascii() || self.any_character.load(Ordering::Relaxed))
            .then(|| scalar(column, value))
            .flatten()
    }
}

/// What a server says of the columns of a table.
struct Server<'a> {
    dialect: &'a PostgresDialect,
    table: &'a TableInfo,
}

impl Provable for Server<'_> {
    fn allows(&self, column: &ColumnInfo, comparison: Comparison) -> bool {
        // The order of texts depends on the collation; DataFusion orders by bytes.
        let by_collation = comparison == Comparison::Order && column.field.data_type() == &DataType::Utf8;
        column.comparable && !by_collation && !may_hold_specials(self.table, column)
    }

    fn literal(&self, column: &ColumnInfo, value: &ScalarValue) -> Option<String> {
        self.dialect.scalar(column, value)
    }

    fn ident(&self, column: &ColumnInfo) -> String {
        ident(column.name())
    }

    fn null_test(&self, column: &ColumnInfo, is_null: bool) -> Option<String> {
        if may_hold_specials(self.table, column) {
            return None;
        }
        // `IS NULL` of a composite is also true when all its fields are NULL.
        let composite =
            column.verdict == Verdict::Text || matches!(column.field.data_type(), DataType::Struct(_));
        let test = match (is_null, composite) {
            (true, true) => "IS NOT DISTINCT FROM NULL",
            (false, true) => "IS DISTINCT FROM NULL",
            (true, false) => "IS NULL",
            (false, false) => "IS NOT NULL",
        };
        Some(format!("{} {test}", ident(column.name())))
    }

    fn qualified(&self, symbol: &str) -> Option<String> {
        session::is_theirs(self.table).then(|| op(self.table, symbol))
    }
}

/// A literal of exactly the column's type; none when the two engines might read it differently.
fn scalar(column: &ColumnInfo, value: &ScalarValue) -> Option<String> {
    match (column.field.data_type(), value) {
        (DataType::Int16, ScalarValue::Int16(Some(v))) => Some(format!("({v})")),
        (DataType::Int16 | DataType::Int32, ScalarValue::Int32(Some(v))) => Some(format!("({v})")),
        (DataType::Int16 | DataType::Int32 | DataType::Int64, ScalarValue::Int64(Some(v))) => {
            Some(format!("({v})"))
        }
        (DataType::Boolean, ScalarValue::Boolean(Some(v))) => Some(v.to_string()),
        (DataType::Utf8, ScalarValue::Utf8(Some(v)) | ScalarValue::Utf8View(Some(v))) => {
            // char(n) ignores trailing spaces of the literal, and PostgreSQL has no zero byte.
            let plain = !v.contains('\0') && !v.ends_with(' ');
            plain.then(|| literal(v))
        }
        (DataType::Date32, ScalarValue::Date32(Some(days))) => {
            let date = NaiveDate::from_ymd_opt(1970, 1, 1)?
                .checked_add_signed(chrono::Duration::days((*days).into()))?;
            in_plain_years(date).then(|| format!("'{}'::pg_catalog.date", date.format("%Y-%m-%d")))
        }
        (DataType::Timestamp(_, column_tz), ScalarValue::TimestampMicrosecond(Some(us), value_tz))
            if column_tz.is_some() == value_tz.is_some() =>
        {
            let at = DateTime::from_timestamp_micros(*us)?;
            let text = at.format("%Y-%m-%d %H:%M:%S%.6f");
            in_plain_years(at.date_naive()).then(|| match column_tz {
                Some(_) => format!("'{text}+00'::pg_catalog.timestamptz"),
                None => format!("'{text}'::pg_catalog.timestamp"),
            })
        }
        _ => None,
    }
}

/// Years that both sides write with four digits.
fn in_plain_years(date: NaiveDate) -> bool {
    use chrono::Datelike;
    (1..=9999).contains(&date.year())
}

impl Dialect for PostgresDialect {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn default_schema(&self) -> &str {
        "public"
    }

    fn table(&self, table: &TableRef) -> String {
        format!("{}.{}", ident(&table.schema), ident(&table.name))
    }

    fn column(&self, name: &str) -> String {
        ident(name)
    }

    fn key(&self, table: &TableInfo, column: &str) -> String {
        key_of_row(table, column).unwrap_or_else(|_| ident(column))
    }

    fn remainder(&self, column: &str, of: u32) -> String {
        remainder_sql(column, of)
    }

    fn period(&self, table: &TableInfo, column: &str, period: Period) -> Option<String> {
        let key = ident(column);
        let moment = match table.stored_column(column)?.field.data_type() {
            DataType::Timestamp(_, Some(_)) => format!("({key} AT TIME ZONE 'UTC')"),
            _ => format!("{key}::pg_catalog.timestamp"),
        };
        let unit = match period {
            Period::Year => "year",
            Period::Month => "month",
            Period::Day => "day",
            Period::Week => "week",
        };
        Some(format!(
            "(CASE WHEN pg_catalog.isfinite({key}) THEN pg_catalog.date_trunc('{unit}', {moment})::pg_catalog.date \
             OPERATOR(pg_catalog.-) '1970-01-01'::pg_catalog.date END)"
        ))
    }

    fn sql_type(&self, column: &ColumnInfo) -> Option<&'static str> {
        match Codec::of(column).ok()? {
            Codec::Padded => Some("bpchar"),
            Codec::Text if column.source_type.starts_with("character varying") => Some("varchar"),
            Codec::Label => Some("enum"),
            // Their text is ISO 8601 and not that of the cast.
            Codec::Interval => Some("interval"),
            // What the user has made text of is a text.
            Codec::CastText(_) | Codec::Output { .. } if column.note.starts_with(AS_ASKED) => None,
            Codec::CastText(_)
            | Codec::Output { .. }
            | Codec::Jsonb
            | Codec::Money
            | Codec::Geometry { .. } => Some("other"),
            _ => None,
        }
    }

    fn slice_sql(&self, table: &TableInfo, slice: &Slice) -> Option<String> {
        match slice {
            Slice::All => None,
            Slice::Physical { from, to } => {
                let terms: Vec<String> = from
                    .map(|b| format!("ctid {} '({b},0)'::pg_catalog.tid", op(table, ">=")))
                    .into_iter()
                    .chain(to.map(|b| format!("ctid {} '({b},0)'::pg_catalog.tid", op(table, "<"))))
                    .collect();
                (!terms.is_empty()).then(|| terms.join(" AND "))
            }
            Slice::Range { column, lower, upper } => {
                Some(self.range(table, column, lower.as_ref(), upper.as_ref()))
            }
            Slice::IsNull { column } => Some(is_null(&ident(column))),
            Slice::Modulo { column, of, remainder } => Some(match session::is_theirs(table) {
                true => format!(
                    "{} OPERATOR(pg_catalog.=) {remainder}::pg_catalog.int8",
                    steady_remainder_sql(column, *of)
                ),
                false => format!("{} = {remainder}", remainder_sql(column, *of)),
            }),
            Slice::Value { expression, value: Some(value) } => {
                Some(format!("{expression} {} {}", op(table, "="), literal(value)))
            }
            Slice::Value { expression, value: None } => Some(is_null(expression)),
            Slice::Other { expression, values } => {
                let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
                let present = format!("{expression} IS DISTINCT FROM NULL");
                Some(match values.is_empty() {
                    true => present,
                    false if session::is_theirs(table) => {
                        let each = values.iter().map(|v| format!("{expression} OPERATOR(pg_catalog.=) {v}"));
                        let any = each.collect::<Vec<_>>().join(" OR ");
                        format!("{present} AND ({any}) IS NOT TRUE")
                    }
                    false => format!("{present} AND ({expression} IN ({})) IS NOT TRUE", values.join(", ")),
                })
            }
            Slice::Relation { id, .. } => Some(format!("tableoid {} {id}::pg_catalog.oid", op(table, "="))),
            Slice::Both(left, right) => {
                let sides = [left, right].into_iter().filter_map(|side| self.slice_sql(table, side));
                let sides: Vec<String> = sides.collect();
                (!sides.is_empty()).then(|| sides.join(" AND "))
            }
        }
    }

    fn check_steady(&self, expression: &str) -> Result<()> {
        repeatable::check(expression)
    }

    fn pushdown(&self, table: &TableInfo, filter: &Expr) -> Option<String> {
        if table.reading.runs.is_some() {
            return None;
        }
        pushdown::pushdown(&Server { dialect: self, table }, table, filter)
    }

    fn methods(&self, table: &TableInfo) -> Vec<Method> {
        let mut methods = Vec::new();
        if table.reading.runs.is_some() {
            // What needs no plan reads one relation, whole.
            return vec![if table.leaves.is_empty() { Method::None } else { Method::DbPartition }];
        }
        if table.kind == TableKind::Query {
            return vec![Method::RangeId, Method::Ntile, Method::None];
        }
        if !table.blocks.is_empty() {
            methods.push(Method::Ctid);
        }
        if !table.leaves.is_empty() {
            methods.push(Method::DbPartition);
        }
        if table.kind != TableKind::Foreign {
            methods.extend([
                Method::RangeId,
                Method::Ntile,
                Method::Random,
                Method::DataDriven,
                Method::Timepartition,
            ]);
        }
        methods.push(Method::None);
        methods
    }
}

#[cfg(test)]
mod tests;
