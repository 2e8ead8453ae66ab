//! A moment as the run log keeps it: RFC 3339 in UTC, with milliseconds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// How databases write a moment in UTC without saying so.
const WITHOUT_ZONE: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];

impl Timestamp {
    /// The beginning of 1970: a moment that is not known.
    pub(super) const UNKNOWN: Self = Self(DateTime::UNIX_EPOCH);

    /// A moment that somebody else may have written: with a zone, or in UTC without one.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let naive = |form| NaiveDateTime::parse_from_str(text, form).ok();
        text.parse().ok().or_else(|| WITHOUT_ZONE.into_iter().find_map(naive).map(|n| n.and_utc().into()))
    }

    /// The moment for calculations.
    pub fn moment(self) -> DateTime<Utc> {
        self.0
    }

    /// Seconds from `earlier` to this one; negative when that is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0).num_milliseconds() as f64 / 1000.0
    }
}

/// What is smaller than a millisecond is left out: a moment is the same before and after it was recorded.
impl From<DateTime<Utc>> for Timestamp {
    fn from(moment: DateTime<Utc>) -> Self {
        Self(moment.trunc_subsecs(3))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl FromStr for Timestamp {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc().into())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_before_and_after_it_was_recorded() {
        let moment: DateTime<Utc> = "2026-01-01T01:00:00.1239+01:00".parse().expect("a moment");
        let recorded = Timestamp::from(moment);
        assert_eq!(recorded.to_string(), "2026-01-01T00:00:00.123Z");
        assert_eq!(recorded.to_string().parse(), Ok(recorded));
        assert_eq!(serde_json::to_string(&recorded).expect("JSON"), "\"2026-01-01T00:00:00.123Z\"");
        let whole: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a moment");
        assert_eq!(whole.to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!(recorded.seconds_since(whole), 0.123);
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
        for text in ["2026-01-01 00:00:00", "2026-01-01T00:00:00", "2026-01-01T01:00:00+01:00"] {
            assert_eq!(Timestamp::of_text(text), Some(whole), "{text}");
        }
        for text in ["", "yesterday", "1764385000", "12026-01-01"] {
            assert_eq!(Timestamp::of_text(text), None, "{text}");
        }
    }
}
