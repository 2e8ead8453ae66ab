//! The pages of all codes: what happened and what to do. `docs/errors.md` and `lakexpress explain` show them.
//!
//! A new trouble is a variant of [`Code`] with a number that no other had, its page in the file of its area, and
//! `.coded(Code::...)` where the error is made. Kinds, titles and texts may change, numbers stay.

mod catalogs;
mod command_line;
mod commit;
mod configuration;
mod destination;
mod limits;
mod output;
mod page;
mod reaching;
mod run_log;
mod snapshot;
mod sql;
#[cfg(test)]
mod tests;
mod values;
mod verification;

pub use self::page::{Area, Page};
use super::code::Code;

/// All areas, by the first two digits of their codes.
pub const AREAS: &[Area] = &[
    command_line::AREA,
    configuration::AREA,
    reaching::AREA,
    snapshot::AREA,
    values::AREA,
    destination::AREA,
    commit::AREA,
    run_log::AREA,
    verification::AREA,
    sql::AREA,
    limits::AREA,
    catalogs::AREA,
    output::AREA,
];

/// All pages in the order of their numbers.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    AREAS.iter().flat_map(|area| area.pages)
}

/// The page of a code. Every code has one.
pub fn page(code: Code) -> Option<&'static Page> {
    pages().find(|page| page.code == code)
}
