//! Compression of pages: the codecs of the Parquet format, with buffers and tables that are used again.

use std::io::Write;

use parquet::basic::Compression;

use super::error::{Error, Result};

/// Most bytes of a page whose room is used again: four times the usual size.
const KEPT_BYTES: usize = 4 << 20;

/// Compresses one page after the other. One for all columns of a file: tables are large, and so are pages.
pub(super) struct Codec {
    method: Method,
    room: Room,
}

/// A page, and its compressed form, while it is made.
#[derive(Default)]
pub(super) struct Room {
    pub(super) page: Vec<u8>,
    pub(super) compressed: Vec<u8>,
}

enum Method {
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
        let method = match compression {
            Compression::UNCOMPRESSED => Method::None,
            Compression::SNAPPY => Method::Snappy(Box::new(snap::raw::Encoder::new())),
            Compression::LZ4_RAW => Method::Lz4,
            Compression::GZIP(level) => Method::Gzip(flate2::Compression::new(level.compression_level())),
            Compression::BROTLI(level) => Method::Brotli(level.compression_level()),
            Compression::ZSTD(level) => {
                Method::Zstd(zstd::bulk::Compressor::new(level.compression_level()).map_err(failed)?)
            }
            Compression::LZO | Compression::LZ4 => return Err(Error::NoCodec(compression)),
        };
        Ok(Self { method, room: Room::default() })
    }

    /// Room that was used before, empty.
    pub(super) fn take_room(&mut self) -> Room {
        let mut room = std::mem::take(&mut self.room);
        room.page.clear();
        room
    }

    /// Keeps the room for the next page. A single huge value must not keep it for ever.
    pub(super) fn give_back(&mut self, room: Room) {
        if room.page.capacity() <= KEPT_BYTES {
            self.room = room;
        }
    }

    /// Puts the compressed form of `page` into `out`, whatever was in there.
    pub(super) fn compress(&mut self, page: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        match &mut self.method {
            Method::None => out.extend_from_slice(page),
            Method::Snappy(encoder) => {
                out.resize(snap::raw::max_compress_len(page.len()), 0);
                let written = encoder.compress(page, out).map_err(failed)?;
                out.truncate(written);
            }
            Method::Lz4 => {
                out.resize(lz4_flex::block::get_maximum_output_size(page.len()), 0);
                let written = lz4_flex::block::compress_into(page, out).map_err(failed)?;
                out.truncate(written);
            }
            Method::Gzip(level) => {
                let mut encoder = flate2::write::GzEncoder::new(out, *level);
                encoder.write_all(page).and_then(|()| encoder.finish()).map_err(failed)?;
            }
            Method::Brotli(level) => {
                let mut encoder = brotli::CompressorWriter::new(out, BROTLI_BLOCK, *level, BROTLI_WINDOW);
                encoder.write_all(page).and_then(|()| encoder.flush()).map_err(failed)?;
            }
            Method::Zstd(zstd) => {
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
