//! The only door to time: what time it is, how long something takes, and waits.
//!
//! Everything else asks here and not the system or tokio (`clippy.toml`), so that a unit test can hold time still
//! (`held.rs`). Without unit tests these are the plain calls.

#![allow(clippy::disallowed_methods, reason = "everybody else calls what is here")]

#[cfg(test)]
mod held;
mod pauses;
#[cfg(test)]
mod tests;
#[cfg(not(test))]
mod timers;

use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

#[cfg(test)]
pub use self::held::{Timer, pause, sleep, sleep_until, timeout, timeout_at};
#[cfg(test)]
pub(crate) use self::held::{hold, without_waiting};
#[cfg(not(test))]
pub use self::timers::{Timer, pause, sleep, sleep_until, timeout, timeout_at};

pub use self::pauses::Pauses;

/// Now as RFC 3339 in UTC with milliseconds.
pub fn now() -> String {
    moment().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Now.
pub fn moment() -> DateTime<Utc> {
    system_time().into()
}

/// Now, as files and protocols count it.
pub fn system_time() -> SystemTime {
    #[cfg(test)]
    if let Some(held) = held::system_time() {
        return held;
    }
    SystemTime::now()
}

/// A new id that sorts after those made before. It has to differ from all others, so that it takes the real time always.
pub fn ordered_id() -> Uuid {
    Uuid::now_v7()
}

/// A point of the time that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// Now.
    pub fn now() -> Self {
        #[cfg(test)]
        if let Some(held) = held::instant() {
            return held;
        }
        Self(std::time::Instant::now())
    }

    /// From this one until now; zero for one to come.
    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    /// From `earlier` until this one; zero if it is later.
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The one so long before; none before the beginning of what can be counted.
    pub fn checked_sub(&self, time: Duration) -> Option<Self> {
        self.0.checked_sub(time).map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0 + time)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// Measures wall time.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// The time of [`timeout`] was over first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("deadline has elapsed")]
pub struct Elapsed;
