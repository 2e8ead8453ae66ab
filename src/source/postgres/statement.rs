//! SQL of the user's that the server evaluates: what it is, and what its columns are.
//!
//! It is parsed alone first: then its own parentheses are balanced (`source/kit/user_sql.rs` puts others around it), it
//! is one statement, and the server's positions are those of the user's text.

use serde_json::Value;

use super::column::{self, PgColumn, Styles};
use super::columns::typed_columns_sql;
use super::composites::Composites;
use super::dialect::PostgresDialect;
use super::facts::TableFacts;
use super::session::fence;
use super::steady::steady;
use crate::catalog::{ColumnInfo, SourceSql, TableInfo, TableKind, TableRef};
use crate::client::postgres::{Connection, Refused, ResultColumn, ident, literal, sqlstate};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::source::Dialect;
use crate::source::kit::choice::cast_to_text;
use crate::source::kit::user_sql::{ONE_ROW_EACH, at_place, derived, distinct};
use crate::spec::TypePolicy;

/// Describes the result of the query `sql`, exported as `name`.
pub(super) async fn query(
    view: &mut Connection,
    name: &TableRef,
    sql: &str,
    policy: &TypePolicy,
    money_scale: i8,
) -> Result<TableInfo> {
    view.execute(&fence(TableKind::Query, true)).await?;
    let described = columns_of(view, sql, "", "").await?;
    if described.is_empty() {
        return Err(Error::usage("the SQL is not a query that gives columns")
            .coded(Code::SourceSqlRefused)
            .hint(FORMS));
    }
    columns_of(view, sql, HEAD, "\n) AS lakexpress").await.map_err(|error| error.hint(FORMS))?;
    check_names(&described)?;
    let is_cast = cast_to_text(policy, name);
    let columns = columns(view, &described, policy, is_cast, money_scale).await?;
    let (rows, bytes) = expected(view, &derived(sql)).await?;
    let mut table = TableInfo::of_query(name, sql, columns, (rows, bytes));
    let special_values = policy.special_values;
    table.facts = TableFacts { special_values, ..TableFacts::default() }.kept()?;
    Ok(table)
}

/// `table` with the rows and columns that `sql` gives of it.
pub(super) async fn shaped(
    view: &mut Connection,
    dialect: &PostgresDialect,
    mut table: TableInfo,
    sql: &SourceSql,
    policy: &TypePolicy,
    money_scale: i8,
) -> Result<TableInfo> {
    let name = dialect.table(&table.table);
    if let Some(condition) = &sql.condition {
        let flag = |error: Error| error.with("flag", "--source-where");
        columns_of(view, condition, &format!("SELECT 1 FROM {name} WHERE\n"), "\n").await.map_err(flag)?;
        let within = columns_of(view, condition, &format!("SELECT 1 FROM {name} WHERE (\n"), "\n)").await;
        within.map_err(|error| flag(error).hint("give one condition"))?;
    }
    if let Some(list) = &sql.columns {
        let listed = listed(view, &name, &table, list).await;
        let described = listed.map_err(|error| error.with("flag", "--source-columns"))?;
        let is_cast = cast_to_text(policy, &table.table);
        let columns = columns(view, &described, policy, is_cast, money_scale).await?;
        table.reading.stored_columns = std::mem::replace(&mut table.columns, columns);
        // What is computed may be called as a key is.
        table.primary_key = None;
        table.foreign_keys.clear();
        // Rights were asked of every column that the list names.
        table.unreadable.clear();
    }
    table.reading.sql = Some(sql.clone());
    Ok(table)
}

/// The columns of a list that gives each row of a table one row.
async fn listed(
    view: &mut Connection,
    name: &str,
    table: &TableInfo,
    list: &str,
) -> Result<Vec<ResultColumn>> {
    let after = format!("\nFROM {name}");
    let described = columns_of(view, list, "SELECT\n", &after).await?;
    check_names(&described)?;
    let Some(column) = table.columns.iter().find(|column| table.is_readable(column.name())) else {
        return Ok(described);
    };
    // With a column of the table before it, and two behind it: no DISTINCT, aggregate or UNION fits between.
    let column = format!("{name}.{}", ident(column.name()));
    let (before, after) = (format!("SELECT {column},\n"), format!("\n, {column}, {column}{after}"));
    columns_of(view, list, &before, &after).await.map_err(|error| error.hint(ONE_ROW_EACH))?;
    let windows = windows_in(view, &format!("SELECT\n{list}\nFROM {name}")).await?;
    if windows > windows_in(view, &format!("SELECT {column} FROM {name}")).await? {
        return Err(Error::usage("a window function looks at other rows, or a function gives several")
            .coded(Code::NotOneRow)
            .hint(ONE_ROW_EACH));
    }
    Ok(described)
}

/// How many nodes of a statement's plan compute window functions or give several rows for one, those of subqueries in expressions left out.
async fn windows_in(view: &mut Connection, sql: &str) -> Result<usize> {
    fn count(plan: &Value) -> usize {
        let relationship = plan["Parent Relationship"].as_str();
        if matches!(relationship, Some("SubPlan" | "InitPlan")) {
            return 0;
        }
        let below = plan["Plans"].as_array().map_or(0, |plans| plans.iter().map(count).sum());
        below + usize::from(matches!(plan["Node Type"].as_str(), Some("WindowAgg" | "ProjectSet")))
    }
    Ok(count(&explained(view, sql).await?))
}

const HEAD: &str = "SELECT * FROM (\n";
const FORMS: &str = "give one SELECT, WITH, VALUES or TABLE, without a semicolon, that changes nothing";

/// What columns the server gives `sql` between `before` and `after`.
///
/// # Errors
/// Usage with line and column of `sql`, when the server refuses it.
async fn columns_of(
    view: &mut Connection,
    sql: &str,
    before: &str,
    after: &str,
) -> Result<Vec<ResultColumn>> {
    let statement = format!("{before}{sql}{after}");
    let Refused { error, position } = match view.columns_of(&statement).await {
        Ok(columns) => return Ok(columns),
        Err(refused) => refused,
    };
    if sqlstate(&error).is_none() || error.transient().is_some() {
        return Err(error);
    }
    let refused = match error.kind() {
        ErrorKind::Denied => error,
        _ => {
            let state = sqlstate(&error).unwrap_or_default().to_owned();
            Error::usage(format!("the server refuses the SQL: {}", error.message()))
                .coded(Code::SourceSqlRefused)
                .hints_of(&error)
                .with("sqlstate", state)
        }
    };
    // From 1, and in characters.
    let place = position.and_then(|at| at.checked_sub(before.chars().count() + 1));
    Err(match place {
        Some(at) => at_place(refused, &sql.chars().take(at).collect::<String>()),
        None => refused,
    })
}

fn check_names(columns: &[ResultColumn]) -> Result<()> {
    distinct(columns.iter().map(|column| column.name.as_str()), str::to_owned)
}

/// What becomes of the columns of a result.
async fn columns(
    view: &mut Connection,
    described: &[ResultColumn],
    policy: &TypePolicy,
    is_cast: impl Fn(&str) -> bool,
    money_scale: i8,
) -> Result<Vec<ColumnInfo>> {
    let rows: Vec<String> = described
        .iter()
        .zip(1..)
        .map(|(column, number): (_, usize)| {
            format!("({number}, {}, {}, {})", literal(&column.name), column.type_oid, column.typmod)
        })
        .collect();
    let rows = view.query(&typed_columns_sql(&rows.join(", "))).await?;
    if rows.len() != described.len() {
        return Err(Error::data("a column has a type that the server's catalog does not have")
            .coded(Code::UnsupportedType));
    }
    let mut composites = Composites::default();
    let (mut columns, mut styles) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let name = row.required(1)?;
        let of = async |composites: &mut Composites, view: &mut Connection, as_text| {
            composites.column(view, row, as_text).await.map_err(|error| error.with("column", name))
        };
        let column = unsure(of(&mut composites, view, is_cast(name)).await?);
        let mut choice = column::choose(&column, policy, is_cast(name), money_scale);
        if choice.codec.names_fields() {
            // A name that is no field by the time of the statement would be that of a function.
            choice = column::choose(&column, policy, true, money_scale);
        }
        styles.push((name.to_owned(), Styles::of(&column, &choice.codec)));
        columns.push(ColumnInfo { labels: column.labels, ..choice.into_column(row.required(2)?)? });
    }
    steady(view, &styles).await?;
    Ok(columns)
}

/// A column of a result: of its collation nothing is known.
fn unsure(column: PgColumn) -> PgColumn {
    PgColumn { collation_deterministic: false, not_null: false, ..column }
}

/// Rows and bytes that the planner expects.
async fn expected(view: &mut Connection, from: &str) -> Result<(u64, u64)> {
    let plan = explained(view, &format!("SELECT * FROM {from}")).await?;
    let odd = || Error::internal("the server explained a statement in an unknown form");
    let number = |key: &str| plan[key].as_f64().ok_or_else(odd);
    let (rows, width) = (number("Plan Rows")?, number("Plan Width")?);
    Ok((rows as u64, (rows * width) as u64))
}

/// The plan of a statement.
async fn explained(view: &mut Connection, sql: &str) -> Result<Value> {
    let answer = view.query(&format!("EXPLAIN (FORMAT JSON) {sql}")).await?;
    let text: String = answer.iter().map(|row| row.required(0)).collect::<Result<_>>()?;
    let odd = |error| Error::internal("the server explained a statement in an unknown form").caused_by(error);
    let mut plans: Value = serde_json::from_str(&text).map_err(odd)?;
    Ok(plans[0]["Plan"].take())
}
