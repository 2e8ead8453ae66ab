//! Compression of pages: the codecs of the Parquet format, with buffers and tables that are used again.

use std::io::Write;

use parquet::basic::Compression;

use super::error::{Error, Result};

/// Compresses one page after the other. One for all columns of a file: tables are large.
pub(super) enum Codec {
    None,
    Snappy(Box<snap::raw::Encoder>),
    Lz4,
    Gzip(flate2::Compression),
    /// The level.
    Brotli(u32),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Codec {
    /// Errors: for a codec that is not written, and for a level that zstd does not have.
    pub(super) fn new(compression: Compression) -> Result<Self> {
        Ok(match compression {
            Compression::UNCOMPRESSED => Self::None,
            Compression::SNAPPY => Self::Snappy(Box::new(snap::raw::Encoder::new())),
            Compression::LZ4_RAW => Self::Lz4,
            Compression::GZIP(level) => Self::Gzip(flate2::Compression::new(level.compression_level())),
            Compression::BROTLI(level) => Self::Brotli(level.compression_level()),
            Compression::ZSTD(level) => {
                Self::Zstd(zstd::bulk::Compressor::new(level.compression_level()).map_err(failed)?)
            }
            Compression::LZO | Compression::LZ4 => return Err(Error::NoCodec(compression)),
        })
    }

    /// Puts the compressed form of `page` into `out`, whatever was in there.
    pub(super) fn compress(&mut self, page: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        match self {
            Self::None => out.extend_from_slice(page),
            Self::Snappy(encoder) => {
                out.resize(snap::raw::max_compress_len(page.len()), 0);
                let written = encoder.compress(page, out).map_err(failed)?;
                out.truncate(written);
            }
            Self::Lz4 => {
                out.resize(lz4_flex::block::get_maximum_output_size(page.len()), 0);
                let written = lz4_flex::block::compress_into(page, out).map_err(failed)?;
                out.truncate(written);
            }
            Self::Gzip(level) => {
                let mut encoder = flate2::write::GzEncoder::new(out, *level);
                encoder.write_all(page).and_then(|()| encoder.finish()).map_err(failed)?;
            }
            Self::Brotli(level) => {
                let mut encoder = brotli::CompressorWriter::new(out, BROTLI_BLOCK, *level, BROTLI_WINDOW);
                encoder.write_all(page).and_then(|()| encoder.flush()).map_err(failed)?;
            }
            Self::Zstd(zstd) => {
                out.reserve(zstd::zstd_safe::compress_bound(page.len()));
                zstd.compress_to_buffer(page, out).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Bytes that brotli takes at once.
const BROTLI_BLOCK: usize = 4096;
/// Logarithm of the bytes that brotli looks back.
const BROTLI_WINDOW: u32 = 22;

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Codec(Box::new(error))
}
