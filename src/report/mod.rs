//! What a person or a script reads after a run. Pure: values in, text out.

pub mod json;
pub mod text;
mod verified;

#[cfg(test)]
mod tests;
