//! One set of files for each value of the keys.
//!
//! Rows are held until there are enough of them, then dealt out together. A key whose file is open gets its rows at once,
//! and so does a new key while less than `max_open_files` are open. The rows of all others wait on disk in the order of
//! their keys, and are written, one key after the other, when the part ends. Rows of a key keep their order.

use arrow::array::RecordBatch;
use arrow::compute::{concat_batches, interleave_record_batch};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::keys::Keys;
use super::runs::{Runs, count};
use crate::error::{Code, Error, Result};
use crate::sink::open_file::OpenFile;
use crate::sink::series::{Common, Series};
use crate::sink::written::WrittenFiles;

/// Rows from disk that are encoded by themselves. Fewer are copied together first.
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
    held: Vec<RecordBatch>,
    held_bytes: usize,
    /// How often rows were dealt out.
    deals: usize,
    waiting: Runs,
}

/// By keys: the batches of rows, and the rows in them.
type Places = Vec<Vec<(usize, usize)>>;

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
            held: Vec::new(),
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
        self.held.push(rows);
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
        for key in self.keys.in_order() {
            let series = &mut self.partitions[key].series;
            loop {
                let pieces = self.waiting.next(count(key)?, ROWS_AT_ONCE, most).await?;
                match pieces.as_slice() {
                    [] => break,
                    // Copied together if there are few rows in each.
                    [_, _, ..] if pieces.iter().any(|piece| piece.num_rows() < ENOUGH_ROWS) => {
                        series.write(common, &together(&pieces)?, done).await?;
                    }
                    pieces => {
                        for piece in pieces {
                            series.write(common, piece, done).await?;
                        }
                    }
                }
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
        let (files, places) = self.placed(held, common.target.fanout.max_partitions)?;
        let (mut written, mut waiting) = (Vec::new(), Vec::new());
        for key in self.keys.in_order() {
            if places.get(key).is_none_or(Vec::is_empty) {
                continue;
            }
            if self.may_write(key, common, done).await? {
                let partition = &mut self.partitions[key];
                partition.deal = self.deals;
                self.open += usize::from(!partition.series.is_open());
                written.push(key);
            } else {
                self.partitions[key].waits = true;
                waiting.push(key);
            }
        }
        let order: Vec<(usize, usize)> =
            written.iter().chain(&waiting).flat_map(|key| &places[*key]).copied().collect();
        let rows = interleave_record_batch(&files.iter().collect::<Vec<_>>(), &order)
            .map_err(|error| Error::internal("rows by their keys").caused_by(error))?;
        drop((files, order));
        let mut at = 0;
        for key in written {
            let (series, of_key) = (&mut self.partitions[key].series, places[key].len());
            series.write(common, &rows.slice(at, of_key), done).await?;
            // A file that is full is closed.
            self.open -= usize::from(!series.is_open());
            at += of_key;
        }
        if !waiting.is_empty() {
            let keys = waiting.into_iter().map(|key| Ok((count(key)?, count(places[key].len())?)));
            let keys = keys.collect::<Result<_>>()?;
            self.waiting.put(rows.slice(at, rows.num_rows() - at), keys).await?;
        }
        self.bound_memory(common).await
    }

    /// The columns of the files of `held`, and where the rows of each key are in them: batch and row.
    fn placed(&mut self, held: Vec<RecordBatch>, most: usize) -> Result<(Vec<RecordBatch>, Places)> {
        let mut places: Places = Vec::new();
        let mut files = Vec::with_capacity(held.len());
        for (batch, rows) in held.into_iter().enumerate() {
            let numbers = self.keys.numbers(&rows.columns()[self.columns..])?;
            if self.keys.len() > most {
                return Err(too_many(most));
            }
            places.resize_with(self.keys.len(), Vec::new);
            for (row, key) in numbers.into_iter().enumerate() {
                places[key].push((batch, row));
            }
            let columns: Vec<usize> = (0..self.columns).collect();
            files.push(
                rows.project(&columns)
                    .map_err(|error| Error::internal("columns of files").caused_by(error))?,
            );
        }
        for key in self.partitions.len()..self.keys.len() {
            let series = Series::new(self.keys.directory(key).to_owned());
            self.partitions.push(Partition { series, waits: false, deal: 0 });
        }
        Ok((files, places))
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
