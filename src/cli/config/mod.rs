//! The configuration file as values of flags, `lakexpress config` and `lakexpress init`.
//!
//! | file | holds |
//! |---|---|
//! | `keys.rs` | which keys there are: clap's grammar |
//! | `settings.rs` | what a file and those that it includes say, each value checked by its flag |
//! | `sections.rs` | the tables of patterns |
//! | `filled.rs` | a command line with what the file adds to it |
//! | `effect.rs` | what is in effect, and where it comes from |
//! | `check.rs`, `show.rs`, `schema.rs`, `init.rs` | the commands |

mod check;
mod effect;
mod filled;
mod init;
mod keys;
mod schema;
mod sections;
mod settings;
mod show;
#[cfg(test)]
mod tests;

pub(super) use self::filled::filled;
pub(super) use self::init::run as init;
use super::args::{Command, ConfigAction, ConfigArgs};
use super::variables::OfFile;
use crate::error::Result;

/// `lakexpress config`.
pub(super) fn run(args: &ConfigArgs) -> Result<u8> {
    match &args.action {
        ConfigAction::Check(args) => check::run(args),
        ConfigAction::Show(args) => show::run(args),
        ConfigAction::Schema(args) => schema::run(args),
    }
}

/// Remembers, for the commands that say it, what is in effect.
pub(super) fn take_note(command: &mut Command, matches: &clap::ArgMatches, of_file: &OfFile) {
    match command {
        Command::Init(args) => args.settings = effect::in_effect(matches, of_file),
        Command::Config(ConfigArgs { action: ConfigAction::Show(args) }) => {
            args.settings = effect::in_effect(matches, of_file);
        }
        _ => {}
    }
}
