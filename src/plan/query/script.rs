//! SQL text to statements, each with its name and its place in the text.

use datafusion::common::DataFusionError;
use datafusion::sql::parser::{CopyToSource, DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{ObjectName, Statement as SqlStatement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::source_sql;
use super::statement::{QueryStatement, Text, check_name, placed};
use crate::error::{Code, Error, Result};
use crate::spec::layout;

const COPY_HINT: &str = "a script takes COPY (SELECT ...) TO 'name' [PARTITIONED BY (columns)], or for the database's own SQL \
    COPY (SELECT ...) TO 'name' WITH (source_sql[, key 'column']); there are no options but these: exports are Parquet files, \
    and --compression and other flags hold for all of them";

/// One query, as `query "SELECT ..." --name N` has it.
///
/// # Errors
/// Usage, with line and column.
pub fn parse_query(sql: &str, name: &str) -> Result<QueryStatement> {
    let mut statements = statements(sql, None, |statement, text| match statement {
        Statement::Statement(inner) if matches!(*inner, SqlStatement::Query(_)) => {
            let sql = sql.trim().trim_end_matches(';').trim_end().to_owned();
            described(name.to_owned(), sql, Statement::Statement(inner), text)
        }
        other => Err(text.place(not_a_query(&other), None, &[])),
    })?;
    match (statements.pop(), statements.len()) {
        (Some(only), 0) => {
            check_name(&only.name).map_err(|e| e.with("flag", "--name"))?;
            Ok(only)
        }
        (None, _) => Err(Error::usage("there is no query")
            .coded(Code::NotOneQuery)
            .hint("lakexpress query 'SELECT ...' --name NAME")),
        (Some(second), _) => Err(second
            .text
            .place(Error::usage("more than one query").coded(Code::NotOneQuery), None, &[])
            .hint("write COPY (SELECT ...) TO 'name' statements into a file for --script")),
    }
}

/// `COPY (SELECT ...) TO 'name'` statements, separated by semicolons; comments are allowed. `origin` names the
/// text in messages.
///
/// # Errors
/// Usage, with file, line and column.
pub fn parse_script(sql: &str, origin: &str) -> Result<Vec<QueryStatement>> {
    let statements = statements(sql, Some(origin), copy)?;
    if statements.is_empty() {
        return Err(Error::usage("the script has no statement")
            .coded(Code::NotOneQuery)
            .with("file", origin)
            .hint("write COPY (SELECT ...) TO 'name';"));
    }
    for (at, statement) in statements.iter().enumerate() {
        let directory = |s: &QueryStatement| layout::escape(&s.name).to_lowercase();
        if statements[..at].iter().any(|earlier| directory(earlier) == directory(statement)) {
            let error = Error::usage(format!("two statements write to '{}'", statement.name))
                .coded(Code::NotOneQuery);
            return Err(statement.text.place(error, None, &[]));
        }
    }
    Ok(statements)
}

fn copy(statement: Statement, text: Text) -> Result<QueryStatement> {
    let Statement::CopyTo(copy) = statement else {
        return Err(text.place(not_a_query(&statement), None, &[]));
    };
    let text = Text { name: copy.target.clone(), ..text };
    let refuse = |message: &str, word: &str| {
        let error = Error::usage(message.to_owned())
            .coded(Code::NotOneQuery)
            .hint("write COPY (SELECT ...) TO 'name'");
        Err(text.place(error, None, &[word]))
    };
    if copy.stored_as.as_deref().is_some_and(|format| !format.eq_ignore_ascii_case("parquet")) {
        return refuse("exports are Parquet files", "stored");
    }
    let partitioned_by = (!copy.partitioned_by.is_empty()).then(|| copy.partitioned_by.join(", "));
    if !copy.options.is_empty() {
        return refuse("OPTIONS are given as flags and hold for the whole script", "options");
    }
    check_name(&copy.target).map_err(|error| text.place(error, None, &[]))?;
    let sql = match &copy.source {
        CopyToSource::Query(query) => query.to_string(),
        CopyToSource::Relation(table) => format!("SELECT * FROM {table}"),
    };
    let statement = match copy.source {
        CopyToSource::Query(query) => Statement::Statement(Box::new(SqlStatement::Query(query))),
        CopyToSource::Relation(table) => everything_of(&table, &text)?,
    };
    Ok(QueryStatement { partitioned_by, ..described(copy.target, sql, statement, text)? })
}

/// `COPY t TO 'name'`.
fn everything_of(table: &ObjectName, text: &Text) -> Result<Statement> {
    let sql = format!("SELECT * FROM {table}");
    let parsed = DFParserBuilder::new(sql.as_str()).build().and_then(|mut parser| parser.parse_statement());
    parsed.map_err(|error| text.place(syntax(&error).0, None, &[]))
}

fn described(name: String, sql: String, statement: Statement, text: Text) -> Result<QueryStatement> {
    let text = Text { name: name.clone(), ..text };
    let (tables, _) = resolve_table_references(&statement, true).map_err(|error| {
        text.place(Error::usage(error.strip_backtrace()).coded(Code::SqlSyntax), None, &[])
    })?;
    Ok(QueryStatement { name, sql, tables, statement, text, partitioned_by: None, source_sql: None })
}

fn not_a_query(statement: &Statement) -> Error {
    let shown = statement.to_string();
    let word = shown.split_whitespace().next().unwrap_or_default().to_uppercase();
    Error::usage(format!("{word} is not something to export"))
        .coded(Code::NotOneQuery)
        .hint("query takes SELECT, WITH or VALUES; a script takes COPY (SELECT ...) TO 'name'")
}

/// Parses every statement of `sql` and hands each with its place to `make`.
fn statements(
    sql: &str,
    origin: Option<&str>,
    make: impl Fn(Statement, Text) -> Result<QueryStatement>,
) -> Result<Vec<QueryStatement>> {
    let dialect = PostgreSqlDialect {};
    let end = end_of(sql);
    let wrong = |error: &DataFusionError| {
        let (error, at) = syntax(error);
        placed(error, origin, at.unwrap_or(end))
    };
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| wrong(&DataFusionError::SQL(Box::new(ParserError::from(error)), None)))?;
    let mut parser =
        DFParserBuilder::new(tokens.clone()).with_dialect(&dialect).build().map_err(|e| wrong(&e))?;
    let mut out = Vec::new();
    loop {
        while parser.parser.consume_token(&Token::SemiColon) {}
        let first = parser.parser.peek_token();
        if first.token == Token::EOF {
            return Ok(out);
        }
        let rest = tokens.iter().filter(|token| token.span.start >= first.span.start);
        let rest: Vec<&TokenWithSpan> =
            rest.filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
        let own = if origin.is_some() { source_sql::copy(&rest, sql, origin)? } else { None };
        let statement = match &own {
            // Its tokens are known.
            Some((_, tokens)) => {
                (0..*tokens).for_each(|_| drop(parser.parser.next_token()));
                None
            }
            None => Some(parser.parse_statement().map_err(|e| match &first.token {
                Token::Word(word) if word.value.eq_ignore_ascii_case("COPY") => wrong(&e).hint(COPY_HINT),
                _ => wrong(&e),
            })?),
        };
        let next = parser.parser.peek_token();
        let stop = match next.token {
            Token::EOF => None,
            Token::SemiColon => Some(next.span.start),
            _ => {
                let error = Error::usage(format!("expected the end of the statement or ;, found: {next}"))
                    .coded(Code::SqlSyntax);
                return Err(placed(error, origin, next.span.start));
            }
        };
        let Some(statement) = statement else {
            out.extend(own.map(|(statement, _)| statement));
            continue;
        };
        let text = Text {
            origin: origin.map(str::to_owned),
            name: String::new(),
            start: first.span.start,
            words: words(&tokens, first.span.start, stop),
        };
        out.push(make(statement, text)?);
    }
}

/// Identifiers, keywords, signs and texts between two places.
fn words(tokens: &[TokenWithSpan], from: Location, to: Option<Location>) -> Vec<(String, Location)> {
    let inside = |t: &&TokenWithSpan| t.span.start >= from && to.is_none_or(|to| t.span.start < to);
    tokens
        .iter()
        .filter(inside)
        .filter_map(|t| match &t.token {
            Token::Word(word) => Some((word.value.clone(), t.span.start)),
            Token::SingleQuotedString(text) => Some((text.clone(), t.span.start)),
            Token::Whitespace(_) => None,
            sign => Some((sign.to_string(), t.span.start)),
        })
        .collect()
}

/// The parser's message without its position, and the position.
fn syntax(error: &DataFusionError) -> (Error, Option<Location>) {
    let message = match error.find_root() {
        DataFusionError::SQL(inner, _) => match inner.as_ref() {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.clone(),
            ParserError::RecursionLimitExceeded => "too deeply nested".to_owned(),
        },
        other => other.strip_backtrace(),
    };
    let mut at = None;
    let mut bare = message.as_str();
    if let Some((text, place)) = message.split_once(" at Line: ") {
        let mut numbers = place.split(", Column: ").map(|n| {
            let digits: String = n.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        if let (Some(Some(line)), Some(Some(column))) = (numbers.next(), numbers.next()) {
            at = Some(Location { line, column });
            bare = text;
        }
    }
    (Error::usage(format!("not valid SQL: {bare}")).coded(Code::SqlSyntax), at)
}

/// The place after the last character that is not white space.
fn end_of(sql: &str) -> Location {
    let text = sql.trim_end();
    let last = text.rsplit('\n').next().unwrap_or_default();
    Location { line: text.matches('\n').count() as u64 + 1, column: last.chars().count() as u64 + 1 }
}
