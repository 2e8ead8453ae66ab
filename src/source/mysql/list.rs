//! What there is to read: names and kinds, from the catalog.

use super::ask::ask;
use crate::catalog::{ListedTable, TableFilter, TableKind, TableRef};
use crate::client::mysql::Connection;
use crate::error::Result;

/// Engines whose rows are on other servers, or in files.
const FOREIGN: [&str; 4] = ["FEDERATED", "CONNECT", "SPIDER", "S3"];

const TABLES: &str = "SELECT table_schema, table_name, table_type, engine, create_options \
     FROM information_schema.tables \
     WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')";

/// Tables and views that `filter` means, by schema and name.
///
/// # Errors
/// What the server said.
pub(super) async fn list(
    connection: &mut Connection,
    filter: &TableFilter,
    database: &str,
) -> Result<Vec<ListedTable>> {
    // The database of the address, unless others are named.
    let sql = match names_schemas(filter) {
        true => TABLES.to_owned(),
        false => format!("{TABLES} AND table_schema = ?"),
    };
    let database = [database];
    let values: &[&str] = if names_schemas(filter) { &[] } else { &database };
    let mut listed = Vec::new();
    for answer in ask(connection, &sql, values).await? {
        let Some(kind) = kind(answer.required(2)?, answer.get(3), answer.get(4)) else { continue };
        let table = TableRef { schema: answer.required(0)?.into(), name: answer.required(1)?.into() };
        listed.push(ListedTable { table, kind });
    }
    listed.retain(|one| filter.matches(one));
    listed.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(listed)
}

/// Whether a filter is about more than the database of the address.
fn names_schemas(filter: &TableFilter) -> bool {
    !filter.schemas.is_empty() || filter.include.iter().any(|pattern| pattern.contains('.'))
}

/// What the catalog calls a table, and how it is stored; none for what has no rows to export.
pub(super) fn kind(table_type: &str, engine: Option<&str>, options: Option<&str>) -> Option<TableKind> {
    match table_type {
        "VIEW" => Some(TableKind::View),
        "BASE TABLE" | "SYSTEM VERSIONED" => Some(match engine {
            Some(engine) if FOREIGN.iter().any(|foreign| engine.eq_ignore_ascii_case(foreign)) => {
                TableKind::Foreign
            }
            _ if options.is_some_and(|options| options.split(' ').any(|option| option == "partitioned")) => {
                TableKind::Partitioned
            }
            _ => TableKind::Table,
        }),
        // Sequences and tables of a session.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_those_of_the_catalog() {
        for (table_type, engine, options, expected) in [
            ("BASE TABLE", Some("InnoDB"), Some(""), Some(TableKind::Table)),
            (
                "BASE TABLE",
                Some("InnoDB"),
                Some("row_format=DYNAMIC partitioned"),
                Some(TableKind::Partitioned),
            ),
            ("SYSTEM VERSIONED", Some("InnoDB"), None, Some(TableKind::Table)),
            ("BASE TABLE", Some("federated"), None, Some(TableKind::Foreign)),
            ("VIEW", None, None, Some(TableKind::View)),
            // A table that is broken has no engine; it is listed, and reading it says why.
            ("BASE TABLE", None, None, Some(TableKind::Table)),
            ("SEQUENCE", Some("InnoDB"), None, None),
            ("SYSTEM VIEW", Some("MEMORY"), None, None),
        ] {
            assert_eq!(kind(table_type, engine, options), expected, "{table_type} {engine:?}");
        }
    }

    #[test]
    fn a_schema_is_named_by_its_flag_or_before_a_dot() {
        let include = |pattern: &str| TableFilter { include: vec![pattern.into()], ..TableFilter::default() };
        assert!(!names_schemas(&TableFilter::default()) && !names_schemas(&include("a%")));
        assert!(names_schemas(&include("other.a")));
        assert!(names_schemas(&TableFilter { schemas: vec!["o%".into()], ..TableFilter::default() }));
    }
}
