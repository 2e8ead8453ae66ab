//! A table's slices: by the method chosen, with what the source says about where its rows lie.

use arrow_schema::DataType;

use super::CutSlice;
use crate::catalog::{Slice, TableInfo};
use crate::error::{Code, Error, Result};
use crate::partition::period::{self, TimeKey};
use crate::partition::share::Portion;
use crate::partition::{Choice, leaves, modulo, physical, quantile, range, values};
use crate::source::{Dialect, Snapshot};
use crate::spec::Method;

/// Keys that are asked for, for each slice.
const POINTS_PER_SLICE: usize = 16;
/// Keys that are asked for in all.
const MOST_POINTS: usize = 8_192;
/// Values that DataDriven and Timepartition may have: each is a file.
const MOST_VALUES: usize = 10_000;

/// Cuts `info` as chosen. The slices are disjoint and cover the table whatever the source answers.
pub(super) async fn cut(
    info: &TableInfo,
    choice: &Choice,
    dialect: &dyn Dialect,
    view: &dyn Snapshot,
) -> Result<Vec<CutSlice>> {
    let portions = match (choice.method, &choice.key) {
        (Method::Ctid, _) => whole(physical::cut(&info.blocks, choice.parts)),
        (Method::DbPartition, _) => whole(leaves::cut(&info.leaves, choice.parts)),
        (Method::RangeId | Method::Ntile, Some(key)) => by_ranges(info, choice, key, view).await?,
        (Method::Random, Some(key)) => {
            let of = u32::try_from(choice.parts).unwrap_or(u32::MAX).max(1);
            let counts = view.values(info, &dialect.remainder(key, of), choice.parts + 1, false).await?;
            modulo::cut(key, &counts, choice.parts, is_nullable(info, key))
        }
        (Method::DataDriven, Some(key)) => {
            let column = info.column(key).map(|c| dialect.key(info, c.name()));
            if column.is_none() {
                dialect.check_steady(key).map_err(|error| error.with("table", &info.table))?;
            }
            let expression = column.unwrap_or_else(|| format!("({key})"));
            let counts = view.values(info, &expression, MOST_VALUES + 1, true).await?;
            few_enough(info, choice.method, counts.len())?;
            values::cut(&expression, &counts, choice.parts)
        }
        (Method::Timepartition, Some(key)) => by_periods(info, choice, key, (dialect, view)).await?,
        _ => vec![Portion::whole(Slice::All)],
    };
    let mut slices = Vec::with_capacity(portions.len());
    for Portion { slice, pieces, directory } in portions {
        let cuts = if pieces > 1 { view.blocks(info, &slice, pieces).await? } else { Vec::new() };
        let pieces = if cuts.is_empty() { vec![slice] } else { slice.in_pieces(physical::between(cuts)) };
        slices.extend(pieces.into_iter().map(|slice| CutSlice { slice, directory: directory.clone() }));
    }
    Ok(slices)
}

fn whole(slices: Vec<Slice>) -> Vec<Portion> {
    slices.into_iter().map(Portion::whole).collect()
}

fn is_nullable(info: &TableInfo, column: &str) -> bool {
    info.column(column).is_none_or(|c| c.field.is_nullable())
}

async fn by_ranges(
    info: &TableInfo,
    choice: &Choice,
    key: &str,
    view: &dyn Snapshot,
) -> Result<Vec<Portion>> {
    let nullable = is_nullable(info, key);
    let points = choice.parts.saturating_mul(POINTS_PER_SLICE).min(MOST_POINTS);
    let every = choice.method == Method::Ntile;
    Ok(match view.quantiles(info, key, points, every).await? {
        Some(quantiles) => quantile::cut(key, &quantiles, choice.parts, nullable),
        None => {
            let bounds = view.bounds(info, key).await?;
            whole(range::cut(key, bounds.as_ref(), choice.parts, nullable))
        }
    })
}

async fn by_periods(
    info: &TableInfo,
    choice: &Choice,
    key: &str,
    (dialect, view): (&dyn Dialect, &dyn Snapshot),
) -> Result<Vec<Portion>> {
    let key: TimeKey = key.parse()?;
    let expression = dialect.period(info, &key.column, key.period).ok_or_else(|| {
        Error::usage("this source cannot cut a table by method Timepartition")
            .coded(Code::Method)
            .with("table", &info.table)
    })?;
    let starts = view.values(info, &expression, MOST_VALUES + 1, true).await?;
    few_enough(info, choice.method, starts.len())?;
    let data_type = info.column(&key.column).map(|c| c.field.data_type());
    let timestamps = matches!(data_type, Some(DataType::Timestamp(_, _)));
    period::cut(&key, &expression, &starts, timestamps, choice.parts)
}

fn few_enough(info: &TableInfo, method: Method, values: usize) -> Result<()> {
    if values <= MOST_VALUES {
        return Ok(());
    }
    Err(Error::usage(format!("method {method} would make more than {MOST_VALUES} files: the key has more values"))
        .coded(Code::Method)
        .with("table", &info.table)
        .hint("choose an expression with fewer values (date_trunc, left, a modulo), a larger unit, or RangeId or Ntile"))
}
