//! The rows of a COPY in binary: a count of columns, then each value with its length.

use crate::error::{Code, Error, Result};
use crate::source::kit::cells::{Cell, Cells};

/// Finds the values of the row that begins at `at` of `buffer` and ends at `end` or before.
///
/// Returns where it ends; none at the trailer. There must be room, see [`Cells::is_full`].
///
/// # Errors
/// `Data` when the bytes are not a row of as many columns.
#[inline]
pub(super) fn find_row(found: &mut Cells, buffer: &[u8], at: usize, end: usize) -> Result<Option<usize>> {
    let bytes = &buffer[..end];
    let Some((count, mut rest)) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<2>()) else {
        return Err(cut_short());
    };
    let count = i16::from_be_bytes(*count);
    if count == -1 {
        return Ok(None);
    }
    if usize::try_from(count) != Ok(found.columns()) {
        return Err(misframed("a row has another number of columns"));
    }
    // Both fit: a buffer of rows is 1 MiB long at most, and one message more, which has 31 bits.
    let whole = end - found.begin(at);
    for cell in found.next_row() {
        let Some((length, tail)) = rest.split_first_chunk::<4>() else { return Err(cut_short()) };
        let length = i32::from_be_bytes(*length);
        *cell = Cell { start: (whole - tail.len()) as u32, length };
        rest = match usize::try_from(length) {
            Ok(length) => tail.get(length..).ok_or_else(cut_short)?,
            Err(_) if length == -1 => tail,
            Err(_) => return Err(cut_short()),
        };
    }
    let at = end - rest.len();
    found.add(at);
    Ok(Some(at))
}

fn cut_short() -> Error {
    misframed("a row is cut short")
}

pub(super) fn misframed(what: &str) -> Error {
    Error::data(format!("the server's COPY stream is malformed: {what}")).coded(Code::RowsContradict)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;
    use arrow_schema::{DataType, Field};

    use super::super::column::Codec;
    use super::*;
    use crate::source::kit::cells::CellDecoder;
    use crate::spec::SpecialValues;

    fn decoders(columns: usize) -> Vec<Box<dyn CellDecoder>> {
        let field = Field::new("c", DataType::Int32, true);
        (0..columns).map(|_| Codec::Int4.decoder(&field, 8, SpecialValues::Error).unwrap()).collect()
    }

    /// A row of integers and NULLs in binary.
    fn row(values: &[Option<i32>]) -> Vec<u8> {
        let mut bytes = (values.len() as i16).to_be_bytes().to_vec();
        for value in values {
            match value {
                Some(value) => bytes.extend([4i32.to_be_bytes(), value.to_be_bytes()].concat()),
                None => bytes.extend((-1i32).to_be_bytes()),
            }
        }
        bytes
    }

    #[test]
    fn rows_become_columns_wherever_they_lie() {
        let (one, two) = (row(&[Some(1), None]), row(&[Some(-2), Some(3)]));
        let buffer = [b"before", one.as_slice(), b"between", two.as_slice(), b"after"].concat();
        let mut found = Cells::new(2);
        let end = find_row(&mut found, &buffer, 6, 6 + one.len()).unwrap();
        assert_eq!(end, Some(6 + one.len()));
        let at = 6 + one.len() + 7;
        assert_eq!(find_row(&mut found, &buffer, at, buffer.len()).unwrap(), Some(at + two.len()));
        let mut decoders = decoders(2);
        assert!(found.decode(&buffer, &mut decoders).is_ok());
        assert_eq!(found.rows(), 0);
        let arrays: Vec<_> = decoders.iter_mut().map(|d| d.finish()).collect();
        assert_eq!(arrays[0].as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(1), Some(-2)]);
        assert_eq!(arrays[1].as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [None, Some(3)]);
    }

    #[test]
    fn every_cut_and_every_other_count_is_refused() {
        let bytes = row(&[Some(7), None]);
        for end in 0..bytes.len() {
            assert!(find_row(&mut Cells::new(2), &bytes, 0, end).is_err(), "{end}");
        }
        assert!(find_row(&mut Cells::new(1), &bytes, 0, bytes.len()).is_err());
        assert!(find_row(&mut Cells::new(3), &bytes, 0, bytes.len()).is_err());
        assert_eq!(find_row(&mut Cells::new(2), &[255, 255], 0, 2).unwrap(), None);
        for length in [-2, i32::MIN, i32::MAX, 5] {
            let bytes = [&1i16.to_be_bytes()[..], &i32::to_be_bytes(length), b"1234"].concat();
            assert!(find_row(&mut Cells::new(1), &bytes, 0, bytes.len()).is_err(), "{length}");
        }
    }

    #[test]
    fn a_refused_value_is_named_by_row_and_column() {
        let bad = [&2i16.to_be_bytes()[..], &4i32.to_be_bytes(), &[0; 4], &1i32.to_be_bytes(), &[0]].concat();
        let good = row(&[Some(1), Some(2)]);
        let buffer = [good.as_slice(), bad.as_slice()].concat();
        let mut found = Cells::new(2);
        let next = find_row(&mut found, &buffer, 0, good.len()).unwrap().unwrap();
        find_row(&mut found, &buffer, next, buffer.len()).unwrap();
        let Err((row, column, _)) = found.decode(&buffer, &mut decoders(2)) else { panic!("not refused") };
        assert_eq!((row, column), (1, 1));
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let mut found = Cells::new(0);
        for at in [0, 2, 4] {
            assert_eq!(find_row(&mut found, &[0; 6], at, 6).unwrap(), Some(at + 2));
        }
        assert_eq!(found.rows(), 3);
        assert!(found.decode(&[0; 6], &mut []).is_ok());
    }
}
