//! When a value of ours is the server's.

use super::answers::{Answer, Theirs};
use super::ours::{Ours, Said};

/// How strictly numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// Every one.
    All,
    /// Quotients and averages of decimals have another scale here: as far as both have digits.
    Common,
}

/// What a comparison of all rows gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Equal in every row; where one raises an error so does the other.
    Proved,
    /// Ours, when planned.
    Refused(String),
    /// Another value, or an error, on one side only.
    Different(String),
    /// The server refuses the expression: it has no meaning that could be compared.
    Meaningless(String),
}

impl Verdict {
    /// Whether a value is another one: worse than an error that the server does not raise.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Different(what) if what.starts_with(SILENT))
    }
}

const SILENT: &str = "silent:";

/// How an error begins that rows have together and none alone.
pub(super) const IN_A_BATCH: &str = "in a batch: ";

/// Compares an expression as a column.
pub(super) fn column(theirs: &Answer, ours: &Said, digits: Digits) -> Verdict {
    compare(theirs, ours, |kind, theirs, ours| same(kind, theirs, ours, digits))
}

/// Compares an expression as a condition: a row is selected or not.
pub(super) fn condition(theirs: &Answer, ours: &Said) -> Verdict {
    compare(theirs, ours, |_, theirs, ours| match (theirs, ours) {
        (Theirs::Text(text), Ours::Bool(selected)) => (text == "true") == *selected,
        (Theirs::Null, Ours::Bool(selected)) => !*selected,
        (Theirs::Error(_), Ours::Error(error)) => error != "PANIC",
        (Theirs::Text(_) | Theirs::Null, Ours::Error(error)) => is_allowed("boolean", "", error),
        _ => false,
    })
}

fn compare(theirs: &Answer, ours: &Said, same: impl Fn(&str, &Theirs, &Ours) -> bool) -> Verdict {
    match (theirs, ours) {
        (Answer::Refused(why), Ok(_)) => Verdict::Different(format!("only PostgreSQL refuses it: {why}")),
        (Answer::Refused(why), Err(_)) => Verdict::Meaningless(why.clone()),
        (_, Err(why)) if why == "PANIC" => Verdict::Different("a panic when planned".to_owned()),
        // A constant that has no value is found out when planned.
        (Answer::Rows { rows, .. }, Err(_)) if rows.iter().all(|row| matches!(row, Theirs::Error(_))) => {
            Verdict::Proved
        }
        (_, Err(why)) => Verdict::Refused(why.clone()),
        (Answer::Rows { kind, rows }, Ok(ours)) => {
            let pairs = rows.iter().zip(ours).enumerate();
            // Where both raise an error the rows that it hides are no matter: a run ends with it on either side. They are
            // compared alone.
            let fails = rows.iter().any(|row| matches!(row, Theirs::Error(_)));
            let hidden =
                |ours: &Ours| fails && matches!(ours, Ours::Error(error) if error.starts_with(IN_A_BATCH));
            let differing: Vec<_> =
                pairs.filter(|(_, (theirs, ours))| !hidden(ours) && !same(kind, theirs, ours)).collect();
            let is_silent = |ours: &Ours| !matches!(ours, Ours::Error(_));
            let silent = differing.iter().find(|(_, (_, ours))| is_silent(ours));
            match silent.or(differing.first()) {
                None if rows.len() == ours.len() => Verdict::Proved,
                None => Verdict::Different(format!("{} rows, here {}", rows.len(), ours.len())),
                Some((row, (theirs, ours))) => Verdict::Different(format!(
                    "{} id {} ({} rows differ): PostgreSQL {kind} {theirs:?}, here {ours:?}",
                    if is_silent(ours) { SILENT } else { "an error here only:" },
                    row + 1,
                    differing.len()
                )),
            }
        }
    }
}

/// Errors of ours where the server has a value, which the documentation allows by name: a decimal has no more than 38
/// digits, or 76, and is a number.
const ALLOWED: &[&str] = &[
    "more digits than a decimal",
    "timestamp out of range: 29424",
    "NaN is out of range for type numeric",
    "inf is out of range for type numeric",
];

/// Whether an error stands for a value that files cannot hold.
pub(super) fn is_allowed(kind: &str, text: &str, error: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_beyond = matches!(text, "NaN" | "Infinity" | "-Infinity") || digits > 76;
    // The last timestamp of Arrow is in January of this year.
    let year = text.split('-').next().and_then(|year| year.parse().ok());
    let is_late = kind.starts_with("timestamp") && year.is_some_and(|year: i64| year >= 294_247);
    is_late || ALLOWED.iter().any(|words| error.contains(words)) || (kind == "numeric" && is_beyond)
}

/// Whether both are one value of one type. Of a numeric the digits are not judged, and texts are one type.
pub(super) fn same(kind: &str, theirs: &Theirs, ours: &Ours, digits: Digits) -> bool {
    let text = match (theirs, ours) {
        (Theirs::Null, Ours::Null) => return true,
        (Theirs::Error(_), Ours::Error(error)) => return error != "PANIC",
        (Theirs::Text(text), Ours::Error(error)) => return error != "PANIC" && is_allowed(kind, text, error),
        (Theirs::Null, Ours::Error(error)) => return is_allowed(kind, "", error),
        (Theirs::Text(text), _) => text,
        _ => return false,
    };
    match (kind, ours) {
        ("boolean", Ours::Bool(value)) => (text == "true") == *value,
        ("smallint", Ours::Integer(16, number))
        | ("integer", Ours::Integer(32, number))
        | ("bigint", Ours::Integer(64, number)) => text == number,
        ("numeric", Ours::Number(number)) => match digits {
            Digits::All => plain(text) == plain(number),
            Digits::Common => near(text, number),
        },
        ("real", Ours::Real(value)) => {
            text.parse().is_ok_and(|theirs: f32| is_same(theirs.into(), (*value).into()))
        }
        ("double precision", Ours::Double(value)) => text.parse().is_ok_and(|theirs| is_same(theirs, *value)),
        ("bytea", Ours::Text("bytea", value))
        | ("date", Ours::Text("date", value))
        | ("time without time zone", Ours::Text("time", value))
        | ("timestamp without time zone", Ours::Text("timestamp", value))
        | ("timestamp with time zone", Ours::Text("timestamptz", value))
        | (
            "text" | "character varying" | "character" | "uuid" | "mood" | "name" | "\"char\"" | "unknown",
            Ours::Text("text", value),
        ) => text == value,
        _ => false,
    }
}

fn is_same(one: f64, two: f64) -> bool {
    one.to_bits() == two.to_bits() || (one.is_nan() && two.is_nan())
}

/// A number's digits without zeros that say nothing.
fn plain(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    match (whole, fraction) {
        ("", "") => "0".to_owned(),
        ("", _) => format!("{sign}0.{fraction}"),
        (_, "") => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// Whether two numbers are one, rounded to the scale of the coarser.
fn near(one: &str, two: &str) -> bool {
    let scale = |number: &str| number.split_once('.').map_or(0, |(_, digits)| digits.len());
    let scale = scale(one).min(scale(two));
    rounded(one, scale) == rounded(two, scale)
}

/// Half away from zero, as PostgreSQL rounds.
fn rounded(number: &str, scale: usize) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() <= scale {
        return plain(number);
    }
    let mut kept: Vec<u8> = format!("0{whole}{}", &fraction[..scale]).into_bytes();
    if fraction.as_bytes()[scale] >= b'5' {
        let mut at = kept.len();
        while at > 0 {
            at -= 1;
            if kept[at] == b'9' {
                kept[at] = b'0';
            } else {
                kept[at] += 1;
                break;
            }
        }
    }
    let kept = String::from_utf8(kept).unwrap();
    let (whole, fraction) = kept.split_at(kept.len() - scale);
    plain(&format!("{sign}{whole}.{fraction}"))
}

#[test]
fn numbers_are_compared_by_value() {
    assert_eq!((plain("-0.00"), plain("012.340"), plain("-5")), ("0".into(), "12.34".into(), "-5".into()));
    assert_eq!(
        (rounded("9.996", 2), rounded("-0.005", 2), rounded("0.0049", 2)),
        ("10".into(), "-0.01".into(), "0".into())
    );
    assert!(near("0.33333333333333333333", "0.333333") && !near("0.34", "0.333333") && near("2.0", "2.04"));
}
