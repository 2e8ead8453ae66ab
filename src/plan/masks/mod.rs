//! `--mask`: which columns of a table it catches, and their values in the plan.
//!
//! Values are changed right above the filter of `--where`, which sees them as they are in the source. All that is above,
//! `--columns`, partitions and order, sees what the files will hold.

mod values;

use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use serde::{Deserialize, Serialize};

use crate::catalog::{ColumnInfo, Slice, TableInfo};
use crate::error::{Code, Error, Result};
use crate::spec::{ColumnMask, Mask, MaskKey, MasksSpec};

pub use values::key_check;

/// The masks of a table. The key travels beside the JSON and not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableMasks {
    /// Of columns of the source, in the order of the table.
    pub columns: Vec<ColumnMask>,
    #[serde(skip)]
    key: Option<MaskKey>,
}

impl TableMasks {
    /// The masks of `spec` that catch columns of `info`.
    ///
    /// # Errors
    /// Usage, when two catch one column, for a column of the primary key, and for a type that a mask cannot change.
    pub(super) fn of(spec: &MasksSpec, info: &TableInfo) -> Result<Self> {
        let rules: Vec<_> = spec.rules.iter().filter(|rule| rule.names(&info.table)).collect();
        let primary = info.keys().primary;
        let mut columns = Vec::new();
        for column in &info.columns {
            let about = |error: Error| error.with("table", &info.table).with("column", column.name());
            let mut caught = rules.iter().filter(|rule| rule.catches(column.name()));
            let Some(first) = caught.next() else { continue };
            if let Some(other) = caught.find(|other| other.mask != first.mask) {
                return Err(about(
                    Error::usage(format!("two --mask disagree: {} and {}", first.mask, other.mask))
                        .coded(Code::Mask),
                )
                .hint("narrow the pattern of one of them"));
            }
            if primary.iter().any(|key| key == column.name()) {
                return Err(about(
                    Error::usage("a mask would change a column of the primary key").coded(Code::Mask),
                )
                .hint("narrow the pattern"));
            }
            can_be(&first.mask, column).map_err(about)?;
            columns.push(ColumnMask { column: column.name().to_owned(), mask: first.mask.clone() });
        }
        let is_keyed = columns.iter().any(|column| column.mask.is_keyed());
        if is_keyed && spec.key.is_none() {
            return Err(Error::usage("hmac needs a key")
                .coded(Code::Mask)
                .with("table", &info.table)
                .hint("give --mask-key-file FILE; `openssl rand -hex 32 > FILE` makes a key"));
        }
        Ok(Self { columns, key: spec.key.clone().filter(|_| is_keyed) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The mask of a column of the source.
    pub(super) fn of_column(&self, name: &str) -> Option<&Mask> {
        self.columns.iter().find(|column| column.column == name).map(|column| &column.mask)
    }

    /// Refuses slices whose bounds, which manifest and run log hold, are values that a mask changes.
    pub(super) fn check_slices<'a>(
        &self,
        slices: impl Iterator<Item = &'a Slice>,
        info: &TableInfo,
    ) -> Result<()> {
        for slice in slices {
            // Of columns that the database makes, the values by which it is cut are not known to be others.
            if info.reading.list().is_some() && !self.is_empty() && is_by_value(slice) {
                return Err(Error::usage(
                    "a mask and --source-columns are for a table that is cut by values of its columns",
                )
                .coded(Code::Mask)
                .with("table", &info.table)
                .hint("cut it by place of storage, or into one part: --table-config 'table:None::1'"));
            }
            if let Some(column) = self.columns.iter().find(|masked| names(slice, &masked.column)) {
                return Err(Error::usage("a mask would change the column by whose values the table is cut")
                    .coded(Code::Mask)
                    .with("table", &info.table)
                    .with("column", &column.column)
                    .hint(
                        "cut it by another column with --table-config, or leave --sort-by by this column out",
                    ));
            }
        }
        Ok(())
    }

    /// Refuses keys of partitions that are made of a column that a mask changes; `named` are the columns that they name.
    pub(super) fn check_keys(&self, named: &[String], info: &TableInfo) -> Result<()> {
        match self.columns.iter().find(|masked| named.contains(&masked.column)) {
            None => Ok(()),
            Some(masked) => Err(Error::usage("a mask would change a column of --partition-by")
                .coded(Code::Mask)
                .with("table", &info.table)
                .with("column", &masked.column)
                .hint("partition by another column, or narrow the pattern of the mask")),
        }
    }

    /// `rows` with changed values, and without columns that are dropped.
    pub(super) fn over(&self, rows: LogicalPlan) -> Result<LogicalPlan> {
        let schema = Arc::clone(rows.schema());
        let mut columns = Vec::with_capacity(schema.fields().len());
        for (qualifier, field) in schema.iter() {
            let column = Expr::from((qualifier, field));
            match self.of_column(field.name()) {
                None => columns.push(column),
                Some(Mask::Drop) => {}
                Some(mask) => {
                    let masked = self.masked(mask, column, field.data_type())?;
                    columns.push(masked.alias(field.name()));
                }
            }
        }
        Ok(LogicalPlanBuilder::from(rows).project(columns)?.build()?)
    }

    fn masked(&self, mask: &Mask, column: Expr, data_type: &DataType) -> Result<Expr> {
        Ok(match mask {
            Mask::Hmac(digits) => {
                let key = self.key.as_ref().ok_or_else(|| {
                    Error::internal("a part is to be masked where the key of the masks is not known")
                })?;
                values::hashed(key, *digits, column)
            }
            Mask::Partial(first, last) => values::partial(*first, *last, column),
            Mask::Truncate(characters) => values::beginning(*characters, column),
            Mask::Year => values::first_day(true, column, data_type),
            Mask::Month => values::first_day(false, column, data_type),
            Mask::Null => lit(ScalarValue::try_from(data_type)?),
            Mask::Constant(text) => lit(constant(text, data_type)?),
            Mask::Drop => return Err(Error::internal("a column that is left out has no value")),
        })
    }
}

/// `text` as a value of `data_type`.
fn constant(text: &str, data_type: &DataType) -> Result<ScalarValue> {
    let value = ScalarValue::Utf8(Some(text.to_owned())).cast_to(data_type);
    value.map_err(|_| {
        Error::usage(format!("constant({text}) is no value of {data_type}"))
            .coded(Code::Mask)
            .hint("write a value of the column's type, or null")
    })
}

/// Whether values of `column` can be changed by `mask`.
fn can_be(mask: &Mask, column: &ColumnInfo) -> Result<()> {
    let data_type = column.field.data_type();
    let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8);
    let (fits, what) = match mask {
        Mask::Hmac(_) => (
            is_text
                || data_type.is_integer()
                || matches!(
                    data_type,
                    DataType::Decimal128(_, _)
                        | DataType::Decimal256(_, _)
                        | DataType::Date32
                        | DataType::Binary
                        | DataType::LargeBinary
                        | DataType::FixedSizeBinary(16)
                ),
            "texts, integers, decimals, dates, uuids and bytes",
        ),
        Mask::Partial(..) | Mask::Truncate(_) => (is_text, "texts"),
        Mask::Year | Mask::Month => (
            matches!(data_type, DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, None)),
            "dates and timestamps without time zone",
        ),
        Mask::Constant(text) => {
            constant(text, data_type)?;
            (true, "")
        }
        Mask::Null | Mask::Drop => (true, ""),
    };
    match fits {
        true => Ok(()),
        false => Err(Error::usage(format!("{mask} cannot change values of {data_type}"))
            .coded(Code::Mask)
            .hint(format!("it is for {what}; null, constant(...) and drop are for all types"))),
    }
}

/// Whether `sql` may name a column.
fn has_word(sql: &str, column: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    sql.split(|c: char| !is_of_name(c)).any(|word| word.eq_ignore_ascii_case(column))
        || (!column.chars().all(is_of_name) && sql.contains(column))
}

/// Whether a slice is made by values.
fn is_by_value(slice: &Slice) -> bool {
    match slice {
        Slice::All | Slice::Physical { .. } | Slice::Relation { .. } => false,
        Slice::Both(one, other) => is_by_value(one) || is_by_value(other),
        _ => true,
    }
}

/// Whether a slice is made by values of a column.
fn names(slice: &Slice, column: &str) -> bool {
    match slice {
        Slice::Range { column: by, .. } | Slice::IsNull { column: by } | Slice::Modulo { column: by, .. } => {
            by == column || has_word(by, column)
        }
        Slice::Value { expression, .. } | Slice::Other { expression, .. } => has_word(expression, column),
        Slice::Both(one, other) => names(one, column) || names(other, column),
        Slice::All | Slice::Physical { .. } | Slice::Relation { .. } => false,
    }
}
