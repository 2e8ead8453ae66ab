//! A condition over the rows of files, with the meaning of `--where` and without a source.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use chrono::{DateTime, Utc};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef};
use datafusion::datasource::MemTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;

use super::{session, shape};
use crate::catalog::{ColumnInfo, TableInfo, TableKind, TableRef, Verdict};
use crate::error::{Error, Result};

/// Memory of operators, of which a condition has none, in bytes.
const MEMORY_BYTES: u64 = 64 << 20;
/// What remedies of `--where` name and files do not have: a source and its own SQL.
const OF_SOURCES: [&str; 2] = ["--source-where", "`lakexpress query`"];

/// A condition over rows that have given columns.
#[derive(Debug, Clone)]
pub struct Condition {
    state: SessionState,
    schema: DFSchemaRef,
    predicate: Expr,
}

impl Condition {
    /// The SQL of a `--where` over rows of `schema`, with `at` as the moment that `now()` is.
    ///
    /// Errors: `Usage`, as for `--where`, without remedies that a source would be needed for.
    pub async fn of(sql: &str, schema: &SchemaRef, at: DateTime<Utc>) -> Result<Self> {
        let info = info(schema);
        let context = context(&info, MemTable::try_new(Arc::clone(schema), vec![Vec::new()])?)?;
        let logical = Box::pin(shape::logical(
            &context,
            &info,
            &shape::Rows { filter: Some(sql), projection: None, masks: None },
        ))
        .await
        .map_err(of_files)?;
        let mut state = context.state();
        state.execution_props_mut().query_execution_start_time = Some(at);
        let options = Arc::clone(state.config_options());
        let analyzed = state.analyzer().execute_and_check(logical, &options, |_, _| {})?;
        let mut predicate = lit(true);
        analyzed.apply(|node| {
            Ok(match node {
                LogicalPlan::Filter(filter) => {
                    predicate = filter.predicate.clone();
                    TreeNodeRecursion::Stop
                }
                _ => TreeNodeRecursion::Continue,
            })
        })?;
        // There is one table, whose name nobody gave.
        let bare = predicate.transform(|node| match node {
            Expr::Column(column) => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column.name)))),
            node => Ok(Transformed::no(node)),
        });
        let schema = Arc::new(DFSchema::try_from(Arc::clone(schema))?);
        let mut condition = Self { state, schema, predicate: bare.data()? };
        condition.predicate = condition.simplified(condition.predicate.clone())?;
        Ok(condition)
    }

    /// What must be true of a row.
    pub fn predicate(&self) -> &Expr {
        &self.predicate
    }

    /// `expression`, whose columns are those of the rows, with its constants evaluated.
    ///
    /// # Errors
    /// Those of the query engine.
    pub fn simplified(&self, expression: Expr) -> Result<Expr> {
        let info = SimplifyContext::builder()
            .with_schema(Arc::clone(&self.schema))
            .with_config_options(Arc::clone(self.state.config_options()))
            .with_query_execution_start_time(self.state.execution_props().query_execution_start_time)
            .build();
        Ok(ExprSimplifier::new(info).simplify(expression)?)
    }

    /// An expression to be evaluated over batches of `schema`, whose columns it names without a qualifier.
    ///
    /// # Errors
    /// Those of the query engine.
    pub fn physical(&self, expression: Expr, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
        let schema = DFSchema::try_from(Arc::clone(schema))?;
        Ok(self.state.create_physical_expr(expression, &schema)?)
    }
}

/// Rows as a table of a session.
fn context(info: &TableInfo, rows: MemTable) -> Result<SessionContext> {
    let settings = session::Settings {
        default_schema: &info.table.schema,
        partitions: 1,
        memory_bytes: MEMORY_BYTES,
        batch_rows: session::BATCH_ROWS,
    };
    session::open(vec![(info.table.clone(), Arc::new(rows))], &settings)
}

/// Numbers of the rows of a batch for which a condition is true, the way all of `--where` goes: for tests of those that
/// reason about conditions.
#[cfg(test)]
pub(crate) async fn matching(sql: &str, batch: &arrow::record_batch::RecordBatch) -> Result<Vec<i64>> {
    use arrow::array::AsArray;
    let info = info(&batch.schema());
    let context = context(&info, MemTable::try_new(batch.schema(), vec![vec![batch.clone()]])?)?;
    let logical = Box::pin(shape::logical(
        &context,
        &info,
        &shape::Rows { filter: Some(sql), projection: Some("id"), masks: None },
    ))
    .await?;
    let batches = context.execute_logical_plan(logical).await?.collect().await?;
    let numbers = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec());
    Ok(numbers.collect())
}

/// What the planner is to know of the files.
fn info(schema: &SchemaRef) -> TableInfo {
    let column = |field: &Arc<arrow_schema::Field>| ColumnInfo {
        field: field.as_ref().clone(),
        source_type: String::new(),
        verdict: Verdict::Exact,
        note: String::new(),
        codec: String::new(),
        est_distinct: None,
        comparable: false,
        labels: Vec::new(),
    };
    let table = TableRef { schema: "lake".into(), name: "files".into() };
    TableInfo::bare(table, TableKind::Table, schema.fields().iter().map(column).collect())
}

/// An error about a table of a source as one about files: there is no source to ask.
fn of_files(error: Error) -> Error {
    let mut own = Error::new(error.kind(), error.message()).code_of(&error);
    for (key, value) in error.context().iter().filter(|(key, _)| *key != "table") {
        own = own.with(key, value);
    }
    let mut hints = Vec::new();
    for hint in error.hints() {
        let parts = hint.split("; ").filter(|part| !OF_SOURCES.iter().any(|word| part.contains(word)));
        let kept = parts.collect::<Vec<_>>().join("; ");
        hints.extend((!kept.is_empty()).then_some(kept));
    }
    if hints.is_empty() {
        hints.push("docs/expressions.md says what a condition may be".to_owned());
    }
    hints.into_iter().fold(own, Error::hint)
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::error::Code;

    async fn condition(sql: &str) -> Result<Condition> {
        let fields = vec![
            Field::new("id", DataType::Int32, true),
            Field::new("Total", DataType::Decimal128(10, 2), true),
            Field::new("name", DataType::Utf8, true),
        ];
        Condition::of(sql, &Arc::new(Schema::new(fields)), at()).await
    }

    fn at() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-30T00:00:00Z").unwrap().with_timezone(&Utc)
    }

    #[tokio::test]
    async fn constants_are_evaluated() {
        let shown = |condition: Condition| condition.predicate().human_display().to_string();
        assert_eq!(shown(condition("id = 1 + 1").await.unwrap()), "id = 2");
        assert_eq!(shown(condition("1 = 2").await.unwrap()), "false");
        let today = shown(condition("name = cast(current_date as text)").await.unwrap());
        assert_eq!(today, "name = 2026-11-30");
    }

    #[tokio::test]
    async fn errors_name_what_helps_and_no_source() {
        let cases = [
            ("idd = 1", Code::UnknownColumn, "did you mean id?"),
            ("total > 1", Code::UnknownColumn, "\"Total\""),
            ("sum(id) > 1", Code::NotOneRow, "docs/expressions.md"),
            ("id IN (SELECT 1)", Code::NotOneRow, "docs/expressions.md"),
            ("name > 1", Code::MeaningDiffers, "docs/expressions.md"),
            ("id >", Code::SqlSyntax, ""),
        ];
        for (sql, code, hint) in cases {
            let error = condition(sql).await.expect_err(sql);
            let shown = format!("{error:?}");
            assert_eq!(error.code(), code, "{sql}: {shown}");
            assert!(shown.contains(hint), "{sql}: {shown}");
            assert!(!shown.contains("source") && !shown.contains("query`"), "{sql}: {shown}");
            assert!(!shown.contains("lake.files"), "{sql}: {shown}");
        }
    }
}
