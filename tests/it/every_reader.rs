//! Files by the programs that read them: what `--readers any` writes is opened by all, and of what `modern` writes, each
//! takes what the table in `src/readers` says.
//!
//! `make verify-readers` asks all of them about all files; the test that always runs asks five.

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::scope;

use lakexpress::readers::{Feature, Reader, Takes, takes};
use serde_json::Value;

use self::tables::{Wanted, export_all};
use crate::lake::{python, script};

/// A program, and the Python that runs it.
struct Program {
    reader: Reader,
    /// As the output calls it.
    title: &'static str,
    /// Whether it is in the environment of `scripts/install-readers.sh`.
    in_second: bool,
}

const fn program(reader: Reader, title: &'static str, in_second: bool) -> Program {
    Program { reader, title, in_second }
}

/// Those of every test run.
const FEW: &[Program] = &[
    program(Reader::Spark, "Spark 3.5", false),
    program(Reader::PyArrow, "pyarrow", false),
    program(Reader::DuckDb, "DuckDB", false),
    program(Reader::Polars, "Polars", false),
    program(Reader::ClickHouse, "ClickHouse", false),
];

/// The others.
const MORE: &[Program] = &[
    program(Reader::Spark, "Spark 4", true),
    program(Reader::Daft, "Daft", true),
    program(Reader::DataFusion, "DataFusion", true),
    program(Reader::FastParquet, "fastparquet", true),
    program(Reader::HyParquet, "hyparquet", false),
];

/// Traits that are no features of `src/readers`, because one program is wrong about them: of a column with the trait, it
/// gives other values.
const FINER: &[(Reader, &str)] = &[
    // Its dates are nanoseconds.
    (Reader::FastParquet, "DatesBeyondNanoseconds"),
    // NULL, where they are PLAIN and the file has one row group; of files that pyarrow writes, too.
    (Reader::FastParquet, "TextLists"),
];

/// Other words of a refusal than those of the table, from another version or another place of the program.
const SAYS_ALSO: &[(&str, Feature, &str)] = &[
    ("Spark 4", Feature::Time, "The data type TIME is not supported"),
    ("Spark 3.5", Feature::NamesAlike, "Found duplicate field(s)"),
    ("Spark 4", Feature::NamesAlike, "Found duplicate field(s)"),
    ("Polars", Feature::WideDecimal, "*precision <= 38"),
    // JSON that is an array, a number or null, or has a key twice; other objects are read.
    ("ClickHouse", Feature::Json, "Cannot read JSON object"),
    ("ClickHouse", Feature::Json, "Duplicate path found during parsing JSON object"),
];

/// What a program takes in spite of the table, which is about the oldest version of it.
const TAKES_ALSO: &[(&str, Feature)] = &[("Spark 4", Feature::OldTimes)];

/// What `title` does with a trait of a column.
fn does(program: &Program, name: &str) -> Takes {
    if FINER.iter().any(|(_, finer)| *finer == name) {
        let minds = FINER.contains(&(program.reader, name));
        return if minds { Takes::Misreads("other values") } else { Takes::Yes };
    }
    let feature = feature(name);
    if TAKES_ALSO.contains(&(program.title, feature)) { Takes::Yes } else { takes(program.reader, feature) }
}

fn feature(name: &str) -> Feature {
    let found = Feature::ALL.into_iter().find(|feature| format!("{feature:?}") == name);
    found.unwrap_or_else(|| panic!("{name} is a trait of describe_files.py, but no feature"))
}

/// Whether a program says what the table says that it says; numbers are those of the column.
fn says(program: &Program, name: &str, takes: Takes, message: &str) -> bool {
    let without_digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    let others = SAYS_ALSO.iter().filter(|(title, _, _)| *title == program.title);
    let others = others.filter(|(_, feature, _)| format!("{feature:?}") == name).map(|(_, _, says)| *says);
    let words = if let Takes::Refuses(words) = takes { Some(words) } else { None };
    others.chain(words).any(|words| without_digits(message).contains(&without_digits(words)))
}

/// What became of the columns of all tables in one program.
#[derive(Default)]
struct Verdict {
    equal: usize,
    /// What was said of the table's lines that are not [`Takes::Yes`], by the traits of the columns.
    seen: BTreeSet<String>,
    problems: Vec<String>,
    version: String,
    seconds: f64,
}

/// Compares what a program did with a column with the table.
fn judge_column(program: &Program, line: &Value, verdict: &mut Verdict) {
    let traits: Vec<&str> = line["traits"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    let minded: Vec<(&str, Takes)> = traits
        .iter()
        .map(|name| (*name, does(program, name)))
        .filter(|(_, takes)| *takes != Takes::Yes)
        .collect();
    let message = line["says"].as_str().unwrap_or_default();
    let table = line["table"].as_str().unwrap();
    if table.starts_with("any/") || table.starts_with(&format!("{}/", program.reader.name())) {
        let avoidable = HAVE_A_FORM.iter().map(|feature| format!("{feature:?}"));
        let avoidable: Vec<String> =
            avoidable.filter(|name| minded.iter().any(|(one, _)| one == name)).collect();
        assert!(avoidable.is_empty(), "{}: {table} {} has {avoidable:?}", program.title, line["column"]);
    }
    let fair = match line["is"].as_str().unwrap() {
        "equal" => {
            verdict.equal += 1;
            // Other values need not be there in every column that may have them.
            !minded.iter().any(|(_, takes)| matches!(takes, Takes::Refuses(_)))
        }
        "refused" => {
            let said = minded.iter().filter(|(name, takes)| says(program, name, *takes, message));
            let said: Vec<&str> = said.map(|(name, _)| *name).collect();
            verdict.seen.extend(said.iter().map(|name| (*name).to_owned()));
            !said.is_empty()
        }
        _ => {
            let misread = minded.iter().filter(|(_, takes)| matches!(takes, Takes::Misreads(_)));
            let misread: Vec<String> = misread.map(|(name, _)| (*name).to_owned()).collect();
            let fair = !misread.is_empty();
            verdict.seen.extend(misread);
            fair
        }
    };
    if !fair {
        let message: String = message.chars().take(300).collect();
        verdict.problems.push(format!(
            "{}: {} {:?} is {}: {message}; it has {traits:?}, of which the table knows {minded:?}",
            program.title, line["table"], line["column"], line["is"]
        ));
    }
}

/// What another form or encoding serves: a file that was written for one reader has nothing of these that it minds.
const HAVE_A_FORM: &[Feature] = &[
    Feature::Uuid,
    Feature::Time,
    Feature::WideDecimal,
    Feature::Json,
    Feature::DeltaIntegers,
    Feature::DeltaBytes,
];

/// Runs one program over all tables.
fn ask(program: &Program, description: &Path) -> Verdict {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/open_files.py");
    let runs = if program.in_second { second_python() } else { python() };
    let output = Command::new(runs).arg(here).arg(program.reader.name()).arg(description).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {stdout}\n{stderr}", program.title);
    let mut verdict = Verdict::default();
    let mut minds_file: BTreeMap<String, bool> = BTreeMap::new();
    let mut files: Vec<Value> = Vec::new();
    for line in stdout.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}: {line}", program.title));
        if line.get("file").is_some() {
            verdict.seconds += line["seconds"].as_f64().unwrap();
            line["version"].as_str().unwrap().clone_into(&mut verdict.version);
            let right = verdict.version.to_lowercase().starts_with(&program.title.to_lowercase());
            assert!(right, "{} is asked for {}", verdict.version, program.title);
            files.push(line);
            continue;
        }
        let refused = line["is"] == "refused";
        *minds_file.entry(line["table"].as_str().unwrap().to_owned()).or_default() |= refused;
        judge_column(program, &line, &mut verdict);
    }
    for line in files {
        // Each column alone, but not all together: there is no line about that.
        let refused = line["file"] != "equal";
        if refused && !minds_file[line["table"].as_str().unwrap()] {
            verdict
                .problems
                .push(format!("{}: {} as a whole: {}", program.title, line["table"], line["file"]));
        }
    }
    verdict
}

/// The Python of `scripts/install-readers.sh`.
fn second_python() -> PathBuf {
    let venv = std::env::var_os("LAKEXPRESS_READERS_VENV").map_or_else(
        || {
            PathBuf::from(std::env::var_os("HOME").expect("HOME is set"))
                .join(".cache/lakexpress-readers-venv")
        },
        PathBuf::from,
    );
    let python = venv.join("bin/python");
    assert!(python.exists(), "{} is missing: run scripts/install-readers.sh", python.display());
    python
}

/// Asks `programs` about all tables, Spark at the same time as the others, and returns what each reader was seen to mind.
fn ask_all(programs: &[&Program], long: bool, dir: &Path) -> BTreeMap<Reader, BTreeSet<String>> {
    let tables = export_all(dir, &programs.iter().map(|program| program.reader).collect(), long);
    let wanted = dir.join("wanted.json");
    let list: Vec<Value> = tables.iter().map(Wanted::to_json).collect();
    std::fs::write(&wanted, serde_json::to_vec(&list).unwrap()).unwrap();
    let description = dir.join("description.json");
    std::fs::write(&description, script("describe_files.py", [&wanted]).ok().stdout).unwrap();
    let (sparks, others): (Vec<&Program>, Vec<&Program>) =
        programs.iter().partition(|program| program.reader == Reader::Spark);
    let ask_these = |programs: &[&Program]| -> Vec<(Reader, Verdict)> {
        programs.iter().map(|program| (program.reader, ask(program, &description))).collect()
    };
    let (of_spark, verdicts) = scope(|scope| {
        let of_spark = scope.spawn(|| ask_these(&sparks));
        let verdicts = ask_these(&others);
        (of_spark.join().unwrap(), verdicts)
    });
    let (mut problems, mut seen) = (Vec::new(), BTreeMap::<Reader, BTreeSet<String>>::new());
    for (reader, verdict) in of_spark.into_iter().chain(verdicts) {
        let (equal, minds) = (verdict.equal, &verdict.seen);
        println!(
            "readers: {}: {equal} columns of {} tables equal, minds {minds:?}, {:.1} s",
            verdict.version,
            tables.len(),
            verdict.seconds
        );
        problems.extend(verdict.problems);
        seen.entry(reader).or_default().extend(verdict.seen);
    }
    assert!(problems.is_empty(), "{} unlike the table:\n{}", problems.len(), problems.join("\n"));
    seen
}

#[test]
fn every_reader_is_asked_by_a_program() {
    let asked: BTreeSet<Reader> = FEW.iter().chain(MORE).map(|program| program.reader).collect();
    assert_eq!(asked, Reader::ALL.into_iter().collect());
}

#[test]
fn what_any_writes_is_read_by_five_readers_and_what_modern_writes_as_the_table_says() {
    let dir = tempfile::tempdir().unwrap();
    let programs: Vec<&Program> = FEW.iter().collect();
    ask_all(&programs, false, dir.path());
}

#[test]
#[ignore = "minutes, and readers of scripts/install-readers.sh: make verify-readers"]
fn every_reader_does_what_the_table_says() {
    let dir = tempfile::tempdir().unwrap();
    let programs: Vec<&Program> = FEW.iter().chain(MORE).collect();
    let seen = ask_all(&programs, true, dir.path());
    // And the table says nothing that nobody has seen.
    for reader in Reader::ALL {
        // No table has floating point of 16 bits, which only a query makes.
        let judged = Feature::ALL.into_iter().filter(|feature| *feature != Feature::HalfFloat);
        let minded = judged.filter(|feature| takes(reader, *feature) != Takes::Yes);
        let finer = FINER.iter().filter(|(minds, _)| *minds == reader).map(|(_, name)| (*name).to_owned());
        for name in minded.map(|feature| format!("{feature:?}")).chain(finer) {
            let seen = seen.get(&reader).is_some_and(|seen| seen.contains(&name));
            assert!(seen, "{reader:?} was not seen to mind {name}");
        }
    }
}
