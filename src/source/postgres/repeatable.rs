//! Expressions that give the same value in every statement.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use crate::error::{Code, Error, Result};

/// Functions that give the same for the same arguments, whoever asks and when.
const FUNCTIONS: &[&str] = &[
    "abs",
    "ascii",
    "btrim",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "coalesce",
    "concat",
    "date_part",
    "date_trunc",
    "div",
    "extract",
    "floor",
    "greatest",
    "hashtext",
    "in",
    "least",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "mod",
    "nullif",
    "position",
    "replace",
    "right",
    "round",
    "rpad",
    "rtrim",
    "sign",
    "split_part",
    "strpos",
    "substr",
    "substring",
    "to_char",
    "trim",
    "trunc",
    "upper",
    "width_bucket",
];
/// Keywords that may stand before a parenthesis.
const KEYWORDS: &[&str] =
    &["and", "or", "not", "case", "when", "then", "else", "end", "between", "like", "is", "from"];
/// What depends on the moment, the session or other rows and is no call.
const UNSTEADY: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
    "select",
    "operator",
];
/// Words that a text may hold which becomes a date or time.
const MOMENTS: &[&str] = &["now", "today", "tomorrow", "yesterday"];

/// Refuses an expression that may give another value in the next statement: each slice is a statement of its own, and
/// rows would be in two of them or in none.
///
/// # Errors
/// Usage, naming the first word that is not known to be steady.
pub(super) fn check(expression: &str) -> Result<()> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, expression).tokenize().map_err(|error| {
        Error::usage("the expression of method DataDriven is not valid SQL")
            .coded(Code::SqlSyntax)
            .caused_by(error)
    })?;
    let comment = |token: &Token| match token {
        Token::Whitespace(space) => {
            matches!(space, Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_))
        }
        // PostgreSQL ends an operator where a comment begins; the tokenizer does not.
        Token::CustomBinaryOperator(operator) => operator.contains("--") || operator.contains("/*"),
        _ => false,
    };
    if tokens.iter().any(comment) {
        return Err(Error::usage("the expression of method DataDriven holds a comment")
            .coded(Code::UnsteadyExpression)
            .hint("leave the comment out; two minus signs in a row need a space between them"));
    }
    let tokens: Vec<Token> = tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect();
    for (at, token) in tokens.iter().enumerate() {
        let qualified = at > 0 && tokens[at - 1] == Token::Period;
        let called = tokens.get(at + 1) == Some(&Token::LParen);
        if let Some(word) = unsteady(token, qualified, called) {
            return Err(Error::usage(format!(
                "'{word}' in the expression of method DataDriven may give another value in another statement"
            ))
            .coded(Code::UnsteadyExpression)
            .hint(format!(
                "each slice is a statement of its own: name a column, or use only {}",
                FUNCTIONS.join(", ")
            )));
        }
    }
    Ok(())
}

/// The word of `token` that is not known to be steady, if there is one.
fn unsteady(token: &Token, qualified: bool, called: bool) -> Option<String> {
    let text = match token {
        Token::Word(word) => {
            let (name, quoted) = (word.value.to_lowercase(), word.quote_style.is_some());
            let known = FUNCTIONS.contains(&&*name) || KEYWORDS.contains(&&*name);
            // A name in quotes or with a schema may be anybody's function.
            let steady = if called {
                known && !quoted && !qualified
            } else {
                quoted || qualified || !UNSTEADY.contains(&&*name)
            };
            return (!steady).then_some(name);
        }
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text)
        | Token::NationalStringLiteral(text) => text,
        Token::DollarQuotedString(text) => &text.value,
        _ => return None,
    };
    let mut words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.find(|word| MOMENTS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_changes_between_statements_is_refused() {
        for steady in [
            "id % 7",
            "lower(country)",
            "extract(year FROM at)",
            "date_trunc ('month', at)::date",
            "(a + b) IN (1, 2)",
            "CASE WHEN n > 0 THEN 'more' ELSE 'less' END",
            "\"now_or_never\"",
            "\"user\" || t.user",
            "kind = 'user' OR kind = $$-- none$$",
        ] {
            assert!(check(steady).is_ok(), "{steady}");
        }
        for (unsteady, word) in [
            ("(random() * 7)::int", "'random'"),
            ("at > now() - interval '1 day'", "'now'"),
            ("current_date - day", "'current_date'"),
            ("CURRENT_TIMESTAMP > at", "'current_timestamp'"),
            ("age(at)", "'age'"),
            ("at > 'today'", "'today'"),
            ("at > ' Now '::timestamp", "'now'"),
            ("at > $a$now$a$::timestamp", "'now'"),
            ("at > E'\\x6eow'", "'now'"),
            ("at > U&'\\006eow'", "'now'"),
            ("public.mine(id)", "'mine'"),
            ("public.lower(id)", "'lower'"),
            ("pg_catalog . random (  )", "'random'"),
            ("\"random\"()", "'random'"),
            ("\"lower\" (x)", "'lower'"),
            ("(SELECT max(x) FROM t)", "'select'"),
            ("a OPERATOR(mine.+) b", "'operator'"),
            ("clock_timestamp/**/ ()", "comment"),
            ("a -- b", "comment"),
            ("a ||/* ' */ random()::text ||/* ' */ b", "comment"),
            ("id %-- 7", "comment"),
            ("a = 'open", "not valid SQL"),
        ] {
            let error = check(unsteady).expect_err(unsteady).to_string();
            assert!(error.contains(word), "{unsteady}: {error}");
        }
    }
}
