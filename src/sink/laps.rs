//! Where the time of a file goes.

use crate::clock::Instant;
use crate::manifest::FileCost;

/// A stopwatch whose laps add up by what was done in them.
#[derive(Debug)]
pub(super) struct Laps {
    since: Instant,
    reading: f64,
    encoding: f64,
    storing: f64,
}

impl Laps {
    pub(super) fn start() -> Self {
        Self { since: Instant::now(), reading: 0.0, encoding: 0.0, storing: 0.0 }
    }

    fn lap(&mut self) -> f64 {
        let seconds = self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
        seconds
    }

    /// The time since the last lap was none of this file's.
    pub(super) fn skip(&mut self) {
        self.lap();
    }

    /// It was waiting for rows.
    pub(super) fn read(&mut self) {
        self.reading += self.lap();
    }

    /// It was encoding.
    pub(super) fn encoded(&mut self) {
        self.encoding += self.lap();
    }

    /// It was handing bytes to the destination.
    pub(super) fn stored(&mut self) {
        self.storing += self.lap();
    }

    /// What waiting for rows took in all, in milliseconds.
    pub(super) fn reading_ms(&self) -> u64 {
        milliseconds(self.reading)
    }

    /// What it took in all.
    pub(super) fn cost(&self, encoded_bytes: u64) -> FileCost {
        FileCost {
            encoded_bytes,
            waiting_ms: 0,
            reading_ms: milliseconds(self.reading),
            encoding_ms: milliseconds(self.encoding),
            storing_ms: milliseconds(self.storing),
        }
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}
