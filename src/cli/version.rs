//! What `--version` says: of what this program was made.

use std::sync::LazyLock;

/// The release, the commit and the compiler as `make dist` records them, and the features of `Cargo.toml` that are on.
///
/// The commit comes from the environment of the compiler and from nothing that reads git: the crate would be compiled
/// again after every commit.
pub(super) fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{}\ncommit: {}\nfeatures: {}\nrustc: {}",
            env!("CARGO_PKG_VERSION"),
            recorded(option_env!("LAKEXPRESS_COMMIT")),
            features(),
            recorded(option_env!("LAKEXPRESS_RUSTC")),
        )
    });
    &TEXT
}

fn recorded(value: Option<&'static str>) -> &'static str {
    value.filter(|value| !value.is_empty()).unwrap_or("not recorded")
}

fn features() -> String {
    let on: Vec<&str> = FEATURES.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    if on.is_empty() { "none".to_owned() } else { on.join(", ") }
}

const FEATURES: &[(&str, bool)] = &[
    ("bench", cfg!(feature = "bench")),
    ("fuzzing", cfg!(feature = "fuzzing")),
    ("otlp", cfg!(feature = "otlp")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_of_the_manifest_is_known() {
        let manifest = include_str!("../../Cargo.toml");
        let listed =
            manifest.split("\n[").find_map(|table| table.strip_prefix("features]")).expect("the table");
        let names =
            listed.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        assert_eq!(names, FEATURES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_not_recorded_is_said() {
        assert_eq!(recorded(None), "not recorded");
        assert_eq!(recorded(Some("")), "not recorded");
        assert_eq!(recorded(Some("1a2b3c")), "1a2b3c");
    }
}
