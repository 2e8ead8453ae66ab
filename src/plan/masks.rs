//! `--mask`: which columns of a table it catches, and their values in the plan.
//!
//! Values are changed right above the filter of `--where`, which sees them as they are in the source. All that is above,
//! `--columns`, partitions and order, sees what the files will hold.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow_schema::DataType;
use datafusion::common::{DataFusionError, Result as DataFusionResult, ScalarValue};
use datafusion::functions::datetime::expr_fn::date_trunc;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, cast as cast_expr, lit,
};
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::catalog::filter::{like, pattern_matches};
use crate::catalog::{ColumnInfo, Slice, TableInfo};
use crate::error::{Code, Error, Result};
use crate::spec::{ColumnMask, Mask, MaskKey, MasksSpec};

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
        let rules: Vec<_> =
            spec.rules.iter().filter(|rule| pattern_matches(&rule.table, &info.table)).collect();
        let primary = info.keys().primary;
        let mut columns = Vec::new();
        for column in &info.columns {
            let about = |error: Error| error.with("table", &info.table).with("column", column.name());
            let mut caught = rules.iter().filter(|rule| like(&rule.column, column.name()));
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
                .hint("narrow the pattern, or leave the column out with --columns"));
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

    /// Refuses keys of partitions, as SQL, that are made of a column that a mask changes.
    pub(super) fn check_keys(&self, keys: &str, info: &TableInfo) -> Result<()> {
        match self.columns.iter().find(|masked| has_word(keys, &masked.column)) {
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
        let call = |how: TextMask| ScalarUDF::from(Masking::new(how)).call(vec![column.clone()]);
        Ok(match mask {
            Mask::Hmac(digits) => {
                let key = self.key.as_ref().ok_or_else(|| {
                    Error::internal("a part is to be masked where the key of the masks is not known")
                })?;
                call(TextMask::Hmac(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key.bytes())), *digits))
            }
            Mask::Partial(first, last) => call(TextMask::Partial(*first, *last)),
            Mask::Truncate(characters) => call(TextMask::Truncate(*characters)),
            Mask::Year => cast_expr(date_trunc(lit("year"), column), data_type.clone()),
            Mask::Month => cast_expr(date_trunc(lit("month"), column), data_type.clone()),
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
            matches!(data_type, DataType::Date32 | DataType::Timestamp(_, None)),
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

/// A mask that gives texts.
#[derive(Debug, Clone)]
enum TextMask {
    Hmac(Arc<hmac::Key>, usize),
    Partial(usize, usize),
    Truncate(usize),
}

/// The function of a mask. Two are equal when they are the same object: a key is compared with nothing.
#[derive(Debug)]
struct Masking {
    mask: Arc<TextMask>,
    signature: Signature,
}

impl Masking {
    fn new(mask: TextMask) -> Self {
        Self { mask: Arc::new(mask), signature: Signature::any(1, Volatility::Immutable) }
    }

    fn text(&self, of: &str, out: &mut String) {
        match self.mask.as_ref() {
            TextMask::Hmac(key, digits) => hashed(key, *digits, of.as_bytes(), out),
            TextMask::Truncate(characters) => out.extend(of.chars().take(*characters)),
            TextMask::Partial(first, last) => {
                let count = of.chars().count();
                let shown = count > first + last;
                out.extend(of.chars().enumerate().map(|(at, character)| {
                    if shown && (at < *first || at >= count - last) { character } else { '*' }
                }));
            }
        }
    }

    fn values(&self, column: &ArrayRef) -> Result<StringArray> {
        let mut texts = StringBuilder::with_capacity(column.len(), column.len() * 16);
        let mut text = String::new();
        let as_bytes = match column.data_type() {
            DataType::Binary | DataType::LargeBinary => Some(cast(column, &DataType::LargeBinary)),
            _ => None,
        };
        if let (Some(bytes), TextMask::Hmac(key, digits)) = (as_bytes, self.mask.as_ref()) {
            let bytes = bytes.map_err(changing)?;
            for value in bytes.as_binary::<i64>() {
                text.clear();
                match value {
                    Some(value) => {
                        hashed(key, *digits, value, &mut text);
                        texts.append_value(&text);
                    }
                    None => texts.append_null(),
                }
            }
            return Ok(texts.finish());
        }
        let values = as_texts(column)?;
        for value in values.as_string::<i64>() {
            text.clear();
            match value {
                Some(value) => {
                    self.text(value, &mut text);
                    texts.append_value(&text);
                }
                None => texts.append_null(),
            }
        }
        Ok(texts.finish())
    }
}

fn changing(error: arrow_schema::ArrowError) -> Error {
    Error::internal("values that are masked").caused_by(error)
}

/// As PostgreSQL writes values as texts.
fn as_texts(column: &ArrayRef) -> Result<ArrayRef> {
    if let DataType::FixedSizeBinary(16) = column.data_type() {
        let ids = column.as_fixed_size_binary();
        let texts = ids.iter().map(|id| {
            id.and_then(|bytes| uuid::Uuid::from_slice(bytes).ok()).map(|id| id.hyphenated().to_string())
        });
        return Ok(Arc::new(texts.collect::<arrow::array::LargeStringArray>()));
    }
    cast(column, &DataType::LargeUtf8).map_err(changing)
}

fn hashed(key: &hmac::Key, digits: usize, value: &[u8], out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let tag = hmac::sign(key, value);
    let hex = tag.as_ref().iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    out.extend(hex.take(digits).map(char::from));
}

impl PartialEq for Masking {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mask, &other.mask)
    }
}

impl Eq for Masking {}

impl Hash for Masking {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.mask).hash(state);
    }
}

impl ScalarUDFImpl for Masking {
    fn name(&self) -> &str {
        match self.mask.as_ref() {
            TextMask::Hmac(..) => "mask_hmac",
            TextMask::Partial(..) => "mask_partial",
            TextMask::Truncate(_) => "mask_truncate",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return Err(DataFusionError::Internal(format!("{} takes one value", self.name())));
        };
        let column = value.to_array(args.number_rows)?;
        let masked = self.values(&column).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(Arc::new(masked)))
    }
}

/// The key's check value: the same for the same key, and nothing that leads back to it.
pub fn key_check(key: &MaskKey) -> String {
    let mut check = String::new();
    hashed(&hmac::Key::new(hmac::HMAC_SHA256, key.bytes()), 8, b"lakexpress: which key", &mut check);
    check
}
