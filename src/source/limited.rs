//! Any source, reading over so many connections at once and no more.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::{Layer, Source};
use crate::error::Error;

/// Streams wait for a permit when they are first polled and give it back when they end or are dropped.
///
/// There must not be more permits than readers of the snapshot ([`super::Snapshot::readers`]). The reader of such streams
/// must never leave one that has begun while it waits for another: see `plan::query`, which refuses plans that could.
#[derive(Debug)]
pub struct Limited {
    permits: Arc<Semaphore>,
}

impl Limited {
    /// At most `readers` streams under way.
    pub fn new(readers: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(readers.max(1))) }
    }
}

impl Layer for Limited {
    fn apply(&self, rows: SendableRecordBatchStream, _source: &Arc<dyn Source>) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let permits = Arc::clone(&self.permits);
        let begun = async move {
            let closed = |e| DataFusionError::from(Error::internal("no more connections").caused_by(e));
            let permit = permits.acquire_owned().await.map_err(closed)?;
            Ok::<_, DataFusionError>((permit, rows))
        };
        let batches = stream::once(begun).map_ok(|(permit, rows)| {
            rows.map(move |batch| {
                // Lives as long as the stream of rows.
                let _held = &permit;
                batch
            })
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches.try_flatten()))
    }
}
