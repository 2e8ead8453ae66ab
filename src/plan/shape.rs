//! `--where` and `--columns` as a logical plan over one table.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DataFusionStatement;
use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::masks::TableMasks;
use super::meaning::{Refusal, prepare};
use super::missing;
use crate::catalog::{ColumnInfo, TableInfo, TableRef};
use crate::error::{Code, Error, Result};

/// Rows of a table, as SQL text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) filter: Option<&'a str>,
    pub(super) projection: Option<&'a str>,
    /// Of the values between filter and projection.
    pub(super) masks: Option<&'a TableMasks>,
}

pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `SELECT projection FROM table WHERE filter`, without masks.
pub(super) async fn logical(
    context: &SessionContext,
    info: &TableInfo,
    rows: &Rows<'_>,
) -> Result<LogicalPlan> {
    let Rows { filter, projection, .. } = *rows;
    let names: Vec<&str> = info.columns.iter().map(ColumnInfo::name).collect();
    let template = format!("SELECT * FROM {}.{}", quote(&info.table.schema), quote(&info.table.name));
    let mut statement = parse(&template, "the table's name", |p| p.parse_statement())?;
    let items = projection.map(|text| parse(text, "--columns", |p| p.parse_projection())).transpose()?;
    let condition = filter.map(|text| parse(text, "--where", |p| p.parse_expr())).transpose()?;
    set(&mut statement, items, condition.clone())?;
    // The filter alone first, so that an error names the right flag.
    if let (Some(condition), true) = (condition, projection.is_some()) {
        let mut alone = parse(&template, "the table's name", |p| p.parse_statement())?;
        set(&mut alone, None, Some(condition))?;
        Box::pin(plan(context, alone))
            .await
            .map_err(|e| explain(e, "--where", filter, &info.table, &names))?;
    }
    let (flag, text) = match projection {
        Some(_) => ("--columns", projection),
        None => ("--where", filter),
    };
    let plan =
        Box::pin(plan(context, statement)).await.map_err(|e| explain(e, flag, text, &info.table, &names))?;
    only_rows(&plan, flag).map_err(|error| error.with("table", &info.table))?;
    Ok(plan)
}

/// Checks the syntax of one `--where`, so that the position in a message is the user's own.
pub(super) fn check_filter(text: &str) -> Result<()> {
    parse(text, "--where", |p| p.parse_expr()).map(|_| ())
}

pub(super) async fn plan(
    context: &SessionContext,
    mut statement: Statement,
) -> std::result::Result<LogicalPlan, DataFusionError> {
    prepare(&mut statement)?;
    let state = context.state();
    let plan = state.statement_to_plan(DataFusionStatement::Statement(Box::new(statement))).await?;
    // Types are checked by the analyzer, which runs with the optimizer.
    state.optimize(&plan)?;
    Ok(plan)
}

pub(super) fn parse<T>(
    text: &str,
    flag: &str,
    rule: impl FnOnce(&mut Parser<'_>) -> std::result::Result<T, ParserError>,
) -> Result<T> {
    let wrong = |error: ParserError| {
        let message = match error {
            ParserError::TokenizerError(m) | ParserError::ParserError(m) => m,
            ParserError::RecursionLimitExceeded => "too deeply nested".into(),
        };
        // The parser gives no position for what is missing at the end.
        let place = if message.contains("Line:") { String::new() } else { end_of(text) };
        Error::usage(format!("{flag} is not valid SQL: {message}{place}"))
            .coded(Code::SqlSyntax)
            .with("sql", text)
    };
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).try_with_sql(text).map_err(wrong)?;
    let parsed = rule(&mut parser).map_err(wrong)?;
    let next = parser.peek_token();
    if next.token == Token::EOF {
        Ok(parsed)
    } else {
        let found = format!("expected the end, found: {next}{}", next.span.start);
        Err(wrong(ParserError::ParserError(found)))
    }
}

/// The place after the last character, as the parser writes places.
fn end_of(text: &str) -> String {
    let last = text.rsplit('\n').next().unwrap_or(text);
    format!(" at Line: {}, Column: {}", text.matches('\n').count() + 1, last.chars().count() + 1)
}

/// Puts the user's pieces into the statement's SELECT.
fn set(statement: &mut Statement, items: Option<Vec<SelectItem>>, condition: Option<Expr>) -> Result<()> {
    let Statement::Query(query) = statement else { return Err(Error::internal("the template is no query")) };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Err(Error::internal("the template is no SELECT"));
    };
    if let Some(items) = items {
        select.projection = items;
    }
    select.selection = condition;
    Ok(())
}

/// A table export keeps rows apart: each row of the source gives one row or none.
pub(super) fn only_rows(plan: &LogicalPlan, flag: &str) -> Result<()> {
    let mut other = None;
    plan.apply_with_subqueries(|node| {
        Ok(match node {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::SubqueryAlias(_) => TreeNodeRecursion::Continue,
            found => {
                other = Some(found.display().to_string());
                TreeNodeRecursion::Stop
            }
        })
    })?;
    match other {
        None => Ok(()),
        Some(_) => Err(one_row(flag)),
    }
}

fn one_row(flag: &str) -> Error {
    Error::usage(format!("{flag} may use the columns of one row only: no aggregates, windows or subqueries"))
        .coded(Code::NotOneRow)
        .hint("`lakexpress query` reads several tables and exports what one SELECT gives")
        .hint(format!("{} takes the database's own SQL, subqueries too", in_source(flag)))
}

/// A planning error in the user's words, with the nearest column name.
pub(super) fn explain(
    error: DataFusionError,
    flag: &str,
    text: Option<&str>,
    table: &TableRef,
    names: &[&str],
) -> Error {
    if let Some(refusal) = Refusal::find(&error) {
        return refused(refusal, flag, text.unwrap_or_default(), table);
    }
    let root = error.find_root();
    if let DataFusionError::SchemaError(inner, _) = root
        && let SchemaError::FieldNotFound { field, .. } = inner.as_ref()
    {
        let name = &field.name;
        let wrong = Error::usage(format!("column '{name}' of {flag} does not exist"))
            .coded(Code::UnknownColumn)
            .with("table", table);
        let remedies = missing::remedies(name, text.unwrap_or_default(), names.iter().copied());
        return remedies.into_iter().fold(wrong, Error::hint);
    }
    let message = root.strip_backtrace();
    let message = message.strip_prefix("Error during planning: ").unwrap_or(&message);
    let of_others = message.starts_with("table '") && message.ends_with("' not found");
    let aggregates = ["Aggregate functions are not allowed", "Column in SELECT must be in GROUP BY"];
    if of_others || aggregates.iter().any(|start| message.starts_with(start)) {
        return one_row(flag).with("table", table);
    }
    Error::usage(format!("{flag} cannot be planned: {message}")).coded(Code::SqlTypes).with("table", table)
}

/// A refusal, with its place in the user's text.
fn refused(refusal: &Refusal, flag: &str, text: &str, table: &TableRef) -> Error {
    let place = refusal.place.or_else(|| refusal.place_in(text));
    let place = place.map_or_else(String::new, |at| format!(" at Line: {}, Column: {}", at.line, at.column));
    let error = Error::usage(format!("{flag}: {refusal}{place}"))
        .coded(refusal.code)
        .with("table", table)
        .with("sql", text);
    error.hint(refusal.remedy(in_source(flag)))
}

/// The flag for the same in the database's own SQL.
fn in_source(flag: &str) -> &'static str {
    if flag == "--where" { "--source-where" } else { "--source-columns" }
}
