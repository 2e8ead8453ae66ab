//! TPC-H in the server, exported by several readers and compared by readers that are not ours.
//!
//! `LAKEXPRESS_TPCH_SCALE` sets the scale factor (0.01 unless set; `make verify-mysql` takes 1).

use super::{Database, parts};
use crate::lake::{manifest, script};
use crate::tpch::{TABLES, scale};

#[test]
fn every_table_is_the_same_as_on_the_server() {
    let database = Database::new("my_tpch", "");
    let socket = database.server.socket();
    let of = ["--socket", socket.to_str().unwrap(), "--database", "my_tpch"];
    script("mysql_tpch.py", [&of[..], &["--scale", &scale()]].concat()).ok();
    let small = if scale() == "1" { "32MiB" } else { "128KiB" };
    let lake = database.lake();
    for extra in [&["-p", "2"][..], &["-p", "4", "--readers", "modern", "--verify", "hash"]] {
        database.export(&[&["--part-bytes", small, "--large-table-threshold", "10000"], extra].concat()).ok();
        assert!(parts(&database.out("lineitem")) > 4, "lineitem was not cut");
        for table in TABLES {
            let more = ["--dir", lake.to_str().unwrap(), "--table", table];
            script("mysql_hashes.py", [&of[..], &more].concat()).ok();
            println!("{table}: {} rows are the same", manifest(&database.out(table))["rows"]);
        }
    }
}
