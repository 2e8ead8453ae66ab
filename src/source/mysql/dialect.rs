//! SQL of MySQL and MariaDB: names, slices, and the filters that the server answers as DataFusion does.

mod key;
mod null;
mod number;
mod period;
mod pushdown;
mod steady;
mod value;
mod written;

use datafusion::logical_expr::Expr;

use super::column::{AS_ASKED, Codec};
use crate::catalog::{ColumnInfo, KeyValue, Slice, TableInfo, TableKind, TableRef};
use crate::client::mysql::ident;
use crate::error::Result;
use crate::source::Dialect;
use crate::spec::{Method, Period};

pub use self::key::{Bound, Key};
pub use self::null::{is_null, present};
pub use self::value::value_sql;

/// See the module.
#[derive(Debug, Default)]
pub struct MysqlDialect {
    /// The database that a table name without one means.
    database: String,
}

impl MysqlDialect {
    /// That of a connection to `database`.
    pub fn of_database(database: impl Into<String>) -> Self {
        Self { database: database.into() }
    }
}

/// A condition that the server refuses, for a slice that must mean neither all rows nor none.
fn refused(what: impl std::fmt::Display) -> String {
    ident(&format!("no slice of this source: {what}"))
}

/// The remainder of an integer column with or without sign, never negative. The sign of a remainder is that of the
/// dividend, so nothing overflows on the way.
fn remainder_sql(column: &str, of: u32) -> String {
    format!("((({} % {of}) + {of}) % {of})", ident(column))
}

/// A condition that holds for the keys from `lower` to `upper`.
fn range(
    table: &TableInfo,
    column: &str,
    lower: Option<&KeyValue>,
    upper: Option<&KeyValue>,
) -> Result<String> {
    let key = Key::of(table, column)?;
    let sql = key.sql();
    let (lower, upper) = (lower.map(|v| key.bound(v)).transpose()?, upper.map(|v| key.bound(v)).transpose()?);
    let below = |bound: &Bound| match bound {
        Bound::At(bound) => Some(format!("{sql} < {bound}")),
        Bound::BelowAll => Some("FALSE".to_owned()),
        Bound::AboveAll => None,
    };
    let from = |bound: &Bound| match bound {
        Bound::At(bound) => Some(format!("{sql} >= {bound}")),
        Bound::BelowAll => None,
        Bound::AboveAll => Some("FALSE".to_owned()),
    };
    let ends: Vec<String> = lower.iter().filter_map(from).chain(upper.iter().filter_map(below)).collect();
    // What has no order comes before all others: it is in no range but the first.
    Ok(match (key.is_ordered(), &lower) {
        _ if lower.is_none() && ends.is_empty() => key.present(),
        (Some(ordered), Some(_)) => ends.into_iter().chain([ordered]).collect::<Vec<_>>().join(" AND "),
        (Some(ordered), None) => {
            format!("({} OR ({} AND ({ordered}) IS NOT TRUE))", ends.join(" AND "), key.present())
        }
        (None, _) if ends.is_empty() => key.present(),
        (None, _) => ends.join(" AND "),
    })
}

impl Dialect for MysqlDialect {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn default_schema(&self) -> &str {
        &self.database
    }

    fn table(&self, table: &TableRef) -> String {
        format!("{}.{}", ident(&table.schema), ident(&table.name))
    }

    fn column(&self, name: &str) -> String {
        ident(name)
    }

    fn key(&self, table: &TableInfo, column: &str) -> String {
        key::by_value(table, column).unwrap_or_else(|_| ident(column))
    }

    fn remainder(&self, column: &str, of: u32) -> String {
        remainder_sql(column, of)
    }

    fn period(&self, table: &TableInfo, column: &str, period: Period) -> Option<String> {
        period::sql(table, column, period)
    }

    fn sql_type(&self, column: &ColumnInfo) -> Option<&'static str> {
        // What the user has made text of is a text.
        if column.note.starts_with(AS_ASKED) {
            return None;
        }
        match Codec::of(column).ok()? {
            Codec::Char(_) => Some("bpchar"),
            Codec::Text(_) if column.source_type.starts_with("varchar") => Some("varchar"),
            Codec::Label(_) if !column.labels.is_empty() => Some("enum"),
            Codec::Label(_) | Codec::Json | Codec::Address | Codec::CastText(_) | Codec::Geometry { .. } => {
                Some("other")
            }
            _ => None,
        }
    }

    fn slice_sql(&self, table: &TableInfo, slice: &Slice) -> Option<String> {
        Some(match slice {
            Slice::All => return None,
            Slice::Range { column, lower, upper } => range(table, column, lower.as_ref(), upper.as_ref())
                .unwrap_or_else(|error| refused(error.message())),
            Slice::IsNull { column } => {
                let codec = table.stored_column(column).and_then(|column| Codec::of(column).ok());
                null::null_test(codec.as_ref(), &ident(column), true)
            }
            Slice::Modulo { column, of, remainder } => {
                format!("{} = {remainder}", remainder_sql(column, *of))
            }
            Slice::Value { expression, value: Some(value) } => value::equal(table, expression, value),
            Slice::Value { expression, value: None } => is_null(expression),
            Slice::Other { expression, values } => value::other(expression, values),
            // FROM names the partition.
            Slice::Relation { id, name } if table.leaves.iter().any(|l| (l.id, &l.name) == (*id, name)) => {
                return None;
            }
            // There are no others. Were one to come here it must not mean all rows, nor none.
            Slice::Relation { .. } | Slice::Physical { .. } => refused(slice),
            Slice::Both(left, right) => {
                let sides = [left, right].into_iter().filter_map(|side| self.slice_sql(table, side));
                let sides: Vec<String> = sides.collect();
                return (!sides.is_empty()).then(|| sides.join(" AND "));
            }
        })
    }

    fn check_steady(&self, expression: &str) -> Result<()> {
        steady::check(expression)
    }

    fn pushdown(&self, table: &TableInfo, filter: &Expr) -> Option<String> {
        pushdown::exact(table, filter)
    }

    fn weaker(&self, table: &TableInfo, filter: &Expr) -> Option<String> {
        pushdown::weaker(table, filter)
    }

    fn methods(&self, table: &TableInfo) -> Vec<Method> {
        match table.kind {
            TableKind::Query => return vec![Method::RangeId, Method::Ntile, Method::None],
            // Its rows lie on another server.
            TableKind::Foreign => return vec![Method::None],
            _ => {}
        }
        let by_leaves = (!table.leaves.is_empty()).then_some(Method::DbPartition);
        let by_keys = [
            Method::RangeId,
            Method::Ntile,
            Method::Random,
            Method::DataDriven,
            Method::Timepartition,
            Method::None,
        ];
        by_leaves.into_iter().chain(by_keys).collect()
    }
}

#[cfg(test)]
mod tests;
