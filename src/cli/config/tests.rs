//! Each mistake of a file, precedence, what is shown, and the stored schema.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::FromArgMatches;

use super::keys::{Keys, Shape};
use super::settings::is_secret;
use super::*;
use crate::cli::args::Cli;
use crate::cli::{argv, variables};

/// A directory with files; the first one is `-c`.
struct Files {
    dir: tempfile::TempDir,
    file: PathBuf,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("written");
        }
        let file = dir.path().join(files[0].0);
        Self { dir, file }
    }

    /// What `config check` says, without the directory and warnings about its rights.
    fn problems(&self) -> Vec<String> {
        let dir = format!("{}/", self.dir.path().display());
        let found = check::problems(&self.file).expect("it can be read");
        let found = found.iter().map(|problem| problem.to_string().replace(&dir, ""));
        found.filter(|text| !text.contains("other users can change")).collect()
    }

    /// The arguments of a command with this file.
    fn filled(&self, line: &[&str]) -> Result<(Vec<String>, OfFile, clap::ArgMatches)> {
        let words = ["lakexpress"].iter().chain(line).map(OsString::from);
        let words = words.chain(["-c".into(), self.file.clone().into()]);
        let argv = argv::prepare(words);
        let matches = variables::bare_command().try_get_matches_from(&argv).expect("parses");
        let filled = filled(&argv, &matches)?.expect("a file is named");
        let matches = variables::bare_command().try_get_matches_from(&filled.argv).expect("parses again");
        let words = filled.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Ok((words, filled.of_file, matches))
    }
}

fn problems(text: &str) -> Vec<String> {
    Files::new(&[("a.toml", text)]).problems()
}

#[test]
fn every_mistake_is_found_with_its_place() {
    for (text, expected) in [
        ("n-jbos = 4", "a.toml:1:1: n-jbos: unknown key; did you mean n-jobs?"),
        ("table.x = 1", "a.toml:1:1: table: unknown key; did you mean tables?"),
        ("zzzzzzzz = 1", "a.toml:1:1: zzzzzzzz: unknown key; docs/configuration.md has the keys"),
        ("n-jobs = true", "a.toml:1:10: n-jobs: true or false, not a number"),
        ("n-jobs = 0", "a.toml:1:10: n-jobs: '0' is not taken: write a whole number of at least 1"),
        ("views = 1", "a.toml:1:9: views: a number, not true or false"),
        ("include = 7", "a.toml:1:11: include: a number, not a text or a list of texts; write it in quotes"),
        ("include = ['a', 7]", "a.toml:1:17: include[1]: a number, not a text or a list of texts"),
        (
            "include = ['a', ' ,']",
            "a.toml:1:17: include[1]: it is empty, and without it more would be exported",
        ),
        ("mask = []", "a.toml:1:8: mask: the list is empty, and without it more would be exported; give it"),
        ("mask = ''", "a.toml:1:8: mask: it is empty, and without it more would be exported"),
        ("include = []", "a.toml:1:11: include: the list is empty, and without it more would be exported"),
        ("sub-path = 2026", "a.toml:1:12: sub-path: a number, not a text; write it in quotes"),
        ("log-dir = 2026-01-01", "a.toml:1:11: log-dir: a date or time, not a text"),
        ("compression = 'zip'", "a.toml:1:15: compression: 'zip' is not taken: unknown codec; codecs: zstd"),
        ("verify = 'hsah'", "a.toml:1:10: verify: 'hsah' is none of none, count, hash; did you mean hash?"),
        ("part-bytes = '5 parsecs'", "a.toml:1:14: part-bytes: '5 parsecs' is not taken"),
        ("max-rate = -1", "a.toml:1:12: max-rate: '-1' is not taken"),
        ("n-jobs = 1\nn_jobs = 2", "a.toml:2:1: n_jobs: n-jobs is given twice, in two spellings; keep one"),
        ("n-jobs = 1\nn-jobs = 2", "a.toml:2:1: the key is given twice"),
        (
            "source = 'sqlite:a'\nsource-db-auth-id = 'x'",
            "a.toml:2:21: source-db-auth-id: source (a.toml:1:10) says the same in another way; keep one of the two keys",
        ),
        (
            "output-dir = 'a'\ntarget-storage-id = 'x'",
            "a.toml:2:21: target-storage-id: output-dir (a.toml:1:14) says the same",
        ),
        (
            "source-sql = 'SELECT 1'\nscript = 'a.sql'",
            "a.toml:2:10: script: source-sql (a.toml:1:14) says the same",
        ),
        ("source = 'nonsense'", "a.toml:1:10: source: source is not a URL"),
        (
            "source = 'oracle://h/d'",
            "a.toml:1:10: source: source has the scheme 'oracle', which no source has",
        ),
        ("where = 'x > 1'", "a.toml:1:9: where: no colon after the table in where 'x > 1'"),
        ("cast = ['a.b: text', 'a.c: int']", "a.toml:1:22: cast[1]: only text can be cast to"),
        ("sub-path = '../up'", "a.toml:1:12: sub-path: '.' or '..' in sub-path '../up'"),
        ("max-connections = 2", "a.toml:1:19: max-connections: max-connections 2 is too few"),
        ("manifest-name = 'x'", "a.toml:1:17: manifest-name: manifest-name goes with"),
        (
            "verify = 'count'\nconsistency = 'none'",
            "a.toml:2:15: consistency: verify (a.toml:1:10) compares with the source at one point in time",
        ),
        ("config = 'b.toml'", "a.toml:1:1: config: unknown key"),
        (
            "source = '${NO_SUCH_VARIABLE_HERE}'",
            "a.toml:1:10: source: environment variable NO_SUCH_VARIABLE_HERE is not set",
        ),
        (
            "include-files = ['b.toml']",
            "a.toml:1:18: include-files: b.toml: cannot read the configuration file",
        ),
        ("include-files = ['a.toml']", "a.toml:1:18: include-files: a.toml includes itself"),
        ("include-files = 'b.toml'", "a.toml:1:17: include-files: a text, not a list of file names"),
        (
            "method = 'Ctid'",
            "a.toml:1:1: method: the key is one of a pattern; write it below [tables.\"schema.table\"]",
        ),
        ("n-jobs = 1\nretries", "a.toml:2:8: not TOML"),
        ("tables = 7", "a.toml:1:10: tables: a number, not tables by pattern"),
    ] {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text}\n{expected}\n{found:#?}");
    }
    // Nothing is left out: without it no more would be exported.
    assert!(problems("exclude = []").is_empty());
}

#[test]
fn every_mistake_of_a_section_is_found_with_its_place() {
    for (text, expected) in [
        ("wehre = 'a'", "a.toml:2:1: tables.\"s.o\".wehre: unknown key; did you mean where?"),
        (
            "zzzzzzzzz = 'a'",
            "a.toml:2:1: tables.\"s.o\".zzzzzzzzz: unknown key; keys of a pattern: where, columns",
        ),
        (
            "n-jobs = 3",
            "a.toml:2:1: tables.\"s.o\".n-jobs: a setting of all tables, not of a pattern; write it above the first [tables....]",
        ),
        ("where = 7", "a.toml:2:9: tables.\"s.o\".where: a number, not a text"),
        ("where = ''", "a.toml:2:9: tables.\"s.o\".where: the text is empty"),
        ("where = ['a', 'b']", "a.toml:2:9: tables.\"s.o\".where: a list, not a text"),
        ("columns = ['a', 7]", "a.toml:2:17: tables.\"s.o\".columns[1]: a number, not a text"),
        ("columns = []", "a.toml:2:11: tables.\"s.o\".columns: the list is empty"),
        ("cast = 'text'", "a.toml:2:8: tables.\"s.o\".cast: a text, not a table of columns"),
        ("cast = { a = 7 }", "a.toml:2:14: tables.\"s.o\".cast.a: a number, not a text"),
        ("cast = { a = 'int' }", "a.toml:2:14: tables.\"s.o\".cast.a: only text can be cast to"),
        (
            "method = 'Ntlie'",
            "a.toml:2:10: tables.\"s.o\".method: unknown method 'Ntlie'; did you mean Ntile?",
        ),
        ("readers = 'x'", "a.toml:2:11: tables.\"s.o\".readers: not a positive number"),
        ("readers = 0", "a.toml:2:11: tables.\"s.o\".readers: not a positive number"),
        ("key = 'a;b'", "a.toml:2:7: tables.\"s.o\".key: "),
        (
            "source_where = 'a'\nsource-where = 'b'",
            "a.toml:3:1: tables.\"s.o\".source-where: source-where is given twice",
        ),
        ("where = 'a'\n[tables.'s.o']", "a.toml:3:"),
    ] {
        let found = problems(&format!("[tables.\"s.o\"]\n{text}"));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text}\n{expected}\n{found:#?}");
    }
    for (text, expected) in [
        (
            "[tables.s.o]\nwhere = 'a'",
            "a.toml:1:11: tables.s.o: unknown key; a pattern with a dot stands in quotes: [tables.\"s.o\"]",
        ),
        ("[tables.'a:b']", "a.toml:1:9: tables.\"a:b\": a pattern with a colon cannot be given"),
        ("[tables.' a']", "a.toml:1:9: tables.\" a\": the pattern is empty, or has blanks"),
        ("[tables]\na = 7", "a.toml:2:5: tables.a: a number, not a table of keys"),
        (
            "where = ['o: a > 1']\n[tables.o]\nwhere = 'b > 1'",
            "a.toml:3:9: tables.o.where: the pattern 'o' has a where already (a.toml:1:10)",
        ),
    ] {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text}\n{expected}\n{found:#?}");
    }
}

#[test]
fn all_mistakes_are_said_at_once() {
    let found = problems("n-jobs = 'x'\nverify = 'y'\nzzzzzzzz = 1\n[tables.o]\nwehre = 'a'\ncolumns = 7\n");
    let lines: Vec<&str> = found.iter().map(|text| &text[..9]).collect();
    assert_eq!(lines, ["a.toml:1:", "a.toml:2:", "a.toml:3:", "a.toml:5:", "a.toml:6:"], "{found:#?}");
    let files = Files::new(&[("a.toml", "n-jobs = 'x'\nverify = 'y'")]);
    let error = files.filled(&["export"]).expect_err("it is refused");
    assert_eq!(error.kind().exit_code(), 78);
    for part in ["2 mistakes", "a.toml:1:10: n-jobs: 'x'", "a.toml:2:10: verify: 'y'"] {
        assert!(error.to_string().contains(part), "{part} in {error}");
    }
}

#[test]
fn yaml_says_the_same() {
    let text =
        "n-jobs: no\nviews: yes\ninclude:\n  - a\n  - b\nverify:\ntables:\n  s.o:\n    wehre: x\n  s.p:\n";
    let found = Files::new(&[("a.yaml", text)]).problems();
    for expected in [
        "a.yaml:1:9: n-jobs: 'no' is not taken",
        "a.yaml:2:8: views: a text, not true or false; YAML 1.2 reads yes, no, on and off as texts: write true or false",
        "verify: nothing, not a text; give it a value, or leave the key out",
        "a.yaml:9:5: tables.\"s.o\".wehre: unknown key; did you mean where?",
    ] {
        assert!(found.iter().any(|text| text.contains(expected)), "{expected} in {found:#?}");
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn masks_that_another_file_replaces_are_warned_of() {
    let files = Files::new(&[
        ("a.toml", "include-files = ['b.toml']\nmask = ['p.email: hmac']\nwhere = 'a = 1'"),
        ("b.toml", "mask = ['p.name: null']\nwhere = 'b = 1'"),
    ]);
    let (words, of_file, _) = files.filled(&["export", "--mask", "x.y: null"]).expect("filled");
    assert!(!words.join(" ").contains("email"), "{words:?}");
    let said = |texts: &[String], words: [&str; 2]| {
        texts.iter().any(|text| words.iter().all(|word| text.contains(word)))
    };
    assert!(said(&of_file.warnings, ["b.toml:1:9", "masks of an included file are replaced"]), "{of_file:?}");
    assert!(said(&of_file.warnings, ["a.toml:2:9", "--mask or its variable replaces"]), "{of_file:?}");
    assert!(said(&of_file.notes, ["where", "b.toml:2:9"]), "{of_file:?}");
}

#[test]
fn passwords_in_the_file_are_warned_of_and_never_shown() {
    for (text, is_secret) in [
        ("source = 'postgres://u:pa55word@h/d'", true),
        ("source = 'postgres://u@h/d?password=pa55word'", true),
        ("notify = 'https://hooks.example.com/services/pa55wordpa55wordpa55'", true),
        ("source = 'postgres://u@h/d'", false),
        ("notify = 'hook_1'", false),
    ] {
        let found = problems(text);
        let warned =
            found.iter().any(|text| text.contains("warning: ") && text.contains("stands in the file"));
        assert_eq!((found.len(), warned), (usize::from(is_secret), is_secret), "{text}: {found:?}");
        assert!(!found.concat().contains("pa55word"), "{found:?}");
    }
    let keys = Keys::new();
    let key = keys.find("source").expect("a key");
    let of_file = |written: &str| is_secret(key, "postgres://u:pa55word@h/d", written);
    assert!(of_file("postgres://u:pa55word@${HOST}/d") && of_file("postgres://${USER}:pa55word@h/d"));
    assert!(!of_file("postgres://u:${SECRET}@h/d") && !of_file("${URL}"));
    let text = "source = 'oracle://u:pa55word@h/d'\nverify = 'x://u:pa55word@h'\nn-jobs = 'y://u:pa55word@h'";
    assert!(!problems(text).concat().contains("pa55word"));
    let files =
        Files::new(&[("a.toml", "source = 'postgres://u:pa55word@h/d'\nnotify = 'https://h/pa55word'")]);
    let (_, of_file, matches) = files.filled(&["config", "show"]).expect("filled");
    let shown = format!("{:?} {of_file:?}", effect::in_effect(&matches, &of_file));
    assert!(!shown.contains("pa55word"), "{shown}");
}

#[test]
fn a_file_becomes_flags_that_stand_below_those_given() {
    let text = "n_jobs = 3\nexclude = ['x', 'y']\nviews = false\nparallel = -4\nsource = 'sqlite:a.db'\noutput-dir = './lake'\n\
                format = 'arrow'\n[tables.'s.o']\nwhere = 'a = 1'\ncolumns = ['a', 'b']\ncast = { total = 'text' }\n\
                method = 'Ntile'\nkey = 'id'\nreaders = 2\n[tables.p]\n";
    let files = Files::new(&[("a.toml", text)]);
    let (words, of_file, _) = files.filled(&["export", "-e", "z"]).expect("filled");
    assert_eq!(
        words[2..],
        [
            "--cast=s.o.total: text",
            "--columns=s.o: a, b",
            "--format=arrow",
            "--n-jobs=3",
            "--output-dir=./lake",
            "--parallel=-4",
            "--source=sqlite:a.db",
            "--table-config=s.o:Ntile:id:2",
            "--where=s.o: a = 1",
            "-e",
            "z",
            "-c",
            &files.file.to_string_lossy(),
        ]
    );
    assert!(of_file.notes.concat().contains("--exclude"), "{:?}", of_file.notes);
    // What says the same in another way gives way too.
    let (words, ..) = files.filled(&["export", "-a", "f", "--source-db-auth-id", "x"]).expect("filled");
    assert!(!words.concat().contains("--source="), "{words:?}");
    let (words, ..) = files.filled(&["inspect"]).expect("filled");
    assert!(
        words.concat().contains("--source=sqlite:a.db") && !words.concat().contains("--where"),
        "{words:?}"
    );
    let (words, ..) = files.filled(&["query", "SELECT 1"]).expect("filled");
    assert!(words.contains(&"--format=arrow".to_owned()), "{words:?}");
}

#[test]
fn an_including_file_stands_above_and_sections_are_joined() {
    let files = Files::new(&[
        (
            "a.toml",
            "include-files = ['b.toml', 'c.toml']\nn-jobs = 1\nsource-db-auth-id = 'x'\n[tables.o]\nwhere = 'a'",
        ),
        ("b.toml", "retries = 1\nverify = 'count'\nexclude = ['b']"),
        (
            "c.toml",
            "n-jobs = 2\nretries = 2\nsource = 'sqlite:x'\n[tables.o]\nwhere = 'c'\ncolumns = 'd'\n[tables.p]\nwhere = 'e'",
        ),
    ]);
    let (words, ..) = files.filled(&["export"]).expect("filled");
    assert_eq!(
        words[2..10],
        [
            "--columns=o: d",
            "--exclude=b",
            "--n-jobs=1",
            "--retries=2",
            "--source-db-auth-id=x",
            "--verify=count",
            "--where=o: a",
            "--where=p: e",
        ]
    );
}

#[test]
fn what_is_wrong_with_values_of_the_file_names_their_places() {
    let files = Files::new(&[(
        "a.toml",
        "source = 'sqlite:a.db'\noutput-dir = './x'\nmax-connections = 2\n[tables.'s.o']\nwhere = 'a'\n[tables.'s.p']\nwhere = 'b'",
    )]);
    let (words, of_file, matches) = files.filled(&["export", "--sub-path", "../up"]).expect("filled");
    let cli = Cli::from_arg_matches(&matches).expect("arguments");
    let Command::Export(args) = cli.command else { panic!("an export") };
    let error = crate::cli::resolve::export(&args).err().expect("problems").to_string();
    let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
    let named = variables::Variables::default().and(of_file, &argv);
    let said = named.named_in(&error);
    assert!(said.contains("max-connections (") && said.contains("a.toml:3:19) 2 is too few"), "{said}");
    assert!(said.contains("--sub-path '../up'"), "{said}");
    let said = named.named_in("--where 's.p' matches no table");
    assert!(said.contains("tables.\"s.p\".where (") && said.contains("a.toml:7:9)"), "{said}");
    let said = named.named_in("a column of --where");
    assert!(said.contains("a.toml:5:9, ") && said.contains("a.toml:7:9)"), "{said}");
}

#[test]
fn a_stream_and_a_resumed_run_know_what_comes_from_the_file() {
    let files = Files::new(&[("a.toml", "n-jobs = 3\ncompression = 'lz4'")]);
    for (line, expected) in [
        (["query", "SELECT 1"].as_slice(), [""; 0].as_slice()),
        (&["resume", "some_run"], &["compression", "n-jobs"]),
    ] {
        let (_, of_file, matches) = files.filled(line).expect("filled");
        let mut cli = Cli::from_arg_matches(&matches).expect("arguments");
        cli.command.take_note(&matches, &|long| of_file.has(long));
        let given = match &cli.command {
            Command::Query(args) => &args.given,
            Command::Resume(args) => &args.export.given,
            other => panic!("{other:?}"),
        };
        let mut given: Vec<&str> =
            given.iter().map(String::as_str).filter(|flag| *flag != "config").collect();
        given.sort_unstable();
        assert_eq!(given, expected, "{line:?}");
    }
}

#[test]
fn what_is_in_effect_has_its_origin() {
    let files =
        Files::new(&[("a.toml", "n-jobs = 3\nviews = false\nexclude = ['x', 'y']\npart-bytes = '5MiB'")]);
    let (_, of_file, matches) = files.filled(&["config", "show", "--retries", "9"]).expect("filled");
    let shown = effect::in_effect(&matches, &of_file);
    let line = |key: &str| {
        let mine = shown.iter().filter(|setting| setting.key == key);
        mine.map(|setting| format!("{:?} {:?}", setting.value, setting.origin)).collect::<Vec<_>>().join("; ")
    };
    assert!(
        line("n-jobs").starts_with("Number(\"3\") File(") && line("n-jobs").contains("line: 1, column: 10")
    );
    assert!(line("views").starts_with("Truth(false) File("), "{}", line("views"));
    assert_eq!(line("exclude").matches("File(").count(), 2);
    assert!(line("part-bytes").starts_with("Text(\"5MiB\")"));
    assert_eq!(line("retries"), "Number(\"9\") Flag");
    assert_eq!(line("max-connections"), "Number(\"8\") Default");
    assert_eq!(line("generate-metadata"), "Truth(false) Default");
    assert_eq!(line("source"), "");
}

#[test]
fn flags_of_tables_are_known_by_the_names_of_their_values() {
    let keys = Keys::new();
    let shape = |name: &str| keys.find(name).expect(name).shape;
    for name in ["where", "source-where"] {
        assert_eq!(shape(name), Some(Shape::Condition), "{name}");
    }
    for name in ["columns", "source-columns", "source_columns"] {
        assert_eq!(shape(name), Some(Shape::Items), "{name}");
    }
    assert_eq!(shape("cast"), Some(Shape::Columns));
    for name in ["table-config", "include", "compression", "auth_file", "fastbcp_p"] {
        assert_eq!(shape(name), None, "{name}");
    }
    // Every flag of a table is one of all tables too.
    for key in keys.iter().filter(|key| key.shape.is_some()) {
        assert!(key.commands.contains(&"export"), "{}", key.name);
    }
}

const STALE: &str = "LAKEXPRESS_UPDATE=1 cargo test --lib cli::config writes it";

#[test]
fn the_stored_schema_is_that_of_the_grammar() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas/config.schema.json");
    let text = schema::text().expect("a schema");
    if std::env::var_os("LAKEXPRESS_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &text).expect("written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{} is stale: {STALE}", path.display());
}

/// A key that is no flag, or a flag that the page forgets, is found here.
#[test]
fn the_page_names_the_keys_of_sections() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(path).expect("the page");
    for name in Keys::new().of_sections() {
        assert!(page.contains(&format!("`{name}`")), "docs/configuration.md does not name {name}");
    }
}
