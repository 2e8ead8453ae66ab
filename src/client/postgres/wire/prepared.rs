//! What a statement would give, without running it.

use postgres_protocol::message::{backend, frontend};

use super::error::{self, Response};
use super::{Connection, Statement};
use crate::error::{Code, Error, Result};

/// A column of a statement's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultColumn {
    /// Its name.
    pub name: String,
    /// Its type, which may be a domain.
    pub type_oid: u32,
    /// The type's modifier; -1 for none.
    pub typmod: i32,
}

/// Why a statement was not described.
#[derive(Debug)]
pub struct Refused {
    /// What the server said.
    pub error: Error,
    /// The place in the statement that it is about, in characters from 1.
    pub position: Option<usize>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, position: None }
    }
}

impl Connection {
    /// Has the server parse one statement and say what columns it gives; it is neither planned nor run.
    ///
    /// # Errors
    /// What the server said: also that there is more than one statement.
    pub async fn columns_of(&mut self, sql: &str) -> std::result::Result<Vec<ResultColumn>, Refused> {
        let unsent =
            |error| Error::usage("a statement cannot be sent").coded(Code::SourceSqlRefused).caused_by(error);
        if self.statement.runs {
            return Err(error::protocol("the connection was left in the middle of a statement").into());
        }
        self.output.clear();
        frontend::parse("", sql, [], &mut self.output).map_err(unsent)?;
        frontend::describe(b'S', "", &mut self.output).map_err(unsent)?;
        frontend::sync(&mut self.output);
        self.statement = Statement { runs: true, cancel: Some(self.cancel.clone()) };
        self.send().await?;
        let (mut columns, mut refused) = (Vec::new(), None);
        loop {
            let frame = self.receive().await?;
            match frame.tag {
                backend::ROW_DESCRIPTION_TAG => columns = parse(self.frames.body(frame))?,
                backend::ERROR_RESPONSE_TAG => {
                    let response = Response::parse(self.frames.body(frame));
                    let position = response.position();
                    refused = refused.or(Some(Refused { error: response.into_error(), position }));
                }
                backend::READY_FOR_QUERY_TAG => {
                    self.statement.runs = false;
                    return refused.map_or(Ok(columns), Err);
                }
                // The number of parameters comes first.
                backend::PARAMETER_DESCRIPTION_TAG if !self.frames.body(frame).starts_with(&[0, 0]) => {
                    refused = refused.or(Some(
                        Error::usage("the SQL has a parameter ($1)").coded(Code::SourceSqlRefused).into(),
                    ));
                }
                backend::PARSE_COMPLETE_TAG | backend::PARAMETER_DESCRIPTION_TAG | backend::NO_DATA_TAG => {}
                _ => self.aside(frame)?,
            }
        }
    }
}

/// Reads the body of a RowDescription message.
fn parse(body: &[u8]) -> Result<Vec<ResultColumn>> {
    let short = || error::protocol("a short description");
    let (count, mut rest) = body.split_first_chunk::<2>().ok_or_else(short)?;
    let mut columns = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(short)?;
        let name = std::str::from_utf8(&rest[..end]).map_err(|error| {
            Error::data("the name of a column is not UTF-8").coded(Code::BadText).caused_by(error)
        })?;
        // Table (4), number in it (2), type (4), size (2), modifier (4), format (2).
        let (facts, after) = rest[end + 1..].split_first_chunk::<18>().ok_or_else(short)?;
        let [_, _, _, _, _, _, a, b, c, d, _, _, e, f, g, h, _, _] = *facts;
        columns.push(ResultColumn {
            name: name.to_owned(),
            type_oid: u32::from_be_bytes([a, b, c, d]),
            typmod: i32::from_be_bytes([e, f, g, h]),
        });
        rest = after;
    }
    if rest.is_empty() { Ok(columns) } else { Err(error::protocol("a long description")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_read_and_cut_ones_refused() {
        let mut body = vec![0, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 164, 255, 255, 0, 12, 0, 6, 0, 0];
        let column = ResultColumn { name: "a".into(), type_oid: 1700, typmod: 786_438 };
        assert_eq!(parse(&body).expect("whole"), [column]);
        for length in 0..body.len() {
            assert!(parse(&body[..length]).is_err(), "{length}");
        }
        body.push(0);
        assert!(parse(&body).is_err());
    }
}
