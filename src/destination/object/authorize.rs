//! How requests are signed.

use std::fmt::Debug;

use async_trait::async_trait;
use object_store::client::HttpRequest;

/// Signs requests.
#[async_trait]
pub(crate) trait Authorize: Debug + Send + Sync {
    /// Adds what proves who we are.
    async fn authorize(&self, request: &mut HttpRequest) -> object_store::Result<()>;

    /// The same for a request that was signed and has more headers since.
    async fn sign_again(&self, request: &mut HttpRequest) -> object_store::Result<()>;
}
