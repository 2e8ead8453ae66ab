//! The engine's SQL: names, slices and filters.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use crate::catalog::{ColumnInfo, KeyValue, Slice, TableInfo, TableRef};
use crate::source::Dialect;
use crate::source::kit::pushdown::{self, Comparison, Provable};
use crate::spec::Method;

#[derive(Debug)]
pub(super) struct MemoryDialect;

fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn key_value(value: &KeyValue) -> String {
    match value {
        KeyValue::Int(v) => format!("CAST('{v}' AS BIGINT)"),
        KeyValue::Date(days) => format!("CAST({days} AS DATE)"),
        KeyValue::Text(text) => format!("'{}'", text.replace('\'', "''")),
        KeyValue::Timestamp(us) => format!("to_timestamp_micros({us})"),
    }
}

impl Provable for MemoryDialect {
    fn allows(&self, column: &ColumnInfo, _comparison: Comparison) -> bool {
        // The engine is DataFusion; what has to be decoded is another value here than there.
        column.comparable
    }

    fn literal(&self, column: &ColumnInfo, value: &ScalarValue) -> Option<String> {
        let key = match value {
            ScalarValue::Int64(Some(v)) => KeyValue::Int(*v),
            ScalarValue::Date32(Some(days)) => KeyValue::Date(*days),
            ScalarValue::Utf8(Some(text)) => KeyValue::Text(text.clone()),
            _ => return None,
        };
        (column.field.data_type() == &value.data_type()).then(|| key_value(&key))
    }

    fn ident(&self, column: &ColumnInfo) -> String {
        ident(column.name())
    }
}

impl Dialect for MemoryDialect {
    fn name(&self) -> &'static str {
        "memory"
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

    fn slice_sql(&self, _table: &TableInfo, slice: &Slice) -> Option<String> {
        let terms: Vec<String> = match slice {
            Slice::All => Vec::new(),
            Slice::Range { column, lower, upper } => {
                let key = ident(column);
                let lower = lower.iter().map(|bound| format!("{key} >= {}", key_value(bound)));
                let upper = upper.iter().map(|bound| format!("{key} < {}", key_value(bound)));
                std::iter::once(format!("{key} IS NOT NULL")).chain(lower).chain(upper).collect()
            }
            Slice::IsNull { column } => vec![format!("{} IS NULL", ident(column))],
            Slice::Modulo { column, of, remainder } => {
                vec![format!("{} = {remainder}", self.remainder(column, *of))]
            }
            // Not among the methods of this source. Were one to come here it must not mean all rows, nor none.
            Slice::Physical { .. } | Slice::Value { .. } | Slice::Other { .. } | Slice::Relation { .. } => {
                vec![ident(&format!("no slice of this source: {slice}"))]
            }
            Slice::Both(left, right) => {
                [left, right].into_iter().filter_map(|slice| self.slice_sql(_table, slice)).collect()
            }
        };
        (!terms.is_empty()).then(|| terms.join(" AND "))
    }

    fn pushdown(&self, table: &TableInfo, filter: &Expr) -> Option<String> {
        pushdown::pushdown(self, table, filter)
    }

    fn methods(&self, _table: &TableInfo) -> Vec<Method> {
        vec![Method::RangeId, Method::Random, Method::None]
    }
}
