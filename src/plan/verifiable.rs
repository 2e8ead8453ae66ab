//! What `--verify` compares with the source: whether the source can express the rows and columns of an export.

use arrow_schema::Fields;

use super::TablePlan;
use crate::catalog::ColumnInfo;
use crate::error::{Code, Error, Result};
use crate::manifest::ManifestColumn;
use crate::readers::field_for;
use crate::source::Source;
use crate::spec::Verify;

/// Whether `--verify` can be kept for this table.
///
/// Errors: `Data`, naming the condition or the column that only we can compute.
pub(super) fn check(plan: &TablePlan, source: &dyn Source, verify: Verify) -> Result<()> {
    if verify == Verify::None {
        return Ok(());
    }
    if let Some(condition) = plan.evaluated_here.first() {
        return Err(Error::data("--verify: the source cannot count rows under a condition that is evaluated here")
            .coded(Code::NotVerifiable)
            .with("table", &plan.info.table)
            .with("condition", condition)
            .hint("write the --where so that the source evaluates it (`lakexpress plan` shows what does), or leave --verify out"));
    }
    if verify == Verify::Hash {
        if !plan.arrangement.files.is_one_file() {
            return Err(Error::data(
                "--verify hash compares each part with one file, and a part has several",
            )
            .coded(Code::NotVerifiable)
            .with("table", &plan.info.table)
            .hint("leave --partition-by and --max-file-bytes out, or use --verify count"));
        }
        if let Some(masked) = plan.masks.columns.first() {
            return Err(Error::data("--verify hash: the source cannot hash values that a mask changes")
                .coded(Code::NotVerifiable)
                .with("table", &plan.info.table)
                .with("column", &masked.column)
                .hint("use --verify count"));
        }
        let columns = columns(plan)?;
        source.check_fingerprint(&plan.info, &columns, &written(plan, &columns))?;
    }
    Ok(())
}

/// The columns that are written, as indices into those of the table.
pub fn columns(plan: &TablePlan) -> Result<Vec<usize>> {
    let place = |written: &ManifestColumn| {
        let same = |column: &ColumnInfo| column.name() == written.name;
        let found = written.source_type.as_ref().and_then(|_| plan.info.columns.iter().position(same));
        found.ok_or_else(|| {
            Error::data("--verify hash: the source cannot hash a column that is computed here")
                .coded(Code::NotVerifiable)
                .with("table", &plan.info.table)
                .with("column", &written.name)
                .hint("leave the expression out of --columns, or use --verify count")
        })
    };
    plan.columns.iter().map(place).collect()
}

/// The columns at these places, as the files have them.
pub fn written(plan: &TablePlan, columns: &[usize]) -> Fields {
    let field = |at: &usize| field_for(&plan.info.columns[*at].field.clone().into(), &plan.parquet.readers);
    columns.iter().map(field).collect()
}
