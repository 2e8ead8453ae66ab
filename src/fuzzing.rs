//! What reads bytes that others wrote, one function each: the entries of `fuzz/`. Not part of the library's interface.
//!
//! Each takes any bytes, and returns. An error is as good as none; a panic, an allocation out of proportion or a wait
//! without end is not.

use crate::error::{Error, ErrorKind};

/// Name and entry.
type Target = (&'static str, fn(&[u8]));

/// Every target. `fuzz/corpus/NAME` has its seeds.
pub const TARGETS: &[Target] = &[
    ("arrays", |data| accept(crate::source::postgres_fuzzing::arrays(data))),
    ("auth", |data| accept(crate::config::fuzzing(data))),
    ("copy", |data| accept(crate::source::postgres_fuzzing::copy(data))),
    ("delta", |data| accept(crate::format::delta_fuzzing(data))),
    ("encoders", |data| accept(crate::sink::encoders_fuzzing(data))),
    ("intent", |data| accept(crate::format::fuzzing(data))),
    ("lock", |data| crate::destination::fuzzing(data)),
    ("manifest", |data| accept(crate::format::read_manifest(data))),
    ("mysql", |data| accept(crate::client::mysql_fuzzing::server(data))),
    ("numeric", |data| accept(crate::source::postgres_fuzzing::numeric(data))),
    ("server", |data| accept(crate::client::postgres_fuzzing::server(data))),
];

/// Runs a target.
pub fn run(name: &str, data: &[u8]) {
    if let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) {
        target(data);
    }
}

/// What others write is never an error of ours, and every message can be shown.
fn accept<T>(result: Result<T, Error>) {
    if let Err(error) = result {
        let shown = format!("{error} {error:?}");
        assert!(error.kind() != ErrorKind::Internal, "{shown}");
        assert!(shown.len() < 1 << 20, "a message of {} bytes", shown.len());
    }
}

#[cfg(test)]
mod tests;
