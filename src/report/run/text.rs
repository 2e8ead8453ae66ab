//! The report for a person.

use std::fmt::{Display, Write as _};

use super::{PartReport, RunReport, TableReport};
use crate::plain::line;
use crate::report::words::{columns, count, duration, moments, size, things};

/// Parts that were read again which are named.
const SHOWN_RETRIES: usize = 20;

/// Totals, a line per table, what was slow, what went wrong; with `parts`, a line per part too.
pub(in crate::report) fn report(report: &RunReport, parts: bool) -> String {
    let mut out = format!("run          {}\n", line(&report.run_id));
    let _ = writeln!(out, "status       {}", report.status.as_str());
    let _ = writeln!(out, "started      {}", report.started_at);
    if let Some(at) = &report.finished_at {
        let took = report.seconds.map(|seconds| format!(", {}", duration(seconds))).unwrap_or_default();
        let _ = writeln!(out, "finished     {at}{took}");
    }
    let _ = writeln!(out, "source       {}", line(&report.source));
    let _ = writeln!(out, "destination  {}", line(&report.location));
    if let Some(snapshot) = &report.snapshot {
        let word = |key: &str| line(snapshot[key].as_str().unwrap_or("unknown")).into_owned();
        let held = held(word("level"), report.snapshot_seconds);
        let _ =
            writeln!(out, "snapshot     consistency {}, taken at {}{held}", word("level"), word("taken_at"));
    }
    if let Some(limit) = &report.ended_by {
        let _ = writeln!(out, "ended by     {}", line(limit));
    }
    if let Some(error) = &report.error {
        let _ = writeln!(out, "error        {}", line(error));
    }
    totals(&mut out, report);
    let _ = writeln!(out, "found in     {}{}", line(&report.evidence.run_log), at_destination(report));
    out.push('\n');
    tables(&mut out, &report.tables);
    if parts {
        for table in report.tables.iter().filter(|table| !table.parts.is_empty()) {
            let _ = writeln!(out, "\n{}", table.table);
            part_lines(&mut out, &table.parts);
        }
    }
    slow(&mut out, report);
    retried(&mut out, &report.tables);
    for table in report.tables.iter().filter(|table| !table.mixed_snapshots.is_empty()) {
        let _ = writeln!(out, "\n{}: mixed, {}", table.table, moments(&table.mixed_snapshots));
    }
    for table in &report.tables {
        if let Some(run) = &table.replaced_by {
            let _ = writeln!(out, "\n{}: committed again by run {}", table.table, line(run));
        }
        if let Some(error) = &table.error {
            let _ = writeln!(out, "\n{}: {}", table.table, line(error));
        }
    }
    out
}

/// How long the snapshot was held, or the longest one when each table has its own.
pub(in crate::report) fn held(level: impl Display, seconds: Option<f64>) -> String {
    match seconds {
        Some(seconds) if level.to_string() == "table" => {
            format!(", the longest one held for {}", duration(seconds))
        }
        Some(seconds) => format!(", held for {}", duration(seconds)),
        None => String::new(),
    }
}

fn totals(out: &mut String, report: &RunReport) {
    let totals = &report.totals;
    let failed = if totals.failed > 0 { format!(" ({} failed)", totals.failed) } else { String::new() };
    let _ = write!(
        out,
        "exported     {} of {}{failed}, {} in {}, {}",
        totals.completed,
        things(totals.tables as u64, "table"),
        things(totals.rows, "row"),
        things(totals.files, "file"),
        size(totals.bytes)
    );
    if let Some(rate) = totals.rows_per_second {
        let _ = write!(out, ", {} rows/s", count(rate as u64));
    }
    if let Some(ratio) = totals.compression_ratio {
        let _ = write!(out, ", compressed {ratio:.1} to 1");
    }
    if let Some(retries) = totals.retries.filter(|retries| *retries > 0) {
        let _ = write!(out, ", {} read again", things(retries, "part"));
    }
    out.push('\n');
}

fn at_destination(report: &RunReport) -> String {
    match &report.evidence.note {
        Some(note) => format!("; not at the destination: {}", line(note)),
        None => format!(
            ", {}{}",
            things(report.evidence.manifests as u64, "manifest"),
            if report.evidence.summary {
                " and the summary at the destination"
            } else {
                " at the destination"
            }
        ),
    }
}

fn tables(out: &mut String, tables: &[TableReport]) {
    let heads =
        ["table", "status", "method", "rows", "files", "bytes", "ratio", "time", "rows/s", "verified"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for table in tables {
        rows.push(vec![
            table.table.to_string(),
            table.status.as_str().to_owned(),
            table.method.clone().unwrap_or_default(),
            table.rows.map(count).unwrap_or_default(),
            table.files.map(count).unwrap_or_default(),
            table.bytes.map(size).unwrap_or_default(),
            table.compression_ratio.map(|ratio| format!("{ratio:.1}")).unwrap_or_default(),
            table.seconds.map(duration).unwrap_or_default(),
            table.rows_per_second.map(|rate| count(rate as u64)).unwrap_or_default(),
            verified(table),
        ]);
    }
    if rows.iter().skip(1).all(|row| row[9].is_empty()) {
        rows.iter_mut().for_each(|row| row.truncate(9));
    }
    out.push_str(&columns(&rows, 3, ""));
}

fn verified(table: &TableReport) -> String {
    match &table.verification {
        Some(found) => {
            found["hash"].as_str().map_or_else(|| "rows".to_owned(), |hash| format!("hash {hash}"))
        }
        None => String::new(),
    }
}

fn part_lines(out: &mut String, parts: &[PartReport]) {
    let heads =
        ["file", "rows", "bytes", "ratio", "waiting", "reading", "encoding", "storing", "rows/s", "retries"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for part in parts {
        let time =
            |of: fn(&super::Times) -> f64| part.times.as_ref().map(|t| duration(of(t))).unwrap_or_default();
        rows.push(vec![
            part.file.clone(),
            count(part.rows),
            size(part.bytes),
            part.compression_ratio.map(|ratio| format!("{ratio:.1}")).unwrap_or_default(),
            time(|t| t.waiting),
            time(|t| t.reading),
            time(|t| t.encoding),
            time(|t| t.storing),
            part.rows_per_second.map(|rate| count(rate as u64)).unwrap_or_default(),
            part.retries.filter(|retries| *retries > 0).map(count).unwrap_or_default(),
        ]);
    }
    if rows.iter().skip(1).all(|row| row[9].is_empty()) {
        rows.iter_mut().for_each(|row| row.truncate(9));
    }
    out.push_str(&columns(&rows, 1, "  "));
}

/// Which parts were read again, and why the last time.
fn retried(out: &mut String, tables: &[TableReport]) {
    let all = || tables.iter().flat_map(|table| table.retried.iter().map(move |part| (&table.table, part)));
    if all().next().is_none() {
        return;
    }
    out.push_str("\nread again\n");
    for (table, retried) in all().take(SHOWN_RETRIES) {
        let part = retried.part.map_or_else(|| "as a whole".to_owned(), |part| format!("part {part}"));
        let code = retried.code.as_ref().map(|code| format!(" {}", line(code))).unwrap_or_default();
        let times =
            if retried.retries == 1 { "once".to_owned() } else { format!("{} times", retried.retries) };
        let (class, error) = (retried.class.as_str(), line(&retried.error));
        let _ = writeln!(out, "  {table}, {part}: {times}, lastly after {class}{code}: {error}");
    }
    let more = all().count().saturating_sub(SHOWN_RETRIES);
    if more > 0 {
        let _ = writeln!(out, "  and {more} more (--json names all)");
    }
}

fn slow(out: &mut String, report: &RunReport) {
    if report.slow.is_empty() {
        return;
    }
    out.push_str("\nslow\n");
    for finding in &report.slow {
        let _ = write!(
            out,
            "  {}  {}, {:.0} % of the run",
            finding.table,
            duration(finding.seconds),
            finding.share * 100.0
        );
        if let (Some(mostly), Some(share)) = (finding.mostly, finding.mostly_share) {
            let what = match mostly {
                "waiting" => "waiting for a connection",
                "reading" => "waiting for rows and decoding them",
                "encoding" => "encoding and compressing",
                _ => "handing bytes to the destination",
            };
            let _ = write!(out, "; {:.0} % of its parts' time was {what}", share * 100.0);
        }
        out.push('\n');
        for reason in &finding.reasons {
            let _ = writeln!(out, "    {}", line(reason));
        }
    }
}
