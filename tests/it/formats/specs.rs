//! Specs in the run log, read by `resume`: those of 46fe71e and of d1f17ca, the last whose spec was one flat list.
//!
//! The files are `runs.config` as these versions wrote it, but for the process that is named in it.

use lakexpress::catalog::{Consistency, TableFilter, TableRef};
use lakexpress::spec::origin::Process;
use lakexpress::spec::{
    ArrangementSpec, Compression, ConfigRow, CuttingSpec, EmptyTables, Encodings, ErrorAction, ExportSpec,
    FilesSpec, Format, IfExists, Limits, MasksSpec, MetadataSpec, Method, NumericPolicy, Origin, OutputSpec,
    ParquetSpec, RunSpec, SafetySpec, SelectionSpec, SpecialValues, TableConfig, TableRule, TypePolicy,
    Verify,
};
use serde_json::{Value, json};

const EXPORT_OF_46FE71E: &str = include_str!("specs/46fe71e.export.json");
const QUERY_OF_46FE71E: &str = include_str!("specs/46fe71e.query.json");
const PLAIN_OF_46FE71E: &str = include_str!("specs/46fe71e.plain.json");
const EXPORT_OF_D1F17CA: &str = include_str!("specs/d1f17ca.export.json");
const QUERY_OF_D1F17CA: &str = include_str!("specs/d1f17ca.query.json");
const PLAIN_OF_D1F17CA: &str = include_str!("specs/d1f17ca.plain.json");

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn rule(pattern: &str, sql: &str) -> Vec<TableRule> {
    vec![TableRule { pattern: pattern.into(), sql: sql.into() }]
}

fn config(pattern: &str, method: Option<Method>, key: Option<&str>, readers: usize) -> TableConfig {
    let (key, readers) = (key.map(str::to_owned), Some(readers));
    TableConfig { pattern: pattern.into(), method, key, readers, row: None }
}

fn origin(output_dir: &str) -> Origin {
    Origin {
        auth: Some("/data/auth.json".into()),
        source: Some("postgres://shop@127.0.0.1:5999/shop".into()),
        source_had_password: true,
        output_dir: Some(output_dir.into()),
        process: Some(Process {
            boot: "00000000-0000-0000-0000-000000000001 pid:[1]".into(),
            pid: 1,
            began: "1".into(),
        }),
        ..Origin::default()
    }
}

/// The spec of the exports with every flag, written without a default: a new field is missing here.
fn of_all_flags() -> ExportSpec {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let row = ConfigRow {
        table: TableRef { schema: "public".into(), name: "items".into() },
        name: "(postgres, NULL, public, items, production)".into(),
    };
    ExportSpec {
        selection: SelectionSpec {
            filter: TableFilter {
                schemas: texts(&["public", "sales_%"]),
                include: texts(&["orders", "items", "log", "e%"]),
                exclude: texts(&["empty", "%.audit"]),
                views: true,
            },
            wheres: rule("orders", "id > 10"),
            columns: rule("orders", "id, total, note"),
            source_wheres: rule("orders", "total >= 20"),
            source_columns: rule("items", "id, order_id, price * 2 AS price"),
        },
        types: TypePolicy {
            special_values: SpecialValues::Null,
            numeric: NumericPolicy::Decimal(38, 10),
            cast_text: vec![("public.orders".into(), "total".into())],
        },
        cutting: CuttingSpec {
            readers: 5,
            large_table_rows: 400,
            part_bytes: 4 << 20,
            table_configs: vec![
                TableConfig {
                    row: Some(row),
                    ..config("public.items", Some(Method::RangeId), Some("id"), 3)
                },
                config("orders", Some(Method::Ctid), None, 2),
                config("public.lo_", Some(Method::DataDriven), Some("at::date"), 6),
                config("items", None, None, 1),
            ],
            env_name: Some("production".into()),
        },
        parquet: ParquetSpec {
            compression: Compression::Gzip(9),
            row_group_rows: 1000,
            row_group_bytes: 8 << 20,
            readers: "spark,duckdb".parse().unwrap(),
            encodings: Encodings::Delta,
        },
        arrangement: ArrangementSpec::default(),
        masks: MasksSpec::default(),
        files: FilesSpec::default(),
        safety: SafetySpec {
            consistency: Consistency::Table,
            verify: Verify::Count,
            accept_mixed_snapshot: true,
        },
        output: OutputSpec {
            format: Format::default(),
            keep_versions: None,
            sub_path: "staging/2026".into(),
            if_exists: IfExists::Append,
            empty_tables: EmptyTables::Skip,
            metadata: Some(MetadataSpec { entity_files: true, manifest_name: Some("shop".into()) }),
        },
        run: RunSpec {
            n_jobs: 3,
            max_connections: 9,
            memory_limit_bytes: 512 << 20,
            retries: 7,
            error_action: ErrorAction::Fail,
        },
        limits: Limits {
            max_snapshot_age: Some(7200),
            max_replica_lag: Some(300),
            max_rate: Some(500 << 20),
            closes: None,
        },
        origin: origin("/data/lake"),
    }
}

/// What an export without flags did on a machine of two cores.
fn of_no_flags() -> ExportSpec {
    let cutting = CuttingSpec { readers: 2, ..CuttingSpec::default() };
    ExportSpec { cutting, origin: origin("/data/plain"), ..ExportSpec::default() }
}

/// The places of `now` whose values are those of `default`, objects taken apart.
fn equal_places(now: &Value, default: &Value, place: &str) -> Vec<String> {
    match (now, default) {
        (Value::Object(now), Value::Object(default)) => now
            .iter()
            .flat_map(|(key, now)| {
                equal_places(now, default.get(key).unwrap_or(&Value::Null), &format!("{place}/{key}"))
            })
            .collect(),
        _ if now == default => vec![place.to_owned()],
        _ => Vec::new(),
    }
}

/// `spec` as d1f17ca wrote it: what specs have had since then is the default and is left out.
fn as_before(spec: &ExportSpec) -> Value {
    let mut written = serde_json::to_value(spec).unwrap();
    let default = serde_json::to_value(ExportSpec::default()).unwrap();
    for later in ["arrangement", "files", "masks", "format", "keep_versions"] {
        assert_eq!(written.as_object_mut().unwrap().remove(later).unwrap(), default[later]);
    }
    written
}

#[test]
fn a_spec_is_written_and_read_as_when_it_was_one_flat_list() {
    let spec = of_all_flags();
    assert_eq!(serde_json::from_str::<ExportSpec>(EXPORT_OF_D1F17CA).unwrap(), spec);
    let written = as_before(&spec);
    assert_eq!(written, value(EXPORT_OF_D1F17CA));
    // Each value is one that tells its field from a field with the default.
    let same = equal_places(&written, &serde_json::to_value(ExportSpec::default()).unwrap(), "");
    assert_eq!(same, ["/origin/source_db_auth_id", "/origin/source_db_name", "/origin/target_storage_id"]);
    // Texts are read as trees are.
    assert_eq!(serde_json::from_value::<ExportSpec>(written).unwrap(), spec);
}

#[test]
fn how_rows_are_laid_out_is_read_as_it_was_written() {
    let arrangement = ArrangementSpec {
        partition_by: rule("orders", "year(at) AS y"),
        sort_by: rule("%", "id DESC"),
        max_file_bytes: Some(1 << 20),
        min_file_bytes: Some(1 << 16),
        max_open_files: 3,
        max_partitions: 7,
        deterministic: true,
    };
    let default = serde_json::to_value(ArrangementSpec::default()).unwrap();
    assert!(equal_places(&serde_json::to_value(&arrangement).unwrap(), &default, "").is_empty());
    let spec = ExportSpec { arrangement, ..of_all_flags() };
    assert_eq!(serde_json::from_value::<ExportSpec>(serde_json::to_value(&spec).unwrap()).unwrap(), spec);
}

#[test]
fn specs_of_earlier_versions_are_read() {
    let before_limits = ExportSpec { limits: Limits::default(), ..of_all_flags() };
    assert_eq!(serde_json::from_str::<ExportSpec>(EXPORT_OF_46FE71E).unwrap(), before_limits);
    for (plain, limits) in [(PLAIN_OF_46FE71E, None), (PLAIN_OF_D1F17CA, Some(json!({})))] {
        let spec: ExportSpec = serde_json::from_str(plain).unwrap();
        assert_eq!(spec, of_no_flags());
        let mut written = as_before(&spec);
        if limits.is_none() {
            written.as_object_mut().unwrap().remove("limits");
        }
        assert_eq!(written, value(plain));
    }
}

#[test]
fn the_statements_of_a_run_of_queries_lie_in_its_spec() {
    for query in [QUERY_OF_46FE71E, QUERY_OF_D1F17CA] {
        let config = value(query);
        assert_eq!(config["queries"][0]["source_sql"]["key"], "id");
        let spec: ExportSpec = serde_json::from_value(config.clone()).unwrap();
        let expected = of_no_flags();
        assert_eq!(spec, ExportSpec { origin: origin("/data/lake"), ..expected });
        let mut written = serde_json::to_value(&spec).unwrap();
        written["queries"] = config["queries"].clone();
        assert_eq!(serde_json::from_value::<ExportSpec>(written).unwrap(), spec);
    }
}

/// What is not in a record is what runs did that did not record it, not the default of today; what runs have recorded
/// from the first is not guessed.
#[test]
fn what_a_record_does_not_have_is_what_older_runs_did() {
    let mut older = value(EXPORT_OF_D1F17CA);
    let fields = older.as_object_mut().unwrap();
    let later = [
        "source_wheres",
        "source_columns",
        "env_name",
        "verify",
        "retries",
        "accept_mixed_snapshot",
        "limits",
        "origin",
        "metadata",
    ];
    for field in later {
        assert!(fields.remove(field).is_some(), "{field}");
    }
    let mut expected = of_all_flags();
    (expected.selection.source_wheres, expected.selection.source_columns) = (Vec::new(), Vec::new());
    expected.cutting.env_name = None;
    (expected.safety.verify, expected.safety.accept_mixed_snapshot) = (Verify::None, false);
    expected.run.retries = 0;
    expected.output.metadata = None;
    (expected.limits, expected.origin) = (Limits::default(), Origin::default());
    assert_eq!(serde_json::from_value::<ExportSpec>(older.clone()).unwrap(), expected);

    let always: Vec<String> = older.as_object().unwrap().keys().cloned().collect();
    for field in always {
        let mut less = older.clone();
        less.as_object_mut().unwrap().remove(&field);
        let error = serde_json::from_value::<ExportSpec>(less).expect_err(&field).to_string();
        assert!(error.contains(&format!("missing field `{field}`")), "{error}");
    }
}
