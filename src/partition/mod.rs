//! Cuts a table into slices that are disjoint and together hold every row, NULL keys included. Pure.

#[cfg(test)]
mod laws;
pub mod leaves;
pub mod modulo;
pub mod period;
pub mod physical;
pub mod quantile;
pub mod range;
pub mod share;
#[cfg(test)]
mod tests;
pub mod values;

use arrow_schema::DataType;

use crate::catalog::{ColumnInfo, Selection, TableInfo};
use crate::error::{Code, Error, Result};
use crate::spec::{CuttingSpec, Method, TableConfig, closest};

/// How a table will be cut, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The method.
    pub method: Method,
    /// Key, for keyed methods: a column, or what `--table-config` calls so.
    pub key: Option<String>,
    /// Parts to aim at.
    pub parts: usize,
    /// Readers at once.
    pub readers: usize,
    /// Why, in a few words.
    pub reason: String,
}

/// How many parts a table is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartCount {
    /// As many as readers, more when parts would be larger than `--part-bytes`.
    BySize,
    /// As many as readers.
    ByReaders,
    /// So many that none is larger than `--part-bytes`, whatever the number of readers.
    BySizeAlone,
}

/// Chooses for `table`: its row of `partition_columns` or `--table-config`, else automatically by size and by what the source
/// can do (`able`, best first), which it calls as `name` says.
pub fn choose(
    table: &TableInfo,
    able: &[Method],
    name: &dyn Fn(Method) -> &'static str,
    cutting: &CuttingSpec,
    count: PartCount,
) -> Result<Choice> {
    let config = cutting.table_configs.iter().find(|config| config.matches(&table.table));
    let readers = config.and_then(|c| c.readers).unwrap_or(cutting.readers);
    let by_size = table.est_bytes.div_ceil(cutting.part_bytes.max(1));
    let parts = match count {
        PartCount::BySize => parts(by_size, readers),
        PartCount::ByReaders => parts(1, readers),
        PartCount::BySizeAlone => parts(by_size, 1),
    };
    if let Some(config @ TableConfig { method: Some(method), key, .. }) = config {
        if !able.contains(method) {
            return Err(cannot(table, able, name, *method));
        }
        let choice = explicit(table, (*method, key.clone()), (parts, readers))?;
        return Ok(Choice { reason: config.origin(), ..choice });
    }
    let by_row = config.filter(|config| config.row.is_some() && config.readers.is_some());
    let by_row = by_row.map_or(String::new(), |config| format!(", readers by {}", config.origin()));
    let whole = |reason: String| Choice { method: Method::None, key: None, parts: 1, readers: 1, reason };
    if table.est_rows < cutting.large_table_rows && able.contains(&Method::None) {
        let noun = if table.est_rows == 1 { "row" } else { "rows" };
        return Ok(whole(format!("about {} {noun}, fewer than --large-table-threshold", table.est_rows)));
    }
    let choice = |method, key, why: &str| Choice {
        method,
        key,
        parts,
        readers,
        reason: format!("automatic: about {} rows, {why}{by_row}", table.est_rows),
    };
    for method in able {
        match (method, &table.range_key) {
            (Method::Ctid, _) => return Ok(choice(Method::Ctid, None, "ranges of storage blocks")),
            (Method::DbPartition, _) => {
                return Ok(choice(Method::DbPartition, None, "the partitions it has in the database"));
            }
            (Method::RangeId, Some(key)) => {
                return Ok(choice(Method::RangeId, Some(key.clone()), "ranges of the primary key"));
            }
            _ => {}
        }
    }
    Ok(whole("the source offers no way to cut it without a key; name one with --table-config".into()))
}

/// One part instead of the `parts` that were chosen without being asked, where a condition selects so little that one
/// reader is done with it before all readers together are done with the whole table: the server has an index for it, or
/// leaves partitions out. Each slice would search all that the condition is about, or read its share of all blocks.
pub fn one_is_enough(
    choice: &Choice,
    table: &TableInfo,
    part_bytes: u64,
    selection: Selection,
) -> Option<Choice> {
    let Selection { rows, effort } = selection;
    let bytes = table.est_bytes as f64 / table.est_rows.max(1) as f64 * rows as f64;
    let quick = effort * choice.readers as f64 <= 1.0 && bytes <= part_bytes as f64;
    quick.then(|| Choice {
        method: Method::None,
        key: None,
        parts: 1,
        readers: 1,
        reason: format!(
            "automatic: --where selects about {rows} of about {} rows, for {:.1} % of the work",
            table.est_rows,
            effort * 100.0
        ),
    })
}

/// The choice with so few parts that none has less than `least` bytes of the source.
pub fn not_smaller(choice: Choice, table: &TableInfo, least: Option<u64>) -> Choice {
    let Some(least) = least else { return choice };
    let most = usize::try_from(table.est_bytes / least.max(1)).unwrap_or(usize::MAX).max(1);
    if choice.parts <= most {
        return choice;
    }
    let reason = format!("{}, joined to {most} by --min-file-bytes", choice.reason);
    Choice { parts: most, readers: choice.readers.min(most), reason, ..choice }
}

/// Ranges of a column that is no key are found by reading the table once for each.
const MOST_SCANS: usize = 16;

/// Ranges of `column` instead of `choice`, for rows that are sorted by it; `None` where the source may order its values in
/// another way than files do.
pub fn by_sorted(choice: &Choice, table: &TableInfo, column: &ColumnInfo) -> Option<Choice> {
    use DataType as T;
    let ordered = matches!(
        column.field.data_type(),
        T::Int16 | T::Int32 | T::Int64 | T::Date32 | T::Timestamp(_, _) | T::Decimal128(_, _)
    );
    let is_key = table.range_key.as_deref() == Some(column.name());
    let parts = if is_key { choice.parts } else { choice.parts.min(MOST_SCANS) };
    ordered.then(|| Choice {
        method: Method::RangeId,
        key: Some(column.name().to_owned()),
        parts,
        readers: choice.readers,
        reason: format!("ranges of {} for --sort-by, so that files do not overlap", column.name()),
    })
}

fn cannot(
    table: &TableInfo,
    able: &[Method],
    name: &dyn Fn(Method) -> &'static str,
    method: Method,
) -> Error {
    let able: Vec<&str> = able.iter().map(|method| name(*method)).collect();
    Error::usage(format!("method {} cannot cut this table", name(method)))
        .coded(Code::Method)
        .with("table", &table.table)
        .hint(format!("methods it can be cut by: {}", able.join(", ")))
}

fn explicit(
    table: &TableInfo,
    (method, key): (Method, Option<String>),
    (parts, readers): (usize, usize),
) -> Result<Choice> {
    let key = if method.has_key() { Some(key_of(table, method, key)?) } else { None };
    let (parts, readers) = match method {
        Method::None => (1, 1),
        _ => (parts, readers),
    };
    Ok(Choice { method, key, parts, readers, reason: "--table-config".into() })
}

/// The key of a keyed method, checked as far as that can be done here.
fn key_of(table: &TableInfo, method: Method, key: Option<String>) -> Result<String> {
    let wants = match method {
        Method::DataDriven => "'table:DataDriven:column or expression:p'",
        Method::Timepartition => "'table:Timepartition:(column,year,month):p'",
        Method::Random => "'table:Random:integer column:p'",
        Method::Ntile => "'table:Ntile:column:p'",
        _ => "'table:RangeId:column:p'",
    };
    let by_default = match method {
        Method::RangeId | Method::Ntile => table.range_key.clone(),
        Method::Random => table.range_key.clone().filter(|key| is_integer(table, key)),
        _ => None,
    };
    let key = key.or(by_default).ok_or_else(|| {
        let why = match method {
            Method::RangeId | Method::Ntile | Method::Random => {
                ": the table has no primary key that it could use"
            }
            _ => "",
        };
        Error::usage(format!("method {method} needs a key{why}"))
            .coded(Code::Method)
            .with("table", &table.table)
            .hint(format!("--table-config {wants}"))
    })?;
    let column = match method {
        // An expression if it is no column; the source says what is wrong with it.
        Method::DataDriven => return Ok(key),
        Method::Timepartition => key.parse::<period::TimeKey>()?.column,
        _ => key.clone(),
    };
    if table.column(&column).is_none() {
        return Err(unknown_key(table, &column));
    }
    let fits = match method {
        Method::Random => is_integer(table, &column),
        Method::Timepartition => is_calendar(table, &column),
        _ => true,
    };
    if fits {
        return Ok(key);
    }
    let wanted = if method == Method::Random { "an integer" } else { "a date or timestamp" };
    Err(Error::usage(format!("method {method} needs {wanted} column"))
        .coded(Code::Method)
        .with("table", &table.table)
        .with("column", &column)
        .hint(format!("--table-config {wants}, or another method")))
}

fn is_integer(table: &TableInfo, column: &str) -> bool {
    let data_type = table.column(column).map(|c| c.field.data_type());
    matches!(data_type, Some(DataType::Int16 | DataType::Int32 | DataType::Int64))
}

fn is_calendar(table: &TableInfo, column: &str) -> bool {
    let data_type = table.column(column).map(|c| c.field.data_type());
    matches!(data_type, Some(DataType::Date32 | DataType::Timestamp(_, _)))
}

fn unknown_key(table: &TableInfo, key: &str) -> Error {
    let near = closest(key, table.columns.iter().map(ColumnInfo::name));
    let hint = near.map_or(String::new(), |name| format!("did you mean {name}?"));
    Error::usage(format!("key column '{key}' does not exist"))
        .coded(Code::Method)
        .with("table", &table.table)
        .hint(hint)
}

/// Part numbers have five digits.
const MOST_PARTS: usize = 99_999;

/// At least `wanted` parts; a multiple of the readers, so that none is idle while the last part is read.
fn parts(wanted: u64, readers: usize) -> usize {
    let readers = readers.clamp(1, MOST_PARTS);
    let parts = usize::try_from(wanted).unwrap_or(MOST_PARTS).clamp(1, MOST_PARTS);
    parts.next_multiple_of(readers).min(MOST_PARTS)
}
