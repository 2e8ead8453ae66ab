//! One row of a query's answer, as text.

use super::error;
use crate::error::{Code, Error, Result};

/// The values of one row in the server's own text; `None` is NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Option<String>>);

impl Row {
    /// The value of column `index` (from 0); none for NULL and for a column that is not there.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index)?.as_deref()
    }

    /// The value of a column that cannot be NULL.
    ///
    /// # Errors
    /// `Internal` when it is NULL or not there.
    pub fn required(&self, index: usize) -> Result<&str> {
        self.get(index).ok_or_else(|| {
            Error::internal(format!("the server's answer has no value in column {}", index + 1))
        })
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the row has no columns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the body of a DataRow message.
    pub(super) fn parse(body: &[u8]) -> Result<Self> {
        let short = || error::protocol("a short row");
        let (count, mut rest) = body.split_first_chunk::<2>().ok_or_else(short)?;
        let count = u16::from_be_bytes(*count);
        let mut values = Vec::with_capacity(count.into());
        for _ in 0..count {
            let (length, after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                values.push(None);
                rest = after;
                continue;
            };
            let (value, after) = after.split_at_checked(length).ok_or_else(short)?;
            let text = std::str::from_utf8(value).map_err(|error| {
                Error::data("the server's catalog holds text that is not UTF-8")
                    .coded(Code::BadText)
                    .hint("the database's encoding is probably SQL_ASCII; rename what is not UTF-8")
                    .caused_by(error)
            })?;
            values.push(Some(text.to_string()));
            rest = after;
        }
        if rest.is_empty() { Ok(Self(values)) } else { Err(error::protocol("a long row")) }
    }
}
