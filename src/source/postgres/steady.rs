//! Texts that would depend on settings of the role or the database.

use super::column::Styles;
use super::session::{BEGIN_THEIRS, END_THEIRS};
use crate::client::postgres::Connection;
use crate::error::{Code, Error, Result};

/// Refuses columns whose text, made by a cast of ours, would be by other rules than those of every table: a view or a
/// query is evaluated by the rules of the role and the database, and so are the casts in the same statement.
pub(super) async fn steady(view: &mut Connection, columns: &[(String, Styles)]) -> Result<()> {
    if columns.iter().all(|(_, styles)| *styles == Styles::default()) {
        return Ok(());
    }
    let settings = "SELECT pg_catalog.current_setting('TimeZone'), pg_catalog.current_setting('DateStyle'), \
         pg_catalog.current_setting('IntervalStyle')";
    let rows = view.query(&format!("{BEGIN_THEIRS}; {settings}; {END_THEIRS}")).await?;
    let row = rows.first().ok_or_else(|| Error::internal("the server returned no row"))?;
    let (zone, date, interval) = (row.required(0)?, row.required(1)?, row.required(2)?);
    for (column, styles) in columns {
        let setting = if styles.zone && !UTC.contains(&zone) {
            ("TimeZone", zone)
        } else if styles.date && !date.starts_with("ISO") {
            ("DateStyle", date)
        } else if styles.interval && interval != "iso_8601" {
            ("IntervalStyle", interval)
        } else {
            continue;
        };
        return Err(Error::data(format!(
            "the column is exported as text, which would depend on {} ({})",
            setting.0, setting.1
        )).coded(Code::TextDependsOnSetting)
        .with("column", column)
        .hint(
            "the database's own setting holds while its SQL is evaluated: let the SQL make the text (::text), or give the \
             parts of the value (lower and upper of a range, the fields of a composite type)",
        ));
    }
    Ok(())
}

/// Names of the time zone by which texts of ours are written.
pub(super) const UTC: &[&str] =
    &["UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu", "GMT", "Etc/GMT"];
