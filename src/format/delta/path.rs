//! Names of files as the log has them, and what their directories say.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::format::directory::is_plain;
use crate::manifest::PartitionColumn;
use crate::spec::layout::hive_values;

/// What a path of a URL has to encode; more is allowed.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'=').remove(b'~');

pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

/// The name of a file in the table's directory; none for what lies elsewhere, or is no data file.
pub(super) fn decoded(path: &str) -> Option<String> {
    let name = percent_decode_str(path).decode_utf8().ok()?.into_owned();
    is_plain(&name).then_some(name)
}

/// The value of each partition by the directories of a file; `None` for NULL, and where a file of no rows lies in none.
pub(super) fn partition_values(
    name: &str,
    partitions: &[PartitionColumn],
) -> BTreeMap<String, Option<String>> {
    let said = hive_values(name);
    partitions.iter().map(|p| (p.name.clone(), said.get(&p.name).cloned().flatten())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for name in ["part-00000-ab.parquet", "a=1%2F2/b=é ü/part-0.parquet", "k=a%3Fb#/x.parquet"] {
            assert_eq!(decoded(&encoded(name)).as_deref(), Some(name));
        }
        assert_eq!(encoded("a=1%2F2/x y.parquet"), "a=1%252F2/x%20y.parquet");
    }

    #[test]
    fn what_lies_elsewhere_has_no_name() {
        for path in [
            "s3://b/x.parquet",
            "/etc/passwd",
            "../x.parquet",
            "a/../../x.parquet",
            "%2E%2E/x.parquet",
            "_delta_log/x.json",
        ] {
            assert_eq!(decoded(path), None, "{path}");
        }
    }

    #[test]
    fn directories_say_the_values() {
        let column = |name: &str| PartitionColumn {
            name: name.into(),
            expression: name.into(),
            arrow_type: "Utf8".into(),
        };
        let (columns, name) = ([column("y"), column("r")], "y=2024/r=a%2Fb/part-0.parquet");
        let values = partition_values(name, &columns);
        assert_eq!((values["y"].as_deref(), values["r"].as_deref()), (Some("2024"), Some("a/b")));
        let none = partition_values("y=2024/r=__HIVE_DEFAULT_PARTITION__/part-0.parquet", &columns);
        assert_eq!(none["r"], None);
        assert!(partition_values("part-0.parquet", &columns).values().all(Option::is_none));
    }
}
