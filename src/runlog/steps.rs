//! The changes of the tables, in order. A change has one number and one name in all databases; what it does in each is
//! in `sql/runlog/<database>/<number>-<name>.sql`, which may hold nothing but comments.

/// One change, with its script for each kind of database.
#[derive(Debug)]
pub(super) struct Step {
    /// As the scripts are named.
    pub(super) name: &'static str,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
    pub(super) mysql: &'static str,
}

macro_rules! steps {
    ($($name:literal),+ $(,)?) => {
        &[$(Step {
            name: $name,
            sqlite: include_str!(concat!("../../sql/runlog/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../sql/runlog/postgres/", $name, ".sql")),
            mysql: include_str!(concat!("../../sql/runlog/mysql/", $name, ".sql")),
        }),+]
    };
}

/// All changes. The first has number 1. None is changed or removed once it was released.
pub(super) const STEPS: &[Step] = steps!["0001-init", "0002-heartbeat", "0003-retries", "0004-prepared"];

/// Numbers in `schema_version` that are not those of [`STEPS`], each with the step that it stands for. Servers counted
/// without `0002-heartbeat` at first, and what is recorded keeps its meaning. From step 5 on all numbers agree.
pub(super) const SERVERS_COUNTED: &[(i64, i64)] = &[(2, 3), (3, 4)];

/// The number of the newest step.
pub(super) fn newest() -> i64 {
    STEPS.len() as i64
}

/// The step that a number in `schema_version` stands for.
pub(super) fn step_of(counted: &[(i64, i64)], recorded: i64) -> i64 {
    counted.iter().find(|(number, _)| *number == recorded).map_or(recorded, |(_, step)| *step)
}

/// The number under which a step is recorded; none if it never is, because its number stands for another step.
pub(super) fn recorded_as(counted: &[(i64, i64)], step: i64) -> Option<i64> {
    match counted.iter().find(|(_, of)| *of == step) {
        Some((number, _)) => Some(*number),
        None => counted.iter().all(|(number, _)| *number != step).then_some(step),
    }
}

/// Whether a script holds a statement.
pub(super) fn does_something(script: &str) -> bool {
    script.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with("--"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_scripts_of_all_databases_are_those_of_the_list_in_its_order() {
        let numbered: Vec<i64> =
            STEPS.iter().filter_map(|step| step.name.split_once('-')?.0.parse().ok()).collect();
        assert_eq!(numbered, (1..=newest()).collect::<Vec<_>>(), "steps are numbered without a gap");
        for database in ["sqlite", "postgres", "mysql"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/runlog").join(database);
            let entries = std::fs::read_dir(folder).expect("the scripts").flatten();
            let mut found: Vec<String> =
                entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            found.sort();
            let listed: Vec<String> = STEPS.iter().map(|step| format!("{}.sql", step.name)).collect();
            assert_eq!(found, listed, "sql/runlog/{database}");
        }
        for Step { name, sqlite, postgres, mysql } in STEPS {
            assert!([sqlite, postgres, mysql].into_iter().any(|script| does_something(script)), "{name}");
        }
    }

    #[test]
    fn every_recorded_number_stands_for_one_step() {
        for counted in [&[], SERVERS_COUNTED] {
            let recorded: Vec<(i64, i64)> = (1..=newest() + 3)
                .filter_map(|step| recorded_as(counted, step).map(|number| (number, step)))
                .collect();
            assert!(recorded.is_sorted_by(|before, after| before.0 < after.0), "{recorded:?}");
            assert!(recorded.iter().all(|(number, step)| step_of(counted, *number) == *step), "{recorded:?}");
        }
        assert_eq!([1, 2, 3, 5].map(|number| step_of(SERVERS_COUNTED, number)), [1, 3, 4, 5]);
        assert_eq!([1, 2, 3, 4, 5].map(|number| step_of(&[], number)), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_step_that_is_not_recorded_does_nothing() {
        for (at, step) in STEPS.iter().enumerate() {
            if recorded_as(SERVERS_COUNTED, at as i64 + 1).is_none() {
                assert!(!does_something(step.postgres) && !does_something(step.mysql), "{}", step.name);
            }
        }
        assert!(does_something("-- why\n\n  SELECT 1;") && !does_something(" -- why\n\n"));
    }
}
