//! Errors as a person or a script reads them, and the exit code. The only place that does this.

use std::fmt::Write as _;

use clap::error::ErrorKind as Refused;
use serde_json::{Map, Value, json};

use super::signals::{Orderly, SoFar, Stopped};
use super::variables::Variables;
use super::{after, end, output};
use crate::destination::Unfinished;
use crate::error::{Code, Error, ErrorKind, causes};
use crate::{plain, report, secret};

/// Tells about an error, in the words of the `variables` that flags came from, and returns the exit code.
pub(super) fn error(error: &Error, variables: &Variables, as_json: bool) -> u8 {
    let code = error.kind().exit_code();
    let body = error_json(error, variables, code);
    after::remember(|| text_of(&body));
    if !as_json || !document(&body) {
        output::message(&error_text(error, variables));
    }
    code
}

/// Tells about a command line that clap refused; help and version are no errors.
pub(super) fn refused(refusal: &clap::Error, variables: &Variables, as_json: bool) -> u8 {
    let code = u8::try_from(refusal.exit_code()).unwrap_or(ErrorKind::Usage.exit_code());
    let text = refusal.render().to_string();
    let shown = without_secrets(&text);
    // A URL where none belongs: most likely the source.
    let hint = (shown != text).then_some("a database is named by --source URL");
    // These lines are ours and stay lines: no [`Error`], which has but one.
    let named = variables.named_in_refusal(&shown);
    let message = named.trim().trim_start_matches("error: ");
    let hints: Vec<&str> = hint.into_iter().collect();
    let looked_up = match refusal.kind() {
        Refused::InvalidValue | Refused::ValueValidation => Code::FlagValue,
        Refused::ArgumentConflict => Code::FlagConflict,
        Refused::MissingRequiredArgument => Code::FlagMissing,
        _ => Code::CommandLine,
    };
    let body = || {
        json!({ "error": {
            "kind": ErrorKind::Usage.as_str(), "error_code": looked_up.to_string(), "message": message,
            "context": {}, "causes": [], "hints": hints, "exit_code": code,
        }})
    };
    if as_json && refusal.use_stderr() && document(&body()) {
        return code;
    }
    if refusal.use_stderr() && (hint.is_some() || named != shown) {
        let hint = hint.map_or(String::new(), |hint| format!("\nhint: {hint}"));
        output::message(&format!("error: {message}{hint}\n{}", code_line(looked_up)));
        return code;
    }
    let printed = refusal.print();
    if refusal.use_stderr() && refusal.kind() != Refused::DisplayHelpOnMissingArgumentOrSubcommand {
        output::message(&code_line(looked_up));
    }
    match printed {
        // Help and version: nothing else was asked for.
        Err(failed) if !refusal.use_stderr() && failed.kind() != std::io::ErrorKind::BrokenPipe => {
            error(&super::not_printed(failed), variables, as_json)
        }
        _ => code,
    }
}

/// `text` without the words of the command line that are URLs or connection strings: a password may be in them.
fn without_secrets(text: &str) -> String {
    let mut shown = text.to_owned();
    for word in std::env::args_os().map(|word| word.to_string_lossy().into_owned()) {
        let hidden = secret::value(&word);
        if hidden != word {
            shown = shown.replace(&word, &hidden);
            // `--flag=value` is repeated by its value.
            if let (Some((_, value)), Some((_, hidden))) = (word.split_once('='), hidden.split_once('=')) {
                shown = shown.replace(value, hidden);
            }
        }
    }
    secret::in_text(shown)
}

/// Tells that a signal ended the command, and what of it is left.
pub(super) fn interrupted(stopped: &Stopped, as_json: bool) {
    let (by, left) = (stopped.by, &stopped.left);
    let text = match &stopped.work {
        Some(Orderly { what, run_id: Some(_), .. }) => {
            format!(
                "{}: {what} was stopped; what was not committed is as before, or is finished by the next run",
                by.name()
            )
        }
        Some(Orderly { what, .. }) => format!("{}: {what} was stopped", by.name()),
        None => format!("{} before it was done", by.name()),
    };
    let mut context: Vec<(&str, String)> = Vec::new();
    let work = stopped.work.as_ref();
    context.extend(work.and_then(|work| work.run_id.clone()).map(|run_id| ("run", run_id)));
    context.extend(shortened(&left.locks).map(|paths| ("lock held", paths)));
    context.extend(shortened(&left.uploads).map(|paths| ("unfinished uploads", paths)));
    let hint = work.filter(|_| *left != Unfinished::default()).map(|work| work.remedy);
    let SoFar { counts, again } =
        work.and_then(|work| work.so_far.as_ref()).map_or_else(SoFar::default, |so_far| so_far());
    if let Some(run_id) = work.and_then(|work| work.run_id.as_ref()) {
        end::cut_short(Some(by), run_id, counts, again.as_ref());
    }
    let places: Map<String, Value> =
        context.iter().map(|(key, value)| ((*key).to_owned(), value.as_str().into())).collect();
    let missing = again.as_ref().and_then(|again| again.missing);
    let hints: Vec<&str> = hint.into_iter().chain(missing).collect();
    let body = json!({ "error": {
        "kind": "interrupted", "error_code": Code::Interrupted.to_string(), "message": text, "context": places, "causes": [], "hints": hints,
        "exit_code": by.exit_code(), "resume": again.as_ref().map(|again| &again.resume),
    }});
    after::remember(|| text_of(&body));
    if as_json && document(&body) {
        return;
    }
    let mut out = format!("error: {text}");
    for (key, value) in &context {
        let _ = write!(out, "\n  {key}: {value}");
    }
    if let Some(hint) = hint {
        let _ = write!(out, "\nhint: {hint}");
    }
    let _ = write!(out, "\n{}", code_line(Code::Interrupted));
    if let Some(again) = again {
        out.push('\n');
        report::text::to_finish(&mut out, &again);
    }
    output::message(out.trim_end());
}

/// The first few of `paths`, and how many more there are; none if there are none.
fn shortened(paths: &[String]) -> Option<String> {
    const SHOWN: usize = 5;
    let more = paths.len().saturating_sub(SHOWN);
    let shown = paths.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    (!paths.is_empty()).then(|| if more > 0 { format!("{shown} and {more} more") } else { shown })
}

fn text_of(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// Whether it could be written; the reason is said where not.
fn document(value: &Value) -> bool {
    output::result(&text_of(value)).unwrap_or_else(|error| {
        output::message(&format!("warning: cannot write to standard output: {error}"));
        false
    })
}

/// ```text
/// error: message
///   table: public.orders
///   caused by: permission denied
/// hint: grant the right to read it
/// code: LX0402 (lakexpress explain LX0402)
/// ```
fn error_text(error: &Error, variables: &Variables) -> String {
    let said = said(error, variables);
    let mut out = format!("error: {}", said.message);
    for (key, value) in said.context {
        let _ = write!(out, "\n  {key}: {value}");
    }
    for cause in said.causes {
        let _ = write!(out, "\n  caused by: {cause}");
    }
    for hint in said.hints {
        let _ = write!(out, "\nhint: {hint}");
    }
    let _ = write!(out, "\n{}", code_line(error.code()));
    out
}

/// The last line of an error: where more about it is found.
fn code_line(code: Code) -> String {
    format!("code: {code} (lakexpress explain {code})")
}

fn error_json(error: &Error, variables: &Variables, code: u8) -> Value {
    let said = said(error, variables);
    let context: Map<String, Value> =
        said.context.into_iter().map(|(key, value)| (key, value.into())).collect();
    json!({
        "error": {
            "kind": error.kind().as_str(),
            "error_code": error.code().to_string(),
            "message": said.message,
            "context": context,
            "causes": said.causes,
            "hints": said.hints,
            "exit_code": code,
        }
    })
}

/// The words of an error.
struct Said {
    message: String,
    context: Vec<(String, String)>,
    causes: Vec<String>,
    hints: Vec<String>,
}

fn said(error: &Error, variables: &Variables) -> Said {
    let named = |text: &str| variables.named_in(text);
    let message = named(error.message());
    let mut context: Vec<(String, String)> =
        error.context().iter().map(|(key, value)| ((*key).to_owned(), named(value))).collect();
    let causes: Vec<String> = shown_causes(error).iter().map(|cause| named(cause)).collect();
    let values = context.iter().map(|(_, value)| value.as_str());
    let all: Vec<&str> = values.chain([message.as_str()]).chain(causes.iter().map(String::as_str)).collect();
    context.extend(variables.repeated_in(&all.join("\n")));
    Said { message, context, causes, hints: error.hints().iter().map(|hint| named(hint)).collect() }
}

fn shown_causes(error: &Error) -> Vec<String> {
    let mut out = Vec::new();
    for cause in causes(error) {
        out.push(plain::line(&secret::in_text(cause.to_string())).into_owned());
        // One of ours inside another prints its own causes.
        if cause.is::<Error>() {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Error {
        Error::denied("cannot read the table")
            .coded(Code::SelectDenied)
            .with("table", "public.orders")
            .caused_by(std::io::Error::other("permission denied"))
            .hint("GRANT SELECT")
    }

    #[test]
    fn a_person_reads_message_place_cause_and_advice() {
        let expected = "error: cannot read the table\n  table: public.orders\n  caused by: permission denied\nhint: GRANT SELECT\n\
            code: LX0402 (lakexpress explain LX0402)";
        assert_eq!(error_text(&example(), &Variables::default()), expected);
    }

    #[test]
    fn a_script_reads_the_same() {
        let value = error_json(&example(), &Variables::default(), 77);
        assert_eq!(value["error"]["kind"], "denied");
        assert_eq!(value["error"]["error_code"], "LX0402");
        assert_eq!(value["error"]["context"]["table"], "public.orders");
        assert_eq!(value["error"]["causes"][0], "permission denied");
        assert_eq!(value["error"]["exit_code"], 77);
    }
}
