//! Values chosen from several columns row by row: the largest, the smallest, one unless it equals another.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::cast;
use arrow::compute::kernels::cmp;
use arrow::compute::kernels::nullif::nullif;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_null, not, or, prep_null_mask_filter};
use arrow_schema::{ArrowError, DataType};

use super::times::date_as_timestamp;
use crate::plan::comparisons::one_form;
use crate::plan::meaning::kind::Kind;

type Result<T> = std::result::Result<T, ArrowError>;

/// The largest value of each row.
pub(in crate::plan) fn greatest(columns: &[ArrayRef]) -> Result<ArrayRef> {
    fold(columns, |next, best| cmp::gt(&next, &best))
}

/// The smallest value of each row.
pub(in crate::plan) fn least(columns: &[ArrayRef]) -> Result<ArrayRef> {
    fold(columns, |next, best| cmp::lt(&next, &best))
}

fn fold(
    columns: &[ArrayRef],
    better: impl Fn(ArrayRef, ArrayRef) -> Result<BooleanArray>,
) -> Result<ArrayRef> {
    let Some((first, rest)) = columns.split_first() else {
        return Err(ArrowError::InvalidArgumentError("no values".into()));
    };
    rest.iter().try_fold(Arc::clone(first), |best, next| {
        let wins = better(one_form(next), one_form(&best))?;
        let wins = if wins.null_count() > 0 { prep_null_mask_filter(&wins) } else { wins };
        let fills = or(&is_null(&best)?, &wins)?;
        let takes = arrow::compute::and(&fills, &not(&is_null(next)?)?)?;
        zip(&takes, next, &best)
    })
}

/// The first of two columns, NULL where they are equal as values of `kind`, which those of the second are.
pub(in crate::plan) fn null_if(columns: &[ArrayRef], kind: Kind) -> Result<ArrayRef> {
    let [value, other] = columns else {
        return Err(ArrowError::InvalidArgumentError(format!("{} columns", columns.len())));
    };
    let compared = match (value.data_type(), kind.arrow()) {
        (DataType::Date32, Some(DataType::Timestamp(..))) => {
            cast(&date_as_timestamp(std::slice::from_ref(value))?, other.data_type())?
        }
        (from, Some(to)) if *from != to => cast(value, other.data_type())?,
        _ => Arc::clone(value),
    };
    let equal = cmp::eq(&one_form(&compared), &one_form(other))?;
    nullif(value, &equal)
}
