//! A plan in a file: what was reviewed is what runs, or nothing does.
//!
//! Compared is what decides which values are written, and how: tables, conditions, columns and types, method, directory,
//! form and layout of the files. How many rows there are, and where the slices begin, is found out each time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::catalog::{SourceIdentity, TableRef};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::plan::TablePlan;
use crate::spec::ExportSpec;

/// Version of the document.
const FORMAT: u32 = 1;
/// Differences that an error lists.
const LISTED: usize = 20;
/// Of a table's plan: what another moment may change.
///
/// What is pushed and what is evaluated here follows from the filter; with `now()` in it, it has the moment in it.
const OF_THE_MOMENT: [&str; 9] = [
    "info",
    "snapshot",
    "pushed",
    "evaluated_here",
    "parts",
    "readers",
    "method_reason",
    "memory_bytes",
    "columns",
];

/// See the module. Printable, without secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReviewedPlan {
    /// Version of this document.
    #[serde(rename = "lakexpress_plan")]
    format: u32,
    /// Version of the program that planned.
    version: String,
    /// When, in UTC.
    planned_at: String,
    source: SourceIdentity,
    /// Where it writes, as a URL or path. What a storage of the auth file names may change.
    #[serde(default)]
    destination: Option<String>,
    /// What was asked for, and how source and destination are reached.
    pub spec: ExportSpec,
    tables: Vec<TablePlan>,
    /// Tables that cannot be exported.
    failed: Vec<TableRef>,
}

impl ReviewedPlan {
    /// Of what `spec` comes to over `source`: plans of tables, and tables that cannot be exported. `destination` is its
    /// location.
    pub fn new(
        spec: ExportSpec,
        source: &SourceIdentity,
        destination: Option<String>,
        tables: &[TablePlan],
        failures: &[(TableRef, Error)],
    ) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            planned_at: clock::moment().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            source: source.clone(),
            destination,
            spec,
            tables: tables.to_vec(),
            failed: failures.iter().map(|(table, _)| table.clone()).collect(),
        }
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// `Data` for what is no plan, or that of another version.
    pub fn read(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::data(format!("{what}: it is no plan that can be applied"))
                .coded(Code::PlanFile)
                .hint("lakexpress plan ... --out FILE writes one")
        };
        let document: Value =
            serde_json::from_str(text).map_err(|error| wrong("the file is not JSON").caused_by(error))?;
        match document.get("lakexpress_plan").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(_) => return Err(wrong("the file is of another version of lakexpress")),
            None => return Err(wrong("the file is another document")),
        }
        serde_json::from_value(document).map_err(|error| wrong("the file lacks something").caused_by(error))
    }

    /// Refuses to go on where `source`, `destination`, which is a location, or the plans that are made now, differ.
    ///
    /// # Errors
    /// `Data`, with what has changed.
    pub(super) fn agrees(
        &self,
        source: &SourceIdentity,
        destination: &str,
        plans: &[TablePlan],
        failures: &[(TableRef, Error)],
    ) -> Result<()> {
        let mut changes = Vec::new();
        if !self.source.is_same(source) {
            changes.push(format!("the source: {} before, {} now", self.source.url(), source.url()));
        }
        if let Some(before) = self.destination.as_deref().filter(|before| *before != destination) {
            changes.push(format!("the destination: {before} before, {destination} now"));
        }
        changes.extend(self.tables_changed(plans, failures)?);
        self.unchanged(changes)
    }

    /// Refuses to go on where the plan of one table, made once more, differs.
    ///
    /// # Errors
    /// `Data`, with what has changed.
    pub(super) fn agrees_on(&self, plan: &TablePlan) -> Result<()> {
        let before = self.tables.iter().find(|before| before.info.table == plan.info.table);
        self.unchanged(before.map(|before| differences(before, plan)).transpose()?.unwrap_or_default())
    }

    fn unchanged(&self, changes: Vec<String>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let (count, more) = (changes.len(), changes.len().saturating_sub(LISTED));
        let things = if count == 1 { "thing has" } else { "things have" };
        let stale =
            Error::data(format!("the plan is stale: {count} {things} changed since {}", self.planned_at))
                .coded(Code::StalePlan);
        let stale = changes.into_iter().take(LISTED).fold(stale, Error::hint);
        let stale = if more > 0 { stale.hint(format!("and {more} more")) } else { stale };
        Err(stale.hint("review it once more: lakexpress plan ... --out FILE"))
    }

    fn tables_changed(&self, plans: &[TablePlan], failures: &[(TableRef, Error)]) -> Result<Vec<String>> {
        let before: BTreeMap<&TableRef, &TablePlan> =
            self.tables.iter().map(|plan| (&plan.info.table, plan)).collect();
        let now: BTreeMap<&TableRef, &TablePlan> =
            plans.iter().map(|plan| (&plan.info.table, plan)).collect();
        let mut changes = Vec::new();
        for (table, error) in failures.iter().filter(|(table, _)| !self.failed.contains(table)) {
            let was =
                if before.contains_key(table) { "could be exported before" } else { "was not there before" };
            changes.push(format!("{table}: {was}, and now: {}", error.message()));
        }
        for (table, plan) in &before {
            match now.get(table) {
                Some(now) => changes.extend(differences(plan, now)?),
                None if failures.iter().any(|(failed, _)| failed == *table) => {}
                None => changes.push(format!("{table}: is not there any more")),
            }
        }
        for table in now.keys().filter(|table| !before.contains_key(*table)) {
            let was = if self.failed.contains(table) { "could not be exported before" } else { "is new" };
            changes.push(format!("{table}: {was}"));
        }
        for table in self.failed.iter().filter(|table| !now.contains_key(table)) {
            if failures.iter().all(|(failed, _)| failed != table) {
                changes.push(format!("{table}: is not there any more"));
            }
        }
        Ok(changes)
    }
}

/// What is different in the plans of one table.
fn differences(before: &TablePlan, now: &TablePlan) -> Result<Vec<String>> {
    let table = &before.info.table;
    let mut changes = Vec::new();
    let kinds = (before.info.kind.to_string(), now.info.kind.to_string());
    if kinds.0 != kinds.1 {
        changes.push(format!("{table}: a {} before, a {} now", kinds.0, kinds.1));
    }
    let columns = |plan: &TablePlan| -> Result<Vec<(String, Value)>> {
        plan.columns.iter().map(|column| Ok((column.name.clone(), value(column)?))).collect()
    };
    let (old, new) = (columns(before)?, columns(now)?);
    for (name, column) in &old {
        match new.iter().find(|(other, _)| other == name) {
            None => changes.push(format!("{table}: column {name} is not there any more")),
            Some((_, other)) if other != column => {
                let what = fields(column, other).join(", ");
                changes.push(format!("{table}: column {name}: {what}"));
            }
            Some(_) => {}
        }
    }
    let added = new.iter().filter(|(name, _)| old.iter().all(|(other, _)| other != name));
    changes.extend(added.map(|(name, _)| format!("{table}: column {name} is new")));
    if changes.is_empty() && old != new {
        changes.push(format!("{table}: the columns are in another order"));
    }
    let decided = |plan: &TablePlan| -> Result<Value> {
        let mut decided = value(plan)?;
        if let Value::Object(fields) = &mut decided {
            fields.retain(|name, _| !OF_THE_MOMENT.contains(&name.as_str()));
        }
        Ok(decided)
    };
    changes
        .extend(fields(&decided(before)?, &decided(now)?).into_iter().map(|what| format!("{table}: {what}")));
    Ok(changes)
}

/// The fields of two objects that differ.
fn fields(before: &Value, now: &Value) -> Vec<String> {
    let empty = Map::new();
    let [before, now] = [before, now].map(|value| value.as_object().unwrap_or(&empty));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    names
        .into_iter()
        .filter(|name| before.get(*name) != now.get(*name))
        .map(|name| format!("{name} {} before, {} now", text(before.get(name)), text(now.get(name))))
        .collect()
}

fn value(of: &impl Serialize) -> Result<Value> {
    serde_json::to_value(of)
        .map_err(|error| Error::internal("a plan cannot be written as JSON").caused_by(error))
}
