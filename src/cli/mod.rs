//! Command line: flags to spec, composition, rendering.
//!
//! `argv` makes old command lines readable, `config` adds what a configuration file says, `args` and `values` turn text
//! into types, `resolve`
//! into a spec and opened objects; one file per command calls `run` or the run log; `render` and
//! `output` tell what happened.

mod after;
mod again;
mod apply;
mod args;
mod argv;
mod check;
mod completions;
mod config;
mod counts;
mod demo;
mod end;
mod explain;
mod explain_layout;
mod export;
mod first;
mod help;
mod in_time;
mod inspect;
mod logdb;
mod logging;
mod man;
mod metadata;
mod metrics;
mod named;
mod notify;
mod origin;
mod output;
mod plan;
mod progress;
mod publish;
mod query;
mod render;
mod report;
mod resolve;
mod resume;
mod runs;
mod seen;
mod signals;
mod status;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "otlp", test))]
mod traces;
mod values;
mod variables;
mod verify;
mod version;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, FromArgMatches};
use indicatif::MultiProgress;
use tokio::runtime::Runtime;

use self::args::{Cli, Command, FormatArg};
use self::output::{not_printed, print, tell};
use self::seen::Seen;
use self::signals::{Last, Stopping};
use self::variables::{OfFile, Variables};
use crate::error;
use crate::error::{Code, Error, Result};

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
/// | 2, 65, 70, 74, 75, 77, 78 | [`ErrorKind::exit_code`] |
/// | 129, 130, 143 | ended by SIGHUP, by Ctrl-C, by SIGTERM |
pub fn run() -> u8 {
    let argv = argv::prepare(std::env::args_os());
    let json = argv::wants_json(&argv);
    if let Some(shown) = first::screen(&argv) {
        return shown.map_or_else(|error| render::error(&error, &Variables::default(), json), |()| 0);
    }
    let asked = argv.get(1).map(|command| command.to_string_lossy().into_owned());
    let Line { argv, parsed, of_file } = match parsed(argv) {
        Ok(line) => line,
        Err(error) => return render::error(&error, &Variables::default(), json),
    };
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(refusal) => {
            let variables = match refusal.use_stderr() {
                true => Variables::at_fault(&argv, &refusal).and(of_file, &argv),
                false => Variables::default(),
            };
            return render::refused(&help::advised(refusal, asked.as_deref()), &variables, json);
        }
    };
    let json = cli.command.says_json();
    let variables = match Variables::of(&matches) {
        Ok(variables) => variables,
        Err(error) => return render::error(&error, &Variables::default(), json),
    };
    let mut engine = Engine::default();
    let ended = execute(&cli.command, &of_file, &mut engine);
    let variables = variables.and(of_file, &argv);
    let code = ended.as_ref().map_or_else(|error| error.kind().exit_code(), |code| *code);
    if let Err(error) = &ended {
        render::error(error, &variables, json);
    }
    let stopping = engine.stopping.as_deref();
    if let Some(stopping) = stopping {
        stopping.concluded(code);
    }
    after::write_metrics(code);
    after::notify(code, stopping);
    #[cfg(any(feature = "otlp", test))]
    traces::send(code, ended.as_ref().err(), stopping);
    if let Some(runtime) = engine.runtime {
        runtime.shutdown_timeout(SHUTDOWN);
    }
    end::log(ended.as_ref().err(), code);
    code
}

/// A command line with what a configuration file adds to it.
struct Line {
    argv: Vec<OsString>,
    parsed: std::result::Result<(Cli, ArgMatches), clap::Error>,
    of_file: OfFile,
}

/// Parses a command line, and once more with what the configuration file that it names says of other flags.
///
/// # Errors
/// Those of the configuration file. Those of the command line are in the result.
fn parsed(mut argv: Vec<OsString>) -> Result<Line> {
    let mut matched = variables::command().try_get_matches_from(&argv);
    let mut of_file = OfFile::default();
    if let Ok(matches) = &matched
        && let Some(filled) = config::filled(&argv, matches)?
    {
        (argv, of_file) = (filled.argv, filled.of_file);
        matched = variables::command().try_get_matches_from(&argv);
    }
    let parsed = matched.and_then(|matches| {
        let mut cli = Cli::from_arg_matches(&matches)?;
        cli.command.take_note(&matches, &|long| of_file.has(long));
        config::take_note(&mut cli.command, &matches, &of_file);
        Ok((cli, matches))
    });
    Ok(Line { argv, parsed, of_file })
}

/// What a command runs in, as far as it came.
#[derive(Default)]
struct Engine {
    runtime: Option<Runtime>,
    stopping: Option<Arc<Stopping>>,
}

fn execute(command: &Command, of_file: &OfFile, engine: &mut Engine) -> Result<u8> {
    let output = command.output();
    if output.hide_values {
        error::hide_values();
    }
    let bars = MultiProgress::new();
    let drawn = match command {
        Command::Export(args) => !args.progress.no_progress,
        Command::Query(args) => !args.progress.no_progress,
        Command::Resume(args) => !args.export.progress.no_progress,
        Command::Apply(args) => !args.progress.no_progress,
        _ => false,
    };
    let drawn = drawn && !output.quiet && progress::can_draw();
    let logging = logging::start(output, &bars, drawn);
    let noted = after::begin(command);
    logging?;
    noted?;
    variables::warn_about_unknown();
    of_file.log();
    // Before all work, and for every command: see there.
    let json = command.says_json();
    let stopping = Stopping::begin(Last {
        say: Box::new(move |stopped| render::interrupted(stopped, json)),
        log: |code| end::log(None, code),
        metrics: after::write_metrics,
        posts: after::posts,
    })?;
    let stopping: &Stopping = engine.stopping.insert(stopping);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Tasks here decode and encode for milliseconds at a time. After the usual 61 of them signals, timers and
        // sockets would have waited for seconds; to look costs a microsecond.
        .event_interval(2)
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| {
            Error::unavailable("cannot start threads").coded(Code::SystemLimits).caused_by(error)
        })?;
    let runtime: &Runtime = engine.runtime.insert(runtime);
    // Planning takes a frame or more for each operator within another.
    let seen = Seen { bars: &bars, drawn, stopping };
    std::thread::scope(|scope| {
        let work = || runtime.block_on(stopping.until_signal(Box::pin(dispatch(command, &seen))));
        let planner = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let planner = planner.map_err(|error| {
            Error::unavailable("cannot start threads").coded(Code::SystemLimits).caused_by(error)
        })?;
        planner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

async fn dispatch(command: &Command, seen: &Seen<'_>) -> Result<u8> {
    match command {
        Command::Export(args) => match &args.resume {
            Some(run_id) => Box::pin(resume::run(args, run_id, seen)).await,
            None => export::run(args, seen).await,
        },
        Command::Plan(args) => Box::pin(plan::run(args)).await,
        Command::Apply(args) => Box::pin(apply::run(args, seen)).await,
        Command::Inspect(args) => Box::pin(inspect::run(args)).await,
        Command::Query(args) => match args.format {
            FormatArg::Plain | FormatArg::Delta => Box::pin(query::run(args, seen)).await,
            FormatArg::Arrow => Box::pin(stream::run(args, seen)).await,
        },
        Command::Check(args) => Box::pin(check::run(args, seen)).await,
        Command::Init(args) => Box::pin(config::init(args)).await,
        Command::Config(args) => config::run(args),
        Command::Demo(args) => Box::pin(demo::run(args, seen)).await,
        Command::Man(args) => man::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Logdb(args) => logdb::run(args).await,
        Command::Resume(args) => Box::pin(resume::run(&args.export, &args.id, seen)).await,
        Command::Runs(args) => runs::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Report(args) => Box::pin(report::run(args)).await,
        Command::Metadata(args) => Box::pin(metadata::run(args)).await,
        Command::Verify(args) => Box::pin(verify::run(args)).await,
        Command::Publish(args) => Box::pin(publish::run(args)).await,
        Command::ExplainLayout(args) => Box::pin(explain_layout::run(args)).await,
    }
}
