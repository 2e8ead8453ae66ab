//! `lakexpress man`.

use clap_mangen::Man;

use super::args::ManArgs;
use super::{help, print};
use crate::error::{Code, Error, Result};
use crate::spec::nearest;

/// The program's name in its pages, whatever it is called here.
const PROGRAM: &str = "lakexpress";

/// Prints a manual page, as roff.
pub(super) fn run(args: &ManArgs) -> Result<u8> {
    let mut program = help::command();
    program.build();
    let command = match &args.command {
        None => program,
        Some(name) => page_of(&program, name)?,
    };
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| Error::internal("the manual page cannot be written").caused_by(error))?;
    let page = String::from_utf8(page)
        .map_err(|error| Error::internal("the manual page is not text").caused_by(error))?;
    if args.output.json {
        print(&serde_json::json!({ "page": page }).to_string())?;
    } else {
        print(&page)?;
    }
    Ok(0)
}

fn page_of(program: &clap::Command, name: &str) -> Result<clap::Command> {
    let names = || program.get_subcommands().map(clap::Command::get_name).filter(|name| *name != "help");
    let found = program.find_subcommand(name).filter(|found| names().any(|name| name == found.get_name()));
    let Some(found) = found else {
        let near = nearest(name, names()).map_or(String::new(), |near| format!("did you mean {near}? "));
        let all = names().collect::<Vec<_>>().join(", ");
        return Err(Error::usage(format!("no command '{name}'"))
            .coded(Code::CommandLine)
            .hint(format!("{near}Commands: {all}")));
    };
    Ok(found.clone().display_name(format!("{PROGRAM}-{}", found.get_name())))
}
