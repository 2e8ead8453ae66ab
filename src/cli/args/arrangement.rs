//! Flags that say how rows are laid out in files.

use clap::Args;
use clap::builder::FalseyValueParser;

use crate::cli::values::parse_count;
use crate::config::units::Size;
use crate::spec::ArrangementSpec;

/// Into which files the rows of a part go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Layout of files")]
pub(in crate::cli) struct FanoutArgs {
    /// Hive partitions: 'orders: year(o_date) AS y, region'. Repeatable. Default: none.
    ///
    /// One directory for each value (y=2024/region=EU), each with the files of every reader. The files leave out the columns
    /// that are partitions. year, month, day and hour are integers.
    #[arg(long, env = "LAKEXPRESS_PARTITION_BY", value_name = "TABLE: KEYS")]
    pub(in crate::cli) partition_by: Vec<String>,
    /// Size at which a file ends and the next begins. Default: none, one file for each part.
    ///
    /// Files are named part-00000-000.parquet, part-00000-001.parquet and so on.
    #[arg(long, env = "LAKEXPRESS_MAX_FILE_BYTES", value_name = "SIZE")]
    pub(in crate::cli) max_file_bytes: Option<Size>,
    /// Files of partitions that a reader writes at once. Default: 16.
    ///
    /// Rows of other partitions wait in the temporary directory until the reader has no more rows.
    #[arg(long, env = "LAKEXPRESS_MAX_OPEN_FILES", value_name = "FILES", default_value_t = ArrangementSpec::default().max_open_files, value_parser = parse_count)]
    pub(in crate::cli) max_open_files: usize,
    /// Partitions that a table may have. Default: 10000.
    #[arg(long, env = "LAKEXPRESS_MAX_PARTITIONS", value_name = "COUNT", default_value_t = ArrangementSpec::default().max_partitions, value_parser = parse_count)]
    pub(in crate::cli) max_partitions: usize,
}

/// The same, and what is decided when a table is cut into parts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Layout of files")]
pub(in crate::cli) struct ArrangementArgs {
    #[command(flatten)]
    pub(in crate::cli) fanout: FanoutArgs,
    /// Order of rows: 'orders: o_date, o_id DESC'. Repeatable. Default: as they come.
    ///
    /// A large table is cut by ranges of the first column if it is a number, a date or a timestamp, so that files do not
    /// overlap. Without TABLE: for all tables. Sorting spills to the temporary directory beyond --memory-limit.
    #[arg(long, env = "LAKEXPRESS_SORT_BY", value_name = "TABLE: COLUMNS")]
    pub(in crate::cli) sort_by: Vec<String>,
    /// Bytes of source that a part has at least: smaller ones are joined. Default: none.
    #[arg(long, env = "LAKEXPRESS_MIN_FILE_BYTES", value_name = "SIZE")]
    pub(in crate::cli) min_file_bytes: Option<Size>,
    /// Same snapshot and settings, same bytes, at any number of readers. Default: off.
    ///
    /// Parts are cut by --part-bytes alone.
    #[arg(long, env = "LAKEXPRESS_DETERMINISTIC", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) deterministic: bool,
}
