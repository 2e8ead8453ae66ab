//! The tables of a DuckLake catalog of version 1.0.

/// Kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// The version of the catalog's layout.
pub(super) const VERSION: &str = "1.0";
/// Who the catalog says made a snapshot of ours.
pub(super) const AUTHOR: &str = "lakexpress";
/// A table of ours has this tag, with the place that it was published from.
pub(super) const TAG: &str = "lakexpress";

/// Name, and columns with their types. `key` is an integer that is the primary key; `flag`, `uuid` and `time` have other
/// types in other databases.
const TABLES: &[(&str, &str)] = &[
    ("metadata", "key text!, value text!, scope text, scope_id int"),
    (
        "snapshot",
        "snapshot_id key, snapshot_time time, schema_version int, next_catalog_id int, next_file_id int",
    ),
    (
        "snapshot_changes",
        "snapshot_id key, changes_made text, author text, commit_message text, commit_extra_info text",
    ),
    (
        "schema",
        "schema_id key, schema_uuid uuid, begin_snapshot int, end_snapshot int, schema_name text, path text, path_is_relative flag",
    ),
    (
        "table",
        "table_id int, table_uuid uuid, begin_snapshot int, end_snapshot int, schema_id int, table_name text, path text, path_is_relative flag",
    ),
    (
        "view",
        "view_id int, view_uuid uuid, begin_snapshot int, end_snapshot int, schema_id int, view_name text, dialect text, sql text, column_aliases text",
    ),
    ("tag", "object_id int, begin_snapshot int, end_snapshot int, key text, value text"),
    ("column_tag", "table_id int, column_id int, begin_snapshot int, end_snapshot int, key text, value text"),
    (
        "data_file",
        "data_file_id key, table_id int, begin_snapshot int, end_snapshot int, file_order int, path text, path_is_relative flag, \
         file_format text, record_count int, file_size_bytes int, footer_size int, row_id_start int, partition_id int, \
         encryption_key text, mapping_id int, partial_max int",
    ),
    (
        "file_column_stats",
        "data_file_id int, table_id int, column_id int, column_size_bytes int, value_count int, null_count int, min_value text, \
         max_value text, contains_nan flag, extra_stats text",
    ),
    (
        "file_variant_stats",
        "data_file_id int, table_id int, column_id int, variant_path text, shredded_type text, column_size_bytes int, \
         value_count int, null_count int, min_value text, max_value text, contains_nan flag, extra_stats text",
    ),
    (
        "delete_file",
        "delete_file_id key, table_id int, begin_snapshot int, end_snapshot int, data_file_id int, path text, \
         path_is_relative flag, format text, delete_count int, file_size_bytes int, footer_size int, encryption_key text, \
         partial_max int",
    ),
    (
        "column",
        "column_id int, begin_snapshot int, end_snapshot int, table_id int, column_order int, column_name text, \
         column_type text, initial_default text, default_value text, nulls_allowed flag, parent_column int, \
         default_value_type text, default_value_dialect text",
    ),
    ("table_stats", "table_id int, record_count int, next_row_id int, file_size_bytes int"),
    (
        "table_column_stats",
        "table_id int, column_id int, contains_null flag, contains_nan flag, min_value text, max_value text, extra_stats text",
    ),
    ("partition_info", "partition_id int, table_id int, begin_snapshot int, end_snapshot int"),
    (
        "partition_column",
        "partition_id int, table_id int, partition_key_index int, column_id int, transform text",
    ),
    ("file_partition_value", "data_file_id int, table_id int, partition_key_index int, partition_value text"),
    (
        "files_scheduled_for_deletion",
        "data_file_id int, path text, path_is_relative flag, schedule_start time",
    ),
    ("inlined_data_tables", "table_id int, table_name text, schema_version int"),
    ("column_mapping", "mapping_id int, table_id int, type text"),
    (
        "name_mapping",
        "mapping_id int, column_id int, source_name text, target_field_id int, parent_column int, is_partition flag",
    ),
    ("schema_versions", "begin_snapshot int, schema_version int, table_id int"),
    ("macro", "schema_id int, macro_id int, macro_name text, begin_snapshot int, end_snapshot int"),
    ("macro_impl", "macro_id int, impl_id int, dialect text, sql text, type text"),
    (
        "macro_parameters",
        "macro_id int, impl_id int, column_id int, parameter_name text, parameter_type text, default_value text, \
         default_value_type text",
    ),
    ("sort_info", "sort_id int, table_id int, begin_snapshot int, end_snapshot int"),
    (
        "sort_expression",
        "sort_id int, table_id int, sort_key_index int, expression text, dialect text, sort_direction text, null_order text",
    ),
];

/// The statements that make the tables.
pub(super) fn statements(kind: Kind) -> Vec<String> {
    let statement = |(name, columns): &(&str, &str)| {
        let columns: Vec<String> = columns.split(", ").map(|column| defined(kind, column)).collect();
        format!("CREATE TABLE ducklake_{name} ({})", columns.join(", "))
    };
    TABLES.iter().map(statement).collect()
}

fn defined(kind: Kind, column: &str) -> String {
    let (name, word) = column.trim().split_once(' ').unwrap_or((column, "text"));
    let data_type = match (word, kind) {
        ("int", _) | ("flag", Kind::Sqlite) => "BIGINT",
        ("key", _) => "BIGINT PRIMARY KEY",
        ("flag", Kind::Postgres) => "BOOLEAN",
        ("uuid", Kind::Postgres) => "UUID",
        ("time", Kind::Postgres) => "TIMESTAMPTZ",
        ("text!", _) => "VARCHAR NOT NULL",
        _ => "VARCHAR",
    };
    format!("\"{name}\" {data_type}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_has_28_tables() {
        let made = statements(Kind::Postgres);
        assert_eq!(made.len(), 28);
        assert_eq!(
            made[1],
            "CREATE TABLE ducklake_snapshot (\"snapshot_id\" BIGINT PRIMARY KEY, \"snapshot_time\" TIMESTAMPTZ, \
             \"schema_version\" BIGINT, \"next_catalog_id\" BIGINT, \"next_file_id\" BIGINT)"
        );
        let lite = statements(Kind::Sqlite);
        assert!(
            lite[3].contains("\"schema_uuid\" VARCHAR") && lite[3].contains("\"path_is_relative\" BIGINT"),
            "{}",
            lite[3]
        );
    }
}
