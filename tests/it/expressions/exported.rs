//! Generated expressions end to end, as `--where` and `--columns` of real exports from PostgreSQL and SQLite. What they
//! should give is PostgreSQL's answer over the same rows, for both.
//!
//! `LAKEXPRESS_SEED` repeats a run, `LAKEXPRESS_EXPORTED_EXPRESSIONS` sets how many expressions one has.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::answers::{Answer, Theirs, ask};
use super::compare::{self, Digits, Verdict};
use super::corpus::{self, Extent, ROWS};
use super::generate::{Grammar, Random, Tree};
use super::ours::{InMemory, Ours, values};
use crate::lake::{env_number, export};
use crate::server::PgServer;

/// An expression that the plan takes, with the server's answer, which is an error in no row.
struct Chosen {
    tree: Tree,
    answer: Answer,
}

impl Chosen {
    /// Every other condition is one; what is left are columns.
    fn is_filter(&self, at: usize) -> bool {
        self.tree.kind == 'b' && at.is_multiple_of(2)
    }
}

/// Expressions that are the server's in the plan layer: what is left to show is the way from the source to the file.
fn chosen(
    server: &PgServer,
    db: &str,
    ours: &InMemory,
    extent: Extent,
    count: usize,
    random: &mut Random,
) -> Vec<Chosen> {
    let (grammar, mut found) = (Grammar::of(extent), Vec::new());
    for _ in 0..20 {
        if found.len() >= count {
            break;
        }
        let trees: Vec<Tree> = (0..count * 2).map(|_| grammar.one(random)).collect();
        let texts: Vec<String> = trees.iter().map(Tree::text).collect();
        for (tree, answer) in trees.into_iter().zip(ask(server, db, &texts)) {
            let errs = |rows: &[Theirs]| rows.iter().any(|row| matches!(row, Theirs::Error(_)));
            let is_whole = matches!(&answer, Answer::Rows { rows, .. } if !errs(rows));
            if is_whole && super::generate::judge(ours, &tree.text(), tree.kind, &answer) == Verdict::Proved {
                found.push(Chosen { tree, answer });
            }
        }
    }
    assert!(found.len() >= count, "only {} expressions are taken", found.len());
    found.truncate(count);
    found
}

/// The flags that export `x0`, `x1` and so on, each with its expression.
fn flags(schema: &str, chosen: &[Chosen]) -> Vec<String> {
    let mut flags = ["--exclude", "judge", "--readers", "modern"].map(str::to_owned).to_vec();
    for (at, one) in chosen.iter().enumerate() {
        let text = one.tree.text();
        if one.is_filter(at) {
            flags.extend(["--where".to_owned(), format!("{schema}.x{at}: {text}")]);
        } else {
            flags.extend(["--columns".to_owned(), format!("{schema}.x{at}: id, {text} AS e")]);
        }
    }
    flags
}

/// Every row's value of the last column, by id; none for a row that is not there.
fn read(dir: &Path) -> Vec<Option<Ours>> {
    let mut found = vec![None; ROWS];
    let mut files = 0;
    for file in std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())).flatten() {
        if file.path().extension().is_none_or(|ext| ext != "parquet") {
            continue;
        }
        files += 1;
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file.path()).unwrap()).unwrap();
        for batch in reader.build().unwrap() {
            let batch: RecordBatch = batch.unwrap();
            let (ids, last) = (values(batch.column(0)), values(batch.columns().last().unwrap()));
            for (id, value) in ids.iter().zip(last) {
                let Ours::Integer(_, id) = id else { panic!("{id:?} is no id") };
                found[id.parse::<usize>().unwrap() - 1] = Some(value);
            }
        }
    }
    assert!(files > 0, "no files in {}", dir.display());
    found
}

/// Exports everything, and says what differs.
fn differing(url: &str, schema: &str, chosen: &[Chosen]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let flags = flags(schema, chosen);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let output = export(url, dir.path(), &flags);
    let mut different = Vec::new();
    for (at, one) in chosen.iter().enumerate() {
        let (text, table) = (one.tree.text(), dir.path().join(schema).join(format!("x{at}")));
        let verdict = if !table.join("_manifest.json").exists() {
            let table = format!("{schema}.x{at}");
            let is_error = |line: &&str| {
                line.to_lowercase().contains("error")
                    && line.split([' ', ':', ',', ')']).any(|word| word == table)
            };
            let line = output.stderr.lines().find(is_error).unwrap_or(&output.stderr);
            match compare::is_allowed("", "", line) {
                true => Verdict::Proved,
                false => Verdict::Different(format!("not exported: {line}")),
            }
        } else if one.is_filter(at) {
            let selected = read(&table).iter().map(|row| Ours::Bool(row.is_some())).collect();
            compare::condition(&one.answer, &Ok(selected))
        } else {
            let lost = || Ours::Error("the row is not there".to_owned());
            let values = read(&table).into_iter().map(|row| row.unwrap_or_else(lost)).collect();
            compare::column(&one.answer, &Ok(values), Digits::All)
        };
        if verdict != Verdict::Proved {
            let flag = if one.is_filter(at) { "--where" } else { "--columns" };
            different.push(format!("{flag} {text}\n    {verdict:?}"));
        }
    }
    different
}

#[test]
fn exported_expressions_mean_what_postgresql_means() {
    let (server, seed) = (PgServer::shared(), super::seed());
    let count = env_number("LAKEXPRESS_EXPORTED_EXPRESSIONS", 20).div_ceil(2);
    let mut random = Random(seed);
    let url = corpus::database(server, "judge_exported", Extent::Full);
    let ours = InMemory::read(&url, &["judge"]);
    let over_postgres = chosen(server, "judge_exported", &ours, Extent::Full, count, &mut random);
    let mut copies = String::new();
    for at in 0..count {
        writeln!(copies, "CREATE TABLE x{at} AS TABLE judge;").unwrap();
    }
    server.sql("judge_exported", &copies);
    let mut different = differing(&url, "public", &over_postgres);

    corpus::database(server, "judge_small", Extent::Small);
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("judge.db");
    corpus::sqlite(&path, count);
    let url = format!("sqlite://{}", path.display());
    let ours = InMemory::read(&url, &["judge"]);
    let over_sqlite = chosen(server, "judge_small", &ours, Extent::Small, count, &mut random);
    different.extend(differing(&url, "main", &over_sqlite).into_iter().map(|text| format!("SQLite: {text}")));
    println!("{count} expressions exported from each source, {} different", different.len());
    assert!(different.is_empty(), "LAKEXPRESS_SEED={seed}:\n{}", different.join("\n"));
}
