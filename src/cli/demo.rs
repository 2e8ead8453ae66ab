//! `lakexpress demo`: a database out of nothing, exported, and a question to the files.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use url::Url;

use super::again::Again;
use super::args::DemoArgs;
use super::export::{Ended, STOPPED, Watched, watch};
use super::{Seen, resolve, tell};
use crate::blocking::blocking;
use crate::catalog::TableFilter;
use crate::clock;
use crate::demo::{self, Answer};
use crate::destination::schemes;
use crate::error::{Code, Error, Result};
use crate::report;
use crate::report::text::{count, duration};
use crate::run::{self, RunSummary, Services};
use crate::runlog::{self, RunStatus};
use crate::spec::{Misread, TypePolicy, misread};

/// Schema of a SQLite file's own tables.
const SCHEMA: &str = "main";
/// Rows of the answer that are shown.
const SHOWN: usize = 10;
/// Where the alignment of a column ends.
const WIDEST: usize = 1000;

/// Makes the demo. Code 1 when a table could not be exported.
pub(super) async fn run(args: &DemoArgs, seen: &Seen<'_>) -> Result<u8> {
    let begun = clock::Stopwatch::start();
    if args.dir.to_string_lossy().contains("://") {
        return Err(Error::usage("--dir is a URL")
            .coded(Code::Demo)
            .hint("the demo goes to a directory of this machine"));
    }
    if let Some(Misread { what, remedy }) = misread(&args.dir.to_string_lossy(), schemes()) {
        return Err(Error::usage(format!("--dir {what}")).coded(Code::Demo).hint(remedy));
    }
    let dir = demo::make_dir(&args.dir)?;
    let (database, lake) = (dir.join("tpch.sqlite"), dir.join("lake"));
    tracing::info!("writing TPC-H at scale factor {} to {}", args.scale, database.display());
    let (path, scale) = (database.clone(), args.scale);
    let rows = blocking(move || demo::make_database(&path, scale)).await?;
    let url = sqlite_url(&database)?;
    let opened = resolve::Opened {
        source: resolve::open_url(&url, &TypePolicy::default())?,
        destination: resolve::open_destination(&lake.display().to_string())?,
        // Of its own, so that the demo touches nothing outside its directory.
        runlog: runlog::open_file(&dir.join("runlog.sqlite")),
    };
    let spec = resolve::plain_spec(TableFilter::default());
    let watched = Watched { opened, what: "the demo", run_id: None, again: Again::default() };
    let ended = watch(watched, seen, async |run_id: &str, services: &Services| {
        Box::pin(run::run(&spec, run_id, services)).await
    });
    let summary = match Box::pin(ended).await? {
        Ended::Done(summary) => summary,
        Ended::Stopped => return Ok(STOPPED),
    };
    if summary.status != RunStatus::Completed {
        let again = Again::default().lines(&summary.run_id);
        tell(&report::text::summary(&summary, &again), || report::text::outcome(&summary));
        return Ok(1);
    }
    let answer = Box::pin(demo::ask(&lake.join(SCHEMA), demo::QUESTION)).await?;
    let done = || format!("the demo is complete in {}", dir.display());
    if args.output.json {
        let document = json!({
            "source": url.as_str(), "rows": rows, "run": &*summary,
            "question": demo::QUESTION, "answer": answer, "seconds": begun.seconds(),
        });
        let text = serde_json::to_string_pretty(&document);
        tell(&text.map_err(|error| Error::internal("cannot write JSON").caused_by(error))?, done);
    } else if !args.output.quiet {
        tell(&told(&args.dir, &url, &summary, &answer, (rows, begun.seconds())), done);
    }
    Ok(0)
}

fn sqlite_url(path: &Path) -> Result<Url> {
    let wrong = || {
        Error::usage("the directory's path cannot be written as a URL")
            .coded(Code::Demo)
            .with("path", path.display())
    };
    // Encodes what a URL may not hold.
    let file = Url::from_file_path(path).map_err(|()| wrong())?;
    Url::parse(&format!("sqlite://{}", file.path())).map_err(|error| wrong().caused_by(error))
}

fn told(dir: &Path, url: &Url, summary: &RunSummary, answer: &Answer, (rows, seconds): (u64, f64)) -> String {
    let mut out = report::text::summary(summary, &Again::default().lines(&summary.run_id));
    let _ = write!(out, "\nasked of the Parquet files:\n\n{}\n", indented(demo::QUESTION));
    out.push_str(&table(answer));
    if answer.rows.len() > SHOWN {
        let _ = writeln!(out, "  ... {} more", answer.rows.len() - SHOWN);
    }
    let (dir, program) = (dir.display(), program());
    let _ = writeln!(out, "\n{} rows made, exported and queried in {}\n", count(rows), duration(seconds));
    let _ = writeln!(out, "what lies where");
    for (path, what) in [
        ("tpch.sqlite", "the database, made with tpchgen"),
        ("lake/main/<table>/part-*.parquet", "the export, one directory per table"),
        ("lake/main/<table>/_manifest.json", "what was committed: files, rows, types, snapshot"),
        ("lake/_lakexpress/<run>.json", "the whole run"),
        ("runlog.sqlite", "the run log of this demo"),
    ] {
        let _ = writeln!(out, "  {:<60} {what}", format!("{dir}/{path}"));
    }
    let _ = write!(
        out,
        "\ngo on with\n  {program} inspect --source {url}\n  {program} plan --source {url} --where \"orders: o_orderdate >= DATE '1998-01-01'\"\n  {program} query --source {url} --output-dir {dir}/lake --name segments \\\n    \"SELECT c_mktsegment, count(*) AS customers FROM customer GROUP BY c_mktsegment\"\n  {program} export --source postgres://user@host/database --output-dir ./lake\n"
    );
    out
}

/// The program as it was called, so that the commands can be copied.
fn program() -> String {
    let called = std::env::args_os().next().map(|name| name.to_string_lossy().into_owned());
    called.filter(|name| !name.is_empty()).unwrap_or_else(|| "lakexpress".to_owned())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The first rows; numbers to the right.
fn table(answer: &Answer) -> String {
    let rows = &answer.rows[..answer.rows.len().min(SHOWN)];
    let widths: Vec<usize> = answer
        .columns
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let cells = rows.iter().map(|row| row[i].chars().count());
            cells.chain([name.chars().count()]).max().unwrap_or(0).min(WIDEST)
        })
        .collect();
    let numeric = |i: usize| rows.iter().all(|row| row[i].parse::<f64>().is_ok());
    let mut out = String::new();
    for row in std::iter::once(&answer.columns).chain(rows) {
        let cells = row.iter().enumerate().map(|(i, cell)| {
            let width = widths[i];
            if numeric(i) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "  {}", line.trim_end());
    }
    out
}
