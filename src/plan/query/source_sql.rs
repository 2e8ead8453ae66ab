//! Queries in the source's own SQL: they are not parsed here, but passed on as they are written.

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::statement::{QUERY_SCHEMA, QueryStatement, Text, check_name};
use crate::catalog::SourceSql;
use crate::error::{Code, Error, Result};
use crate::plan::missing::quoted;

/// One query, as `query --source-sql "SELECT ..." --name N [--key column]` has it.
///
/// # Errors
/// Usage, when there is no query, or its name is none.
pub fn source_query(sql: &str, name: &str, key: Option<&str>) -> Result<QueryStatement> {
    check_name(name).map_err(|e| e.with("flag", "--name"))?;
    let text = Text { origin: None, name: name.to_owned(), start: START, words: Vec::new() };
    statement(sql, name, key, text)
}

const START: Location = Location { line: 1, column: 1 };

/// The statement reads everything of what the source gives.
fn statement(sql: &str, name: &str, key: Option<&str>, text: Text) -> Result<QueryStatement> {
    if sql.trim().is_empty() {
        return Err(text.place(Error::usage("there is no query").coded(Code::NotOneQuery), None, &[]));
    }
    let all = format!("SELECT * FROM {QUERY_SCHEMA}.{}", quoted(name));
    let unparsed = |error| Error::internal("the statement over the query's rows").caused_by(error);
    let statement: Statement = DFParserBuilder::new(all.as_str())
        .build()
        .and_then(|mut parser| parser.parse_statement())
        .map_err(unparsed)?;
    let source_sql =
        SourceSql { query: Some(sql.to_owned()), key: key.map(str::to_owned), ..SourceSql::default() };
    Ok(QueryStatement {
        name: name.to_owned(),
        sql: sql.to_owned(),
        tables: Vec::new(),
        statement,
        text,
        partitioned_by: None,
        source_sql: Some(source_sql),
    })
}

/// `COPY (...) TO 'name' WITH (source_sql, key 'column')` at the beginning of `tokens`, which have no white space, and of
/// how many tokens it is; none for any other statement.
pub(super) fn copy(
    tokens: &[&TokenWithSpan],
    sql: &str,
    origin: Option<&str>,
) -> Result<Option<(QueryStatement, usize)>> {
    let Some(Form { open, close, name, options }) = form(tokens) else { return Ok(None) };
    let start = tokens[0].span.start;
    let text = Text { origin: origin.map(str::to_owned), name: name.to_owned(), start, words: Vec::new() };
    check_name(name).map_err(|error| text.place(error, None, &[]))?;
    let wrong = |at: &TokenWithSpan| {
        let error = Error::usage(format!("not an option of a query in the source's SQL: {at}"))
            .coded(Code::NotOneQuery);
        text.place(error, Some(at.span.start), &[]).hint("write WITH (source_sql, key 'column')")
    };
    let (mut key, mut at) = (None, options);
    loop {
        let token = tokens.get(at).ok_or_else(|| wrong(tokens[tokens.len() - 1]))?;
        match &token.token {
            Token::RParen => break,
            Token::Comma => {}
            Token::Word(word) if word.value.eq_ignore_ascii_case("source_sql") => {}
            Token::Word(word) if word.value.eq_ignore_ascii_case("key") && key.is_none() => {
                at += 1;
                key = match tokens.get(at).map(|next| &next.token) {
                    Some(Token::SingleQuotedString(column)) => Some(column.as_str()),
                    Some(Token::Word(column)) => Some(column.value.as_str()),
                    _ => return Err(wrong(token)),
                };
            }
            _ => return Err(wrong(token)),
        }
        at += 1;
    }
    let inside = Location { line: tokens[open].span.start.line, column: tokens[open].span.start.column + 1 };
    let query = &sql[offset(sql, inside)..offset(sql, tokens[close].span.start)];
    let text = Text { start: inside, ..text };
    Ok(Some((statement(query, name, key, text)?, at + 1)))
}

/// Where the parts of such a statement are among its tokens.
struct Form<'t> {
    /// The parentheses around the query.
    open: usize,
    close: usize,
    name: &'t str,
    /// The first option.
    options: usize,
}

fn form<'t>(tokens: &[&'t TokenWithSpan]) -> Option<Form<'t>> {
    let is_word = |at: usize, wanted: &str| match &tokens.get(at)?.token {
        Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted) => {
            Some(())
        }
        _ => None,
    };
    is_word(0, "copy")?;
    let open = 1;
    let (mut depth, mut close) = (0_usize, None);
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            close = Some(at);
            break;
        }
    }
    let close = close.filter(|close| *close > open)?;
    is_word(close + 1, "to")?;
    let Token::SingleQuotedString(name) = &tokens.get(close + 2)?.token else { return None };
    is_word(close + 3, "with")?;
    let Token::LParen = tokens.get(close + 4)?.token else { return None };
    let options = close + 5;
    let mut rest = tokens[options..].iter().take_while(|token| token.token != Token::RParen);
    let own = |token: &&TokenWithSpan| matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case("source_sql"));
    rest.any(own).then_some(())?;
    Some(Form { open, close, name, options })
}

/// The byte at which a place of `sql` is.
fn offset(sql: &str, place: Location) -> usize {
    let mut line_start = 0;
    for _ in 1..place.line {
        line_start += sql[line_start..].find('\n').map_or(sql.len() - line_start, |at| at + 1);
    }
    let columns = usize::try_from(place.column).unwrap_or(usize::MAX).saturating_sub(1);
    let line = &sql[line_start..];
    line_start + line.char_indices().nth(columns).map_or(line.len(), |(at, _)| at)
}

impl QueryStatement {
    /// An error of the source's with its place in the file, where it has one in the query.
    pub fn placed(&self, error: Error) -> Error {
        let start = self.text.start;
        let number = |key: &str| {
            let found = error.context().iter().find(|(name, _)| *name == key);
            found.and_then(|(_, text)| text.parse::<u64>().ok())
        };
        let (Some(line), Some(column), Some(_)) = (number("line"), number("column"), &self.text.origin)
        else {
            return error;
        };
        let column = if line == 1 { start.column + column - 1 } else { column };
        let at = Location { line: start.line + line - 1, column };
        let bare = Error::new(error.kind(), error.message()).code_of(&error).hints_of(&error);
        let others = error.context().iter().filter(|(key, _)| !matches!(*key, "line" | "column" | "query"));
        let bare = others.fold(bare, |bare, (key, value)| bare.with(key, value));
        self.text.place(bare, Some(at), &[])
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_script;

    #[test]
    fn the_query_of_a_script_is_taken_as_it_is_written() {
        let script = "COPY (SELECT 1) TO 'a';\n-- (\nCOPY (\n  SELECT x::text AS \"é)\", ')' FROM t -- )\n) TO 'b' \
                      WITH (source_sql, KEY 'id');\nCOPY (select 2) TO 'c' WITH (SOURCE_SQL)";
        let statements = parse_script(script, "file").expect("a script");
        let own: Vec<_> = statements.iter().map(|s| s.source_sql.clone()).collect();
        assert_eq!(own[0], None);
        let b = own[1].as_ref().expect("the source's");
        assert_eq!(b.query.as_deref(), Some("\n  SELECT x::text AS \"é)\", ')' FROM t -- )\n"));
        assert_eq!(b.key.as_deref(), Some("id"));
        assert_eq!(own[2].as_ref().expect("the source's").query.as_deref(), Some("select 2"));
        for wrong in ["(source_sql, cey 'id')", "(source_sql, key)", "(source_sql"] {
            let error = parse_script(&format!("COPY (SELECT 1) TO 'a' WITH {wrong};"), "file");
            assert!(error.is_err(), "{wrong}");
        }
    }
}
