//! The functions that may be called.

use super::refusal::Refusal;
use super::{aggregates, calls, functions};
use crate::spec::nearest;

/// Whether a function may be called.
pub(super) fn is_known(name: &str) -> bool {
    known().any(|known| known == name)
}

/// What is wrong with a function that may not.
pub(super) fn unknown(name: &str) -> Refusal {
    let refusal = Refusal::of(name, format!("the function {name}"));
    match nearest(name, known()) {
        Some(near) => refusal.hint(format!("did you mean {near}?")),
        None => refusal,
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    functions::names().chain(calls::names()).chain(aggregates::names())
}
