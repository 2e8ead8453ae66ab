//! A small file whose content was kept: uploaded after all.

use futures::future::BoxFuture;

use super::abort::abort_all;
use super::place::Place;
use crate::error::{Error, Result};
use crate::sink::{Kept, PreparedFile};

/// Uploads a file that was kept.
pub(in crate::format) fn upload<'a>(
    place: &'a Place,
    file: &'a mut PreparedFile,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async {
        let Some(Kept(content)) = file.kept.take() else { return Ok(()) };
        let mut upload = place.destination.create(&file.upload.path, file.entry.bytes).await?;
        if let Err(error) = upload.put_part(content).await {
            // The error that made us give up is the one to tell; the next run removes what is left.
            let _ = upload.abort().await;
            return Err(error);
        }
        let sent = upload.finish().await?;
        if (sent.bytes, &sent.crc32) != (file.upload.bytes, &file.upload.crc32) {
            abort_all(place, &[sent]).await;
            return Err(
                Error::internal("what was uploaded is not what was written").with("file", &file.entry.name)
            );
        }
        file.upload = sent;
        Ok(())
    })
}
