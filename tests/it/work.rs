//! A part is a value: a process that has only that, a source and a destination, writes the same file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_schema::DataType;
use lakexpress::catalog::{Consistency, KeyValue, Slice, TableFilter, TableRef};
use lakexpress::destination::Destination;
use lakexpress::destination::local::LocalDirectory;
use lakexpress::error::{ErrorKind, Result};
use lakexpress::partition::Choice;
use lakexpress::plan::{Cut, CutSlice, TablePlan, plan_table};
use lakexpress::sink::{Demands, FileRules, PreparedPart, RefusedType};
use lakexpress::source::{self, Address, Environment, Snapshot, Source};
use lakexpress::spec::layout::FileNames;
use lakexpress::spec::{ExportSpec, Method, SafetySpec, SelectionSpec, SpecialValues, TableRule, TypePolicy};
use lakexpress::work::{PartTask, Worker};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::expressions::spec;
use crate::lake::duck;
use crate::server::PgServer;

/// What the other process is given, as JSON in a file.
const GIVEN: &str = "PART_TASK";

fn open(url: &str, types: &TypePolicy) -> Arc<dyn Source> {
    source::open(&Address::Url(url.parse().unwrap()), types, &Environment::default()).unwrap()
}

fn table(schema: &str) -> TableRef {
    TableRef { schema: schema.into(), name: "t".into() }
}

/// The plan of table `t`, cut into `slices`, as of a view that is held.
async fn planned(
    source: &Arc<dyn Source>,
    spec: &ExportSpec,
    schema: &str,
    slices: [Slice; 3],
) -> (Box<dyn Snapshot>, Arc<TablePlan>) {
    let view = source.snapshot(&[table(schema)], spec.safety.consistency, 4).await.unwrap();
    let info = view.describe(&table(schema), &TableFilter::default()).await.unwrap();
    let slices = slices.map(|slice| CutSlice { slice, directory: None }).to_vec();
    let choice = Choice { method: Method::Random, key: None, parts: 3, readers: 2, reason: String::new() };
    let cut = Cut { choice, slices };
    let plan =
        plan_table(source, info, view.token().clone(), cut, spec, &FileRules::default()).await.unwrap();
    (view, Arc::new(plan))
}

/// Whole tables, as planning takes them.
fn whole() -> Cut {
    let choice = Choice { method: Method::None, key: None, parts: 1, readers: 1, reason: String::new() };
    Cut { choice, slices: vec![CutSlice { slice: Slice::All, directory: None }] }
}

/// A part without its times and upload id: equal for every process that writes it.
fn lasting(part: &PreparedPart) -> Value {
    let mut part = serde_json::to_value(part).unwrap();
    for file in part["files"].as_array_mut().into_iter().flatten() {
        file["entry"]["cost"] = Value::Null;
        file["upload"]["upload_id"] = Value::Null;
    }
    part
}

async fn write(source: Arc<dyn Source>, dir: &Path, task: &PartTask) -> Result<PreparedPart> {
    let destination: Arc<dyn Destination> = Arc::new(LocalDirectory::new(dir).unwrap());
    let written = Worker::new(source, Arc::clone(&destination)).write(task, None).await?;
    if let [file] = written.files.as_slice() {
        destination.complete(&file.upload).await?;
    }
    Ok(written)
}

/// The same by a process that knows nothing else: what it wrote, or why it did not.
fn elsewhere(url: &str, dir: &Path, task: &PartTask) -> std::result::Result<PreparedPart, String> {
    let given = tempfile::NamedTempFile::new().unwrap();
    let answer = given.path().with_extension("answer");
    fs::write(given.path(), json!({ "url": url, "dir": dir, "task": task, "answer": answer }).to_string())
        .unwrap();
    let exe = std::env::current_exe().unwrap();
    let args = ["--exact", "work::the_other_process", "--ignored", "--test-threads", "1"];
    let ended = Command::new(exe).args(args).env(GIVEN, given.path()).output().unwrap();
    let said = fs::read_to_string(&answer).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let _ = fs::remove_file(&answer);
    serde_json::from_str(&said).unwrap()
}

#[test]
#[ignore = "is called by the other tests, in a process of its own"]
fn the_other_process() {
    let Some(given) = std::env::var_os(GIVEN) else { return };
    let given: Value = serde_json::from_str(&fs::read_to_string(given).unwrap()).unwrap();
    let task: PartTask = serde_json::from_value(given["task"].clone()).unwrap();
    let (url, dir) = (given["url"].as_str().unwrap(), given["dir"].as_str().unwrap());
    // Not as the first process opened it: what decides bytes is in the task.
    let source = open(url, &TypePolicy::default());
    let written = tokio::runtime::Runtime::new().unwrap().block_on(write(source, Path::new(dir), &task));
    let written = written.map_err(|error| format!("{error}; {}", error.hints().join("; ")));
    fs::write(given["answer"].as_str().unwrap(), serde_json::to_string(&written).unwrap()).unwrap();
}

/// Files of both directories, byte for byte.
fn assert_same_files(here: &Path, there: &Path, plan: &TablePlan) {
    for part in &plan.parts {
        let file = format!("{}/{}", plan.directory, part.file);
        let [here, there] = [here, there].map(|dir| fs::read(dir.join(&file)).unwrap());
        assert!(!here.is_empty() && here == there, "{file}: {} and {} bytes", here.len(), there.len());
    }
}

#[test]
fn a_task_through_json_gives_the_same_bytes_from_postgres() {
    let server = PgServer::shared();
    let url = server.create_db("part_tasks");
    server.sql(
        "part_tasks",
        "CREATE TABLE t (id integer PRIMARY KEY, n numeric(12,2), big numeric, d date, at timestamptz, name text,
                         tags text[], doc jsonb);
         INSERT INTO t SELECT i, i / 7.0, i * 1e20, CASE WHEN i % 5 = 0 THEN 'infinity' ELSE date '2024-01-01' + i END,
             now(), 'ü' || i, ARRAY['a', i::text], jsonb_build_object('i', i) FROM generate_series(1, 3000) AS s(i)",
    );
    let types = TypePolicy { special_values: SpecialValues::Null, ..TypePolicy::default() };
    let rule = |sql: &str| vec![TableRule { pattern: "t".into(), sql: sql.into() }];
    let spec = ExportSpec {
        types: types.clone(),
        selection: SelectionSpec {
            wheres: rule("id % 11 <> 3 AND name <> 'ü7' AND (d IS NULL OR d > '2024-02-01')"),
            columns: rule(
                "id, n, big, d, at, upper(name) AS name, tags, doc, now() AS made, current_date AS day",
            ),
            ..SelectionSpec::default()
        },
        ..spec()
    };
    let slices = [0, 1, 2].map(|remainder| Slice::Modulo { column: "id".into(), of: 3, remainder });
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let source = open(&url, &types);
        let (view, plan) = planned(&source, &spec, "public", slices).await;
        assert!(!view.token().of_process);
        // Nobody who reads under the view sees this.
        server.sql("part_tasks", "DELETE FROM t WHERE id > 100");
        for part in 0..plan.parts.len() {
            let task = PartTask::new(&plan, part);
            let ours = write(Arc::clone(&source), here.path(), &task).await.unwrap();
            // `now()` is the moment of the snapshot, whenever a part is written.
            std::thread::sleep(std::time::Duration::from_millis(300));
            let theirs = elsewhere(&url, there.path(), &task).unwrap();
            assert!(ours.rows > 600, "{ours:?}");
            assert_eq!(lasting(&ours), lasting(&theirs));
        }
        assert_same_files(here.path(), there.path(), &plan);
        let files = here.path().join(&plan.directory).join("*.parquet");
        let moments = format!(
            "SELECT count(DISTINCT made), min(made) = TIMESTAMPTZ '{}', min(day) = max(day) FROM read_parquet('{}')",
            view.token().taken_at,
            files.display()
        );
        assert_eq!(duck(&moments), "1|True|True");
    });
}

#[test]
fn a_snapshot_of_sqlite_is_refused_by_name_and_none_is_read() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("data.db");
    Connection::open(&file)
        .unwrap()
        .execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, x REAL);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO t SELECT i, 'n' || i, i / 3.0 FROM n",
        )
        .unwrap();
    let url = format!("sqlite://{}", file.display());
    let ranges = [(None, Some(700)), (Some(700), Some(1500)), (Some(1500), None)];
    let key = |bound: Option<i64>| bound.map(KeyValue::Int);
    let slices =
        || ranges.map(|(from, to)| Slice::Range { column: "id".into(), lower: key(from), upper: key(to) });
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let source = open(&url, &TypePolicy::default());
        let (view, plan) = planned(&source, &spec(), "main", slices()).await;
        assert!(view.token().of_process);
        let refused = elsewhere(&url, there.path(), &PartTask::new(&plan, 0)).unwrap_err();
        assert!(
            refused.contains("snapshot of a SQLite file") && refused.contains("--consistency none"),
            "{refused}"
        );
        drop(view);

        let spec = ExportSpec {
            safety: SafetySpec { consistency: Consistency::None, ..SafetySpec::default() },
            ..spec()
        };
        let (view, plan) = planned(&source, &spec, "main", slices()).await;
        assert!(!view.token().of_process);
        for part in 0..plan.parts.len() {
            let task = PartTask::new(&plan, part);
            let ours = write(Arc::clone(&source), here.path(), &task).await.unwrap();
            let theirs = elsewhere(&url, there.path(), &task).unwrap();
            assert!(ours.rows > 400, "{ours:?}");
            assert_eq!(lasting(&ours), lasting(&theirs));
        }
        assert_same_files(here.path(), there.path(), &plan);
    });
}

#[test]
fn what_a_format_says_of_files_is_followed_when_a_table_is_planned() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("data.db");
    let create = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, x REAL)";
    Connection::open(&file).unwrap().execute_batch(create).unwrap();
    let source = open(&format!("sqlite://{}", file.display()), &TypePolicy::default());
    let planned = |projection: Option<&str>, rules: FileRules| {
        let columns = projection.map(|sql| TableRule { pattern: "t".into(), sql: sql.into() });
        let selection = SelectionSpec { columns: columns.into_iter().collect(), ..SelectionSpec::default() };
        let spec = ExportSpec { selection, ..spec() };
        let source = &source;
        tokio::runtime::Runtime::new().unwrap().block_on(async move {
            let view = source.snapshot(&[table("main")], Consistency::Run, 4).await?;
            let info = view.describe(&table("main"), &TableFilter::default()).await?;
            plan_table(source, info, view.token().clone(), whole(), &spec, &rules).await
        })
    };
    const FLOATS: RefusedType = RefusedType { what: "floats", is: |t| matches!(t, DataType::Float64) };
    let demands = Demands { refused: &[FLOATS], ..Demands::default() };
    let rules = || FileRules { format: "strict", names: FileNames::OfRun("0199a1b2-89ab".into()), demands };
    for (projection, column) in [(None, "x"), (Some("id, x * 2 AS twice"), "twice")] {
        let error = planned(projection, rules()).expect_err("refused");
        assert_eq!((error.kind(), error.message()), (ErrorKind::Data, "strict tables have no floats"));
        for word in [("table", "main.t"), ("column", column)] {
            assert!(error.context().contains(&(word.0, word.1.to_owned())), "{word:?}: {error:?}");
        }
        planned(projection, FileRules::default()).expect("plain files have floats");
    }
    let plan = planned(Some("id, name"), rules()).expect("no floats");
    assert_eq!(plan.parts[0].file, "part-00000-a1b289ab.parquet");
}
