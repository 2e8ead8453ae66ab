//! `--numeric measure`: the smallest decimal that holds every value of a column, found by reading all of them.

use super::column::PgColumn;
use super::columns::number;
use crate::catalog::TableRef;
use crate::client::postgres::{Connection, ident};
use crate::error::Result;
use crate::spec::NumericPolicy;

/// Columns that are asked about at once. Each takes two entries of a select list, which has 1664 at most.
const ASKED_AT_ONCE: usize = 800;

/// What each of `columns` needs, in their order: a decimal, or text where no decimal is wide enough.
///
/// NaN and infinity need nothing: they are the matter of `--special-values`.
pub(super) async fn numerics(
    view: &mut Connection,
    table: &TableRef,
    columns: &[&PgColumn],
) -> Result<Vec<NumericPolicy>> {
    let mut found = Vec::with_capacity(columns.len());
    for some in columns.chunks(ASKED_AT_ONCE) {
        found.extend(some_numerics(view, table, some).await?);
    }
    Ok(found)
}

async fn some_numerics(
    view: &mut Connection,
    table: &TableRef,
    columns: &[&PgColumn],
) -> Result<Vec<NumericPolicy>> {
    // The scale of what is not finite is NULL.
    let wanted: Vec<String> = columns
        .iter()
        .map(|column| {
            let c = ident(&column.name);
            format!(
                "pg_catalog.max(pg_catalog.scale({c})), pg_catalog.max(pg_catalog.abs(pg_catalog.trunc({c}))) \
                 FILTER (WHERE pg_catalog.scale({c}) IS NOT NULL)"
            )
        })
        .collect();
    let name = format!("{}.{}", ident(&table.schema), ident(&table.name));
    let rows = view.query(&format!("SELECT {} FROM {name}", wanted.join(", "))).await?;
    let Some(row) = rows.first() else { return Ok(vec![NumericPolicy::Text; columns.len()]) };
    let facts = (0..columns.len()).map(|at| (row.get(2 * at), row.get(2 * at + 1)));
    facts.map(|(scale, whole)| smallest(scale, whole)).collect()
}

/// The decimal for values with at most so many places and a whole part of at most this size.
fn smallest(scale: Option<&str>, whole: Option<&str>) -> Result<NumericPolicy> {
    let scale: usize = scale.map_or(Ok(0), number)?;
    let digits = whole.map_or(0, |whole| whole.trim_start_matches('0').len());
    let precision = u8::try_from((digits + scale).max(1)).ok().filter(|digits| *digits <= 76);
    Ok(match (precision, i8::try_from(scale)) {
        (Some(precision), Ok(scale)) => NumericPolicy::Decimal(precision, scale),
        _ => NumericPolicy::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_decimal_holds_places_and_digits() {
        for (scale, whole, expected) in [
            (None, None, NumericPolicy::Decimal(1, 0)),
            (Some("0"), Some("0"), NumericPolicy::Decimal(1, 0)),
            (Some("3"), Some("0"), NumericPolicy::Decimal(3, 3)),
            (Some("2"), Some("999"), NumericPolicy::Decimal(5, 2)),
            (Some("38"), Some(&*"9".repeat(38)), NumericPolicy::Decimal(76, 38)),
            (Some("38"), Some(&*"9".repeat(39)), NumericPolicy::Text),
            (Some("1000"), Some("1"), NumericPolicy::Text),
        ] {
            assert_eq!(smallest(scale, whole).unwrap(), expected, "{scale:?} {whole:?}");
        }
    }
}
