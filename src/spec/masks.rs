//! Values that are changed on their way into the files.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::catalog::TableRef;
use crate::catalog::filter::{like, pattern_matches};
use crate::error::{Code, Error};

/// Bytes that a key has at least.
pub const LEAST_KEY_BYTES: usize = 16;
/// Hexadecimal digits of a whole HMAC-SHA-256.
pub const HASH_DIGITS: usize = 64;
/// Digits below which two values would soon have one hash.
const LEAST_DIGITS: usize = 16;
const FORMS: &str = "hmac, hmac(DIGITS), partial(FIRST, LAST), truncate(CHARACTERS), truncate(year), truncate(month), \
                     constant(TEXT), null or drop";

/// Which columns are changed, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MasksSpec {
    /// In the order given.
    pub rules: Vec<MaskRule>,
    /// Tells whether a key is that with which the run began. Says nothing about it otherwise.
    pub key_check: Option<String>,
    /// The key of keyed masks: never written anywhere.
    #[serde(skip)]
    pub key: Option<MaskKey>,
}

/// A column whose values are changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnMask {
    /// Its name in the source.
    pub column: String,
    /// How.
    pub mask: Mask,
}

/// A mask of all columns that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskRule {
    /// LIKE pattern of tables.
    pub table: String,
    /// LIKE pattern of columns, in any case of letters.
    pub column: String,
    /// What becomes of their values.
    pub mask: Mask,
}

impl MaskRule {
    /// Whether it is about `table`.
    pub fn names(&self, table: &TableRef) -> bool {
        pattern_matches(&self.table, table)
    }

    /// Whether it catches a column, in any case of letters: one that is spelt otherwise must not slip through.
    pub fn catches(&self, column: &str) -> bool {
        like(&self.column.to_lowercase(), &column.to_lowercase())
    }
}

/// What becomes of a value that is not NULL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mask {
    /// So many hexadecimal digits of the HMAC-SHA-256 of its text.
    Hmac(usize),
    /// The first and the last characters of its text; `*` for each of the others.
    Partial(usize, usize),
    /// The first characters of its text.
    Truncate(usize),
    /// The beginning of its year.
    Year,
    /// The beginning of its month.
    Month,
    /// Always the same value.
    Constant(String),
    /// NULL.
    Null,
    /// The column is left out.
    Drop,
}

impl Mask {
    /// Whether it needs a key.
    pub fn is_keyed(&self) -> bool {
        matches!(self, Self::Hmac(_))
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hmac(HASH_DIGITS) => f.write_str("hmac"),
            Self::Hmac(digits) => write!(f, "hmac({digits})"),
            Self::Partial(first, last) => write!(f, "partial({first}, {last})"),
            Self::Truncate(characters) => write!(f, "truncate({characters})"),
            Self::Year => f.write_str("truncate(year)"),
            Self::Month => f.write_str("truncate(month)"),
            Self::Constant(text) => write!(f, "constant({text})"),
            Self::Null => f.write_str("null"),
            Self::Drop => f.write_str("drop"),
        }
    }
}

impl FromStr for Mask {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::usage(what).coded(Code::Mask).hint(format!("masks are {FORMS}"));
        let text = text.trim();
        let (name, argument) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => {
                let inner =
                    rest.strip_suffix(')').ok_or_else(|| wrong(format!("no ) at the end of '{text}'")))?;
                (name.trim(), Some(inner))
            }
        };
        let number = |text: &str| {
            text.trim()
                .parse::<usize>()
                .map_err(|_| wrong(format!("'{}' is no number of characters", text.trim())))
        };
        match (name.to_ascii_lowercase().as_str(), argument) {
            ("hmac", None) => Ok(Self::Hmac(HASH_DIGITS)),
            ("hmac", Some(digits)) => match number(digits)? {
                digits @ LEAST_DIGITS..=HASH_DIGITS => Ok(Self::Hmac(digits)),
                _ => Err(wrong(format!("hmac has {LEAST_DIGITS} to {HASH_DIGITS} digits"))),
            },
            ("partial", Some(both)) => {
                let (first, last) = both.split_once(',').ok_or_else(|| {
                    wrong("partial has two numbers: of the first and of the last characters".into())
                })?;
                Ok(Self::Partial(number(first)?, number(last)?))
            }
            ("truncate", Some(what)) => match what.trim().to_ascii_lowercase().as_str() {
                "year" => Ok(Self::Year),
                "month" => Ok(Self::Month),
                _ => Ok(Self::Truncate(number(what)?)),
            },
            ("constant", Some(text)) => Ok(Self::Constant(text.to_owned())),
            ("null", None) => Ok(Self::Null),
            ("drop", None) => Ok(Self::Drop),
            _ => Err(wrong(format!("'{text}' is no mask"))),
        }
    }
}

impl TryFrom<String> for Mask {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Mask> for String {
    fn from(mask: Mask) -> Self {
        mask.to_string()
    }
}

/// A secret key. Debug shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct MaskKey(Vec<u8>);

impl MaskKey {
    /// Of these bytes.
    ///
    /// # Errors
    /// Configuration, when they are too few.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.len() {
            0..LEAST_KEY_BYTES => Err(Error::config(format!(
                "the key of masks has {} bytes, at least {LEAST_KEY_BYTES} are needed",
                bytes.len()
            ))
            .coded(Code::Mask)
            .hint("openssl rand -hex 32 > FILE makes one")),
            _ => Ok(Self(bytes.to_vec())),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_as_they_are_written() {
        for text in [
            "hmac",
            "hmac(32)",
            "partial(2, 4)",
            "truncate(3)",
            "truncate(year)",
            "truncate(month)",
            "constant(a, (b)",
            "constant()",
            "null",
            "drop",
        ] {
            let mask: Mask = text.parse().expect(text);
            assert_eq!(mask.to_string(), text);
        }
        assert_eq!(" HMAC( 16 ) ".parse::<Mask>().expect("blanks"), Mask::Hmac(16));
        for wrong in [
            "",
            "sha1",
            "hmac(8)",
            "hmac(65)",
            "hmac(x)",
            "partial(1)",
            "partial(1, -2)",
            "truncate(day",
            "drop(1)",
            "null()",
        ] {
            let error = wrong.parse::<Mask>().expect_err(wrong);
            assert!(error.hints().iter().any(|hint| hint.contains("masks are hmac")), "{error:?}");
        }
    }

    #[test]
    fn keys_are_long_enough_and_never_shown() {
        assert!(MaskKey::new(b"0123456789abcde").is_err());
        let key = MaskKey::new(b"0123456789abcdef").expect("long enough");
        let spec = MasksSpec { key: Some(key), ..MasksSpec::default() };
        assert!(!format!("{spec:?}").contains("0123"));
        assert!(!serde_json::to_string(&spec).expect("JSON").contains("0123"));
    }
}
