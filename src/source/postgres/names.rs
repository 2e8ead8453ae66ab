//! Names of relations in a database without an encoding (`SQL_ASCII`), where they need not be text.

use crate::catalog::TableRef;
use crate::client::postgres::{Connection, Row, sqlstate};
use crate::error::{Code, Error, Result};

/// What stands between a name that is not text and the relation's number.
const NUMBER: &str = " (oid ";

/// The table of a row of `discover.sql`. One whose name is not UTF-8 gets a name that no statement finds, but that says
/// which it is: other bytes as `\xe9`, and the relation's number.
pub(super) fn table(row: &Row) -> Result<TableRef> {
    let (schema, name) = (bytes(row.required(0)?)?, bytes(row.required(1)?)?);
    Ok(match (std::str::from_utf8(&schema), std::str::from_utf8(&name)) {
        (Ok(schema), Ok(name)) => TableRef { schema: schema.to_owned(), name: name.to_owned() },
        _ => {
            let name = format!("{}{NUMBER}{})", escaped(&name), row.required(3)?);
            TableRef { schema: escaped(&schema), name }
        }
    })
}

/// Why a table was not found, if it is one that has no name that could be asked for.
pub(super) fn explain(error: Error, table: &TableRef, connection: &Connection) -> Error {
    let is_escaped = |name: &str| name.contains("\\x");
    let number = table.name.strip_suffix(')').and_then(|name| name.rsplit_once(NUMBER)).map(|(_, oid)| oid);
    let Some(number) = number else { return error };
    let unreadable = (is_escaped(&table.schema) || is_escaped(&table.name))
        && connection.parameter("server_encoding") == Some("SQL_ASCII")
        && matches!(sqlstate(&error), None | Some("42P01" | "3F000"));
    if !unreadable {
        return error;
    }
    Error::data("the name of the table, or of its schema, is not UTF-8").coded(Code::BadText).hint(format!(
        "the database's encoding is SQL_ASCII, in which names are any bytes: give it another name (ALTER TABLE or ALTER \
         SCHEMA ... RENAME), or leave it out with --exclude '%(oid {number})'"
    ))
}

/// Bytes that are not UTF-8 as `\xe9`.
fn escaped(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    out
}

/// The bytes that hexadecimal digits are.
fn bytes(digits: &str) -> Result<Vec<u8>> {
    let wrong = || Error::internal("a name came in other than hexadecimal digits");
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).map_err(|_| wrong())?;
        u8::from_str_radix(text, 16).map_err(|_| wrong())
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        assert_eq!(escaped(b"t\xe9l"), "t\\xe9l");
        assert_eq!(escaped("gr\u{f6}\u{df}e".as_bytes()), "gr\u{f6}\u{df}e");
        assert_eq!(escaped(b"\xff\xfea\xc3"), "\\xff\\xfea\\xc3");
        assert_eq!(bytes("74e96c").expect("digits"), b"t\xe9l");
        assert!(bytes("7").is_ok() && bytes("7x").is_err() && bytes("é").is_err());
    }
}
