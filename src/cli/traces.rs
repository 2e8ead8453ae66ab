//! OpenTelemetry: one trace for a run, sent by OTLP over HTTP when it has ended (`--features otlp`).
//!
//! | span | from, to | |
//! |---|---|---|
//! | `lakexpress export` | the process' begin and end | a child of that which `TRACEPARENT` names |
//! | `export SCHEMA.TABLE` | when it began, and its commit or its error | an event for each part that was read again |
//!
//! What of it is asked for stands in the variables of OpenTelemetry (`environment`). Without them nothing is kept.

mod environment;
mod message;

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use prost::Message;
use uuid::Uuid;

use self::environment::{Collector, Parent};
use self::message::attribute;
use self::message::{Event, KeyValue, Request, Resource, ResourceSpans, Scope, ScopeSpans, Span, Status};
use super::args::Command;
use super::notify::Delivery;
use super::signals::Stopping;
use super::{end, in_time::in_time};
use crate::catalog::TableRef;
use crate::clock::{self, Instant};
use crate::error::{Error, Result};
use crate::run::INTERRUPTED;
use crate::runlog::{RunEvent, Timestamp, sub_path_of};
use crate::spec::layout;
use crate::{plain, secret};

/// Collectors take requests of 20 MiB and more.
const SPANS_PER_REQUEST: usize = 5000;
const SAMPLED: u8 = 1;

/// A process has one run.
static TRACE: OnceLock<Trace> = OnceLock::new();

struct Trace {
    to: Collector,
    parent: Option<Parent>,
    /// The command, as its span is named.
    name: &'static str,
    began: SystemTime,
    heard: Mutex<Heard>,
}

/// What the run said of itself.
#[derive(Default)]
struct Heard {
    run_id: String,
    source: String,
    destination: String,
    tables: Vec<Table>,
    /// Where they stand there.
    places: HashMap<TableRef, usize>,
}

struct Table {
    table: TableRef,
    began: u64,
    /// None while it is under way.
    ended: Option<u64>,
    error: Option<String>,
    attributes: Vec<KeyValue>,
    events: Vec<Event>,
    retries: u64,
}

/// Takes note that a run begins, if its trace is asked for.
pub(super) fn begin(command: &Command, began: SystemTime) {
    let to = match environment::collector(&environment::variable) {
        Ok(Some(to)) => to,
        Ok(None) => return,
        Err(what) => return tracing::warn!("no trace is sent: {what}"),
    };
    let parent = environment::parent(&environment::variable);
    if parent.as_ref().is_some_and(|parent| parent.flags & SAMPLED == 0) {
        return tracing::debug!("no trace is sent: TRACEPARENT says that nobody keeps it");
    }
    let name = match command {
        Command::Query(_) => "lakexpress query",
        Command::Resume(_) => "lakexpress resume",
        Command::Apply(_) => "lakexpress apply",
        _ => "lakexpress export",
    };
    let trace = Trace { to, parent, name, began, heard: Mutex::default() };
    if TRACE.set(trace).is_err() {
        tracing::debug!("a second run of one process");
    }
}

/// Takes note of the run, before its source is connected to.
pub(super) fn run(run_id: &str, source: String, destination: String) {
    if let Some(trace) = TRACE.get() {
        let mut heard = trace.heard.lock().unwrap_or_else(PoisonError::into_inner);
        (heard.run_id, heard.source, heard.destination) = (run_id.to_owned(), source, destination);
    }
}

/// Takes note of what happened.
pub(super) fn event(event: &RunEvent) {
    if let Some(trace) = TRACE.get() {
        trace.heard.lock().unwrap_or_else(PoisonError::into_inner).event(event);
    }
}

/// Sends the trace: in what is left of the time after a signal. That it does not arrive is a warning.
pub(super) fn send(exit_code: u8, failure: Option<&Error>, stopping: Option<&Stopping>) {
    let Some(trace) = TRACE.get() else { return };
    let requests = trace.requests(exit_code, failure);
    let sent = in_time(stopping, trace.to.deliver(requests));
    let Collector { to, variable, .. } = &trace.to;
    let to = to.shown();
    match sent {
        Ok(Some(Ok(()))) => tracing::debug!("the trace was sent to {to}"),
        Ok(Some(Err(error))) => {
            let hints: String = error.hints().iter().map(|hint| format!("; {hint}")).collect();
            tracing::warn!("the trace was not delivered to {to} ({variable}): {error}{hints}");
        }
        Ok(None) => tracing::warn!(
            "the trace was not delivered to {to} ({variable}): the process was asked to stop, and there was no answer in time"
        ),
        Err(error) => tracing::warn!("cannot send the trace to {to} ({variable}): {error}"),
    }
}

impl Collector {
    /// Sends requests, all of them within the time for one.
    async fn deliver(&self, requests: Vec<Vec<u8>>) -> Result<()> {
        let end = Instant::now() + self.timeout;
        for body in requests {
            let delivery = Delivery {
                to: &self.to,
                body: body.into(),
                content_type: "application/x-protobuf",
                longest: end.saturating_duration_since(Instant::now()),
                may_arrive: |status| {
                    matches!(
                        status,
                        StatusCode::TOO_MANY_REQUESTS
                            | StatusCode::BAD_GATEWAY
                            | StatusCode::SERVICE_UNAVAILABLE
                            | StatusCode::GATEWAY_TIMEOUT
                    )
                },
            };
            delivery.post().await?;
        }
        Ok(())
    }
}

impl Heard {
    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { source, destination, config, .. } => {
                self.source = source.url();
                self.destination = layout::below(destination, &sub_path_of(config));
            }
            RunEvent::TableStarted { table, at, method, parts, est_rows, .. } => {
                let of_table = self.table(table, *at);
                of_table.attributes.extend([
                    attribute("lakexpress.method", method.as_str()),
                    attribute("lakexpress.parts", *parts as u64),
                    attribute("lakexpress.rows.estimated", *est_rows),
                ]);
            }
            RunEvent::TableDone { table, at, rows, files, .. } => {
                // One that an earlier process exported, and could not record, has no beginning here.
                if self.places.contains_key(table) {
                    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
                    let of_table = self.table(table, *at);
                    of_table.ended = Some(nanoseconds(*at));
                    of_table.attributes.extend([
                        attribute("lakexpress.rows", *rows),
                        attribute("lakexpress.files", files.len() as u64),
                        attribute("lakexpress.bytes", bytes),
                    ]);
                }
            }
            RunEvent::TableFailed { table, at, error, .. } => {
                // What had not begun when the run was interrupted is counted and not named.
                if self.places.contains_key(table) || !error.starts_with(INTERRUPTED) {
                    let of_table = self.table(table, *at);
                    (of_table.ended, of_table.error) = (Some(nanoseconds(*at)), Some(shown(error)));
                }
            }
            RunEvent::TableRepeated { table, at, parts, .. } => {
                let of_table = self.table(table, *at);
                of_table.retries = parts.iter().map(|part| part.retries).sum();
                of_table.events = parts
                    .iter()
                    .map(|part| {
                        let of_part = part.part.map(|number| attribute("lakexpress.part", number as u64));
                        let code = part.code.as_deref().map(|code| attribute("lakexpress.code", code));
                        let mut attributes = vec![
                            attribute("lakexpress.retries", part.retries),
                            attribute("error.type", part.class.as_str()),
                            attribute("error.message", shown(&part.error)),
                        ];
                        attributes.extend(of_part.into_iter().chain(code));
                        Event { time_unix_nano: nanoseconds(*at), name: "read again".to_owned(), attributes }
                    })
                    .collect();
            }
            RunEvent::SnapshotTaken { .. }
            | RunEvent::TablePlanned { .. }
            | RunEvent::PartPrepared { .. }
            | RunEvent::TableMixed { .. }
            | RunEvent::RunEnded { .. } => {}
        }
    }

    /// What is known of a table, of which it is heard at this time.
    fn table(&mut self, table: &TableRef, at: Timestamp) -> &mut Table {
        let place = *self.places.entry(table.clone()).or_insert_with(|| {
            self.tables.push(Table {
                table: table.clone(),
                began: nanoseconds(at),
                ended: None,
                error: None,
                attributes: Vec::new(),
                events: Vec::new(),
                retries: 0,
            });
            self.tables.len() - 1
        });
        &mut self.tables[place]
    }
}

impl Trace {
    /// What is sent of a run that ends now.
    fn requests(&self, exit_code: u8, failure: Option<&Error>) -> Vec<Vec<u8>> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let now = since_epoch(clock::system_time().max(self.began));
        let root = self.root(exit_code, failure, &heard, now);
        let children = heard.tables.drain(..).map(|table| table.span(&root, now));
        let spans: Vec<Span> = std::iter::once(root.clone()).chain(children).collect();
        let resource = Resource { attributes: environment::resource(&environment::variable) };
        let request = |spans: &[Span]| {
            let (name, version) = ("lakexpress".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
            let scope_spans = ScopeSpans { scope: Some(Scope { name, version }), spans: spans.to_vec() };
            let resource = Some(resource.clone());
            let resource_spans = vec![ResourceSpans { resource, scope_spans: vec![scope_spans] }];
            Request { resource_spans }.encode_to_vec()
        };
        spans.chunks(SPANS_PER_REQUEST).map(request).collect()
    }

    fn root(&self, exit_code: u8, failure: Option<&Error>, heard: &Heard, now: u64) -> Span {
        let last = end::last();
        let (status, how) = match (last, exit_code) {
            (Some(last), _) => (last.status, last.how),
            (None, 0) => ("completed", None),
            (None, _) => ("failed", None),
        };
        let mut attributes = vec![
            attribute("lakexpress.status", status),
            attribute("process.exit.code", u64::from(exit_code)),
        ];
        let texts = [
            ("lakexpress.run_id", &heard.run_id),
            ("lakexpress.source", &heard.source),
            ("lakexpress.destination", &heard.destination),
        ];
        let known = texts.into_iter().filter(|(_, text)| !text.is_empty());
        attributes.extend(known.map(|(key, text)| attribute(key, shown(text))));
        let counts = last.map(|last| last.counts).unwrap_or_default();
        attributes.extend([
            attribute("lakexpress.tables.total", counts.tables as u64),
            attribute("lakexpress.tables.completed", counts.done as u64),
            attribute("lakexpress.tables.failed", counts.failed as u64),
            attribute("lakexpress.rows", counts.rows),
            attribute("lakexpress.files", counts.files),
            attribute("lakexpress.bytes", counts.bytes),
        ]);
        attributes.extend(failure.map(|failure| attribute("error.type", failure.kind().as_str())));
        let message = match (failure, how) {
            (Some(failure), _) => shown(&failure.to_string()),
            (None, Some(how)) => how.to_owned(),
            (None, None) if counts.failed > 0 => {
                format!("{} of {} tables failed", counts.failed, counts.tables)
            }
            (None, None) => format!("exit code {exit_code}"),
        };
        let parent = self.parent.as_ref();
        let trace_id = parent.map_or_else(|| Uuid::new_v4().into_bytes(), |parent| parent.trace_id);
        Span {
            trace_id: trace_id.to_vec(),
            span_id: span_id(),
            trace_state: parent.map_or_else(String::new, |parent| parent.state.clone()),
            parent_span_id: parent.map_or_else(Vec::new, |parent| parent.span_id.to_vec()),
            name: self.name.to_owned(),
            kind: message::INTERNAL,
            start_time_unix_nano: since_epoch(self.began),
            end_time_unix_nano: now,
            attributes,
            events: Vec::new(),
            status: (exit_code != 0).then_some(Status { message, code: message::FAILED }),
            flags: flags(parent.is_some()),
        }
    }
}

impl Table {
    fn span(self, root: &Span, now: u64) -> Span {
        let Self { table, began, ended, error, mut attributes, events, retries } = self;
        attributes.extend([
            attribute("lakexpress.schema", table.schema.as_str()),
            attribute("lakexpress.table", table.name.as_str()),
            attribute("lakexpress.retries", retries),
        ]);
        let error = match ended {
            Some(_) => error,
            None => Some("the command ended before the table".to_owned()),
        };
        Span {
            trace_id: root.trace_id.clone(),
            span_id: span_id(),
            trace_state: root.trace_state.clone(),
            parent_span_id: root.span_id.clone(),
            name: format!("export {table}"),
            kind: message::INTERNAL,
            start_time_unix_nano: began,
            end_time_unix_nano: ended.unwrap_or(now).max(began),
            attributes,
            events,
            status: error.map(|message| Status { message, code: message::FAILED }),
            flags: flags(false),
        }
    }
}

fn flags(is_remote: bool) -> u32 {
    let remote = if is_remote { message::IS_REMOTE } else { 0 };
    u32::from(SAMPLED) | message::HAS_IS_REMOTE | remote
}

/// Never zero: a UUID says in these bytes what it is.
fn span_id() -> Vec<u8> {
    Uuid::new_v4().as_bytes()[8..].to_vec()
}

/// As the run log and the log lines have it, on one line.
fn shown(text: &str) -> String {
    plain::line(&secret::in_text(text.to_owned())).into_owned()
}

/// A time of an event.
fn nanoseconds(at: Timestamp) -> u64 {
    since_epoch(at.moment().into())
}

fn since_epoch(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runlog::Repeated;

    const AT: [&str; 3] =
        ["2026-11-28T01:00:00.000Z", "2026-11-28T01:00:02.500Z", "2026-11-28T01:00:03.000Z"];

    fn at(nth: usize) -> Timestamp {
        AT[nth].parse().expect("a moment")
    }

    fn table(name: &str) -> TableRef {
        TableRef { schema: "public".into(), name: name.into() }
    }

    fn started(name: &str) -> RunEvent {
        let (run_id, at, method) = ("r".into(), at(0), "None".into());
        RunEvent::TableStarted { run_id, table: table(name), at, method, parts: 2, est_rows: 10 }
    }

    fn done(name: &str) -> RunEvent {
        let (run_id, at, directory) = ("r".into(), at(2), name.into());
        RunEvent::TableDone { run_id, table: table(name), at, rows: 10, directory, files: Vec::new() }
    }

    fn failed(name: &str, error: &str) -> RunEvent {
        let (run_id, at) = ("r".into(), at(1));
        RunEvent::TableFailed { run_id, table: table(name), at, error: error.into() }
    }

    #[test]
    fn events_become_spans_of_tables() {
        let error = "connection\nreset by postgres://u:s3cret@h/d".to_owned();
        let (class, code) = ("connection".to_owned(), Some("08006".to_owned()));
        let parts = vec![Repeated { part: Some(1), retries: 2, class, code, error }];
        let repeated =
            RunEvent::TableRepeated { run_id: "r".into(), table: table("again"), at: at(1), parts };
        let mut heard = Heard::default();
        for event in [
            started("again"),
            repeated,
            done("again"),
            started("open"),
            done("earlier"),
            failed("not_begun", &format!("{INTERRUPTED} (table public.not_begun)")),
            failed("not_described", "no right"),
        ] {
            heard.event(&event);
        }
        let root = Span { trace_id: vec![1; 16], span_id: vec![2; 8], ..Span::default() };
        let now = nanoseconds(at(2));
        let spans: Vec<Span> = heard.tables.into_iter().map(|table| table.span(&root, now)).collect();
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["export public.again", "export public.open", "export public.not_described"]);
        let (again, open, other) = (&spans[0], &spans[1], &spans[2]);
        assert_eq!(again.end_time_unix_nano - again.start_time_unix_nano, 3_000_000_000);
        assert!(again.status.is_none() && again.attributes.contains(&attribute("lakexpress.retries", 2)));
        let event = &again.events[0];
        assert_eq!(event.time_unix_nano, nanoseconds(at(1)));
        assert!(event.attributes.contains(&attribute("lakexpress.part", 1)));
        let text = format!("{:?}", event.attributes);
        assert!(text.contains("08006") && !text.contains("s3cret"), "{text}");
        assert!(!shown("a\nb").contains('\n'));
        assert_eq!(open.status.as_ref().map(|status| status.code), Some(message::FAILED));
        assert_eq!(open.end_time_unix_nano, now);
        assert_eq!(other.status.as_ref().map(|status| status.message.as_str()), Some("no right"));
        assert_eq!(other.start_time_unix_nano, other.end_time_unix_nano);
        assert!(spans.iter().all(|span| span.parent_span_id == root.span_id && span.span_id.len() == 8));
    }
}
