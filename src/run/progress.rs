//! Counters of a run that a display polls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::TableRef;

/// Counters of one table.
#[derive(Debug)]
pub struct TableProgress {
    /// The table.
    pub table: TableRef,
    /// Estimated rows; may be wrong.
    pub est_rows: u64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl TableProgress {
    /// Adds rows and Arrow bytes that were handed to the encoder, or takes back those of a part that failed.
    pub fn add(&self, rows: i64, bytes: i64) {
        // Two's complement: adding a negative number wraps to the smaller sum.
        self.rows.fetch_add(rows.cast_unsigned(), Ordering::Relaxed);
        self.bytes.fetch_add(bytes.cast_unsigned(), Ordering::Relaxed);
    }

    /// Everything starts again from zero.
    pub fn reset(&self) {
        self.rows.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Arrow bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Counters of a run.
#[derive(Debug, Default)]
pub struct Progress {
    running: Mutex<Vec<Arc<TableProgress>>>,
    expected: AtomicU64,
}

impl Progress {
    /// Rows that all tables together are estimated to have; 0 when that is not known.
    pub fn expected(&self) -> u64 {
        self.expected.load(Ordering::Relaxed)
    }

    /// A table of so many rows, by its estimate, is not exported.
    pub fn without(&self, rows: u64) {
        self.expected.fetch_sub(rows, Ordering::Relaxed);
    }

    /// Says what all tables together are estimated to have.
    pub fn expect(&self, rows: u64) {
        self.expected.store(rows, Ordering::Relaxed);
    }

    /// A table begins.
    pub fn start(&self, table: &TableRef, est_rows: u64) -> Arc<TableProgress> {
        let counters = Arc::new(TableProgress {
            table: table.clone(),
            est_rows,
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        self.lock().push(Arc::clone(&counters));
        counters
    }

    /// A table ended.
    pub fn finish(&self, table: &TableRef) {
        self.lock().retain(|t| t.table != *table);
    }

    /// The tables under way.
    pub fn running(&self) -> Vec<Arc<TableProgress>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<TableProgress>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_count_up_take_back_and_end_alone() {
        let progress = Progress::default();
        let table = |name: &str| TableRef { schema: "s".into(), name: name.into() };
        let (one, other) = (progress.start(&table("one"), 7), progress.start(&table("other"), 0));
        one.add(10, 1000);
        one.add(-3, -400);
        assert_eq!((one.est_rows, one.rows(), one.bytes()), (7, 7, 600));
        assert_eq!((other.rows(), other.bytes()), (0, 0));
        progress.finish(&table("other"));
        let running: Vec<String> = progress.running().iter().map(|t| t.table.to_string()).collect();
        assert_eq!(running, ["s.one"]);
        one.reset();
        assert_eq!((one.rows(), one.bytes()), (0, 0));
    }
}
