//! Work that blocks (disks, locks, password commands), on threads that serve no connections.

use crate::error::{Error, Result};

/// Runs `work` on a thread that may block. Dropping the future does not stop the work.
///
/// # Errors
/// Those of `work`; `Internal` when it panics.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => Err(Error::internal("a blocking task ended early").caused_by(ended)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn errors_come_out_unchanged_and_a_panic_is_one() {
        assert_eq!(blocking(|| Ok(7)).await.expect("done"), 7);
        let refused = blocking(|| Err::<(), _>(Error::denied("not yours"))).await.expect_err("refused");
        assert_eq!((refused.kind(), refused.message()), (ErrorKind::Denied, "not yours"));
        let ended = blocking(|| -> Result<()> { panic!("out of luck") }).await.expect_err("a panic");
        assert_eq!(ended.kind(), ErrorKind::Internal);
        assert!(ended.to_string().contains("out of luck"), "{ended}");
    }
}
