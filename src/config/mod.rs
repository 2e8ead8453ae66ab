//! Auth file, secrets, units: text to typed values.
//!
//! A setting comes from the first of these that has it:
//!
//! 1. the flag, in either spelling (`--n-jobs`, `--n_jobs`);
//! 2. the environment variable `LAKEXPRESS_` + the flag's name (`LAKEXPRESS_N_JOBS`);
//! 3. the configuration file of `-c/--config` (`n-jobs = 4`);
//! 4. the default that `--help` states.
//!
//! Sources take defaults from variables of their own too (`PGHOST`, `MYSQL_HOST` and their like), below what the URL
//! or the auth entry says.
//!
//! The environment is read here and by the command line parser only.

pub mod auth;
pub mod environment;
pub mod file;
pub mod own;
pub mod process;
pub mod script;
pub mod state;
pub mod units;
pub mod window;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use auth::fuzzing;
