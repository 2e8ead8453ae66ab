//! Every character of every character set, by the server's own conversion; and bytes that are no characters.

use super::{DATA, Database, SOME_FAILED, error_of, summary};
use crate::mariadb::{MariaDb, series};

/// Character sets of the server, but for that of bytes.
fn charsets() -> Vec<String> {
    let sql = "SELECT character_set_name FROM information_schema.character_sets
               WHERE character_set_name NOT IN ('binary', 'filename') ORDER BY 1";
    MariaDb::shared().query("mysql", sql).lines().map(str::to_owned).collect()
}

/// A table for each character set of all characters up to U+FFFF that it has, and some beyond, in rows of one.
#[test]
fn every_character_of_every_charset_is_the_servers() {
    let charsets = charsets();
    assert!(charsets.len() >= 38, "{charsets:?}");
    let mut sql = format!(
        "SET NAMES utf8mb4; SET sql_mode = '';
         CREATE TABLE codes (id int PRIMARY KEY, u varchar(2) CHARACTER SET utf16);
         INSERT INTO codes SELECT seq, CONVERT(UNHEX(LPAD(HEX(seq), 4, '0')) USING utf16) FROM {}
           WHERE seq NOT BETWEEN 55296 AND 57343;
         INSERT INTO codes SELECT 70000 + seq, CONVERT(UNHEX(CONCAT('D83DDE', LPAD(HEX(seq), 2, '0'))) USING utf16) FROM {};",
        series(0, 65_535),
        series(0, 79),
    );
    for charset in &charsets {
        // Those of Unicode have all of them: one in eleven is enough.
        let unicode = charset.starts_with("utf") || charset == "ucs2" || charset == "gb18030";
        let some = if unicode { "id % 11 = 0 OR id >= 70000" } else { "TRUE" };
        sql.push_str(&format!(
            "CREATE TABLE c_{charset} (id int PRIMARY KEY, v varchar(4) CHARACTER SET {charset});
             INSERT IGNORE INTO c_{charset} SELECT id, CONVERT(u USING {charset}) FROM codes
               WHERE ({some}) AND HEX(CONVERT(CONVERT(u USING {charset}) USING utf16)) = HEX(u);"
        ));
    }
    let database = Database::new("my_charsets", &sql);
    database.export(&["-p", "4", "-i", "c_%", "-e", "codes"]).ok();
    let said = database.assert_same(&["--skip", ""]);
    assert_eq!(said["relations"], charsets.len(), "{said}");
    println!("{} characters of {} character sets are the server's", said["rows"], charsets.len());
    assert!(said["rows"].as_u64().unwrap() > 100_000, "{said}");
}

/// A column for each collation of the server: what is asked of the server must be clear to it under all of them.
#[test]
fn every_collation_is_read() {
    let sql = "SELECT collation_name, character_set_name FROM information_schema.collation_character_set_applicability
               WHERE character_set_name NOT IN ('binary', 'filename') AND character_set_name NOT LIKE 'utf8%' ORDER BY 1";
    let applicable = MariaDb::shared().query("mysql", sql);
    // MariaDB lists collations of Unicode without the name of their character set.
    let collations: Vec<&str> = applicable
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(collation, charset)| collation.starts_with(&format!("{charset}_")))
        .map(|(collation, _)| collation)
        .collect();
    assert!(collations.len() > 100, "{collations:?}");
    let columns =
        |of: &dyn Fn(&str) -> String| collations.iter().map(|name| of(name)).collect::<Vec<_>>().join(", ");
    // No row may be wider than 65,535 bytes.
    let charset = |collation: &str| collation.split('_').next().unwrap_or_default().to_owned();
    let sql = format!(
        "SET sql_mode = '';
         CREATE TABLE texts (id int PRIMARY KEY, {}); CREATE TABLE labels (id int PRIMARY KEY, {});
         INSERT INTO texts VALUES (1, {}), (2, {}); INSERT INTO labels VALUES (1, {});",
        columns(&|name| format!("c_{name} varchar(12) CHARACTER SET {} COLLATE {name}", charset(name))),
        columns(&|name| format!("c_{name} enum('a?b', 'z') CHARACTER SET {} COLLATE {name}", charset(name))),
        columns(&|_| "'a?b ?'".to_owned()),
        columns(&|_| "NULL".to_owned()),
        columns(&|_| "'a?b'".to_owned()),
    );
    let database = Database::new("my_collations", &sql);
    database.export(&[]).ok();
    database.assert_table("texts", 2);
    database.assert_table("labels", 1);
}

/// Each of the 256 bytes of a character set of one byte: what the server calls a character is exact, else it is refused.
#[test]
fn bytes_that_are_no_characters_are_refused_and_never_replaced() {
    let sql = "SELECT character_set_name FROM information_schema.character_sets
               WHERE maxlen = 1 AND character_set_name NOT IN ('binary', 'filename') ORDER BY 1";
    let mut exact = 0;
    let mut all = "SET NAMES utf8mb4; SET sql_mode = '';".to_owned();
    let mut odd = Vec::new();
    for charset in MariaDb::shared().query("mysql", sql).lines() {
        let each: Vec<String> =
            (0..256).map(|byte| format!("HEX(CONVERT(_{charset} X'{byte:02X}' USING utf8mb4))")).collect();
        let converted = MariaDb::shared().query("mysql", &format!("SELECT {}", each.join(", ")));
        let is_none = |(byte, text): (usize, &str)| text == "3F" && byte != 0x3F;
        for (byte, text) in converted.split('\t').enumerate() {
            let name = format!("b_{charset}_{byte:02x}");
            if is_none((byte, text)) {
                // A few of each are enough.
                if odd.iter().filter(|known: &&String| known.starts_with(&format!("b_{charset}_"))).count()
                    > 1
                {
                    continue;
                }
                all.push_str(&format!(
                    "CREATE TABLE {name} (id int PRIMARY KEY, v varchar(4) CHARACTER SET {charset});
                     INSERT INTO {name} VALUES (1, _{charset} X'{byte:02X}');"
                ));
                odd.push(name);
            } else {
                exact += 1;
            }
        }
    }
    println!("{exact} bytes are characters, {} of the others are tried", odd.len());
    if odd.is_empty() {
        return;
    }
    let database = Database::new("my_bytes", &all);
    let output = database.export(&["--json"]).exits_one_of(&[SOME_FAILED, DATA]);
    let summary = summary(&output);
    let mut refused = 0;
    for table in odd {
        let error = error_of(&summary, &table);
        let stored = database.server.query("my_bytes", &format!("SELECT lower(hex(v)) FROM {table}"));
        if !table.ends_with(&format!("_{stored}")) {
            // MySQL 9 stores nothing of it: what is stored is exported.
            println!("{table}: the server has stored '{stored}' for the byte");
            assert_eq!(error, "", "{table}");
            continue;
        }
        refused += 1;
        assert!(error.contains(&table) && error.contains("--columns"), "{table}: {error:?}");
    }
    assert!(refused > 0, "no byte without a character is stored");
}
