//! Slices by the value of a column or an expression.

use super::share::Portion;
use crate::catalog::{Slice, ValueCount};

/// One slice for each value, one for NULL, and one for every other value, which holds nothing when `counts`
/// names all there are. Values that very many rows have are to be cut into pieces.
pub fn cut(expression: &str, counts: &[ValueCount], parts: usize) -> Vec<Portion> {
    let all: u64 = counts.iter().map(|c| c.rows).sum();
    let parts = parts.max(counts.len());
    let mut values: Vec<String> = counts.iter().filter_map(|c| c.value.clone()).collect();
    values.sort();
    values.dedup();
    let rows = |value: Option<&str>| -> u64 {
        counts.iter().filter(|c| c.value.as_deref() == value).map(|c| c.rows).sum()
    };
    let slice = |value: Option<String>| {
        let share = rows(value.as_deref()) as f64 / all.max(1) as f64;
        Portion::new(Slice::Value { expression: expression.to_owned(), value }, share, parts)
    };
    let mut portions: Vec<Portion> = values.iter().cloned().map(Some).map(&slice).collect();
    portions.push(slice(None));
    portions.push(Portion::whole(Slice::Other { expression: expression.to_owned(), values }));
    portions
}
