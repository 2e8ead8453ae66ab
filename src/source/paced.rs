//! Any source, read no faster than so many bytes per second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use super::{Layer, Source};
use crate::clock::{self, Instant};

/// Streams share one budget of bytes per second. A batch waits until its bytes are paid for; meanwhile its reader takes no
/// more from the server than it has room for.
#[derive(Debug)]
pub struct Paced {
    bucket: Arc<Bucket>,
}

impl Paced {
    /// At most `rate` bytes per second of `source`.
    pub fn new(source: &dyn Source, rate: u64) -> Self {
        Self { bucket: Arc::new(Bucket::new(rate, source.received().unwrap_or(0))) }
    }
}

/// What is not used is kept for so long: enough to make up for timers that are late.
const KEPT: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct Bucket {
    rate: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Until then the bytes so far are worth.
    paid: Instant,
    /// Of [`Source::received`], those that were counted.
    seen: u64,
}

impl Bucket {
    fn new(rate: u64, seen: u64) -> Self {
        Self { rate: rate.max(1) as f64, state: Mutex::new(State { paid: Instant::now(), seen }) }
    }

    /// Takes the bytes of a batch: what came since the last one, by all readers, or where the source does not count,
    /// those that it has in memory. Returns when they are paid for.
    fn take(&self, received: Option<u64>, batch: &RecordBatch) -> Instant {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match received {
            Some(received) => {
                let new = received.saturating_sub(state.seen);
                state.seen += new;
                new
            }
            None => in_memory(batch),
        };
        let now = Instant::now();
        let from = now.checked_sub(KEPT).map_or(state.paid, |kept| state.paid.max(kept));
        state.paid = from + Duration::from_secs_f64(bytes as f64 / self.rate);
        state.paid
    }
}

/// Bytes of the values of a batch.
fn in_memory(batch: &RecordBatch) -> u64 {
    let size = |column: &Arc<dyn Array>| column.to_data().get_slice_memory_size().unwrap_or_default();
    batch.columns().iter().map(size).sum::<usize>() as u64
}

impl Layer for Paced {
    fn apply(&self, rows: SendableRecordBatchStream, source: &Arc<dyn Source>) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let (source, bucket) = (Arc::clone(source), Arc::clone(&self.bucket));
        let batches = rows.then(move |batch| {
            let paid = batch.as_ref().ok().map(|batch| bucket.take(source.received(), batch));
            async move {
                if let Some(paid) = paid {
                    clock::sleep_until(paid).await;
                }
                batch
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};

    #[test]
    fn bytes_of_all_readers_are_paid_from_one_budget() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1; 1000]));
        let batch = RecordBatch::try_from_iter([("a", column)]).expect("batch");
        let time = clock::hold();
        let begun = Instant::now();
        let counted = Bucket::new(1000, 500);
        // 500 were there before; then 2,000 of two readers, of which the second batch costs nothing more.
        let first = counted.take(Some(2500), &batch);
        let second = counted.take(Some(2500), &batch);
        assert_eq!(first, second);
        assert_eq!(first - begun, Duration::from_secs(2));
        let uncounted = Bucket::new(8000, 0);
        for batches in 1..=2 {
            assert_eq!(uncounted.take(None, &batch) - begun, Duration::from_secs(batches));
        }
        // Of a time without batches no more is kept than makes up for late timers.
        time.advance(Duration::from_secs(3600));
        assert_eq!(uncounted.take(None, &batch) - Instant::now(), Duration::from_secs(1) - KEPT);
    }
}
