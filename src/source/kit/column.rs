//! How the values of a column become an Arrow array: what every decoder does, and what it refuses.
//!
//! A database decides once per column (its `choose.rs`) which decoder fills it; most are a [`Convert`](super::primitive)
//! of one value, which the compiler puts into the loop over the values.

use arrow::array::ArrayRef;

use crate::catalog::{ColumnInfo, TableRef};
use crate::error::{Code, Error, Result};
use crate::spec::SpecialValues;

/// What a database's values are when they arrive: a name for the type, never a value itself.
pub trait Sent: 'static {
    /// A value that is not NULL.
    type Value<'v>: Copy;

    /// Its bytes, as far as they differ from value to value.
    fn size(value: Self::Value<'_>) -> usize;
}

/// Values that arrive as bytes, their length already stripped.
#[derive(Debug)]
pub enum Bytes {}

impl Sent for Bytes {
    type Value<'v> = &'v [u8];

    #[inline]
    fn size(value: &[u8]) -> usize {
        value.len()
    }
}

/// Appends values of one column to an Arrow array.
///
/// One call of [`Self::append`] or [`Self::append_null`] per row, then [`Self::finish`]. After an error the decoder must
/// not be used any more: the value may have been appended in part.
pub trait ColumnDecoder<S: Sent>: Send {
    /// Appends one value. Where `SpecialValues::Null` holds, a special value is appended as NULL.
    ///
    /// # Errors
    /// The value cannot be kept exactly, or is none of the column's type.
    fn append(&mut self, value: S::Value<'_>) -> Result<(), BadValue>;

    /// Appends a NULL.
    fn append_null(&mut self);

    /// Takes what was appended and is ready for the next batch. The array has exactly the field's data type.
    fn finish(&mut self) -> ArrayRef;

    /// Bytes buffered, about; cheap. A reader closes its batch well before variable-length data reaches
    /// 2 GiB (the offsets are 32 bits), where `append` would refuse the value.
    fn bytes(&self) -> usize;
}

/// A value that cannot be kept exactly. The decoder knows the value; whoever calls it knows table, column and row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    /// What is wrong, for example `infinity is not a Parquet date`.
    pub what: String,
    /// What to change, in the words of the flag. `table.column` stands for the name of the column.
    pub hint: &'static str,
}

/// For a value that text can hold.
pub const CAST_HINT: &str = "--cast 'table.column: text' keeps it as the database's own text";
/// For a value that `--special-values` is about.
const SPECIAL_HINT: &str =
    "--special-values null makes it NULL, --cast 'table.column: text' keeps it as the database's own text";
/// For a value that the database itself should not hold.
pub const REPAIR_HINT: &str =
    "repair the value in the database, leave its row out with --where, or its column with --columns";
/// For a value that no file can hold.
pub const LEAVE_OUT_HINT: &str = "leave the column out with --columns";

impl BadValue {
    /// A value that would be kept as text.
    #[cold]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: CAST_HINT }
    }

    /// A value that the target type does not have: NULL, or refused.
    ///
    /// # Errors
    /// That it is refused.
    #[cold]
    pub fn special<T>(special: SpecialValues, what: impl Into<String>) -> Result<Option<T>, Self> {
        match special {
            SpecialValues::Null => Ok(None),
            SpecialValues::Error => Err(Self { what: what.into(), hint: SPECIAL_HINT }),
        }
    }

    /// NULL where the database said that there is none.
    #[cold]
    pub fn null() -> Self {
        Self { what: "NULL in a column that the schema calls NOT NULL".to_owned(), hint: REPAIR_HINT }
    }

    /// Where more about it is found.
    fn code(&self) -> Code {
        match self.hint {
            SPECIAL_HINT => Code::SpecialValue,
            LEAVE_OUT_HINT => Code::TooLarge,
            REPAIR_HINT if self.what.starts_with("NULL ") => Code::RowsContradict,
            REPAIR_HINT => Code::BadText,
            _ => Code::ValueNotExact,
        }
    }

    /// The error for it, which names table, column and type. The caller adds the row.
    pub fn into_error(self, table: &TableRef, column: &ColumnInfo) -> Error {
        let name = format!("{table}.{}", column.name());
        let code = self.code();
        Error::data(self.what)
            .coded(code)
            .with("table", table)
            .with("column", column.name())
            .with("type", &column.source_type)
            .hint(self.hint.replace("table.column", &name))
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;
    use crate::catalog::Verdict;
    use crate::source::kit::choice::Choice;

    #[test]
    fn an_error_names_the_column_in_its_advice() {
        let choice = Choice {
            field: Field::new("c", DataType::Date32, true),
            codec: "date",
            verdict: Verdict::Exact,
            note: String::new(),
            comparable: true,
        };
        let column = choice.into_column("date").unwrap();
        let table = TableRef { schema: "s".into(), name: "t".into() };
        let refused = BadValue::special::<i32>(SpecialValues::Error, "infinity is not a Parquet date");
        let error = refused.unwrap_err().into_error(&table, &column);
        assert_eq!(error.to_string(), "infinity is not a Parquet date (table s.t, column c, type date)");
        assert_eq!(
            error.hints(),
            ["--special-values null makes it NULL, --cast 's.t.c: text' keeps it as the database's own text"]
        );
        assert_eq!(BadValue::special::<i32>(SpecialValues::Null, "infinity"), Ok(None));
    }
}
