//! Our encoders of flat columns next to the `parquet` crate's writer: `make bench-encoders` (benches/README.md).
//!
//! One column at a time, in memory, nothing is kept of the files. The writers take turns in every round.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark tells times to who runs it")]

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{Field, Schema};
use lakexpress::sink::{WriterSettings, encoded_bytes};
use lakexpress::spec::{Compression, Encodings, ParquetSpec};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

/// Rows of a batch, as PostgreSQL's reader makes them.
const BATCH: usize = 8_192;

type Fault = Box<dyn Error>;

fn main() -> Result<(), Fault> {
    let Some(options) = Options::of(std::env::args().skip(1))? else {
        println!("cargo bench --features bench --bench encoders -- [--rows N] [--rounds N] [COLUMN...]");
        return Ok(());
    };
    println!(
        "{} rows in batches of {BATCH}, {} rounds, zstd(1), row groups of {} rows\n",
        options.rows,
        options.rounds,
        ParquetSpec::default().row_group_rows
    );
    println!("| column | writer | million rows/s | bytes a row |\n|---|---|---|---|");
    for (name, make) in COLUMNS {
        if !options.columns.is_empty() && !options.columns.iter().any(|some| name.contains(some.as_str())) {
            continue;
        }
        for nulls in [false, true] {
            let batches = batches(*make, options.rows, nulls)?;
            measure(name, nulls, &batches, &options)?;
        }
    }
    Ok(())
}

struct Options {
    rows: usize,
    rounds: usize,
    /// Parts of the names of the columns to measure; all if empty.
    columns: Vec<String>,
}

impl Options {
    /// None for help.
    fn of(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, Fault> {
        let mut options = Self { rows: 1 << 19, rounds: 5, columns: Vec::new() };
        while let Some(word) = words.next() {
            let mut number = || words.next().ok_or("a number is missing")?.parse().map_err(Fault::from);
            match word.as_str() {
                "--rows" => options.rows = number()?,
                "--rounds" => options.rounds = number()?,
                // What cargo adds.
                "--bench" => {}
                "--help" => return Ok(None),
                _ => options.columns.push(word),
            }
        }
        options.rounds = options.rounds.max(1);
        Ok(Some(options))
    }
}

/// Makes a column of numbers without a pattern and of the rows' numbers.
type Make = fn(&mut dyn Iterator<Item = Option<(u64, i64)>>) -> Result<ArrayRef, Fault>;

const COLUMNS: &[(&str, Make)] = &[
    ("bigint, a sequence", |n| Ok(Arc::new(n.map(|n| n.map(|(_, row)| row)).collect::<Int64Array>()))),
    ("bigint, random", |n| Ok(Arc::new(n.map(|n| n.map(|(r, _)| r.cast_signed())).collect::<Int64Array>()))),
    ("bigint, 50 values", |n| {
        Ok(Arc::new(n.map(|n| n.map(|(r, _)| (r % 50) as i64)).collect::<Int64Array>()))
    }),
    ("integer, 200,000 values", |n| {
        Ok(Arc::new(n.map(|n| n.map(|(r, _)| (r % 200_000) as i32)).collect::<Int32Array>()))
    }),
    ("decimal(15,2), prices", |n| {
        let prices = n.map(|n| n.map(|(r, _)| i128::from(90_000 + r % 10_400_000)));
        Ok(Arc::new(prices.collect::<Decimal128Array>().with_precision_and_scale(15, 2)?))
    }),
    ("decimal(15,2), 11 values", |n| {
        let discounts = n.map(|n| n.map(|(r, _)| i128::from(r % 11)));
        Ok(Arc::new(discounts.collect::<Decimal128Array>().with_precision_and_scale(15, 2)?))
    }),
    ("date, 2,500 days", |n| {
        Ok(Arc::new(n.map(|n| n.map(|(r, _)| 8_036 + (r % 2_500) as i32)).collect::<Date32Array>()))
    }),
    ("timestamp, rising", |n| {
        let moments = n.map(|n| n.map(|(r, row)| row * 1_000_000 + (r % 900_000) as i64));
        Ok(Arc::new(moments.collect::<TimestampMicrosecondArray>()))
    }),
    ("text, 7 values", |n| {
        let modes = ["AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB", "REG AIR"];
        Ok(Arc::new(n.map(|n| n.map(|(r, _)| modes[(r % 7) as usize])).collect::<StringArray>()))
    }),
    ("text, keys of 16 letters", |n| {
        Ok(Arc::new(n.map(|n| n.map(|(r, _)| format!("{r:016x}"))).collect::<StringArray>()))
    }),
    ("text, sentences of 30 to 300 letters", |n| {
        Ok(Arc::new(n.map(|n| n.map(|(r, _)| sentence(r))).collect::<StringArray>()))
    }),
];

/// 5 to 50 of 64 words.
fn sentence(mut random: u64) -> String {
    let mut text = String::new();
    for _ in 0..5 + random % 46 {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let word = random >> 58;
        text.push_str(["sly ", "final ", "deposits ", "ironic "][(word % 4) as usize]);
        text.push(char::from(b'a' + (word / 4) as u8));
    }
    text
}

/// SplitMix64: nothing simpler leaves differences of neighbours without a pattern too.
fn scattered(row: u64) -> u64 {
    let mut z = (row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Batches of one column; with `nulls` a tenth of the rows have none.
fn batches(make: Make, rows: usize, nulls: bool) -> Result<Vec<RecordBatch>, Fault> {
    let mut batches = Vec::new();
    for first in (0..rows).step_by(BATCH) {
        let last = rows.min(first + BATCH);
        let number = |row: usize| {
            let random = scattered(row as u64);
            (!nulls || random >> 32 & 0xffff > 6_553).then_some((random, row as i64))
        };
        let array = make(&mut (first..last).map(number))?;
        let field = Field::new("c", array.data_type().clone(), nulls);
        batches.push(RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array])?);
    }
    Ok(batches)
}

/// Encodes batches and returns the bytes of the file.
type Encode = fn(&[RecordBatch]) -> Result<u64, Fault>;

const WRITERS: &[(&str, Encode)] = &[
    ("lakexpress", |batches| by_us(batches, Encodings::Delta)),
    ("lakexpress, plain", |batches| by_us(batches, Encodings::Plain)),
    ("parquet", |batches| by_the_crate(batches, WriterVersion::PARQUET_1_0)),
    ("parquet, version 2", |batches| by_the_crate(batches, WriterVersion::PARQUET_2_0)),
];

fn by_us(batches: &[RecordBatch], encodings: Encodings) -> Result<u64, Fault> {
    let parquet = ParquetSpec { compression: Compression::Zstd(1), encodings, ..ParquetSpec::default() };
    Ok(encoded_bytes(batches, &WriterSettings { parquet, ..WriterSettings::default() })?)
}

/// By the crate with what is alike: codec, row groups, statistics of chunks alone. Version 2 has packed differences.
fn by_the_crate(batches: &[RecordBatch], version: WriterVersion) -> Result<u64, Fault> {
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_compression(Codec::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ParquetSpec::default().row_group_rows))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Counter(0), batches[0].schema(), options)?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner()?.0)
}

/// Counts what is written.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0 += black_box(data).len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn measure(name: &str, nulls: bool, batches: &[RecordBatch], options: &Options) -> Result<(), Fault> {
    let mut seconds = vec![Vec::new(); WRITERS.len()];
    let mut bytes = vec![0; WRITERS.len()];
    for _ in 0..options.rounds {
        for (at, (_, encode)) in WRITERS.iter().enumerate() {
            let start = Instant::now();
            bytes[at] = encode(black_box(batches))?;
            seconds[at].push(start.elapsed().as_secs_f64());
        }
    }
    let name = if nulls { format!("{name}, a tenth NULL") } else { name.to_owned() };
    for (((writer, _), mut seconds), bytes) in WRITERS.iter().zip(seconds).zip(bytes) {
        seconds.sort_by(f64::total_cmp);
        let rate = |seconds: f64| options.rows as f64 / seconds / 1e6;
        println!(
            "| {name} | {writer} | {:.1} ({:.1} to {:.1}) | {:.2} |",
            rate(seconds[seconds.len() / 2]),
            rate(seconds[seconds.len() - 1]),
            rate(seconds[0]),
            bytes as f64 / options.rows as f64
        );
    }
    Ok(())
}
