//! The `lakexpress` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(lakexpress::cli::run())
}
