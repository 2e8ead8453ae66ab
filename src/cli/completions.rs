//! `lakexpress completions`.

use super::args::CompletionsArgs;
use super::{help, print};
use crate::error::{Error, Result};

/// The program's name in completion scripts, which complete by name.
const PROGRAM: &str = "lakexpress";

/// Prints the completion script of a shell.
pub(super) fn run(args: &CompletionsArgs) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), PROGRAM, &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Error::internal("the completion script is not text").caused_by(error))?;
    if args.output.json {
        let document = serde_json::json!({ "shell": args.shell.to_string(), "script": script });
        print(&document.to_string())?;
    } else {
        print(&script)?;
    }
    Ok(0)
}
