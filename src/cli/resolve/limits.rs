//! Limits on the source.

use std::sync::Arc;

use super::Problems;
use super::opened::Opened;
use crate::catalog::Consistency;
use crate::cli::args::LimitArgs;
use crate::clock;
use crate::config::window::Window;
use crate::error::Result;
use crate::source::{Layered, Paced, Source};
use crate::spec::{Closing, Limits};

/// What the flags of `args` ask for.
pub(super) fn limits(args: &LimitArgs, level: Consistency, problems: &mut Problems) -> Limits {
    let limits = Limits {
        max_snapshot_age: args.max_snapshot_age,
        max_replica_lag: args.max_replica_lag,
        max_rate: args.max_rate,
        closes: None,
    };
    problems.keep(limits.check(level));
    limits
}

/// When the hours end in which this process may begin tables; none when they do not.
///
/// # Errors
/// `Unavailable` when it may begin nothing now.
pub(in crate::cli) fn within_hours(hours: Option<Window>) -> Result<Option<Closing>> {
    hours.map(|hours| hours.closing(clock::moment())).transpose()
}

impl Opened {
    /// The same, read no faster than `limits` allow.
    pub(in crate::cli) fn paced(mut self, limits: &Limits) -> Self {
        self.source = paced(self.source, limits);
        self
    }
}

/// `source`, read no faster than `--max-rate`.
pub(super) fn paced(source: Arc<dyn Source>, limits: &Limits) -> Arc<dyn Source> {
    match limits.max_rate {
        Some(rate) => {
            let pace = Paced::new(source.as_ref(), rate);
            Arc::new(Layered::new(source, pace))
        }
        None => source,
    }
}
