//! How values are encoded in the files.

use crate::lake::{assert_same_values, export};
use crate::server::PgServer;
use crate::types::schema;

#[test]
fn packed_differences_are_used_unless_readers_do_not_know_them() {
    let server = PgServer::shared();
    let url = server.create_db("encodings");
    server.sql(
        "encodings",
        "CREATE TABLE many (id bigint PRIMARY KEY, t text, d date, n numeric(12,2), few text);
        INSERT INTO many SELECT g, md5(g::text), CASE WHEN g % 5 > 0 THEN date '1970-01-01' + g END,
            (g * 7919 % 1000003) / 100.0, 'x' || g % 3 FROM generate_series(1, 40000) g",
    );
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().join("public/many");
    for (flag, integers, texts) in
        [("delta", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY"), ("plain", "PLAIN", "PLAIN")]
    {
        export(&url, out.path(), &["--encodings", flag]).ok();
        assert_same_values(&url, "public.many", &dir, &[]);
        let encodings = &schema(&dir)["encodings"];
        for (column, expected) in [("id", integers), ("t", texts), ("d", integers), ("n", integers)] {
            assert_eq!(encodings[column], serde_json::json!([expected, "RLE"]), "{flag}: {column}");
        }
        assert_eq!(encodings["few"], serde_json::json!(["PLAIN", "RLE", "RLE_DICTIONARY"]), "{flag}");
    }
}
