//! What is wrong with a query, in the user's words: which name, where, and what was probably meant.

use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::QueryStatement;
use crate::catalog::{ListedTable, TableRef};
use crate::error::{Code, Error};
use crate::plan::meaning::{AS_NUMBER, Refusal};
use crate::plan::missing;
use crate::plan::missing::quoted;
use crate::spec::distance;

/// A planning error with its place.
pub(super) fn explain(error: DataFusionError, statement: &QueryStatement) -> Error {
    if let Some(refusal) = Refusal::find(&error) {
        let wrong = Error::usage(refusal.to_string()).coded(refusal.code);
        let wrong = statement.text.place(wrong, refusal.place, &[refusal.word.as_str()]);
        return wrong.hint(refusal.remedy("query --source-sql"));
    }
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let at = span.map(|span| Location { line: span.start.line, column: span.start.column });
    let error = match ours(error) {
        Ok(error) => return statement.text.place(error, at, &[]),
        Err(error) => error,
    };
    let root = error.find_root();
    if let DataFusionError::SchemaError(inner, _) = root
        && let SchemaError::FieldNotFound { field, valid_fields } = inner.as_ref()
    {
        let wrong =
            Error::usage(format!("column '{}' does not exist", field.flat_name())).coded(Code::UnknownColumn);
        let wrong = statement.text.place(wrong, at, &[field.name()]);
        let columns = valid_fields.iter().map(datafusion::common::Column::name);
        return missing::remedies(field.name(), &statement.sql, columns).into_iter().fold(wrong, Error::hint);
    }
    let message = root.strip_backtrace();
    if let Some((_, rest)) =
        message.split_once("Projections require unique expression names but the expression \"")
    {
        let name = rest.split('"').next().unwrap_or_default();
        let column = name.rsplit('.').next().unwrap_or(name);
        let twice = Error::usage(format!("two columns of the result are called '{column}'"))
            .coded(Code::DuplicateColumn);
        let hint = "give one of them another name with AS";
        return statement.text.place(twice, at, &[column]).hint(hint);
    }
    if let Some((before, _)) = message.split_once("' failed to match any signature") {
        let name = before.rsplit('\'').next().unwrap_or_default();
        let wrong =
            Error::usage(format!("{name} does not take arguments of these types")).coded(Code::SqlTypes);
        let wrong = statement.text.place(wrong, at, &[name]);
        return if message.contains("received String") { wrong.hint(AS_NUMBER) } else { wrong }
            .hint("query --source-sql takes the database's own SQL");
    }
    let message = message.strip_prefix("Error during planning: ").unwrap_or(&message);
    let mut lines = message.lines().filter(|line| !line.trim().is_empty());
    let problem = lines.next().unwrap_or("the query cannot be planned");
    let wrong = Error::usage(format!("the query cannot be planned: {problem}")).coded(Code::SqlTypes);
    // Names in messages stand in quotes.
    let names: Vec<&str> = problem.split('\'').skip(1).step_by(2).collect();
    lines.fold(statement.text.place(wrong, at, &names), |error, line| error.hint(uncapitalized(line)))
}

/// One of this program's errors inside, or the error as it was.
fn ours(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => Ok(*ours),
            Err(other) => Err(DataFusionError::External(other)),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => ours(*inner),
        other => Err(other),
    }
}

/// A table that is not there, with the nearest that is.
pub(super) fn unknown_table(wanted: &TableRef, listed: &[ListedTable], statement: &QueryStatement) -> Error {
    let error =
        Error::usage(format!("table {wanted} does not exist in the source")).coded(Code::UnknownTable);
    let error = statement.text.place(error, None, &[wanted.name.as_str()]);
    let near = listed.iter().min_by_key(|ListedTable { table, .. }| {
        (distance(&wanted.name, &table.name), distance(&wanted.schema, &table.schema))
    });
    match near {
        None => error.hint("the source has no tables that this user can see"),
        Some(near) => {
            let near = &near.table;
            let spelt = format!("{}.{}", quoted(&near.schema), quoted(&near.name));
            error.hint(format!("did you mean {spelt}?"))
        }
    }
}

fn uncapitalized(line: &str) -> String {
    let mut chars = line.trim().chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
