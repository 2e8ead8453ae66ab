//! Names of tables in SQL and in messages.

use std::collections::HashMap;

use crate::catalog::TableRef;
use crate::client::mysql::{code, ident};
use crate::error::{Error, ErrorKind};

/// Tables that cannot be read, and why.
pub(super) type Failures = HashMap<TableRef, Error>;

/// A table's name in SQL.
pub(super) fn name(table: &TableRef) -> String {
    format!("{}.{}", ident(&table.schema), ident(&table.name))
}

/// The statement that locks tables against change.
pub(super) fn lock_list(tables: &[TableRef]) -> String {
    let list: Vec<String> = tables.iter().map(|table| format!("{} READ", name(table))).collect();
    format!("LOCK TABLES {}", list.join(", "))
}

/// What a table's error means for the user.
pub(super) fn explain(error: Error, table: &TableRef) -> Error {
    let error = error.with("table", table);
    let hint = match code(&error) {
        // A dead definer, or an invoker who may not.
        Some(1449) => "the user who defined the view is gone: define it again, or leave it out".to_owned(),
        Some(1356) => {
            "the view names what is not there, or its definer may not read it: define it again, or leave it out".to_owned()
        }
        // Crashed, not closed properly, a wrong file, an engine that is not there.
        Some(126 | 127 | 144 | 145 | 1034 | 1035 | 1194 | 1195) => "REPAIR TABLE may mend it; or leave it out".to_owned(),
        _ if error.kind() == ErrorKind::Denied => {
            format!("GRANT SELECT ON {} TO the user that exports", name(table))
        }
        _ => return error,
    };
    error.hint(hint)
}
