//! Files that were damaged after their commit, and what `lakexpress verify` says of each.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DATA, USAGE, exported, problems, verify};
use crate::lake::{Run, copy_dir, env_number, export, json, manifest, script};
use crate::tpch::{TABLES, tpch};

const KINDS: [&str; 4] = ["byte", "drop", "double", "swap"];

/// A copy of one table's directory.
struct Copy {
    dir: tempfile::TempDir,
    table: &'static str,
}

impl Copy {
    fn of(table: &'static str) -> Self {
        let copy = Self { dir: tempfile::tempdir().unwrap(), table };
        copy.restore();
        copy
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(self.table)
    }

    fn restore(&self) {
        copy_dir(&exported().join("public").join(self.table), &self.path());
    }

    fn files(&self) -> Vec<String> {
        let manifest = manifest(&self.path());
        let files = manifest["files"].as_array().unwrap();
        files.iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect()
    }

    /// A file that is there, another one each time.
    fn any(&self, seed: usize) -> (String, PathBuf) {
        let files = self.files();
        let name = files[seed * 7 % files.len()].clone();
        let path = self.path().join(&name);
        (name, path)
    }
}

/// Makes the manifest say of a file what its bytes and its footer say: everything but the source's hash.
fn forge(dir: &Path, name: &str) {
    let at = dir.join("_manifest.json");
    let mut manifest = json(&at);
    let content = fs::read(dir.join(name)).unwrap();
    let rows = {
        use parquet::file::reader::{FileReader, SerializedFileReader};
        let file = SerializedFileReader::new(bytes::Bytes::from(content.clone())).unwrap();
        file.metadata().file_metadata().num_rows()
    };
    let mut total = 0;
    for file in manifest["files"].as_array_mut().unwrap() {
        if file["name"] == name {
            file["rows"] = rows.into();
            file["bytes"] = content.len().into();
            file["crc32"] = format!("{:08x}", crc32fast::hash(&content)).into();
        }
        total += file["rows"].as_i64().unwrap();
    }
    manifest["rows"] = total.into();
    fs::write(at, manifest.to_string()).unwrap();
}

/// Every corruption at random places of all eight tables, some rounds: found by bytes and by the source's hash; by the
/// hash alone when somebody has made the manifest fit.
#[test]
fn each_kind_of_wrong_row_is_found_in_every_table() {
    let rounds = env_number("LAKEXPRESS_VERIFY_ROUNDS", 1);
    let mut found = 0;
    for table in TABLES {
        let copy = Copy::of(table);
        for round in 0..rounds {
            for (number, kind) in KINDS.iter().enumerate() {
                copy.restore();
                let seed = round * KINDS.len() + number + usize::from(std::process::id() as u16);
                let (name, path) = copy.any(seed);
                let done =
                    script("corrupt.py", [path.to_str().unwrap(), kind, &seed.to_string()]).ok().stdout;
                let what = format!("{table}/{name} seed {seed}: {done}");
                let said = problems(&verify(&copy.path(), &["--read-data"]).exits(DATA));
                for word in ["crc32", "hash"] {
                    assert!(said.contains(&format!("{name} {word}")), "{what}: {said:?}");
                }
                assert!(
                    said.iter().all(|problem| problem.starts_with(&name) || problem == "- rows"),
                    "{said:?}"
                );
                forge(&copy.path(), &name);
                let said = problems(&verify(&copy.path(), &["--read-data"]).exits(DATA));
                assert!(said.contains(&format!("{name} hash")), "{what}: {said:?}");
                assert!(!said.contains(&format!("{name} crc32")), "the manifest was not forged: {said:?}");
                found += 1;
            }
        }
    }
    println!("{found} corruptions found, by CRC and hash, and by hash alone");
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let copy = Copy::of("orders");
    let (mut without_reading, places) = (0, 12);
    for place in 0..places {
        copy.restore();
        let (name, path) = copy.any(place);
        let mut content = fs::read(&path).unwrap();
        let at = match place {
            0 => 0,
            1 => content.len() - 1,
            2 => content.len() - 6,
            _ => uuid::Uuid::new_v4().as_u128() as usize % content.len(),
        };
        content[at] ^= 1 << (place % 8);
        fs::write(&path, &content).unwrap();
        let said = problems(&verify(&copy.path(), &["--read-data"]).exits(DATA));
        assert!(said.contains(&format!("{name} crc32")), "byte {at} of {name}: {said:?}");
        assert!(said.iter().all(|problem| problem.starts_with(&name)), "{said:?}");
        without_reading += usize::from(!problems(&verify(&copy.path(), &[])).is_empty());
    }
    println!("{places} flipped bits found by reading, {without_reading} of them by footers alone");
}

#[test]
fn missing_extra_truncated_and_exchanged_files_are_named_without_reading_them() {
    let copy = Copy::of("lineitem");
    let files = copy.files();
    let (one, two) = (files[0].as_str(), files[1].as_str());
    let at = |name: &str| copy.path().join(name);
    let check = |expected: &[&str]| {
        let said = problems(&verify(&copy.path(), &[]).exits(DATA));
        let told = Run::new(["verify"]).args([copy.path()]).output().exits(DATA).stdout;
        for word in expected {
            assert!(said.contains(&(*word).to_owned()), "{word} in {said:?}");
            let (file, problem) = word.split_once(' ').unwrap();
            assert!(file == "-" || told.contains(&format!("{file}: {problem}")), "{word} in {told}");
        }
        copy.restore();
        said
    };
    fs::remove_file(at(one)).unwrap();
    assert_eq!(check(&[&format!("{one} missing")]).len(), 1);
    fs::copy(at(one), at("part-99999.parquet")).unwrap();
    assert_eq!(check(&["part-99999.parquet extra"]).len(), 1);
    for left in [0, 1, 100, fs::metadata(at(one)).unwrap().len() - 1] {
        fs::File::options().write(true).open(at(one)).unwrap().set_len(left).unwrap();
        check(&[&format!("{one} size"), &format!("{one} unreadable")]);
    }
    fs::rename(at(one), at("x")).unwrap();
    fs::rename(at(two), at(one)).unwrap();
    fs::rename(at("x"), at(two)).unwrap();
    check(&[&format!("{one} statistics"), &format!("{two} statistics")]);
    fs::rename(at(one), at(two)).unwrap();
    check(&[&format!("{one} missing"), &format!("{two} statistics")]);
    let mut forged = manifest(&copy.path());
    forged["rows"] = (forged["rows"].as_u64().unwrap() + 1).into();
    fs::write(at("_manifest.json"), forged.to_string()).unwrap();
    assert_eq!(check(&["- rows"]).len(), 1);
    fs::remove_file(at("_manifest.json")).unwrap();
    check(&["- no_manifest"]);
    fs::write(at("_manifest.json"), "{").unwrap();
    check(&["- manifest"]);
    fs::write(at("_commit.json"), "{}").unwrap();
    check(&["- unfinished_commit"]);
    assert_eq!(problems(&verify(&copy.path(), &["--read-data"]).exits(0)), [""; 0], "restored");
}

#[test]
fn a_run_is_named_by_its_id_or_its_place() {
    let place = tempfile::tempdir().unwrap();
    let (out, state) = (place.path().join("out"), place.path().join("state"));
    let run = |args: &[&str]| Run::new(args).env("XDG_STATE_HOME", &state).current_dir(place.path()).output();
    let dir = out.to_str().unwrap();
    let exported =
        run(&["export", "--json", "--source", tpch(), "--output-dir", dir, "-i", "region,nation"]).ok();
    let summary: serde_json::Value = serde_json::from_str(&exported.stdout).unwrap();
    let id = summary["run_id"].as_str().unwrap();
    let url = format!("file://{dir}");
    let table = format!("{dir}/public/region");
    for (what, tables) in [(id, 2), (&id[..23], 2), (dir, 2), ("./out", 2), (&url, 2), (&table, 1)] {
        let output = run(&["verify", "--json", "--read-data", what]).exits(0);
        assert_eq!(problems(&output), [""; 0]);
        assert_eq!(super::report(&output)["tables"].as_array().unwrap().len(), tables, "{what}");
    }
    let told = run(&["verify", id]).exits(0).stdout;
    assert!(told.contains("all 2 tables") && told.contains("public.nation, 25 rows"), "{told}");
    fs::remove_file(out.join("public/nation/part-00000.parquet")).unwrap();
    let told = run(&["verify", id]).exits(DATA).stdout;
    assert!(told.contains("part-00000.parquet: missing") && told.contains("1 of 2 tables"), "{told}");

    run(&["verify", "no-such-run"]).exits(USAGE).says(&["no-such-run", "lakexpress runs"]);
    run(&["verify"]).exits(USAGE).says(&["--target-storage-id"]);
    fs::create_dir(place.path().join("nothing")).unwrap();
    run(&["verify", "nothing"]).exits(USAGE).says(&["_lakexpress", "--output-dir"]);
    run(&["verify", "--read-data", "10%"]).exits(USAGE).says(&["--read-data=10%"]);
    for percent in ["0", "101%", "many"] {
        run(&["verify", dir, &format!("--read-data={percent}")]).exits(USAGE).says(&["percentage"]);
    }
}

/// Without hashes the bytes are still compared.
#[test]
fn an_export_without_hashes_is_compared_byte_by_byte() {
    let out = tempfile::tempdir().unwrap();
    export(tpch(), out.path(), &["-i", "supplier"]).ok();
    let dir = out.path().join("public/supplier");
    script("corrupt.py", [dir.join("part-00000.parquet").to_str().unwrap(), "byte", "1"]).ok();
    forge(&dir, "part-00000.parquet");
    let mut changed = manifest(&dir);
    changed["files"][0]["crc32"] = "00000000".into();
    fs::write(dir.join("_manifest.json"), changed.to_string()).unwrap();
    let said = problems(&verify(&dir, &["--read-data"]).exits(DATA));
    assert!(said.contains(&"part-00000.parquet crc32".to_owned()), "{said:?}");
    assert!(!said.contains(&"part-00000.parquet hash".to_owned()), "{said:?}");
}

/// Readers that look below the table's directory take what lies in its `key=value` directories for data.
#[test]
fn t7_an_extra_file_in_a_directory_of_a_period_is_named() {
    let server = crate::server::PgServer::shared();
    let url = server.create_db("verify_periods");
    server.sql(
        "verify_periods",
        "CREATE TABLE t AS SELECT g AS id, date '2021-01-01' + g AS day FROM generate_series(1, 1000) g; ANALYZE",
    );
    for periods in ["year", "year,month"] {
        let out = tempfile::tempdir().unwrap();
        let config = format!("t:Timepartition:(day,{periods}):2");
        export(&url, out.path(), &["--large-table-threshold", "0", "--table-config", &config]).ok();
        let dir = out.path().join("public/t");
        let one = manifest(&dir)["files"][0]["name"].as_str().unwrap().to_owned();
        let (period, _) = one.rsplit_once('/').unwrap();
        assert_eq!(problems(&verify(&dir, &[]).exits(0)), [""; 0]);
        for extra in [
            format!("{period}/part-99999.parquet"),
            "year=1999/part-00000.parquet".to_owned(),
            "year=2021/month=01/day=01/part-00000.parquet".to_owned(),
            "part-00000.parquet".to_owned(),
        ] {
            let at = dir.join(&extra);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::copy(dir.join(&one), &at).unwrap();
            for what in [&dir, &out.path().to_path_buf()] {
                assert_eq!(problems(&verify(what, &[]).exits(DATA)), [format!("{extra} extra")], "{periods}");
            }
            fs::remove_file(at).unwrap();
        }
    }
}
