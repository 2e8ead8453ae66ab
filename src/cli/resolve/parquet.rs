//! Shape of the files: what nobody chose suits the readers.

use crate::cli::args::{CompressionArg, ParquetArgs};
use crate::readers::Readers;
use crate::spec::{Compression, Encodings, ParquetSpec};

/// What the flags of `args` ask for.
pub(super) fn parquet(args: &ParquetArgs, readers: &Readers) -> ParquetSpec {
    let encodings = args.encodings.unwrap_or_else(|| Encodings::suited(readers));
    ParquetSpec {
        compression: match args.compression {
            CompressionArg::Zstd => Compression::suited(encodings),
            CompressionArg::Of(codec) => codec,
        },
        row_group_rows: args.row_group_rows,
        row_group_bytes: usize::try_from(args.row_group_bytes.0).unwrap_or(usize::MAX),
        readers: readers.clone(),
        encodings,
    }
}
