//! Places, rates and verdicts as they are told.

use std::fs;

use super::{DATA, SOME_FAILED, USAGE, document, shop};
use crate::lake::Output;

const SUB_PATH: &str = "2026-11-28/shop";

/// The value behind a word of a text in two columns.
#[track_caller]
fn value<'a>(output: &'a Output, word: &str) -> &'a str {
    let line = output.stdout.lines().find(|line| line.split("  ").next() == Some(word));
    line.unwrap_or_else(|| panic!("no {word}\n{output}"))[word.len()..].trim()
}

#[test]
fn destinations_have_their_sub_path() {
    let shop = shop("handed_places");
    shop.mend();
    let place = shop.out().join(SUB_PATH).display().to_string();
    let sub_path = ["--sub-path", SUB_PATH];
    let output = shop.export(&sub_path).output().ok();
    assert_eq!(value(&output, "destination"), place);
    assert!(output.stderr.contains(&format!(" to {place}")), "{output}");
    let summary = document(&shop.export(&sub_path).args(["--json"]).output().ok());
    assert_eq!((&summary["location"], &summary["sub_path"]), (&place.as_str().into(), &SUB_PATH.into()));
    assert_eq!(summary["destination"], shop.out().to_str().unwrap(), "directories of tables are below it");
    for table in summary["tables"].as_array().unwrap() {
        assert!(shop.out().join(table["directory"].as_str().unwrap()).join("_manifest.json").exists());
    }
    let id = summary["run_id"].as_str().unwrap();
    for command in ["status", "report"] {
        assert_eq!(value(&shop.run([command, id]).output().ok(), "destination"), place, "{command}");
        let told = document(&shop.run([command, id, "--json"]).output().ok());
        assert_eq!(told["location"], place.as_str(), "{command}");
    }
    assert!(shop.run(["runs"]).output().ok().stdout.contains(&place));
}

/// The directory of a day, above whose tables there is no summary.
#[test]
fn a_directory_below_the_base_is_verified_as_a_whole() {
    let shop = shop("handed_below");
    shop.mend();
    for day in ["2026-11-27", "2026-11-28"] {
        shop.export(&["--sub-path", day]).output().ok();
    }
    let verify = |place: &str, more: &[&str]| shop.run(["verify", place, "--json"]).args(more).output();
    let absolute = shop.out().join("2026-11-28").display().to_string();
    for (place, more, tables) in [
        ("lake/2026-11-28", &[][..], 3),
        ("lake/2026-11-28/", &[], 3),
        ("lake/2026-11-28/public", &[], 3),
        (absolute.as_str(), &[], 3),
        ("lake", &["--sub-path", "2026-11-28"], 3),
        ("lake", &[], 6),
        ("lake/2026-11-28/public/good", &[], 1),
    ] {
        let found = document(&verify(place, more).ok());
        assert_eq!(found["tables"].as_array().unwrap().len(), tables, "{place} {more:?}\n{found}");
    }
    let text = shop.run(["verify", "lake/2026-11-28"]).output().ok();
    assert_eq!(value(&text, "destination"), absolute);
    // Names that begin alike are others.
    fs::create_dir(shop.out().join("2026-11")).unwrap();
    verify("lake/2026-11", &[]).exits(USAGE);
    verify("lake", &["--sub-path", "2026-11"]).exits(USAGE);
    // A table that is gone is missed, which only the summary can know.
    fs::remove_dir_all(shop.out().join("2026-11-28/public/good")).unwrap();
    let found = document(&verify("lake/2026-11-28", &[]).exits(DATA));
    let wrong: Vec<_> =
        found["tables"].as_array().unwrap().iter().filter(|t| t["status"] == "failed").collect();
    assert_eq!((wrong.len(), &wrong[0]["problems"][0]["problem"]), (1, &"no_manifest".into()), "{found}");
    verify("lake/2026-11-27", &[]).ok();
}

/// Rows and times of tables that were finished before are not those of the process that resumes.
#[test]
fn a_resumed_run_counts_what_it_read() {
    let shop = shop("handed_rates");
    // Long enough to be seen in seconds.
    crate::server::PgServer::shared().sql(
        &shop.db,
        "CREATE VIEW slow AS SELECT g AS id, pg_sleep(0.5)::text AS t FROM generate_series(1, 2) g;",
    );
    let first = document(&shop.export(&["--json", "--views"]).output().exits(SOME_FAILED));
    shop.mend();
    let id = first["run_id"].as_str().unwrap();
    let output = shop.run(["resume", id]).output().ok();
    let total =
        output.stdout.lines().find(|line| line.starts_with("completed: 4 of 4 tables")).expect("a total");
    assert!(total.contains("(1 rows read now, "), "{output}");
    let rate: u64 = total
        .split("rows read now, ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .replace(',', "")
        .parse()
        .unwrap();
    assert!(rate < 100, "{output}");
    let slow = output.stdout.lines().find(|line| line.starts_with("public.slow")).expect("a line");
    assert!(!slow.ends_with("0.0 s"), "{output}");
    assert!(value(&output, "earlier").contains("consistency run, taken at 2"), "{output}");
    assert!(!output.stdout.contains("kept as of"), "{output}");
    let report = document(&shop.run(["report", id, "--json"]).output().ok());
    assert!(report["totals"]["rows_per_second"].as_f64().unwrap() < 100.0, "{report}");
    let of = |name: &str| {
        report["tables"].as_array().unwrap().iter().find(|t| t["table"]["name"] == name).unwrap().clone()
    };
    assert!(of("slow")["seconds"].as_f64().unwrap() >= 0.9, "{report}");
    assert_eq!((&of("slow")["kept"], &of("bad")["kept"]), (&true.into(), &false.into()));
    // Nothing was read: nothing is said of how fast.
    assert!(!shop.run(["resume", id, "--json"]).output().ok().stdout.contains("null rows/s"));
}

#[test]
fn what_was_verified_is_said() {
    let shop = shop("handed_verified");
    for (level, words) in [
        ("hash", "have the source's count and hash of all rows, by"),
        ("count", "have the source's count of rows"),
    ] {
        let output = shop.export(&["--verify", level]).output().exits(SOME_FAILED);
        let said = value(&output, "verified");
        assert!(said.starts_with("2 of 3 tables ") && said.contains(words), "{output}");
        let summary = document(&shop.export(&["--verify", level, "--json"]).output().exits(SOME_FAILED));
        let expected = serde_json::json!({ "level": level, "tables": 2, "files": 2 });
        assert_eq!(summary["verification"], expected);
        let good = &summary["tables"][1];
        assert_eq!((&good["name"], &good["verification"]["source_rows"]), (&"good".into(), &1000.into()));
    }
    let output = shop.export(&[]).output().exits(SOME_FAILED);
    assert!(!output.stdout.contains("\nverified"), "{output}");

    let verify = |more: &[&str]| shop.run(["verify", "lake"]).args(more).output();
    let output = verify(&[]).ok();
    assert!(value(&output, "content").starts_with("not read: "), "{output}");
    let output = verify(&["--read-data"]).ok();
    assert!(value(&output, "content").starts_with("of 2 of 2 files read"), "{output}");
}
