//! Credentials from libraries that quote what they read when they do not understand it.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;

use super::problem::Refusal;
use crate::error::{Code, Error};

/// A provider of credentials whose errors are classes of mistakes, without anything that was read; and whose
/// credentials can be sent.
pub(crate) struct Discreet<C> {
    inner: Arc<dyn CredentialProvider<Credential = C>>,
    store: &'static str,
    can_be_sent: fn(&C) -> bool,
}

impl<C> Discreet<C> {
    pub(crate) fn new(
        inner: Arc<dyn CredentialProvider<Credential = C>>,
        store: &'static str,
        can_be_sent: fn(&C) -> bool,
    ) -> Self {
        Self { inner, store, can_be_sent }
    }

    fn error(&self, source: Box<dyn std::error::Error + Send + Sync>) -> object_store::Error {
        object_store::Error::Generic { store: self.store, source }
    }
}

impl<C> Debug for Discreet<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Discreet")
    }
}

#[async_trait]
impl<C: Send + Sync + 'static> CredentialProvider for Discreet<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        let found = self.inner.get_credential().await;
        let credential = found.map_err(|error| self.error(Box::new(Refusal::of_sign_in(&error))))?;
        if (self.can_be_sent)(&credential) {
            return Ok(credential);
        }
        let error =
            Error::denied("the token that was handed out holds a character that no HTTP header can hold")
                .coded(Code::CredentialsMissing);
        Err(self.error(Box::new(error)))
    }
}
