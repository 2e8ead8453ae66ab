//! Geometries: from EWKB to ISO WKB.
//!
//! Both are an order of bytes, the kind of geometry, and numbers. In EWKB three bits of the kind say whether points have
//! Z, have M, and whether an SRID follows, which only the outermost geometry has; ISO WKB adds 1000 and 2000 to the kind
//! for Z and M and knows no SRID. An empty point has NaN for its coordinates in both. Without those bits, both are the
//! same.

const HAS_Z: u32 = 0x8000_0000;
const HAS_M: u32 = 0x4000_0000;
const HAS_SRID: u32 = 0x2000_0000;
const BIG_ENDIAN: u8 = 0;
const LITTLE_ENDIAN: u8 = 1;
/// PostGIS reads collections within collections to a depth of 200.
const MOST_DEPTH: usize = 256;

/// What a value turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// The SRID that the value names; 0 for none.
    pub srid: i32,
    /// A point has M.
    pub measured: bool,
    /// The first kind in it that is a curve or a surface.
    pub curve: Option<&'static str>,
}

/// Appends the ISO WKB of `value` to `out` and says what was found; none when the bytes are not one geometry.
pub fn to_iso(value: &[u8], out: &mut Vec<u8>) -> Option<Found> {
    let mut reader = Reader { rest: value, found: Found::default() };
    reader.geometry(out, 0).filter(|()| reader.rest.is_empty())?;
    Some(reader.found)
}

/// Bytes of EWKB that are not read yet.
struct Reader<'a> {
    rest: &'a [u8],
    found: Found,
}

/// How one geometry writes its numbers.
#[derive(Clone, Copy)]
struct Layout {
    big_endian: bool,
    /// Bytes of a point.
    point: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }

    /// Copies bytes as they are.
    fn copy(&mut self, out: &mut Vec<u8>, length: usize) -> Option<()> {
        let (head, tail) = self.rest.split_at_checked(length)?;
        out.extend_from_slice(head);
        self.rest = tail;
        Some(())
    }

    /// Copies a count and returns it.
    fn count(&mut self, out: &mut Vec<u8>, layout: Layout) -> Option<usize> {
        let bytes = self.take::<4>()?;
        out.extend_from_slice(&bytes);
        usize::try_from(number(bytes, layout.big_endian)).ok()
    }

    fn points(&mut self, out: &mut Vec<u8>, layout: Layout) -> Option<()> {
        let count = self.count(out, layout)?;
        self.copy(out, count.checked_mul(layout.point)?)
    }

    /// One geometry, with those that are inside it; none when the bytes are not one.
    fn geometry(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        let [order] = self.take::<1>()?;
        if !matches!(order, BIG_ENDIAN | LITTLE_ENDIAN) || depth > MOST_DEPTH {
            return None;
        }
        let big_endian = order == BIG_ENDIAN;
        let flags = number(self.take()?, big_endian);
        let (z, m) = (flags & HAS_Z != 0, flags & HAS_M != 0);
        let kind = flags & !(HAS_Z | HAS_M | HAS_SRID);
        if flags & HAS_SRID != 0 {
            let srid = number(self.take()?, big_endian).cast_signed();
            // The kinds inside have that of the whole.
            if depth > 0 && srid != self.found.srid {
                return None;
            }
            self.found.srid = srid;
        }
        self.found.measured |= m;
        self.found.curve = self.found.curve.or(curve(kind));
        let written = kind + 1000 * u32::from(z) + 2000 * u32::from(m);
        out.push(order);
        out.extend(if big_endian { written.to_be_bytes() } else { written.to_le_bytes() });
        let layout = Layout { big_endian, point: 8 * (2 + usize::from(z) + usize::from(m)) };
        match kind {
            POINT => self.copy(out, layout.point),
            LINE_STRING | CIRCULAR_STRING => self.points(out, layout),
            POLYGON | TRIANGLE => {
                let rings = self.count(out, layout)?;
                (0..rings).try_for_each(|_| self.points(out, layout))
            }
            MULTI_POINT..=GEOMETRY_COLLECTION | COMPOUND_CURVE..=MULTI_SURFACE | POLYHEDRAL_SURFACE | TIN => {
                let members = self.count(out, layout)?;
                (0..members).try_for_each(|_| self.geometry(out, depth + 1))
            }
            _ => None,
        }
    }
}

const POINT: u32 = 1;
const LINE_STRING: u32 = 2;
const POLYGON: u32 = 3;
const MULTI_POINT: u32 = 4;
const GEOMETRY_COLLECTION: u32 = 7;
const CIRCULAR_STRING: u32 = 8;
const COMPOUND_CURVE: u32 = 9;
const CURVE_POLYGON: u32 = 10;
const MULTI_CURVE: u32 = 11;
const MULTI_SURFACE: u32 = 12;
const POLYHEDRAL_SURFACE: u32 = 15;
const TIN: u32 = 16;
const TRIANGLE: u32 = 17;

/// The name of a kind that GeoParquet does not have.
fn curve(kind: u32) -> Option<&'static str> {
    Some(match kind {
        CIRCULAR_STRING => "CircularString",
        COMPOUND_CURVE => "CompoundCurve",
        CURVE_POLYGON => "CurvePolygon",
        MULTI_CURVE => "MultiCurve",
        MULTI_SURFACE => "MultiSurface",
        POLYHEDRAL_SURFACE => "PolyhedralSurface",
        TIN => "TIN",
        TRIANGLE => "Triangle",
        _ => return None,
    })
}

fn number(bytes: [u8; 4], big_endian: bool) -> u32 {
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
