//! Cuts a table into slices that are disjoint and together hold every row, NULL keys included. Pure.

#[cfg(test)]
mod laws;
pub mod physical;
pub mod range;

use crate::catalog::TableInfo;
use crate::error::{Error, Result};
use crate::spec::{ExportSpec, Method, TableConfig};

/// How a table will be cut, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The method.
    pub method: Method,
    /// Key column, for keyed methods.
    pub key: Option<String>,
    /// Parts to aim at.
    pub parts: usize,
    /// Readers at once.
    pub readers: usize,
    /// Why, in a few words.
    pub reason: String,
}

/// Chooses for `table`: its `--table-config` row, else automatically by size and by what the source
/// can do (`able`, best first).
pub fn choose(table: &TableInfo, able: &[Method], spec: &ExportSpec) -> Result<Choice> {
    let config =
        spec.table_configs.iter().find(|c| crate::catalog::filter::pattern_matches(&c.pattern, &table.table));
    let readers = config.and_then(|c| c.readers).unwrap_or(spec.readers);
    if let Some(TableConfig { method: Some(method), key, .. }) = config {
        return explicit(table, able, spec, (*method, key.clone(), readers));
    }
    let whole = |reason: String| Choice { method: Method::None, key: None, parts: 1, readers: 1, reason };
    if table.est_rows < spec.large_table_rows {
        return Ok(whole(format!("about {} rows, fewer than --large-table-threshold", table.est_rows)));
    }
    let parts = parts(table, spec, readers);
    let choice = |method, key, why: &str| Choice {
        method,
        key,
        parts,
        readers,
        reason: format!("automatic: about {} rows, {why}", table.est_rows),
    };
    for method in able {
        match (method, &table.range_key) {
            (Method::Ctid, _) => return Ok(choice(Method::Ctid, None, "ranges of storage blocks")),
            (Method::RangeId, Some(key)) => {
                return Ok(choice(Method::RangeId, Some(key.clone()), "ranges of the primary key"));
            }
            _ => {}
        }
    }
    Ok(whole("the source offers no way to cut it without a key; name one with --table-config".into()))
}

fn explicit(
    table: &TableInfo,
    able: &[Method],
    spec: &ExportSpec,
    (method, key, readers): (Method, Option<String>, usize),
) -> Result<Choice> {
    if !able.contains(&method) {
        let able: Vec<String> = able.iter().map(ToString::to_string).collect();
        return Err(Error::usage(format!("method {method} of --table-config cannot cut this table"))
            .with("table", &table.table)
            .hint(format!("methods it can be cut by: {}", able.join(", "))));
    }
    let key = match method {
        Method::RangeId => {
            let key = key.or_else(|| table.range_key.clone()).ok_or_else(|| {
                Error::usage("method RangeId needs a key column: the table has no single-column primary key")
                    .with("table", &table.table)
                    .hint("--table-config 'table:RangeId:column:p'")
            })?;
            if table.column(&key).is_none() {
                return Err(unknown_key(table, &key));
            }
            Some(key)
        }
        Method::None | Method::Ctid => None,
    };
    let (parts, readers) = match method {
        Method::None => (1, 1),
        _ => (parts(table, spec, readers), readers),
    };
    Ok(Choice { method, key, parts, readers, reason: "--table-config".into() })
}

fn unknown_key(table: &TableInfo, key: &str) -> Error {
    let nearest = table
        .columns
        .iter()
        .map(|c| (strsim::damerau_levenshtein(c.name(), key), c.name()))
        .min()
        .map_or(String::new(), |(_, name)| format!("did you mean {name}?"));
    Error::usage(format!("key column '{key}' of --table-config does not exist"))
        .with("table", &table.table)
        .hint(nearest)
}

/// Part numbers have five digits.
const MOST_PARTS: usize = 99_999;

/// As many parts as readers, more when parts would be larger than `--part-bytes`; a multiple of the readers,
/// so that none is idle while the last part is read.
fn parts(table: &TableInfo, spec: &ExportSpec, readers: usize) -> usize {
    let by_size = table.est_bytes.div_ceil(spec.part_bytes.max(1));
    let readers = readers.clamp(1, MOST_PARTS);
    let parts = usize::try_from(by_size).unwrap_or(MOST_PARTS).clamp(1, MOST_PARTS);
    parts.next_multiple_of(readers).min(MOST_PARTS)
}
