//! How one database spells SQL. Pure text, no connection.

use std::fmt::Debug;

use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::catalog::{ColumnInfo, Slice, TableInfo, TableRef};
use crate::error::{Code, Error, Result};
use crate::spec::{Method, Period};

/// How one database spells SQL.
pub trait Dialect: Debug + Send + Sync {
    /// Registry name.
    fn name(&self) -> &'static str;

    /// The schema that a table name without one means in `query`.
    fn default_schema(&self) -> &str;

    /// The quoted name of a table.
    fn table(&self, table: &TableRef) -> String;

    /// The quoted name of a column.
    fn column(&self, name: &str) -> String;

    /// A column as a key: what rows are compared by when a table is cut by it.
    fn key(&self, _table: &TableInfo, column: &str) -> String {
        self.column(column)
    }

    /// The remainder of an integer column, from 0 to `of` - 1, NULL for NULL.
    fn remainder(&self, column: &str, of: u32) -> String;

    /// The day on which the period of a date or timestamp begins, in days since 1970-01-01, by UTC where that matters;
    /// NULL for NULL and infinity. None when this source cannot tell.
    fn period(&self, _table: &TableInfo, _column: &str, _period: Period) -> Option<String> {
        None
    }

    /// What values of a column are in expressions, where their Arrow type does not say it: `bpchar` (compared without
    /// trailing spaces, which they do not have), `enum` (labels without an order), or `other` (without operators).
    fn sql_type(&self, _column: &ColumnInfo) -> Option<&'static str> {
        None
    }

    /// The condition that selects a slice; none for all rows.
    fn slice_sql(&self, table: &TableInfo, slice: &Slice) -> Option<String>;

    /// Refuses an expression that may give another value in the next statement: each slice is a statement of its own, and
    /// rows would be in two of them or in none. `expression` is this database's SQL and not a column alone.
    ///
    /// # Errors
    /// Usage, naming the first word that is not known to be steady.
    fn check_steady(&self, _expression: &str) -> Result<()> {
        Err(Error::usage("this source cannot cut a table by an expression")
            .coded(Code::Method)
            .hint("name a column"))
    }

    /// The filter as this database's SQL, if and only if the database gives the same answer for
    /// every row as DataFusion would. None means it is evaluated here.
    fn pushdown(&self, table: &TableInfo, filter: &Expr) -> Option<String>;

    /// A condition that holds for every row for which the filter does, and perhaps for more: the filter itself where
    /// [`Self::pushdown`] has it, else what is left when the parts that it has not are taken for true.
    fn weaker(&self, table: &TableInfo, filter: &Expr) -> Option<String> {
        if let Some(exact) = self.pushdown(table, filter) {
            return Some(exact);
        }
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
        let sides = (self.weaker(table, left), self.weaker(table, right));
        match (op, sides) {
            (Operator::And | Operator::Or, (Some(left), Some(right))) => {
                Some(format!("({left} {op} {right})"))
            }
            (Operator::And, (Some(one), None) | (None, Some(one))) => Some(one),
            _ => None,
        }
    }

    /// The methods by which this table can be cut, best first; at least one, and `None` is among them unless rows can
    /// be read by relation only.
    fn methods(&self, table: &TableInfo) -> Vec<Method>;

    /// What users of this database call a method, in plans, records and messages. Every name is also a spelling that
    /// [`Method`] is read from.
    fn method_name(&self, method: Method) -> &'static str {
        method.name()
    }
}
