//! What a person sees while tables are exported: one line per running table and a total on a
//! terminal, log lines at start and end of each table elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::counts::Counts;
use super::logging::PROGRESS;
use crate::catalog::TableRef;
use crate::clock::{self, Instant};
use crate::report::text::{self, count, duration, size, things};
use crate::run::{INTERRUPTED, Observer, Progress, TableOutcome, TableProgress};
use crate::runlog::{RunEvent, sub_path_of};
use crate::spec::layout;

/// How often the counters are looked at.
const POLL: Duration = Duration::from_millis(200);
const BAR_WIDTH: u64 = 10;

/// Whether standard error can show lines that change.
pub(super) fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// What the events said so far. Also writes the log lines.
#[derive(Default)]
pub(super) struct Told {
    totals: Mutex<Totals>,
}

#[derive(Default)]
struct Totals {
    begun: bool,
    tables: usize,
    done: usize,
    failed: usize,
    /// Of those that failed, by an interruption.
    never_begun: usize,
    rows: u64,
    files: u64,
    bytes: u64,
    /// Of these, rows of tables that were finished by an earlier process.
    kept: u64,
    /// Rows that the tables which have begun were estimated to have.
    estimated: u64,
    began: HashMap<TableRef, Instant>,
}

impl Told {
    /// Whether the run log has heard of the run.
    pub(super) fn has_begun(&self) -> bool {
        self.lock().begun
    }

    pub(super) fn counts(&self) -> Counts {
        let Totals { tables, done, failed, rows, files, bytes, .. } = *self.lock();
        Counts { tables, done, failed, rows, files, bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seconds_of(&self, table: &TableRef) -> f64 {
        self.lock().began.remove(table).map_or(0.0, |began| began.elapsed().as_secs_f64())
    }
}

impl Observer for Told {
    fn kept(&self, tables: &[TableOutcome]) {
        let mut totals = self.lock();
        totals.done += tables.len();
        totals.kept += tables.iter().map(|table| table.rows).sum::<u64>();
        totals.rows += tables.iter().map(|table| table.rows).sum::<u64>();
        totals.files += tables.iter().map(|table| table.files as u64).sum::<u64>();
        totals.bytes += tables.iter().map(|table| table.bytes).sum::<u64>();
    }

    fn event(&self, event: &RunEvent) {
        #[cfg(any(feature = "otlp", test))]
        super::traces::event(event);
        match event {
            RunEvent::RunStarted { run_id, source, destination, tables, config, .. } => {
                let mut totals = self.lock();
                (totals.begun, totals.tables) = (true, tables.len());
                drop(totals);
                let destination = layout::below(destination, &sub_path_of(config));
                info!(target: PROGRESS, "starting export run: {run_id}");
                info!(target: PROGRESS, "{} from {} to {destination}", things(tables.len() as u64, "table"), source.url());
            }
            RunEvent::SnapshotTaken { snapshot, .. } => {
                info!(target: PROGRESS, "snapshot: {}", text::snapshot(snapshot));
            }
            RunEvent::TableStarted { table, method, parts, est_rows, .. } => {
                let mut totals = self.lock();
                totals.began.insert(table.clone(), Instant::now());
                totals.estimated += est_rows;
                drop(totals);
                let (rows, parts) = (things(*est_rows, "row"), things(*parts as u64, "part"));
                info!(target: PROGRESS, "{table}: started, about {rows}, method {method}, {parts}");
            }
            RunEvent::TableDone { table, rows, files, .. } => {
                let seconds = self.seconds_of(table);
                let bytes: u64 = files.iter().map(|file| file.bytes).sum();
                let (written, number) = (things(*rows, "row"), things(files.len() as u64, "file"));
                let mut totals = self.lock();
                totals.done += 1;
                totals.rows += rows;
                totals.files += files.len() as u64;
                totals.bytes += bytes;
                drop(totals);
                let (bytes, time) = (size(bytes), duration(seconds));
                info!(target: PROGRESS, "{table}: done, {written} in {number}, {bytes}, {time}");
            }
            RunEvent::TableFailed { table, error, .. } => {
                let mut totals = self.lock();
                totals.failed += 1;
                // What had not begun when it was interrupted is counted and not named.
                if error.starts_with(INTERRUPTED) && !totals.began.contains_key(table) {
                    totals.never_begun += 1;
                    return;
                }
                drop(totals);
                let time = duration(self.seconds_of(table));
                error!("{table}: failed after {time}: {error}");
            }
            // Told when it happened, or with the table.
            RunEvent::TableRepeated { .. }
            | RunEvent::TablePlanned { .. }
            | RunEvent::PartPrepared { .. }
            | RunEvent::TableMixed { .. } => {}
            RunEvent::RunEnded { run_id, .. } => {
                let never_begun = self.lock().never_begun;
                if never_begun > 0 {
                    error!("{} not begun: {INTERRUPTED}", things(never_begun as u64, "table"));
                }
                info!(target: PROGRESS, "export run ended: {run_id}");
            }
        }
    }
}

/// Lines on a terminal, until dropped.
pub(super) struct Lines {
    task: JoinHandle<()>,
    bars: MultiProgress,
}

impl Lines {
    /// Begins to draw. Must be called within a runtime.
    pub(super) fn draw(bars: &MultiProgress, progress: Arc<Progress>, told: Arc<Told>) -> Self {
        let bars = bars.clone();
        let task = tokio::spawn(poll(bars.clone(), progress, told));
        Self { task, bars }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.task.abort();
        if self.bars.clear().is_err() {
            tracing::debug!("the terminal is closed");
        }
    }
}

async fn poll(bars: MultiProgress, progress: Arc<Progress>, told: Arc<Told>) {
    let began = Instant::now();
    let total = bars.add(line());
    let mut lines: HashMap<TableRef, (ProgressBar, Instant)> = HashMap::new();
    loop {
        let running = progress.running();
        lines.retain(|table, (bar, _)| {
            let stays = running.iter().any(|counters| counters.table == *table);
            if !stays {
                bars.remove(bar);
            }
            stays
        });
        for counters in &running {
            let (bar, since) = lines
                .entry(counters.table.clone())
                .or_insert_with(|| (bars.insert_before(&total, line()), Instant::now()));
            bar.set_message(table_line(counters, since.elapsed().as_secs_f64()));
        }
        let seconds = began.elapsed().as_secs_f64();
        total.set_message(total_line(&told, &running, progress.expected(), seconds));
        clock::sleep(POLL).await;
    }
}

/// A line without decoration: there is nothing for NO_COLOR to turn off.
fn line() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new_spinner().with_style(style)
}

fn table_line(counters: &TableProgress, seconds: f64) -> String {
    let (rows, expected) = (counters.rows(), counters.est_rows);
    let rate = per_second(rows, seconds);
    let left = match expected {
        // Nothing is known: no bar that stands still, and no time.
        0 => String::new(),
        _ if rows > expected => format!(", more than the {} estimated", count(expected)),
        _ if rate > 0.0 => format!(", about {} left", duration((expected - rows) as f64 / rate)),
        _ => String::new(),
    };
    let bar = if expected == 0 { String::new() } else { format!("{}  ", bar(rows, expected)) };
    format!(
        "{}  {bar}{} rows, {}/s, {}{left}",
        counters.table,
        count(rows),
        count(rate as u64),
        size(counters.bytes())
    )
}

/// How much is done; full only when there are at least as many rows as were estimated.
fn bar(rows: u64, expected: u64) -> String {
    let share = (rows as f64 / expected as f64).min(1.0);
    let filled = (share * BAR_WIDTH as f64) as u64;
    let bar: String = (0..BAR_WIDTH).map(|i| if i < filled { '#' } else { '.' }).collect();
    format!("[{bar}]")
}

/// `expected` are the rows of all tables of the run by their estimates, 0 when they have none.
fn total_line(told: &Told, running: &[Arc<TableProgress>], expected: u64, seconds: f64) -> String {
    let totals = told.lock();
    let rows = totals.rows + running.iter().map(|counters| counters.rows()).sum::<u64>();
    let failed = if totals.failed > 0 { format!(", {} failed", totals.failed) } else { String::new() };
    let rate = per_second(rows - totals.kept, seconds);
    let left: u64 = expected.saturating_sub(totals.estimated)
        + running.iter().map(|counters| counters.est_rows.saturating_sub(counters.rows())).sum::<u64>();
    // A table that has more rows than was thought: nobody knows how many more.
    let more = running.iter().any(|counters| counters.rows() > counters.est_rows);
    let left = match left {
        0 => String::new(),
        _ if rate <= 0.0 => String::new(),
        rows => {
            let about = if more { "at least" } else { "about" };
            format!(", {about} {} left", duration(rows as f64 / rate))
        }
    };
    format!(
        "total  {} of {} tables{failed}, {} rows, {}/s, {} written, {}{left}",
        totals.done,
        totals.tables,
        count(rows),
        count(rate as u64),
        size(totals.bytes),
        duration(seconds)
    )
}

fn per_second(rows: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { rows as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> TableRef {
        TableRef { schema: "public".into(), name: name.into() }
    }

    #[test]
    fn lines_tell_rows_rate_bytes_and_time_left() {
        let progress = Progress::default();
        let counters = progress.start(&table("orders"), 4000);
        counters.add(1000, 2048);
        let line = table_line(&counters, 10.0);
        assert_eq!(line, "public.orders  [##........]  1,000 rows, 100/s, 2.0 KiB, about 30.0 s left");
        counters.add(9000, 0);
        let line = table_line(&counters, 10.0);
        assert_eq!(
            line,
            "public.orders  [##########]  10,000 rows, 1,000/s, 2.0 KiB, more than the 4,000 estimated"
        );
        let unknown = progress.start(&table("view"), 0);
        unknown.add(5, 0);
        assert_eq!(table_line(&unknown, 10.0), "public.view  5 rows, 0/s, 0 B");
    }

    #[test]
    fn the_total_counts_what_has_not_begun() {
        let (progress, told) = (Progress::default(), Told::default());
        let started = |name: &str, est_rows| RunEvent::TableStarted {
            run_id: "r".into(),
            table: table(name),
            at: chrono::DateTime::UNIX_EPOCH.into(),
            method: "Ctid".into(),
            parts: 1,
            est_rows,
        };
        told.event(&started("orders", 4000));
        let counters = progress.start(&table("orders"), 4000);
        counters.add(1000, 2048);
        let line = |expected| total_line(&told, &progress.running(), expected, 10.0);
        assert_eq!(
            line(10_000),
            "total  0 of 0 tables, 1,000 rows, 100/s, 0 B written, 10.0 s, about 1 min 30 s left"
        );
        // All that is known is over, and it goes on.
        counters.add(9000, 0);
        assert!(line(4000).ends_with(", 10.0 s"), "{}", line(4000));
        assert!(line(14_000).ends_with(", at least 10.0 s left"), "{}", line(14_000));
        let failed = RunEvent::TableFailed {
            run_id: "r".into(),
            table: table("orders"),
            at: chrono::DateTime::UNIX_EPOCH.into(),
            error: "e".into(),
        };
        told.event(&failed);
        assert!(line(0).starts_with("total  0 of 0 tables, 1 failed, 10,000 rows"), "{}", line(0));
    }

    #[test]
    fn rows_of_an_earlier_process_make_no_rate() {
        let told = Told::default();
        {
            let mut totals = told.lock();
            (totals.rows, totals.kept) = (1_000_500, 1_000_000);
        }
        let line = total_line(&told, &[], 0, 10.0);
        assert_eq!(line, "total  0 of 0 tables, 1,000,500 rows, 50/s, 0 B written, 10.0 s");
    }
}
