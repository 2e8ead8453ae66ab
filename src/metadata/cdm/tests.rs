use arrow_schema::{DataType, Field, TimeUnit};
use serde_json::{Value, json};

use super::*;
use crate::catalog::{Consistency, ForeignKey, Keys, Slice, SnapshotToken, TableRef, Verdict};
use crate::manifest::{FORMAT_VERSION, ManifestColumn};

fn table(schema: &str, name: &str) -> TableRef {
    TableRef { schema: schema.into(), name: name.into() }
}

fn column(name: &str, data_type: &DataType, source_type: Option<&str>) -> ManifestColumn {
    ManifestColumn {
        name: name.into(),
        arrow_type: data_type.to_string(),
        source_type: source_type.map(str::to_owned),
        verdict: source_type.map(|_| Verdict::Exact),
        nullable: false,
        form: None,
        value_type: None,
        crs: None,
    }
}

fn source(kind: &str, database: &str, server: &str) -> SourceIdentity {
    SourceIdentity {
        kind: kind.into(),
        version: "1".into(),
        server: server.into(),
        database: database.into(),
        user: String::new(),
        identifier: None,
    }
}

fn of(schema: &str, name: &str, files: &[&str]) -> Manifest {
    let file = |name: &&str| FileEntry {
        name: (*name).into(),
        rows: 1,
        bytes: 1,
        crc32: "00000000".into(),
        e_tag: None,
        part: 0,
        slice: Slice::All,
        source_hash: None,
        columns: vec![],
        cost: None,
        leftover: false,
    };
    Manifest {
        format_version: FORMAT_VERSION,
        run_id: "r".into(),
        created_by: "test".into(),
        committed_at: "2026-01-01T00:00:00.000Z".into(),
        source: source("postgres", "shop", "db:5432"),
        table: table(schema, name),
        table_version: None,
        earlier_snapshots: Vec::new(),
        mixed_snapshots: Vec::new(),
        snapshot: SnapshotToken {
            level: Consistency::Run,
            id: None,
            position: None,
            taken_at: "2026-01-01T00:00:00Z".into(),
            of_process: false,
        },
        filter: None,
        projection: None,
        query: None,
        source_sql: None,
        partition_by: vec![],
        sorted_by: vec![],
        masks: vec![],
        readers: crate::readers::Readers::Modern,
        columns: vec![
            column("id", &DataType::Int64, Some("bigint")),
            column("other", &DataType::Int64, Some("bigint")),
        ],
        keys: Keys { primary: vec!["id".into()], foreign: vec![] },
        rows: 1,
        verification: None,
        files: files.iter().map(file).collect(),
    }
}

fn referring(mut from: Manifest, to: &TableRef) -> Manifest {
    from.keys.foreign.push(ForeignKey {
        name: None,
        columns: vec!["id".into(), "other".into()],
        table: to.clone(),
        references: vec!["id".into(), "other".into()],
    });
    from
}

fn written(tables: &[Manifest], spec: &MetadataSpec, whole: bool) -> Vec<(String, Value)> {
    let documents = documents(tables, "root", spec, whole).expect("documents");
    documents.into_iter().map(|d| (d.path, serde_json::from_str(&d.content).expect("JSON"))).collect()
}

fn one<'a>(documents: &'a [(String, Value)], path: &str) -> &'a Value {
    documents.iter().find(|(p, _)| p == path).map(|(_, document)| document).expect(path)
}

#[test]
fn nothing_is_named_before_it_is_written() {
    let tables = [of("b", "t", &[]), of("a", "x/y", &[]), of("a", "u", &[])];
    let paths = |spec: &MetadataSpec, whole| -> Vec<String> {
        written(&tables, spec, whole).into_iter().map(|(path, _)| path).collect()
    };
    let entity_files = MetadataSpec { entity_files: true, manifest_name: None };
    let expected = [
        "root/a/x%2Fy.cdm.json",
        "root/a/u.cdm.json",
        "root/a/a.manifest.cdm.json",
        "root/a/manifest.json",
        "root/b/t.cdm.json",
        "root/b/b.manifest.cdm.json",
        "root/b/manifest.json",
        "root/shop.manifest.cdm.json",
        "root/manifest.json",
    ];
    assert_eq!(paths(&entity_files, true), expected);
    assert_eq!(paths(&entity_files, false), expected[..7]);
    assert_eq!(
        paths(&MetadataSpec::default(), false)[..2],
        ["root/a/a.cdm.json", "root/a/a.manifest.cdm.json"]
    );
}

#[test]
fn partitions_are_files_with_what_their_directories_say() {
    let tables = [of("s", "t", &["part-00000.parquet", "year=2024/month=03/part-00001.parquet"])];
    let documents = written(&tables, &MetadataSpec::default(), true);
    let manifest = one(&documents, "root/s/s.manifest.cdm.json");
    assert_eq!(manifest, one(&documents, "root/s/manifest.json"));
    let entity = &manifest["entities"][0];
    assert_eq!(entity["type"], "LocalEntity");
    assert_eq!(entity["entityPath"], "s.cdm.json/t");
    let traits = json!([{ "traitReference": "is.partition.format.parquet" }]);
    let expected = json!([
        { "name": "part-00000", "location": "t/part-00000.parquet", "exhibitsTraits": traits },
        {
            "name": "year=2024/month=03/part-00001",
            "location": "t/year=2024/month=03/part-00001.parquet",
            "arguments": [{ "name": "year", "value": "2024" }, { "name": "month", "value": "03" }],
            "exhibitsTraits": traits,
        },
    ]);
    assert_eq!(entity["dataPartitions"], expected);
    let database = one(&documents, "root/shop.manifest.cdm.json");
    let below = json!([{ "manifestName": "s", "definition": "s/s.manifest.cdm.json" }]);
    assert_eq!((&database["manifestName"], &database["subManifests"]), (&"shop".into(), &below));
}

#[test]
fn foreign_keys_are_relationships_where_both_sides_were_exported() {
    let (customer, order) = (table("a", "customer"), table("a", "order"));
    let mut without_column = of("a", "narrow", &[]);
    without_column.columns.pop();
    let tables = [
        of("a", "customer", &[]),
        referring(referring(of("a", "order", &[]), &customer), &table("a", "not exported")),
        referring(of("b", "line", &[]), &order),
        referring(without_column, &customer),
    ];
    let documents = written(&tables, &MetadataSpec { entity_files: true, manifest_name: None }, true);
    let expected = |from: &str, to: &str, name: &str| -> Value {
        let pair = |column: &str| {
            json!({
                "name": name, "fromEntity": from, "fromEntityAttribute": column,
                "toEntity": to, "toEntityAttribute": column,
            })
        };
        json!([pair("id"), pair("other")])
    };
    let within = expected("order.cdm.json/order", "customer.cdm.json/customer", "order_id_other_fkey");
    assert_eq!(one(&documents, "root/a/manifest.json")["relationships"], within);
    assert_eq!(one(&documents, "root/b/manifest.json")["relationships"], json!([]));
    let between = expected("b/line.cdm.json/line", "a/order.cdm.json/order", "line_id_other_fkey");
    assert_eq!(one(&documents, "root/manifest.json")["relationships"], between);
}

#[test]
fn a_key_that_lost_a_column_is_none() {
    let mut one_of_two = of("s", "t", &[]);
    one_of_two.keys.primary.push("left out".into());
    let key = |manifest: Manifest| -> Value {
        let documents = written(&[manifest], &MetadataSpec::default(), true);
        one(&documents, "root/s/s.cdm.json")["definitions"][0]["hasAttributes"][0]["isPrimaryKey"].clone()
    };
    assert_eq!(key(of("s", "t", &[])), true);
    assert_eq!(key(one_of_two), Value::Null);
    let mut computed = of("s", "t", &[]);
    computed.columns[0].source_type = None;
    assert_eq!(key(computed), Value::Null, "a computed column of the key's name");
}

#[test]
fn names_are_the_flags_the_databases_or_the_files() {
    let named = MetadataSpec { entity_files: false, manifest_name: Some("mine".into()) };
    let name = |documents: &[(String, Value)], path: &str| one(documents, path)["manifestName"].clone();
    let single = written(&[of("s", "t", &[])], &named, true);
    assert_eq!(
        (name(&single, "root/manifest.json"), name(&single, "root/s/manifest.json")),
        ("mine".into(), "mine".into())
    );
    let two = written(&[of("s", "t", &[]), of("r", "t", &[])], &named, true);
    assert_eq!(
        (name(&two, "root/manifest.json"), name(&two, "root/s/manifest.json")),
        ("mine".into(), "s".into())
    );
    for (path, expected) in [("/data/shop.v1.db", "shop.v1"), ("shop", "shop"), (".hidden", ".hidden")] {
        assert_eq!(database(&source("sqlite", path, "")), expected);
    }
    assert_eq!(database(&source("postgres", "a/b.c", "h:5432")), "a/b.c");
}

#[test]
fn two_files_of_one_name_are_an_error() {
    let entity_files = MetadataSpec { entity_files: true, manifest_name: None };
    for name in ["s.manifest", "manifest.json"] {
        let error = documents(&[of("s", name, &[])], "", &entity_files, true).expect_err(name);
        assert_eq!(error.kind(), crate::error::ErrorKind::Data, "{error}");
    }
    assert!(documents(&[of("s", "s.manifest", &[])], "", &MetadataSpec::default(), true).is_ok());
}

#[test]
fn every_arrow_type_has_its_format() {
    let list = DataType::List(Field::new("item", DataType::Utf8, true).into());
    let dictionary = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    for (data_type, source_type, format, decimal, length) in [
        (DataType::Boolean, "boolean", Some("Boolean"), None, None),
        (DataType::Int16, "smallint", Some("Int16"), None, None),
        (DataType::Int32, "integer", Some("Int32"), None, None),
        (DataType::Int64, "bigint", Some("Int64"), None, None),
        (DataType::Float32, "real", Some("Float"), None, None),
        (DataType::Float64, "double precision", Some("Double"), None, None),
        (DataType::Decimal128(12, 2), "numeric(12,2)", Some("Decimal"), Some((12, 2)), None),
        (DataType::Decimal256(50, -3), "numeric(50,-3)", Some("Decimal"), Some((50, -3)), None),
        (DataType::UInt64, "", Some("Decimal"), Some((20, 0)), None),
        (DataType::Date32, "date", Some("Date"), None, None),
        (DataType::Time64(TimeUnit::Microsecond), "time", Some("Time"), None, None),
        (DataType::Timestamp(TimeUnit::Microsecond, None), "timestamp", Some("DateTime"), None, None),
        (utc, "timestamp with time zone", Some("DateTimeOffset"), None, None),
        (DataType::Utf8, "character varying(25)", Some("String"), None, Some(25)),
        (DataType::Utf8, "character(3)", Some("String"), None, Some(3)),
        (DataType::Utf8, "text", Some("String"), None, None),
        (DataType::Utf8, "numeric(5)", Some("String"), None, None),
        (DataType::Utf8, "jsonb", Some("Json"), None, None),
        (dictionary, "mood", Some("String"), None, None),
        (DataType::Binary, "bytea", Some("Binary"), None, None),
        (DataType::FixedSizeBinary(16), "uuid", Some("Guid"), None, None),
        (DataType::FixedSizeBinary(16), "", Some("Binary"), None, None),
        (list, "text[]", None, None, None),
    ] {
        let column = column("c", &data_type, Some(source_type));
        let shape = types::shape(&column, &source("postgres", "d", "h"));
        assert_eq!(
            (shape.format, shape.decimal, shape.maximum_length),
            (format, decimal, length),
            "{data_type}"
        );
    }
    let loose = column("c", &DataType::Utf8, Some("varchar(25)"));
    assert_eq!(types::shape(&loose, &source("sqlite", "d", "")).maximum_length, None);
    assert_eq!(types::shape(&loose, &source("postgres", "d", "h")).maximum_length, Some(25));
}
