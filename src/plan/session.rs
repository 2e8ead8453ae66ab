//! A DataFusion session over tables of a source, with this program's rules of arithmetic.

use std::num::NonZeroUsize;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::functions_aggregate::planner::AggregateFunctionPlanner;
use datafusion::functions_window::planner::WindowFunctionPlanner;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::checked::CheckedArithmetic;
use super::comparisons::FloatComparisons;
use super::meaning::{Meaning, aggregates, calls};
use super::spill::Nameless;
use super::sums::CheckedSums;
use crate::catalog::{SnapshotToken, TableRef};
use crate::error::{Error, Result};

const CATALOG: &str = "source";
/// Rows per batch that a source is asked for and that operators pass on.
pub(super) const BATCH_ROWS: usize = 4096;
/// Rows per batch below which the overhead of a batch outgrows its content.
const LEAST_BATCH_ROWS: usize = 256;
/// Batches that a partition must find room for at once (a sort merges as many spilt runs), and bytes that a
/// row takes, about.
const BATCHES_HELD: usize = 64;
const ROW_BYTES: usize = 256;
/// Spilt runs that are merged at once; every one holds a batch or two, and more are merged in several rounds.
const MERGED_RUNS: usize = 16;
/// Consumers that a message about used-up memory names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// Settings of a session.
pub(super) struct Settings<'a> {
    /// Where table names without a schema are looked for.
    pub(super) default_schema: &'a str,
    /// Partitions that joins, aggregates and sorts work in.
    pub(super) partitions: usize,
    /// Memory of all operators together, in bytes; what needs more spills to the system's temporary directory.
    pub(super) memory_bytes: u64,
    /// Rows per batch.
    pub(super) batch_rows: usize,
}

/// The state in which plans over tables as of `at` are made: `now()` is the moment of the snapshot, as it is in the
/// source, and the same for all tables and parts under it.
pub(super) fn state(context: &SessionContext, at: &SnapshotToken) -> SessionState {
    let mut state = context.state();
    if let Ok(taken) = DateTime::parse_from_rfc3339(&at.taken_at) {
        state.execution_props_mut().query_execution_start_time = Some(taken.with_timezone(&Utc));
    }
    state
}

/// Rows per batch that leave room for as many batches as a sort merges, in every partition.
pub(super) fn batch_rows(memory_bytes: u64, partitions: usize) -> usize {
    let memory = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
    (memory / (partitions.max(1) * BATCHES_HELD * ROW_BYTES)).clamp(LEAST_BATCH_ROWS, BATCH_ROWS)
}

/// A session that knows exactly `tables`. The partitions of a table stay as they are: nothing deals out rows.
pub(super) fn open(
    tables: Vec<(TableRef, Arc<dyn TableProvider>)>,
    settings: &Settings<'_>,
) -> Result<SessionContext> {
    let partitions = settings.partitions.max(1);
    let memory = usize::try_from(settings.memory_bytes).unwrap_or(usize::MAX);
    let mut config = SessionConfig::new()
        .with_batch_size(settings.batch_rows)
        .with_default_catalog_and_schema(CATALOG, settings.default_schema)
        .with_target_partitions(partitions)
        .with_information_schema(false);
    let options = config.options_mut();
    // A part is a partition is a file: nothing may merge or deal out rows.
    options.optimizer.enable_round_robin_repartition = false;
    options.optimizer.repartition_file_scans = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Errors then say where in the text they are.
    options.sql_parser.collect_spans = true;
    // Set aside by every sort for merging what it spilt; the default suits large limits only.
    let reservation = &mut options.execution.sort_spill_reservation_bytes;
    *reservation = (*reservation).min(memory / (8 * partitions));
    // Fair, so that several sorts and aggregates of one query each get a share and spill in time; a greedy
    // pool gives all to the first, and a later operator that cannot spill fails.
    let pool = TrackConsumersPool::new(FairSpillPool::new(memory), NAMED_CONSUMERS);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_temp_file_factory(Arc::new(Nameless)))
        .with_max_spill_merge_fan_in(MERGED_RUNS)
        // The disk is the limit.
        .with_max_temp_directory_size(u64::MAX)
        .build_arc()?;
    let mut analyzer: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(Meaning)];
    analyzer.extend(Analyzer::new().rules);
    analyzer.push(Arc::new(FloatComparisons));
    analyzer.push(Arc::new(CheckedArithmetic));
    analyzer.push(Arc::new(CheckedSums));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        // What is not here cannot be called.
        .with_scalar_functions(calls::stubs())
        .with_expr_planners(vec![Arc::new(AggregateFunctionPlanner), Arc::new(WindowFunctionPlanner)])
        .with_aggregate_functions(aggregates::aggregates())
        .with_window_functions(aggregates::windows())
        .with_table_function_list(SessionStateDefaults::default_table_functions())
        .with_analyzer_rules(analyzer)
        .build();
    let context = SessionContext::new_with_state(state);
    let catalog = context.catalog(CATALOG).ok_or_else(|| Error::internal("the session has no catalog"))?;
    for (table, provider) in tables {
        let schema = match catalog.schema(&table.schema) {
            Some(schema) => schema,
            None => {
                let schema = Arc::new(MemorySchemaProvider::new());
                catalog.register_schema(&table.schema, Arc::<MemorySchemaProvider>::clone(&schema))?;
                schema
            }
        };
        schema.register_table(table.name, provider)?;
    }
    Ok(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule that an upgrade brings may give expressions another meaning, as rules did before: CASTs that lose digits
    /// were taken out of comparisons, and lists compared by bits. `make verify-expressions` with it, then its name here.
    #[test]
    fn every_rule_of_the_optimizer_has_been_looked_at() {
        let settings =
            Settings { default_schema: "public", partitions: 1, memory_bytes: 1 << 20, batch_rows: 1 };
        let context = open(Vec::new(), &settings).unwrap();
        let state = context.state();
        let optimizer: Vec<&str> = state.optimizers().iter().map(|rule| rule.name()).collect();
        let analyzer: Vec<&str> = state.analyzer().rules.iter().map(|rule| rule.name()).collect();
        assert_eq!(analyzer, ANALYZER);
        assert_eq!(optimizer, OPTIMIZER);
    }

    const ANALYZER: &[&str] = &[
        "meaning",
        "resolve_grouping_function",
        "type_coercion",
        "float_comparisons",
        "checked_arithmetic",
        "checked_sums",
    ];
    const OPTIMIZER: &[&str] = &[
        "rewrite_set_comparison",
        "optimize_unions",
        "unions_to_filter",
        "simplify_expressions",
        "replace_distinct_aggregate",
        "eliminate_join",
        "decorrelate_predicate_subquery",
        "scalar_subquery_to_join",
        "decorrelate_lateral_join",
        "extract_equijoin_predicate",
        "eliminate_duplicated_expr",
        "eliminate_filter",
        "eliminate_cross_join",
        "eliminate_limit",
        "propagate_empty_relation",
        "filter_null_join_keys",
        "eliminate_outer_join",
        "push_down_limit",
        "push_down_filter",
        "single_distinct_aggregation_to_group_by",
        "eliminate_group_by_constant",
        "common_sub_expression_eliminate",
        "extract_leaf_expressions",
        "push_down_leaf_projections",
        "optimize_projections",
    ];
}
