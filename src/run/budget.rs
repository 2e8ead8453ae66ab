//! How many connections, tables and bytes a run may use at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::catalog::Consistency;
use crate::error::{Code, Error, Result};
use crate::plan::TablePlan;
use crate::spec::ExportSpec;

/// Connections that hold a view: one with the locks, one with the snapshot.
pub(super) const HOLDERS: u32 = 2;

/// The least memory that a part can be written with, in bytes.
const LEAST_ROW_GROUP_BYTES: u64 = 1 << 20;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Connections for readers; at level `table` for the holders of each table too.
    pub(super) connections: usize,
    /// Tables at once.
    pub(super) tables: usize,
}

impl Budget {
    /// The budget within `--max-connections`.
    ///
    /// # Errors
    /// Usage, when not even one reader can be had.
    pub(super) fn of(spec: &ExportSpec) -> Result<Self> {
        let holders = HOLDERS as usize;
        // At level `table` the run itself holds one connection, for planning.
        let (held, per_table) = match spec.safety.consistency {
            Consistency::Run => (holders, 1),
            Consistency::Table => (1, holders + 1),
            Consistency::None => (1, 1),
        };
        let connections = spec.run.max_connections.saturating_sub(held);
        if connections < per_table {
            return Err(Error::usage(format!("--max-connections {} is too few", spec.run.max_connections))
                .coded(Code::ConnectionBudget)
                .hint(format!(
                    "--consistency {} needs at least {}",
                    spec.safety.consistency,
                    held + per_table
                )));
        }
        Ok(Self { connections, tables: spec.run.n_jobs.clamp(1, connections / per_table) })
    }

    /// Queries are exported one after the other, and their plans bound their connections.
    pub(super) fn of_queries() -> Self {
        Self { connections: 0, tables: 1 }
    }

    /// Connections that may read one view at once.
    pub(super) fn readers(self, spec: &ExportSpec) -> usize {
        match spec.safety.consistency {
            Consistency::Table if self.connections > 0 => {
                (self.connections / self.tables.max(1)).saturating_sub(HOLDERS as usize).max(1)
            }
            _ => readers_of_one(spec),
        }
    }

    /// Makes the row groups of `plan` so small that all parts written at once stay within `--memory-limit`.
    ///
    /// A part holds its open row group and about as much again while it closes it; half of the limit is for
    /// that, the other half for DataFusion's operators and what is on its way.
    pub(super) fn limit_memory(self, spec: &ExportSpec, plan: &mut TablePlan) {
        // Files must not depend on the number of readers where they are to be the same at any.
        let readers = if spec.arrangement.deterministic { usize::MAX } else { spec.cutting.readers.max(1) };
        let parts = self.connections.min(self.tables.saturating_mul(readers)).max(1) as u64;
        let share = (spec.run.memory_limit_bytes / parts / 4).max(LEAST_ROW_GROUP_BYTES);
        let row_group_bytes = usize::try_from(share).unwrap_or(usize::MAX);
        plan.parquet.row_group_bytes = plan.parquet.row_group_bytes.min(row_group_bytes);
        if !plan.arrangement.sort.is_empty() {
            // The other half, for the sort of each part.
            plan.memory_bytes = plan.memory_bytes.min(share * 2);
        }
        // What is dealt out is there twice while it is.
        plan.arrangement.files.held_bytes = plan.arrangement.files.held_bytes.min(row_group_bytes / 2);
    }
}

/// Connections that may read at once when there is one view.
pub(super) fn readers_of_one(spec: &ExportSpec) -> usize {
    spec.run.max_connections.saturating_sub(HOLDERS as usize).max(1)
}

/// Connections that may read at once. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Connections(Arc<Semaphore>);

impl Connections {
    pub(super) fn of(budget: Budget) -> Self {
        Self(Arc::new(Semaphore::new(budget.connections)))
    }

    /// Waits for `number` of them, until what this returns is dropped.
    pub(super) async fn take(&self, number: u32) -> Result<OwnedSemaphorePermit> {
        let permits = Arc::clone(&self.0).acquire_many_owned(number).await;
        permits.map_err(|error| Error::internal("no more connections").caused_by(error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::ParquetSpec;

    #[test]
    fn connections_are_shared_by_what_each_level_holds() {
        let budget = |consistency, max_connections, n_jobs| {
            let mut spec = ExportSpec::default();
            spec.safety.consistency = consistency;
            (spec.run.max_connections, spec.run.n_jobs) = (max_connections, n_jobs);
            Budget::of(&spec).map(|budget| (budget.connections, budget.tables))
        };
        for (level, most, jobs, connections, tables) in [
            (Consistency::Run, 3, 1, 1, 1),
            (Consistency::Run, 10, 4, 8, 4),
            (Consistency::Run, 4, 8, 2, 2),
            (Consistency::Table, 4, 8, 3, 1),
            (Consistency::Table, 10, 8, 9, 3),
            (Consistency::Table, 10, 2, 9, 2),
            (Consistency::None, 2, 8, 1, 1),
            (Consistency::None, 5, 0, 4, 1),
        ] {
            let found = budget(level, most, jobs).expect("enough");
            assert_eq!(found, (connections, tables), "{level} {most} {jobs}");
            let mut spec = ExportSpec::default();
            (spec.safety.consistency, spec.run.max_connections) = (level, most);
            let readers = Budget { connections, tables }.readers(&spec);
            let (views, beside) = if level == Consistency::Table { (tables, 1) } else { (1, 0) };
            let all = beside + views * (readers + HOLDERS as usize);
            assert!(all <= most.max(HOLDERS as usize + 1), "{level} {most} {jobs}: {readers}");
        }
        for (level, most, least) in [
            (Consistency::Run, 2, 3),
            (Consistency::Table, 3, 4),
            (Consistency::None, 1, 2),
            (Consistency::Run, 0, 3),
        ] {
            let error = budget(level, most, 1).expect_err("too few");
            assert!(error.message().contains(&format!("--max-connections {most} is too few")), "{error}");
            assert_eq!(error.hints(), [format!("--consistency {level} needs at least {least}")]);
        }
    }

    #[tokio::test]
    async fn as_many_connections_are_taken_as_there_are() {
        let connections = Connections::of(Budget { connections: 3, tables: 1 });
        let held = connections.clone().take(2).await.expect("two");
        let last = connections.take(1).await.expect("the third");
        assert_eq!(connections.0.available_permits(), 0);
        drop((held, last));
        assert_eq!(connections.0.available_permits(), 3);
    }

    /// As the record of a run keeps it.
    fn plan() -> TablePlan {
        let info = json!({
            "table": { "schema": "public", "name": "t" }, "kind": "table", "columns": [], "est_rows": 1, "est_bytes": 1,
            "blocks": [],
        });
        let plan = json!({
            "info": info, "snapshot": { "level": "run", "taken_at": "2026-01-01T00:00:00Z" }, "pushed": [],
            "evaluated_here": [], "columns": [], "method": "Ctid", "method_reason": "", "readers": 1, "parts": [],
            "directory": "public/t", "parquet": ParquetSpec::default(),
        });
        serde_json::from_value(plan).expect("a plan")
    }

    #[test]
    fn row_groups_take_a_quarter_of_the_memory_that_parts_at_once_share() {
        const MIB: u64 = 1 << 20;
        for (connections, tables, readers, memory, expected) in [
            (8, 2, 3, 240 * MIB, 10 * MIB),
            (4, 2, 3, 240 * MIB, 15 * MIB),
            (8, 2, 0, 240 * MIB, 30 * MIB),
            (0, 1, 8, 240 * MIB, 60 * MIB),
            (8, 2, 3, 12 * MIB, MIB),
            (8, 2, 3, u64::MAX, 64 * MIB),
        ] {
            let (mut spec, mut plan) = (ExportSpec::default(), plan());
            (spec.cutting.readers, spec.run.memory_limit_bytes) = (readers, memory);
            Budget { connections, tables }.limit_memory(&spec, &mut plan);
            let found = plan.parquet.row_group_bytes as u64;
            assert_eq!(found, expected, "{connections} {tables} {readers} {memory}");
        }
    }
}
