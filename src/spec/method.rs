//! `--table-config 'table:method:key:p;...'`: how a table is cut and by how many readers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::names::closest;
use crate::catalog::TableRef;
use crate::catalog::filter::pattern_matches;
use crate::error::{Code, Error, Result};

/// How a table is cut into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// One reader, one part.
    None,
    /// By place of storage, which each source calls otherwise: ctid (PostgreSQL 14 and later), rowid (SQLite).
    Ctid,
    /// By ranges of a key, with bounds from a sample.
    RangeId,
    /// By ranges of a key with as many rows each, counted.
    Ntile,
    /// By the remainder of an integer key.
    Random,
    /// By the values of a column or an expression.
    DataDriven,
    /// By years, months, days or weeks of a date or timestamp, into Hive directories.
    Timepartition,
    /// By the partitions that the table has in the database.
    DbPartition,
}

impl Method {
    /// All methods, in the order they are documented.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Ctid,
        Self::DbPartition,
        Self::RangeId,
        Self::Ntile,
        Self::Random,
        Self::DataDriven,
        Self::Timepartition,
    ];

    /// Whether the method needs a key.
    pub fn has_key(self) -> bool {
        !matches!(self, Self::None | Self::Ctid | Self::DbPartition)
    }

    /// Its name where no source is known. Of a source's tables, say what its dialect calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Ctid => "Ctid",
            Self::RangeId => "RangeId",
            Self::Ntile => "Ntile",
            Self::Random => "Random",
            Self::DataDriven => "DataDriven",
            Self::Timepartition => "Timepartition",
            Self::DbPartition => "DBPartition",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    /// Case does not matter; `Physical`, `Rowid` and `Physloc` mean the source's physical method, `Modulo` is `Random`.
    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "ctid" | "rowid" | "physical" | "physloc" => Ok(Self::Ctid),
            "rangeid" => Ok(Self::RangeId),
            "ntile" => Ok(Self::Ntile),
            "random" | "modulo" => Ok(Self::Random),
            "datadriven" => Ok(Self::DataDriven),
            "timepartition" => Ok(Self::Timepartition),
            "dbpartition" => Ok(Self::DbPartition),
            _ => {
                let names = Self::ALL.map(Self::name);
                let near = closest(text, names);
                Err(Error::usage(format!("unknown method '{text}'")).coded(Code::FlagValue).hint(format!(
                    "did you mean {}? Methods: {}; Rowid, Physical and Physloc are Ctid, Modulo is Random",
                    near.unwrap_or("None"),
                    names.join(", ")
                )))
            }
        }
    }
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// Years.
    Year,
    /// Months.
    Month,
    /// Days.
    Day,
    /// Weeks, from Monday on (ISO 8601).
    Week,
}

/// One row of `--table-config`; empty fields mean the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableConfig {
    /// `schema.table` or a bare table name, LIKE wildcards allowed.
    pub pattern: String,
    /// Method; none means automatic.
    pub method: Option<Method>,
    /// Key of keyed methods: a column; DataDriven: a column or an expression in the source's SQL; Timepartition:
    /// `(column,year[,month[,day]|,week])`.
    pub key: Option<String>,
    /// Readers; none means `-p`.
    pub readers: Option<usize>,
    /// Set when it comes from `partition_columns` and not from `--table-config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<ConfigRow>,
}

/// A row of `partition_columns`, which is for one table, whatever wildcards its name looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigRow {
    /// The table.
    pub table: TableRef,
    /// How messages call the row.
    pub name: String,
}

impl TableConfig {
    /// Whether it is for `table`.
    pub fn matches(&self, table: &TableRef) -> bool {
        match &self.row {
            Some(row) => row.table == *table,
            None => pattern_matches(&self.pattern, table),
        }
    }

    /// Where it comes from, for messages.
    pub fn origin(&self) -> String {
        match &self.row {
            Some(row) => format!("partition_columns row {}", row.name),
            None => "--table-config".into(),
        }
    }

    /// Parses `table:method:key:p[;...]`, any field but the first may be empty.
    pub fn parse_list(text: &str) -> Result<Vec<Self>> {
        text.split(';').map(str::trim).filter(|row| !row.is_empty()).map(Self::parse).collect()
    }

    fn parse(row: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::usage(format!("{what} in --table-config row '{row}'"))
                .coded(Code::FlagValue)
                .hint("write table:method:key:p, for example orders:RangeId:o_orderkey:4 or orders:Ctid::")
        };
        let (pattern, rest) = row.split_once(':').unwrap_or((row, ""));
        let (method, rest) = rest.split_once(':').unwrap_or((rest, ""));
        let method = Some(method.trim()).filter(|m| !m.is_empty()).map(str::parse::<Method>).transpose()?;
        // An expression may have colons of its own (`x::date`): the readers come after the last one.
        let (key, readers) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let (key, readers) = match method {
            // A cast at the end of an expression without readers is no number.
            Some(Method::DataDriven) if !readers.trim().bytes().all(|b| b.is_ascii_digit()) => (rest, ""),
            Some(Method::DataDriven) => (key, readers),
            _ if key.contains(':') => return Err(wrong("too many fields")),
            _ => (key, readers),
        };
        let present = |text: &'_ str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let Some(pattern) = present(pattern) else { return Err(wrong("no table")) };
        let readers = match present(readers) {
            None => None,
            Some(p) => Some(
                p.parse::<usize>()
                    .ok()
                    .filter(|p| *p > 0)
                    .ok_or_else(|| wrong("p is not a positive number"))?,
            ),
        };
        Ok(Self { pattern, method, key: present(key), readers, row: None })
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
    fn expressions_keep_their_colons() {
        for (row, key, readers) in [
            ("t:DataDriven:at::date:4", "at::date", Some(4)),
            ("t:DataDriven:at::date:", "at::date", None),
            ("t:DataDriven:at::date", "at::date", None),
            ("t:DataDriven:extract(year from at):2", "extract(year from at)", Some(2)),
            ("t:DataDriven:region", "region", None),
            ("t:Timepartition:(at,year,month):3", "(at,year,month)", Some(3)),
        ] {
            let rows = TableConfig::parse_list(row).expect(row);
            assert_eq!((rows[0].key.as_deref(), rows[0].readers), (Some(key), readers), "{row}");
        }
    }

    #[test]
    fn wrong_rows_say_what_is_wrong() {
        for row in ["a:Nope::", "a:Ctid::0", "a:b:c:d:e", ":Ctid::"] {
            assert!(TableConfig::parse_list(row).is_err(), "{row}");
        }
    }
}
