//! Compression of pages: the codecs of the Parquet format, with buffers and tables that are used again.

use std::io::Write;

use crate::error::{Error, Result};
use crate::spec::Compression;

/// Compresses one page after the other. One for all columns of a file: tables are large.
pub(in crate::sink) struct Codec {
    compression: Compression,
    snappy: snap::raw::Encoder,
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Codec {
    /// Errors: `Config` for a level that zstd does not have.
    pub(in crate::sink) fn new(compression: Compression) -> Result<Self> {
        let zstd = match compression {
            Compression::Zstd(level) => Some(zstd::bulk::Compressor::new(level).map_err(failed)?),
            _ => None,
        };
        Ok(Self { compression, snappy: snap::raw::Encoder::new(), zstd })
    }

    /// Puts the compressed form of `page` into `out`, whatever was in there.
    pub(super) fn compress(&mut self, page: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        match (self.compression, &mut self.zstd) {
            (Compression::None, _) => out.extend_from_slice(page),
            (Compression::Zstd(_), Some(zstd)) => {
                out.reserve(zstd::zstd_safe::compress_bound(page.len()));
                zstd.compress_to_buffer(page, out).map_err(failed)?;
            }
            (Compression::Zstd(_), None) => return Err(Error::internal("zstd was not set up")),
            (Compression::Snappy, _) => {
                out.resize(snap::raw::max_compress_len(page.len()), 0);
                let written = self.snappy.compress(page, out).map_err(failed)?;
                out.truncate(written);
            }
            (Compression::Lz4, _) => {
                out.resize(lz4_flex::block::get_maximum_output_size(page.len()), 0);
                let written = lz4_flex::block::compress_into(page, out).map_err(failed)?;
                out.truncate(written);
            }
            (Compression::Gzip(level), _) => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(level));
                encoder.write_all(page).and_then(|()| encoder.finish()).map_err(failed)?;
            }
            (Compression::Brotli(level), _) => {
                let mut encoder = brotli::CompressorWriter::new(out, BROTLI_BLOCK, level, BROTLI_WINDOW);
                encoder.write_all(page).and_then(|()| encoder.flush()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Bytes that brotli looks at at once.
const BROTLI_BLOCK: usize = 4096;
/// Logarithm of the bytes that brotli looks back.
const BROTLI_WINDOW: u32 = 22;

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("a page could not be compressed").caused_by(error)
}
