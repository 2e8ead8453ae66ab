//! The `lakexpress` program.

fn main() {}
