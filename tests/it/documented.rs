//! Every expression and query of the README and the pages of `docs/` is planned, or run, by the program itself.
//!
//! The shell commands of the code blocks are taken apart; the tables that they name are there, without rows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lake::Run;
use crate::server::PgServer;

/// What the examples read: TPC-H, and the shop of the README.
const TABLES: &str = "
CREATE TABLE region (r_regionkey integer PRIMARY KEY, r_name char(25), r_comment varchar(152));
CREATE TABLE nation (n_nationkey integer PRIMARY KEY, n_name char(25), n_regionkey integer, n_comment varchar(152));
CREATE TABLE supplier (s_suppkey integer PRIMARY KEY, s_name char(25), s_address varchar(40), s_nationkey integer,
  s_phone char(15), s_acctbal numeric(15,2), s_comment varchar(101));
CREATE TABLE customer (c_custkey integer PRIMARY KEY, c_name varchar(25), c_address varchar(40), c_nationkey integer,
  c_phone char(15), c_acctbal numeric(15,2), c_mktsegment char(10), c_comment varchar(117));
CREATE TABLE orders (o_orderkey bigint PRIMARY KEY, o_custkey integer, o_orderstatus char(1), o_totalprice numeric(15,2),
  o_orderdate date, o_orderpriority char(15), o_clerk char(15), o_shippriority integer, o_comment varchar(79), o_date date);
CREATE TABLE lineitem (l_orderkey bigint, l_partkey integer, l_suppkey integer, l_linenumber integer,
  l_quantity numeric(15,2), l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2),
  l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_commitdate date, l_receiptdate date,
  l_shipinstruct char(25), l_shipmode char(10), l_comment varchar(44), PRIMARY KEY (l_orderkey, l_linenumber));
CREATE TABLE customers (id integer PRIMARY KEY, name text, country text, code char(2));
";

/// Flags whose value is about a table and its columns.
const TABLE_FLAGS: &[&str] = &[
    "--where",
    "--columns",
    "--source-where",
    "--source-columns",
    "--bloom-filter",
    "--column-compression",
    "--partition-by",
    "--sort-by",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and the pages of `docs/`, with their names.
fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(root().join("docs")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.push(root().join("README.md"));
    paths.sort();
    let pages = paths.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    pages
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The code blocks of a page.
fn blocks(page: &str) -> Vec<&str> {
    let parts = page.split("\n```").collect::<Vec<_>>();
    let inside = parts.iter().skip(1).step_by(2);
    inside.map(|block| block.split_once('\n').map_or("", |(_, code)| code)).collect()
}

/// The commands of a shell text, as words: quotes, comments and lines that go on are understood.
fn commands(text: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'\n') => {
                chars.next();
            }
            '\'' | '"' => word.get_or_insert_default().extend(chars.by_ref().take_while(|next| *next != c)),
            '#' if word.is_none() => while chars.next_if(|next| *next != '\n').is_some() {},
            '\n' | '|' | ';' => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    commands.push(words);
    commands
}

/// What is to be tried of a command of this program: the arguments that carry SQL.
fn tried(words: &[String]) -> Option<(&'static str, Vec<String>)> {
    let at = words.iter().position(|word| word == "lakexpress" || word.ends_with("/lakexpress"))?;
    let words = &words[at + 1..];
    // Its conditions are about files.
    if words.first().is_some_and(|word| word == "explain-layout") {
        return None;
    }
    let of = |flags: &[&str]| -> Vec<String> {
        let pairs = words.windows(2).filter(|pair| flags.contains(&pair[0].as_str()));
        pairs.flatten().cloned().collect()
    };
    if words.first().is_none_or(|word| word != "query") {
        let flags = of(TABLE_FLAGS);
        return (!flags.is_empty()).then_some(("plan", flags));
    }
    let mut arguments = of(&["--source-sql", "--key", "--name", "--format"]);
    let sql = words
        .iter()
        .find(|word| ["SELECT ", "WITH "].iter().any(|start| word.trim_start().starts_with(start)));
    match (sql, of(&["--script"]).get(1)) {
        (Some(sql), _) if !arguments.contains(sql) => arguments.push(sql.clone()),
        (None, Some(script)) if root().join(script).exists() => {
            arguments = vec!["--script".to_owned(), root().join(script).display().to_string()];
        }
        (None, _) => return None,
        _ => {}
    }
    Some(("query", arguments))
}

#[test]
fn every_example_of_the_documentation_is_planned() {
    let server = PgServer::shared();
    let url = server.create_db("documented");
    server.sql("documented", TABLES);
    let (mut planned, mut queries, mut problems) = (0, 0, Vec::new());
    for (name, page) in pages() {
        for (command, arguments) in
            blocks(&page).iter().flat_map(|block| commands(block)).filter_map(|words| tried(&words))
        {
            let dir = tempfile::tempdir().unwrap();
            let mut run = Run::new([command, "--source", &url]).args(&arguments);
            if command == "query" {
                if !arguments.iter().any(|word| word == "arrow") {
                    run = run.args(["--output-dir".as_ref(), dir.path().as_os_str()]);
                }
                queries += 1;
            } else {
                planned += 1;
            }
            let output = run.output();
            if output.code != Some(0) {
                problems.push(format!("{name}: {command} {arguments:?}\n{output}"));
            }
        }
    }
    println!("{planned} plans and {queries} queries of the documentation");
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    assert!(planned >= 2 && queries >= 4, "{planned} plans and {queries} queries were found");
}

#[test]
fn commands_are_taken_apart_as_a_shell_does() {
    let words = |text: &str| commands(text).into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>();
    assert_eq!(
        words("a 'b c' \\\n  --d=\"e 'f'\" # g\nh | i"),
        [vec!["a", "b c", "--d=e 'f'"], vec!["h"], vec!["i"]]
    );
    let found = tried(&["x/lakexpress", "export", "--where", "t: a"].map(str::to_owned));
    assert_eq!(found, Some(("plan", vec!["--where".to_owned(), "t: a".to_owned()])));
    assert_eq!(blocks("a\n```sh\nb\n```\nc\n```\nd\n```\n"), ["b", "d"]);
}
