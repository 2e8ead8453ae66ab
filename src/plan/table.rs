//! A source's table as a DataFusion table provider: one partition per slice.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::query::quoted;
use super::scan::SourceExec;
use crate::catalog::{ColumnInfo, KIND_KEY, Slice, SnapshotToken, TableInfo};
use crate::error::{Code, Error};
use crate::source::{Source, TableRead};

/// A table of a source as of a snapshot, cut into slices.
#[derive(Debug)]
pub struct SourceTable {
    source: Arc<dyn Source>,
    info: Arc<TableInfo>,
    slices: Vec<Slice>,
    at: SnapshotToken,
    schema: SchemaRef,
}

impl SourceTable {
    /// A provider whose partition `i` is `slices[i]`.
    pub fn new(source: Arc<dyn Source>, info: Arc<TableInfo>, slices: Vec<Slice>, at: SnapshotToken) -> Self {
        let mark = |column: &ColumnInfo| {
            let mut field = column.field.clone();
            if let Some(kind) = source.dialect().sql_type(column) {
                let kind = match kind {
                    "enum" => format!("enum{}", serde_json::json!(column.labels)),
                    kind => kind.to_owned(),
                };
                field.metadata_mut().insert(KIND_KEY.to_owned(), kind);
            }
            field
        };
        let schema = Arc::new(Schema::new(info.columns.iter().map(mark).collect::<Vec<Field>>()));
        Self { source, info, slices, at, schema }
    }
}

/// Names of the columns that a scan uses.
pub(super) fn read_by<'c>(
    info: &'c TableInfo,
    columns: &'c [usize],
    filters: &'c [Expr],
) -> impl Iterator<Item = &'c str> {
    let tested = filters.iter().flat_map(|filter| filter.column_refs()).map(|column| column.name.as_str());
    columns.iter().filter_map(|at| info.columns.get(*at)).map(|column| column.name()).chain(tested)
}

/// Refuses to read columns that this user has no right to.
pub(super) fn check_rights<'c>(info: &TableInfo, read: impl Iterator<Item = &'c str>) -> Result<(), Error> {
    let mut missing: Vec<&str> = read.filter(|name| !info.is_readable(name)).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.into_iter().map(quoted).collect::<Vec<_>>().join(", ");
    let table = &info.table;
    Err(Error::denied(format!("no right to SELECT the columns {missing}"))
        .coded(Code::SelectDenied).with("table", table).hint(format!(
        "name the other columns with --columns '{table}: ...', or GRANT SELECT ({missing}) ON {table} TO the user \
         that exports, or leave the table out with --exclude"
    )))
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        let dialect = self.source.dialect();
        Ok(filters
            .iter()
            .map(|filter| {
                if dialect.pushdown(&self.info, filter).is_some() {
                    TableProviderFilterPushDown::Exact
                } else if dialect.weaker(&self.info, filter).is_some() {
                    TableProviderFilterPushDown::Inexact
                } else {
                    TableProviderFilterPushDown::Unsupported
                }
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let dialect = self.source.dialect();
        let columns: Vec<usize> =
            projection.cloned().unwrap_or_else(|| (0..self.info.columns.len()).collect());
        check_rights(&self.info, read_by(&self.info, &columns, filters))?;
        let conditions: Option<Vec<String>> = filters.iter().map(|f| dialect.weaker(&self.info, f)).collect();
        let conditions = conditions.ok_or_else(|| {
            DataFusionError::from(Error::internal("a filter was pushed that the source did not accept"))
        })?;
        let schema = Arc::new(self.schema.project(&columns)?);
        let read = TableRead {
            table: Arc::clone(&self.info),
            columns,
            slice: Slice::All,
            filter: (!conditions.is_empty()).then(|| conditions.join(" AND ")),
            batch_rows: state.config().batch_size(),
        };
        Ok(Arc::new(SourceExec::new(
            Arc::clone(&self.source),
            read,
            self.slices.clone(),
            self.at.clone(),
            schema,
        )))
    }
}
