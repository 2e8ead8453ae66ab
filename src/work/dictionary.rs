//! Which columns are written without a dictionary, from what the source's statistics say.

use crate::catalog::ColumnInfo;
use crate::plan::TablePlan;
use crate::readers::field_for;
use crate::sink::dictionary_may_pay;

/// Columns for which a dictionary does not pay.
pub(super) fn dictionary_off(plan: &TablePlan) -> Vec<String> {
    let written = |column: &ColumnInfo| field_for(&column.field.clone().into(), &plan.parquet.readers);
    let rows = plan.info.est_rows.min(plan.parquet.row_group_rows as u64) as f64;
    plan.columns
        .iter()
        .filter(|written| written.source_type.is_some())
        .filter_map(|written| plan.info.column(&written.name))
        .filter(|c| c.est_distinct.is_some_and(|n| !dictionary_may_pay(n, rows, written(c).data_type())))
        .map(|c| c.name().to_owned())
        .collect()
}
