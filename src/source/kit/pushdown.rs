//! Filters that a database evaluates: the walk over DataFusion's expressions, once for all databases.
//!
//! The contract is that of [`Dialect::pushdown`](crate::source::Dialect::pushdown): a condition is made only if the
//! database gives the same answer as DataFusion for every row, NULL included. The walk keeps it as long as [`Provable`]
//! is answered so. What it does not know is not pushed: the filter is then evaluated here.

use arrow_schema::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

use crate::catalog::{ColumnInfo, TableInfo};

/// What values are compared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Whether they are the same: `=`, `<>`, `IN`.
    Equality,
    /// Which comes first: `<`, `BETWEEN` and the like.
    Order,
}

/// What one database says of the columns of one table. When in doubt, no.
pub trait Provable {
    /// Whether the database compares the values of `column` with a [`Self::literal`] as DataFusion does, for every value
    /// that there can be: think of collations, NaN, trailing spaces, and values that become NULL here.
    fn allows(&self, column: &ColumnInfo, comparison: Comparison) -> bool;

    /// `value` as SQL that means a value of exactly the type of `column`, so that the column is not converted; none when
    /// it could be read otherwise, and for NULL.
    fn literal(&self, column: &ColumnInfo, value: &ScalarValue) -> Option<String>;

    /// The quoted name of a column.
    fn ident(&self, column: &ColumnInfo) -> String;

    /// Whether a value is NULL, or whether it is not; none when a value that the database has may be NULL here.
    fn null_test(&self, column: &ColumnInfo, is_null: bool) -> Option<String> {
        let test = if is_null { "IS NULL" } else { "IS NOT NULL" };
        Some(format!("{} {test}", self.ident(column)))
    }

    /// How an operator is written where its symbol alone may mean another. `BETWEEN` and `IN`, which name no operator,
    /// are then written with operators too.
    fn qualified(&self, _symbol: &str) -> Option<String> {
        None
    }
}

/// `filter` as a condition on the rows of `table`, with the same answer as here for every row; none where `database`
/// has no such condition.
pub fn pushdown(database: &dyn Provable, table: &TableInfo, filter: &Expr) -> Option<String> {
    Walk { database, table }.condition(filter)
}

struct Walk<'a> {
    database: &'a dyn Provable,
    table: &'a TableInfo,
}

impl<'a> Walk<'a> {
    fn condition(&self, filter: &Expr) -> Option<String> {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                Some(format!("({} {op} {})", self.condition(left)?, self.condition(right)?))
            }
            Expr::BinaryExpr(comparison) => self.comparison(comparison),
            Expr::Not(inner) => Some(format!("(NOT {})", self.condition(inner)?)),
            Expr::IsNull(inner) => self.database.null_test(self.column(inner)?, true),
            Expr::IsNotNull(inner) => self.database.null_test(self.column(inner)?, false),
            Expr::Between(between) => self.between(between),
            Expr::InList(list) => self.in_list(list),
            Expr::Column(_) => {
                let column = self.comparable(filter, Comparison::Equality)?;
                (column.field.data_type() == &DataType::Boolean).then(|| self.database.ident(column))
            }
            _ => None,
        }
    }

    /// A column and a literal, on either side.
    fn comparison(&self, binary: &BinaryExpr) -> Option<String> {
        let (column, value, op) = match (binary.left.as_ref(), binary.right.as_ref()) {
            (column @ Expr::Column(_), value @ Expr::Literal(..)) => (column, value, binary.op),
            (value @ Expr::Literal(..), column @ Expr::Column(_)) => (column, value, binary.op.swap()?),
            _ => return None,
        };
        let (symbol, comparison) = match op {
            Operator::Eq => ("=", Comparison::Equality),
            Operator::NotEq => ("<>", Comparison::Equality),
            Operator::Lt => ("<", Comparison::Order),
            Operator::LtEq => ("<=", Comparison::Order),
            Operator::Gt => (">", Comparison::Order),
            Operator::GtEq => (">=", Comparison::Order),
            _ => return None,
        };
        let column = self.comparable(column, comparison)?;
        let value = self.literal(column, value)?;
        Some(format!("{} {} {value}", self.database.ident(column), self.operator(symbol)))
    }

    fn between(&self, between: &Between) -> Option<String> {
        let column = self.comparable(&between.expr, Comparison::Order)?;
        let (low, high) = (self.literal(column, &between.low)?, self.literal(column, &between.high)?);
        let name = self.database.ident(column);
        if !self.is_qualified() {
            return Some(format!("({name} {}BETWEEN {low} AND {high})", not(between.negated)));
        }
        let (least, most) = (self.operator(">="), self.operator("<="));
        Some(negated(between.negated, format!("({name} {least} {low} AND {name} {most} {high})")))
    }

    fn in_list(&self, list: &InList) -> Option<String> {
        let column = self.comparable(&list.expr, Comparison::Equality)?;
        let values = list.list.iter().map(|value| self.literal(column, value));
        let values = values.collect::<Option<Vec<String>>>().filter(|values| !values.is_empty())?;
        let name = self.database.ident(column);
        if !self.is_qualified() {
            return Some(format!("({name} {}IN ({}))", not(list.negated), values.join(", ")));
        }
        let equals = self.operator("=");
        let each: Vec<String> = values.iter().map(|value| format!("{name} {equals} {value}")).collect();
        Some(negated(list.negated, format!("({})", each.join(" OR "))))
    }

    fn column(&self, expr: &Expr) -> Option<&'a ColumnInfo> {
        let Expr::Column(column) = expr else { return None };
        self.table.column(&column.name)
    }

    fn comparable(&self, expr: &Expr, comparison: Comparison) -> Option<&'a ColumnInfo> {
        self.column(expr).filter(|column| self.database.allows(column, comparison))
    }

    fn literal(&self, column: &ColumnInfo, expr: &Expr) -> Option<String> {
        let Expr::Literal(value, _) = expr else { return None };
        self.database.literal(column, value)
    }

    fn operator(&self, symbol: &str) -> String {
        self.database.qualified(symbol).unwrap_or_else(|| symbol.to_owned())
    }

    fn is_qualified(&self) -> bool {
        self.database.qualified("=").is_some()
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

fn negated(negated: bool, condition: String) -> String {
    if negated { format!("(NOT {condition})") } else { condition }
}
