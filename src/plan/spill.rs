//! The files that queries spill to: without a name from the moment that they are made, so that the system frees them
//! when the process ends, however it ends.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SpillFile, SpillWriter, TempFileFactory};
use futures::{Stream, stream};

/// Bytes that are read at once.
const BLOCK: usize = 128 << 10;

/// Makes files in the system's temporary directory.
#[derive(Debug)]
pub(super) struct Nameless;

impl TempFileFactory for Nameless {
    fn create_temp_file(&self, _description: &str) -> Result<Arc<dyn SpillFile>> {
        let file = Arc::new(tempfile::tempfile()?);
        Ok(Arc::new(Spilled { file, bytes: Arc::default() }))
    }
}

struct Spilled {
    file: Arc<File>,
    bytes: Arc<AtomicU64>,
}

impl SpillFile for Spilled {
    fn size(&self) -> Option<u64> {
        Some(self.bytes.load(Ordering::Relaxed))
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        let blocks = stream::try_unfold((Arc::clone(&self.file), 0), |(file, at)| async move {
            let from = Arc::clone(&file);
            let read = tokio::task::spawn_blocking(move || {
                let mut block = vec![0; BLOCK];
                let bytes = from.read_at(&mut block, at)?;
                block.truncate(bytes);
                Ok::<_, io::Error>(block)
            });
            let block = read.await.map_err(|error| DataFusionError::External(Box::new(error)))??;
            let next = at + block.len() as u64;
            Ok((!block.is_empty()).then(|| (Bytes::from(block), (file, next))))
        });
        Ok(Box::pin(blocks))
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        Ok(Box::new(Writer { file: self.file.try_clone()?, bytes: Arc::clone(&self.bytes) }))
    }
}

struct Writer {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Write for Writer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.file.write(data)?;
        self.bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl SpillWriter for Writer {
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
