//! Plain text for people. Every function returns whole lines, the last one ended.

use std::fmt::Write as _;

use super::words::{columns, moments, rows_all_left};
pub use super::words::{count, duration, size, things};
use crate::catalog::{SnapshotToken, SourceIdentity, TableKind, TableRef};
use crate::clock;
use crate::error::{Area, Error, Page};
use crate::manifest::{HashVerdict, ManifestColumn};
use crate::plain;
use crate::plan::TablePlan;
use crate::report::{Again, RunReport};
use crate::run::{Checked, MetadataOutcome, RunPlan, RunSummary, TableOutcome};
use crate::runlog::RunRecord;
use crate::spec::{Verify, layout};

pub use super::published::published;
use super::run::text::held;
pub use super::skipped::skipped;
pub use super::verified::verified;

/// `3 of 4 tables`.
pub(super) fn tables_of(number: usize, all: usize) -> String {
    format!("{number} of {}", things(all as u64, "table"))
}

/// One line per thing that was tried; below a failure its cause and what to do.
pub fn checked(checked: &[Checked]) -> String {
    let width = checked.iter().map(|c| c.check.what.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for Checked { area, check } in checked {
        let (word, found, hints) = match &check.outcome {
            Ok(found) => {
                (if check.is_warning() { "warn" } else { "ok" }, plain::line(found).into_owned(), &[][..])
            }
            Err(error) => {
                let word = if check.warning().is_some() { "warn" } else { "FAILED" };
                (word, format!("{error} [{}]", error.code()), error.hints())
            }
        };
        let line = format!("{word:<6}  {area:<11}  {:<width$}  {found}", check.what);
        let _ = writeln!(out, "{}", line.trim_end());
        if let Some(without) = check.warning() {
            let _ = writeln!(out, "        without it: {without}");
        }
        for hint in hints {
            let _ = writeln!(out, "        hint: {hint}");
        }
    }
    let failed = checked.iter().filter(|c| c.check.failure().is_some()).count();
    let warned = checked.iter().filter(|c| c.check.is_warning()).count();
    let _ = match failed {
        0 if warned > 0 => writeln!(out, "\nno check failed, {warned} of {} with a warning", checked.len()),
        0 => writeln!(out, "\nall {} checks passed", checked.len()),
        _ => writeln!(out, "\n{failed} of {} checks failed", checked.len()),
    };
    out
}

/// Tables, totals, and where and when of a run; `again` is how it is finished.
pub fn summary(summary: &RunSummary, again: &Again) -> String {
    let mut rows = vec![["table", "rows", "files", "bytes", "time"].map(str::to_owned).to_vec()];
    for table in summary.tables.iter().filter(|table| table.error.is_none()) {
        rows.push(vec![
            table.table.to_string(),
            count(table.rows),
            count(table.files as u64),
            size(table.bytes),
            // A table that was finished before, of which the run log does not know how long it took.
            if table.kept && table.seconds == 0.0 { String::new() } else { duration(table.seconds) },
        ]);
    }
    let mut out = if rows.len() > 1 { columns(&rows, 1, "") } else { String::new() };
    failures(&mut out, &summary.tables);
    if !summary.tables.is_empty() {
        out.push('\n');
    }
    let failed = failed_tables(summary);
    let rows: u64 = summary.tables.iter().map(|table| table.rows).sum();
    let files: usize = summary.tables.iter().map(|table| table.files).sum();
    let bytes: u64 = summary.tables.iter().map(|table| table.bytes).sum();
    let _ = writeln!(
        out,
        "{}{} {} in {}, {}, {}{}",
        outcome(summary),
        if failed == 0 { "," } else { ":" },
        things(rows, "row"),
        things(files as u64, "file"),
        size(bytes),
        duration(summary.seconds),
        rate(summary),
    );
    let _ = writeln!(out, "run          {}", summary.run_id);
    let _ = writeln!(out, "source       {}", source(&summary.source));
    let _ = writeln!(
        out,
        "destination  {}",
        plain::line(&layout::below(&summary.destination, &summary.sub_path))
    );
    let held = held(summary.snapshot.level, summary.snapshot_seconds);
    taken(&mut out, &summary.snapshot, &held);
    if let Some(limit) = &summary.ended_by {
        let _ = writeln!(out, "ended by     {}", plain::line(limit));
    }
    verified_by_source(&mut out, summary);
    let kept = summary.tables.iter().filter(|table| table.kept).count();
    if summary.resumed {
        let _ = writeln!(out, "resumed      {} finished before and not read again", were(kept));
    }
    for earlier in &summary.earlier_snapshots {
        let _ = writeln!(
            out,
            "earlier      tables finished before are as of another snapshot: {}",
            snapshot(earlier)
        );
    }
    for table in summary.tables.iter().filter(|table| !table.mixed_snapshots.is_empty()) {
        let _ = writeln!(out, "mixed        {}: {}", table.table, moments(&table.mixed_snapshots));
    }
    for table in summary.tables.iter().filter(|table| !table.left.is_empty()) {
        let _ = writeln!(out, "left         {}: {}", table.table, plain::line(&table.left.text()));
    }
    let retries: u64 = summary.tables.iter().map(|table| table.retries).sum();
    if retries > 0 {
        let _ = writeln!(out, "retries      {}", count(retries));
    }
    if failed > 0 {
        to_finish(&mut out, again);
    }
    if let Some(outcome) = &summary.metadata {
        out.push_str(&metadata(outcome));
    }
    not_described(&mut out, summary, again);
    out
}

/// The snapshot of a run, in lines that fit a terminal.
fn taken(out: &mut String, snapshot: &SnapshotToken, held: &str) {
    let when = plain::line(&snapshot.taken_at);
    let _ = writeln!(out, "snapshot     {when}, consistency {}{held}", snapshot.level);
    for (name, value) in [("id", &snapshot.id), ("position", &snapshot.position)] {
        if let Some(value) = value {
            let _ = writeln!(out, "             {name} {}", plain::line(value));
        }
    }
}

/// How fast rows came: those that this process read, and not those that were finished before it.
fn rate(summary: &RunSummary) -> String {
    let read: u64 = summary.tables.iter().filter(|table| !table.kept).map(|table| table.rows).sum();
    if summary.tables.iter().all(|table| table.kept) || summary.seconds <= 0.0 {
        return String::new();
    }
    let rate = count((read as f64 / summary.seconds) as u64);
    if summary.tables.iter().any(|table| table.kept) {
        format!(" ({} rows read now, {rate} rows/s)", count(read))
    } else {
        format!(" ({rate} rows/s)")
    }
}

/// The command line that finishes the run.
pub fn to_finish(out: &mut String, again: &Again) {
    if again.resume.is_empty() {
        return;
    }
    let _ = writeln!(out, "to finish    {}", again.resume);
    if let Some(missing) = again.missing {
        let _ = writeln!(out, "             {missing}");
    }
}

/// Tables that were compared with the source and found equal, and their files.
pub(super) fn compared(summary: &RunSummary) -> (usize, usize) {
    let equal = |table: &&TableOutcome| {
        let verdict = table.verification.as_ref();
        verdict.is_some_and(|found| summary.verify == Verify::Count || found.hash == Some(HashVerdict::Equal))
    };
    let equal = summary.tables.iter().filter(|table| table.error.is_none()).filter(equal);
    equal.fold((0, 0), |(tables, files), table| (tables + 1, files + table.files))
}

/// What `--verify` found.
fn verified_by_source(out: &mut String, summary: &RunSummary) {
    let (tables, files) = compared(summary);
    let (all, files) = (summary.tables.len(), count(files as u64));
    let _ = match summary.verify {
        Verify::None => Ok(()),
        Verify::Count => {
            writeln!(out, "verified     {tables} of {all} tables have the source's count of rows")
        }
        Verify::Hash => writeln!(
            out,
            "verified     {tables} of {all} tables have the source's count and hash of all rows, by {files} files read back"
        ),
    };
}

/// How many tables were exported and how many not.
pub fn outcome(summary: &RunSummary) -> String {
    let (failed, all) = (failed_tables(summary), summary.tables.len());
    match failed {
        0 => format!("{}: {}", summary.status.as_str(), tables_of(all, all)),
        _ => format!("{} failed, {} exported", tables_of(failed, all), all - failed),
    }
}

fn failed_tables(summary: &RunSummary) -> usize {
    summary.tables.iter().filter(|table| table.error.is_some()).count()
}

/// What a run did; with `parts`, a line for each part too.
pub fn report(report: &RunReport, parts: bool) -> String {
    super::run::text::report(report, parts)
}

/// Where the metadata is, and what there is none of. An error of it is left to the caller.
pub fn metadata(outcome: &MetadataOutcome) -> String {
    let mut out = String::new();
    if let Some(last) = outcome.files.last() {
        let _ = writeln!(
            out,
            "metadata     {}, the last one {}",
            things(outcome.files.len() as u64, "file"),
            plain::line(last)
        );
    }
    for table in &outcome.replaced {
        let _ = writeln!(
            out,
            "metadata     {table} was committed again by a later run, and is described as it is now"
        );
    }
    for skipped in &outcome.skipped {
        let _ = writeln!(
            out,
            "metadata     none for schema {}: {}",
            plain::line(&skipped.schema),
            plain::line(&skipped.reason)
        );
    }
    if !outcome.skipped.is_empty() {
        out.push_str("  hint: what earlier runs wrote there may name files that are gone; `lakexpress metadata RUN_ID` writes it when all tables are committed\n");
    }
    out
}

/// What helps against the failures of a run, for those who do not read its summary. What helps many is said once.
pub fn remedies(summary: &RunSummary, again: &Again) -> String {
    let failed = || summary.tables.iter().filter_map(|table| Some((&table.table, table.error.as_ref()?)));
    let hints = failed()
        .flat_map(|(table, error)| error.hints().iter().map(move |hint| ("hint", hint.clone(), table)));
    let codes = failed().map(|(table, error)| ("code", error.code().to_string(), table));
    let mut said: Vec<(&str, String, &TableRef, usize)> = Vec::new();
    for (word, text, table) in hints.chain(codes) {
        match said.iter_mut().find(|(_, before, _, _)| *before == text) {
            Some((_, _, _, more)) => *more += 1,
            None => said.push((word, text, table, 0)),
        }
    }
    let mut out = String::new();
    for (word, text, table, more) in said {
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(out, "{word} for {table}{more}: {text}");
    }
    if summary.tables.iter().any(|table| table.error.is_some()) {
        to_finish(&mut out, again);
    }
    not_described(&mut out, summary, again);
    out
}

/// Why the metadata is missing, if it is.
fn not_described(out: &mut String, summary: &RunSummary, again: &Again) {
    let Some(error) = summary.metadata.as_ref().and_then(|metadata| metadata.error.as_ref()) else { return };
    let _ = writeln!(out, "metadata     failed: {error} [{}]", error.code());
    for hint in error.hints() {
        let _ = writeln!(out, "  hint: {hint}");
    }
    let _ = writeln!(out, "  hint: the tables are committed; `{}` tries again", again.metadata);
}

fn were(tables: usize) -> String {
    format!("{} {}", things(tables as u64, "table"), if tables == 1 { "was" } else { "were" })
}

/// Why tables failed. What stood in the way of many is said once.
fn failures(out: &mut String, tables: &[TableOutcome]) {
    let mut said: Vec<(String, usize)> = Vec::new();
    for table in tables {
        let Some(error) = &table.error else { continue };
        let text = error.to_string();
        match said.iter_mut().find(|(before, _)| *before == text) {
            Some((_, more)) => *more += 1,
            None => {
                out.push_str(&failure(&table.table, error));
                said.push((text, 0));
            }
        }
    }
    for (text, more) in said.into_iter().filter(|(_, more)| *more > 0) {
        let _ = writeln!(out, "{} failed: {text}", things(more as u64, "more table"));
    }
}

/// What would be read and written.
pub fn plan(plan: &RunPlan, destination: Option<&str>) -> String {
    let mut out = format!("source       {}\n", source(&plan.source));
    let _ = writeln!(out, "destination  {}", plain::line(destination.unwrap_or("not given")));
    for table in &plan.tables {
        out.push('\n');
        plan_table(&mut out, table);
    }
    finish_plan(&mut out, plan);
    out
}

/// Tables and columns of a source.
pub fn inspect(plan: &RunPlan) -> String {
    let mut out = format!("source       {}\n", source(&plan.source));
    for table in &plan.tables {
        out.push('\n');
        let _ = writeln!(out, "{}", heading(table));
        let rows: Vec<Vec<String>> = table.columns.iter().map(|column| plan_column(table, column)).collect();
        out.push_str(&columns(&rows, rows_all_left(&rows), "  "));
    }
    finish_plan(&mut out, plan);
    out
}

/// The latest runs, one line each.
pub fn runs(runs: &[RunRecord]) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let mut rows = vec![["run", "status", "started", "source", "destination"].map(str::to_owned).to_vec()];
    for run in runs {
        rows.push(vec![
            run.run_id.clone(),
            run_status(run),
            run.started_at.to_string(),
            run.source.clone(),
            layout::below(&run.destination, &run.sub_path()),
        ]);
    }
    columns(&rows, rows_all_left(&rows), "")
}

/// One run with its tables.
pub fn run(run: &RunRecord) -> String {
    let mut out = format!("run          {}\n", plain::line(&run.run_id));
    let _ = writeln!(out, "status       {}", run_status(run));
    let _ = writeln!(out, "started      {}", run.started_at);
    if let Some(at) = &run.finished_at {
        let _ = writeln!(out, "finished     {at}");
    }
    let _ = writeln!(out, "source       {}", plain::line(&run.source));
    let _ = writeln!(out, "destination  {}", plain::line(&layout::below(&run.destination, &run.sub_path())));
    if let Some(error) = &run.error_message {
        let _ = writeln!(out, "error        {}", plain::line(error));
    }
    if !run.jobs.is_empty() {
        let mut rows =
            vec![["table", "status", "method", "rows", "files", "bytes"].map(str::to_owned).to_vec()];
        for job in &run.jobs {
            rows.push(vec![
                job.table.to_string(),
                job.status.as_str().to_owned(),
                job.method.clone().unwrap_or_default(),
                job.row_count.map(count).unwrap_or_default(),
                job.file_count.map(count).unwrap_or_default(),
                job.bytes.map(size).unwrap_or_default(),
            ]);
        }
        out.push('\n');
        out.push_str(&columns(&rows, 3, ""));
    }
    let failed: Vec<_> =
        run.jobs.iter().filter_map(|job| Some((&job.table, job.error_message.as_ref()?))).collect();
    if !failed.is_empty() {
        out.push('\n');
        for (table, error) in failed {
            let _ = writeln!(out, "{table}: {}", plain::line(error));
        }
    }
    out
}

fn plan_table(out: &mut String, table: &TablePlan) {
    let _ = writeln!(out, "{}", heading(table));
    let _ = writeln!(
        out,
        "  method   {}: {}",
        plain::line(table.method_name()),
        plain::line(&table.method_reason)
    );
    let _ = writeln!(out, "  readers  {}", table.readers);
    if let Some(filter) = &table.filter {
        let _ = writeln!(out, "  filter   {}", plain::line(filter));
        for condition in &table.pushed {
            let _ = writeln!(out, "    by the source   {}", plain::line(condition));
        }
        for condition in &table.evaluated_here {
            let _ = writeln!(out, "    evaluated here  {}", plain::line(condition));
        }
    }
    if let Some(condition) = table.info.reading.condition() {
        let _ = writeln!(out, "  filter   {}", plain::line(condition));
        let _ = writeln!(out, "    by the source, in its own SQL");
    }
    if let Some(list) = table.info.reading.list() {
        let _ = writeln!(out, "  columns  {}", plain::line(list));
        let _ = writeln!(out, "    by the source, in its own SQL");
    }
    if let Some(projection) = &table.projection {
        let _ = writeln!(out, "  columns  {}", plain::line(projection));
    }
    out.push_str(&super::arrangement::lines(table));
    let rows: Vec<Vec<String>> = table.columns.iter().map(|column| plan_column(table, column)).collect();
    let _ = writeln!(out, "  written as");
    out.push_str(&columns(&rows, rows_all_left(&rows), "    "));
    files(out, table);
    let rows: Vec<Vec<String>> = table
        .parts
        .iter()
        .map(|part| {
            let condition = part.condition.clone().unwrap_or_default();
            vec![
                part.file.clone(),
                format!("about {}", size(part.est_bytes)),
                part.slice.to_string(),
                condition,
            ]
        })
        .collect();
    let parts = things(table.parts.len() as u64, "part");
    let _ = writeln!(out, "  {parts} in {}", plain::line(&table.directory));
    out.push_str(&columns(&rows, rows_all_left(&rows), "    "));
}

/// What is decided about the files of a table beyond what holds for all.
fn files(out: &mut String, table: &TablePlan) {
    let files = &table.files;
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut row = |what: &str, text: String| rows.push([what.to_owned(), text]);
    if !files.sorted_by.is_empty() {
        row("sorted by", files.sorted_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    }
    if files.has_page_index() {
        row("page index", "bounds of every page".to_owned());
    }
    if !files.bloom_filters.is_empty() {
        row("Bloom filters", files.bloom_filters.join(", "));
    }
    let same = |name: &&String| {
        table.info.column(name).and_then(|column| column.est_distinct).is_some_and(|distinct| distinct < 2.0)
    };
    for name in files.bloom_filters.iter().filter(same) {
        row(
            "Bloom filters",
            format!("none of {name} in row groups of one value, which statistics say it has"),
        );
    }
    if !files.measured_bloom_filters.is_empty() {
        let names = files.measured_bloom_filters.join(", ");
        row("Bloom filters", format!("where nearly all values of a row group differ: {names}"));
    }
    for codec in &files.codecs {
        row("codec", format!("{} {}", codec.column, codec.compression.name()));
    }
    for (key, value) in &files.metadata {
        row("metadata", format!("{key}={value}"));
    }
    for [what, text] in rows {
        let _ = writeln!(out, "  {what:<13}  {}", plain::line(&text));
    }
}

/// What there is to say about a column: of its type in the source, and of its form in the files.
pub fn note(table: &TablePlan, column: &ManifestColumn) -> String {
    let described = table.info.column(&column.name).filter(|_| column.verdict.is_some());
    let notes = described.map(|info| info.note.clone()).into_iter().chain(column.form.clone());
    notes.filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ")
}

fn plan_column(table: &TablePlan, column: &ManifestColumn) -> Vec<String> {
    let note = note(table, column);
    vec![
        column.name.clone(),
        column.source_type.clone().unwrap_or_else(|| "computed".into()),
        format!("{}{}", column.arrow_type, not_null(column.nullable)),
        column.verdict.map(|verdict| verdict.to_string()).unwrap_or_default(),
        note,
    ]
}

fn finish_plan(out: &mut String, plan: &RunPlan) {
    out.push('\n');
    for (table, error) in &plan.failures {
        out.push_str(&failure(table, error));
    }
    let rows: u64 = plan.tables.iter().map(|table| table.info.est_rows).sum();
    let bytes: u64 = plan.tables.iter().map(|table| table.info.est_bytes).sum();
    let tables = things(plan.tables.len() as u64, "table");
    let _ = write!(out, "{tables}, about {}, {}", things(rows, "row"), size(bytes));
    let _ = match plan.failures.len() {
        0 => writeln!(out),
        failed => writeln!(out, "; {failed} that cannot be exported"),
    };
}

fn failure(table: &TableRef, error: &Error) -> String {
    let mut out = format!("{table}  failed: {error} [{}]\n", error.code());
    for hint in error.hints() {
        let _ = writeln!(out, "  hint: {hint}");
    }
    out
}

fn heading(table: &TablePlan) -> String {
    let info = &table.info;
    let kind = match info.kind {
        TableKind::Table => "table",
        TableKind::Partitioned => "partitioned table",
        TableKind::Partition => "partition",
        TableKind::View => "view",
        TableKind::MaterializedView => "materialized view",
        TableKind::Foreign => "foreign table",
        TableKind::Query => "query",
    };
    format!("{} ({kind}, about {}, {})", info.table, things(info.est_rows, "row"), size(info.est_bytes))
}

fn not_null(nullable: bool) -> &'static str {
    if nullable { "" } else { " not null" }
}

fn source(source: &SourceIdentity) -> String {
    let SourceIdentity { kind, version, server, database, user, identifier: _ } = source;
    let mut out = format!("{kind} {version}");
    if !server.is_empty() {
        let _ = write!(out, " at {server}");
    }
    let _ = write!(out, ", database {database}");
    if !user.is_empty() {
        let _ = write!(out, ", user {user}");
    }
    plain::line(&out).into_owned()
}

/// The point in time of a run, and what it is called at the source.
pub fn snapshot(snapshot: &SnapshotToken) -> String {
    let mut out = format!("consistency {}, taken at {}", snapshot.level, snapshot.taken_at);
    for (name, value) in [("id", &snapshot.id), ("position", &snapshot.position)] {
        if let Some(value) = value {
            let _ = write!(out, ", {name} {value}");
        }
    }
    plain::line(&out).into_owned()
}

/// A run whose process has not been heard of for long says so: it was killed, or is cut off from the run log.
fn run_status(run: &RunRecord) -> String {
    match run.silent_seconds(clock::moment().into()) {
        Some(seconds) => format!("running (no sign of life for {})", duration(seconds as f64)),
        None => run.status.as_str().to_owned(),
    }
}

/// What an error code means.
pub fn explained(page: &Page) -> String {
    let mut out = format!("{}: {}\n\n{}\n\n", page.code, page.title, page.happened);
    for remedy in page.remedies {
        let _ = writeln!(out, "  * {remedy}");
    }
    let exits: Vec<String> = page.exit_codes().map(|code| code.to_string()).collect();
    let _ = writeln!(out, "\nexit code    {}", exits.join(" or "));
    out
}

/// All error codes, by area.
pub fn codes(areas: &[Area]) -> String {
    let mut out = String::new();
    for area in areas {
        let _ = writeln!(out, "{}", area.title);
        for page in area.pages {
            let _ = writeln!(out, "  {}  {}", page.code, page.title);
        }
        out.push('\n');
    }
    out.push_str("lakexpress explain CODE says what happened and what to do\n");
    out
}
