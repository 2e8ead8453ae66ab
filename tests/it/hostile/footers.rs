//! S5: Parquet files that others wrote, with footers made to end the process that reads them.

use std::fs;
use std::path::{Path, PathBuf};

use super::stopped;
use crate::lake::{Run, json};

/// A lake with two tables, of one file each.
struct Lake {
    root: tempfile::TempDir,
    /// The file of the table that is attacked, as it was.
    good: Vec<u8>,
}

impl Lake {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let database = root.path().join("shop.db");
        rusqlite::Connection::open(&database)
            .unwrap()
            .execute_batch(
                "CREATE TABLE attacked (id INTEGER PRIMARY KEY, a TEXT, f REAL); INSERT INTO attacked VALUES (1, 'x', 1.5), (2, 'y', NULL);
                 CREATE TABLE other (id INTEGER PRIMARY KEY); INSERT INTO other VALUES (1);",
            )
            .unwrap();
        let source = format!("sqlite:{}", database.display());
        let lake = root.path().join("lake");
        Run::new(["export", "--source", &source, "--output-dir"]).args([&lake]).output().ok();
        let good = fs::read(lake.join("main/attacked/part-00000.parquet")).unwrap();
        Self { root, good }
    }

    fn table(&self) -> PathBuf {
        self.root.path().join("lake/main/attacked")
    }

    /// The footer of the good file.
    fn footer(&self) -> &[u8] {
        let end = self.good.len() - 8;
        let length = u32::from_le_bytes(self.good[end..end + 4].try_into().unwrap()) as usize;
        &self.good[end - length..end]
    }

    /// The good file's pages with another footer.
    fn with_footer(&self, footer: &[u8]) -> Vec<u8> {
        let pages = &self.good[..self.good.len() - 8 - self.footer().len()];
        let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
        [pages, footer, &length, b"PAR1"].concat()
    }

    /// Puts a file in place, with a manifest to which its size and bytes are right.
    fn put(&self, content: &[u8]) {
        fs::write(self.table().join("part-00000.parquet"), content).unwrap();
        let path = self.table().join("_manifest.json");
        let mut manifest = json(&path);
        manifest["files"][0]["bytes"] = content.len().into();
        manifest["files"][0]["crc32"] = format!("{:08x}", crc32fast::hash(content)).into();
        fs::write(path, manifest.to_string()).unwrap();
    }

    /// `verify` reports the attacked file, or finds nothing wrong with it, and in any case reports the other table.
    #[track_caller]
    fn verified(&self, what: &str) {
        for more in [&[][..], &["--read-data"]] {
            let limited = ["prlimit", "--as=4294967296", "--"];
            let mut args = vec!["verify".to_owned(), "--json".to_owned()];
            args.extend(more.iter().map(ToString::to_string));
            args.push(self.root.path().join("lake").display().to_string());
            let output = Run::wrapped(&limited, args).output();
            assert!(matches!(output.code, Some(0 | 65)), "{what} {more:?}: {:?}\n{output}", output.code);
            let output = output.no_panic();
            let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
            let tables = report["tables"].as_array().unwrap();
            let of = |name: &str| tables.iter().find(|t| t["directory"] == format!("main/{name}")).unwrap();
            assert_eq!(of("other")["problems"].as_array().unwrap().len(), 0, "{what}");
            if output.code == Some(65) {
                assert_eq!(of("attacked")["problems"][0]["file"], "part-00000.parquet", "{what}: {report}");
            }
        }
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value as u8) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A footer with so many schema entries, then whatever follows.
fn schema(entries: &[Vec<u8>], rest: &[u8]) -> Vec<u8> {
    let mut footer = vec![0x15, 2, 0x19, 0xfc];
    footer.extend(varint(entries.len() as u64));
    footer.extend(entries.concat());
    footer.extend_from_slice(rest);
    footer
}

/// A group of the schema that claims so many children.
fn group(children: u64) -> Vec<u8> {
    [vec![0x48, 1, b'g', 0x15], varint(children << 1), vec![0]].concat()
}

fn column() -> Vec<u8> {
    vec![0x15, 2, 0x38, 1, b'a', 0]
}

/// No rows, no row groups, the end.
const EMPTY: [u8; 5] = [0x16, 0, 0x19, 0x0c, 0];

#[test]
fn s5_hostile_footers_end_their_own_check_and_no_other() {
    let lake = Lake::new();
    let groups = |count: u64| [vec![0x16, 0, 0x19, 0xfc], varint(count)].concat();
    let nested: Vec<Vec<u8>> = (0..100_000).map(|_| group(1)).chain([column()]).collect();
    let mut footers: Vec<(&str, Vec<u8>)> = vec![
        ("100,000 groups in groups", schema(&nested, &EMPTY)),
        ("a group of 2^31 columns", schema(&[group(0x7fff_ffff), column()], &EMPTY)),
        ("a group of -1 columns", schema(&[vec![0x48, 1, b'g', 0x15, 1, 0], column()], &EMPTY)),
        ("2^31 row groups", schema(&[group(1), column()], &groups(0x7fff_fff0))),
        ("2^63 row groups", schema(&[group(1), column()], &groups(u64::MAX >> 1))),
        ("2^31 columns", [vec![0x15, 2, 0x19, 0xfc], varint(0x7fff_ffff)].concat()),
        ("row groups that are numbers", schema(&[group(1), column()], &[0x16, 0, 0x19, 0x45, 2, 2, 2, 2, 0])),
        (
            "a row group of 2^31 chunks",
            schema(&[group(1), column()], &[groups(1), vec![0x19, 0xfc], varint(0x7fff_ffff)].concat()),
        ),
        ("structures in structures", vec![0x1c; 1 << 20]),
        ("lists in lists", vec![0x19; 1 << 20]),
        ("maps in maps", [&[0x1b][..], &[0x01, 0xbb].repeat(1 << 19)].concat()),
        ("a text of 2^62 bytes", schema(&[[vec![0x48], varint(1 << 62)].concat()], &EMPTY)),
        (
            "2^31 entries of metadata",
            schema(
                &[group(1), column()],
                &[&[0x16, 0, 0x19, 0x0c, 0x19, 0xfc][..], &varint(0x7fff_ffff)].concat(),
            ),
        ),
        ("no schema", vec![0x15, 2, 0x16, 0, 0]),
        ("a schema without a column", schema(&[group(0)], &EMPTY)),
        (
            "rows and no row groups",
            schema(&[group(1), column()], &[0x16, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x19, 0x0c, 0]),
        ),
        ("an empty footer", Vec::new()),
        ("a footer of zeros", vec![0; 1 << 20]),
        ("a number that does not end", vec![0xff; 1 << 20]),
    ];
    // The good footer with one byte changed, at places spread over it.
    for part in 0..24 {
        let mut changed = lake.footer().to_vec();
        let at = changed.len() * part / 24;
        changed[at] = changed[at].wrapping_add(0x7f);
        footers.push(("a changed byte", changed));
    }
    let mut count = footers.len();
    for (what, footer) in footers {
        lake.put(&lake.with_footer(&footer));
        lake.verified(what);
    }
    let pages = &lake.good[..lake.good.len() - 8];
    for (what, tail) in [
        ("a footer larger than the file", [&0x7000_0000_u32.to_le_bytes()[..], b"PAR1"].concat()),
        ("a footer of 2^32 bytes", [&u32::MAX.to_le_bytes()[..], b"PAR1"].concat()),
        ("an encrypted footer", [&100_u32.to_le_bytes()[..], b"PARE"].concat()),
        ("no footer", b"12345678".to_vec()),
    ] {
        lake.put(&[pages, &tail].concat());
        lake.verified(what);
        count += 1;
    }
    lake.put(b"PAR1");
    lake.verified("four bytes");
    assert!(Path::new(&lake.table()).exists());
    stopped("footers of foreign files", count + 1);
}
