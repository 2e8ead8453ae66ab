//! WHERE of a read: the conditions that a row must meet.

use super::user_sql;
use crate::source::{Dialect, TableRead};

/// Conditions that must all hold, in the order in which they are written.
#[derive(Debug, Default)]
pub struct Conditions<'a> {
    /// What the source itself asks of a row.
    pub own: Option<String>,
    /// Which rows the slice has.
    pub slice: Option<String>,
    /// What the user asks for in the database's own SQL.
    pub theirs: Option<&'a str>,
    /// What [`Dialect::pushdown`] or [`Dialect::weaker`] made of the user's filter.
    pub filter: Option<&'a str>,
}

impl<'a> Conditions<'a> {
    /// All that `read` asks of a row of its table.
    pub fn of(dialect: &dyn Dialect, read: &'a TableRead) -> Self {
        Self {
            own: None,
            slice: dialect.slice_sql(&read.table, &read.slice),
            theirs: read.table.reading.condition(),
            filter: read.filter.as_deref(),
        }
    }

    /// ` WHERE ...`, to be put behind the relation; empty when every row is read.
    pub fn sql(self) -> String {
        let theirs = self.theirs.map(user_sql::condition);
        let filter = self.filter.map(|filter| format!("({filter})"));
        let all: Vec<String> = [self.own, self.slice, theirs, filter].into_iter().flatten().collect();
        if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_stands_in_parentheses_and_every_row_needs_no_where() {
        assert_eq!(Conditions::default().sql(), "");
        let (own, slice) = (Some("tableoid = 7".to_owned()), Some("k >= (1) AND k < (9)".to_owned()));
        let all = Conditions { own, slice, theirs: Some("a OR b -- c"), filter: Some("x OR y") };
        assert_eq!(
            all.sql(),
            " WHERE tableoid = 7 AND k >= (1) AND k < (9) AND (\na OR b -- c\n) AND (x OR y)"
        );
        assert_eq!(Conditions { filter: Some("x"), ..Conditions::default() }.sql(), " WHERE (x)");
    }
}
