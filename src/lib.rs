//! lakexpress turns a database into Parquet files: exactly, at one point in time, all or nothing per table.
//!
//! The modules in the order data flows through them; nothing points back up.
//!
//! * [`cli`] reads flags, [`config`] resolves flags, environment and files to a [`spec::ExportSpec`].
//! * [`source`] lists, describes and reads a database; what it says is a [`catalog`] value.
//! * [`partition`] cuts a table into slices; [`plan`] turns it into a DataFusion plan.
//! * [`sink`] encodes parts, which a [`format`](mod@format) commits at a [`destination`], described by a [`manifest`].
//! * [`readers`] says what programs that read Parquet take, and makes text of what they do not.
//! * [`work`] is one part as a value, and who writes it.
//! * [`metadata`] describes what was committed in the words of others.
//! * [`run`] runs it all, [`runlog`] records it, [`report`] tells about it.
//! * [`secret`] says what may be shown of a secret, [`plain`] how text of others is shown.
//! * [`clock`] tells time and waits, [`blocking`] has a thread wait.
//! * [`demo`] makes a database out of nothing.

pub mod blocking;
pub mod catalog;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod demo;
pub mod destination;
pub mod error;
pub mod fingerprint;
pub mod format;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod manifest;
pub mod metadata;
pub mod partition;

pub mod plain;
pub mod plan;
pub mod publish;
pub mod readers;
pub mod report;
pub mod run;
pub mod runlog;
pub mod secret;
pub mod sink;
pub mod skipping;
pub mod source;
pub mod spec;
pub mod verify;
pub mod work;
