//! The role that reads: what it should not be, and what it needs.

use std::fmt::Write as _;

use super::session::SESSION;
use crate::catalog::TableRef;
use crate::client::postgres::{Connection, ident, literal};
use crate::error::Result;

/// What is unwise about the role of this connection; none when there is nothing.
pub(super) async fn caution(connection: &mut Connection) -> Result<Option<String>> {
    let sql = "SELECT r.rolname, r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
    connection.execute(&format!("BEGIN READ ONLY; {SESSION}")).await?;
    let rows = connection.query(sql).await?;
    connection.execute("ROLLBACK").await?;
    let Some(row) = rows.first().filter(|row| row.get(1) == Some("t")) else { return Ok(None) };
    Ok(Some(format!(
        "the role {} is a superuser: whatever runs with its rights may do everything on the server. `lakexpress check \
         --print-role` prints a role that may read what is exported and no more",
        row.required(0)?
    )))
}

/// What is to be known of a relation beside its name.
struct Relation {
    table: TableRef,
    partition_of: bool,
    secured: bool,
    /// `relkind`.
    kind: String,
}

/// SQL that makes `role` and gives it what an export of `tables` needs. Partitions are granted too: they are read alone.
pub(super) async fn least(connection: &mut Connection, tables: &[TableRef], role: &str) -> Result<String> {
    connection.execute(&format!("BEGIN READ ONLY; {SESSION}")).await?;
    let database = connection.query("SELECT pg_catalog.current_database()").await?;
    let mut relations = Vec::new();
    for row in connection.query(&relations_sql(tables)).await? {
        relations.push(Relation {
            table: TableRef { schema: row.required(0)?.to_owned(), name: row.required(1)?.to_owned() },
            partition_of: row.required(2)? == "t",
            secured: row.required(3)? == "t",
            kind: row.required(4)?.to_owned(),
        });
    }
    connection.execute("ROLLBACK").await?;
    let (role, database) = (ident(role), database.first().and_then(|row| row.get(0)).unwrap_or_default());
    let mut sql = format!(
        "-- A role that may read these {} relations and nothing else. Give it a password, or whatever pg_hba.conf asks for.\n\
         CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION;\n\
         GRANT CONNECT ON DATABASE {} TO {role};\n\
         -- So that this database is told from others of its name: its server's identifier.\n\
         GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO {role};\n",
        relations.len(),
        ident(database)
    );
    let mut schemas: Vec<&str> = relations.iter().map(|relation| relation.table.schema.as_str()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    for schema in schemas {
        let _ = writeln!(sql, "GRANT USAGE ON SCHEMA {} TO {role};", ident(schema));
    }
    for relation in &relations {
        let name = format!("{}.{}", ident(&relation.table.schema), ident(&relation.table.name));
        let note = if relation.partition_of { " -- read alone, as part of another table" } else { "" };
        let _ = writeln!(sql, "GRANT SELECT ON {name} TO {role};{note}");
    }
    if relations.iter().any(|relation| relation.secured) {
        let _ = write!(
            sql,
            "-- Some of them have row-level security. An export reads all rows or fails: only this reads them.\n\
             ALTER ROLE {role} BYPASSRLS;\n"
        );
    }
    if relations.iter().any(|relation| relation.kind == "v") {
        sql.push_str(
            "-- A view runs the functions that its author wrote into it, with the rights of this role.\n",
        );
    }
    if relations.iter().any(|relation| relation.kind == "f") {
        sql.push_str(
            "-- A foreign table needs a user mapping for this role: CREATE USER MAPPING FOR ... SERVER ...\n",
        );
    }
    Ok(sql)
}

/// The tables and all that lies below them.
fn relations_sql(tables: &[TableRef]) -> String {
    let pairs = tables.iter().map(|table| format!("({}, {})", literal(&table.schema), literal(&table.name)));
    format!(
        "WITH RECURSIVE tree(oid, below) AS ( \
           SELECT c.oid, false FROM (VALUES {}) w(schema, name) \
           JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema::pg_catalog.name \
           JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name::pg_catalog.name \
         UNION SELECT i.inhrelid, true FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent) \
         SELECT n.nspname, c.relname, pg_catalog.bool_and(t.below), c.relrowsecurity, c.relkind \
         FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         GROUP BY n.nspname, c.relname, c.relrowsecurity, c.relkind ORDER BY n.nspname, c.relname",
        pairs.collect::<Vec<_>>().join(", ")
    )
}
