//! What a person or a script reads after a run. Pure: values in, text out.

pub mod json;
pub mod run;
pub mod text;
mod verified;

pub use run::RunReport;

#[cfg(test)]
mod tests;
