//! Geometries: four bytes with the SRID, little-endian, then WKB of points with two coordinates.
//!
//! MySQL stores longitude before latitude whatever the order of a geographic system, which is how files have them.

use arrow::array::ArrayRef;
use arrow::datatypes::BinaryType;

use super::form::malformed;
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::variable::VariableDecoder;
use crate::source::kit::wkb;

const ONE_SRID_HINT: &str = "--where can select the rows of one SRID; --cast 'table.column: text' keeps the bytes as \
     hexadecimal digits, which begin with the SRID";

/// Fills a `BinaryArray` with ISO WKB.
pub(super) struct GeometryDecoder {
    values: VariableDecoder<BinaryType>,
    /// The SRID of each.
    srid: u32,
    wkb: Vec<u8>,
}

impl GeometryDecoder {
    pub(super) fn new(srid: u32, capacity: usize) -> Self {
        Self { values: VariableDecoder::new(capacity), srid, wkb: Vec::new() }
    }
}

impl CellDecoder for GeometryDecoder {}

impl ColumnDecoder<Bytes> for GeometryDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        let (srid, geometry) = value.split_first_chunk().ok_or_else(|| malformed("geometry", value))?;
        let srid = u32::from_le_bytes(*srid);
        self.wkb.clear();
        wkb::to_iso(geometry, &mut self.wkb)
            // Neither server has points with more coordinates, or kinds above a collection.
            .filter(|found| self.wkb == geometry && found.curve.is_none())
            .ok_or_else(|| malformed("geometry", value))?;
        if srid != self.srid {
            return Err(BadValue {
                what: format!(
                    "a geometry of SRID {srid} in a column whose values have SRID {}: a file has one for a column",
                    self.srid
                ),
                hint: ONE_SRID_HINT,
            });
        }
        self.values.append(geometry)
    }

    fn append_null(&mut self) {
        self.values.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        self.values.finish()
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }
}
