//! Which tables a run is about: SQL LIKE patterns over schema and table names.

use serde::{Deserialize, Serialize};

use super::{ListedTable, TableKind, TableRef};
use crate::error::{Code, Error, Result};

/// Include and exclude patterns. A pattern is SQL LIKE (`%`, `_`, `\` escapes) over the table
/// name, or over `schema.table` when it holds a dot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFilter {
    /// Schema patterns; empty means every schema that is not the system's.
    pub schemas: Vec<String>,
    /// Table patterns; empty means all.
    pub include: Vec<String>,
    /// Table patterns to leave out; wins over `include`.
    pub exclude: Vec<String>,
    /// Views, materialized views and foreign tables too.
    pub views: bool,
}

impl TableFilter {
    /// Whether a listed table is meant. Views, materialized views, foreign tables and single partitions
    /// only when an include names them without a wildcard (or `views`, for the first three).
    pub fn matches(&self, listed: &ListedTable) -> bool {
        let table = &listed.table;
        let schema_ok = self.schemas.is_empty() || self.schemas.iter().any(|p| like(p, &table.schema));
        if !schema_ok || self.exclude.iter().any(|p| pattern_matches(p, table)) {
            return false;
        }
        let named = self.include.iter().any(|p| !has_wildcard(p) && pattern_matches(p, table));
        let by_default = match listed.kind {
            TableKind::Table | TableKind::Partitioned => true,
            TableKind::View | TableKind::MaterializedView | TableKind::Foreign => self.views,
            TableKind::Partition | TableKind::Query => false,
        };
        named
            || (by_default
                && (self.include.is_empty() || self.include.iter().any(|p| pattern_matches(p, table))))
    }
}

impl TableFilter {
    /// An error if this filter does not ask for what foreign tables hold under the name of `table`.
    ///
    /// # Errors
    /// `Data`.
    pub fn reads_foreign(&self, table: &TableRef) -> Result<()> {
        if self.matches(&ListedTable { table: table.clone(), kind: TableKind::Foreign }) {
            return Ok(());
        }
        Err(Error::data("a partition of the table, or a table that inherits from it, is a foreign table")
            .coded(Code::ForeignTable).hint(format!(
            "foreign tables are read only when they are asked for: --include with its full name ({table}), or --views, which \
             exports all views too"
        )))
    }

    /// An error if this filter does not mean `table` as the `kind` that it has by now.
    ///
    /// # Errors
    /// `Data`, naming the kind.
    pub fn still_means(&self, table: &TableRef, kind: TableKind) -> Result<()> {
        if self.matches(&ListedTable { table: table.clone(), kind }) {
            return Ok(());
        }
        Err(Error::data(format!("the name is that of a {kind} now, which was not asked for"))
            .coded(Code::ForeignTable).hint(
            "what was listed under it was dropped or renamed since: run again; --views, or --include with its full name, \
             exports views and foreign tables",
        ))
    }
}

fn has_wildcard(pattern: &str) -> bool {
    let mut escaped = false;
    for c in pattern.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // An underscore is a LIKE wildcard too, but nearly every table name has one.
            '%' => return true,
            _ => {}
        }
    }
    false
}

/// A pattern with a dot is tried against `schema.table`; every pattern is tried against the bare name.
pub fn pattern_matches(pattern: &str, table: &TableRef) -> bool {
    like(pattern, &table.name) || (pattern.contains('.') && like(pattern, &table.full()))
}

/// SQL LIKE, case sensitive, with `\` as escape.
pub fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Classic two-pointer match: on a mismatch go back to the last `%` and let it swallow one more.
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let (literal, width) = match pattern.get(p) {
            Some('\\') if p + 1 < pattern.len() => (pattern.get(p + 1), 2),
            other => (other, 1),
        };
        match literal {
            Some('%') if width == 1 => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(c) if *c == text[t] || (width == 1 && *c == '_') => {
                p += width;
                t += 1;
                continue;
            }
            _ => {}
        }
        match star {
            Some((after, swallowed)) => {
                p = after;
                t = swallowed + 1;
                star = Some((after, swallowed + 1));
            }
            None => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, kind: TableKind) -> ListedTable {
        let table = TableRef { schema: "public".into(), name: name.into() };
        ListedTable { table, kind }
    }

    #[test]
    fn like_knows_wildcards_and_escapes() {
        for (pattern, text, expected) in [
            ("%", "", true),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("a_c", "abc", true),
            ("a\\_c", "abc", false),
            ("a\\_c", "a_c", true),
            ("a\\%", "a%", true),
            ("abc", "ABC", false),
            ("%b%b%", "abcb", true),
            ("é_", "éx", true),
            ("", "", true),
            ("a", "", false),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn views_need_their_name_or_the_switch() {
        let mut filter = TableFilter::default();
        assert!(filter.matches(&listed("t", TableKind::Table)));
        assert!(!filter.matches(&listed("v", TableKind::View)));
        filter.include = vec!["v%".into()];
        assert!(!filter.matches(&listed("v", TableKind::View)));
        filter.include = vec!["public.v".into()];
        assert!(filter.matches(&listed("v", TableKind::View)));
        filter.include = vec![];
        filter.views = true;
        assert!(filter.matches(&listed("v", TableKind::View)));
        assert!(!filter.matches(&listed("t_2024", TableKind::Partition)));
        filter.include = vec!["t_2024".into()];
        assert!(filter.matches(&listed("t_2024", TableKind::Partition)));
        filter.exclude = vec!["t%".into()];
        assert!(!filter.matches(&listed("t_2024", TableKind::Partition)));
    }
}
