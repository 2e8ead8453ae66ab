//! The contract of [`Source`], [`Snapshot`](super::Snapshot) and [`Dialect`](super::Dialect), asserted on a real one.
//! Every implementation and every wrapper runs it.
//!
//! The suite brings the rows and says what changes; a [`Fixture`] has the database. `mutants.rs` breaks the contract in
//! every way that the suite is meant to find.

mod cutting;
mod ending;
mod fixture;
mod moment;
mod mutants;
mod naming;
mod pushdown;
mod rows;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;

pub use fixture::{Around, BAD_ID, Change, Fixture, Row, rows as known_rows};
pub use mutants::Mutant;

use super::Source;
use crate::clock;
use crate::error::{Error, Result};

/// One check: its name, and what asserts it.
type Check = (&'static str, for<'s> fn(&'s Subject<'_>) -> BoxFuture<'s, Result<()>>);

/// Every check, by name.
const CHECKS: &[Check] = &[
    ("identity", |s| Box::pin(naming::identity(s))),
    ("list", |s| Box::pin(naming::list(s))),
    ("fields", |s| Box::pin(rows::fields(s))),
    ("rows", |s| Box::pin(rows::every_row_once(s))),
    ("counts", |s| Box::pin(rows::counts(s))),
    ("batches", |s| Box::pin(rows::batches(s))),
    ("moment", |s| Box::pin(moment::one_moment(s))),
    ("token", |s| Box::pin(moment::token(s))),
    ("none", |s| Box::pin(moment::level_none(s))),
    ("lost", |s| Box::pin(moment::ended(s))),
    ("slices", |s| Box::pin(cutting::disjoint_and_covering(s))),
    ("later", |s| Box::pin(cutting::rows_that_came_later(s))),
    ("keys", |s| Box::pin(cutting::keys(s))),
    ("pushdown", |s| Box::pin(pushdown::the_same_answer(s))),
    ("errors", |s| Box::pin(naming::a_bad_value(s))),
    ("missing", |s| Box::pin(naming::a_missing_table(s))),
    ("secrets", |s| Box::pin(naming::secrets(s))),
    ("cancel", |s| Box::pin(ending::cancel(s))),
    ("release", |s| Box::pin(ending::release(s))),
];

/// How long one check may take: one that waits for what never comes must not hold up the rest.
const PATIENCE: Duration = Duration::from_secs(900);

/// What the suite came across: a source that offers little is asked little.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Methods by which tables were cut, by their own names, with the most slices that each made.
    pub methods: BTreeMap<&'static str, usize>,
    /// Answers about keys: bounds, quantiles and counted values.
    pub keys: [usize; 3],
    /// Filters that the dialect took over as they are.
    pub pushed: usize,
    /// Filters of which it took over a weaker one.
    pub weakened: usize,
    /// Filters that it left to be evaluated here.
    pub kept: usize,
}

/// What a check is about.
struct Subject<'f> {
    fixture: &'f dyn Fixture,
    source: Arc<dyn Source>,
    seen: Mutex<Seen>,
}

impl Subject<'_> {
    fn saw(&self, what: impl FnOnce(&mut Seen)) {
        what(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Asserts every sentence of the contract, and tells what there was to assert.
///
/// # Errors
/// `Data` naming the check and the sentence that does not hold; the source's own error, with the check.
#[doc(hidden)]
pub async fn check(fixture: &dyn Fixture) -> Result<Seen> {
    let subject = Subject { fixture, source: fixture.open()?, seen: Mutex::default() };
    for check in CHECKS {
        run(check, &subject).await?;
    }
    Ok(subject.seen.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Asserts that the source, broken in each way that it can be broken, fails the check that is meant to find it.
///
/// # Errors
/// `Internal` naming the mutant that no check finds; those of the fixture.
#[doc(hidden)]
pub async fn prove(fixture: &dyn Fixture, mutants: &[Mutant]) -> Result<()> {
    for mutant in mutants {
        let broken = Around::new(fixture, |source| mutant.of(source, fixture));
        let subject = Subject { fixture: &broken, source: broken.open()?, seen: Mutex::default() };
        let finds = CHECKS.iter().find(|(name, _)| *name == mutant.found_by());
        let check = finds.ok_or_else(|| Error::internal("a check of that name"))?;
        match run(check, &subject).await {
            Err(error) if error.message().starts_with(BROKEN) => {
                tracing::debug!(?mutant, %error, "found");
            }
            other => {
                let what = format!("{mutant:?} is not found by the check '{}': {other:?}", check.0);
                return Err(Error::internal(what));
            }
        }
    }
    Ok(())
}

async fn run((name, assert): &Check, subject: &Subject<'_>) -> Result<()> {
    let done = clock::timeout(PATIENCE, assert(subject)).await;
    let done = done.unwrap_or_else(|_| ensure(false, "nothing waits for ever"));
    done.map_err(|error| error.with("check", name))
}

/// How messages of checks that failed begin.
const BROKEN: &str = "the source breaks its contract: ";

fn ensure(holds: bool, sentence: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::data(format!("{BROKEN}{sentence}"))) }
}
