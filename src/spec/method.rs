//! `--table-config 'table:method:key:p;...'`: how a table is cut and by how many readers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a table is cut into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// One reader, one part.
    None,
    /// By place of storage: ctid (PostgreSQL 14 and later), rowid (SQLite).
    Ctid,
    /// By equal ranges of a key.
    RangeId,
}

impl Method {
    /// All methods, in the order they are documented.
    pub const ALL: [Self; 3] = [Self::None, Self::Ctid, Self::RangeId];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Ctid => "Ctid",
            Self::RangeId => "RangeId",
        })
    }
}

impl FromStr for Method {
    type Err = Error;

    /// Case does not matter; `Physical` and `Rowid` mean the source's physical method.
    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "ctid" | "rowid" | "physical" => Ok(Self::Ctid),
            "rangeid" => Ok(Self::RangeId),
            _ => Err(Error::usage(format!("unknown method '{text}'"))
                .hint("methods so far: None, Ctid (also Rowid, Physical), RangeId")),
        }
    }
}

/// One row of `--table-config`; empty fields mean the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableConfig {
    /// `schema.table` or a bare table name, LIKE wildcards allowed.
    pub pattern: String,
    /// Method; none means automatic.
    pub method: Option<Method>,
    /// Key column for keyed methods.
    pub key: Option<String>,
    /// Readers; none means `-p`.
    pub readers: Option<usize>,
}

impl TableConfig {
    /// Parses `table:method:key:p[;...]`, any field but the first may be empty.
    pub fn parse_list(text: &str) -> Result<Vec<Self>> {
        text.split(';').map(str::trim).filter(|row| !row.is_empty()).map(Self::parse).collect()
    }

    fn parse(row: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::usage(format!("{what} in --table-config row '{row}'"))
                .hint("write table:method:key:p, for example orders:RangeId:o_orderkey:4 or orders:Ctid::")
        };
        let fields: Vec<&str> = row.split(':').map(str::trim).collect();
        if fields.len() > 4 || fields[0].is_empty() {
            return Err(wrong("wrong number of fields"));
        }
        let field = |i: usize| fields.get(i).copied().filter(|f| !f.is_empty());
        let readers = match field(3) {
            None => None,
            Some(p) => Some(
                p.parse::<usize>()
                    .ok()
                    .filter(|p| *p > 0)
                    .ok_or_else(|| wrong("p is not a positive number"))?,
            ),
        };
        Ok(Self {
            pattern: fields[0].to_owned(),
            method: field(1).map(str::parse).transpose()?,
            key: field(2).map(str::to_owned),
            readers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_are_defaults() {
        let rows = TableConfig::parse_list("orders:Ctid::; public.line:rangeid:id:4;x:::").expect("valid");
        assert_eq!(rows[0].method, Some(Method::Ctid));
        assert_eq!(rows[0].readers, None);
        assert_eq!(rows[1].key.as_deref(), Some("id"));
        assert_eq!(rows[1].readers, Some(4));
        assert_eq!(rows[2].method, None);
    }

    #[test]
    fn wrong_rows_say_what_is_wrong() {
        for row in ["a:Nope::", "a:Ctid::0", "a:b:c:d:e", ":Ctid::"] {
            assert!(TableConfig::parse_list(row).is_err(), "{row}");
        }
    }
}
