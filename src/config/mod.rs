//! Auth file, secrets, units: text to typed values.
//!
//! A setting comes from the first of these that has it:
//!
//! 1. the flag, in either spelling (`--n-jobs`, `--n_jobs`);
//! 2. the environment variable `LAKEXPRESS_` + the flag's name (`LAKEXPRESS_N_JOBS`);
//! 3. the default that `--help` states.
//!
//! The environment is read here and by the command line parser only.

pub mod auth;
pub mod script;
pub mod state;
pub mod units;

/// The candidate that `name` was probably meant to be, if one is near enough.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("ds_03_pgg", ["ds_01_pg", "ds_03_pg"]), Some("ds_03_pg"));
        assert_eq!(nearest("warehouse", ["ds_01_pg", "log"]), None);
    }
}
