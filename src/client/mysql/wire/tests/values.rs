//! The two ways to read a row.

use proptest::prelude::*;

use super::column;
use crate::client::mysql::wire::row::Row;
use crate::client::mysql::wire::{Column, find_values};
use crate::error::Result;

/// Columns of every width.
fn columns() -> Vec<Column> {
    let kinds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 245, 246, 252, 253, 254, 255];
    kinds.iter().map(|kind| Column::parse(&column("c", *kind, 0)).unwrap()).collect()
}

/// What both ways to read a row make of it.
fn both(columns: &[Column], body: &[u8]) -> [Option<Vec<Option<Vec<u8>>>>; 2] {
    let mut found = Vec::new();
    let done = find_values(columns, body, |value| found.push(value.map(|at| body[at].to_vec())));
    let row = Row::of(columns, body);
    let values = row.and_then(|row| {
        row.values().map(|value| value.map(|(_, value)| value.map(Vec::from))).collect::<Result<_>>().ok()
    });
    [done.is_ok().then_some(found), values]
}

#[test]
fn values_are_found_where_they_lie() {
    let columns = [column("n", 3, 0), column("t", 253, 0), column("d", 12, 0)];
    let columns = columns.map(|body| Column::parse(&body).unwrap());
    let long = [b"\xfc\x2c\x01", &[b'y'; 300][..]].concat();
    for (nulls, values, expected) in [
        (0, vec![&[1, 2, 3, 4][..], b"\x02ab", b"\x04\xea\x07\x01\x02"], Some(vec![4, 2, 4])),
        (0, vec![&[1, 2, 3, 4][..], &long, b"\x00"], Some(vec![4, 300, 0])),
        (0b11100, vec![], Some(vec![-1, -1, -1])),
        (0b01100, vec![b"\x00"], Some(vec![-1, -1, 0])),
        (0, vec![&[1, 2, 3, 4][..], b"\x02ab", b"\x0d\xea\x07\x01\x02456789012"], None),
        (0, vec![&[1, 2, 3, 4][..], b"\xfb", b"\x00"], None),
        (0, vec![&[1, 2, 3, 4][..], b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff", b"\x00"], None),
        (0, vec![&[1, 2, 3, 4][..], b"\x02ab", b"\x00\x00"], None),
    ] {
        let body = [&[0, nulls][..], &values.concat()].concat();
        let [found, row] = both(&columns, &body);
        assert_eq!(found, row, "{body:?}");
        let lengths = found.map(|values| {
            values
                .iter()
                .map(|value| value.as_ref().map_or(-1, |value| value.len() as i32))
                .collect::<Vec<_>>()
        });
        assert_eq!(lengths, expected, "{body:?}");
        let whole = if expected.is_some() { body.len() } else { 0 };
        for length in 0..whole {
            assert_eq!(both(&columns, &body[..length]), [None, None], "{body:?} {length}");
        }
    }
    assert_eq!(both(&columns, &[1, 0b11100]), [None, None], "no row");
    assert_eq!(both(&[], &[0, 0]), [Some(vec![]), Some(vec![])]);
}

proptest! {
    #[test]
    fn odd_rows_are_errors_and_both_ways_agree(
        count in 0..21_usize,
        nulls in prop::collection::vec(any::<u8>(), 3),
        body in prop::collection::vec(prop_oneof![0..14_u8, any::<u8>()], 0..200),
    ) {
        let columns = &columns()[..count];
        let body = [&[0][..], &nulls[..(count + 2).div_ceil(8)], &body].concat();
        let [found, row] = both(columns, &body);
        prop_assert_eq!(found, row);
    }
}
