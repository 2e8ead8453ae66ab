//! Pauses between attempts, and attempts until an outcome is final.

use std::time::Duration;

use super::{Instant, sleep};

/// Pauses that begin with the first and double up to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    first: Duration,
    longest: Duration,
    jitter: bool,
}

impl Pauses {
    /// Each as long as it says.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, jitter: false }
    }

    /// All of the same length.
    pub const fn every(pause: Duration) -> Self {
        Self::new(pause, pause)
    }

    /// Half of each is left to chance, so that those who failed together do not come back together.
    #[must_use]
    pub const fn with_jitter(self) -> Self {
        Self { jitter: true, ..self }
    }

    /// How long the pause after attempt `nth`, from 1, may be.
    fn longest_after(&self, nth: u32) -> Duration {
        self.first.saturating_mul(1 << nth.saturating_sub(1).min(16)).min(self.longest)
    }

    /// The pause after attempt `nth`, from 1.
    pub fn after(&self, nth: u32) -> Duration {
        let whole = self.longest_after(nth);
        if self.jitter { whole.mul_f64(0.5 + fastrand::f64() / 2.0) } else { whole }
    }

    /// Calls until it succeeds, or an error comes that is not `transient`, or the next pause might end after `patience`.
    ///
    /// # Errors
    /// That of the last call.
    pub async fn retry<T, E, F: Future<Output = Result<T, E>>>(
        self,
        patience: Duration,
        mut call: impl FnMut() -> F,
        transient: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let begun = Instant::now();
        let mut attempt = 1;
        loop {
            match call().await {
                Err(error)
                    if transient(&error) && begun.elapsed() + self.longest_after(attempt) <= patience =>
                {
                    sleep(self.after(attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::without_waiting;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_up_to_the_longest_and_jitter_takes_up_to_half() {
        let pauses = Pauses::new(SECOND / 2, 20 * SECOND);
        let expected = [1, 2, 4, 8, 16, 32, 40, 40].map(|halves| halves * SECOND / 2);
        assert_eq!([1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|nth| pauses.after(nth)), expected);
        assert_eq!([1, 9].map(|nth| Pauses::every(SECOND).after(nth)), [SECOND; 2]);
        for nth in 1..40 {
            let whole = pauses.after(nth);
            let some: Vec<Duration> = (0..50).map(|_| pauses.with_jitter().after(nth)).collect();
            assert!(some.iter().all(|pause| *pause <= whole && *pause >= whole / 2), "{nth}: {some:?}");
            assert!(some.iter().any(|pause| *pause != some[0]));
        }
    }

    #[test]
    fn attempts_end_with_success_a_final_error_or_patience() {
        without_waiting(async |time| {
            let (pauses, mut calls) = (Pauses::new(SECOND, 4 * SECOND), 0);
            // 1 + 2 + 4 + 4 seconds of pauses, and the next would end after 15.
            let outcome = pauses.retry(
                14 * SECOND,
                || {
                    calls += 1;
                    std::future::ready(Err::<(), u32>(calls))
                },
                |_| true,
            );
            assert_eq!((outcome.await, time.passed()), (Err(5), 11 * SECOND));
            let mut calls = 0;
            let mut third = || {
                calls += 1;
                std::future::ready(if calls == 3 { Ok(calls) } else { Err(calls) })
            };
            assert_eq!(pauses.retry(Duration::MAX, &mut third, |_| true).await, Ok(3));
            let mut calls = 0;
            let refused = || {
                calls += 1;
                std::future::ready(Err::<(), u32>(calls))
            };
            assert_eq!(pauses.retry(Duration::MAX, refused, |calls| *calls < 2).await, Err(2));
            assert_eq!(time.passed(), 15 * SECOND);
        });
    }
}
