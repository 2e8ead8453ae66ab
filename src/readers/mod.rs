//! Programs that read Parquet files, and what each of them takes.
//!
//! What a file may contain is decided by [`takes`], the one table of this project about it, and not by what Parquet can
//! say. `docs/readers.md` is written from it, and `make verify-readers` compares it with what the programs do.

#[cfg(test)]
mod doc;
mod feature;
mod forms;
mod table;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::feature::{Feature, Reader, Takes};
use crate::error::{Code, Error};

pub(crate) use forms::map_children;
pub use forms::{converted, field_for, form_note, has_other_type, schema_for};
pub use table::takes;

/// The programs that must be able to read the files of an export: `--readers`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Readers {
    /// All that there are.
    #[default]
    Any,
    /// Those that take every type and encoding: columns keep their types.
    Modern,
    /// Some.
    Named(Vec<Reader>),
}

impl Readers {
    /// What was written before there was a choice.
    pub fn of_older_runs() -> Self {
        Self::Modern
    }

    /// Whether every type is kept.
    pub fn is_modern(&self) -> bool {
        *self == Self::Modern
    }

    /// Those that are in both; none if there are none.
    pub fn common(&self, other: &Self) -> Option<Self> {
        let both: Vec<Reader> =
            self.all().iter().copied().filter(|reader| other.all().contains(reader)).collect();
        match both.len() {
            0 => None,
            all if all == Reader::ALL.len() => Some(Self::Any),
            _ => Some(Self::Named(both)),
        }
    }

    /// The programs. Of `modern`, none that would mind anything.
    pub fn all(&self) -> &[Reader] {
        match self {
            Self::Any => &Reader::ALL,
            Self::Modern => &[],
            Self::Named(readers) => readers,
        }
    }

    /// The first of them that does not take `feature`, and what it does.
    pub fn minds(&self, feature: Feature) -> Option<(Reader, Takes)> {
        self.all()
            .iter()
            .map(|reader| (*reader, takes(*reader, feature)))
            .find(|(_, takes)| *takes != Takes::Yes)
    }

    /// Whether values must be PLAIN where they have no dictionary.
    pub fn need_plain_encodings(&self) -> bool {
        self.minds(Feature::DeltaIntegers).or_else(|| self.minds(Feature::DeltaBytes)).is_some()
    }
}

impl fmt::Display for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Modern => f.write_str("modern"),
            Self::Named(readers) => {
                let names: Vec<&str> = readers.iter().map(|reader| reader.name()).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl FromStr for Readers {
    type Err = Error;

    /// `any`, `modern`, or names separated by commas, in any case of letters.
    ///
    /// Errors: `Usage`, naming what is no reader.
    fn from_str(text: &str) -> Result<Self, Error> {
        let words: Vec<String> = text.split(',').map(|word| word.trim().to_lowercase()).collect();
        match words.as_slice() {
            [one] if one == "any" => return Ok(Self::Any),
            [one] if one == "modern" => return Ok(Self::Modern),
            _ => {}
        }
        let mut readers = Vec::with_capacity(words.len());
        for word in &words {
            let found = Reader::ALL.into_iter().find(|reader| reader.name() == word);
            let Some(reader) = found else {
                let names: Vec<&str> = Reader::ALL.iter().map(|reader| reader.name()).collect();
                return Err(Error::usage(format!(
                    "'{word}' is no reader that is known; write any, modern, or some of {}, separated by commas",
                    names.join(", ")
                )).coded(Code::FlagValue));
            };
            if !readers.contains(&reader) {
                readers.push(reader);
            }
        }
        readers.sort_unstable();
        Ok(Self::Named(readers))
    }
}

impl Serialize for Readers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Readers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (text, shown) in [
            ("any", "any"),
            ("Modern", "modern"),
            ("spark", "spark"),
            (" duckdb, SPARK,duckdb", "spark,duckdb"),
        ] {
            let readers: Readers = text.parse().expect("readers");
            assert_eq!(readers.to_string(), shown);
            let json = serde_json::to_string(&readers).expect("json");
            assert_eq!(serde_json::from_str::<Readers>(&json).expect("readers"), readers);
        }
        for text in ["", "any,spark", "excel", "spark,"] {
            assert!(text.parse::<Readers>().is_err(), "{text}");
        }
    }

    #[test]
    fn files_for_two_are_for_those_in_both() {
        let of = |text: &str| text.parse::<Readers>().expect("readers");
        for (one, other, common) in [
            ("any", "spark,duckdb", Some("spark,duckdb")),
            ("spark,duckdb", "duckdb,polars", Some("duckdb")),
            ("any", "any", Some("any")),
            ("spark", "duckdb", None),
            ("any", "modern", None),
        ] {
            assert_eq!(of(one).common(&of(other)), common.map(of), "{one} {other}");
        }
    }

    #[test]
    fn any_minds_what_somebody_minds_and_modern_nothing() {
        for feature in Feature::ALL {
            let somebody = Reader::ALL.iter().any(|reader| takes(*reader, feature) != Takes::Yes);
            assert_eq!(Readers::Any.minds(feature).is_some(), somebody, "{feature:?}");
            assert_eq!(Readers::Modern.minds(feature), None);
        }
        assert!(Readers::Any.need_plain_encodings());
        assert!(!Readers::Named(vec![Reader::Spark, Reader::DuckDb]).need_plain_encodings());
    }
}
