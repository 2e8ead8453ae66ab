//! Metadata of the Common Data Model beside the tables in a bucket.

use lakexpress::demo::{TABLES, make_database};
use serde_json::Value;

use super::seaweed::{Seaweed, WRITER};
use super::{Place, Store, unique};
use crate::lake::script;

#[test]
fn microsofts_reader_reads_the_metadata_of_a_sqlite_export_in_a_bucket() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("metadata"));
    std::fs::remove_file(place.path("data.db")).unwrap();
    make_database(&place.path("data.db"), 0.01).unwrap();
    place.run(
        "CREATE TABLE pair (a INTEGER, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
         CREATE TABLE Refers (x INTEGER, y TEXT, gone INTEGER REFERENCES missing,
             FOREIGN KEY (Y, x) REFERENCES PAIR, FOREIGN KEY (x) REFERENCES region (R_REGIONKEY))",
    );
    place.entry("store", seaweed.entry(seaweed.port, WRITER, &base));
    let flags =
        ["--generate-metadata", "--include-entity-files", "-p", "2", "--large-table-threshold", "10000"];
    place.export("store", &flags).output().ok();
    let dir = seaweed.download(&format!("{base}/"));
    let path = dir.path().to_str().unwrap();
    let output = script("read_cdm.py", ["--dir", path, "--manifest", "data.manifest.cdm.json"]).ok();
    let database: Value = serde_json::from_str(&output.stdout).unwrap();
    let main = &database["below"]["main"];
    for table in TABLES {
        assert!(!main["entities"][table]["partitions"].as_array().unwrap().is_empty(), "{table}");
    }
    let comment = |a: &&Value| a["name"] == "l_comment";
    let attributes = main["entities"]["lineitem"]["attributes"].as_array().unwrap();
    // SQLite takes longer texts than it declares.
    assert!(attributes.iter().find(comment).unwrap()["length"].is_null());
    let relationships = main["relationships"].as_array().unwrap();
    let of = |name: &str| -> Vec<String> {
        let named = relationships.iter().filter(|r| r[0] == name);
        named.map(|r| format!("{}>{}", r[1].as_str().unwrap(), r[2].as_str().unwrap())).collect()
    };
    assert_eq!(of("orders_o_custkey_fkey"), ["orders.o_custkey>customer.c_custkey"]);
    assert_eq!(of("Refers_y_x_fkey"), ["Refers.y>pair.b", "Refers.x>pair.a"]);
    assert_eq!(of("Refers_x_fkey"), ["Refers.x>region.r_regionkey"]);
    assert_eq!(relationships.len(), 9 + 3, "{relationships:?}");
}
