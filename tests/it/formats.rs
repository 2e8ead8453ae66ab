//! Formats on disk that earlier versions wrote: each is read for ever. The documents in the folders are as they were
//! written then.

mod files;
mod plans;
mod specs;
