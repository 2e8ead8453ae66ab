//! `--where` and `--columns` as a logical plan over one table.

use std::ops::ControlFlow;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::logical_expr::{LogicalPlan, SortExpr};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DataFusionStatement;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, DateTimeField, Expr, ExtractSyntax, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, OrderBy, OrderByKind, Select, SelectItem, SetExpr, Statement, TableFactor,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::meaning::{Refusal, prepare};
use super::missing::{self, quoted};
use crate::catalog::{ColumnInfo, TableInfo};
use crate::error::{Code, Error, Result};

/// Rows of a table, as SQL text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) filter: Option<&'a str>,
    pub(super) projection: Option<&'a str>,
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `SELECT projection FROM table WHERE filter`.
pub(super) async fn logical(
    context: &SessionContext,
    info: &TableInfo,
    rows: &Rows<'_>,
) -> Result<LogicalPlan> {
    let Rows { filter, projection } = *rows;
    let template = format!("SELECT * FROM {}.{}", quote(&info.table.schema), quote(&info.table.name));
    let mut statement = parse(&template, "the table's name", |p| p.parse_statement())?;
    let items = projection.map(|text| parse(text, "--columns", |p| p.parse_projection())).transpose()?;
    let condition = filter.map(|text| parse(text, "--where", |p| p.parse_expr())).transpose()?;
    set(&mut statement, items, condition.clone())?;
    // The filter alone first, so that an error names the right flag.
    if let (Some(condition), true) = (condition, projection.is_some()) {
        let mut alone = parse(&template, "the table's name", |p| p.parse_statement())?;
        set(&mut alone, None, Some(condition))?;
        Box::pin(plan(context, alone)).await.map_err(|e| explain(e, "--where", filter, info))?;
    }
    let (flag, text) = match projection {
        Some(_) => ("--columns", projection),
        None => ("--where", filter),
    };
    let plan = Box::pin(plan(context, statement)).await.map_err(|e| explain(e, flag, text, info))?;
    only_rows(&plan, flag).map_err(|error| error.with("table", &info.table))?;
    Ok(plan)
}

/// `rows` with the keys of `text` behind the columns that are none, and the keys as SQL.
pub(super) async fn with_keys(
    context: &SessionContext,
    info: &TableInfo,
    rows: &Rows<'_>,
    text: &str,
) -> Result<(LogicalPlan, Vec<String>)> {
    const FLAG: &str = "--partition-by";
    let columns = columns(context, info, rows, FLAG).await?;
    let items = parse(text, FLAG, |p| p.parse_projection())?;
    let mut keys = Vec::with_capacity(items.len());
    let mut moved = Vec::new();
    for item in &items {
        match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                let name = folded(name);
                keys.push(quoted(&name));
                moved.push(name);
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                if let Expr::Identifier(name) = expr
                    && folded(name) == folded(alias)
                {
                    moved.push(folded(name));
                }
                keys.push(expr.to_string());
            }
            other => {
                return Err(Error::usage(format!("{FLAG}: the expression {other} has no name"))
                    .coded(Code::FileLayout)
                    .with("table", &info.table)
                    .with("sql", text)
                    .hint(format!("write {other} AS name: readers see it as a column of that name")));
            }
        }
    }
    let kept = columns.iter().filter(|column| !moved.contains(column));
    let kept: Vec<SelectItem> =
        kept.map(|name| SelectItem::UnnamedExpr(Expr::Identifier(Ident::with_quote('"', name)))).collect();
    let mut items = items;
    let _ = items.visit(&mut Calendar);
    let items = kept.into_iter().chain(items).collect();
    let statement = over(info, rows, Some(items))?;
    let plan = Box::pin(plan(context, statement)).await.map_err(|e| explain(e, FLAG, Some(text), info))?;
    only_rows(&plan, FLAG).map_err(|error| error.with("table", &info.table))?;
    Ok((plan, keys))
}

/// As SQL reads a name: in lower case without quotes.
fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// The order of `rows` by `text`.
pub(super) async fn ordered(
    context: &SessionContext,
    info: &TableInfo,
    rows: &Rows<'_>,
    text: &str,
) -> Result<Vec<SortExpr>> {
    const FLAG: &str = "--sort-by";
    columns(context, info, rows, FLAG).await?;
    let keys = parse(text, FLAG, |p| p.parse_comma_separated(Parser::parse_order_by_expr))?;
    let mut statement = over(info, rows, None)?;
    if let Statement::Query(query) = &mut statement {
        query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None });
    }
    let plan = Box::pin(plan(context, statement)).await.map_err(|e| explain(e, FLAG, Some(text), info))?;
    match plan {
        LogicalPlan::Sort(sort) => Ok(sort.expr),
        _ => Err(Error::usage(format!("{FLAG} takes columns of the files"))
            .coded(Code::FileLayout)
            .with("table", &info.table)
            .with("sql", text)),
    }
}

/// The names of the columns of `rows`, which have to be distinct for `flag`.
async fn columns(
    context: &SessionContext,
    info: &TableInfo,
    rows: &Rows<'_>,
    flag: &str,
) -> Result<Vec<String>> {
    let plan = logical(context, info, rows).await?;
    let names: Vec<String> = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        None => Ok(names),
        Some((_, twice)) => Err(Error::usage(format!("{flag}: two columns are called {twice}"))
            .coded(Code::DuplicateColumn)
            .with("table", &info.table)
            .hint("give one of them another name in --columns")),
    }
}

/// `SELECT items FROM (rows) AS table`; all columns without `items`.
fn over(info: &TableInfo, rows: &Rows<'_>, items: Option<Vec<SelectItem>>) -> Result<Statement> {
    let (schema, table) = (quote(&info.table.schema), quote(&info.table.name));
    let template = format!("SELECT * FROM (SELECT * FROM {schema}.{table}) AS {table}");
    let mut statement = parse(&template, "the table's name", |p| p.parse_statement())?;
    let columns =
        rows.projection.map(|text| parse(text, "--columns", |p| p.parse_projection())).transpose()?;
    let condition = rows.filter.map(|text| parse(text, "--where", |p| p.parse_expr())).transpose()?;
    let inner = derived(&mut statement).ok_or_else(|| Error::internal("the template has no inner query"))?;
    if let Some(columns) = columns {
        inner.projection = columns;
    }
    inner.selection = condition;
    if let (Some(items), Statement::Query(query)) = (items, &mut statement)
        && let SetExpr::Select(select) = query.body.as_mut()
    {
        select.projection = items;
    }
    Ok(statement)
}

fn derived(statement: &mut Statement) -> Option<&mut Select> {
    let Statement::Query(query) = statement else { return None };
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, .. } = &mut select.from.first_mut()?.relation else { return None };
    match subquery.body.as_mut() {
        SetExpr::Select(inner) => Some(inner),
        _ => None,
    }
}

/// `year(d)`, `month(d)`, `day(d)` and `hour(d)`, which PostgreSQL does not have, as integers.
struct Calendar;

impl VisitorMut for Calendar {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression
            && let FunctionArguments::List(list) = &function.args
            && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(of))] = list.args.as_slice()
        {
            let field = match function.name.to_string().to_lowercase().as_str() {
                "year" => DateTimeField::Year,
                "month" => DateTimeField::Month,
                "day" => DateTimeField::Day,
                "hour" => DateTimeField::Hour,
                _ => return ControlFlow::Continue(()),
            };
            let part = Expr::Extract { field, syntax: ExtractSyntax::From, expr: Box::new(of.clone()) };
            *expression = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(part),
                data_type: SqlType::Integer(None),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}

/// Checks the syntax of one `--where`, so that the position in a message is the user's own.
pub(super) fn check_filter(text: &str) -> Result<()> {
    parse(text, "--where", |p| p.parse_expr()).map(|_| ())
}

async fn plan(
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

fn parse<T>(
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
fn only_rows(plan: &LogicalPlan, flag: &str) -> Result<()> {
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
fn explain(error: DataFusionError, flag: &str, text: Option<&str>, info: &TableInfo) -> Error {
    if let Some(refusal) = Refusal::find(&error) {
        return refused(refusal, flag, text.unwrap_or_default(), info);
    }
    let root = error.find_root();
    if let DataFusionError::SchemaError(inner, _) = root
        && let SchemaError::FieldNotFound { field, .. } = inner.as_ref()
    {
        let name = &field.name;
        let wrong = Error::usage(format!("column '{name}' of {flag} does not exist"))
            .coded(Code::UnknownColumn)
            .with("table", &info.table);
        let columns = info.columns.iter().map(ColumnInfo::name);
        let remedies = missing::remedies(name, text.unwrap_or_default(), columns);
        return remedies.into_iter().fold(wrong, Error::hint);
    }
    let message = root.strip_backtrace();
    let message = message.strip_prefix("Error during planning: ").unwrap_or(&message);
    let of_others = message.starts_with("table '") && message.ends_with("' not found");
    if of_others || message.starts_with("Aggregate functions are not allowed") {
        return one_row(flag).with("table", &info.table);
    }
    Error::usage(format!("{flag} cannot be planned: {message}"))
        .coded(Code::SqlTypes)
        .with("table", &info.table)
}

/// A refusal, with its place in the user's text.
fn refused(refusal: &Refusal, flag: &str, text: &str, info: &TableInfo) -> Error {
    let place = refusal.place.or_else(|| refusal.place_in(text));
    let place = place.map_or_else(String::new, |at| format!(" at Line: {}, Column: {}", at.line, at.column));
    let error = Error::usage(format!("{flag}: {refusal}{place}"))
        .coded(refusal.code)
        .with("table", &info.table)
        .with("sql", text);
    error.hint(refusal.remedy(in_source(flag)))
}

/// The flag for the same in the database's own SQL.
fn in_source(flag: &str) -> &'static str {
    if flag == "--where" { "--source-where" } else { "--source-columns" }
}
