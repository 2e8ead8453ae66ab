//! How the rows of one table are laid out in its files: partitions, order, size.

use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Fields, Schema, SchemaRef};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use serde::{Deserialize, Serialize};

use super::relation::Relation;
use crate::catalog::filter::pattern_matches;
use crate::catalog::{TableInfo, TableRef};
use crate::error::{Code, Error, Result};
use crate::manifest::PartitionColumn;
use crate::sink::Fanout;
use crate::sink::fanout::{can_be_key, fewer};
use crate::spec::{ArrangementSpec, SortedBy, TableRule};

/// The flag of partitions.
pub(super) const PARTITION_BY: &str = "--partition-by";

/// How the rows of a table are laid out. By default as they come, each part in one file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Arrangement {
    /// Keys of Hive partitions: the last columns of the rows, which the files leave out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partition: Vec<PartitionColumn>,
    /// Columns by which the rows of each file are sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<SortedBy>,
    /// Columns after these by which rows that are equal so far are sorted, so that there is one order only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ties: Vec<String>,
    /// Whether the parts are ranges of the first sorted column. A range that is too large is cut once more, into parts that
    /// overlap.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
    /// Into which files the rows of a part go.
    pub files: Fanout,
}

/// What the user wants of one table, as SQL text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) partition: Option<String>,
    pub(super) sort: Option<String>,
}

impl Wanted {
    /// The rules of `spec` that are about `table`.
    ///
    /// # Errors
    /// Usage, when two are.
    pub(super) fn of(spec: &ArrangementSpec, table: &TableRef) -> Result<Self> {
        let only = |flag: &str, rules: &[TableRule]| -> Result<Option<String>> {
            let mut about = rules.iter().filter(|rule| pattern_matches(&rule.pattern, table));
            let first = about.next().map(|rule| rule.sql.clone());
            match about.next() {
                None => Ok(first),
                Some(_) => Err(Error::usage(format!("more than one {flag} names this table"))
                    .coded(Code::FlagConflict)
                    .with("table", table)),
            }
        };
        Ok(Self {
            partition: only(PARTITION_BY, &spec.partition_by)?,
            sort: only("--sort-by", &spec.sort_by)?,
        })
    }
}

impl Arrangement {
    /// The settings of `spec` that are the same for all tables.
    pub(super) fn of(spec: &ArrangementSpec) -> Self {
        let files = Fanout {
            max_file_bytes: spec.max_file_bytes,
            max_open_files: spec.max_open_files,
            max_partitions: spec.max_partitions,
            ..Fanout::default()
        };
        Self { files, ..Self::default() }
    }

    /// Whether rows are only written as they come, each part into one file.
    pub fn is_plain(&self) -> bool {
        self.sort.is_empty() && self.files.is_one_file()
    }

    /// The columns of the files, of those of the rows: without the keys of partitions.
    pub fn in_files(&self, rows: &SchemaRef) -> SchemaRef {
        let columns = rows.fields().len().saturating_sub(self.partition.len());
        let fields: Vec<FieldRef> = rows.fields().iter().take(columns).cloned().collect();
        Schema::new_with_metadata(fields, rows.metadata().clone()).into()
    }

    /// The columns of `fields` that make of rows, which are equal by what they are sorted by, one order.
    pub(super) fn ties_in(&self, fields: &Fields) -> Vec<String> {
        let has_order = |data_type: &DataType| !data_type.is_nested() && !matches!(data_type, DataType::Null);
        let names = fields.iter().filter(|field| has_order(field.data_type())).map(|field| field.name());
        names.filter(|name| self.sort.iter().all(|column| column.column != **name)).cloned().collect()
    }

    /// The sort of each partition of `plan`, if rows are sorted.
    pub(super) fn sorted(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = plan.schema();
        let tie = |name: &String| SortedBy { column: name.clone(), descending: false, nulls_first: false };
        let columns = self.sort.iter().cloned().chain(self.ties.iter().map(tie));
        let ordering = columns
            .map(|key| {
                let at = schema.index_of(&key.column).map_err(|error| {
                    Error::internal("a sorted column is not in the plan").caused_by(error)
                })?;
                Ok(PhysicalSortExpr {
                    expr: Arc::new(PhysicalColumn::new(&key.column, at)),
                    options: arrow::compute::SortOptions {
                        descending: key.descending,
                        nulls_first: key.nulls_first,
                    },
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(match LexOrdering::new(ordering) {
            Some(ordering) => Arc::new(SortExec::new(ordering, plan).with_preserve_partitioning(true)),
            None => plan,
        })
    }
}

/// Adds the keys of partitions to `rows` as their last columns; columns that are keys themselves move there. `flag` is where
/// the user wrote them.
///
/// # Errors
/// Usage, for a text that is no list of keys, and for a key that cannot be the name of a directory.
pub(super) async fn partitioned(
    rows: &Relation<'_>,
    flag: &str,
    text: &str,
) -> Result<(LogicalPlan, Vec<PartitionColumn>)> {
    let about = |error: Error| error.with("table", rows.table);
    let (plan, keys) = rows.with_keys(flag, text).await?;
    let fields = plan.schema().fields();
    let mut columns = Vec::with_capacity(keys.len());
    for (key, field) in keys.iter().zip(&fields[fields.len() - keys.len()..]) {
        if !can_be_key(field.data_type()) {
            return Err(about(
                Error::usage(format!("values of {} cannot be names of partitions", field.data_type()))
                    .coded(Code::FileLayout)
                    .with("partition", field.name())
                    .hint("booleans, integers, decimals, dates, timestamps without time zone, uuids and texts can: cast it, CAST(column AS date) AS name for example"),
            ));
        }
        columns.push(PartitionColumn {
            name: field.name().clone(),
            expression: key.clone(),
            arrow_type: field.data_type().to_string(),
        });
    }
    Ok((plan, columns))
}

/// How much larger than the truth an estimate of the source may be.
const DOUBT: f64 = 1.5;

/// Refuses a column of which the source knows that it has too many values, before anything is read. The exact number is
/// known when rows are dealt out.
pub(super) fn few_enough(info: &TableInfo, keys: &[PartitionColumn], most: usize) -> Result<()> {
    for key in keys.iter().filter(|key| key.is_column()) {
        let distinct = info.column(&key.name).and_then(|column| column.est_distinct).unwrap_or(0.0);
        if distinct > most as f64 * DOUBT {
            return Err(Error::data(format!("the table would have about {distinct:.0} partitions"))
                .coded(Code::TooManyPartitions)
                .with("table", &info.table)
                .with("partition", &key.name)
                .hint(fewer(most)));
        }
    }
    Ok(())
}

/// The columns that `text` sorts the rows of `rows` by.
///
/// # Errors
/// Usage, for a text that is no list of columns, and for a column whose values have no order here.
pub(super) async fn sorted_by(rows: &Relation<'_>, text: &str) -> Result<Vec<SortedBy>> {
    let keys = rows.ordered("--sort-by", text).await?;
    let mut columns: Vec<SortedBy> = Vec::with_capacity(keys.len());
    for key in keys {
        let Expr::Column(Column { name, .. }) = key.expr else {
            return Err(Error::usage(
                "--sort-by takes columns of the files, with ASC, DESC, NULLS FIRST or NULLS LAST",
            )
            .coded(Code::FileLayout)
            .with("table", rows.table)
            .with("sql", text)
            .hint("make a column of the expression with --columns, and sort by that"));
        };
        columns.push(SortedBy { column: name, descending: !key.asc, nulls_first: key.nulls_first });
    }
    Ok(columns)
}
