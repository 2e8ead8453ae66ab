//! The Python package: its own tests, `python/tests`, over the program under test.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::lake::{program, python};
use crate::server::PgServer;
use crate::storage::seaweed::{BUCKET, Seaweed, WRITER};
use crate::tpch::tpch;

/// A script of `tests/python` that uses the package.
fn uses_the_package(args: &[&str]) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/python_stream.py");
    let mut command = Command::new(python());
    command.arg("-B").arg(script).args(args).env("LAKEXPRESS_BINARY", program());
    command
}

/// `make verify-python` does it with scale factor 1.
#[test]
fn a_stream_has_the_rows_of_the_files_in_duckdb_and_polars() {
    let dir = tempfile::tempdir().unwrap();
    let output =
        uses_the_package(&["same", tpch(), "lineitem", dir.path().to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_server_that_is_killed_raises() {
    let server = PgServer::start();
    let url = server.create_db("killed");
    server.sql("killed", "CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 20) AS text FROM generate_series(1, 200000) AS i");
    let mut child = uses_the_package(&["cut", &url, "t"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    said.read_line(&mut first).unwrap();
    assert_eq!(first.trim(), "begun");
    server.kill9();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
}

#[test]
fn the_tests_of_the_python_package_are_well() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/tests");
    let s3 = format!("http://127.0.0.1:{} {} {} {BUCKET}", Seaweed::shared().port, WRITER.0, WRITER.1);
    let mut command = Command::new(python());
    command
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(&tests)
        .env("LAKEXPRESS_BINARY", program())
        .env("PYTHON_PACKAGE_S3", s3);
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
