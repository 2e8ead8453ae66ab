//! `partition_columns`: rows that the user keeps in the run log's database win over `--table-config`.

use crate::catalog::{SourceIdentity, TableRef};
use crate::error::{Code, Error, Result};
use crate::runlog::PartitionRow;
use crate::source::SOURCES;
use crate::spec::{ConfigRow, CuttingSpec, ExportSpec, Method, TableConfig};

/// The spec with the rows that are for these `tables` of this source before its own table configurations.
///
/// # Errors
/// Usage, naming the row, when it says what nobody understands, or when two say different things of a table.
pub(super) fn configured(
    spec: &ExportSpec,
    rows: &[PartitionRow],
    source: &SourceIdentity,
    tables: &[TableRef],
) -> Result<ExportSpec> {
    let mut configs = Vec::new();
    for table in tables {
        if let Some(row) = row_for(table, rows, source, spec.cutting.env_name.as_deref())? {
            configs.push(config_of(row, table)?);
        }
    }
    configs.extend(spec.cutting.table_configs.iter().cloned());
    let cutting = CuttingSpec { table_configs: configs, ..spec.cutting.clone() };
    Ok(ExportSpec { cutting, ..spec.clone() })
}

/// The row of a table; the one that says more of where the table is wins.
fn row_for<'a>(
    table: &TableRef,
    rows: &'a [PartitionRow],
    source: &SourceIdentity,
    env_name: Option<&str>,
) -> Result<Option<&'a PartitionRow>> {
    let any_or = |text: &Option<String>, wanted: &str| present(text).is_none_or(|text| text == wanted);
    let named = |row: &PartitionRow| {
        u8::from(present(&row.source_database).is_some()) + u8::from(present(&row.source_schema).is_some())
    };
    let mut best: Option<&PartitionRow> = None;
    for row in rows.iter().filter(|row| {
        is_kind(&row.source_db_type, &source.kind)
            && any_or(&row.source_database, &source.database)
            && any_or(&row.source_schema, &table.schema)
            && row.source_table == table.name
            && present(&row.env_name) == env_name
    }) {
        best = match best {
            Some(other) if named(other) == named(row) => {
                return Err(Error::usage(format!(
                    "two rows of partition_columns are for the same table: {other} and {row}"
                ))
                .coded(Code::Method)
                .with("table", table)
                .hint("delete one, or say more of where its table is (source_database, source_schema)"));
            }
            Some(other) if named(other) > named(row) => Some(other),
            _ => Some(row),
        };
    }
    Ok(best)
}

fn config_of(row: &PartitionRow, table: &TableRef) -> Result<TableConfig> {
    let wrong = |error: Error| error.with("partition_columns row", row).with("table", table);
    let method = present(&row.method).map(str::parse::<Method>).transpose().map_err(wrong)?;
    let readers = row.degree.map(|degree| {
        usize::try_from(degree).ok().filter(|degree| *degree > 0).ok_or_else(|| {
            wrong(
                Error::usage(format!("fastbcp_parallel_degree {degree} is not a positive number"))
                    .coded(Code::Method)
                    .hint("write how many readers, or NULL for -p"),
            )
        })
    });
    Ok(TableConfig {
        pattern: table.full(),
        method,
        key: present(&row.key).map(str::to_owned),
        readers: readers.transpose()?,
        row: Some(ConfigRow { table: table.clone(), name: row.to_string() }),
    })
}

/// A field that is NULL or holds nothing says nothing.
fn present(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// Whether both words mean the same kind of source (`pgsql` and `postgres` do).
fn is_kind(written: &str, kind: &str) -> bool {
    let written = written.trim().to_ascii_lowercase();
    written == kind
        || SOURCES.iter().any(|(names, _)| names.contains(&kind) && names.contains(&written.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(place: (Option<&str>, Option<&str>), method: &str, env_name: Option<&str>) -> PartitionRow {
        PartitionRow {
            source_db_type: "PostgreSQL".into(),
            source_database: place.0.map(str::to_owned),
            source_schema: place.1.map(str::to_owned),
            source_table: "line_item".into(),
            method: Some(method.into()),
            degree: Some(3),
            key: Some("id".into()),
            env_name: env_name.map(str::to_owned),
        }
    }

    fn chosen(rows: &[PartitionRow], env_name: Option<&str>) -> Result<Option<Method>> {
        let source = SourceIdentity {
            kind: "postgres".into(),
            version: String::new(),
            server: String::new(),
            database: "sales".into(),
            user: String::new(),
            identifier: None,
        };
        let table = TableRef { schema: "public".into(), name: "line_item".into() };
        let found = row_for(&table, rows, &source, env_name)?;
        found.map(|row| config_of(row, &table)).transpose().map(|config| config.and_then(|c| c.method))
    }

    #[test]
    fn a_kind_of_source_has_several_names() {
        for written in ["postgres", "PgSQL", " postgresql "] {
            assert!(is_kind(written, "postgres"), "{written}");
        }
        for written in ["", "sqlite", "post", "mariadb"] {
            assert!(!is_kind(written, "postgres"), "{written}");
        }
        assert!(is_kind("MariaDB", "mysql") && !is_kind("postgres", "mysql"));
    }

    #[test]
    fn the_row_that_says_most_wins() {
        let any = row((None, Some("")), "Ctid", None);
        let exact = row((Some("sales"), Some("public")), "RangeId", None);
        assert_eq!(chosen(std::slice::from_ref(&any), None).expect("one"), Some(Method::Ctid));
        for rows in [[any.clone(), exact.clone()], [exact, any]] {
            assert_eq!(chosen(&rows, None).expect("two"), Some(Method::RangeId));
        }
        for place in [(Some("other"), None), (None, Some("private"))] {
            assert_eq!(chosen(&[row(place, "Ctid", None)], None).expect("another place"), None);
        }
    }

    #[test]
    fn rows_of_another_environment_do_not_count() {
        let rows = [row((None, None), "Ctid", Some("production")), row((None, None), "Ntile", None)];
        assert_eq!(chosen(&rows, Some("production")).expect("production"), Some(Method::Ctid));
        assert_eq!(chosen(&rows, None).expect("none"), Some(Method::Ntile));
        assert_eq!(chosen(&rows, Some("test")).expect("test"), None);
    }

    #[test]
    fn wrong_rows_are_named() {
        let twice = [row((None, None), "Ctid", None), row((None, None), "Ntile", None)];
        assert!(chosen(&twice, None).expect_err("two").message().contains("two rows"));
        let error = chosen(&[row((None, None), "Ctdi", None)], None).expect_err("method");
        assert!(error.to_string().contains("(PostgreSQL, NULL, NULL, line_item, NULL)"), "{error}");
        let error =
            chosen(&[PartitionRow { degree: Some(0), ..twice[0].clone() }], None).expect_err("degree");
        assert!(error.message().contains("fastbcp_parallel_degree 0"), "{error}");
    }

    #[test]
    fn a_row_may_ask_for_one_reader_and_not_for_fewer() {
        let table = TableRef { schema: "public".into(), name: "line_item".into() };
        let readers = |degree| {
            let row = PartitionRow { degree, ..row((None, None), "Ctid", None) };
            config_of(&row, &table).map(|config| config.readers)
        };
        for (degree, expected) in [(None, None), (Some(1), Some(1)), (Some(7), Some(7))] {
            assert_eq!(readers(degree).expect("a row"), expected);
        }
        for degree in [0, -1] {
            let error = readers(Some(degree)).expect_err("too few");
            assert!(error.message().contains(&format!("{degree} is not a positive number")), "{error}");
        }
    }
}
