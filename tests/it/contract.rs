//! The contract of a source, on a server: `src/source/conformance.rs`.

use std::sync::Arc;

use async_trait::async_trait;
use lakexpress::catalog::TableRef;
use lakexpress::error::Result;
use lakexpress::source::conformance::{self, BAD_ID, Change, Fixture, Mutant};
use lakexpress::source::{self, Address, Environment, Source};
use lakexpress::spec::TypePolicy;

use crate::server::PgServer;

/// A database of the shared server.
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
