//! The contract of a source, on a server: `src/source/conformance.rs`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lakexpress::catalog::TableRef;
use lakexpress::error::Result;
use lakexpress::source::conformance::{self, BAD_ID, Change, Fixture, Mutant};
use lakexpress::source::{self, Address, Environment, Source};
use lakexpress::spec::TypePolicy;

use crate::mariadb::{MariaDb, series};
use crate::server::PgServer;

/// A PostgreSQL database of the shared server.
struct Database {
    server: &'static PgServer,
    name: &'static str,
}

const PASSWORD: &str = "not-to-be-shown";

/// The known columns, and others whose values depend on them.
const COLUMNS: &str = "id bigint PRIMARY KEY, n bigint, name text, since date,
    flag boolean GENERATED ALWAYS AS (n > 3) STORED,
    small smallint GENERATED ALWAYS AS ((n % 1000)::smallint) STORED,
    amount numeric(24,2) GENERATED ALWAYS AS (n / 3.0) STORED,
    ratio double precision GENERATED ALWAYS AS (n / 7.0::float8) STORED,
    at timestamp GENERATED ALWAYS AS (since + time '12:34:56.789') STORED,
    code char(6) GENERATED ALWAYS AS (left(name, 6)::char(6)) STORED";

impl Database {
    fn new(name: &'static str) -> Self {
        let server = PgServer::shared();
        server.create_db(name);
        server.sql(
            name,
            &format!(
                "CREATE TABLE plain ({COLUMNS});
                 CREATE TABLE parted ({COLUMNS}) PARTITION BY RANGE (id);
                 CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (0);
                 CREATE TABLE parted_mid PARTITION OF parted FOR VALUES FROM (0) TO (2000);
                 CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
                 CREATE TABLE heirs ({COLUMNS});
                 CREATE TABLE heirs_child () INHERITS (heirs);
                 CREATE TABLE bad (id bigint PRIMARY KEY, v date);
                 INSERT INTO bad SELECT i, CASE i WHEN {BAD_ID} THEN date 'infinity' ELSE '2024-02-29' END
                     FROM generate_series(401, 410) i;
                 CREATE TABLE large (id bigint PRIMARY KEY, body text);
                 INSERT INTO large SELECT i, repeat('x', 1000) FROM generate_series(1, 60000) i;"
            ),
        );
        Self { server, name }
    }

    fn count(&self, condition: &str) -> usize {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = '{}' AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND {condition}",
            self.name
        );
        self.server.query("postgres", &sql).parse().unwrap()
    }
}

fn table(name: &str) -> TableRef {
    TableRef { schema: "public".into(), name: name.into() }
}

fn open(url: &str) -> Result<Arc<dyn Source>> {
    source::open(&Address::Url(url.parse().unwrap()), &TypePolicy::default(), &Environment::default())
}

#[async_trait]
impl Fixture for Database {
    fn open(&self) -> Result<Arc<dyn Source>> {
        open(&self.server.url_as("postgres", PASSWORD, self.name))
    }

    fn tables(&self) -> Vec<TableRef> {
        ["plain", "parted", "heirs"].map(table).into()
    }

    async fn change(&self, change: &Change) -> Result<()> {
        let each = self.tables().into_iter().map(|table| change.sql(&table.name));
        self.server.sql(self.name, &format!("BEGIN; {} COMMIT;", each.collect::<String>()));
        Ok(())
    }

    fn bad(&self) -> TableRef {
        table("bad")
    }

    fn large(&self) -> TableRef {
        table("large")
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.into()]
    }

    fn astray(&self) -> Option<Arc<dyn Source>> {
        open(&self.server.url_as("postgres", PASSWORD, "nowhere")).ok()
    }

    async fn statements(&self) -> Result<Option<usize>> {
        Ok(Some(self.count("state = 'active'")))
    }

    async fn kept(&self) -> Result<Option<usize>> {
        Ok(Some(self.count("xact_start IS NOT NULL")))
    }
}

#[test]
fn postgres_keeps_the_contract() {
    let database = Database::new("contract");
    let seen = tokio::runtime::Runtime::new().unwrap().block_on(conformance::check(&database)).unwrap();
    let methods =
        ["Ctid", "DBPartition", "DataDriven", "None", "Ntile", "Random", "RangeId", "Timepartition"];
    assert_eq!(seen.methods.keys().copied().collect::<Vec<_>>(), methods);
    let cut = seen.methods.iter().filter(|(_, slices)| **slices > 1).map(|(method, _)| *method);
    assert!(cut.eq(methods.into_iter().filter(|method| *method != "None")), "{seen:?}");
    assert!(seen.keys[1] > 0 && seen.keys[2] > 0, "{seen:?}");
    assert!(seen.pushed > 300 && seen.weakened > 20, "{} {}", seen.pushed, seen.weakened);
}

#[test]
fn whatever_breaks_the_contract_of_a_source_is_found() {
    let database = Database::new("contract_broken");
    let proof = conformance::prove(&database, &Mutant::ALL);
    tokio::runtime::Runtime::new().unwrap().block_on(proof).unwrap();
}

/// A MariaDB database, read by a user with the rights that an export takes.
struct Maria {
    server: &'static MariaDb,
    name: &'static str,
}

/// The known columns in the words of MariaDB. The names are text of the table's character set and collation.
const MARIA_COLUMNS: &str = "id bigint NOT NULL, n bigint, name varchar(200), since date,
    flag boolean AS (n > 3) STORED,
    small smallint AS (n % 1000) STORED,
    amount decimal(24,2) AS (n / 3.0) STORED,
    ratio double AS (n / 7e0) STORED,
    at datetime(6) AS (timestamp(since, '12:34:56.789')) VIRTUAL,
    code char(6) AS (left(name, 6)) STORED,
    latin varchar(20) CHARACTER SET latin1 DEFAULT 'größe ',
    far bigint unsigned NOT NULL DEFAULT 18446744073709551615";

impl Maria {
    fn new(name: &'static str) -> Self {
        let server = MariaDb::shared();
        server.create_db(name);
        server.sql(
            name,
            &format!(
                "SET sql_mode = '';
                 CREATE TABLE plain ({MARIA_COLUMNS}, PRIMARY KEY (id)) CHARACTER SET utf8mb4;
                 CREATE TABLE parted ({MARIA_COLUMNS}, PRIMARY KEY (id)) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
                     PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN (0),
                     PARTITION mid VALUES LESS THAN (2000), PARTITION rest VALUES LESS THAN MAXVALUE);
                 CREATE TABLE pairs ({MARIA_COLUMNS}, tail int NOT NULL DEFAULT 0, PRIMARY KEY (id), KEY (tail, id))
                     CHARACTER SET utf8mb3;
                 CREATE TABLE wide ({MARIA_COLUMNS}, PRIMARY KEY (id)) CHARACTER SET utf16;
                 CREATE TABLE bad (id bigint PRIMARY KEY, v date);
                 INSERT INTO bad SELECT seq, CASE seq WHEN {BAD_ID} THEN '0000-00-00' ELSE '2024-02-29' END FROM {};
                 CREATE TABLE large (id bigint PRIMARY KEY, body text);
                 INSERT INTO large SELECT seq, repeat('x', 1000) FROM {};
                 ANALYZE TABLE large;",
                series(401, 410),
                series(1, 60_000),
            ),
        );
        let rights = if server.is_mysql() { "RELOAD, REPLICATION CLIENT" } else { "RELOAD, BINLOG MONITOR" };
        server.create_user(
            name,
            PASSWORD,
            &[&format!("SELECT, LOCK TABLES, SHOW VIEW ON {name}.*"), &format!("{rights} ON *.*")],
        );
        Self { server, name }
    }

    fn count(&self, sql: &str) -> usize {
        self.server.query("mysql", sql).parse().unwrap()
    }
}

#[async_trait]
impl Fixture for Maria {
    fn open(&self) -> Result<Arc<dyn Source>> {
        open(&self.server.url_as(self.name, PASSWORD, self.name))
    }

    fn tables(&self) -> Vec<TableRef> {
        ["plain", "parted", "pairs", "wide"]
            .map(|name| TableRef { schema: self.name.into(), name: name.into() })
            .into()
    }

    async fn change(&self, change: &Change) -> Result<()> {
        let each = self.tables().into_iter().map(|table| change.sql(&table.name));
        let each = each.collect::<String>();
        // A backslash is one.
        let sql = format!(
            "SET sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'; START TRANSACTION; {each} COMMIT;"
        );
        self.server.sql(self.name, &sql);
        Ok(())
    }

    fn bad(&self) -> TableRef {
        TableRef { schema: self.name.into(), name: "bad".into() }
    }

    fn large(&self) -> TableRef {
        TableRef { schema: self.name.into(), name: "large".into() }
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.into()]
    }

    fn astray(&self) -> Option<Arc<dyn Source>> {
        open(&self.server.url_as(self.name, PASSWORD, "nowhere")).ok()
    }

    async fn statements(&self) -> Result<Option<usize>> {
        Ok(Some(self.count(&format!(
            "SELECT count(*) FROM information_schema.processlist
             WHERE user = '{}' AND command IN ('Query', 'Execute')",
            self.name
        ))))
    }

    async fn kept(&self) -> Result<Option<usize>> {
        // What the server says of transactions it says for a tenth of a second.
        std::thread::sleep(Duration::from_millis(150));
        Ok(Some(self.count(&format!(
            "SELECT count(*) FROM information_schema.innodb_trx t
             JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.user = '{}'",
            self.name
        ))))
    }
}

#[test]
fn mariadb_keeps_the_contract() {
    let database = Maria::new("maria_contract");
    let seen = tokio::runtime::Runtime::new().unwrap().block_on(conformance::check(&database)).unwrap();
    let methods = ["DBPartition", "DataDriven", "None", "Ntile", "Random", "RangeId", "Timepartition"];
    assert_eq!(seen.methods.keys().copied().collect::<Vec<_>>(), methods);
    let cut = seen.methods.iter().filter(|(_, slices)| **slices > 1).map(|(method, _)| *method);
    assert!(cut.eq(methods.into_iter().filter(|method| *method != "None")), "{seen:?}");
    assert!(seen.keys[1] > 0 && seen.keys[2] > 0, "{seen:?}");
    assert!(seen.pushed > 300 && seen.weakened > 20, "{} {}", seen.pushed, seen.weakened);
}

#[test]
fn whatever_breaks_the_contract_of_mysql_is_found() {
    let database = Maria::new("maria_broken");
    let proof = conformance::prove(&database, &Mutant::ALL);
    tokio::runtime::Runtime::new().unwrap().block_on(proof).unwrap();
}
