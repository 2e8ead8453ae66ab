//! What the source evaluates gives the rows that DataFusion gives.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow_schema::DataType;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_plan::filter::batch_filter;
use datafusion::prelude::{SessionContext, lit};

use super::view::{Table, Texts, same, texts};
use super::{Subject, ensure};
use crate::catalog::{ColumnInfo, Consistency};
use crate::error::{Error, Result};
use crate::source::TableRead;

const COMPARISONS: [Operator; 6] =
    [Operator::Eq, Operator::NotEq, Operator::Lt, Operator::LtEq, Operator::Gt, Operator::GtEq];

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// A few values that the column has, and some that it has not. What is compared without trailing spaces has none.
fn literals(batch: &RecordBatch, at: usize, padded: bool) -> Result<Vec<Expr>> {
    let column = batch.column(at);
    let mut values: Vec<ScalarValue> = Vec::new();
    for row in (0..column.len()).step_by((column.len() / 5).max(1)) {
        let value = ScalarValue::try_from_array(column, row)?;
        if !value.is_null() && !values.contains(&value) {
            values.push(value);
        }
    }
    match column.data_type() {
        DataType::Int64 => values.extend([i64::MIN, -1, i64::MAX].map(|n| ScalarValue::Int64(Some(n)))),
        DataType::Utf8 => values.extend(
            ["", "a", "A ", "o'clock", "back\\slash", "größe 日本", "no\0name"]
                .map(|text| ScalarValue::Utf8(Some(text.into()))),
        ),
        _ => {}
    }
    values.retain(|value| !padded || !value.to_string().ends_with(' '));
    Ok(values.into_iter().map(lit).collect())
}

/// Filters of one column.
fn of_column(batch: &RecordBatch, at: usize, padded: bool) -> Result<Vec<Expr>> {
    let column = || Expr::Column(Column::new_unqualified(batch.schema().field(at).name()));
    let mut filters = vec![column().is_null(), column().is_not_null()];
    if batch.column(at).data_type() == &DataType::Boolean {
        filters.extend([column(), Expr::Not(Box::new(column()))]);
    }
    let literals = literals(batch, at, padded)?;
    for (i, literal) in literals.iter().enumerate() {
        let op = COMPARISONS[i % COMPARISONS.len()];
        filters.extend(COMPARISONS.map(|op| binary(column(), op, literal.clone())));
        filters.push(binary(literal.clone(), op, column()));
        filters.push(Expr::Not(Box::new(binary(column(), op, literal.clone()))));
    }
    if let [first, .., last] = literals.as_slice() {
        filters.push(column().between(first.clone(), last.clone()));
        filters.push(column().between(last.clone(), first.clone()));
        filters.push(column().not_between(first.clone(), last.clone()));
        filters.push(column().in_list(literals.clone(), false));
        filters.push(column().in_list(literals.clone(), true));
    }
    Ok(filters)
}

/// Filters over all columns, alone and together.
fn filters(batch: &RecordBatch, padded: &[bool]) -> Result<Vec<Expr>> {
    let mut filters = Vec::new();
    for (at, padded) in padded.iter().enumerate() {
        filters.extend(of_column(batch, at, *padded)?);
    }
    let alone = filters.len();
    // No source has it: what stands next to it is weaker than the whole, or not.
    let odd = binary(Expr::Column(Column::new_unqualified("id")) + lit(1_i64), Operator::Gt, lit(5_i64));
    for i in (0..alone).step_by((alone / 20).max(1)) {
        let one = filters[i].clone();
        filters.extend([odd.clone().and(one.clone()), one.clone().or(odd.clone())]);
        filters.push(odd.clone().and(one.clone()).or(odd.clone()));
        filters.push(Expr::Not(Box::new(one.and(odd.clone()))));
    }
    // A step that is prime to their number pairs each with another column's.
    let step = (alone / 3..).find(|step| step % 2 == 1 && alone % step != 0).unwrap_or(1);
    for i in (0..alone).step_by(2) {
        let (one, other, third) = (
            filters[i].clone(),
            filters[(i + step) % alone].clone(),
            filters[(i + 2 * step) % alone].clone(),
        );
        filters.push(match i % 5 {
            0 => one.and(other),
            1 => one.or(other),
            2 => one.or(other).and(third),
            3 => Expr::Not(Box::new(one.and(other))),
            _ => one.and(other).or(third),
        });
    }
    Ok(filters)
}

/// The keys of the rows for which DataFusion says that `filter` holds.
fn evaluated(context: &SessionContext, batch: &RecordBatch, filter: &Expr) -> Result<Texts> {
    let schema = DFSchema::try_from(batch.schema())?;
    let predicate = context.create_physical_expr(filter.clone(), &schema)?;
    let kept = batch_filter(batch, &predicate)?;
    let ids = kept.project(&[0]).map_err(|e| Error::internal("the key").caused_by(e))?;
    texts(&[ids])
}

pub(super) async fn the_same_answer(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let view = s.view(Consistency::Run).await?;
    let context = SessionContext::new();
    for (at, name) in s.fixture.tables().into_iter().enumerate() {
        let table = view.table(&name).await?;
        let batches = table.batches(&table.all()).await?;
        let batch = concat_batches(&table.info.schema(), &batches)
            .map_err(|e| Error::internal("all rows").caused_by(e))?;
        let padded = |column: &ColumnInfo| s.source.dialect().sql_type(column) == Some("bpchar");
        let padded: Vec<bool> = table.info.columns.iter().map(padded).collect();
        // All of them for the first table; of each other one some, which are others for each.
        for filter in filters(&batch, &padded)?.into_iter().skip(at).step_by(if at == 0 { 1 } else { 4 }) {
            let about = |error: Error| error.with("table", &name).with("filter", &filter);
            let expected = || evaluated(&context, &batch, &filter);
            one(s, &table, &filter, &expected).await.map_err(about)?;
        }
    }
    Ok(())
}

async fn one(
    s: &Subject<'_>,
    table: &Table,
    filter: &Expr,
    expected: &(dyn Fn() -> Result<Texts> + Sync),
) -> Result<()> {
    let dialect = s.source.dialect();
    let (pushed, weaker) = (dialect.pushdown(&table.info, filter), dialect.weaker(&table.info, filter));
    let Some(sql) = weaker.as_ref().or(pushed.as_ref()) else {
        s.saw(|seen| seen.kept += 1);
        return Ok(());
    };
    let read = TableRead { filter: Some(sql.clone()), ..table.ids() };
    let (found, expected) = (table.texts(&read).await?, expected()?);
    if pushed.is_some() {
        s.saw(|seen| seen.pushed += 1);
        ensure(weaker == pushed, "what can be pushed as it is needs nothing weaker")?;
        same(&found, &expected, "a filter that is pushed down keeps the rows that it keeps here")?;
        let count = table.count(&read).await?;
        return ensure(count == found.len(), "a count heeds the filter");
    }
    s.saw(|seen| seen.weakened += 1);
    let all_there = expected.iter().all(|row| found.binary_search(row).is_ok());
    ensure(all_there, "a weaker condition holds for every row for which the filter does")
}
