//! How the kernels go over columns.

use std::sync::Arc;

use arrow::array::types::{Date32Type, Time64MicrosecondType, TimestampMicrosecondType};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, StringArray};
use arrow::compute::try_binary;
use arrow_schema::ArrowError;

pub(super) type Result<T> = std::result::Result<T, ArrowError>;

const SHOWN: usize = 40;

/// The types of columns of dates and of times.
pub(super) type Dates = Date32Type;
pub(super) type Times = Time64MicrosecondType;
pub(super) type Stamps = TimestampMicrosecondType;

pub(super) fn fails<T>(message: impl Into<String>) -> Result<T> {
    Err(ArrowError::ComputeError(message.into()))
}

pub(super) fn column(columns: &[ArrayRef], at: usize) -> Result<&ArrayRef> {
    columns.get(at).ok_or_else(|| ArrowError::ComputeError(format!("argument {} is missing", at + 1)))
}

/// A value in a message.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}", format!("{}...", &text[..end])),
        None => format!("{text:?}"),
    }
}

pub(super) fn unary<A: ArrowPrimitiveType, R: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    one: impl Fn(A::Native) -> Result<R::Native>,
) -> Result<PrimitiveArray<R>> {
    column(columns, 0)?.as_primitive::<A>().try_unary(one)
}

pub(super) fn binary<A: ArrowPrimitiveType, B: ArrowPrimitiveType, R: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    one: impl Fn(A::Native, B::Native) -> Result<R::Native>,
) -> Result<ArrayRef> {
    let (left, right) = (column(columns, 0)?.as_primitive::<A>(), column(columns, 1)?.as_primitive::<B>());
    Ok(Arc::new(try_binary::<_, _, _, R>(left, right, one)?))
}

/// From texts.
pub(super) fn parsed<R: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    one: impl Fn(&str) -> Result<R::Native>,
) -> Result<PrimitiveArray<R>> {
    let texts = column(columns, 0)?.as_string::<i32>();
    texts.iter().map(|text| text.map(&one).transpose()).collect()
}

/// To texts. `write` appends one to a buffer.
pub(super) fn written<A: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    write: impl Fn(&mut String, A::Native),
) -> Result<ArrayRef> {
    let values = column(columns, 0)?.as_primitive::<A>();
    let mut buffer = String::new();
    let mut out = arrow::array::StringBuilder::with_capacity(values.len(), values.len() * 19);
    for value in values {
        match value {
            Some(value) => {
                buffer.clear();
                write(&mut buffer, value);
                out.append_value(&buffer);
            }
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// A field's name and a value. The name is read once where all rows have the same, which is nearly always.
pub(super) fn fielded<A: ArrowPrimitiveType, R: ArrowPrimitiveType, F: Copy>(
    columns: &[ArrayRef],
    read: impl Fn(&str) -> Result<F>,
    one: impl Fn(F, A::Native) -> Result<R::Native>,
) -> Result<PrimitiveArray<R>> {
    let names: &StringArray = column(columns, 0)?.as_string();
    let values = column(columns, 1)?.as_primitive::<A>();
    if let (true, Some(name)) = (values.null_count() < values.len(), constant(names)) {
        let field = read(name)?;
        return values.try_unary(|value| one(field, value));
    }
    let mut last: Option<(&str, F)> = None;
    let mut apply = |name, value| {
        let field = match last {
            Some((known, field)) if known == name => field,
            _ => read(name)?,
        };
        last = Some((name, field));
        one(field, value)
    };
    names
        .iter()
        .zip(values)
        .map(|pair| match pair {
            (Some(name), Some(value)) => apply(name, value).map(Some),
            _ => Ok(None),
        })
        .collect()
}

/// The text that all rows have.
fn constant(texts: &StringArray) -> Option<&str> {
    let first = (texts.null_count() == 0 && !texts.is_empty()).then(|| texts.value(0))?;
    let offsets = texts.value_offsets();
    let (from, to) = (*offsets.first()? as usize, *offsets.last()? as usize);
    let bytes = texts.value_data().get(from..to)?;
    let as_long = offsets.windows(2).all(|ends| (ends[1] - ends[0]) as usize == first.len());
    // Each is the one before it.
    (as_long && bytes[first.len()..] == bytes[..bytes.len() - first.len()]).then_some(first)
}

/// With the zone of timestamptz.
pub(super) fn in_utc(values: PrimitiveArray<Stamps>) -> ArrayRef {
    Arc::new(values.with_timezone("UTC"))
}
