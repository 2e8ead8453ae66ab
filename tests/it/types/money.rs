//! money has as many decimal places as `lc_monetary` says, and a value itself does not know them.

use std::time::{Duration, Instant};

use crate::lake::{Run, duck, export, export_args, manifest};
use crate::server::PgServer;

/// A locale, decimal places of its currency, and the largest value of money.
const LOCALES: &[(&str, i32, &str)] = &[
    ("ja_JP.UTF-8", 0, "9223372036854775807"),
    ("de_DE.UTF-8", 2, "92233720368547758.07"),
    ("ar_BH.UTF-8", 3, "9223372036854775.807"),
    ("C.UTF-8", 2, "92233720368547758.07"),
];

const ROLE: &str = "CREATE ROLE teller LOGIN";

/// A server that knows the locales, and a role that is not its superuser.
fn server() -> PgServer {
    let server = PgServer::start();
    server.add_locales(&["ja_JP.UTF-8", "de_DE.UTF-8", "ar_BH.UTF-8"]);
    server.sql("postgres", ROLE);
    server
}

/// Money in every place that a type can have.
fn fill(server: &PgServer, db: &str, places: i32, largest: &str) {
    server.sql(
        db,
        &format!(
            "CREATE DOMAIN price AS money; CREATE TYPE deal AS (m money, n integer);
             CREATE TABLE cash (id integer PRIMARY KEY, m money, p price, list money[], grid price[][], d deal, ds deal[]);
             INSERT INTO cash (id) VALUES (0);
             INSERT INTO cash SELECT row_number() OVER (), n::money, (-n)::money, ARRAY[n::money, NULL, 0::money],
                 ARRAY[[n::money, 1::money], [NULL, (-n)::money]]::price[], ROW(n::money, 1)::deal, ARRAY[ROW(n::money, 2), NULL]::deal[]
             FROM unnest(ARRAY[0, 10::numeric ^ -{places}, 1234567, 1234567.891, {largest}]::numeric[]) n;
             INSERT INTO cash (id, m) VALUES (100, (-{largest} - 10::numeric ^ -{places})::numeric::money);
             GRANT SELECT ON cash TO PUBLIC; ANALYZE;"
        ),
    );
}

/// Every value as a number with all its places, by the server in a session of `options`.
fn told(server: &PgServer, db: &str, lc_monetary: &str) -> String {
    let number = |value: &str| format!("coalesce(({value})::numeric::text, 'NULL')");
    let list = |value: &str| format!("array_to_string(({value})::money[]::numeric[], ' ', 'NULL')");
    let sql = format!(
        "SET lc_monetary = '{lc_monetary}'; SELECT id, {}, {}, {}, {}, {}, {} FROM cash ORDER BY id",
        number("m"),
        number("p"),
        list("list"),
        list("grid"),
        number("(d).m"),
        number("(ds[1]).m"),
    );
    server.query(db, &sql)
}

/// The same by DuckDB from the files.
fn read(dir: &std::path::Path) -> String {
    let number = |value: &str| format!("coalesce(({value})::varchar, 'NULL')");
    let list = |value: &str| {
        format!(
            "coalesce(array_to_string(list_transform({value}, lambda x: coalesce(x::varchar, 'NULL')), ' '), '')"
        )
    };
    duck(&format!(
        "SELECT id, {}, {}, {}, {}, {}, {} FROM read_parquet('{}/*.parquet') ORDER BY id",
        number("m"),
        number("p"),
        list("list"),
        list("flatten(grid)"),
        number("d.m"),
        number("ds[1].m"),
        dir.display(),
    ))
}

#[test]
fn money_is_exact_under_every_lc_monetary() {
    let server = server();
    for (at, (locale, places, largest)) in LOCALES.iter().enumerate() {
        let db = format!("cash_{at}");
        let url = server.create_db(&db);
        server.sql("postgres", &format!("ALTER DATABASE {db} SET lc_monetary = '{locale}'"));
        fill(&server, &db, *places, largest);
        let out = tempfile::tempdir().unwrap();
        export(&url, out.path(), &["--verify", "hash"]).ok();
        let dir = out.path().join("public/cash");
        assert_eq!(read(&dir), told(&server, &db, locale), "{locale}");
        assert_eq!(manifest(&dir)["verification"]["hash"], "equal");
        assert_eq!(
            duck(&format!("SELECT typeof(m) FROM read_parquet('{}/*.parquet') LIMIT 1", dir.display())),
            format!("DECIMAL(19,{places})")
        );
        // A role for which the places are others than for the database: as the server tells that role.
        server
            .sql("postgres", &format!("ALTER ROLE teller IN DATABASE {db} SET lc_monetary = 'ja_JP.UTF-8'"));
        let out = tempfile::tempdir().unwrap();
        export(&server.url_as("teller", "x", &db), out.path(), &["--verify", "hash"]).ok();
        assert_eq!(
            read(&out.path().join("public/cash")),
            told(&server, &db, "ja_JP.UTF-8"),
            "{locale} as teller"
        );
    }
}

#[test]
fn money_keeps_its_places_when_lc_monetary_is_changed_under_way() {
    let server = server();
    let db = "changed";
    let url = server.create_db(db);
    fill(&server, db, 2, "92233720368547758.07");
    let names: Vec<String> = (0..4).map(|at| format!("slow_{at}")).collect();
    for name in &names {
        server.sql(
            db,
            &format!(
                "CREATE VIEW {name} AS SELECT id, m, list FROM cash, (SELECT pg_sleep(1) OFFSET 0) AS nap"
            ),
        );
    }
    let told = "SELECT id, m::numeric, array_to_string(list::numeric[], ' ', 'NULL') FROM cash ORDER BY id";
    let expected = server.query(db, told);
    let out = tempfile::tempdir().unwrap();
    let args = ["--views", "-p", "1", "--include", "slow%"];
    let running = Run::new(export_args(&url, out.path(), &args)).spawn();
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT%' AND state = 'active'";
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.query(db, copying) == "0" {
        let seen = || server.query(db, "SELECT state, query FROM pg_stat_activity WHERE datname IS NOT NULL");
        assert!(Instant::now() < deadline, "no table is read: {}", seen());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.sql("postgres", "ALTER SYSTEM SET lc_monetary = 'ja_JP.UTF-8'");
    server.reload();
    running.finish().ok();
    assert_eq!(server.query(db, "SHOW lc_monetary"), "ja_JP.UTF-8");
    for name in &names {
        let files = out.path().join("public").join(name).join("*.parquet");
        let list = "array_to_string(list_transform(list, lambda x: coalesce(x::varchar, 'NULL')), ' ')";
        let read =
            format!("SELECT id, m::varchar, {list} FROM read_parquet('{}') ORDER BY id", files.display());
        assert_eq!(duck(&read), expected, "{name}");
    }
}
