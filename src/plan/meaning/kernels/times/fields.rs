//! The fields of dates and times, by their names.

/// What `date_part`, `EXTRACT`, `date_trunc` and texts of intervals name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    Weekday,
    IsoWeekday,
    DayOfYear,
    IsoYear,
    Julian,
    Epoch,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

/// Names that PostgreSQL 12 to 18 take.
const NAMES: &[(Field, &[&str])] = &[
    (Field::Microseconds, &["microsecond", "microseconds", "us", "usec", "usecs", "useconds"]),
    (Field::Milliseconds, &["millisecond", "milliseconds", "ms", "msec", "msecs", "mseconds"]),
    (Field::Second, &["second", "seconds", "s", "sec", "secs"]),
    (Field::Minute, &["minute", "minutes", "m", "min", "mins"]),
    (Field::Hour, &["hour", "hours", "h", "hr", "hrs"]),
    (Field::Day, &["day", "days", "d"]),
    (Field::Week, &["week", "weeks", "w"]),
    (Field::Month, &["month", "months", "mon", "mons"]),
    (Field::Quarter, &["quarter", "qtr"]),
    (Field::Year, &["year", "years", "y", "yr", "yrs"]),
    (Field::Decade, &["decade", "decades", "dec", "decs"]),
    (Field::Century, &["century", "centuries", "c", "cent"]),
    (Field::Millennium, &["millennium", "millennia", "mil", "mils"]),
    (Field::Weekday, &["dow"]),
    (Field::IsoWeekday, &["isodow"]),
    (Field::DayOfYear, &["doy"]),
    (Field::IsoYear, &["isoyear"]),
    (Field::Julian, &["julian", "jd", "j"]),
    (Field::Epoch, &["epoch"]),
    (Field::Timezone, &["timezone"]),
    (Field::TimezoneHour, &["timezone_hour"]),
    (Field::TimezoneMinute, &["timezone_minute"]),
];

impl Field {
    pub(super) fn named(name: &str) -> Option<Self> {
        let has = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        NAMES.iter().find(|(_, names)| has(names)).map(|(field, _)| *field)
    }
}
