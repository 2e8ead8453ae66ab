//! Tables whose engine keeps no old versions of rows: a transaction sees every change of them at once. They are locked
//! against change for as long as the view is held, or refused.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::kinds::{Engine, OF_MOMENTS, kind};
use super::names::{Failures, explain, lock_list, name};
use super::views::{self, Verdict};
use super::{ask, gate};
use crate::catalog::TableRef;
use crate::client::mysql::{Connection, code, ident, literal};
use crate::clock;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::source::mysql::session;

/// The server's own.
const SYSTEM: &[&str] = &["information_schema", "performance_schema", "mysql", "sys"];

/// Pauses in milliseconds after which the catalog is asked again for tables that it left out.
const PAUSES: [u64; 4] = [50, 200, 500, 1000];
/// How long a lock of a table is waited for, in seconds.
const WAIT_SECONDS: u32 = 3;
/// The server gives up the locks of a client that says nothing for so many seconds. It is asked whether it is there far
/// more often than that, for as long as tables are read.
const ABANDONED_SECONDS: u32 = 1800;

/// What is known of the tables of a run before its moment.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Those that have to be locked for as long as they are read.
    pub(super) locked: Vec<TableRef>,
    /// Those that cannot be read as of one moment.
    pub(super) failures: Failures,
    /// The views of the run.
    pub(super) views: HashSet<TableRef>,
}

/// Tables of a server that are of no moment by themselves.
#[derive(Debug, Default)]
pub(super) struct Without {
    /// Tables of engines without moments, and sequences.
    pub(super) tables: Vec<(TableRef, Engine)>,
    /// All views.
    pub(super) views: Vec<TableRef>,
}

impl Without {
    /// Asks the catalog, which may take long for a server with many tables. The server's own schemas are left out,
    /// unless `tables` are of them.
    ///
    /// # Errors
    /// What the server said.
    pub(super) async fn of(connection: &mut Connection, tables: &[TableRef]) -> Result<Self> {
        let known: Vec<String> = OF_MOMENTS.iter().map(|engine| literal(engine)).collect();
        let sql = format!(
            "SELECT table_schema, table_name, table_type, engine FROM information_schema.tables \
             WHERE table_schema NOT IN ({}) \
             AND (engine IS NULL OR engine NOT IN ({}) OR table_type = 'SEQUENCE')",
            foreign_schemas(tables),
            known.join(", ")
        );
        let mut without = Self::default();
        for row in ask::rows(connection, &sql).await? {
            let [Some(schema), Some(table), Some(of), engine] = row.as_slice() else { continue };
            let table = TableRef { schema: schema.clone(), name: table.clone() };
            match engine {
                _ if of.eq_ignore_ascii_case("VIEW") => without.views.push(table),
                // One that cannot be opened says so when it is touched.
                None => {}
                Some(engine) => without.tables.push((table, kind(of, engine))),
            }
        }
        Ok(without)
    }
}

impl Survey {
    /// Asks the catalog.
    ///
    /// # Errors
    /// What the server said.
    pub(super) async fn of(connection: &mut Connection, tables: &[TableRef]) -> Result<Self> {
        let wanted: HashSet<&TableRef> = tables.iter().collect();
        let without = Without::of(connection, tables).await?;
        let mut survey = Self::default();
        for (table, engine) in without.tables {
            if wanted.contains(&table) {
                survey.note(table, engine);
            }
        }
        let views: Vec<TableRef> = without.views.into_iter().filter(|view| wanted.contains(view)).collect();
        survey.views = views.iter().cloned().collect();
        for (view, verdict) in views::judge(connection, views).await? {
            match verdict {
                Verdict::Safe => {}
                Verdict::Lock => survey.locked.push(view),
                Verdict::Foreign(engine) => survey.note(view, Engine::Foreign(engine)),
            }
        }
        Ok(survey)
    }

    /// Those of `tables` that cannot be read as of the moment that was taken by this survey. To be asked when the readers
    /// hold the definitions of all of them, which may have been others when they were surveyed: a statement that changed
    /// one hides it from the catalog for so long.
    ///
    /// # Errors
    /// What the server said.
    pub(super) async fn changed(&self, connection: &mut Connection, tables: &[TableRef]) -> Result<Failures> {
        let mut now = Listed::of(connection, tables).await?;
        // The catalog of a server on which another backup flushes tables may leave some out for a moment.
        for pause in PAUSES {
            if tables.iter().all(|table| now.0.contains_key(table)) {
                break;
            }
            clock::sleep(Duration::from_millis(pause)).await;
            now = Listed::of(connection, tables).await?;
        }
        let mut failures = Failures::new();
        let mut views = Vec::new();
        for table in tables.iter().filter(|table| !self.locked.contains(table)) {
            match now.0.get(table) {
                Some(Kind::View) => views.push(table.clone()),
                Some(Kind::Table(Engine::OfMoments)) => {}
                Some(Kind::Table(_)) => {
                    failures.insert(table.clone(), altered(table));
                }
                None => {
                    failures.insert(table.clone(), unlisted(table));
                }
            }
        }
        for (view, verdict) in views::judge(connection, views).await? {
            if verdict != Verdict::Safe {
                failures.insert(view.clone(), altered(&view));
            }
        }
        Ok(failures)
    }

    /// There is no connection that could hold the locks.
    pub(super) fn refuse(&mut self) {
        for table in self.locked.drain(..) {
            let error = Error::unavailable(
                "the table's engine has no snapshots: it must be locked while it is read, and the server allows no connection to hold the lock",
            ).coded(Code::EngineWithoutSnapshots)
            .with("table", &table)
            .hint("raise max_connections or the user's MAX_USER_CONNECTIONS");
            self.failures.insert(table, error);
        }
    }

    fn note(&mut self, table: TableRef, engine: Engine) {
        match engine {
            Engine::OfMoments => {}
            Engine::Lockable => self.locked.push(table),
            Engine::Foreign(engine) => {
                let what = if self.views.contains(&table) { "a view over tables" } else { "tables" };
                let error = Error::data(format!(
                    "{what} of the engine {engine} cannot be read as of one moment, and locks do not hold off their changes"
                )).coded(Code::EngineWithoutSnapshots)
                .with("table", &table)
                .hint("--consistency none reads every part at its own moment; or leave the table out");
                self.failures.insert(table, error);
            }
        }
    }

    /// Makes those that could not be locked failures: nothing else leaves the list of what has to be locked.
    fn give_up(&mut self, refused: Failures) {
        self.locked.retain(|table| !refused.contains_key(table));
        self.failures.extend(refused);
    }
}

fn unlisted(table: &TableRef) -> Error {
    Error::unavailable("the server's catalog does not list the table, so that its engine is not known")
        .coded(Code::TableChanged)
        .with("table", table)
        .hint("run again when no ALTER, no FLUSH TABLES and no other backup runs")
}

fn altered(table: &TableRef) -> Error {
    Error::unavailable("the table was altered while the run began, and is now of an engine without snapshots")
        .coded(Code::TableChanged)
        .with("table", table)
        .hint("run again when no ALTER, CREATE OR REPLACE or ENABLE KEYS runs on it")
}

/// What a name of the catalog is.
#[derive(Debug)]
enum Kind {
    Table(Engine),
    View,
}

/// Tables and views of the catalog; those that it does not describe are left out.
#[derive(Debug)]
struct Listed(HashMap<TableRef, Kind>);

impl Listed {
    /// All of the schemas of `tables`; of a schema with one of them, that one.
    async fn of(connection: &mut Connection, tables: &[TableRef]) -> Result<Self> {
        let mut schemas: HashMap<&str, Vec<&str>> = HashMap::new();
        for table in tables {
            schemas.entry(&table.schema).or_default().push(&table.name);
        }
        let mut listed = HashMap::new();
        for (schema, names) in schemas {
            let mut sql = format!(
                "SELECT table_name, table_type, engine FROM information_schema.tables WHERE table_schema = {}",
                literal(schema)
            );
            if let [only] = names.as_slice() {
                sql.push_str(&format!(" AND table_name = {}", literal(only)));
            }
            for row in ask::rows(connection, &sql).await? {
                let (name, kind) = match row.as_slice() {
                    [Some(name), Some(of), _] if of.eq_ignore_ascii_case("VIEW") => (name, Kind::View),
                    [Some(name), Some(of), Some(engine)] => (name, Kind::Table(kind(of, engine))),
                    _ => continue,
                };
                listed.insert(TableRef { schema: schema.to_owned(), name: name.clone() }, kind);
            }
        }
        Ok(Self(listed))
    }
}

/// The schemas whose tables nobody asked for, as a list in SQL.
fn foreign_schemas(tables: &[TableRef]) -> String {
    let is_wanted = |schema: &str| tables.iter().any(|table| table.schema.eq_ignore_ascii_case(schema));
    let schemas: Vec<String> =
        SYSTEM.iter().filter(|schema| !is_wanted(schema)).map(|schema| literal(schema)).collect();
    // A list cannot be empty, and no schema has an empty name.
    if schemas.is_empty() { literal("") } else { schemas.join(", ") }
}

/// Locks the tables of a survey against change, until the connection ends. Those that cannot be locked are failures.
///
/// # Errors
/// Those of the connection, and of locks that are waited for in vain.
pub(super) async fn hold(connection: &mut Connection, survey: &mut Survey) -> Result<()> {
    if survey.locked.is_empty() {
        return Ok(());
    }
    session::wait_for_locks(connection, WAIT_SECONDS).await?;
    connection.execute(&format!("SET wait_timeout = {ABANDONED_SECONDS}")).await?;
    match connection.execute(&lock_list(&survey.locked)).await {
        Ok(()) => return Ok(()),
        Err(error) if code(&error).is_none() || gate::is_wait(&error) => return Err(error),
        Err(_) => {}
    }
    // Which of them? Each new lock gives up those before. An attempt that ends early leaves the list as it is.
    let mut refused = Failures::new();
    for table in &survey.locked {
        match connection.execute(&format!("LOCK TABLES {} READ", name(table))).await {
            Ok(()) => {}
            Err(error) if code(&error).is_none() || gate::is_wait(&error) => return Err(error),
            Err(error) => {
                let error = not_locked(error, table, survey.views.contains(table));
                refused.insert(table.clone(), error);
            }
        }
    }
    connection.execute("UNLOCK TABLES").await?;
    survey.give_up(refused);
    match survey.locked.as_slice() {
        [] => Ok(()),
        locked => connection.execute(&lock_list(locked)).await,
    }
}

fn not_locked(error: Error, table: &TableRef, is_view: bool) -> Error {
    if is_view {
        return Error::denied(
            "not all tables under the view are known to have snapshots: it must be locked while it is read, and that failed",
        ).coded(Code::EngineWithoutSnapshots)
        .with("table", table)
        .hint(format!(
            "GRANT SHOW VIEW ON {} TO the user that exports, and SELECT on the tables under the view; or GRANT LOCK TABLES on its database",
            name(table)
        ))
        .hint("--consistency none reads it without a lock, every part at its own moment")
        .caused_by(error);
    }
    if error.kind() != ErrorKind::Denied {
        return explain(error, table);
    }
    Error::denied("the table's engine has no snapshots: it must be locked while it is read, and this user lacks LOCK TABLES")
        .coded(Code::EngineWithoutSnapshots)
        .with("table", table)
        .hint(format!("GRANT LOCK TABLES, SELECT ON {}.* TO the user that exports", ident(&table.schema)))
        .hint("--consistency none reads it without a lock, every part at its own moment; a table of InnoDB needs no lock")
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> TableRef {
        TableRef { schema: "d".into(), name: name.into() }
    }

    #[test]
    fn an_engine_decides_what_becomes_of_a_table() {
        assert_eq!(kind("BASE TABLE", "innodb"), Engine::OfMoments);
        assert_eq!(kind("SEQUENCE", "InnoDB"), Engine::Lockable);
        assert_eq!(kind("BASE TABLE", "MYISAM"), Engine::Lockable);
        let mut survey = Survey::default();
        for (name, of, engine) in
            [("m", "BASE TABLE", "MyISAM"), ("q", "SEQUENCE", "InnoDB"), ("f", "BASE TABLE", "FEDERATED")]
        {
            survey.note(table(name), kind(of, engine));
        }
        assert_eq!(survey.locked, [table("m"), table("q")]);
        assert_eq!(survey.failures.into_keys().collect::<Vec<_>>(), [table("f")]);
    }

    #[test]
    fn only_what_could_not_be_locked_leaves_the_list() {
        let mut survey = Survey { locked: vec![table("a"), table("b")], ..Survey::default() };
        survey.give_up(Failures::new());
        assert_eq!(survey.locked, [table("a"), table("b")]);
        survey.give_up(Failures::from([(table("a"), Error::denied("no"))]));
        assert_eq!(survey.locked, [table("b")]);
        assert!(survey.failures.contains_key(&table("a")));
    }

    #[test]
    fn system_schemas_are_left_out_unless_they_are_asked_for() {
        let of = |schema: &str| foreign_schemas(&[TableRef { schema: schema.into(), name: "t".into() }]);
        assert!(of("d").contains(&literal("mysql")));
        assert!(!of("mysql").contains(&literal("mysql")) && of("mysql").contains(&literal("sys")));
    }
}
