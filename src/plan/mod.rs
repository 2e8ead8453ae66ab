//! A table's export as a value, and as a DataFusion plan.

mod arrangement;
mod checked;
mod comparisons;
pub mod condition;
mod cut;
mod files;
mod filter;
pub mod masks;
mod meaning;
mod missing;
pub mod partitions;
pub mod prepare;
pub mod query;
mod relation;
pub mod scan;
pub mod select;
mod session;
mod shape;
mod spill;
mod sums;
pub mod table;
pub mod verifiable;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

pub use arrangement::Arrangement;
use arrangement::PARTITION_BY;
pub use masks::TableMasks;
pub use query::{QueryPlan, QueryStatement};
use relation::Relation;
pub use table::SourceTable;

use crate::catalog::filter::pattern_matches;
use crate::catalog::{ColumnInfo, Geometries, KIND_KEY, Slice, SnapshotToken, TableInfo, Verdict};
use crate::error::{Code, Error, Result};
use crate::manifest::{ManifestColumn, PartitionColumn};
use crate::partition;
use crate::readers::{Readers, field_for, form_note, has_other_type};
use crate::sink::FileRules;
use crate::source::{Dialect, Source};
use crate::spec::{ExportSpec, FileShape, Method, ParquetSpec, SelectionSpec, SortedBy, TableRule, layout};

/// Everything needed to read, shape and write the parts of one table. Printable, serialisable, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TablePlan {
    /// The table as described; parts that are under way share it.
    #[serde(with = "crate::catalog::shared")]
    pub info: Arc<TableInfo>,
    /// The point in time.
    pub snapshot: SnapshotToken,
    /// The user's row filter.
    pub filter: Option<String>,
    /// Conditions of it that the source evaluates, as its SQL, and weaker ones that leave rows out early.
    pub pushed: Vec<String>,
    /// Conditions of it that are evaluated here, as DataFusion prints them.
    pub evaluated_here: Vec<String>,
    /// The user's column list.
    pub projection: Option<String>,
    /// Columns whose values are changed.
    #[serde(default, skip_serializing_if = "TableMasks::is_empty")]
    pub masks: TableMasks,
    /// Columns as they will be written.
    pub columns: Vec<ManifestColumn>,
    /// How it is cut.
    pub method: Method,
    /// What the source calls the method, where that is not its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_method: Option<String>,
    /// Why so.
    pub method_reason: String,
    /// Readers at once.
    pub readers: usize,
    /// Its parts in the order of their numbers.
    pub parts: Vec<PartPlan>,
    /// Directory below the base.
    pub directory: String,
    /// Shape of the files.
    pub parquet: ParquetSpec,
    /// How the rows are laid out in the files.
    #[serde(default, skip_serializing_if = "Arrangement::is_plain")]
    pub arrangement: Arrangement,
    /// What is decided about single columns of the files, and their order.
    #[serde(default, skip_serializing_if = "FileShape::is_default")]
    pub files: FileShape,
    /// Memory of DataFusion's operators while a part is read, in bytes.
    #[serde(default = "unlimited", skip_serializing_if = "is_unlimited")]
    pub memory_bytes: u64,
}

/// In plans of earlier versions.
fn unlimited() -> u64 {
    u64::MAX
}

fn is_unlimited(bytes: &u64) -> bool {
    *bytes == u64::MAX
}

fn named_by(dialect: &dyn Dialect, method: Method) -> Option<String> {
    let name = dialect.method_name(method);
    (name != method.name()).then(|| name.to_owned())
}

/// One part of a table: one slice of the source, written to one file or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartPlan {
    /// Number, from 0.
    pub part: usize,
    /// Rows.
    pub slice: Slice,
    /// The slice as the source's SQL condition; none for all rows.
    pub condition: Option<String>,
    /// Estimated bytes of source.
    pub est_bytes: u64,
    /// File name, in the table's directory or in `key=value` directories below it.
    pub file: String,
}

impl TablePlan {
    /// What the source calls the method: for all that is shown or recorded.
    pub fn method_name(&self) -> &str {
        self.source_method.as_deref().unwrap_or(self.method.name())
    }

    /// Its rows, as SQL text.
    fn rows(&self) -> shape::Rows<'_> {
        shape::Rows {
            filter: self.filter.as_deref(),
            projection: self.projection.as_deref(),
            masks: (!self.masks.is_empty()).then_some(&self.masks),
        }
    }

    /// The columns of the files, of those of the rows: without the keys of partitions.
    pub fn in_files(&self, rows: &SchemaRef) -> SchemaRef {
        self.arrangement.in_files(rows)
    }

    /// Takes over how the table was decided to be cut.
    pub fn choose(&mut self, choice: partition::Choice, dialect: &dyn Dialect) {
        (self.method, self.method_reason, self.readers) = (choice.method, choice.reason, choice.readers);
        self.source_method = named_by(dialect, choice.method);
    }

    /// The columns as the files have them; computed ones without their types, which are not known here.
    pub fn fields(&self) -> Fields {
        let field = |column: &ManifestColumn| match self.info.column(&column.name) {
            Some(info) if column.verdict.is_some() => {
                field_for(&info.field.clone().into(), &self.parquet.readers)
            }
            _ => Field::new(&column.name, DataType::Null, true).into(),
        };
        self.columns.iter().map(field).collect()
    }
}

/// How a table was decided to be cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// Method, readers and reason.
    pub choice: partition::Choice,
    /// Its slices, disjoint and covering.
    pub slices: Vec<CutSlice>,
}

/// One slice of a table, and where its file belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct CutSlice {
    /// Rows.
    pub slice: Slice,
    /// Directories between the table's and the file, `key=value` joined by slashes; none for the table's own.
    pub directory: Option<String>,
}

/// What the user wants of one table, as SQL text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Row filter.
    pub filter: Option<String>,
    /// Column list.
    pub projection: Option<String>,
}

impl Shape {
    /// The rules of `selection` that are about `info`. Several filters must all hold; two column lists are an error.
    pub fn of(selection: &SelectionSpec, info: &TableInfo) -> Result<Self> {
        let about = |rules: &'_ [TableRule]| -> Vec<String> {
            rules.iter().filter(|r| pattern_matches(&r.pattern, &info.table)).map(|r| r.sql.clone()).collect()
        };
        let filters = about(&selection.wheres);
        for filter in &filters {
            shape::check_filter(filter).map_err(|e| e.with("table", &info.table))?;
        }
        let filter = match filters.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            many => Some(many.iter().map(|f| format!("({f})")).collect::<Vec<_>>().join(" AND ")),
        };
        let mut lists = about(&selection.columns);
        let projection = lists.pop();
        if lists.is_empty() {
            Ok(Self { filter, projection })
        } else {
            Err(Error::usage("more than one --columns names this table")
                .coded(Code::FlagConflict)
                .with("table", &info.table))
        }
    }
}

/// Plans the export of one table, whose files follow `rules`. Reads nothing but what is in its arguments.
pub async fn plan_table(
    source: &Arc<dyn Source>,
    info: TableInfo,
    snapshot: SnapshotToken,
    cut: Cut,
    spec: &ExportSpec,
    rules: &FileRules,
) -> Result<TablePlan> {
    let Shape { filter, projection } = Shape::of(&spec.selection, &info)?;
    let share = info.est_bytes / cut.slices.len().max(1) as u64;
    let parts = cut
        .slices
        .into_iter()
        .enumerate()
        .map(|(part, CutSlice { slice, directory })| PartPlan {
            part,
            condition: source.dialect().slice_sql(&info, &slice),
            slice,
            est_bytes: share,
            file: match (directory, rules.names.of(part)) {
                (Some(directory), name) => format!("{directory}/{name}"),
                (None, name) => name,
            },
        })
        .collect();
    let mut plan = TablePlan {
        directory: layout::table_dir(&spec.output.sub_path, &info.table),
        snapshot,
        filter,
        pushed: Vec::new(),
        evaluated_here: Vec::new(),
        projection,
        masks: TableMasks::of(&spec.masks, &info)?,
        columns: Vec::new(),
        method: cut.choice.method,
        source_method: named_by(source.dialect(), cut.choice.method),
        method_reason: cut.choice.reason,
        readers: cut.choice.readers,
        parts,
        parquet: spec.parquet.clone(),
        arrangement: Arrangement::of(&spec.arrangement),
        files: FileShape::default(),
        memory_bytes: spec.run.memory_limit_bytes,
        info: Arc::new(info),
    };
    plan.masks.check_slices(plan.parts.iter().map(|part| &part.slice), &plan.info)?;
    Box::pin(arrange(&mut plan, spec, source)).await?;
    let (context, logical) = Box::pin(logical(&plan, &plan.parts, source)).await?;
    let optimized = session::state(&context, &plan.snapshot).optimize(&logical)?;
    for_scan(&optimized, |columns, filters| {
        table::check_rights(&plan.info, table::read_by(&plan.info, columns, filters))
    })?;
    explain_filter(&optimized, source, &mut plan)?;
    let schema = plan.in_files(optimized.schema().inner());
    in_files(schema.fields()).map_err(|error| error.with("table", &plan.info.table))?;
    let written = schema.fields().iter().map(|field| field_for(field, &spec.parquet.readers)).collect();
    rules.check(&plan.info.table, &written, &spec.parquet)?;
    check_orders(&plan, schema.fields())?;
    plan.files = files::file_shape(&spec.files, &plan.info.table, &written)?;
    plan.files.sorted_by.clone_from(&plan.arrangement.sort);
    plan.columns =
        schema.fields().iter().map(|f| manifest_column(f, &plan.info, &spec.parquet.readers)).collect();
    for column in plan.columns.iter_mut().filter(|column| plan.masks.of_column(&column.name).is_some()) {
        // They are no longer the source's.
        (column.source_type, column.verdict) = (None, None);
    }
    check_directories(&plan)?;
    Ok(plan)
}

/// Values that are texts in the files, and ordered otherwise here. `fields` are the columns before they have the form that
/// readers take.
fn check_orders(plan: &TablePlan, fields: &Fields) -> Result<()> {
    let is_text = |column: &&SortedBy| {
        let of_column = |field: &&FieldRef| *field.name() == column.column;
        fields.iter().find(of_column).is_some_and(|field| {
            field.data_type().is_decimal() && has_other_type(field, &plan.parquet.readers)
        })
    };
    match plan.arrangement.sort.iter().find(is_text) {
        None => Ok(()),
        Some(column) => {
            Err(Error::usage("a decimal of more than 38 digits is text in the files, which orders otherwise")
                .coded(Code::FileLayout)
                .with("table", &plan.info.table)
                .with("column", &column.column)
                .hint("--readers modern keeps it a decimal; or leave the column out of --sort-by"))
        }
    }
}

/// Refuses what Parquet has no type for.
fn in_files(fields: &Fields) -> Result<()> {
    let strange = |f: &&FieldRef| matches!(f.data_type(), DataType::Interval(_) | DataType::Duration(_));
    match fields.iter().find(strange) {
        None => Ok(()),
        Some(field) => {
            let what = format!("the column '{}' is an interval, for which Parquet has no type", field.name());
            Err(Error::usage(what).coded(Code::UnsupportedType).hint("extract(epoch FROM ...) gives seconds"))
        }
    }
}

/// Readers take the value of a column from a `key=value` directory of the same name, whatever the file holds.
fn check_directories(plan: &TablePlan) -> Result<()> {
    let keys =
        plan.parts.iter().flat_map(|part| part.file.split('/').filter_map(|name| name.split_once('=')));
    let keys: BTreeSet<String> = keys.map(|(key, _)| key.to_lowercase()).collect();
    let columns = plan.columns.iter().map(|column| &column.name);
    let partitions = plan.arrangement.partition.iter().map(|key| &key.name);
    match columns.chain(partitions).find(|name| keys.contains(&name.to_lowercase())) {
        None => Ok(()),
        Some(column) => Err(Error::usage(format!(
            "the method makes directories {}=..., which readers would take for the column's values",
            column.to_lowercase()
        ))
        .coded(Code::Method)
        .with("table", &plan.info.table)
        .with("column", column)
        .hint("rename the column with --columns, leave it out, or choose another method in --table-config")),
    }
}

/// The physical plan: partition `i` yields the rows of `parts[i]`. With the context to execute it in.
pub async fn physical(
    plan: &TablePlan,
    parts: &[PartPlan],
    source: &Arc<dyn Source>,
) -> Result<(Arc<dyn ExecutionPlan>, Arc<TaskContext>)> {
    let (context, logical) = logical(plan, parts, source).await?;
    let physical = filter::batch_by_batch(
        session::state(&context, &plan.snapshot).create_physical_plan(&logical).await?,
    )?;
    let physical = plan.arrangement.sorted(physical)?;
    let partitions = physical.output_partitioning().partition_count();
    if partitions != parts.len() {
        return Err(Error::internal(format!("{} parts became {partitions} partitions", parts.len()))
            .with("table", &plan.info.table));
    }
    Ok((physical, context.task_ctx()))
}

async fn logical(
    plan: &TablePlan,
    parts: &[PartPlan],
    source: &Arc<dyn Source>,
) -> Result<(SessionContext, LogicalPlan)> {
    let context = context(plan, parts, source)?;
    let rows = plan.rows();
    let keys: Vec<String> = plan.arrangement.partition.iter().map(PartitionColumn::item).collect();
    let logical = match keys.is_empty() {
        true => relation::table_rows(&context, &plan.info, &rows).await?,
        false => {
            let rows = Relation::of_table(&context, &plan.info, &rows, PARTITION_BY).await?;
            rows.with_keys(PARTITION_BY, &keys.join(", ")).await?.0
        }
    };
    Ok((context, logical))
}

/// A session in which the table of `plan` is cut into `parts`.
fn context(plan: &TablePlan, parts: &[PartPlan], source: &Arc<dyn Source>) -> Result<SessionContext> {
    let slices: Vec<Slice> = parts.iter().map(|p| p.slice.clone()).collect();
    let partitions = slices.len();
    let table = plan.info.table.clone();
    let settings = session::Settings {
        default_schema: &table.schema,
        partitions,
        memory_bytes: plan.memory_bytes,
        batch_rows: session::BATCH_ROWS,
    };
    let provider =
        Arc::new(SourceTable::new(Arc::clone(source), Arc::clone(&plan.info), slices, plan.snapshot.clone()));
    session::open(vec![(table.clone(), provider)], &settings)
}

/// Resolves what the user wants of the layout of the table's rows.
async fn arrange(plan: &mut TablePlan, spec: &ExportSpec, source: &Arc<dyn Source>) -> Result<()> {
    let wanted = arrangement::Wanted::of(&spec.arrangement, &plan.info.table)?;
    let context = context(plan, &plan.parts, source)?;
    if let Some(text) = &wanted.partition {
        plan.masks.check_keys(&relation::named_in(PARTITION_BY, text)?, &plan.info)?;
        let rows = Relation::of_table(&context, &plan.info, &plan.rows(), PARTITION_BY).await?;
        let (_, columns) = arrangement::partitioned(&rows, PARTITION_BY, text).await?;
        // Of rows that are left out, or made of others, the source's statistics say nothing.
        if plan.filter.is_none() && plan.projection.is_none() && plan.info.reading.sql.is_none() {
            arrangement::few_enough(&plan.info, &columns, spec.arrangement.max_partitions)?;
        }
        plan.arrangement.files.keys = columns.iter().map(|column| column.name.clone()).collect();
        plan.arrangement.partition = columns;
    }
    if let Some(text) = &wanted.sort {
        let rows = Relation::of_table(&context, &plan.info, &plan.rows(), "--sort-by").await?;
        let sort = arrangement::sorted_by(&rows, text).await?;
        // The rows of a file all have the same key.
        let is_key = |column: &SortedBy| plan.arrangement.files.keys.contains(&column.column);
        plan.arrangement.sort = sort.into_iter().filter(|column| !is_key(column)).collect();
        if spec.arrangement.deterministic && !plan.arrangement.sort.is_empty() {
            let (_, rows) = logical(plan, &plan.parts, source).await?;
            plan.arrangement.ties = plan.arrangement.ties_in(rows.schema().fields());
        }
    }
    Ok(())
}

/// Columns that the export of a table reads, by their places.
///
/// # Errors
/// As [`plan_table`].
pub async fn columns_read(plan: &TablePlan, source: &Arc<dyn Source>) -> Result<Vec<usize>> {
    let (context, logical) = logical(plan, &plan.parts, source).await?;
    let mut read = Vec::new();
    for_scan(&session::state(&context, &plan.snapshot).optimize(&logical)?, |columns, _| {
        read = columns.to_vec();
        Ok(())
    })?;
    Ok(read)
}

/// Shows the columns and the pushed conditions of the scan in a table's plan.
fn for_scan(optimized: &LogicalPlan, mut see: impl FnMut(&[usize], &[Expr]) -> Result<()>) -> Result<()> {
    optimized.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let all = || (0..scan.source.schema().fields().len()).collect();
            see(&scan.projection.clone().unwrap_or_else(all), &scan.filters)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Which conditions the source evaluates, and which are evaluated here.
fn explain_filter(optimized: &LogicalPlan, source: &Arc<dyn Source>, plan: &mut TablePlan) -> Result<()> {
    let (mut pushed, mut here) = (Vec::new(), Vec::new());
    optimized.apply(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                pushed.extend(scan.filters.iter().filter_map(|f| source.dialect().weaker(&plan.info, f)));
            }
            LogicalPlan::Filter(filter) => {
                here.extend(
                    split_conjunction(&filter.predicate).into_iter().map(|f| f.human_display().to_string()),
                );
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    plan.pushed = pushed;
    plan.evaluated_here = here;
    Ok(())
}

/// The type of the values, where the file has another one.
fn value_type(field: &FieldRef, readers: &Readers) -> Option<String> {
    has_other_type(field, readers).then(|| field.data_type().to_string())
}

fn manifest_column(field: &FieldRef, info: &TableInfo, readers: &Readers) -> ManifestColumn {
    let mut metadata = field.metadata().clone();
    metadata.remove(KIND_KEY);
    let origin = info
        .column(field.name())
        .filter(|c| c.field.data_type() == field.data_type() && *c.field.metadata() == metadata);
    let written = field_for(field, readers);
    let verdict = |column: &ColumnInfo| match has_other_type(field, readers) {
        true => Verdict::Text,
        false => column.verdict,
    };
    ManifestColumn {
        name: field.name().clone(),
        arrow_type: written.data_type().to_string(),
        form: form_note(field, readers),
        value_type: value_type(field, readers),
        source_type: origin.map(|c| c.source_type.clone()),
        verdict: origin.map(verdict),
        nullable: field.is_nullable(),
        crs: Geometries::of(field).and_then(|geometries| geometries.crs),
    }
}
