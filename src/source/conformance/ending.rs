//! What ends at the database when a stream or a view is dropped.

use std::time::Duration;

use super::view::{Table, first};
use super::{Subject, ensure};
use crate::catalog::Consistency;
use crate::clock;
use crate::error::Result;
use crate::source::TableRead;

/// How long the database may take to notice.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until the database does nothing for the source any more, as far as the fixture can tell.
async fn until_none(s: &Subject<'_>, kept: bool, sentence: &str) -> Result<()> {
    let mut left = PATIENCE;
    loop {
        let count = if kept { s.fixture.kept().await? } else { s.fixture.statements().await? };
        if count.is_none_or(|count| count == 0) {
            return Ok(());
        }
        ensure(!left.is_zero(), sentence)?;
        clock::sleep(PAUSE).await;
        left = left.saturating_sub(PAUSE);
    }
}

pub(super) async fn cancel(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let view = s.view(Consistency::Run).await?;
    let large = view.table(&s.fixture.large()).await?;
    let slow = TableRead { batch_rows: 10, ..large.all() };
    let stream = large.read(&slow)?;
    let running = s.fixture.statements().await?;
    ensure(running.is_none_or(|count| count == 0), "nothing happens before a stream is polled")?;
    drop(stream);
    // More than can be under way at once, one after the other.
    for _ in 0..view.held.readers().unwrap_or(4) + 2 {
        begun_and_dropped(s, &large, &slow).await?;
    }
    until_none(s, false, "a stream that is dropped cancels its statement").await?;
    view.held.check().await?;
    let small = view.table(&s.fixture.tables()[0]).await?;
    let rows = small.count(&small.ids()).await?;
    let found = small.texts(&small.ids()).await?.len();
    ensure(found == rows, "a view can be read after streams were dropped")
}

async fn begun_and_dropped(s: &Subject<'_>, large: &Table, slow: &TableRead) -> Result<()> {
    let mut stream = large.read(slow)?;
    let Ok(begun) = clock::timeout(PATIENCE, first(&mut stream)).await else {
        return ensure(false, "a stream that is dropped makes room for the next");
    };
    let begun = begun?;
    ensure(begun.num_rows() > 0, "a stream begins with rows")?;
    let running = s.fixture.statements().await?;
    // Or the fixture would see nothing later either.
    ensure(running.is_none_or(|count| count > 0), "a stream that is not read to its end is a statement")
}

pub(super) async fn release(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let view = s.view(Consistency::Run).await?;
    let table = view.table(&s.fixture.tables()[0]).await?;
    table.texts(&table.ids()).await?;
    let kept = s.fixture.kept().await?;
    ensure(kept.is_none_or(|count| count > 0), "a view is kept at the database")?;
    drop(view);
    until_none(s, true, "a view that is dropped is kept no longer").await
}
