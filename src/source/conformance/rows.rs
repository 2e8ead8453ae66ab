//! Every row once, with the fields described, counted, in batches of about the size asked for.

use arrow_schema::{Field, Schema};

use super::view::{KNOWN, Table, Texts, drain, expected, known, same};
use super::{Subject, ensure};
use crate::catalog::Consistency;
use crate::error::{Error, Result};
use crate::source::TableRead;

/// Lists of columns that the known tables have: all, none, one, some, in another order.
fn projections(table: &Table) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..table.info.columns.len()).collect();
    let reversed = all.iter().rev().copied().collect();
    vec![all, reversed, vec![], vec![0], vec![2], vec![3, 0], vec![1, 2]]
}

fn described(table: &Table, columns: &[usize]) -> Schema {
    let field = |at: &usize| table.info.columns[*at].field.clone();
    Schema::new(columns.iter().map(field).collect::<Vec<Field>>())
}

pub(super) async fn fields(s: &Subject<'_>) -> Result<()> {
    s.fill().await?;
    let view = s.view(Consistency::Run).await?;
    for name in s.fixture.tables() {
        let table = view.table(&name).await?;
        let names: Vec<&str> = table.info.columns.iter().take(KNOWN).map(|c| c.name()).collect();
        ensure(names == ["id", "n", "name", "since"], "columns are described in the table's order")?;
        let key = table.info.primary_key.as_ref().map(|key| key.columns.as_slice());
        ensure(key == Some(&["id".to_owned()]), "the primary key is described")?;
        for columns in projections(&table) {
            let described = described(&table, &columns);
            let read = table.of(columns);
            let stream = table.read(&read)?;
            ensure(
                *stream.schema() == described,
                "a stream has exactly the fields described, in the order asked for",
            )?;
            for batch in drain(stream).await? {
                ensure(*batch.schema() == described, "a batch has exactly the fields of its stream")?;
                let mut columns = batch.columns().iter().zip(described.fields());
                let kept = columns.all(|(array, field)| field.is_nullable() || array.null_count() == 0);
                ensure(kept, "a column that is described as never NULL has no NULL")?;
            }
        }
    }
    Ok(())
}

pub(super) async fn every_row_once(s: &Subject<'_>) -> Result<()> {
    let rows = expected(&s.fill().await?);
    let view = s.view(Consistency::Run).await?;
    for name in s.fixture.tables() {
        let table = view.table(&name).await?;
        let all = table.texts(&table.all()).await?;
        same(&known(all.clone()), &rows, "every row is read once, with its values")?;
        for columns in projections(&table) {
            let of_row = |row: &Vec<Option<String>>| columns.iter().map(|at| row[*at].clone()).collect();
            let mut wanted: Texts = all.iter().map(of_row).collect();
            wanted.sort();
            let found = table.texts(&table.of(columns)).await?;
            same(&found, &wanted, "values do not depend on which columns are read, nor how many")?;
        }
    }
    Ok(())
}

pub(super) async fn counts(s: &Subject<'_>) -> Result<()> {
    let rows = s.fill().await?.len();
    let view = s.view(Consistency::Run).await?;
    for name in s.fixture.tables() {
        let table = view.table(&name).await?;
        for read in [table.all(), table.ids(), table.of(vec![])] {
            ensure(table.count(&read).await? == rows, "a count is that of the rows that are read")?;
        }
        let none = table.of(vec![]);
        let found: usize = table.batches(&none).await?.iter().map(|batch| batch.num_rows()).sum();
        ensure(found == rows, "rows are counted when no column is read")?;
        // As a worker in another process has it.
        let text = serde_json::to_string(&table.ids()).map_err(|e| Error::internal("JSON").caused_by(e))?;
        let read: TableRead =
            serde_json::from_str(&text).map_err(|e| Error::internal("JSON").caused_by(e))?;
        ensure(table.count(&read).await? == rows, "a read as JSON is the same read")?;
        let batches = table.batches(&read).await?;
        let found: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        ensure(found == rows, "a read as JSON is the same read")?;
    }
    Ok(())
}

pub(super) async fn batches(s: &Subject<'_>) -> Result<()> {
    let rows = s.fill().await?.len();
    let view = s.view(Consistency::Run).await?;
    for name in s.fixture.tables() {
        let table = view.table(&name).await?;
        for batch_rows in [1, 100, 1000] {
            let read = TableRead { batch_rows, ..table.all() };
            let batches = table.batches(&read).await?;
            let sizes: Vec<usize> = batches.iter().map(|batch| batch.num_rows()).collect();
            ensure(sizes.iter().all(|size| *size > 0), "no batch is empty")?;
            let much = batch_rows + batch_rows / 2;
            ensure(sizes.iter().all(|size| *size <= much), "a batch has about as many rows as asked for")?;
            let fewest = rows.div_ceil(batch_rows);
            ensure(sizes.len() <= 2 * fewest, "batches are about as few as can be")?;
        }
    }
    Ok(())
}
