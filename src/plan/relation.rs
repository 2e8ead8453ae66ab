//! Columns, to which the user's SQL gives a layout: those of the files of a table, or of the result of a query.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::{LogicalPlan, SortExpr, SubqueryAlias};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, DateTimeField, Expr, ExtractSyntax, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, OrderBy, OrderByKind, Select, SelectItem, SetExpr, Statement, TableFactor,
    Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::masks::TableMasks;
use super::missing::quoted;
use super::session;
use super::shape::{self, Rows, explain, only_rows, parse, plan, quote};
use crate::catalog::{ColumnInfo, TableInfo, TableRef};
use crate::error::{Code, Error, Result};

/// Memory of operators, which do not run where only columns are known, in bytes.
const PLANNING_BYTES: u64 = 64 << 20;

/// See the module.
pub(super) struct Relation<'a> {
    context: SessionContext,
    pub(super) table: &'a TableRef,
    /// In their order.
    columns: Vec<String>,
    /// Names that messages offer for one that is not there.
    names: Vec<String>,
    /// `SELECT * FROM` them.
    select: Statement,
    /// What is read, where `context` only knows its columns.
    query: Option<LogicalPlan>,
}

impl<'a> Relation<'a> {
    /// The columns of `rows`.
    ///
    /// # Errors
    /// Usage, when two of them have one name.
    pub(super) async fn of_table(
        context: &SessionContext,
        info: &'a TableInfo,
        rows: &Rows<'_>,
        flag: &str,
    ) -> Result<Self> {
        let plan = table_rows(context, info, rows).await?;
        let columns: Vec<String> = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
        if let Some((_, twice)) = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name))
        {
            return Err(Error::usage(format!("{flag}: two columns are called {twice}"))
                .coded(Code::DuplicateColumn)
                .with("table", &info.table)
                .hint("give one of them another name in --columns"));
        }
        let names = info.columns.iter().map(|column| ColumnInfo::name(column).to_owned()).collect();
        let (context, rows, query) = match rows.masks {
            None => (context.clone(), *rows, None),
            Some(masks) => {
                let masked = masked(context, info, rows, masks).await?;
                (stub(&info.table, &masked)?, Rows { filter: None, masks: None, ..*rows }, Some(masked))
            }
        };
        Ok(Self { context, table: &info.table, columns, names, select: select(info, &rows)?, query })
    }

    /// The columns of the result of `query`, which are `schema` and have distinct names.
    pub(super) fn of_query(table: &'a TableRef, query: LogicalPlan, schema: &SchemaRef) -> Result<Self> {
        let columns: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let template = format!("SELECT * FROM {}.{}", quote(&table.schema), quote(&table.name));
        Ok(Self {
            context: stub(table, &query)?,
            table,
            names: columns.clone(),
            columns,
            select: parse(&template, "the query's name", |p| p.parse_statement())?,
            query: Some(query),
        })
    }

    /// The rows with the keys of `text` behind the columns that are none, and the keys as SQL. `flag` is where the user
    /// wrote them.
    pub(super) async fn with_keys(&self, flag: &str, text: &str) -> Result<(LogicalPlan, Vec<String>)> {
        let mut items = parse(text, flag, |p| p.parse_projection())?;
        let mut keys = Vec::with_capacity(items.len());
        let (mut names, mut moved) = (Vec::with_capacity(items.len()), Vec::new());
        for item in &items {
            match item {
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                    let name = folded(name);
                    keys.push(quoted(&name));
                    names.push(name.clone());
                    moved.push(name);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    if let Expr::Identifier(name) = expr
                        && folded(name) == folded(alias)
                    {
                        moved.push(folded(name));
                    }
                    keys.push(expr.to_string());
                    names.push(folded(alias));
                }
                other => {
                    return Err(Error::usage(format!("{flag}: the expression {other} has no name"))
                        .coded(Code::FileLayout)
                        .with("table", self.table)
                        .with("sql", text)
                        .hint(format!("write {other} AS name: readers see it as a column of that name")));
                }
            }
        }
        let kept = self.columns.iter().filter(|column| !moved.contains(column));
        can_be_named(kept.clone(), &names).map_err(|error| error.with("table", self.table))?;
        let mut all: Vec<SelectItem> = kept
            .map(|name| SelectItem::UnnamedExpr(Expr::Identifier(Ident::with_quote('"', name))))
            .collect();
        let _ = VisitMut::visit(&mut items, &mut Calendar);
        all.append(&mut items);
        let mut statement = self.select.clone();
        if let Statement::Query(query) = &mut statement
            && let SetExpr::Select(select) = query.body.as_mut()
        {
            select.projection = all;
        }
        let rows = self.planned(statement, flag, text).await?;
        only_rows(&rows, flag).map_err(|error| error.with("table", self.table))?;
        Ok((self.over_query(rows)?, keys))
    }

    /// The order of the rows by `text`.
    pub(super) async fn ordered(&self, flag: &str, text: &str) -> Result<Vec<SortExpr>> {
        let keys = parse(text, flag, |p| p.parse_comma_separated(Parser::parse_order_by_expr))?;
        let mut statement = self.select.clone();
        if let Statement::Query(query) = &mut statement {
            query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None });
        }
        match self.planned(statement, flag, text).await? {
            LogicalPlan::Sort(sort) => Ok(sort.expr),
            _ => Err(Error::usage(format!("{flag} takes columns of the files"))
                .coded(Code::FileLayout)
                .with("table", self.table)
                .with("sql", text)),
        }
    }

    async fn planned(&self, statement: Statement, flag: &str, text: &str) -> Result<LogicalPlan> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        Box::pin(plan(&self.context, statement))
            .await
            .map_err(|error| explain(error, flag, Some(text), self.table, &names))
    }

    /// `plan` with the query in the place of its columns.
    fn over_query(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        match &self.query {
            None => Ok(plan),
            Some(query) => over(plan, query),
        }
    }
}

/// The rows of a table as its files have them, without keys of partitions.
pub(super) async fn table_rows(
    context: &SessionContext,
    info: &TableInfo,
    rows: &Rows<'_>,
) -> Result<LogicalPlan> {
    let Some(masks) = rows.masks else { return shape::logical(context, info, rows).await };
    let masked = masked(context, info, rows, masks).await?;
    if rows.projection.is_none() {
        return Ok(masked);
    }
    let projected = Rows { filter: None, masks: None, ..*rows };
    over(shape::logical(&stub(&info.table, &masked)?, info, &projected).await?, &masked)
}

/// The rows of a table that the filter leaves, with what masks make of their values.
async fn masked(
    context: &SessionContext,
    info: &TableInfo,
    rows: &Rows<'_>,
    masks: &TableMasks,
) -> Result<LogicalPlan> {
    let filtered = Rows { projection: None, masks: None, ..*rows };
    masks.over(shape::logical(context, info, &filtered).await?)
}

/// A session that knows the columns of `rows` as those of `table`, and no row.
fn stub(table: &TableRef, rows: &LogicalPlan) -> Result<SessionContext> {
    let known = Arc::new(EmptyTable::new(Arc::clone(rows.schema().inner())));
    let settings = session::Settings {
        default_schema: &table.schema,
        partitions: 1,
        memory_bytes: PLANNING_BYTES,
        batch_rows: session::BATCH_ROWS,
    };
    session::open(vec![(table.clone(), known)], &settings)
}

/// `plan`, which reads columns alone, with `rows` in their place.
fn over(plan: LogicalPlan, rows: &LogicalPlan) -> Result<LogicalPlan> {
    let with_rows = plan.transform_down(|node| {
        Ok(match node {
            LogicalPlan::TableScan(scan) => {
                let alias = SubqueryAlias::try_new(Arc::new(rows.clone()), scan.table_name)?;
                // The tables within stay.
                Transformed::new(LogicalPlan::SubqueryAlias(alias), true, TreeNodeRecursion::Jump)
            }
            other => Transformed::no(other),
        })
    });
    Ok(with_rows.data()?)
}

/// Refuses names of `keys` that readers cannot tell from each other or from columns of `files`, and a table whose files
/// would have no columns. Readers take names that differ in case alone for one.
fn can_be_named<'a>(files: impl Iterator<Item = &'a String>, keys: &[String]) -> Result<()> {
    let files: Vec<String> = files.map(|name| name.to_lowercase()).collect();
    let keys: Vec<String> = keys.iter().map(|name| name.to_lowercase()).collect();
    for (at, key) in keys.iter().enumerate() {
        let twice = keys[..at].contains(key);
        if twice || files.contains(key) {
            let what = if twice { "two partitions are" } else { "a partition and a column of the files are" };
            return Err(Error::usage(format!("{what} called {key}"))
                .coded(Code::FileLayout)
                .hint("give the partition another name with AS: readers take its values for the column's"));
        }
    }
    if files.is_empty() {
        return Err(Error::usage("every column is a partition, and Parquet cannot keep rows without any")
            .coded(Code::FileLayout)
            .hint("leave a column out of --partition-by"));
    }
    Ok(())
}

/// The columns that keys of partitions name.
pub(super) fn named_in(flag: &str, keys: &str) -> Result<Vec<String>> {
    struct Names(Vec<String>);
    impl Visitor for Names {
        type Break = ();

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Identifier(name) => self.0.push(folded(name)),
                Expr::CompoundIdentifier(parts) => self.0.extend(parts.last().map(folded)),
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(Vec::new());
    let _ = Visit::visit(&parse(keys, flag, |p| p.parse_projection())?, &mut names);
    Ok(names.0)
}

/// As SQL reads a name: in lower case without quotes.
fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// `SELECT * FROM (rows) AS table`.
fn select(info: &TableInfo, rows: &Rows<'_>) -> Result<Statement> {
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
