//! What a source says: who it is, what is there, what went wrong and where; and what it never says.

use super::view::{READERS, View, expected, known, same};
use super::{BAD_ID, Subject, ensure};
use crate::catalog::{Consistency, TableFilter};
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Source, TableRead};

pub(super) async fn identity(s: &Subject<'_>) -> Result<()> {
    let identity = s.source.identity().await?;
    ensure(identity.url() == s.source.location(), "a source's location is that of its identity")?;
    ensure(identity.kind == s.source.dialect().name(), "a source and its dialect have one name")?;
    let again = s.fixture.open()?.identity().await?;
    ensure(identity.is_same(&again), "a source that is opened again is the same database")
}

pub(super) async fn list(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let tables = s.fixture.tables();
    let listed = s.source.list(&TableFilter::default()).await?;
    for table in tables.iter().chain([&s.fixture.bad(), &s.fixture.large()]) {
        let times = listed.iter().filter(|listed| listed.table == *table).count();
        ensure(times == 1, "each table is listed once").map_err(|error| error.with("table", table))?;
    }
    let one = TableFilter { include: vec![tables[0].full()], ..TableFilter::default() };
    let listed = s.source.list(&one).await?;
    ensure(listed.len() == 1 && listed[0].table == tables[0], "a filter that names one table lists it alone")
}

/// What the context of an error says.
fn said<'e>(error: &'e Error, key: &str) -> Option<&'e str> {
    error.context().iter().find(|(k, _)| *k == key).map(|(_, value)| value.as_str())
}

pub(super) async fn a_bad_value(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let view = s.view(Consistency::Run).await?;
    let table = view.table(&s.fixture.bad()).await?;
    ensure(
        table.texts(&table.ids()).await?.len() == 10,
        "a bad value harms nobody who does not read its column",
    )?;
    for (columns, batch_rows) in [(vec![0, 1], 1000), (vec![0, 1], 1), (vec![1, 0], 3), (vec![1], 1000)] {
        let read = TableRead { batch_rows, ..table.of(columns) };
        let Err(error) = table.batches(&read).await else {
            return ensure(false, "a stream that ends without an error has sent every row");
        };
        ensure(
            error.kind() == ErrorKind::Data,
            "a value that cannot be read exactly is an error of the data",
        )
        .map_err(|broken| broken.caused_by(error.copied()))?;
        ensure(
            said(&error, "table") == Some(table.info.table.to_string().as_str()),
            "an error names its table",
        )?;
        ensure(said(&error, "column") == Some("v"), "an error about a value names its column")?;
        let row = said(&error, "row").unwrap_or_default();
        // What else is said of its place comes after its key.
        let number = row.split(|c: char| !c.is_ascii_digit()).find(|number| !number.is_empty());
        ensure(number == Some(BAD_ID.to_string().as_str()), "an error about a value names its row")
            .map_err(|broken| broken.with("row", row))?;
        ensure(!error.hints().is_empty(), "an error about a value says what can be done")?;
    }
    Ok(())
}

pub(super) async fn a_missing_table(s: &Subject<'_>) -> Result<()> {
    let rows = expected(&s.fill().await?);
    let (missing, mut tables) = (s.fixture.missing(), s.fixture.tables());
    tables.insert(0, missing.clone());
    for level in [Consistency::Run, Consistency::Table, Consistency::None] {
        let view = match View::of(&s.source, &tables, level).await {
            Ok(view) => view,
            Err(error) => {
                let harmed = ensure(false, "a table that is not there harms no other");
                return harmed.map_err(|broken| broken.caused_by(error));
            }
        };
        let Err(error) = view.held.describe(&missing, &TableFilter::default()).await else {
            return ensure(false, "a table that is not there is not described");
        };
        ensure(
            said(&error, "table") == Some(missing.to_string().as_str()),
            "an error about a table names it",
        )?;
        for name in &tables[1..] {
            let table = view.table(name).await?;
            let found = known(table.texts(&table.all()).await?);
            same(&found, &rows, "a table that is not there harms no other")?;
        }
    }
    Ok(())
}

pub(super) async fn secrets(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let mut shown = vec![format!("{:?}", s.source), s.source.location()];
    shown.push(format!("{:?}", s.source.identity().await?));
    shown.push(format!("{:?}", s.source.dialect()));
    let view = s.view(Consistency::Run).await?;
    shown.push(format!("{:?}", view.held));
    let as_json = |value: serde_json::Result<String>| value.map_err(|e| Error::internal("JSON").caused_by(e));
    shown.push(as_json(serde_json::to_string(view.held.token()))?);
    let mut tables = s.fixture.tables();
    tables.push(s.fixture.bad());
    for name in tables {
        let table = view.table(&name).await?;
        shown.push(as_json(serde_json::to_string(&table.all()))?);
        if let Err(error) = table.batches(&table.all()).await {
            shown.push(format!("{error} {error:?}"));
        }
    }
    if let Err(error) = view.held.describe(&s.fixture.missing(), &TableFilter::default()).await {
        shown.push(format!("{error} {error:?}"));
    }
    if let Some(astray) = s.fixture.astray() {
        shown.extend(errors(astray.as_ref()).await?);
    }
    for secret in s.fixture.secrets() {
        ensure(shown.iter().all(|text| !text.contains(&secret)), "no secret is shown")?;
    }
    Ok(())
}

/// What a source says that cannot connect.
async fn errors(astray: &dyn Source) -> Result<Vec<String>> {
    let mut shown = vec![format!("{astray:?}"), astray.location()];
    let identity = astray.identity().await.err();
    let list = astray.list(&TableFilter::default()).await.err();
    let view = astray.snapshot(&[], Consistency::Run, READERS).await.err();
    ensure(identity.is_some() && list.is_some() && view.is_some(), "what cannot connect says so")?;
    for error in [identity, list, view].into_iter().flatten() {
        ensure(!matches!(error.kind(), ErrorKind::Internal), "what cannot connect is no defect")?;
        shown.push(format!("{error} {error:?}"));
    }
    Ok(shown)
}
