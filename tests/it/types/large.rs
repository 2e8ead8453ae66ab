//! The largest values that PostgreSQL has.

use crate::lake::{Run, export_args, script};
use crate::server::PgServer;

/// Exports a database and returns the program's peak memory in MiB.
fn export_measured(url: &str, dir: &std::path::Path, extra: &[&str]) -> u64 {
    let (output, peak) = Run::new(export_args(url, dir, extra)).spawn().finish_measured();
    output.ok();
    peak
}

/// Columns of a database with values of about `bytes` bytes, three rows of them.
fn exported_as_they_are(name: &str, bytes: usize, extra: &[&str]) {
    let server = PgServer::shared();
    let url = server.create_db(name);
    server.sql(
        name,
        &format!(
            "CREATE TABLE huge (id integer PRIMARY KEY, t text, b bytea);
             ALTER TABLE huge ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
             INSERT INTO huge VALUES (1, 'small', 'small');
             INSERT INTO huge SELECT 2, repeat('é', {bytes} / 2), NULL;
             INSERT INTO huge SELECT 3, NULL, convert_to(repeat('x', {bytes}), 'UTF8');
             INSERT INTO huge SELECT 4, repeat('y', {bytes}), '';
             INSERT INTO huge SELECT 5, repeat('z', {bytes}), '\\x00';
             INSERT INTO huge VALUES (6, '', 'last');"
        ),
    );
    let out = tempfile::tempdir().unwrap();
    let peak = export_measured(&url, out.path(), extra);
    println!("values of {bytes} bytes: peak memory {peak} MiB");
    let dir = out.path().join("public/huge");
    let found = script("large.py", [dir]).ok().stdout;
    let text = "SELECT id, coalesce(octet_length(t), -1), md5(t), coalesce(length(b), -1), md5(b) FROM huge ORDER BY id";
    assert_eq!(found.trim_end(), server.query(name, text));
}

#[test]
fn values_of_many_megabytes_are_themselves() {
    exported_as_they_are("huge_values", 40_000_000, &[]);
    // A condition that is evaluated here, where batches may be put together.
    exported_as_they_are("huge_values", 40_000_000, &["--where", "huge: id + 0 > 0"]);
}

#[test]
#[ignore = "takes gigabytes of memory and minutes: make verify-huge"]
fn values_of_a_gigabyte_are_themselves() {
    exported_as_they_are("gigabytes", 1_000_000_000, &[]);
    exported_as_they_are("gigabytes", 1_000_000_000, &["--where", "huge: id + 0 > 0"]);
}
