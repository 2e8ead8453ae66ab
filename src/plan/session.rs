//! A DataFusion session over tables of a source, with this program's rules of arithmetic.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::casts::{LossyCasts, TypeModifiers};
use super::checked::CheckedArithmetic;
use super::comparisons::FloatComparisons;
use super::floats::DecimalMeetsFloat;
use super::microseconds::Microseconds;
use super::sums::CheckedSums;
use crate::catalog::TableRef;
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
        .with_max_spill_merge_fan_in(MERGED_RUNS)
        .build_arc()?;
    let mut analyzer: Vec<Arc<dyn AnalyzerRule + Send + Sync>> =
        vec![Arc::new(Microseconds), Arc::new(DecimalMeetsFloat)];
    analyzer.extend(Analyzer::new().rules);
    analyzer.push(Arc::new(LossyCasts));
    analyzer.push(Arc::new(FloatComparisons));
    analyzer.push(Arc::new(CheckedArithmetic));
    analyzer.push(Arc::new(CheckedSums));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_analyzer_rules(analyzer)
        .with_type_planner(Arc::new(TypeModifiers))
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
