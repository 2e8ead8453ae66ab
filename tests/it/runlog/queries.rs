//! The queries of LakeXpress' documentation, unchanged.

use super::{Home, Log, shop};

/// Queries of the documentation that run on every database, with the id of the run where it has a placeholder.
const QUERIES: [&str; 5] = [
    "SELECT run_id, started_at, finished_at, status, error_message FROM runs ORDER BY started_at DESC",
    "SELECT source_schema, source_table, status, started_at, finished_at, finished_at - started_at as duration,
        row_count, error_message FROM jobs WHERE run_id = 'YOUR_RUN_ID' ORDER BY source_schema, source_table",
    "SELECT source_table, status, started_at, finished_at, finished_at - started_at AS duration, row_count
        FROM jobs WHERE run_id = 'YOUR_RUN_ID' ORDER BY duration DESC",
    "SELECT source_table, status, error_message, started_at, finished_at FROM jobs
        WHERE status = 'failed' ORDER BY started_at DESC LIMIT 10",
    "SELECT source_schema, source_table, status, error_message, started_at, finished_at FROM jobs
        WHERE run_id = 'YOUR_RUN_ID' AND status = 'failed' ORDER BY source_schema, source_table",
];

/// One that is written for PostgreSQL.
const RATES: &str = "SELECT source_table, finished_at - started_at as duration, row_count,
    row_count / EXTRACT(EPOCH FROM (finished_at - started_at)) as rows_per_second
    FROM jobs WHERE run_id = 'YOUR_RUN_ID' AND status = 'completed' ORDER BY duration DESC LIMIT 10";

#[test]
fn the_documented_queries_run_on_every_database() {
    let source = "runlog_queries_source";
    shop(source);
    let server = crate::server::PgServer::shared();
    // One table cannot be exported: a query for failures must find something.
    server.sql(source, "CREATE TABLE shop.nothing ()");
    let home = Home::new();
    for log in Log::of_each_kind("runlog_queries", home.path()) {
        home.write_auth(&log.entry(), source);
        home.export(&["--source_schema_name", "shop"]).output().exits(1);
        let run_id = log.query("SELECT run_id FROM runs");
        assert_eq!(run_id.len(), 36, "{run_id}");
        let answers: Vec<Vec<String>> = QUERIES
            .iter()
            .map(|sql| log.query(&sql.replace("YOUR_RUN_ID", &run_id)).lines().map(str::to_owned).collect())
            .collect();
        let kind = log.kind();
        assert!(
            answers[0][0].starts_with(&run_id) && answers[0][0].contains("|failed|"),
            "{kind}: {answers:?}"
        );
        let tables: Vec<&str> = answers[1].iter().map(|line| line.split('|').nth(1).unwrap()).collect();
        assert_eq!(tables, ["empty", "items", "nothing", "orders"], "{kind}");
        let rows: Vec<&str> = answers[1].iter().map(|line| line.split('|').nth(6).unwrap()).collect();
        assert_eq!(rows, ["0", "10", "", "2000"], "{kind}");
        assert_eq!(answers[2].len(), 4, "{kind}");
        for failures in [&answers[3], &answers[4]] {
            assert_eq!(failures.len(), 1, "{kind}: {failures:?}");
            assert!(
                failures[0].contains("nothing") && failures[0].contains("no columns"),
                "{kind}: {failures:?}"
            );
        }
        assert_eq!(
            log.query("SELECT source_db_type, source_database FROM runs"),
            format!("postgres|{source}")
        );
        let files = log
            .query("SELECT source_table, file_name, row_count FROM files ORDER BY source_table, file_name");
        assert!(files.contains("items|part-00000.parquet|10"), "{kind}: {files}");
        let shown = home.run(&["status", &run_id[..20]], &["--json"]).output().ok();
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        assert_eq!((&shown["run_id"], &shown["status"]), (&run_id.clone().into(), &"failed".into()));
        assert_eq!(shown["jobs"].as_array().unwrap().len(), 4);
        if kind == "postgres" {
            let rates = log.query(&RATES.replace("YOUR_RUN_ID", &run_id));
            let orders = rates.lines().find(|line| line.starts_with("orders|")).unwrap();
            assert!(orders.rsplit('|').next().unwrap().parse::<f64>().unwrap() > 0.0, "{rates}");
        }
        // The next run finds the tables there and adds to them.
        home.export(&["--include", "shop.items"]).output().ok();
        assert_eq!(log.query("SELECT count(*) FROM runs"), "2");
        assert_eq!(home.unrecorded(), [""; 0]);
    }
}

#[test]
fn several_runs_log_into_one_new_database_at_once() {
    let source = "runlog_several_source";
    shop(source);
    for log in [Log::postgres("runlog_several"), Log::mariadb("runlog_several")] {
        let homes: Vec<Home> = (0..4).map(|_| Home::new()).collect();
        let running: Vec<_> = homes
            .iter()
            .map(|home| {
                home.write_auth(&log.entry(), source);
                home.export(&["-p", "1"]).spawn()
            })
            .collect();
        for run in running {
            run.finish().ok().never_says(&["cannot be written"]);
        }
        assert_eq!(
            log.query("SELECT count(*), count(finished_at) FROM runs WHERE status = 'completed'"),
            "4|4"
        );
        assert_eq!(
            log.query("SELECT count(*), sum(row_count) FROM jobs WHERE status = 'completed'"),
            "12|8040"
        );
        let versions = log.query("SELECT version FROM schema_version ORDER BY version");
        assert_eq!(versions, super::upgrade::recorded());
    }
}
