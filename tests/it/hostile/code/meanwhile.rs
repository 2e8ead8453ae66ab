//! Traps that are set while the export runs: the server plans with the catalog of the moment, whatever the snapshot is.

use std::fmt::Write as _;
use std::path::Path;

use super::Trap;
use crate::hostile::stopped;
use crate::lake::{Output, Run, assert_nothing_visible, duck, export, export_args};
use crate::structure::{AT_THE_GATE, GATE, Holder, gated, wait_for};

/// Of each table: its name, columns, rows, and the trap that is set when it has been described and not read.
const MEANWHILE: &[(&str, &str, &str)] = &[
    ("indexed", "(id int, g inet)", "CREATE INDEX ON m.indexed ((m.ix(7) + id))"),
    ("replaced", "(id int, g inet, CHECK (m.harmless(id) > 0))", REPLACE),
    ("measured", "(id int, g inet)", "CREATE STATISTICS m.measured_s ON (m.ix(7) + id), g FROM m.measured"),
    (
        "parted",
        "(id int, g inet) PARTITION BY RANGE (id)",
        "CREATE TABLE m.parted_1 (id int, g inet); CREATE INDEX ON m.parted_1 ((m.ix(7) + id));
         ALTER TABLE m.parted ATTACH PARTITION m.parted_1 FOR VALUES FROM (0) TO (10)",
    ),
    ("dropped", "(id int, g m.composite)", "ALTER TYPE m.composite DROP ATTRIBUTE row_to_json CASCADE"),
    (
        "retyped",
        "(id int, g m.composed)",
        "ALTER TYPE m.composed DROP ATTRIBUTE b CASCADE; ALTER TYPE m.composed ADD ATTRIBUTE b m.evil CASCADE",
    ),
];

const REPLACE: &str = "CREATE INDEX ON m.replaced ((m.harmless(7) + id));
     CREATE OR REPLACE FUNCTION m.harmless(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
       $$ BEGIN PERFORM m.ran('harmless'); RETURN i; END $$";

fn meanwhile(db: &str) -> Trap {
    let trap = Trap::new(db);
    let mut sql = String::from(
        "CREATE FUNCTION m.ix(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('ix'); RETURN i; END $$;
         CREATE FUNCTION m.harmless(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i + 1';
         CREATE TYPE m.evil AS ENUM ('bad');
         CREATE FUNCTION m.evil_json(m.evil) RETURNS json LANGUAGE plpgsql AS
           $$ BEGIN PERFORM m.ran('to json'); RETURN '1'; END $$;
         CREATE CAST (m.evil AS json) WITH FUNCTION m.evil_json(m.evil);
         CREATE FUNCTION m.evil_text(m.evil) RETURNS text LANGUAGE plpgsql AS
           $$ BEGIN PERFORM m.ran('to text'); RETURN '1'; END $$;
         CREATE CAST (m.evil AS text) WITH FUNCTION m.evil_text(m.evil);
         CREATE TYPE m.composite AS (e m.evil, row_to_json inet);
         CREATE TYPE m.composed AS (a int, b inet);\n",
    );
    for (table, columns, _) in MEANWHILE {
        let _ = writeln!(sql, "CREATE TABLE m.{table} {columns};");
    }
    sql.push_str(
        "CREATE TABLE m.parted_0 PARTITION OF m.parted FOR VALUES FROM (10) TO (99);
         INSERT INTO m.indexed VALUES (1, '10.0.0.1'); INSERT INTO m.replaced VALUES (1, '10.0.0.1');
         INSERT INTO m.measured VALUES (1, '10.0.0.1'); INSERT INTO m.parted VALUES (11, '10.0.0.1');
         INSERT INTO m.dropped VALUES (1, ROW('bad', '10.0.0.1')); INSERT INTO m.retyped VALUES (1, ROW(1, '10.0.0.1'));
         CREATE TABLE m.busy (id int, g inet); INSERT INTO m.busy SELECT i, '10.0.0.1' FROM generate_series(1, 999) i;",
    );
    trap.mallory(&sql);
    trap.server.sql(&trap.db, &format!("SET search_path = public; {GATE} {}", gated("m.busy")));
    trap
}

/// An export that waits at the gate in the statement that reads `m.busy`, before it reads anything else.
fn at_the_gate(trap: &Trap, out: &Path, flags: &[&str], then: impl FnOnce()) -> Output {
    let gate = Holder::start(trap.server, &trap.db, "SELECT pg_advisory_lock(42)");
    let run = Run::new(export_args(&trap.url, out, flags)).spawn();
    wait_for(trap.server, &trap.db, AT_THE_GATE);
    then();
    gate.release(trap.server);
    run.finish()
}

#[test]
fn s1_what_is_made_during_the_run_does_not_run() {
    let trap = meanwhile("s1_meanwhile");
    let out = tempfile::tempdir().unwrap();
    let flags = ["--n-jobs", "1", "-p", "1", "--exclude", "parted_%"];
    let ended = at_the_gate(&trap, out.path(), &flags, || {
        for (_, _, set) in MEANWHILE {
            trap.mallory(set);
        }
    });
    trap.assert_nothing_ran("during the export");
    let ended = ended.exits(1);
    assert!(ended.stdout.contains("m.ix") && ended.stdout.contains("s1_meanwhile_mallory"), "{ended}");
    for (table, _, _) in MEANWHILE {
        assert!(ended.stdout.contains(&format!("m.{table}")), "{table}: {ended}");
        assert_nothing_visible(&out.path().join("m").join(table));
    }
    // The next run knows of them, and reads what needs no plan.
    let known = ["--exclude", "retyped", "--exclude", "dropped"];
    export(&trap.url, out.path(), &known).ok();
    trap.assert_nothing_ran("the next export");
    for (table, _, _) in MEANWHILE.iter().filter(|(table, ..)| !known.contains(table)) {
        let files = out.path().join("m").join(table).join("*.parquet");
        assert_eq!(
            duck(&format!("SELECT any_value(g) FROM '{}'", files.display())),
            "10.0.0.1/32",
            "{table}"
        );
    }
    stopped("traps that are set while an export runs", MEANWHILE.len());
}

/// Between the look at the catalog and the plan there is a moment: what is made then is found afterwards.
#[test]
fn s1_what_is_made_while_a_table_is_read_fails_it() {
    let trap = meanwhile("s1_at_the_gate");
    for (flags, refusal) in [(&[][..], "m.ix"), (&["--verify", "count"], "m.ix")] {
        let out = tempfile::tempdir().unwrap();
        let flags = [&["-i", "busy", "-p", "1"][..], flags].concat();
        let ended = at_the_gate(&trap, out.path(), &flags, || {
            trap.mallory("CREATE INDEX made ON m.busy ((m.ix(7) + id))");
        });
        assert!(ended.exits(65).stdout.contains(refusal));
        assert_nothing_visible(out.path());
        trap.assert_nothing_ran("while it is read");
        trap.mallory("DROP INDEX m.made");
    }
    stopped("traps that are set while a statement is planned", 2);
}

/// The bounds of a partition that is partitioned itself are made of its parent's key, a call in it simplified.
#[test]
fn s1_keys_of_tables_above_do_not_run() {
    let trap = Trap::new("s1_above");
    trap.mallory(
        "CREATE FUNCTION m.ix(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('ix'); RETURN i; END $$;
         CREATE TABLE m.p (id int, g inet) PARTITION BY RANGE ((m.ix(7) + id));
         CREATE TABLE m.sub PARTITION OF m.p FOR VALUES FROM (0) TO (99) PARTITION BY RANGE (id);
         CREATE TABLE m.leaf PARTITION OF m.sub FOR VALUES FROM (0) TO (99);
         INSERT INTO m.p VALUES (1, '10.0.0.1')",
    );
    let out = tempfile::tempdir().unwrap();
    for include in ["m.sub", "m.leaf", "m.p"] {
        export(&trap.url, out.path(), &["-i", include]).ok();
        trap.assert_nothing_ran(include);
        let files = out.path().join(include.replace('.', "/")).join("*.parquet");
        assert_eq!(duck(&format!("SELECT g FROM '{}'", files.display())), "10.0.0.1/32");
    }
    export(&trap.url, out.path(), &["-i", "m.sub", "--verify", "count"]).exits(65);
    trap.assert_nothing_ran("--verify count");
    stopped("keys of partitioned tables above a table", 4);
}

/// The table of coordinate systems is PostGIS', and its owner need not be a superuser.
#[test]
fn s1_coordinate_systems_are_looked_at() {
    let trap = Trap::new("s1_systems");
    trap.server.sql(
        &trap.db,
        "CREATE EXTENSION postgis SCHEMA public; ALTER TABLE public.spatial_ref_sys OWNER TO s1_systems_mallory;
         CREATE TABLE m.places AS SELECT 1 AS id, 'SRID=4326;POINT(1 2)'::public.geometry(Point, 4326) AS g",
    );
    let out = tempfile::tempdir().unwrap();
    export(&trap.url, out.path(), &["-i", "m.places"]).ok();
    trap.mallory(
        "CREATE FUNCTION m.ix(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('ix'); RETURN i; END $$;
         CREATE STATISTICS m.of_systems ON (m.ix(7) + srid), auth_srid FROM public.spatial_ref_sys",
    );
    let refused = export(&trap.url, out.path(), &["-i", "m.places"]).exits(65);
    assert!(refused.stdout.contains("m.ix"), "{refused}");
    trap.assert_nothing_ran("coordinate systems");
    stopped("statistics on the table of coordinate systems", 1);
}

/// A leaf is read by its own name, which may become that of another relation.
#[test]
fn s1_the_names_of_leaves_are_looked_at() {
    let trap = meanwhile("s1_leaves");
    trap.server.sql(&trap.db, "GRANT CREATE ON DATABASE s1_leaves TO s1_leaves_mallory");
    trap.mallory(
        "CREATE TABLE m.q (id int, g inet) PARTITION BY RANGE (id); CREATE SCHEMA ml;
         CREATE TABLE ml.q0 PARTITION OF m.q FOR VALUES FROM (0) TO (10);
         CREATE TABLE ml.q1 PARTITION OF m.q FOR VALUES FROM (10) TO (20);
         INSERT INTO m.q SELECT i, '10.0.0.1' FROM generate_series(0, 19) i",
    );
    let out = tempfile::tempdir().unwrap();
    let flags = ["-i", "m.busy,m.q", "--table-config", "m.q:DBPartition::", "--n-jobs", "1"];
    let ended = at_the_gate(&trap, out.path(), &flags, || {
        trap.mallory(
            "ALTER SCHEMA ml RENAME TO ml_old; CREATE SCHEMA ml;
             CREATE TABLE ml.q0 (id int, g inet); CREATE INDEX ON ml.q0 ((m.ix(7) + id));
             CREATE TABLE ml.q1 (id int, g inet); CREATE INDEX ON ml.q1 ((m.ix(7) + id))",
        );
    });
    trap.assert_nothing_ran("leaves under other names");
    assert!(ended.exits(1).stdout.contains("not that of the described table"));
    assert_nothing_visible(&out.path().join("m/q"));
    stopped("relations under the names of leaves", 2);
}

/// Without a snapshot, too, what is made while a statement is planned is found before anybody can take it away.
#[test]
fn s1_what_is_dropped_again_is_found_without_a_snapshot() {
    let trap = meanwhile("s1_unpinned");
    let out = tempfile::tempdir().unwrap();
    let flags = ["-i", "busy", "-p", "1", "--consistency", "none"];
    let mut dropping = None;
    let ended = at_the_gate(&trap, out.path(), &flags, || {
        trap.mallory("CREATE INDEX made ON m.busy ((m.ix(7) + id))");
        let mut drop = trap.server.psql_command(&trap.db);
        drop.args(["-c", "DROP INDEX m.made"]).stdout(std::process::Stdio::null());
        dropping = Some(drop.spawn().unwrap());
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'";
        wait_for(trap.server, &trap.db, waits);
    });
    dropping.unwrap().wait().unwrap();
    assert!(ended.exits(65).stdout.contains("m.ix"));
    assert_nothing_visible(out.path());
    stopped("traps that are taken away when a statement ends", 1);
}

/// A foreign table is read when it is asked for, as a partition too.
#[test]
fn s1_foreign_partitions_are_read_only_when_asked_for() {
    let trap = Trap::new("s1_foreign");
    // Where the server may read.
    let csv = trap.server.data_dir().join("s1_foreign.csv");
    trap.server.sql(
        &trap.db,
        &format!(
            "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
             CREATE TABLE m.events (id int, t text) PARTITION BY RANGE (id);
             CREATE TABLE m.events_1 PARTITION OF m.events FOR VALUES FROM (0) TO (10);
             CREATE FOREIGN TABLE m.events_2 PARTITION OF m.events FOR VALUES FROM (10) TO (99)
               SERVER files OPTIONS (filename '{}', format 'csv');
             COPY (SELECT 20, 'b') TO '{}' (FORMAT csv);
             INSERT INTO m.events VALUES (1, 'a'); CREATE TABLE m.other AS SELECT 1 AS id;",
            csv.display(),
            csv.display()
        ),
    );
    let out = tempfile::tempdir().unwrap();
    let refused = export(&trap.url, out.path(), &[]).exits(1);
    assert!(out.path().join("m/other").exists());
    assert!(refused.stdout.contains("foreign table") && refused.stdout.contains("--include"), "{refused}");
    assert_nothing_visible(&out.path().join("m/events"));
    for asked in [&["-i", "m.events"][..], &["--views"]] {
        export(&trap.url, out.path(), asked).ok();
        let files = out.path().join("m/events/*.parquet");
        assert_eq!(
            duck(&format!("SELECT string_agg(t, '' ORDER BY id) FROM '{}'", files.display())),
            "ab",
            "{asked:?}"
        );
    }
    stopped("foreign tables as partitions", 1);
}
