//! S3, S5: links, pipes and devices where the program keeps its files. Nothing elsewhere is read as ours, changed or
//! deleted, and nothing is waited for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::stopped;
use crate::lake::{Output, Run, files, json};

const WORDS: &str = "what somebody wrote for years";

/// A lake with one committed table, and what lies elsewhere.
struct Scene {
    root: tempfile::TempDir,
    source: String,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let database = root.path().join("shop.db");
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y');",
            )
            .unwrap();
        let scene = Self { source: format!("sqlite:{}", database.display()), root };
        fs::create_dir(scene.elsewhere()).unwrap();
        for name in ["thesis.doc", "part-00000.parquet", "_manifest.json", "_commit.json", "_lock"] {
            fs::write(scene.elsewhere().join(name), WORDS).unwrap();
        }
        scene.export(&[]).ok();
        scene
    }

    fn elsewhere(&self) -> PathBuf {
        self.root.path().join("elsewhere")
    }

    fn lake(&self) -> PathBuf {
        self.root.path().join("lake")
    }

    fn table(&self) -> PathBuf {
        self.lake().join("main/t")
    }

    fn export(&self, more: &[&str]) -> Output {
        Run::new(["export", "--source", &self.source, "--output-dir"]).args([self.lake()]).args(more).output()
    }

    /// Everything that is tried on a lake with something strange in it.
    fn tried(&self, what: &str) {
        let begun = Instant::now();
        for more in [&[][..], &["--if-exists", "append"], &["--if-exists", "error"], &["--generate-metadata"]]
        {
            self.export(more).no_panic();
            self.assert_untouched(&format!("{what}, export {more:?}"));
        }
        for command in ["verify", "check"] {
            let run = match command {
                "verify" => Run::new(["verify", "--read-data"]).args([self.lake()]),
                _ => Run::new(["check", "--source", &self.source, "--output-dir"]).args([self.lake()]),
            };
            run.output().no_panic();
            self.assert_untouched(&format!("{what}, {command}"));
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(60), "{what}: {took:?}");
    }

    #[track_caller]
    fn assert_untouched(&self, what: &str) {
        let names = files(&self.elsewhere());
        assert_eq!(
            names,
            ["_commit.json", "_lock", "_manifest.json", "part-00000.parquet", "thesis.doc"],
            "{what}: files came or went elsewhere"
        );
        for name in names {
            let text = fs::read_to_string(self.elsewhere().join(&name)).unwrap();
            assert_eq!(text, WORDS, "{what}: {name} was changed");
        }
    }
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// An intent, or a manifest, that names `name` as a file of the table.
fn documents(scene: &Scene, name: &str) -> (String, String) {
    let mut manifest = json(&scene.table().join("_manifest.json"));
    let file = manifest["files"][0].clone();
    let intent = serde_json::json!({
        "format_version": 1, "run_id": manifest["run_id"], "uploads": [], "deletes": [name], "manifest": manifest,
    });
    let mut strange = file;
    strange["name"] = name.into();
    strange["bytes"] = WORDS.len().into();
    manifest["files"].as_array_mut().unwrap().push(strange);
    (intent.to_string(), manifest.to_string())
}

/// S3 a and b, S5: what is put into the lake, and what each of it is called.
#[test]
fn s3_nothing_strange_in_the_lake_is_followed() {
    type Put = fn(&Scene);
    fn replace(path: &Path, target: &Path) {
        let _ = fs::remove_file(path);
        symlink(target, path).unwrap();
    }
    let strange: [(&str, Put); 18] = [
        ("a lock that is a link", |s| replace(&s.table().join("_lock"), &s.elsewhere().join("thesis.doc"))),
        ("a lock that leads nowhere", |s| replace(&s.table().join("_lock"), &s.elsewhere().join("new"))),
        ("a lock that has another name", |s| {
            fs::hard_link(s.elsewhere().join("thesis.doc"), s.table().join("_lock")).unwrap();
        }),
        ("a lock that is a pipe", |s| fifo(&s.table().join("_lock"))),
        ("a lock that is a directory", |s| fs::create_dir(s.table().join("_lock")).unwrap()),
        ("a lock that is a device", |s| replace(&s.table().join("_lock"), Path::new("/dev/zero"))),
        ("a manifest that is a link", |s| {
            replace(&s.table().join("_manifest.json"), &s.elsewhere().join("_manifest.json"));
        }),
        ("a manifest that is a pipe", |s| {
            fs::remove_file(s.table().join("_manifest.json")).unwrap();
            fifo(&s.table().join("_manifest.json"));
        }),
        ("a manifest without end", |s| replace(&s.table().join("_manifest.json"), Path::new("/dev/zero"))),
        ("an intent that is a link", |s| {
            replace(&s.table().join("_commit.json"), &s.elsewhere().join("_commit.json"));
        }),
        ("an intent that is a pipe", |s| fifo(&s.table().join("_commit.json"))),
        ("a part that is a link", |s| {
            replace(&s.table().join("part-00000.parquet"), &s.elsewhere().join("part-00000.parquet"));
        }),
        ("an intent that deletes behind a link", |s| {
            symlink(s.elsewhere(), s.table().join("x=y")).unwrap();
            fs::write(s.table().join("_commit.json"), documents(s, "x=y/thesis.doc").0).unwrap();
        }),
        ("a manifest that names a file behind a link", |s| {
            symlink(s.elsewhere(), s.table().join("x=y")).unwrap();
            let manifest = documents(s, "x=y/thesis.doc").1;
            fs::write(s.table().join("_manifest.json"), manifest).unwrap();
        }),
        ("a table's directory that is a link", |s| {
            fs::remove_dir_all(s.table()).unwrap();
            symlink(s.elsewhere(), s.table()).unwrap();
        }),
        ("a schema's directory that is a link", |s| {
            fs::remove_dir_all(s.lake().join("main")).unwrap();
            fs::create_dir(s.root.path().join("other")).unwrap();
            symlink(s.elsewhere(), s.root.path().join("other/t")).unwrap();
            symlink(s.root.path().join("other"), s.lake().join("main")).unwrap();
        }),
        ("a directory of runs that is a link", |s| {
            fs::remove_dir_all(s.lake().join("_lakexpress")).unwrap();
            symlink(s.elsewhere(), s.lake().join("_lakexpress")).unwrap();
        }),
        ("an unfinished upload that is a link", |s| {
            symlink(
                s.elsewhere().join("thesis.doc"),
                s.table().join(".part-00001.parquet.0123456789abcdef.tmp"),
            )
            .unwrap();
        }),
    ];
    let count = strange.len();
    std::thread::scope(|scope| {
        let (ones, others) = strange.split_at(count / 2);
        for half in [ones, others] {
            scope.spawn(move || {
                for (what, put) in half {
                    let scene = Scene::new();
                    put(&scene);
                    scene.tried(what);
                }
            });
        }
    });
    stopped("links, pipes and devices in the lake", count);
}

/// S3: a directory that becomes a link, and a directory again, while exports run.
#[test]
fn s3_a_directory_that_is_swapped_leads_nowhere() {
    let scene = Scene::new();
    let (table, aside) = (scene.table(), scene.lake().join("main/aside"));
    let link = scene.lake().join("main/link");
    symlink(scene.elsewhere(), &link).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let _ = fs::rename(&table, &aside).and_then(|()| fs::rename(&link, &table));
                std::thread::sleep(Duration::from_micros(300));
                let _ = fs::rename(&table, &link).and_then(|()| fs::rename(&aside, &table));
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        for _ in 0..10 {
            scene.export(&[]).no_panic();
        }
        over.store(true, Ordering::Relaxed);
    });
    scene.assert_untouched("swapped");
    stopped("exports while a directory is swapped for a link", 10);
}

/// S5: a document of gigabytes, which takes no room on disk, is not read into memory.
#[test]
fn s5_a_document_of_gigabytes_is_refused() {
    for name in ["_manifest.json", "_commit.json"] {
        let scene = Scene::new();
        let file = fs::File::create(scene.table().join(name)).unwrap();
        file.set_len(6 << 30).unwrap();
        let limited = ["prlimit", "--as=4294967296", "--"];
        let args = ["export", "--source", &scene.source, "--output-dir", scene.lake().to_str().unwrap()]
            .map(str::to_owned);
        let output = Run::wrapped(&limited, args).output().no_panic();
        output.exits_one_of(&[1, 65]).says(&["larger than 1 GiB", name]);
        let args = ["verify".to_owned(), scene.lake().display().to_string()];
        Run::wrapped(&limited, args).output().no_panic().exits_one_of(&[1, 65]);
    }
    stopped("documents of gigabytes", 4);
}
