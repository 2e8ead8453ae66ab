//! The laws of cutting, for every way to cut: each row is in exactly one slice.

use proptest::prelude::*;

use super::{physical, range};
use crate::catalog::{KeyBounds, KeyValue, Slice};

/// A row as far as slices can see it.
#[derive(Debug, Clone, Copy)]
struct Row {
    block: u64,
    key: Option<KeyValue>,
}

fn holds(slice: &Slice, row: Row) -> bool {
    match slice {
        Slice::All => true,
        Slice::Physical { from, to } => {
            from.is_none_or(|f| row.block >= f) && to.is_none_or(|t| row.block < t)
        }
        Slice::Range { lower, upper, .. } => {
            row.key.is_some_and(|k| lower.is_none_or(|l| k >= l) && upper.is_none_or(|u| k < u))
        }
        Slice::IsNull { .. } => row.key.is_none(),
    }
}

fn exactly_one(slices: &[Slice], row: Row) -> bool {
    slices.iter().filter(|s| holds(s, row)).count() == 1
}

proptest! {
    #[test]
    fn physical_slices_hold_every_block_once(
        heaps in prop::collection::vec(0_u64..5_000, 1..6),
        parts in 1_usize..40,
        blocks in prop::collection::vec(0_u64..1_000_000, 1..60),
    ) {
        let slices = physical::cut(&heaps, parts);
        prop_assert!(slices.len() <= parts);
        let edges = slices.iter().filter_map(|s| match s { Slice::Physical { from, .. } => *from, _ => None });
        for block in blocks.into_iter().chain(edges.flat_map(|b| [b.saturating_sub(1), b, b + 1])) {
            prop_assert!(exactly_one(&slices, Row { block, key: None }), "{block} in {slices:?}");
        }
    }

    #[test]
    fn physical_slices_are_balanced(blocks in 1_u64..10_000_000, parts in 1_u64..100) {
        let slices = physical::cut(&[blocks], usize::try_from(parts).expect("small"));
        for slice in &slices {
            let Slice::Physical { from, to } = slice else { unreachable!() };
            let size = to.unwrap_or(blocks) - from.unwrap_or(0);
            prop_assert!(size <= blocks / parts.min(blocks) + 1, "{slice:?} of {blocks}");
        }
    }

    #[test]
    fn ranges_hold_every_key_once_and_null_too(
        a in any::<i64>(), b in any::<i64>(), parts in 1_usize..40, nullable in any::<bool>(),
        keys in prop::collection::vec(any::<i64>(), 1..60),
    ) {
        let bounds = KeyBounds { min: KeyValue::Int(a.min(b)), max: KeyValue::Int(a.max(b)) };
        let slices = range::cut("k", Some(&bounds), parts, nullable);
        for key in keys.into_iter().chain([a, b, i64::MIN, i64::MAX, 0]) {
            let row = Row { block: 0, key: Some(KeyValue::Int(key)) };
            prop_assert!(exactly_one(&slices, row), "{key} in {slices:?}");
        }
        prop_assert_eq!(exactly_one(&slices, Row { block: 0, key: None }), nullable);
    }

    #[test]
    fn few_keys_make_few_ranges(min in -5_i32..5, width in 0_i32..10, parts in 1_usize..20) {
        let bounds = KeyBounds { min: KeyValue::Date(min), max: KeyValue::Date(min + width) };
        let slices = range::cut("k", Some(&bounds), parts, true);
        prop_assert!(slices.len() <= usize::try_from(width).expect("small") + 2);
        for day in min - 2..min + width + 2 {
            let row = Row { block: 0, key: Some(KeyValue::Date(day)) };
            prop_assert!(exactly_one(&slices, row), "{day} in {slices:?}");
        }
    }
}

#[test]
fn a_table_without_rows_is_one_range() {
    assert_eq!(range::cut("k", None, 8, false).len(), 1);
    assert_eq!(range::cut("k", None, 8, true).len(), 2);
    assert_eq!(physical::cut(&[], 8), vec![Slice::Physical { from: None, to: None }]);
    assert_eq!(physical::cut(&[0], 8).len(), 1);
}
