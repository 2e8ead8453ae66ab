//! One statement of a reader: ended at the server when nobody waits for it any more.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::moment::Reader;
use super::place::Place;
use crate::client::mysql::{Kill, Rows};
use crate::error::Result;

/// Runs `sql` and hands its rows to `work`, which reads them to their end, or leaves the rest when it returns early.
///
/// Whenever it ends, or is dropped, the statement does so too: a reader of a view sees to that itself when it is given
/// back, since the view needs it again.
///
/// # Errors
/// Those of `work`, what the server said, and `Unavailable` when the rows may be of another moment than the view's.
pub(super) async fn run<T>(
    place: &Arc<Place>,
    mut reader: Reader,
    sql: &str,
    work: impl AsyncFnOnce(&mut Rows<'_>) -> Result<T>,
) -> Result<T> {
    let is_alone = !reader.is_pinned();
    let (connection, mark) = reader.connection()?;
    let mut kill = is_alone.then(|| Kill::arm(Arc::clone(place.config()), mark.clone(), Handle::current()));
    let done = async {
        let statement = connection.prepare(sql).await?;
        let mut rows = connection.run(&statement, &[]).await?;
        rows.expect_much();
        let done = work(&mut rows).await?;
        if rows.has_ended() {
            drop(rows);
            connection.forget(statement).await?;
        }
        Ok(done)
    };
    let done: Result<T> = done.await;
    let is_over = !reader.connection()?.0.is_busy();
    if is_over {
        kill.iter_mut().for_each(Kill::disarm);
    }
    let done = done?;
    if is_over {
        reader.ensure_in_view()?;
    }
    Ok(done)
}
