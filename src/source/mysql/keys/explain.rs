//! What the optimizer expects of a statement.

use super::answer::ask;
use crate::client::mysql::Connection;
use crate::error::Result;

/// One line of EXPLAIN: how one table of one SELECT is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Which SELECT of the statement, from 1; none for what unites them.
    pub(super) select: Option<usize>,
    /// The index that is used.
    pub(super) key: Option<String>,
    /// Rows that are looked at; 0 where the optimizer has found that there are none.
    pub(super) rows: f64,
    /// Share of them that is selected, 0 to 1.
    pub(super) share: f64,
}

/// The plan of `select`.
///
/// # Errors
/// Those of the statement: MySQL explains views only to those who may see their definition.
pub(super) async fn explain(connection: &mut Connection, select: &str) -> Result<Vec<Step>> {
    // MySQL may have another form by default (`explain_format`), MariaDB has no name for this one.
    let form = if connection.version()?.maria { "EXTENDED" } else { "FORMAT=TRADITIONAL" };
    let answer = ask(connection, &format!("EXPLAIN {form} {select}")).await?;
    let steps = answer.rows.iter().map(|row| {
        let real = |name: &str| answer.cell(row, name)?.real().filter(|number| number.is_finite());
        Step {
            select: answer.cell(row, "id").and_then(|id| usize::try_from(id.whole()?).ok()),
            key: answer.cell(row, "key").and_then(|key| key.text().map(str::to_owned)),
            rows: real("rows").unwrap_or(0.0).max(0.0),
            share: (real("filtered").unwrap_or(100.0) / 100.0).clamp(0.0, 1.0),
        }
    });
    Ok(steps.collect())
}
