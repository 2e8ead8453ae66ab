//! SQLite's SQL: names, slices, and the few filters that it answers exactly as DataFusion does.

use arrow_schema::DataType;
use chrono::{DateTime, NaiveDate};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use crate::catalog::{ColumnInfo, KeyValue, Slice, TableInfo, TableKind, TableRef};
use crate::source::Dialect;
use crate::source::kit::pushdown::{self, Comparison, Provable};
use crate::spec::Method;

/// Rowids per block of a physical slice.
pub(super) const BLOCK_ROWIDS: u64 = 64;

/// See the module.
#[derive(Debug)]
pub struct SqliteDialect;

/// A quoted identifier. In backticks: SQLite takes a name in double quotes that it does not know for a string.
pub fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The name under which a rowid can be read: one that no column has taken.
pub(super) fn rowid_name<'n>(mut columns: impl Iterator<Item = &'n str> + Clone) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !columns.clone().any(|column| column.eq_ignore_ascii_case(name)))
        .filter(|_| columns.next().is_some())
}

/// The rowid's name, in tables that can be cut by it.
pub(super) fn rowid_of(table: &TableInfo) -> Option<&'static str> {
    let names = table.columns.iter().map(ColumnInfo::name);
    (!table.blocks.is_empty() && table.reading.list().is_none()).then(|| rowid_name(names)).flatten()
}

/// The first rowid of a block. Negative rowids lie before block 0, in the slice that is open to the left.
fn first_rowid(block: u64) -> i64 {
    i64::try_from(block.saturating_mul(BLOCK_ROWIDS)).unwrap_or(i64::MAX)
}

/// A key bound as SQL. The same text on both sides of a cut, so slices meet whatever the column really
/// holds: SQLite orders values of all storage classes.
fn key_value(value: &KeyValue) -> String {
    match value {
        KeyValue::Int(v) => format!("({v})"),
        KeyValue::Date(days) => {
            let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap_or_default();
            let date = epoch.checked_add_signed(chrono::Duration::days((*days).into()));
            literal(&date.unwrap_or(NaiveDate::MAX).format("%Y-%m-%d").to_string())
        }
        KeyValue::Timestamp(us) => {
            let at = DateTime::from_timestamp_micros(*us).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC);
            literal(&at.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
        }
        KeyValue::Text(text) => literal(text),
    }
}

impl Provable for SqliteDialect {
    fn allows(&self, column: &ColumnInfo, comparison: Comparison) -> bool {
        // Files in UTF-16 order texts by other bytes than DataFusion does.
        column.comparable
            && (comparison == Comparison::Equality || column.field.data_type() != &DataType::Utf8)
    }

    fn literal(&self, column: &ColumnInfo, value: &ScalarValue) -> Option<String> {
        match (column.field.data_type(), value) {
            (DataType::Int64, ScalarValue::Int64(Some(v))) => Some(format!("({v})")),
            (DataType::Utf8, ScalarValue::Utf8(Some(v)) | ScalarValue::Utf8View(Some(v))) => {
                // SQL text ends at a zero byte.
                (!v.contains('\0')).then(|| literal(v))
            }
            _ => None,
        }
    }

    fn ident(&self, column: &ColumnInfo) -> String {
        ident(column.name())
    }
}

impl Dialect for SqliteDialect {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn default_schema(&self) -> &str {
        "main"
    }

    fn table(&self, table: &TableRef) -> String {
        format!("{}.{}", ident(&table.schema), ident(&table.name))
    }

    fn column(&self, name: &str) -> String {
        ident(name)
    }

    fn remainder(&self, column: &str, of: u32) -> String {
        format!("((({} % {of}) + {of}) % {of})", ident(column))
    }

    fn slice_sql(&self, table: &TableInfo, slice: &Slice) -> Option<String> {
        let terms: Vec<String> = match slice {
            Slice::All => Vec::new(),
            Slice::Physical { from, to } => {
                let rowid = rowid_of(table).unwrap_or("rowid");
                let lower = from.map(|b| format!("{rowid} >= {}", first_rowid(b)));
                let upper = to.map(|b| format!("{rowid} < {}", first_rowid(b)));
                lower.into_iter().chain(upper).collect()
            }
            Slice::Range { column, lower: None, upper: None } => {
                vec![format!("{} IS NOT NULL", ident(column))]
            }
            Slice::Range { column, lower, upper } => {
                let key = ident(column);
                let lower = lower.as_ref().map(|v| format!("{key} >= {}", key_value(v)));
                let upper = upper.as_ref().map(|v| format!("{key} < {}", key_value(v)));
                lower.into_iter().chain(upper).collect()
            }
            Slice::IsNull { column } => vec![format!("{} IS NULL", ident(column))],
            // Not among the methods of this source. Were one to come here it must not mean all rows, nor none.
            Slice::Modulo { .. } | Slice::Value { .. } | Slice::Other { .. } | Slice::Relation { .. } => {
                vec![ident(&format!("no slice of this source: {slice}"))]
            }
            Slice::Both(left, right) => {
                [left, right].into_iter().filter_map(|slice| self.slice_sql(table, slice)).collect()
            }
        };
        (!terms.is_empty()).then(|| terms.join(" AND "))
    }

    fn pushdown(&self, table: &TableInfo, filter: &Expr) -> Option<String> {
        pushdown::pushdown(self, table, filter)
    }

    fn method_name(&self, method: Method) -> &'static str {
        match method {
            Method::Ctid => "Rowid",
            other => other.name(),
        }
    }

    fn methods(&self, table: &TableInfo) -> Vec<Method> {
        if table.kind == TableKind::Query {
            return vec![Method::RangeId, Method::None];
        }
        if table.reading.list().is_some() {
            // What it gives may depend on other rows.
            return vec![Method::None];
        }
        let by_rowid = (!table.blocks.is_empty()).then_some(Method::Ctid);
        // Ranges of a key that is the rowid are ranges of the rowid, between the bounds that the keys really have.
        if table.range_key.is_some() {
            [Method::RangeId].into_iter().chain(by_rowid).chain([Method::None]).collect()
        } else {
            by_rowid.into_iter().chain([Method::RangeId, Method::None]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Verdict;
    use arrow_schema::Field;
    use datafusion::prelude::{col, lit};

    fn table(columns: &[(&str, DataType, bool)]) -> TableInfo {
        let columns = columns
            .iter()
            .map(|(name, data_type, comparable)| ColumnInfo {
                field: Field::new(*name, data_type.clone(), true),
                source_type: String::new(),
                verdict: Verdict::Exact,
                note: String::new(),
                codec: String::new(),
                est_distinct: None,
                comparable: *comparable,
                labels: Vec::new(),
            })
            .collect();
        TableInfo {
            table: TableRef { schema: "main".into(), name: "a`b".into() },
            kind: TableKind::Table,
            columns,
            est_rows: 0,
            est_bytes: 0,
            blocks: vec![10],
            identity: None,
            compound: false,
            primary_key: None,
            foreign_keys: Vec::new(),
            leaves: Vec::new(),
            range_key: None,
            unreadable: Vec::new(),
            reading: Default::default(),
            facts: Default::default(),
        }
    }

    #[test]
    fn names_cannot_become_strings_and_rowid_avoids_columns() {
        let info = table(&[("ROWID", DataType::Int64, false), ("x`y", DataType::Int64, false)]);
        assert_eq!(SqliteDialect.table(&info.table), "`main`.`a``b`");
        let slice = Slice::Physical { from: Some(2), to: Some(u64::MAX) };
        let sql = SqliteDialect.slice_sql(&info, &slice);
        assert_eq!(sql.as_deref(), Some("_rowid_ >= 128 AND _rowid_ < 9223372036854775807"));
        let range = |lower, upper| {
            let column = "x`y".into();
            SqliteDialect.slice_sql(&info, &Slice::Range { column, lower, upper }).unwrap()
        };
        assert_eq!(range(Some(KeyValue::Int(i64::MIN)), None), "`x``y` >= (-9223372036854775808)");
        assert_eq!(range(None, Some(KeyValue::Date(1))), "`x``y` < '1970-01-02'");
        let instant = range(Some(KeyValue::Timestamp(-1)), Some(KeyValue::Timestamp(0)));
        assert_eq!(
            instant,
            "`x``y` >= '1969-12-31 23:59:59.999999' AND `x``y` < '1970-01-01 00:00:00.000000'"
        );
        assert_eq!(range(None, None), "`x``y` IS NOT NULL");
        assert_eq!(rowid_name(["oid", "Rowid", "_ROWID_"].into_iter()), None);
    }

    #[test]
    fn only_what_cannot_differ_is_pushed() {
        let columns =
            [("i", DataType::Int64, true), ("loose", DataType::Int64, false), ("s", DataType::Utf8, true)];
        let info = table(&columns);
        let push = |expr: Expr| SqliteDialect.pushdown(&info, &expr);
        assert_eq!(push(col("i").gt(lit(5_i64))).as_deref(), Some("`i` > (5)"));
        assert_eq!(push(lit(5_i64).gt(col("i"))).as_deref(), Some("`i` < (5)"));
        assert_eq!(push(col("loose").is_not_null()).as_deref(), Some("`loose` IS NOT NULL"));
        assert_eq!(
            push(col("i").is_null().or(col("s").eq(lit("o'x")))).as_deref(),
            Some("(`i` IS NULL OR `s` = 'o''x')")
        );
        assert_eq!(
            push(col("i").between(lit(1_i64), lit(2_i64))).as_deref(),
            Some("(`i` BETWEEN (1) AND (2))")
        );
        assert_eq!(
            push(col("s").in_list(vec![lit("a"), lit("b")], true)).as_deref(),
            Some("(`s` NOT IN ('a', 'b'))")
        );
        for kept in [
            col("loose").gt(lit(5_i64)),
            col("s").gt(lit("a")),
            col("s").eq(lit("a\0")),
            col("i").gt(lit(1.5)),
            col("i").eq(lit(1_i64)).and(col("loose").eq(lit(1_i64))),
            (col("i") + lit(1_i64)).gt(lit(5_i64)),
        ] {
            assert_eq!(push(kept.clone()), None, "{kept}");
        }
    }
}
