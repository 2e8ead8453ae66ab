//! The laws of cutting, for every way to cut: each row is in exactly one slice.

use proptest::prelude::*;

use super::period::{self, TimeKey};
use super::share::Portion;
use super::{leaves, modulo, physical, quantile, range, values};
use crate::catalog::{KeyBounds, KeyQuantiles, KeyValue, Leaf, Slice, ValueCount};

/// A row as far as slices can see it.
#[derive(Debug, Clone, Default)]
struct Row {
    block: u64,
    key: Option<KeyValue>,
    /// The value of the one expression there is.
    value: Option<String>,
    relation: u32,
}

impl Row {
    fn with_key(key: Option<i64>) -> Self {
        Self { key: key.map(KeyValue::Int), ..Self::default() }
    }
}

fn holds(slice: &Slice, row: &Row) -> bool {
    match slice {
        Slice::All => true,
        Slice::Physical { from, to } => {
            from.is_none_or(|f| row.block >= f) && to.is_none_or(|t| row.block < t)
        }
        Slice::Range { lower, upper, .. } => row
            .key
            .as_ref()
            .is_some_and(|k| lower.as_ref().is_none_or(|l| k >= l) && upper.as_ref().is_none_or(|u| k < u)),
        Slice::IsNull { .. } => row.key.is_none(),
        Slice::Modulo { of, remainder, .. } => match row.key {
            Some(KeyValue::Int(key)) => key.rem_euclid(i64::from(*of)) == i64::from(*remainder),
            _ => false,
        },
        Slice::Value { value, .. } => row.value == *value,
        Slice::Other { values, .. } => row.value.as_ref().is_some_and(|value| !values.contains(value)),
        Slice::Relation { id, .. } => row.relation == *id,
        Slice::Both(left, right) => holds(left, row) && holds(right, row),
    }
}

fn exactly_one(slices: &[Slice], row: Row) -> bool {
    slices.iter().filter(|s| holds(s, &row)).count() == 1
}

/// Slices with their pieces, cut at blocks that have nothing to do with where the rows lie.
fn in_pieces(portions: Vec<Portion>, blocks: &[u64]) -> Vec<Slice> {
    portions
        .into_iter()
        .flat_map(|portion| match portion.pieces {
            1 => vec![portion.slice],
            pieces => {
                let cuts = blocks.iter().copied().take(pieces - 1).collect();
                portion.slice.in_pieces(physical::between(cuts))
            }
        })
        .collect()
}

/// Keys of which some are far more frequent than others.
fn skewed_keys() -> impl Strategy<Value = Vec<Option<i64>>> {
    let key = prop_oneof![
        3 => Just(Some(7)),
        2 => Just(None),
        2 => (-3_i64..3).prop_map(Some),
        2 => any::<i64>().prop_map(Some),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)].prop_map(Some),
    ];
    prop::collection::vec(key, 0..200)
}

/// What a source would say about all of these rows.
fn quantiles_of(keys: &[Option<i64>], points: usize) -> KeyQuantiles {
    let mut present: Vec<i64> = keys.iter().copied().flatten().collect();
    present.sort_unstable();
    let at = |i: usize| present[((i as f64 + 0.5) / points as f64 * present.len() as f64) as usize];
    let found = if present.is_empty() { Vec::new() } else { (0..points).map(at).collect() };
    let nulls = (keys.len() - present.len()) as f64 / keys.len().max(1) as f64;
    KeyQuantiles { points: found.into_iter().map(KeyValue::Int).collect(), nulls }
}

fn counts_of(values: &[Option<String>]) -> Vec<ValueCount> {
    let mut counts: Vec<ValueCount> = Vec::new();
    for value in values {
        match counts.iter_mut().find(|count| count.value == *value) {
            Some(count) => count.rows += 1,
            None => counts.push(ValueCount { value: value.clone(), rows: 1 }),
        }
    }
    counts
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
            prop_assert!(exactly_one(&slices, Row { block, ..Row::default() }), "{block} in {slices:?}");
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
            let row = Row::with_key(Some(key));
            prop_assert!(exactly_one(&slices, row), "{key} in {slices:?}");
        }
        prop_assert_eq!(exactly_one(&slices, Row::default()), nullable);
    }

    #[test]
    fn few_keys_make_few_ranges(min in -5_i32..5, width in 0_i32..10, parts in 1_usize..20) {
        let bounds = KeyBounds { min: KeyValue::Date(min), max: KeyValue::Date(min + width) };
        let slices = range::cut("k", Some(&bounds), parts, true);
        prop_assert!(slices.len() <= usize::try_from(width).expect("small") + 2);
        for day in min - 2..min + width + 2 {
            let row = Row { key: Some(KeyValue::Date(day)), ..Row::default() };
            prop_assert!(exactly_one(&slices, row), "{day} in {slices:?}");
        }
    }
}

proptest! {
    #[test]
    fn quantiles_hold_every_key_once_and_null_too(
        sampled in skewed_keys(), keys in skewed_keys(), parts in 1_usize..40, nullable in any::<bool>(),
        blocks in prop::collection::vec(0_u64..100, 40), block in 0_u64..110,
    ) {
        // Asked of other rows than those that are cut: the answer may be wrong.
        let quantiles = quantiles_of(&sampled, parts * 4);
        let slices = in_pieces(quantile::cut("k", &quantiles, parts, nullable), &blocks);
        for key in keys.into_iter().chain(sampled).flatten().chain([i64::MIN, 0, i64::MAX]) {
            prop_assert!(exactly_one(&slices, Row { block, ..Row::with_key(Some(key)) }), "{key} in {slices:?}");
        }
        prop_assert_eq!(exactly_one(&slices, Row { block, ..Row::default() }), nullable);
    }

    #[test]
    fn quantiles_make_slices_of_like_size(keys in skewed_keys(), parts in 1_usize..20) {
        prop_assume!(!keys.is_empty());
        let portions = quantile::cut("k", &quantiles_of(&keys, parts * 16), parts, true);
        for portion in &portions {
            let rows = keys.iter().filter(|k| holds(&portion.slice, &Row::with_key(**k))).count();
            let share = rows as f64 / keys.len() as f64 / portion.pieces as f64;
            // One row is a large share of few rows.
            let most = 1.3 / parts as f64 + 2.0 / keys.len() as f64;
            prop_assert!(share <= most, "{share} over {most}: {portion:?} of {portions:?}");
        }
    }

    #[test]
    fn remainders_hold_every_key_once_and_null_too(
        keys in skewed_keys(), parts in 1_usize..40, nullable in any::<bool>(),
        blocks in prop::collection::vec(0_u64..100, 40), block in 0_u64..110,
    ) {
        let remainder = |key: i64| key.rem_euclid(parts as i64).to_string();
        let counts = counts_of(&keys.iter().map(|key| key.map(remainder)).collect::<Vec<_>>());
        let portions = modulo::cut("k", &counts, parts, nullable);
        for portion in &portions {
            let rows = keys.iter().filter(|k| holds(&portion.slice, &Row::with_key(**k))).count();
            let share = rows as f64 / keys.len().max(1) as f64 / portion.pieces as f64;
            prop_assert!(share * parts as f64 <= 1.15 + 1e-9, "{portion:?}");
        }
        let slices = in_pieces(portions, &blocks);
        for key in keys.into_iter().flatten().chain([i64::MIN, -1, i64::MAX]) {
            prop_assert!(exactly_one(&slices, Row { block, ..Row::with_key(Some(key)) }), "{key} in {slices:?}");
        }
        prop_assert_eq!(exactly_one(&slices, Row { block, ..Row::default() }), nullable);
    }

    #[test]
    fn values_hold_every_value_once_known_or_not(
        known in prop::collection::vec(prop::option::weighted(0.8, "[a-c]{0,2}"), 0..60),
        value in prop::option::weighted(0.8, "[a-d]{0,2}"), parts in 1_usize..20,
        blocks in prop::collection::vec(0_u64..100, 40), block in 0_u64..110,
    ) {
        let portions = values::cut("e", &counts_of(&known), parts);
        let slices = in_pieces(portions, &blocks);
        for value in known.into_iter().chain([value]) {
            let row = Row { value: value.clone(), block, ..Row::default() };
            prop_assert!(exactly_one(&slices, row), "{value:?} in {slices:?}");
        }
    }

    #[test]
    fn leaves_hold_every_row_once(
        sizes in prop::collection::vec((0_u64..1_000_000, any::<bool>()), 1..20), parts in 1_usize..40,
        block in 0_u64..200,
    ) {
        let leaf = |(id, (bytes, heap)): (usize, &(u64, bool))| {
            let blocks = heap.then_some(bytes / 8192);
            Leaf { id: u32::try_from(id).expect("small"), name: String::new(), bytes: *bytes, blocks }
        };
        let leaves: Vec<Leaf> = sizes.iter().enumerate().map(leaf).collect();
        let slices = leaves::cut(&leaves, parts);
        for leaf in &leaves {
            let row = Row { block, relation: leaf.id, ..Row::default() };
            prop_assert!(exactly_one(&slices, row), "{leaf:?} in {slices:?}");
        }
    }

    #[test]
    fn periods_hold_every_moment_once(
        moments in prop::collection::vec(prop::option::weighted(0.9, -900_000_i64..2_000_000), 0..40),
        unit in prop::sample::select(vec!["year", "year,month", "year,month,day", "year,week"]),
        timestamps in any::<bool>(),
    ) {
        let key: TimeKey = format!("(at,{unit})").parse().expect("a key");
        // The calendar of another library, for the days that it has.
        let start = |day: i64| {
            use chrono::Datelike;
            let date = chrono::NaiveDate::from_num_days_from_ce_opt(i32::try_from(day + 719_163).expect("small"));
            let date = date.expect("a day");
            let of = match unit {
                "year" => date.with_ordinal(1),
                "year,month" => date.with_day(1),
                "year,week" => Some(date.week(chrono::Weekday::Mon).first_day()),
                _ => Some(date),
            };
            (i64::from(of.expect("a start").num_days_from_ce()) - 719_163).to_string()
        };
        let starts: Vec<Option<String>> = moments.iter().map(|day| day.map(start)).collect();
        let portions = period::cut(&key, "e", &counts_of(&starts), timestamps, 4).expect("days");
        prop_assert!(portions.iter().all(|portion| portion.directory.is_some()));
        let slices = in_pieces(portions, &[3, 5]);
        for (day, value) in moments.into_iter().zip(starts) {
            let key = day.map(|day| match timestamps {
                true => KeyValue::Timestamp(day * 86_400_000_000 + 86_399_999_999),
                false => KeyValue::Date(i32::try_from(day).expect("small")),
            });
            prop_assert!(exactly_one(&slices, Row { key, value: value.clone(), ..Row::default() }), "{value:?} in {slices:?}");
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
