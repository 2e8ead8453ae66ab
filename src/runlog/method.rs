//! How the rows of a table were cut, as the run log names it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::spec::Method;

/// What the rows of a job come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobMethod {
    /// A table that is cut by a method.
    Table(Method),
    /// A query.
    Query,
}

const QUERY: &str = "Query";

impl fmt::Display for JobMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(method) => method.fmt(f),
            Self::Query => f.write_str(QUERY),
        }
    }
}

impl FromStr for JobMethod {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if name == QUERY { Ok(Self::Query) } else { name.parse().map(Self::Table) }
    }
}

impl Serialize for JobMethod {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JobMethod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
