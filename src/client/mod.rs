//! What clients of databases share, whether a source or a run log connects.

pub mod password;
