//! Names that are one to others: directories to a disk that ignores case.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use unicode_normalization::UnicodeNormalization;

use super::context::Services;
use crate::catalog::TableRef;
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::manifest::Manifest;
use crate::spec::{ExportSpec, layout};

/// Pairs of directories that the destination is asked about at once.
const QUESTIONS: usize = 8;
/// Pairs that are named.
const SHOWN: usize = 5;

/// What is equal for names that differ in case, in the way their letters are put together, or in dots and blanks at their
/// ends. Takes more for equal than any one disk does: `ß` and `ss`, for example.
fn folded(path: &str) -> String {
    let names = path.split('/').map(|name| name.trim_end_matches(['.', ' ']));
    let upper: String = names.collect::<Vec<_>>().join("/").nfkd().flat_map(char::to_uppercase).collect();
    upper.nfkd().flat_map(char::to_lowercase).nfkd().collect()
}

/// The places of keys that are there more than once.
pub(super) fn groups(keys: impl Iterator<Item = String>) -> Vec<Vec<usize>> {
    let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, key) in keys.enumerate() {
        alike.entry(key).or_default().push(at);
    }
    alike.into_values().filter(|group| group.len() > 1).collect()
}

/// What has a directory, in words, and the directory.
type Place = (String, String);

/// The directories of a run, and the pairs of them that are alike.
fn places(spec: &ExportSpec, tables: &[TableRef]) -> (Vec<Place>, Vec<(usize, usize)>) {
    let mut places: Vec<Place> = tables
        .iter()
        .map(|table| (table.to_string(), layout::table_dir(&spec.output.sub_path, table)))
        .collect();
    if spec.output.metadata.is_some() {
        // Documents lie in the directories of schemas, too.
        let mut schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
        schemas.dedup();
        places.extend(schemas.into_iter().map(|schema| {
            let directory = layout::escape(schema);
            let sub_path = &spec.output.sub_path;
            let full = if sub_path.is_empty() { directory } else { format!("{sub_path}/{directory}") };
            (format!("schema {schema}"), full)
        }));
    }
    let pairs = pairs(&places);
    (places, pairs)
}

/// The pairs of places whose directories are alike.
fn pairs(places: &[Place]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for group in groups(places.iter().map(|(_, directory)| folded(directory))) {
        for (nth, one) in group.iter().enumerate() {
            pairs.extend(group[nth + 1..].iter().map(|other| (*one, *other)));
        }
    }
    pairs
}

/// Asks the destination whether it keeps the directories of the run's tables apart, if there is a doubt.
///
/// Errors: `Usage`, naming the tables, when it does not; the destination's own when that cannot be found out.
pub(super) async fn keeps_apart(spec: &ExportSpec, tables: &[TableRef], services: &Services) -> Result<()> {
    services.cancel.or_stopped(ask(spec, tables, services.destination.as_ref())).await
}

async fn ask(spec: &ExportSpec, tables: &[TableRef], destination: &dyn Destination) -> Result<()> {
    const REMEDY: &str = "leave one of them out with --exclude, or give them to two runs with two places (--sub-path, --output-dir); \
         a query takes another name";
    let (places, pairs) = places(spec, tables);
    match clashes(&places, &pairs, destination, REMEDY).await? {
        None => Ok(()),
        Some(clashes) => Err(Error::usage(format!("to the destination these are one directory: {clashes}"))
            .coded(Code::DirectoryClash)
            .hint(REMEDY)),
    }
}

/// Asks the destination whether it keeps the partitions of a table in its directory apart, if there is a doubt. `files` are
/// the names of the new files, and `previous` has those that are there.
///
/// Errors: `Data`, naming the partitions, when it does not; the destination's own when that cannot be found out.
pub(super) async fn partitions_apart(
    (table, directory): (&TableRef, &str),
    files: &[String],
    previous: Option<&Manifest>,
    destination: &dyn Destination,
) -> Result<()> {
    const REMEDY: &str = "partition by an expression that makes them one, such as lower(column) AS name; if one of them is \
         there from an earlier run, begin another directory (--sub-path)";
    let new: BTreeSet<&str> = files.iter().flat_map(|name| directories(name)).collect();
    let there = previous.into_iter().flat_map(Manifest::own_files);
    let old: BTreeSet<&str> = there.flat_map(|file| directories(&file.name)).collect();
    let of = |below: &&str| (format!("partition {below}"), format!("{directory}/{below}"));
    let places: Vec<Place> = new.iter().chain(old.difference(&new)).map(of).collect();
    let pairs: Vec<(usize, usize)> =
        pairs(&places).into_iter().filter(|(one, other)| *one.min(other) < new.len()).collect();
    match clashes(&places, &pairs, destination, REMEDY).await? {
        None => Ok(()),
        Some(clashes) => Err(Error::data(format!("to the destination these are one directory: {clashes}"))
            .coded(Code::PartitionValue)
            .with("table", table)
            .hint(REMEDY)),
    }
}

/// The directories of a file below the table's, from the first to the last.
fn directories(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}

/// Those of `pairs` that are one directory to the destination, in words; `None` if there are none.
async fn clashes(
    places: &[Place],
    pairs: &[(usize, usize)],
    destination: &dyn Destination,
    remedy: &str,
) -> Result<Option<String>> {
    let questions = pairs.iter().map(|(one, other)| {
        let ((one, first), (other, second)) = (&places[*one], &places[*other]);
        async move {
            let apart =
                if first == second { Ok(false) } else { destination.keeps_apart(first, second).await };
            (one, other, second, apart)
        }
    });
    let base = destination.location();
    let full = |directory: &str| format!("{}/{directory}", base.trim_end_matches('/'));
    let (mut met, mut shown) = (0, Vec::new());
    // Questions about one directory would meet in the probe.
    let asked: BTreeSet<usize> = pairs.iter().flat_map(|(one, other)| [*one, *other]).collect();
    let at_once = if asked.len() == 2 * pairs.len() { QUESTIONS } else { 1 };
    let mut answers = stream::iter(questions).buffered(at_once);
    while let Some((one, other, directory, apart)) = answers.next().await {
        let apart = apart.map_err(|error| {
            let message = "whether two directories are one to the destination cannot be found out";
            Error::new(error.kind(), message)
                .with("directories of", format!("{one} and {other}"))
                .with("directory", full(directory))
                .code_of(&error)
                .hints_of(&error)
                .caused_by(error)
                .hint(remedy)
        })?;
        if !apart {
            met += 1;
            if met <= SHOWN {
                shown.push(format!("{one} and {other} ({})", full(directory)));
            }
        }
    }
    let more = if met > SHOWN { format!(" and {} more pairs", met - SHOWN) } else { String::new() };
    Ok((met > 0).then(|| format!("{}{more}", shown.join(", "))))
}

/// Says which tables could meet, where no destination is asked.
pub(super) fn warn_of_directories(spec: &ExportSpec, tables: &[TableRef]) {
    let (places, pairs) = places(spec, tables);
    for (one, other) in pairs.into_iter().take(SHOWN) {
        let (one, other) = (&places[one].0, &places[other].0);
        tracing::warn!(
            "{one} and {other}: one directory to a destination that ignores case or how letters are put together; there \
             an export refuses them (--exclude leaves one out)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{self, Address};

    #[test]
    fn names_that_some_disk_takes_for_one_are_alike() {
        for (one, other) in [
            ("Orders", "orders"),
            ("Sales/x", "sales/X"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("CAF\u{c9}", "cafe\u{301}"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{3a3}", "\u{3c2}"),
            ("\u{212a}", "k"),
            ("\u{fb01}n", "FIN"),
            ("Acme Inc", "Acme Inc."),
            ("k=a. /y=1", "k=a/y=1 "),
            ("a", "a"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        for (one, other) in [("a", "b"), ("a", "\u{e4}"), ("a b", "ab"), ("a_b", "a-b"), ("o", "0")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
        let keys = ["b", "a", "B", "c", "A", "a"].map(folded);
        assert_eq!(groups(keys.into_iter()), [vec![1, 4, 5], vec![0, 2]]);
    }

    #[tokio::test]
    async fn five_pairs_of_one_directory_are_named_and_more_are_counted() {
        let base = tempfile::tempdir().expect("a directory");
        let location = base.path().to_str().expect("text").to_owned();
        let destination = destination::open(&Address::Location(location)).expect("a destination");
        // A table that is there twice is a pair on every disk.
        for (names, named, end) in [("aab", 1, ")"), ("aaabbcc", 5, ")"), ("aaaab", 5, ") and 1 more pairs")]
        {
            let table = |name: char| TableRef { schema: "s".into(), name: name.into() };
            let tables: Vec<TableRef> = names.chars().map(table).collect();
            let error = ask(&ExportSpec::default(), &tables, destination.as_ref()).await.expect_err(names);
            assert_eq!(error.message().matches(" (").count(), named, "{error}");
            assert!(error.message().ends_with(end), "{error}");
        }
    }
}
