//! geometry and geography of PostGIS: from EWKB, as the server sends it, to ISO WKB.

use arrow::array::ArrayRef;
use arrow::datatypes::BinaryType;

use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::variable::VariableDecoder;
use crate::source::kit::wkb::{self, Found};

const ONE_SRID_HINT: &str = "--where can select the rows of one SRID; --cast 'table.column: text' keeps the values as the \
     database's own text, which has the SRID";

/// What the values of a column must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Promise {
    /// The coordinate system of each.
    pub(super) srid: i32,
    /// None is a curve or a surface or has M.
    pub(super) simple: bool,
}

/// Fills a `BinaryArray` with ISO WKB.
pub(super) struct GeometryDecoder {
    values: VariableDecoder<BinaryType>,
    promise: Promise,
    wkb: Vec<u8>,
}

impl GeometryDecoder {
    pub(super) fn new(promise: Promise, capacity: usize) -> Self {
        Self { values: VariableDecoder::new(capacity), promise, wkb: Vec::new() }
    }
}

impl CellDecoder for GeometryDecoder {}

impl ColumnDecoder<Bytes> for GeometryDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        self.wkb.clear();
        let found =
            wkb::to_iso(value, &mut self.wkb).ok_or_else(|| BadValue::malformed("geometry", value))?;
        check(found, self.promise)?;
        self.values.append(&self.wkb)
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

/// Refuses what the column's values must not be.
fn check(found: Found, promise: Promise) -> Result<(), BadValue> {
    if found.srid != promise.srid {
        return Err(BadValue {
            what: format!(
                "a geometry of SRID {} in a column whose values have SRID {}: a file has one for a column",
                found.srid, promise.srid
            ),
            hint: ONE_SRID_HINT,
        });
    }
    let odd = found.curve.or_else(|| found.measured.then_some("geometry with M"));
    match odd.filter(|_| promise.simple) {
        None => Ok(()),
        Some(odd) => Err(BadValue::new(format!(
            "a {odd} is no geometry that GeoParquet has: no curves, no surfaces, no M"
        ))),
    }
}
