//! A view: what is described and cut under it.

use std::sync::Arc;

use async_trait::async_trait;

use super::facts::TableFacts;
use super::moment::{self, Pinned, Reader};
use super::place::Place;
use super::session::SELECT;
use super::{describe, keys, statement};
use crate::catalog::{
    Consistency, KeyBounds, KeyQuantiles, Selection, SnapshotToken, SourceFacts, SourceSql, TableFilter,
    TableInfo, TableKind, TableRef, ValueCount,
};
use crate::clock::Instant;
use crate::error::{Code, Error, Result};
use crate::source::kit::user_sql::{condition, derived};
use crate::source::{Lag, Snapshot};
use crate::spec::TypePolicy;

/// See the module.
#[derive(Debug)]
pub(super) struct MysqlSnapshot {
    place: Arc<Place>,
    policy: TypePolicy,
    pinned: Pinned,
}

impl MysqlSnapshot {
    pub(super) async fn pin(
        place: &Arc<Place>,
        policy: &TypePolicy,
        tables: &[TableRef],
        level: Consistency,
        readers: usize,
    ) -> Result<Self> {
        let pinned = moment::pin(&place.access, &place.registry, tables, (level, readers)).await?;
        Ok(Self { place: Arc::clone(place), policy: policy.clone(), pinned })
    }

    async fn reader(&self) -> Result<Reader> {
        self.place.reader(self.token()).await
    }

    /// Refuses SQL of the user's that may read what the view does not cover, and has every reader open what `select`
    /// names, so that no definition changes while the view lasts. `select` has `sql` in it, the user's own text.
    async fn cover(&self, select: &str, sql: &str) -> Result<()> {
        if self.token().id.is_none() {
            return Ok(());
        }
        // What counts is how the moment was made, not how many of its readers are left.
        if !self.pinned.is_whole && self.pinned.began > 1 {
            return Err(Error::usage("SQL of yours may read tables that were not locked when the readers began")
                .coded(Code::NoOneMoment)
                .hint("grant this user what closes the server's commits for a moment (docs/mysql.md), or use --consistency none"));
        }
        self.pinned.readers.visit(&format!("{SELECT} 1 FROM {} LIMIT 0", derived(select))).await?;
        let database = &self.place.config().database;
        moment::refuse_loose(self.reader().await?.connection()?.0, sql, &self.pinned.locked, database).await
    }
}

/// The same error once more: a table that is asked for twice cannot be read twice.
fn again(error: &Error) -> Error {
    let same = Error::new(error.kind(), error.message()).code_of(error).hints_of(error);
    error.context().iter().fold(same, |same, (key, value)| same.with(key, value))
}

#[async_trait]
impl Snapshot for MysqlSnapshot {
    fn token(&self) -> &SnapshotToken {
        &self.pinned.token
    }

    fn taken(&self) -> Instant {
        self.pinned.taken
    }

    fn readers(&self) -> Option<usize> {
        self.pinned.token.id.is_some().then(|| self.pinned.readers.len())
    }

    async fn replica_lag(&self) -> Result<Lag> {
        moment::replica_lag(self.reader().await?.connection()?.0).await
    }

    async fn describe(&self, table: &TableRef, filter: &TableFilter) -> Result<TableInfo> {
        if let Some(error) = self.pinned.failures.get(table) {
            return Err(again(error));
        }
        let described = async {
            let mut reader = self.reader().await?;
            describe::table(reader.connection()?.0, table, &self.policy, filter).await
        };
        let mut info = described.await.map_err(|error| error.with("table", table))?;
        info.facts = SourceFacts::of(&TableFacts { special_values: self.policy.special_values })?;
        Ok(info)
    }

    async fn describe_query(&self, name: &TableRef, sql: &str) -> Result<TableInfo> {
        let described = async {
            let mut reader = self.reader().await?;
            statement::query(reader.connection()?.0, name, sql, &self.policy).await
        };
        let mut info = described.await.map_err(|error| error.with("query", &name.name))?;
        self.cover(sql, sql).await.map_err(|error| error.with("query", &name.name))?;
        info.facts = SourceFacts::of(&TableFacts { special_values: self.policy.special_values })?;
        Ok(info)
    }

    async fn shaped(&self, table: TableInfo, sql: &SourceSql) -> Result<TableInfo> {
        let name = table.table.clone();
        let shaped = async {
            let mut reader = self.reader().await?;
            statement::shaped(reader.connection()?.0, table, sql, &self.policy).await
        };
        let shaped = shaped.await.map_err(|error| error.with("table", &name))?;
        // A condition or a list without SELECT names no other table; a function of the user's may.
        let list = sql.columns.as_deref().unwrap_or("1");
        let rows = sql.condition.as_deref().unwrap_or("true");
        let select = format!("SELECT\n{list}\nFROM {} WHERE {}", statement::name(&name), condition(rows));
        self.cover(&select, &format!("{list}\n{rows}")).await.map_err(|error| error.with("table", &name))?;
        Ok(shaped)
    }

    async fn bounds(&self, table: &TableInfo, column: &str) -> Result<Option<KeyBounds>> {
        let asked = async { keys::bounds(self.reader().await?.connection()?.0, table, column).await };
        asked.await.map_err(|error| error.with("table", &table.table).with("column", column))
    }

    async fn quantiles(
        &self,
        table: &TableInfo,
        column: &str,
        points: usize,
        every: bool,
    ) -> Result<Option<KeyQuantiles>> {
        let asked = async {
            keys::quantiles(self.reader().await?.connection()?.0, table, column, points, every).await
        };
        asked.await.map_err(|error| error.with("table", &table.table).with("column", column))
    }

    async fn values(
        &self,
        table: &TableInfo,
        expression: &str,
        most: usize,
        every: bool,
    ) -> Result<Vec<ValueCount>> {
        let asked = async {
            keys::values(self.reader().await?.connection()?.0, table, expression, most, every).await
        };
        asked.await.map_err(|error| error.with("table", &table.table))
    }

    async fn selection(&self, table: &TableInfo, condition: &str) -> Result<Option<Selection>> {
        let asked = async { keys::selection(self.reader().await?.connection()?.0, table, condition).await };
        asked.await.map_err(|error| error.with("table", &table.table))
    }

    async fn unchanged(&self, table: &TableInfo) -> Result<()> {
        // Within a view nobody changes a definition; the columns of a query are looked at by each read.
        if self.token().id.is_some() || table.kind == TableKind::Query {
            return Ok(());
        }
        let asked =
            async { describe::unchanged(self.reader().await?.connection()?.0, table, &self.policy).await };
        asked.await.map_err(|error| error.with("table", &table.table))
    }

    async fn check(&self) -> Result<()> {
        match self.pinned.token.id {
            Some(_) => self.pinned.readers.check().await,
            None => Ok(()),
        }
    }
}
