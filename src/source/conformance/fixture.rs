//! The rows that the suite knows, how it changes them, and what it needs to know of a database.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;

use crate::catalog::TableRef;
use crate::error::Result;
use crate::source::Source;

/// `id` of the row of [`Fixture::bad`] whose value cannot be read.
pub const BAD_ID: i64 = 407;

/// A row of the tables that the suite fills, by its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `id`, a 64-bit integer and the primary key.
    pub id: i64,
    /// `n`, a 64-bit integer.
    pub n: Option<i64>,
    /// `name`, text.
    pub name: Option<String>,
    /// `since`, a date in days since 1970-01-01; text of the form YYYY-MM-DD where the database has none.
    pub since: Option<i32>,
}

impl Row {
    /// The values as texts, NULL as none.
    pub fn texts(&self) -> [Option<String>; 4] {
        let since = self.since.map(|days| {
            let epoch = NaiveDate::default();
            (epoch + chrono::Duration::days(days.into())).to_string()
        });
        [Some(self.id.to_string()), self.n.map(|n| n.to_string()), self.name.clone(), since]
    }

    /// As an item of VALUES.
    fn sql(&self) -> String {
        let [id, n, name, since] = self.texts();
        let quoted = |text: Option<String>| text.map(|text| format!("'{}'", text.replace('\'', "''")));
        let values = [id, n, quoted(name), quoted(since)];
        format!("({})", values.map(|value| value.unwrap_or_else(|| "NULL".into())).join(", "))
    }
}

/// Names that careless SQL falls over, one that ends with a space, and two that differ in case only.
const NAMES: [&str; 10] =
    ["a", "A", "", "trailing ", "o'clock", "back\\slash", "größe 日本", "100%_", "\"quoted\"\nlines", "NULL"];

/// The rows that a table has in the beginning: NULL in every column but the key, negative and extreme keys, values that
/// many rows have.
pub fn rows() -> Vec<Row> {
    let row = |i: i32| Row {
        id: i64::from(i) * 3 - 700,
        n: match i {
            10 => Some(i64::MIN),
            11 => Some(i64::MAX),
            _ => (i % 7 != 0).then(|| i64::from(i) * i64::from(i) % 23 - 5),
        },
        name: (i % 11 != 0).then(|| NAMES[i.unsigned_abs() as usize % NAMES.len()].to_owned()),
        since: (i % 13 != 0).then_some(19_700 + i % 75),
    };
    (0..1500).map(row).collect()
}

/// What is committed at the database, in one transaction.
#[derive(Debug, Clone)]
pub enum Change {
    /// The tables have these rows and no others.
    Fill(Vec<Row>),
    /// Rows are added.
    Insert(Vec<Row>),
    /// Rows with these ids are deleted.
    Delete(Vec<i64>),
    /// Rows with these ids get this name.
    Rename(Vec<i64>, String),
}

impl Change {
    /// The statements that do it to `table`, a name as it is written in SQL; all end with a semicolon.
    pub fn sql(&self, table: &str) -> String {
        let insert = |rows: &[Row]| {
            let values: Vec<String> = rows.iter().map(Row::sql).collect();
            format!("INSERT INTO {table} (id, n, name, since) VALUES {};", values.join(", "))
        };
        let list = |ids: &[i64]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Fill(rows) => format!("DELETE FROM {table}; {}", insert(rows)),
            Self::Insert(rows) => insert(rows),
            Self::Delete(ids) => format!("DELETE FROM {table} WHERE id IN ({});", list(ids)),
            Self::Rename(ids, name) => {
                format!("UPDATE {table} SET name = '{name}' WHERE id IN ({});", list(ids))
            }
        }
    }

    /// Does it to rows in memory.
    pub fn apply(&self, rows: &mut Vec<Row>) {
        match self {
            Self::Fill(new) => rows.clone_from(new),
            Self::Insert(new) => rows.extend_from_slice(new),
            Self::Delete(ids) => rows.retain(|row| !ids.contains(&row.id)),
            Self::Rename(ids, name) => {
                for row in rows.iter_mut().filter(|row| ids.contains(&row.id)) {
                    row.name = Some(name.clone());
                }
            }
        }
    }
}

/// A database with tables of the suite's, and the source that reads it.
#[async_trait]
pub trait Fixture: Sync {
    /// Opens the source, as another process would.
    ///
    /// # Errors
    /// The source's.
    fn open(&self) -> Result<Arc<dyn Source>>;

    /// The tables that the suite changes, one of each kind that the source reads. Each has the columns of [`Row`] in that
    /// order, and perhaps others behind them that need no value.
    fn tables(&self) -> Vec<TableRef>;

    /// Commits a change of all of [`Self::tables`], in one transaction.
    ///
    /// # Errors
    /// The database's.
    async fn change(&self, change: &Change) -> Result<()>;

    /// A table of columns `id`, the primary key, and `v`, with ids 401 to 410. The `v` of [`BAD_ID`] cannot be read.
    fn bad(&self) -> TableRef;

    /// A table that is larger than all that fits between the database and a reader who does not read on.
    fn large(&self) -> TableRef {
        self.tables().swap_remove(0)
    }

    /// A table of that name is not there.
    fn missing(&self) -> TableRef {
        TableRef { name: "missing".into(), ..self.bad() }
    }

    /// What the source was opened with and must never show.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// The source, opened with its secrets, where connecting fails.
    fn astray(&self) -> Option<Arc<dyn Source>> {
        None
    }

    /// Statements for the source that the database runs now; none when nobody can tell.
    ///
    /// # Errors
    /// The database's.
    async fn statements(&self) -> Result<Option<usize>> {
        Ok(None)
    }

    /// Transactions, locks or versions that the database keeps for the source now; none when nobody can tell.
    ///
    /// # Errors
    /// The database's.
    async fn kept(&self) -> Result<Option<usize>> {
        Ok(None)
    }
}

/// What puts something around a source.
type Wrap<'f> = Box<dyn Fn(Arc<dyn Source>) -> Arc<dyn Source> + Sync + 'f>;

/// The same database, read through a wrapper.
pub struct Around<'f> {
    fixture: &'f dyn Fixture,
    wrap: Wrap<'f>,
}

impl<'f> Around<'f> {
    /// `fixture` with `wrap` around each source that it opens.
    pub fn new(
        fixture: &'f dyn Fixture,
        wrap: impl Fn(Arc<dyn Source>) -> Arc<dyn Source> + Sync + 'f,
    ) -> Self {
        Self { fixture, wrap: Box::new(wrap) }
    }
}

#[async_trait]
impl Fixture for Around<'_> {
    fn open(&self) -> Result<Arc<dyn Source>> {
        Ok((self.wrap)(self.fixture.open()?))
    }

    fn tables(&self) -> Vec<TableRef> {
        self.fixture.tables()
    }

    async fn change(&self, change: &Change) -> Result<()> {
        self.fixture.change(change).await
    }

    fn bad(&self) -> TableRef {
        self.fixture.bad()
    }

    fn large(&self) -> TableRef {
        self.fixture.large()
    }

    fn missing(&self) -> TableRef {
        self.fixture.missing()
    }

    fn secrets(&self) -> Vec<String> {
        self.fixture.secrets()
    }

    fn astray(&self) -> Option<Arc<dyn Source>> {
        self.fixture.astray().map(&self.wrap)
    }

    async fn statements(&self) -> Result<Option<usize>> {
        self.fixture.statements().await
    }

    async fn kept(&self) -> Result<Option<usize>> {
        self.fixture.kept().await
    }
}
