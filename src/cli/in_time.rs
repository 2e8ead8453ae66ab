//! What is posted when a command is done, in the time that is left.

use std::io;
use std::time::Duration;

use super::signals::Stopping;
use crate::run::cancel::LONGEST;

/// How long before the process has to end a notification is given up.
const MARGIN: Duration = Duration::from_millis(300);
/// How long a notification may take after a signal that comes when the run is done.
const SHORT: Duration = Duration::from_millis(700);

/// What `posting` gives: none when there was no time left for it after a signal.
///
/// # Errors
/// No runtime.
pub(super) fn in_time<T>(
    stopping: Option<&Stopping>,
    posting: impl Future<Output = T>,
) -> io::Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let posted = runtime.block_on(async {
        let posting = Box::pin(posting);
        match stopping.map(Stopping::cancel) {
            Some(cancel) => {
                let time = if cancel.is_cancelled() { LONGEST - MARGIN } else { SHORT };
                cancel.within(time, posting).await
            }
            None => Some(posting.await),
        }
    });
    // Not the end of what blocks, such as a name that is looked up.
    runtime.shutdown_background();
    Ok(posted)
}
