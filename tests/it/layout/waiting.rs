//! Rows of partitions whose files are not open wait on disk.

use crate::lake::{Run, duck, export_args};
use crate::sqlite::Database;

/// Values of 30,080 bytes, of which 6,000 are 172 MiB, in the order in which every key has its turn.
const WIDE: &str = "
    CREATE TABLE small (id INTEGER); INSERT INTO small VALUES (1);
    CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, wide TEXT);
    WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 6000)
      INSERT INTO t SELECT n, n % 300, replace(hex(zeroblob(940)), '00', printf('%032d', n * 7919)) FROM s;";
/// What waits may take of memory, in MiB: less than all that waits.
const MOST: u64 = 140;

#[test]
fn wide_rows_of_many_partitions_do_not_wait_in_memory() {
    let database = Database::new(WIDE);
    let dir = tempfile::tempdir().unwrap();
    let measured = |flags: &[&str]| {
        let (output, peak) =
            Run::new(export_args(&database.url(), dir.path(), flags)).spawn().finish_measured();
        output.ok();
        peak
    };
    let idle = measured(&["-i", "small"]);
    let one_at_a_time = ["-p", "1", "--n-jobs", "1", "--memory-limit", "64MiB"];
    let rule = ["-i", "t", "--partition-by", "t: k", "--max-open-files", "4"];
    let peak = measured(&[&rule[..], &one_at_a_time].concat());
    println!("peak memory {peak} MiB, and {idle} MiB for one row");
    let found = duck(&format!(
        "SELECT count(*), count(DISTINCT k), count(DISTINCT id), count(*) FILTER (k = id % 300),
             count(*) FILTER (wide = repeat(printf('%032d', id * 7919), 940))
         FROM read_parquet('{0}/**/*.parquet', hive_partitioning = true)
         UNION ALL SELECT min(n), max(n), count(*), 0, 0
         FROM (SELECT count(*) AS n FROM read_parquet('{0}/**/*.parquet', hive_partitioning = true) GROUP BY k)",
        dir.path().join("main/t").display()
    ));
    assert_eq!(found, "6000|300|6000|6000|6000\n20|20|300|0|0");
    assert!(peak < idle + MOST, "{peak} MiB, {idle} MiB for one row");
}
