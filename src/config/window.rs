//! Hours in which a run may begin: `01:00-05:00`, `22:00-04:00 UTC`, `01:00-05:00 +02:00`.
//!
//! Without a zone they are those of the machine's time zone (`TZ`, `/etc/localtime`). A window that ends before it
//! begins crosses midnight.

use chrono::{DateTime, Duration, FixedOffset, Local, NaiveDate, NaiveTime, TimeZone, Timelike, Utc};

use crate::error::{Code, Error, Result};
use crate::spec::Closing;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: NaiveTime,
    to: NaiveTime,
    zone: Zone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    Local,
    Fixed(FixedOffset),
}

impl Window {
    /// Reads what `--start-between` takes.
    ///
    /// # Errors
    /// Usage, with what can be written.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::usage(format!(
                "{what}; write hours such as 01:00-05:00, '22:00-04:00 UTC' or '01:00-05:00 +02:00'"
            ))
            .coded(Code::FlagValue)
        };
        let text = text.trim();
        let (from, rest) = text.split_once('-').ok_or_else(|| wrong("no hyphen between two times"))?;
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(rest.len());
        let (to, zone) = rest.split_at(end);
        let time = |text: &str| {
            NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| wrong("a time is not HH:MM"))
        };
        let zone = match zone.trim() {
            "" => Zone::Local,
            utc if utc.eq_ignore_ascii_case("utc") || utc.eq_ignore_ascii_case("z") => {
                Zone::Fixed(FixedOffset::east_opt(0).ok_or_else(|| wrong("unknown zone"))?)
            }
            offset => Zone::Fixed(offset.parse().map_err(|_| wrong("unknown zone"))?),
        };
        let window = Self { from: time(from)?, to: time(to)?, zone };
        if window.from == window.to {
            return Err(wrong("the two times are the same"));
        }
        Ok(window)
    }

    /// When the window ends in which `now` is.
    ///
    /// # Errors
    /// `Unavailable`, with the next opening, when `now` is in none.
    pub fn closing(&self, now: DateTime<Utc>) -> Result<Closing> {
        match self.zone {
            Zone::Local => self.closing_in(&Local, now),
            Zone::Fixed(offset) => self.closing_in(&offset, now),
        }
    }

    fn closing_in<Z: TimeZone<Offset: std::fmt::Display>>(
        &self,
        zone: &Z,
        now: DateTime<Utc>,
    ) -> Result<Closing> {
        let here = now.with_timezone(zone).naive_local();
        let (today, time) = (here.date(), here.time());
        let tomorrow = today + Duration::days(1);
        let crosses = self.to < self.from;
        let ends = match crosses {
            false if self.from <= time && time < self.to => today,
            true if time < self.to => today,
            true if self.from <= time => tomorrow,
            _ => {
                let opens = moment(zone, if time < self.from { today } else { tomorrow }, self.from);
                let (from, to) = (self.from.format("%H:%M"), self.to.format("%H:%M"));
                return Err(Error::unavailable(format!(
                    "it is {}, outside --start-between {from}-{to}",
                    now.with_timezone(zone).format("%H:%M %:z")
                ))
                .coded(Code::WindowClosed)
                .with("next opening", opens.format("%Y-%m-%d %H:%M %:z"))
                .hint("start it then, or without --start-between; nothing was read or written"));
            }
        };
        let at = moment(zone, ends, self.to).timestamp();
        Ok(Closing { at, hour: self.to.hour(), minute: self.to.minute() })
    }
}

/// When clocks of the zone show this. An hour that they skip is that after it, of one that comes twice it is the first.
fn moment<Z: TimeZone>(zone: &Z, day: NaiveDate, time: NaiveTime) -> DateTime<Z> {
    let shown = day.and_time(time);
    let found = |shown| zone.from_local_datetime(&shown).earliest();
    found(shown)
        .or_else(|| found(shown + Duration::hours(1)))
        .unwrap_or_else(|| zone.from_utc_datetime(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(window: &str, now: &str) -> Result<i64> {
        let now = DateTime::parse_from_rfc3339(now).expect(now).with_timezone(&Utc);
        Window::parse(window).expect(window).closing(now).map(|closing| closing.at - now.timestamp())
    }

    #[test]
    fn the_end_of_the_hours_is_known_and_the_next_opening() {
        const HOUR: i64 = 3600;
        for (window, now, ends) in [
            ("01:00-05:00 UTC", "2026-11-28T01:00:00Z", 4 * HOUR),
            ("01:00-05:00 utc", "2026-11-28T04:59:59Z", 1),
            ("01:00-05:00 +02:00", "2026-11-28T01:00:00Z", 2 * HOUR),
            ("22:00-04:00UTC", "2026-11-28T23:00:00Z", 5 * HOUR),
            ("22:00 - 04:00 Z", "2026-12-01T03:00:00Z", HOUR),
        ] {
            assert_eq!(closing(window, now).expect(window), ends, "{window} at {now}");
        }
        for (window, now, opens) in [
            ("01:00-05:00 UTC", "2026-11-28T05:00:00Z", "2026-11-29 01:00 +00:00"),
            ("01:00-05:00 UTC", "2026-11-28T00:59:00Z", "2026-11-28 01:00 +00:00"),
            ("22:00-04:00 UTC", "2026-12-31T04:00:00Z", "2026-12-31 22:00 +00:00"),
            ("01:00-05:00 +05:30", "2026-12-31T23:45:00Z", "2027-01-02 01:00 +05:30"),
        ] {
            let error = closing(window, now).expect_err(window);
            assert_eq!(error.kind().exit_code(), 75);
            assert!(error.to_string().contains(opens), "{error}");
        }
    }

    #[test]
    fn what_are_no_hours_is_refused() {
        for text in ["", "01:00", "1-5", "01:00-25:00", "01:00-01:00", "01:00-05:00 CET", "-01:00-05:00"] {
            let error = Window::parse(text).expect_err(text);
            assert!(error.message().contains("01:00-05:00"), "{error}");
        }
    }
}
