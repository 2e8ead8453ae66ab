//! Where things lie below the destination's base.
//!
//! ```text
//! [sub_path/]<schema>/<table>/part-00000.parquet      one file per slice
//! [sub_path/]<schema>/<table>/year=2024/month=03/part-00007.parquet   method Timepartition
//! [sub_path/]<schema>/<table>/_manifest.json          written last
//! [sub_path/]<schema>/<table>/_commit.json            only while a commit is under way
//! _lakexpress/<run_id>.json                           the whole run
//! ```
//!
//! Schema and table names are escaped by one rule: `%`, `/`, `\`, `:`, `*`, `?`, `"`, `<`, `>`, `|` and
//! control characters become `%XX` (each UTF-8 byte); so do a leading dot, a trailing dot or space,
//! and the first character of a name that a document or directory of ours has, in any case of its letters: `_lakexpress`,
//! `_lock`, `_manifest.json`, `_commit.json`. In a name that would then read as Hive's `key=value`,
//! which readers take for a column of the table above it, `=` becomes `%3D`. Everything else, other scripts
//! included, stays.
//!
//! | name | directory |
//! |---|---|
//! | `orders` | `orders` |
//! | `Größe 1` | `Größe 1` |
//! | `a/b` | `a%2Fb` |
//! | `50%` | `50%25` |
//! | `..` | `%2E%2E` |
//! | `year=2024` | `year%3D2024` |
//! | `_lock`, `_LOCK` | `%5Flock`, `%5FLOCK` |
//! | `=x`, `_a=b` | `=x`, `_a=b` |

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::catalog::TableRef;

/// The manifest of a table, in its directory.
pub const MANIFEST: &str = "_manifest.json";
/// The intent of a commit, in the table's directory.
pub const INTENT: &str = "_commit.json";
/// The lock of a table's directory.
pub const LOCK: &str = "_lock";
/// Directory of run summaries, in the base.
pub const RUNS_DIR: &str = "_lakexpress";

/// The name that Hive gives to the directory of NULL.
pub const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Names that ours would meet, also on disks that ignore case.
const OURS: [&str; 4] = [RUNS_DIR, LOCK, MANIFEST, INTENT];

/// A schema or table name as a directory name.
pub fn escape(name: &str) -> String {
    let ours = OURS.iter().any(|own| own.eq_ignore_ascii_case(name));
    let mut out = String::with_capacity(name.len());
    let last = name.chars().count().saturating_sub(1);
    for (i, c) in name.chars().enumerate() {
        let special = matches!(c, '%' | '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
            || c.is_control()
            || (i == 0 && c == '.')
            || (i == last && matches!(c, '.' | ' '))
            || (i == 0 && ours);
        if special {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
    if is_hive(&out) { out.replace('=', "%3D") } else { out }
}

/// Whether a directory's name is Hive's `key=value`: such directories belong to the table that they are in.
pub fn is_hive(name: &str) -> bool {
    let key = name.split_once('=').map_or("", |(key, _)| key);
    !key.is_empty() && !name.starts_with(['.', '_']) && !name.contains(['/', '\\', '\0'])
}

/// The values that the `key=value` directories of a file say; `None` is NULL.
pub fn hive_values(name: &str) -> BTreeMap<String, Option<String>> {
    let text = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let directories = name.rsplit_once('/').map_or("", |(directories, _)| directories);
    let pairs = directories.split('/').filter_map(|directory| directory.split_once('='));
    pairs.map(|(key, value)| (text(key), (value != HIVE_NULL).then(|| text(value)))).collect()
}

/// The name of a data file relative to its table's directory: what comes after the last slash, if all before it are
/// `key=value` directories.
pub fn file_name(relative: &str) -> Option<&str> {
    let mut names = relative.rsplit('/');
    let file = names.next()?;
    names.all(is_hive).then_some(file)
}

/// The keys of the directories in which a data file lies below its table: `year=/month=`; empty when it lies in none.
pub fn directories(relative: &str) -> String {
    let mut names: Vec<&str> = relative.split('/').collect();
    names.pop();
    let keys = names.iter().map(|name| name.split_once('=').map_or(*name, |(key, _)| key));
    keys.map(|key| format!("{key}=")).collect::<Vec<_>>().join("/")
}

/// The directory of a table below the base, without a trailing slash.
pub fn table_dir(sub_path: &str, table: &TableRef) -> String {
    let own = format!("{}/{}", escape(&table.schema), escape(&table.name));
    if sub_path.is_empty() { own } else { format!("{sub_path}/{own}") }
}

/// Where the schemas' directories of a run lie, for a person or a script: the base and the sub path below it.
pub fn below(base: &str, sub_path: &str) -> String {
    if sub_path.is_empty() { base.to_owned() } else { format!("{}/{sub_path}", base.trim_end_matches('/')) }
}

/// How a run names the files of its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileNames {
    /// By their parts: the names of the run before and of the next one.
    Fixed,
    /// By their parts and the run, whose id this is: they lie next to the files of other runs.
    OfRun(String),
}

impl FileNames {
    /// The name of part `part`'s file.
    pub fn of(&self, part: usize) -> String {
        match self {
            Self::Fixed => part_name(part, None),
            Self::OfRun(run) => part_name(part, Some(run)),
        }
    }
}

/// The name of file `number` of the part whose file would be `file`: `part-00007-001.parquet`.
pub fn numbered(file: &str, number: usize) -> String {
    let stem = file.strip_suffix(".parquet").unwrap_or(file);
    format!("{stem}-{number:03}.parquet")
}

/// Whether `name`, relative to the table's directory, is `file` or one of several files of that part.
pub fn is_of_part(name: &str, file: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".parquet");
    let rest = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".parquet"));
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('-').is_some_and(|digits| {
                (3..8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
            })
    })
}

/// The file name of part `part`. `append_run` is the run's id when files are added to others'.
pub fn part_name(part: usize, append_run: Option<&str>) -> String {
    match append_run {
        None => format!("part-{part:05}.parquet"),
        Some(run) => {
            let hex: String = run.chars().filter(char::is_ascii_hexdigit).collect();
            // The tail of a UUID is random in every version; its head may be a clock.
            format!("part-{part:05}-{}.parquet", &hex[hex.len().saturating_sub(8)..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_directories_by_the_table_above() {
        for (name, dir) in [
            ("orders", "orders"),
            ("Größe 1", "Größe 1"),
            ("a/b", "a%2Fb"),
            ("50%", "50%25"),
            ("..", "%2E%2E"),
            (".", "%2E"),
            (".hidden", "%2Ehidden"),
            ("end ", "end%20"),
            ("_lakexpress", "%5Flakexpress"),
            ("_private", "_private"),
            ("_lock", "%5Flock"),
            ("_LOCK", "%5FLOCK"),
            ("_manifest.json", "%5Fmanifest.json"),
            ("_commit.json", "%5Fcommit.json"),
            ("_lockx", "_lockx"),
            ("tab\t", "tab%09"),
            ("year=2024", "year%3D2024"),
            ("a=b=c", "a%3Db%3Dc"),
            ("a/b=c", "a%2Fb%3Dc"),
            (".a=b", "%2Ea%3Db"),
            ("=x", "=x"),
            ("_a=b", "_a=b"),
        ] {
            assert_eq!(escape(name), dir);
        }
    }

    #[test]
    fn directories_are_told_by_their_keys() {
        assert_eq!(directories("part-00000.parquet"), "");
        assert_eq!(directories("year=2024/month=1/part-00000.parquet"), "year=/month=");
        assert_eq!(directories("year=__HIVE_DEFAULT_PARTITION__/p.parquet"), "year=");
    }

    #[test]
    fn hive_directories_belong_to_their_table() {
        assert_eq!(file_name("year=2024/month=03/part-00000.parquet"), Some("part-00000.parquet"));
        assert_eq!(file_name("part-00000.parquet"), Some("part-00000.parquet"));
        for other in ["below/x", "../x", "a=b/../x", "=b/x", ".a=b/x", "_a=b/x", "/x", "a=b//x"] {
            assert_eq!(file_name(other), None, "{other}");
        }
    }

    #[test]
    fn appended_parts_carry_the_run() {
        assert_eq!(part_name(7, None), "part-00007.parquet");
        let run = "0199a1b2-0000-7000-8000-0123456789ab";
        assert_eq!(part_name(7, Some(run)), "part-00007-456789ab.parquet");
        assert_eq!(numbered(&part_name(7, None), 1), "part-00007-001.parquet");
        assert_eq!(numbered(&part_name(7, Some(run)), 1234), "part-00007-456789ab-1234.parquet");
        for (name, is) in [
            ("part-00007.parquet", true),
            ("y=1/part-00007-000.parquet", true),
            ("part-00007-456789ab.parquet", false),
            ("part-00008.parquet", false),
            ("part-00007-12.parquet", false),
        ] {
            assert_eq!(is_of_part(name, "y=2/part-00007.parquet"), is, "{name}");
        }
        assert_eq!(FileNames::Fixed.of(7), part_name(7, None));
        assert_eq!(FileNames::OfRun(run.into()).of(7), part_name(7, Some(run)));
    }
}
