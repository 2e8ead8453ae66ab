//! Command line: flags to spec, composition, rendering.
//!
//! `argv` makes old command lines readable, `args` and `values` turn text into types, `resolve`
//! into a spec and opened objects; one file per command calls the pipeline or the run log; `render` and
//! `output` tell what happened.

mod args;
mod argv;
mod check;
mod completions;
mod demo;
mod export;
mod help;
mod inspect;
mod logdb;
mod logging;
mod man;
mod metadata;
mod origin;
mod output;
mod plan;
mod progress;
mod query;
mod render;
mod report;
mod resolve;
mod resume;
mod runs;
mod signals;
mod status;
#[cfg(test)]
mod tests;
mod values;
mod variables;
mod verify;

use std::time::Duration;

use clap::FromArgMatches;
use indicatif::MultiProgress;

use self::args::{Cli, Command};
use self::variables::Variables;
use crate::error::{self, Error, ErrorKind, Result};

/// Address space of a stack; what is not used takes no memory.
const STACK_BYTES: usize = 64 << 20;

/// How long the end waits for blocking work, such as a write to the run log.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// Runs the command line of this process and returns its exit code.
///
/// | code | meaning |
/// |---|---|
/// | 0 | all done |
/// | 1 | the run ended and some tables failed |
/// | 2, 65, 70, 75, 77, 78 | [`ErrorKind::exit_code`] |
/// | 130, 143 | ended by Ctrl-C, by SIGTERM |
pub fn run() -> u8 {
    let argv = argv::prepare(std::env::args_os());
    let json = argv::wants_json(&argv);
    let parsed = variables::command().try_get_matches_from(&argv).and_then(|matches| {
        let mut cli = Cli::from_arg_matches(&matches)?;
        cli.command.take_note(&matches);
        Ok((cli, matches))
    });
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(refusal) => {
            let variables = match refusal.use_stderr() {
                true => Variables::at_fault(&argv, &refusal),
                false => Variables::default(),
            };
            return render::refused(&refusal, &variables, json);
        }
    };
    let json = cli.command.output().json;
    match Variables::of(&matches) {
        Ok(variables) => {
            execute(&cli.command).unwrap_or_else(|error| render::error(&error, &variables, json))
        }
        Err(error) => render::error(&error, &Variables::default(), json),
    }
}

fn execute(command: &Command) -> Result<u8> {
    let output = command.output();
    if output.hide_values {
        error::hide_values();
    }
    let bars = MultiProgress::new();
    let drawn = match command {
        Command::Export(args) => !args.no_progress,
        Command::Query(args) => !args.no_progress,
        Command::Resume(args) => !args.export.no_progress,
        _ => false,
    };
    let drawn = drawn && !output.quiet && progress::can_draw();
    logging::start(output, &bars, drawn)?;
    variables::warn_about_unknown();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Tasks here decode and encode for milliseconds at a time. After the usual 61 of them signals, timers and
        // sockets would have waited for seconds; to look costs a microsecond.
        .event_interval(2)
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Error::unavailable("cannot start threads").caused_by(error))?;
    // Planning takes a frame or more for each operator within another.
    let result = std::thread::scope(|scope| {
        let work = || runtime.block_on(Box::pin(dispatch(command, &bars, drawn)));
        let planner = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let planner = planner.map_err(|error| Error::unavailable("cannot start threads").caused_by(error))?;
        planner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    runtime.shutdown_timeout(SHUTDOWN);
    result
}

async fn dispatch(command: &Command, bars: &MultiProgress, drawn: bool) -> Result<u8> {
    match command {
        Command::Export(args) => match &args.resume {
            Some(run_id) => Box::pin(resume::run(args, run_id, bars, drawn)).await,
            None => export::run(args, bars, drawn).await,
        },
        Command::Plan(args) => Box::pin(plan::run(args)).await,
        Command::Inspect(args) => Box::pin(inspect::run(args)).await,
        Command::Query(args) => Box::pin(query::run(args, bars, drawn)).await,
        Command::Check(args) => Box::pin(check::run(args)).await,
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Man(args) => man::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Logdb(args) => logdb::run(args).await,
        Command::Resume(args) => Box::pin(resume::run(&args.export, &args.id, bars, drawn)).await,
        Command::Runs(args) => runs::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Report(args) => Box::pin(report::run(args)).await,
        Command::Metadata(args) => Box::pin(metadata::run(args)).await,
        Command::Verify(args) => Box::pin(verify::run(args)).await,
    }
}

/// Writes a command's result to standard output.
fn print(text: &str) -> Result<()> {
    output::result(text).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "cannot write to standard output").caused_by(error)
    })
}
