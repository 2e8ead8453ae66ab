//! Queries over the source's tables, exported like tables.
//!
//! ```text
//! text -> script::parse_* -> QueryStatement -> tables_of -> (described, cut) -> plan_queries -> QueryPlan
//! ```
//!
//! Every statement is parsed and planned before anything is exported.

mod order;
pub(super) mod problem;
mod script;
mod sets;
mod source_sql;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{Fields, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinConstraint, JoinType, TableReference};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::Statement;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

pub use order::Readers;
pub use script::{parse_query, parse_script};
pub use source_sql::source_query;
pub use statement::{QUERY_SCHEMA, QueryStatement};

use super::arrangement::{self, Arrangement, PARTITION_BY, Wanted};
use super::files::file_shape;
use super::meaning::prepare;
pub(super) use super::missing::quoted;
use super::relation::Relation;
use super::{SourceTable, session};
use crate::catalog::{
    Geometries, ListedTable, Slice, SnapshotToken, SourceSql, TableFilter, TableInfo, TableKind, TableRef,
};
use crate::error::{Code, Error, Result};
use crate::manifest::ManifestColumn;
use crate::readers::{self, field_for, form_note};
use crate::sink::WriterSettings;
use crate::source::Source;
use crate::spec::{ExportSpec, layout};

/// Table functions that the engine brings along; in FROM they look like tables.
const TABLE_FUNCTIONS: &[&str] = &["generate_series", "range"];

/// A table that queries read, as of the snapshot.
#[derive(Debug, Clone)]
pub struct QueryInput {
    /// The table as described.
    pub info: TableInfo,
    /// Its slices, disjoint and covering; each is one stream of rows.
    pub slices: Vec<Slice>,
}

/// How much memory a plan takes for its speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frugality {
    /// Equality joins have a hash table of one side, which must fit into memory; partitions are sorted at once.
    Fast,
    /// Equality joins sort both sides, which spill.
    SortedJoins,
    /// And one sort has all the memory: of sorts that run at once, each may leave too little for the merging of another.
    OneSort,
}

impl Frugality {
    /// Why a plan is this one, for the log.
    pub(crate) fn instead(self) -> &'static str {
        match self {
            Self::Fast => "--memory-limit is enough",
            Self::SortedJoins => "a join does not fit into --memory-limit, sorting instead",
            Self::OneSort => "sorts at once do not fit into --memory-limit, one after the other instead",
        }
    }
}

/// A query's export, planned.
pub struct QueryPlan {
    /// Schema `query` and the export's name.
    pub table: TableRef,
    /// The query as SQL.
    pub sql: String,
    /// What of it is the source's own SQL.
    pub source_sql: Option<SourceSql>,
    /// Directory below the base.
    pub directory: String,
    /// The point in time.
    pub snapshot: SnapshotToken,
    /// Columns as they will be written.
    pub columns: Vec<ManifestColumn>,
    /// Shape of the files; row groups bounded so that those of all parts leave memory for the operators.
    pub writer: WriterSettings,
    /// Estimated bytes of all tables it reads.
    pub est_bytes: u64,
    /// Streams of the source at once.
    pub readers: Readers,
    /// How the rows are laid out in the files.
    pub arrangement: Arrangement,
    context: SessionContext,
    logical: LogicalPlan,
}

impl QueryPlan {
    /// The columns as the files have them.
    pub fn fields(&self) -> Fields {
        let files = self.arrangement.in_files(self.logical.schema().inner());
        let fields = files.fields().iter();
        fields.map(|field| field_for(field, &self.writer.parquet.readers)).collect()
    }

    /// The physical plan, with the context to execute it in. All of its partitions must be read at once.
    ///
    /// # Errors
    /// Usage when it needs more connections than there are.
    pub async fn physical(&self, frugality: Frugality) -> Result<(Arc<dyn ExecutionPlan>, Arc<TaskContext>)> {
        let mut state = session::state(&self.context, &self.snapshot);
        let optimizer = &mut state.config_mut().options_mut().optimizer;
        optimizer.prefer_hash_join = frugality == Frugality::Fast;
        optimizer.repartition_sorts = frugality != Frugality::OneSort;
        let physical = state.create_physical_plan(&self.logical).await?;
        order::check_readers(&physical, self.readers)?;
        Ok((physical, state.task_ctx()))
    }

    /// A plan that takes less memory than that of `frugality`, which was not enough; none if there is none.
    ///
    /// # Errors
    /// Those of [`physical`](Self::physical).
    pub async fn more_frugal(&self, frugality: Frugality) -> Result<Option<Frugality>> {
        let (physical, _) = self.physical(frugality).await?;
        let has_hash_joins = physical.exists(|node| Ok(node.is::<HashJoinExec>()))?;
        if frugality == Frugality::Fast && has_hash_joins {
            return Ok(Some(Frugality::SortedJoins));
        }
        // Sorts below a join or a window run at once in any plan.
        let (one, _) = self.physical(Frugality::OneSort).await?;
        let is_less = sorts_at_once(&one)? < sorts_at_once(&physical)?;
        Ok(is_less.then_some(Frugality::OneSort))
    }
}

/// Sorts of which each partition has one.
fn sorts_at_once(plan: &Arc<dyn ExecutionPlan>) -> Result<usize> {
    let mut count = 0;
    plan.apply(|node| {
        let is_one = node.downcast_ref::<SortExec>().is_some_and(SortExec::preserve_partitioning);
        count += usize::from(is_one);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(count)
}

/// The tables that the statements read, in order of their names.
///
/// # Errors
/// Usage for a table that does not exist, with the nearest that does.
pub async fn tables_of(statements: &[QueryStatement], source: &dyn Source) -> Result<Vec<TableRef>> {
    let everything = TableFilter { views: true, ..TableFilter::default() };
    let listed = source.list(&everything).await?;
    let mut tables = Vec::new();
    for statement in statements {
        for reference in &statement.tables {
            let wanted = table_ref(reference, source, statement)?;
            if listed.iter().any(|t| t.table == wanted) || is_partition(&wanted, source).await? {
                tables.push(wanted);
            } else if !TABLE_FUNCTIONS.contains(&wanted.name.as_str()) {
                return Err(problem::unknown_table(&wanted, &listed, statement));
            }
        }
    }
    tables.sort();
    tables.dedup();
    Ok(tables)
}

fn table_ref(
    reference: &TableReference,
    source: &dyn Source,
    statement: &QueryStatement,
) -> Result<TableRef> {
    if reference.catalog().is_some() {
        let error = Error::usage(format!("table {reference}: a query reads one database"))
            .coded(Code::UnknownTable)
            .hint("write schema.table");
        return Err(statement.text.place(error, None, &[reference.table()]));
    }
    let schema = reference.schema().unwrap_or_else(|| source.dialect().default_schema());
    Ok(TableRef { schema: schema.to_owned(), name: reference.table().to_owned() })
}

/// Single partitions are listed only when they are named.
async fn is_partition(table: &TableRef, source: &dyn Source) -> Result<bool> {
    let escaped = |name: &str| name.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let include = vec![format!("{}.{}", escaped(&table.schema), escaped(&table.name))];
    let named: Vec<ListedTable> =
        source.list(&TableFilter { include, views: true, ..TableFilter::default() }).await?;
    Ok(named.iter().any(|t| t.table == *table))
}

/// Plans every statement over the tables that [`tables_of`] named, each stream of them taking one of `readers`.
///
/// # Errors
/// Usage for the first statement that cannot be planned, with line and column.
pub async fn plan_queries(
    statements: &[QueryStatement],
    source: &Arc<dyn Source>,
    inputs: &[QueryInput],
    snapshot: &SnapshotToken,
    readers: Readers,
    spec: &ExportSpec,
) -> Result<Vec<QueryPlan>> {
    let partitions = spec.cutting.readers.clamp(1, readers.at_once());
    let mut writer = WriterSettings { parquet: spec.parquet.clone(), ..WriterSettings::default() };
    let share = usize::try_from(spec.run.memory_limit_bytes).unwrap_or(usize::MAX) / 2 / partitions;
    writer.parquet.row_group_bytes = writer.parquet.row_group_bytes.min(share).max(1);
    let memory_bytes = spec.run.memory_limit_bytes - (writer.parquet.row_group_bytes * partitions) as u64;
    let settings = session::Settings {
        default_schema: source.dialect().default_schema(),
        partitions,
        memory_bytes,
        batch_rows: session::batch_rows(memory_bytes, partitions),
    };
    let provider = |input: &QueryInput| {
        let info = without_ids(&input.info);
        let table =
            SourceTable::new(Arc::clone(source), Arc::new(info), input.slices.clone(), snapshot.clone());
        (input.info.table.clone(), Arc::new(table) as Arc<dyn TableProvider>)
    };
    let (own, tables): (Vec<_>, Vec<_>) =
        inputs.iter().partition(|input| input.info.kind == TableKind::Query);
    let common = session::open(tables.into_iter().map(provider).collect(), &settings)?;
    let mut arrangement = Arrangement::of(&spec.arrangement);
    arrangement.files.held_bytes = arrangement.files.held_bytes.min(writer.parquet.row_group_bytes / 2);
    let mut plans = Vec::with_capacity(statements.len());
    for statement in statements {
        let table = statement.table();
        let own = own.iter().find(|input| statement.source_sql.is_some() && input.info.table == table);
        let context = match own {
            // Apart from the tables: one of them may have its name.
            Some(input) => session::open(vec![provider(input)], &settings)?,
            None => common.clone(),
        };
        let logical = logical(&context, statement).await?;
        let mut plan = QueryPlan {
            directory: layout::table_dir(&spec.output.sub_path, &table),
            table,
            sql: statement.sql.clone(),
            source_sql: statement.source_sql.clone(),
            snapshot: snapshot.clone(),
            columns: Vec::new(),
            writer: writer.clone(),
            est_bytes: own
                .map_or_else(|| inputs.iter().map(|i| i.info.est_bytes).sum(), |input| input.info.est_bytes),
            readers,
            arrangement: arrangement.clone(),
            context,
            logical,
        };
        let placed = |error| statement.text.place(error, None, &[]);
        let (physical, _) = plan.physical(Frugality::Fast).await.map_err(placed)?;
        if physical.output_partitioning().partition_count() == 0 {
            return Err(placed(Error::internal("the plan has no partitions")));
        }
        distinct_names(&physical.schema()).map_err(placed)?;
        arrange(&mut plan, statement, &physical.schema(), spec).await.map_err(placed)?;
        let schema =
            plan.arrangement.in_files(&plan.physical(Frugality::Fast).await.map_err(placed)?.0.schema());
        super::in_files(schema.fields()).and_then(|()| plan.writer.check(&schema)).map_err(placed)?;
        let written = schema.fields().iter().map(|field| field_for(field, &spec.parquet.readers)).collect();
        plan.writer.files = file_shape(&spec.files, &plan.table, &written)?;
        plan.columns = match own {
            Some(input) => {
                let info = without_ids(&input.info);
                let column = |field| super::manifest_column(field, &info, &spec.parquet.readers);
                schema.fields().iter().map(column).collect()
            }
            None => columns(&schema, &spec.parquet.readers),
        };
        plans.push(plan);
    }
    Ok(plans)
}

/// Lays the result of `plan`, whose columns are `schema`, out in partitions, where that is wanted.
async fn arrange(
    plan: &mut QueryPlan,
    statement: &QueryStatement,
    schema: &SchemaRef,
    spec: &ExportSpec,
) -> Result<()> {
    let (flag, text) =
        match (Wanted::of(&spec.arrangement, &plan.table)?.partition, &statement.partitioned_by) {
            (None, None) => return Ok(()),
            (Some(text), None) => (PARTITION_BY, text),
            (None, Some(text)) => ("PARTITIONED BY", text.clone()),
            (Some(_), Some(_)) => {
                return Err(Error::usage("both PARTITIONED BY and --partition-by name this query")
                    .coded(Code::FlagConflict)
                    .hint("leave one of them out"));
            }
        };
    let rows = Relation::of_query(&plan.table, plan.logical.clone(), schema)?;
    let (logical, columns) = arrangement::partitioned(&rows, flag, &text).await?;
    plan.arrangement.files.keys = columns.iter().map(|column| column.name.clone()).collect();
    plan.arrangement.partition = columns;
    plan.logical = logical;
    Ok(())
}

async fn logical(context: &SessionContext, statement: &QueryStatement) -> Result<LogicalPlan> {
    let explain = |error| problem::explain(error, statement);
    if let Some((error, word)) = sets::counted(&statement.statement) {
        return Err(statement.text.place(error, None, &[word]));
    }
    let state = context.state();
    let mut prepared = statement.statement.clone();
    if let Statement::Statement(inner) = &mut prepared {
        prepare(inner).map_err(|refusal| explain(refusal.into()))?;
    }
    let plan = state.statement_to_plan(prepared).await.map_err(explain)?;
    let reads_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads_only.verify_plan(&plan).map_err(explain)?;
    merges_keys(&plan)?
        .map_or(Ok(()), |join| Err(statement.text.place(join, None, &["using", "natural"])))?;
    // Types are checked by the analyzer, which runs with the optimizer.
    state.optimize(&plan).map_err(explain)?;
    state.create_physical_plan(&plan).await.map_err(explain)?;
    Ok(plan)
}

/// Why `plan` cannot be trusted with the key of an outer join: DataFusion takes it from the left side alone, so
/// that it is NULL for rows of the right side (apache/datafusion#22881).
fn merges_keys(plan: &LogicalPlan) -> Result<Option<Error>> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node
            && join.join_constraint == JoinConstraint::Using
            && matches!(join.join_type, JoinType::Right | JoinType::Full)
        {
            found = Some(join.join_type);
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found.map(|kind| {
        Error::usage(format!("{kind} JOIN with USING or NATURAL would lose keys of the right side"))
            .coded(Code::MeaningDiffers)
            .hint("write FULL JOIN ... ON a.k = b.k, and coalesce(a.k, b.k) AS k for the key")
    }))
}

/// Field ids belong to a table; a query's columns get new ones. It also makes the writer check every decimal.
fn without_ids(info: &TableInfo) -> TableInfo {
    let mut info = info.clone();
    for column in &mut info.columns {
        let mut metadata = column.field.metadata().clone();
        metadata.remove(PARQUET_FIELD_ID_META_KEY);
        column.field.set_metadata(metadata);
    }
    info
}

fn distinct_names(schema: &SchemaRef) -> Result<()> {
    let mut seen = HashSet::new();
    match schema.fields().iter().find(|field| !seen.insert(field.name())) {
        None => Ok(()),
        Some(twice) => Err(Error::usage(format!("two columns of the result are called '{}'", twice.name()))
            .coded(Code::DuplicateColumn)
            .hint("give one of them another name with AS")),
    }
}

fn columns(schema: &SchemaRef, readers: &readers::Readers) -> Vec<ManifestColumn> {
    schema
        .fields()
        .iter()
        .map(|field| {
            let written = field_for(field, readers);
            ManifestColumn {
                name: field.name().clone(),
                arrow_type: written.data_type().to_string(),
                form: form_note(field, readers),
                value_type: super::value_type(field, readers),
                source_type: None,
                verdict: None,
                nullable: field.is_nullable(),
                crs: Geometries::of(field).and_then(|geometries| geometries.crs),
            }
        })
        .collect()
}
