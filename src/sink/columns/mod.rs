//! Batches of columns as Parquet stores them, in one file.
//!
//! Encoding is where most of the time of an export goes, and the `parquet` crate's encoders look at every value
//! several times. So flat columns of integers and bytes, which are nearly all there are, have encoders of their own
//! ([`integers`], [`bytes`]); all other columns go through the crate's ([`general`]). Both make column chunks that
//! the crate's file writer takes over (ADR 0008).
//!
//! * [`file`] writes row groups; [`kind`] says which encoder a column has, [`encoder`] what one does.
//! * [`chunk`] makes pages of encoded values; [`codec`] compresses them.
//! * [`dictionary`] numbers distinct values, [`rule`] says whether that pays, [`codes`] are the numbers of a page and
//!   [`hybrid`] packs them.
//! * [`delta`] packs differences; [`bounds`] are the statistics of bytes; [`nan`] finds columns that get none.
//! * [`page_index`] says where pages begin and what is in them, [`bloom`] what is certainly not in a chunk.
//!
//! Nothing here names the rest of the program, so that the folder can be tested, fuzzed, measured and moved by itself:
//! it writes to any [`Write`](std::io::Write), takes its settings in the crate's terms and has errors of its own
//! ([`error`] says why). `tests/architecture` holds it to that.

mod bloom;
mod bounds;
mod bytes;
mod chunk;
mod codec;
mod codes;
mod delta;
mod dictionary;
mod encoder;
mod error;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzzing;
mod general;
mod hybrid;
mod integers;
mod kind;
mod nan;
mod page_index;
#[cfg(any(test, feature = "fuzzing"))]
mod round_trip;
mod rule;
#[cfg(any(test, feature = "fuzzing"))]
mod steered;
#[cfg(test)]
mod tests;

pub(super) use self::bloom::BloomChoice;
pub(crate) use self::bloom::{bloom_filter_refusal, may_have_measured_bloom_filter};
pub(super) use self::error::Error;
pub(super) use self::file::{FileWriter, Settings, file_properties};
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use self::fuzzing::encoders as fuzzing_encoders;
pub(crate) use self::rule::dictionary_may_pay;
