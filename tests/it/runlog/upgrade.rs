//! Run logs that earlier versions made, on the servers that can hold one.

use std::path::Path;

use lakexpress::runlog::open_file;
use tempfile::TempDir;

use super::{Log, opened};

/// Steps as servers recorded them before all databases counted alike.
const RELEASED: [(&str, i64); 3] = [("0001-init", 1), ("0003-retries", 2), ("0004-prepared", 3)];

/// What a server's `schema_version` holds when all steps are done: those, and from 5 on the numbers of the scripts.
pub(super) fn recorded() -> String {
    let scripts = std::fs::read_dir(scripts()).unwrap().count() as i64;
    let numbers = RELEASED.iter().map(|(_, number)| *number).chain(5..=scripts);
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join("\n")
}

fn scripts() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/runlog/postgres")
}

impl Log {
    fn run_step(&self, name: &str) {
        let folder = if matches!(self, Self::Postgres(..)) { "postgres" } else { "mysql" };
        let path = scripts().with_file_name(folder).join(name).with_extension("sql");
        self.sql(&std::fs::read_to_string(path).unwrap());
    }

    /// Tables and columns, with what they hold.
    fn columns(&self) -> Vec<String> {
        let schema = if matches!(self, Self::Postgres(..)) { "current_schema()" } else { "DATABASE()" };
        let sql = match self {
            Self::Sqlite(_) => {
                "SELECT m.name, c.name, '' FROM sqlite_schema m JOIN pragma_table_info(m.name) c
                WHERE m.type = 'table'"
                    .to_owned()
            }
            _ => format!(
                "SELECT table_name, column_name, data_type FROM information_schema.columns
                WHERE table_schema = {schema}"
            ),
        };
        let mut lines: Vec<String> = self.query(&sql).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// The same without what they hold.
    fn names(&self) -> Vec<String> {
        let of = |line: &String| line.rsplit_once('|').map(|(name, _)| name.to_owned()).unwrap();
        let mut names: Vec<String> = self.columns().iter().map(of).collect();
        names.sort();
        names
    }
}

fn on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// Brings a run log with the first `done` steps up to date, of which the last is not recorded if it was cut short.
#[track_caller]
fn brought_up_to_date(log: &Log, done: usize, cut_short: bool, expected: &[String]) {
    for (at, (name, number)) in RELEASED[..done].iter().enumerate() {
        log.run_step(name);
        if !(cut_short && at + 1 == done) {
            log.sql(&format!("INSERT INTO schema_version VALUES ({number}, '2020-01-01 00:00:00')"));
        }
    }
    log.sql(
        "INSERT INTO runs (run_id, started_at, status, source_db_type, source_database, source, destination, config,
        version) VALUES ('old', '2020-01-01 00:00:00', 'completed', 'postgres', 'sales', 's', 'd', '{}', '0')",
    );
    for _ in 0..2 {
        let run = on(opened(&log.entry()).run("old")).unwrap().unwrap();
        assert_eq!((run.run_id.as_str(), run.heartbeat_at), ("old", None));
    }
    assert_eq!(log.columns(), expected);
    assert_eq!(log.query("SELECT version FROM schema_version ORDER BY version"), recorded());
    let before = log.query("SELECT count(*) FROM schema_version WHERE applied_at < '2021-01-01'");
    assert_eq!(before, (done - usize::from(cut_short)).to_string(), "nothing is done or recorded again");
}

#[test]
fn run_logs_of_earlier_versions_are_brought_up_to_date_once() {
    for make in [Log::postgres, Log::mariadb] {
        let new = make("runlog_upgrade_new");
        on(opened(&new.entry()).reach()).unwrap();
        assert_eq!(new.query("SELECT version FROM schema_version ORDER BY version"), recorded());
        for done in 1..=RELEASED.len() {
            brought_up_to_date(&make("runlog_upgrade"), done, false, &new.columns());
        }
    }
}

/// Where CREATE TABLE cannot be rolled back, a process that is killed leaves a step that is done and not recorded.
#[test]
fn a_step_that_was_cut_short_is_finished() {
    let new = Log::mariadb("runlog_cut_short_new");
    on(opened(&new.entry()).reach()).unwrap();
    for done in 1..=RELEASED.len() {
        brought_up_to_date(&Log::mariadb("runlog_cut_short"), done, true, &new.columns());
    }
}

#[test]
fn all_databases_have_the_same_tables_and_columns() {
    let home = TempDir::new().unwrap();
    let logs = Log::of_each_kind("runlog_alike", home.path());
    for log in &logs {
        let made = match log {
            Log::Sqlite(path) => open_file(path),
            _ => opened(&log.entry()),
        };
        on(made.reach()).unwrap();
    }
    let names = logs[0].names();
    assert!(names.contains(&"runs|heartbeat_at".to_owned()), "{names:?}");
    for log in &logs[1..] {
        assert_eq!(log.names(), names, "{}", log.kind());
    }
}

#[test]
fn a_run_log_of_a_later_version_is_refused() {
    for log in [Log::postgres("runlog_later"), Log::mariadb("runlog_later")] {
        on(opened(&log.entry()).reach()).unwrap();
        log.sql("INSERT INTO schema_version (version) VALUES (99)");
        let error = on(opened(&log.entry()).reach()).unwrap_err();
        assert!(error.message().contains("version 99"), "{error}");
    }
}
