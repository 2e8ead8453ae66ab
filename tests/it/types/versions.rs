//! The matrix of values, and every way to cut a table, over each major version of PostgreSQL.
//!
//! `make verify-versions` installs the servers (npm packages) and runs this.

use super::{Totals, export_families, matrix_sql, values_of};
use crate::lake::{assert_same, assert_tidy, export};
use crate::server::PgServer;

/// Every major version that is supported, but for the one of the system.
const VERSIONS: [u32; 6] = [12, 13, 14, 16, 17, 18];

/// Method and key, and the version that brought it.
const METHODS: &[(&str, u32)] = &[
    ("None::", 12),
    ("Ctid::4", 14),
    ("RangeId:k:4", 12),
    ("RangeId:id:4", 12),
    ("Ntile:at:4", 12),
    ("Random:k:4", 12),
    ("DataDriven:k % 5:4", 12),
    ("Timepartition:(at,year,month):4", 12),
    ("DBPartition::4", 12),
];

fn cut_every_way(server: &PgServer, url: &str, version: u32) {
    server.sql(
        "cuts",
        "CREATE TABLE cut (id bigint, k integer, at timestamptz, pad text) PARTITION BY RANGE (id);
         CREATE TABLE cut_1 PARTITION OF cut FOR VALUES FROM (0) TO (3000);
         CREATE TABLE cut_2 PARTITION OF cut FOR VALUES FROM (3000) TO (9000);
         CREATE TABLE cut_n PARTITION OF cut DEFAULT;
         INSERT INTO cut SELECT g, CASE WHEN g % 3 > 0 THEN nullif(g % 100, 50) * (g % 3) END,
             timestamptz '2024-01-01 00:00+00' + g * interval '30 minutes', md5(g::text) FROM generate_series(1, 10000) g;
         INSERT INTO cut SELECT NULL, NULL, NULL, NULL FROM generate_series(1, 500); ANALYZE;",
    );
    for (config, method_since) in METHODS {
        let out = tempfile::tempdir().unwrap();
        let config = format!("cut:{config}");
        let flags = ["-p", "4", "--large-table-threshold", "10", "--table-config", &config];
        let run = export(url, out.path(), &flags);
        if *method_since > version {
            run.exits(2).says(&["DBPartition", "RangeId"]);
            continue;
        }
        run.ok();
        let dir = out.path().join("public/cut");
        assert_tidy(&dir);
        assert_same(url, "public.cut", &dir);
    }
    // And whatever is chosen without being asked.
    let out = tempfile::tempdir().unwrap();
    export(url, out.path(), &["-p", "4", "--large-table-threshold", "10"]).ok();
    assert_same(url, "public.cut", &out.path().join("public/cut"));
}

#[test]
#[ignore = "needs servers of every version: make verify-versions"]
fn every_version_gives_its_own_values_in_every_cut() {
    for version in VERSIONS {
        let server = PgServer::start_version(version);
        let url = server.create_db("types");
        server.sql("types", &matrix_sql(version));
        let mut totals = Totals::default();
        export_families(&url, &mut totals);
        assert!(totals.problems.is_empty(), "PostgreSQL {version}: {}", totals.problems);
        let listed = values_of(version);
        assert_eq!(
            usize::try_from(totals.exact).unwrap(),
            listed,
            "PostgreSQL {version}: a value is missing"
        );
        // The server's own hashes are those of the files: it would fail otherwise.
        let hashed = tempfile::tempdir().unwrap();
        export(&url, hashed.path(), &["--verify", "hash"]).ok();
        println!("PostgreSQL {version}: every value has the server's hash");
        let cuts = server.create_db("cuts");
        cut_every_way(&server, &cuts, version);
        println!(
            "PostgreSQL {}: {} values exact, every cut whole",
            server.query("types", "SHOW server_version"),
            totals.exact
        );
    }
}
