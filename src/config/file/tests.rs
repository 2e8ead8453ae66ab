//! Both forms, places, variables, includes.

use std::env::VarError;
use std::fs;
use std::path::Path;

use super::include::load_with;
use super::*;
use crate::error::{Code, ErrorKind};

fn environment(name: &str) -> Result<String, VarError> {
    match name {
        "DB" => Ok("shop".to_owned()),
        _ => Err(VarError::NotPresent),
    }
}

fn loaded(files: &[(&str, &str)]) -> Loaded {
    let dir = tempfile::tempdir().expect("temporary directory");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, text).expect("written");
    }
    let mut loaded = load_with(&dir.path().join(files[0].0), environment).expect("it can be read");
    for problem in &mut loaded.problems {
        problem.place.file = short(dir.path(), &problem.place.file);
        problem.message = problem.message.replace(&format!("{}/", dir.path().display()), "");
    }
    loaded
}

fn short(dir: &Path, file: &str) -> std::sync::Arc<str> {
    file.trim_start_matches(&*dir.to_string_lossy()).trim_start_matches('/').into()
}

/// The only file's keys with their lines, columns and values.
fn listed(name: &str, text: &str) -> Vec<String> {
    let loaded = loaded(&[(name, text)]);
    assert_eq!(loaded.problems, []);
    let pairs = loaded.documents[0].table.iter();
    pairs
        .map(|(key, node)| {
            format!(
                "{} {}:{} {}:{} {}",
                key.name,
                key.place.line,
                key.place.column,
                node.place.line,
                node.place.column,
                written(&node.value)
            )
        })
        .collect()
}

fn written(value: &Value) -> String {
    match value {
        Value::Nothing => "nothing".into(),
        Value::Truth(truth) => truth.to_string(),
        Value::Number(number) => format!("#{number}"),
        Value::Text(text) => format!("{:?}", text.text),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| written(&item.value)).collect::<Vec<_>>().join(" "))
        }
        Value::Table(table) => {
            let pairs = table.iter().map(|(key, node)| format!("{}={}", key.name, written(&node.value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(" "))
        }
        Value::Moment => "moment".into(),
    }
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    loaded(files).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn toml_has_places_and_values() {
    let text = "# é\nn-jobs = 1_000\nviews=true\n\"é\" =  'a'\nlist = [\"a\", 'b']\nsize = 0x10\nat = 2024-01-01\n\
                [tables.\"public.o\"]\nwhere = \"x\"\n";
    assert_eq!(
        listed("a.toml", text),
        [
            "n-jobs 2:1 2:10 #1000",
            "views 3:1 3:7 true",
            "é 4:1 4:8 \"a\"",
            "list 5:1 5:8 [\"a\" \"b\"]",
            "size 6:1 6:8 #16",
            "at 7:1 7:6 moment",
            "tables 8:2 8:2 {public.o={where=\"x\"}}",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn yaml_is_that_of_the_core_schema() {
    let text = "---\nn-jobs: 4\na: no\nb: on\nc: 1_000\nd: 0o17\ne: '4'\nf: ~\ng: true\nh: 1:30\ni: +12.5e3\nj: 2024-01-01\n\
                k: &x [a, b]\nl: *x\nm: |\n  one\n  two\nn: !!str 12\ntables:\n  public.o:\n    where: x > 1\n";
    let shown: Vec<String> = listed("a.yml", text);
    let values: Vec<&str> = shown.iter().map(|line| line.splitn(4, ' ').nth(3).unwrap_or_default()).collect();
    assert_eq!(
        values,
        [
            "#4",
            "\"no\"",
            "\"on\"",
            "\"1_000\"",
            "#15",
            "\"4\"",
            "nothing",
            "true",
            "\"1:30\"",
            "#12.5e3",
            "\"2024-01-01\"",
            "[\"a\" \"b\"]",
            "[\"a\" \"b\"]",
            "\"one\\ntwo\\n\"",
            "\"12\"",
            "{public.o={where=\"x > 1\"}}",
        ]
    );
    assert!(shown[0].starts_with("n-jobs 2:1 2:9 "), "{shown:?}");
}

#[test]
fn what_yaml_would_change_or_lose_is_a_mistake() {
    for (text, expected) in [
        ("a: 017", "a.yaml:1:4: 017 is one number in YAML 1.1 and another in YAML 1.2"),
        ("a: !x 1", "a.yaml:1:4: the tag !x has no meaning here"),
        ("<<: {a: 1}", "a.yaml:1:1: <<: merge keys are not of YAML 1.2"),
        ("a: 1\na: 2", "a.yaml:2:1: a: the key is given twice"),
        ("a: 1\n---\nb: 2", "a.yaml:2:1: a second document"),
        ("- a", "a.yaml:1:1: a list, not a table of keys"),
        ("a: [1, 2", "not YAML: "),
        ("a: *x", "not YAML: "),
    ] {
        let found = problems(&[("a.yaml", text)]);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
    let deep = format!("a: {}", "[".repeat(5000));
    assert_eq!(problems(&[("a.yaml", &deep)]).len(), 1);
    let mut laughs = String::from("a0: &a0 [1]\n");
    for i in 1..30 {
        laughs += &format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1);
    }
    let found = problems(&[("a.yaml", &laughs)]);
    assert!(found.len() == 1 && found[0].contains("too many values"), "{found:?}");
}

#[test]
fn all_mistakes_of_toml_are_found() {
    let found = problems(&[("a.toml", "a = \nb = 1\nb = 2\nc = [1\n")]);
    assert!(found.len() >= 3, "{found:?}");
    assert!(found.iter().any(|text| text.starts_with("a.toml:1:5: not TOML: ")), "{found:?}");
    assert!(found.iter().any(|text| text.starts_with("a.toml:3:1: the key is given twice")), "{found:?}");
    let twice = problems(&[("a.toml", "[tables.\"o\"]\nwhere = \"a\"\n[tables.\"o\"]\nwhere = \"b\"\n")]);
    assert!(twice[0].starts_with("a.toml:3:9: the key is given twice"), "{twice:?}");
}

#[test]
fn variables_are_replaced_and_missing_ones_said() {
    assert_eq!(
        listed("a.toml", "a = '${DB}-$env{DB}'\nb = ['${DB}']\nc = '$DB'")[0],
        "a 1:1 1:5 \"shop-shop\""
    );
    assert_eq!(
        problems(&[("a.toml", "[tables.\"o.p\"]\nwhere = ['x', '${NONE}']")]),
        [
            "a.toml:2:15: tables.\"o.p\".where[1]: environment variable NONE is not set; set it, or write the value into the file"
        ]
    );
}

#[test]
fn files_include_others() {
    let files = [
        ("a.toml", "include-files = ['x/b.yaml', 'c.toml']\na = 1"),
        ("x/b.yaml", "include_files: [d.toml]\nb: 1"),
        ("x/d.toml", "d = 1"),
        ("c.toml", "c = 1"),
    ];
    let names: Vec<String> =
        loaded(&files).documents.iter().map(|document| document.table[0].0.name.clone()).collect();
    assert_eq!(names, ["a", "c", "b", "d"]);
    let circle =
        problems(&[("a.toml", "include-files = ['b.toml']"), ("b.toml", "include-files = ['./a.toml']")]);
    assert!(
        circle.len() == 1 && circle[0].starts_with("b.toml:1:18: include-files: ./a.toml includes itself"),
        "{circle:?}"
    );
    let missing = problems(&[("a.toml", "include-files = ['b.toml', 7]\nx = 1")]);
    assert!(
        missing.iter().any(|text| text.contains("a.toml:1:18: include-files: b.toml: cannot read")),
        "{missing:?}"
    );
    assert!(missing.iter().any(|text| text.contains("a.toml:1:28: include-files: a number")), "{missing:?}");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("a.toml");
    let code = |path: &Path| {
        let error = load(path).expect_err("an error");
        assert_eq!(error.kind(), ErrorKind::Config);
        error.code()
    };
    assert_eq!(code(&path), Code::ConfigFileUnreadable);
    assert_eq!(code(&dir.path().join("a.ini")), Code::ConfigFileUnreadable);
    fs::write(&path, b"a = 1\nb = '\xff'").expect("written");
    assert_eq!(code(&path), Code::ConfigFileInvalid);
    assert!(create(&path, "", "--write").expect_err("it is there").to_string().contains("is there already"));
    assert_eq!(fs::read(&path).expect("read"), b"a = 1\nb = '\xff'");
    let new = dir.path().join("b.toml");
    create(&new, "\u{feff}a = 1\n", "--write").expect("written");
    assert_eq!(load(&new).expect("read").documents[0].table[0].0.place.column, 1);
}
