//! One set of files for each value of the keys.
//!
//! Rows are held until there are enough of them, then dealt out together. A key whose file is open gets its rows at once,
//! and so does a new key while less than `max_open_files` are open. The rows of all others wait on disk in the order of
//! their keys, and are written, one key after the other, when the part ends. Rows of a key keep their order.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use futures::StreamExt;
use futures::future;
use futures::stream::FuturesUnordered;

use super::held::Held;
use super::keys::Keys;
use super::runs::{Runs, count};
use crate::error::{Code, Error, Result};
use crate::sink::open_file::OpenFile;
use crate::sink::series::{Common, Series};
use crate::sink::written::WrittenFiles;

/// Rows from disk that are encoded by themselves, on average. Fewer are copied together first.
const ENOUGH_ROWS: usize = 256;
/// Rows that are read together.
const ROWS_AT_ONCE: usize = 8192;
/// Files that are closed at once: each waits for its disk or its store.
const CLOSING: usize = 8;

/// See the module.
pub(in crate::sink) struct Keyed<'a> {
    /// Columns of the files; those of the keys follow them.
    columns: usize,
    keys: Keys,
    /// By the numbers of their keys.
    partitions: Vec<Partition<'a>>,
    open: usize,
    held: Held,
    held_bytes: usize,
    /// How often rows were dealt out.
    deals: usize,
    waiting: Runs,
}

struct Partition<'a> {
    series: Series<'a>,
    /// Whether rows of it wait on disk.
    waits: bool,
    /// When it last got rows.
    deal: usize,
}

impl<'a> Keyed<'a> {
    pub(in crate::sink) fn new(common: &Common<'a>) -> Self {
        Self {
            columns: common.columns,
            keys: Keys::new(common.target.fanout.keys.clone()),
            partitions: Vec::new(),
            open: 0,
            held: Held::default(),
            held_bytes: 0,
            deals: 0,
            waiting: Runs::default(),
        }
    }

    /// Takes rows, with their keys behind the columns of the files.
    pub(in crate::sink) async fn write(
        &mut self,
        common: &Common<'a>,
        rows: RecordBatch,
        done: &mut WrittenFiles,
    ) -> Result<()> {
        let (bytes, most) = (rows.get_array_memory_size(), common.target.fanout.held_bytes);
        // Large values are dealt out by themselves: together they could be more than a column can hold.
        if bytes >= most {
            self.deal(common, done).await?;
        }
        self.held_bytes += bytes;
        self.hold(rows, common.target.fanout.max_partitions)?;
        if self.held_bytes >= most {
            self.deal(common, done).await?;
        }
        Ok(())
    }

    /// Writes what is held or waits, and closes all files.
    pub(in crate::sink) async fn close(
        &mut self,
        common: &Common<'a>,
        done: &mut WrittenFiles,
    ) -> Result<()> {
        self.deal(common, done).await?;
        let most = common.target.fanout.held_bytes;
        let mut closing = FuturesUnordered::new();
        // Those that are open first: they hold memory.
        for partition in &mut self.partitions {
            partition.series.end_group().await?;
            closing.extend(partition.series.take().map(OpenFile::close));
            while closing.len() >= CLOSING {
                done.extend(closing.next().await.transpose()?);
            }
        }
        let mut order: VecDeque<u32> = self.keys.in_order().into_iter().map(count).collect::<Result<_>>()?;
        let mut ready = self.waiting.next(&mut order, ROWS_AT_ONCE, most).await?;
        while let Some((key, pieces)) = ready {
            let series = &mut self.partitions[key as usize].series;
            // What comes next is read while these are encoded.
            let (read, written) = future::join(
                self.waiting.next(&mut order, ROWS_AT_ONCE, most),
                write_pieces(series, common, &pieces, done),
            )
            .await;
            written?;
            ready = read?;
            if ready.as_ref().is_some_and(|(next, _)| *next == key) {
                continue;
            }
            // What waits to be closed holds no rows.
            series.end_group().await?;
            closing.extend(series.take().map(OpenFile::close));
            while closing.len() >= CLOSING {
                done.extend(closing.next().await.transpose()?);
            }
        }
        while let Some(file) = closing.next().await {
            done.add(file?);
        }
        Ok(())
    }

    /// Removes the files that are open.
    pub(in crate::sink) async fn abort(&mut self) {
        for partition in &mut self.partitions {
            partition.series.abort().await;
        }
    }

    /// Deals out the rows that are held.
    async fn deal(&mut self, common: &Common<'a>, done: &mut WrittenFiles) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        if held.is_empty() {
            return Ok(());
        }
        self.deals += 1;
        let (mut written, mut waiting) = (Vec::new(), Vec::new());
        for key in self.keys.in_order() {
            let rows = held.rows(key);
            if rows == 0 {
                continue;
            }
            if self.may_write(key, common, done).await? {
                let partition = &mut self.partitions[key];
                partition.deal = self.deals;
                self.open += usize::from(!partition.series.is_open());
                written.push((key, rows));
            } else {
                self.partitions[key].waits = true;
                waiting.push((key, rows));
            }
        }
        let rows = held.in_order(written.iter().chain(&waiting).map(|(key, _)| *key))?;
        let mut at = 0;
        for (key, of_key) in written {
            let series = &mut self.partitions[key].series;
            series.write(common, &rows.slice(at, of_key), done).await?;
            // A file that is full is closed.
            self.open -= usize::from(!series.is_open());
            at += of_key;
        }
        if !waiting.is_empty() {
            let keys = waiting.into_iter().map(|(key, rows)| Ok((count(key)?, count(rows)?)));
            let keys = keys.collect::<Result<_>>()?;
            self.waiting.put(rows.slice(at, rows.num_rows() - at), keys).await?;
        }
        self.bound_memory(common).await
    }

    /// Holds `rows` with the numbers of their keys.
    fn hold(&mut self, rows: RecordBatch, most: usize) -> Result<()> {
        let numbers = self.keys.numbers(&rows.columns()[self.columns..])?;
        if self.keys.len() > most {
            return Err(too_many(most));
        }
        for key in self.partitions.len()..self.keys.len() {
            let series = Series::new(self.keys.directory(key).to_owned());
            self.partitions.push(Partition { series, waits: false, deal: 0 });
        }
        let columns: Vec<usize> = (0..self.columns).collect();
        let files = rows.project(&columns);
        let files = files.map_err(|error| Error::internal("columns of files").caused_by(error))?;
        self.held.add(files, numbers, self.keys.len());
        Ok(())
    }

    /// Whether rows of `key` go to its file now. A file that got nothing this time and the time before makes room.
    async fn may_write(&mut self, key: usize, common: &Common<'a>, done: &mut WrittenFiles) -> Result<bool> {
        if self.partitions[key].series.is_open() {
            return Ok(true);
        }
        if self.partitions[key].waits {
            return Ok(false);
        }
        if self.open < common.target.fanout.max_open_files.max(1) {
            return Ok(true);
        }
        let deals = self.deals;
        let idle = self.partitions.iter_mut().find(|p| p.series.is_open() && p.deal + 1 < deals);
        match idle {
            Some(partition) => {
                partition.series.close(done).await?;
                self.open -= 1;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Ends the largest row groups until all of them together hold no more than one may.
    async fn bound_memory(&mut self, common: &Common<'a>) -> Result<()> {
        let most = common.settings.parquet.row_group_bytes;
        let mut total: usize = self.partitions.iter().map(|p| p.series.memory()).sum();
        while total > most {
            let Some(largest) = self.partitions.iter_mut().max_by_key(|p| p.series.memory()) else { break };
            let held = largest.series.memory();
            if held == 0 {
                break;
            }
            largest.series.end_group().await?;
            total -= held;
        }
        Ok(())
    }
}

/// Writes rows from disk, copied together if there are few in each piece.
async fn write_pieces<'a>(
    series: &mut Series<'a>,
    common: &Common<'a>,
    pieces: &[RecordBatch],
    done: &mut WrittenFiles,
) -> Result<()> {
    if pieces.len() > 1 && rows_of(pieces) < pieces.len() * ENOUGH_ROWS {
        return series.write(common, &together(pieces)?, done).await;
    }
    for piece in pieces {
        series.write(common, piece, done).await?;
    }
    Ok(())
}

fn rows_of(pieces: &[RecordBatch]) -> usize {
    pieces.iter().map(RecordBatch::num_rows).sum()
}

fn together(pieces: &[RecordBatch]) -> Result<RecordBatch> {
    let [first, ..] = pieces else { return Err(Error::internal("no rows of a key")) };
    concat_batches(&first.schema(), pieces).map_err(|error| Error::internal("rows of a key").caused_by(error))
}

fn too_many(most: usize) -> Error {
    Error::data(format!("the table would have more than {most} partitions"))
        .coded(Code::TooManyPartitions)
        .hint(fewer(most))
}

/// What to do about too many partitions.
pub fn fewer(most: usize) -> String {
    format!(
        "--max-partitions allows {most}: raise it, or partition by an expression with fewer values (year(d), left(name, 2))"
    )
}
