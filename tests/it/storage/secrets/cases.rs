//! Every place from which a secret is read.

pub(super) mod clouds;
pub(super) mod databases;
pub(super) mod stores;
