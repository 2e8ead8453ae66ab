//! A view that breaks the contract in one way; everything else is the view itself.

use async_trait::async_trait;

use super::Mutant;
use crate::catalog::{
    KeyBounds, KeyQuantiles, KeyValue, Selection, Slice, SnapshotToken, SourceSql, TableFilter, TableInfo,
    TableRef, ValueCount,
};
use crate::clock::Instant;
use crate::error::Result;
use crate::source::{Lag, Snapshot};

/// See the module.
#[derive(Debug)]
pub(super) struct Misjudged {
    view: Box<dyn Snapshot>,
    token: SnapshotToken,
    how: Mutant,
}

impl Misjudged {
    pub(super) fn new(view: Box<dyn Snapshot>, how: Mutant) -> Self {
        let mut token = view.token().clone();
        if how == Mutant::TimeUnknown {
            token.taken_at = "today".into();
        }
        Self { view, token, how }
    }
}

#[async_trait]
impl Snapshot for Misjudged {
    fn token(&self) -> &SnapshotToken {
        &self.token
    }

    fn taken(&self) -> Instant {
        self.view.taken()
    }

    fn gives_up(&self) -> bool {
        self.how == Mutant::EndIgnored || self.view.gives_up()
    }

    async fn give_up(&self) {
        if self.how != Mutant::EndIgnored {
            self.view.give_up().await;
        }
    }

    async fn replica_lag(&self) -> Result<Lag> {
        self.view.replica_lag().await
    }

    fn readers(&self) -> Option<usize> {
        if self.how == Mutant::TooManyReaders { Some(usize::MAX) } else { self.view.readers() }
    }

    async fn describe(&self, table: &TableRef, filter: &TableFilter) -> Result<TableInfo> {
        self.view.describe(table, filter).await
    }

    async fn describe_query(&self, name: &TableRef, sql: &str) -> Result<TableInfo> {
        self.view.describe_query(name, sql).await
    }

    async fn shaped(&self, table: TableInfo, sql: &SourceSql) -> Result<TableInfo> {
        self.view.shaped(table, sql).await
    }

    async fn bounds(&self, table: &TableInfo, column: &str) -> Result<Option<KeyBounds>> {
        match self.how {
            Mutant::BoundsInvented => Ok(Some(KeyBounds { min: KeyValue::Int(0), max: KeyValue::Int(1) })),
            _ => self.view.bounds(table, column).await,
        }
    }

    async fn quantiles(
        &self,
        table: &TableInfo,
        column: &str,
        points: usize,
        every: bool,
    ) -> Result<Option<KeyQuantiles>> {
        self.view.quantiles(table, column, points, every).await
    }

    async fn values(
        &self,
        table: &TableInfo,
        expression: &str,
        most: usize,
        every: bool,
    ) -> Result<Vec<ValueCount>> {
        self.view.values(table, expression, most, every).await
    }

    async fn blocks(&self, table: &TableInfo, slice: &Slice, pieces: usize) -> Result<Vec<u64>> {
        self.view.blocks(table, slice, pieces).await
    }

    async fn selection(&self, table: &TableInfo, condition: &str) -> Result<Option<Selection>> {
        self.view.selection(table, condition).await
    }

    async fn unchanged(&self, table: &TableInfo) -> Result<()> {
        self.view.unchanged(table).await
    }

    async fn check(&self) -> Result<()> {
        self.view.check().await
    }
}
