//! The rows of a part into several files: by the values of keys, and by size.
//!
//! * [`keyed`] writes one set of files per value of the keys, a bounded number of them at once.
//! * [`held`] puts rows in the order of their keys, [`scatter`] copies them there.
//! * [`keys`] tells rows apart by their keys, [`values`] writes a key as the name of a directory.
//! * [`runs`] are rows that wait on disk until the files of other keys are closed.

mod held;
mod keyed;
mod keys;
mod runs;
mod scatter;
#[cfg(test)]
mod tests;
mod values;

pub(super) use keyed::Keyed;
pub use keyed::fewer;
pub use values::{can_be_key, escape};
