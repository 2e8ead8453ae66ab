//! A file system that ignores case, by FUSE: `make verify-nights`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{DATA, USAGE, column, two_tables};
use crate::lake::{Run, export, files, python};
use crate::server::PgServer;

/// A mounted file system. Dropping it unmounts it.
struct Folding {
    dir: tempfile::TempDir,
    server: Child,
}

impl Folding {
    fn mount() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["below", "mount"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/folding_fs.py");
        let mut command = Command::new(python());
        command.arg(script).args([dir.path().join("below"), dir.path().join("mount")]).stderr(Stdio::null());
        let folding = Self { server: command.spawn().unwrap(), dir };
        let probe = folding.below().join("probe");
        fs::write(&probe, b"x").unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !folding.path().join("PROBE").exists() {
            assert!(Instant::now() < deadline, "the file system does not come: is /dev/fuse there?");
            sleep(Duration::from_millis(20));
        }
        fs::remove_file(probe).unwrap();
        folding
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("mount")
    }

    fn below(&self) -> std::path::PathBuf {
        self.dir.path().join("below")
    }
}

impl Drop for Folding {
    fn drop(&mut self) {
        let unmounted = Command::new("fusermount3").arg("-u").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            let _ = Command::new("umount").arg(self.path()).status();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[ignore = "needs /dev/fuse: make verify-nights"]
#[test]
fn b1_two_tables_that_would_be_one_directory_are_refused_before_a_row_is_read() {
    let (server, folding) = (PgServer::shared(), Folding::mount());
    let url = two_tables(server, "b1_folding");
    server.sql(
        "b1_folding",
        "CREATE SCHEMA \"Sales\"; CREATE TABLE \"Sales\".x (id int); CREATE SCHEMA sales; CREATE TABLE sales.x (id int);
         CREATE TABLE \"caf\u{e9}\" (id int); CREATE TABLE \"cafe\u{301}\" (id int);
         CREATE TABLE \"STRASSE\" (id int); CREATE TABLE \"stra\u{df}e\" (id int);",
    );
    let lake = folding.path().join("lake");
    for n_jobs in ["1", "2"] {
        for pair in [
            ["Orders", "orders"],
            ["Sales.x", "sales.x"],
            ["caf\u{e9}", "cafe\u{301}"],
            ["STRASSE", "stra\u{df}e"],
        ] {
            let include = pair.join(",");
            let run = export(&url, &lake, &["--n-jobs", n_jobs, "-i", &include]).exits(USAGE);
            run.says(&[pair[0], pair[1], "--exclude", "--sub-path", "lake/"]);
            assert_eq!(files(&folding.below()), [""; 0], "something was written");
        }
    }
    // One after the other to two places, and one alone to one.
    export(&url, &lake, &["-i", "Orders"]).ok();
    export(&url, &lake, &["-i", "orders", "--sub-path", "lower"]).ok();
    assert_eq!(column(&lake.join("public/Orders"), "a"), "A1 A2");
    assert_eq!(column(&lake.join("lower/public/orders"), "b"), "b1 b2 b3");
    // The manifest in the directory is that of the other table, whatever the directory is called.
    let met = export(&url, &lake, &["-i", "orders"]).exits(DATA).says(&["public.Orders"]);
    assert!(met.stdout.contains("--if-exists replace"), "{met}");
    assert_eq!(column(&lake.join("public/Orders"), "a"), "A1 A2");

    let script = folding.dir.path().join("script.sql");
    fs::write(
        &script,
        "COPY (SELECT 1 AS a FROM public.orders) TO 'Top'; COPY (SELECT 2 AS a FROM public.orders) TO 'top';",
    )
    .unwrap();
    let query = Run::new(["query", "--source", &url, "--script"]).args([
        script.as_os_str(),
        "--output-dir".as_ref(),
        lake.as_os_str(),
    ]);
    query.output().exits(USAGE).says(&["top"]);

    // The same on an ordinary disk beside it.
    let beside = folding.dir.path().join("beside");
    export(&url, &beside, &["-i", "Orders,orders,Sales.x,sales.x,caf%,stra%,STRA%"]).ok();
    assert_eq!(files(&beside).iter().filter(|f| f.ends_with("_manifest.json")).count(), 8);
    assert_eq!(column(&beside.join("public/orders"), "b"), "b1 b2 b3");
}

#[ignore = "needs /dev/fuse: make verify-nights"]
#[test]
fn b2_partitions_that_would_be_one_directory_are_refused_before_they_are_committed() {
    let (server, folding) = (PgServer::shared(), Folding::mount());
    let url = server.create_db("b2_folding");
    server.sql(
        "b2_folding",
        "CREATE TABLE t (k text, n text);
         INSERT INTO t SELECT (ARRAY['a', 'b', 'A', 'caf\u{e9}', 'cafe\u{301}'])[1 + g % 5], g::text FROM generate_series(0, 99) g",
    );
    let lake = folding.path().join("lake");
    let run = export(&url, &lake, &["--partition-by", "t: k"]).exits(DATA);
    assert!(run.stdout.contains("k=A") && run.stdout.contains("k=a"), "{run}");
    assert!(
        files(&folding.below()).iter().all(|file| file.starts_with("lake/_lakexpress/")),
        "rows were written"
    );
    export(&url, &lake, &["--partition-by", "t: lower(k) AS l", "--where", "t: k IN ('a', 'A', 'b')"]).ok();
    // Only the directories above are one; and those of a query.
    let above =
        export(&url, &lake, &["--partition-by", "t: k, right(n, 1) AS m", "--where", "t: k IN ('a', 'A')"])
            .exits(DATA);
    assert!(above.stdout.contains("partition k=A and partition k=a"), "{above}");
    let query =
        Run::new(["query", "SELECT k, n FROM t", "--name", "r", "--partition-by", "r: k", "--source", &url]);
    query.args(["--output-dir".as_ref(), lake.as_os_str()]).output().exits(DATA);
    // One is there, and the other would take its place.
    let other = folding.path().join("other");
    export(&url, &other, &["--partition-by", "t: k", "--where", "t: k = 'a'"]).ok();
    export(&url, &other, &["--partition-by", "t: k", "--where", "t: k = 'A'"]).exits(DATA);
    assert_eq!(column(&other.join("public/t/k=a"), "n").split(' ').count(), 20);

    let beside = folding.dir.path().join("beside");
    export(&url, &beside, &["--partition-by", "t: k"]).ok();
    let count = |k: &str| column(&beside.join("public/t").join(format!("k={k}")), "n").split(' ').count();
    assert_eq!(["a", "A", "b", "caf\u{e9}", "cafe\u{301}"].map(count), [20; 5]);
}
