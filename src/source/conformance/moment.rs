//! All that is read under a view is of one moment, whoever reads it and whatever is committed meanwhile.

use futures::future::try_join_all;

use super::view::{Table, Texts, View, drain, expected, first, known, same, texts};
use super::{Change, Row, Subject, ensure};
use crate::catalog::{Consistency, SnapshotToken};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::source::TableRead;

/// What is committed while views are held.
fn changes() -> [Change; 3] {
    let row = |id: i64, n: Option<i64>| Row { id, n, name: Some("late".into()), since: None };
    [
        Change::Insert(vec![row(-1_000_000_007, Some(3)), row(1_000_000_007, None), row(0, Some(0))]),
        Change::Delete((0..100).map(|i| i * 30 - 700).collect()),
        Change::Rename((0..100).map(|i| i * 15 - 697).collect(), "changed".into()),
    ]
}

async fn rows_of(table: Table) -> Result<Texts> {
    Ok(known(table.texts(&table.all()).await?))
}

/// The tables that the suite changes.
async fn tables_of(s: &Subject<'_>, view: &View) -> Result<Vec<Table>> {
    try_join_all(s.fixture.tables().iter().map(|name| view.table(name))).await
}

pub(super) async fn one_moment(s: &Subject<'_>) -> Result<()> {
    for level in [Consistency::Run, Consistency::Table] {
        let mut rows = s.fill().await?;
        let before = expected(&rows);
        let begun = Instant::now();
        let view = s.view(level).await?;
        let taken = view.held.taken();
        ensure(begun <= taken && taken <= Instant::now(), "a view knows when it was taken")?;
        let tables = tables_of(s, &view).await?;
        // With the read that has begun.
        let readers = view.held.readers().unwrap_or(4).clamp(2, 4) - 1;
        for change in changes() {
            let mut under_way = tables[0].read(&TableRead { batch_rows: 10, ..tables[0].all() })?;
            let mut batches = vec![first(&mut under_way).await?];
            s.fixture.change(&change).await?;
            change.apply(&mut rows);
            view.held.check().await?;
            for table in &tables {
                let others = (0..readers).map(|_| rows_of(table.clone()));
                for found in try_join_all(others).await? {
                    same(&found, &before, "every reader of a view sees the same moment")?;
                }
                let count = table.count(&table.ids()).await?;
                ensure(count == before.len(), "a count is of the view's moment")?;
            }
            batches.extend(drain(under_way).await?);
            same(
                &known(texts(&batches)?),
                &before,
                "a read that has begun sees nothing that is committed later",
            )?;
        }
        drop(view);
        let later = s.view(level).await?;
        for table in tables_of(s, &later).await? {
            same(&rows_of(table).await?, &expected(&rows), "a view sees all that was committed before it")?;
        }
    }
    Ok(())
}

pub(super) async fn token(s: &Subject<'_>) -> Result<()> {
    let before = expected(&s.fill().await?);
    let view = s.view(Consistency::Run).await?;
    let text = serde_json::to_string(view.held.token()).map_err(|e| Error::internal("JSON").caused_by(e))?;
    let at: SnapshotToken = serde_json::from_str(&text).map_err(|e| Error::internal("JSON").caused_by(e))?;
    ensure(at == *view.held.token() && at.id.is_some(), "a token as JSON is the same token")?;
    ensure(
        chrono::DateTime::parse_from_rfc3339(&at.taken_at).is_ok(),
        "a token tells when the view was taken, as RFC 3339",
    )?;
    for change in changes() {
        s.fixture.change(&change).await?;
    }
    let elsewhere = s.fixture.open()?;
    for table in tables_of(s, &view).await? {
        let joined = Table { source: elsewhere.clone(), at: at.clone(), ..table };
        match rows_of(joined).await {
            Ok(found) => same(&found, &before, "who joins a view by its token sees the view's moment")?,
            Err(error) => {
                ensure(at.of_process, "a view that is not of its process can be joined by its token")
                    .map_err(|broken| broken.caused_by(error))?;
            }
        }
    }
    drop(view);
    Ok(())
}

pub(super) async fn level_none(s: &Subject<'_>) -> Result<()> {
    let mut rows = s.fill().await?;
    let view = s.view(Consistency::None).await?;
    ensure(view.held.token().id.is_none(), "a view of level none is of no moment")?;
    let tables = tables_of(s, &view).await?;
    for change in changes() {
        s.fixture.change(&change).await?;
        change.apply(&mut rows);
        for table in &tables {
            let found = rows_of(table.clone()).await?;
            same(&found, &expected(&rows), "with level none each read sees its own moment")?;
        }
    }
    Ok(())
}

pub(super) async fn ended(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let view = s.view(Consistency::Run).await?;
    view.held.check().await?;
    let table = view.table(&s.fixture.tables()[0]).await?;
    if view.held.gives_up() {
        view.held.give_up().await;
        ensure(view.held.check().await.is_err(), "a view that was ended is lost")?;
        ensure(rows_of(table.clone()).await.is_err(), "nothing is read under a view that was ended")?;
        ensure(table.count(&table.ids()).await.is_err(), "nothing is counted under a view that was ended")?;
    }
    Ok(())
}
