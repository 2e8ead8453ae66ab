//! Geometries: from ISO WKB, as files have them, to PostGIS' EWKB of the same without an SRID.
//!
//! `ST_AsBinary` would give ISO WKB at the server, but takes what is in a collection for nothing where all of it is
//! empty. Both forms are the order of bytes, the kind of geometry and numbers; the kind says otherwise that there are Z
//! and M: by 1000 and 2000 more, or by two bits.

/// Collections within collections in a file that is whole; one that is damaged must not exhaust the stack.
const MOST_DEPTH: usize = 256;

/// Bytes that are not read yet.
struct Wkb<'a>(&'a [u8]);

/// Appends the EWKB of `wkb`; false when that is not one geometry.
pub(super) fn put(out: &mut Vec<u8>, wkb: &[u8]) -> bool {
    let mut rest = Wkb(wkb);
    rest.geometry(out, 0).is_some() && rest.0.is_empty()
}

impl Wkb<'_> {
    fn copy(&mut self, out: &mut Vec<u8>, length: usize) -> Option<()> {
        let (head, tail) = self.0.split_at_checked(length)?;
        out.extend_from_slice(head);
        self.0 = tail;
        Some(())
    }

    /// The number that is next, not copied.
    fn number(&mut self, little_endian: bool) -> Option<u32> {
        let (head, tail) = self.0.split_first_chunk::<4>()?;
        self.0 = tail;
        Some(if little_endian { u32::from_le_bytes(*head) } else { u32::from_be_bytes(*head) })
    }

    fn geometry(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        let little_endian = *self.0.first()? == 1;
        self.copy(out, 1)?;
        let bytes = |number: u32| if little_endian { number.to_le_bytes() } else { number.to_be_bytes() };
        let iso = self.number(little_endian)?;
        let (kind, dimensions) = (iso % 1000, iso / 1000);
        let (z, m) = (dimensions & 1, dimensions >> 1);
        if m > 1 {
            return None;
        }
        out.extend(bytes(kind | (z << 31) | (m << 30)));
        let point = 8 * (2 + z + m) as usize;
        if kind == 1 {
            return self.copy(out, point);
        }
        let count = self.number(little_endian)?;
        out.extend(bytes(count));
        match kind {
            // Lines of points.
            2 | 8 => self.copy(out, point.checked_mul(count as usize)?),
            // Rings of points.
            3 | 17 => (0..count).try_for_each(|_| {
                let points = self.number(little_endian)?;
                out.extend(bytes(points));
                self.copy(out, point.checked_mul(points as usize)?)
            }),
            _ if depth == MOST_DEPTH => None,
            _ => (0..count).try_for_each(|_| self.geometry(out, depth + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::put;

    #[test]
    fn flags_instead_of_thousands() {
        // MULTIPOINT M(1 2 3); POINT(1 2) in the other order of bytes; nothing, too little, too much, a fourth sort.
        let cases: [(&[u8], Option<&[u8]>); 6] = [
            (
                &[&[1, 0xd4, 7, 0, 0, 1, 0, 0, 0, 1, 0xd1, 7, 0, 0][..], &[9; 24]].concat(),
                Some(&[&[1, 4, 0, 0, 0x40, 1, 0, 0, 0, 1, 1, 0, 0, 0x40][..], &[9; 24]].concat()),
            ),
            (
                &[&[0, 0, 0, 0x0b, 0xb9][..], &[7; 32]].concat(),
                Some(&[&[0, 0xc0, 0, 0, 1][..], &[7; 32]].concat()),
            ),
            (&[], None),
            (&[1, 2, 0, 0, 0, 1, 0, 0, 0, 0], None),
            (&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0], None),
            (&[1, 0xa2, 0x0f, 0, 0, 0, 0, 0, 0], None),
        ];
        for (wkb, ewkb) in cases {
            let mut out = Vec::new();
            let read = put(&mut out, wkb);
            assert_eq!(read.then_some(out.as_slice()), ewkb, "{wkb:?}");
        }
    }
}
