//! The answer to a request.

use http::{HeaderMap, StatusCode};

/// An answer with its content.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}
