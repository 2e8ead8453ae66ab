//! A DataFusion session for one table.

use std::sync::Arc;

use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::checked::CheckedArithmetic;
use super::floats::DecimalMeetsFloat;
use super::microseconds::Microseconds;
use crate::catalog::TableRef;
use crate::error::{Error, Result};

const CATALOG: &str = "source";

/// A session that knows exactly one table, with `partitions` partitions that stay as they are.
pub(super) fn open(
    table: &TableRef,
    provider: Arc<dyn TableProvider>,
    partitions: usize,
    memory_limit_bytes: u64,
) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, table.schema.clone())
        .with_target_partitions(partitions.max(1))
        .with_information_schema(false);
    let options = config.options_mut();
    // A part is a partition is a file: nothing may merge or deal out rows.
    options.optimizer.enable_round_robin_repartition = false;
    options.optimizer.repartition_file_scans = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    let limit = usize::try_from(memory_limit_bytes).unwrap_or(usize::MAX);
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(limit, 1.0).build_arc()?;
    let mut analyzer: Vec<Arc<dyn AnalyzerRule + Send + Sync>> =
        vec![Arc::new(Microseconds), Arc::new(DecimalMeetsFloat)];
    analyzer.extend(Analyzer::new().rules);
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_analyzer_rules(analyzer)
        .with_physical_optimizer_rule(Arc::new(CheckedArithmetic))
        .build();
    let context = SessionContext::new_with_state(state);
    let catalog = context.catalog(CATALOG).ok_or_else(|| Error::internal("the session has no catalog"))?;
    let schema = Arc::new(MemorySchemaProvider::new());
    schema.register_table(table.name.clone(), provider)?;
    catalog.register_schema(&table.schema, schema)?;
    Ok(context)
}
