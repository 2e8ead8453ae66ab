//! Which values are in effect, and where they come from.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::keys::{Keys, Kind};
use super::settings::{hidden, shown};
use crate::cli::args::{InEffect, Shown, ValueOrigin};
use crate::cli::variables::OfFile;

/// Of the innermost command of `matches`: its flags that may stand in a file and have a value, in the order of the help.
pub(super) fn in_effect(matches: &ArgMatches, of_file: &OfFile) -> Vec<InEffect> {
    let mut inner = matches;
    while let Some((_, next)) = inner.subcommand() {
        inner = next;
    }
    let keys = Keys::new();
    let mut settings = Vec::new();
    for key in keys.iter() {
        let id = key.arg.get_id().as_str();
        if !matches!(inner.try_contains_id(id), Ok(true)) {
            continue;
        }
        let add = |settings: &mut Vec<InEffect>, value, origin| {
            settings.push(InEffect { key: key.name.clone(), value, origin });
        };
        if let Some(flag) = of_file.flags.iter().find(|flag| flag.long == key.name) {
            for value in &flag.values {
                let text = match (&value.word, key.kind) {
                    (None, Kind::Switch) => Shown::Truth(value.shown == "true"),
                    (None, _) => Shown::Truth(true),
                    (Some(_), _) => shown(Some(key), &value.shown),
                };
                add(&mut settings, text, ValueOrigin::File(value.place.clone()));
            }
            continue;
        }
        let origin = match inner.value_source(id) {
            Some(ValueSource::CommandLine) => ValueOrigin::Flag,
            Some(ValueSource::EnvVariable) => {
                let variable = key.arg.get_long().unwrap_or_default().to_uppercase().replace('-', "_");
                ValueOrigin::Variable(format!("LAKEXPRESS_{variable}"))
            }
            Some(_) => ValueOrigin::Default,
            None => continue,
        };
        if key.kind == Kind::Switch {
            let on = inner.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or(false);
            add(&mut settings, Shown::Truth(on), origin);
            continue;
        }
        for text in inner.try_get_raw(id).ok().flatten().into_iter().flatten() {
            let text = hidden(key, &text.to_string_lossy());
            add(&mut settings, shown(Some(key), &text), origin.clone());
        }
    }
    settings
}
