//! The user that reads: what it should not be, and what it needs.

use std::fmt::Write as _;

use super::gate::Gate;
use super::names::name;
use super::{ask, engines};
use crate::catalog::TableRef;
use crate::client::mysql::{Connection, Version, ident, literal};
use crate::error::Result;

/// Rights over the whole server with which a statement does harm beyond the rows it reads.
const UNWISE: &[&str] =
    &["SUPER", "FILE", "CREATE USER", "SHUTDOWN", "DROP", "ALTER", "DELETE", "UPDATE", "INSERT"];

/// What is unwise about the user of this connection; none when there is nothing.
///
/// # Errors
/// What the server said.
pub(in crate::source::mysql) async fn caution(connection: &mut Connection) -> Result<Option<String>> {
    let Some(user) = ask::value(connection, "SELECT CURRENT_USER()").await? else { return Ok(None) };
    let (account, host) = user.rsplit_once('@').unwrap_or((&user, "%"));
    let sql = format!(
        "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {}",
        literal(&format!("'{account}'@'{host}'"))
    );
    let rights = ask::rows(connection, &sql).await?;
    let has = |right: &&&str| {
        rights.iter().any(|row| row.first().is_some_and(|found| found.as_deref() == Some(**right)))
    };
    let unwise: Vec<&str> = UNWISE.iter().filter(has).copied().collect();
    if unwise.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(
        "the user {user} has {} on the whole server: whatever runs with its rights may do that. `lakexpress check \
         --print-role` prints a user that may read what is exported and no more",
        unwise.join(", ")
    )))
}

/// SQL that makes the user `role` and gives it what an export of `tables` needs.
///
/// # Errors
/// What the server said.
pub(in crate::source::mysql) async fn least(
    connection: &mut Connection,
    tables: &[TableRef],
    role: &str,
) -> Result<String> {
    let version = connection.version()?;
    let survey = engines::Survey::of(connection, tables).await?;
    // That user does not see the tables under a view, so that it has to lock it.
    let locked = survey.locked.iter().chain(&survey.views);
    let mut schemas: Vec<&str> = locked.map(|table| table.schema.as_str()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    Ok(sql(version, tables, &schemas, role))
}

/// `locked`: schemas with tables that are read under locks.
fn sql(version: Version, tables: &[TableRef], locked: &[&str], role: &str) -> String {
    let (account, host) = role.rsplit_once('@').unwrap_or((role, "%"));
    let role = format!("{}@{}", ident(account), ident(host));
    let gate = Gate::best(version).right(version);
    let mut sql = format!(
        "-- A user that may read these {} tables and views and nothing else. Nobody can log in as it before\n\
         -- ALTER USER {role} IDENTIFIED BY '...' ACCOUNT UNLOCK\n\
         CREATE USER {role} ACCOUNT LOCK;\n\
         -- To hold off commits for the moment in which all readers begin. Without it there is one reader.\n\
         GRANT {gate} ON *.* TO {role};\n",
        tables.len()
    );
    if !version.maria {
        let _ = write!(
            sql,
            "-- To see whether statements of others run for long, behind which that would have everybody wait.\n\
             GRANT PROCESS ON *.* TO {role};\n\
             -- For the position in the server's log, which the manifest keeps. It can be left out.\n\
             GRANT REPLICATION CLIENT ON *.* TO {role};\n"
        );
    }
    for table in tables {
        let _ = writeln!(sql, "GRANT SELECT ON {} TO {role};", name(table));
    }
    if !locked.is_empty() {
        sql.push_str(
            "-- Tables whose engine has no snapshots are locked while they are read, and views over them: their\n\
             -- definitions say which.\n",
        );
    }
    for schema in locked {
        let _ = writeln!(sql, "GRANT LOCK TABLES, SHOW VIEW ON {}.* TO {role};", pattern(schema));
    }
    sql
}

/// A schema in a GRANT, where `_` and `%` stand for other signs.
fn pattern(schema: &str) -> String {
    ident(&schema.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_gets_what_an_export_takes_and_no_more() {
        let tables = [
            TableRef { schema: "my_shop".into(), name: "or`ders".into() },
            TableRef { schema: "my_shop".into(), name: "items".into() },
        ];
        let maria = sql(Version { maria: true, number: (10, 11, 14) }, &tables, &["my_shop"], "reader");
        for line in [
            "CREATE USER `reader`@`%` ACCOUNT LOCK;",
            "GRANT RELOAD ON *.* TO `reader`@`%`;",
            "GRANT SELECT ON `my_shop`.`or``ders` TO `reader`@`%`;",
            "GRANT SELECT ON `my_shop`.`items` TO `reader`@`%`;",
            "GRANT LOCK TABLES, SHOW VIEW ON `my\\_shop`.* TO `reader`@`%`;",
        ] {
            assert!(maria.lines().any(|found| found == line), "{line} in {maria}");
        }
        assert!(!maria.contains("REPLICATION"));
        let mysql = sql(Version { maria: false, number: (8, 4, 3) }, &tables, &[], "reader@10.%");
        assert!(mysql.contains("GRANT FLUSH_TABLES ON *.* TO `reader`@`10.%`;"));
        assert!(mysql.contains("GRANT REPLICATION CLIENT") && !mysql.contains("LOCK TABLES"));
    }
}
