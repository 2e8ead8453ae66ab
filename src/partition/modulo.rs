//! Slices by the remainder of an integer key.

use super::share::Portion;
use crate::catalog::{Slice, ValueCount};

/// Cuts into `parts` remainders, and one slice for NULL keys when `nullable`. `counts` are rows by remainder, as
/// text, of all rows or of a sample; a remainder that many rows have is to be cut into pieces.
pub fn cut(column: &str, counts: &[ValueCount], parts: usize, nullable: bool) -> Vec<Portion> {
    let of = u32::try_from(parts).unwrap_or(u32::MAX).max(1);
    let all: u64 = counts.iter().map(|c| c.rows).sum();
    let share = |value: Option<String>| {
        let rows: u64 = counts.iter().filter(|c| c.value == value).map(|c| c.rows).sum();
        rows as f64 / all.max(1) as f64
    };
    let mut portions: Vec<Portion> = (0..of)
        .map(|remainder| {
            let slice = Slice::Modulo { column: column.to_owned(), of, remainder };
            Portion::new(slice, share(Some(remainder.to_string())), parts)
        })
        .collect();
    if nullable {
        portions.push(Portion::new(Slice::IsNull { column: column.to_owned() }, share(None), parts));
    }
    portions
}
