//! Expressions that give the same value in every statement.

use crate::error::{Code, Error, Result};

/// Functions that give the same for the same arguments, for every user at every time.
const FUNCTIONS: &[&str] = &[
    "abs",
    "ascii",
    "bin",
    "bit_count",
    "bit_length",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "conv",
    "convert",
    "crc32",
    "date",
    "date_format",
    "datediff",
    "day",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "elt",
    "extract",
    "field",
    "find_in_set",
    "floor",
    "greatest",
    "hex",
    "hour",
    "if",
    "ifnull",
    "instr",
    "isnull",
    "json_extract",
    "json_unquote",
    "json_value",
    "last_day",
    "lcase",
    "least",
    "left",
    "length",
    "locate",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "minute",
    "mod",
    "month",
    "nullif",
    "octet_length",
    "ord",
    "position",
    "quarter",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "second",
    "sha1",
    "sha2",
    "sign",
    "strcmp",
    "substr",
    "substring",
    "substring_index",
    "to_days",
    "trim",
    "truncate",
    "ucase",
    "unhex",
    "upper",
    "weekday",
    "weekofyear",
    "year",
    "yearweek",
];
/// Words that may stand before a parenthesis and call nothing.
const KEYWORDS: &[&str] = &[
    "and", "or", "xor", "not", "case", "when", "then", "else", "end", "between", "like", "rlike", "regexp",
    "is", "in", "div", "mod", "from", "for", "by", "as", "binary", "escape", "both", "leading", "trailing",
    "interval", // Types, behind AS.
    "char", "decimal", "datetime", "time", "nchar", "varchar",
];
/// What depends on the moment, the session or other rows and is no call.
const UNSTEADY: &[&str] = &[
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "lateral",
    "localtime",
    "localtimestamp",
    "next",
    "over",
    "previous",
    "rownum",
    "select",
    "session_user",
    "sysdate",
    "table",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "values",
    "with",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A word without quotes, in lower case.
    Word(String),
    /// A name in backticks.
    Quoted(String),
    /// A text, a number, and whatever else calls nothing.
    Other,
    Open,
    Dot,
    Space,
}

/// Refuses an expression that may give another value in the next statement: each slice is a separate statement, and
/// rows would be in two of them or in none.
///
/// # Errors
/// Usage, naming the first word that is not known to be steady.
pub(super) fn check(expression: &str) -> Result<()> {
    let tokens = tokens(expression)?;
    for (at, token) in tokens.iter().enumerate() {
        let before = tokens.iter().take(at).rev().find(|token| **token != Token::Space);
        let mut after = tokens.iter().skip(at + 1).peekable();
        let apart = after.peek() == Some(&&Token::Space);
        let called = after.find(|token| **token != Token::Space) == Some(&Token::Open);
        let qualified = before == Some(&Token::Dot);
        let (name, steady) = match token {
            // What stands apart from its parenthesis may be a function of the user's, as may a name with a schema.
            Token::Word(name) if called => {
                let is_keyword = KEYWORDS.contains(&name.as_str());
                (name, !qualified && (is_keyword || (!apart && FUNCTIONS.contains(&name.as_str()))))
            }
            Token::Word(name) => (name, qualified || !UNSTEADY.contains(&name.as_str())),
            Token::Quoted(name) => (name, !called),
            _ => continue,
        };
        if !steady {
            return Err(Error::usage(format!(
                "'{name}' in the expression of method DataDriven may give another value in another statement"
            )).coded(Code::UnsteadyExpression)
            .hint(format!(
                "each slice is a separate statement: name a column, or use only {}, with the parenthesis right behind",
                FUNCTIONS.join(", ")
            )));
        }
    }
    Ok(())
}

fn not_valid() -> Error {
    Error::usage("the expression of method DataDriven is not valid SQL").coded(Code::SqlSyntax)
}

/// The words of an expression under an empty `sql_mode`: a text may stand in either quotes, with backslashes.
fn tokens(expression: &str) -> Result<Vec<Token>> {
    let mut rest = expression;
    let mut tokens = Vec::new();
    while let Some(c) = rest.chars().next() {
        let behind = rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '#' || rest.starts_with("--") || rest.starts_with("/*") || rest.starts_with("*/") {
            return Err(Error::usage("the expression of method DataDriven holds a comment")
                .coded(Code::UnsteadyExpression)
                .hint("leave the comment out; two minus signs in a row need a space between them"));
        }
        let (token, left) = match c {
            _ if c.is_whitespace() => (Token::Space, behind),
            '\'' | '"' => (Token::Other, quoted(behind, c)?.1),
            '`' => {
                let (name, left) = quoted(behind, c)?;
                (Token::Quoted(name), left)
            }
            '(' => (Token::Open, behind),
            // Not the point of a number.
            '.' => (Token::Dot, behind),
            _ if is_of_word(c) => {
                let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                let (word, left) = rest.split_at_checked(length).ok_or_else(not_valid)?;
                let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
                (if is_number { Token::Other } else { Token::Word(word.to_lowercase()) }, left)
            }
            ')' | ',' | '+' | '-' | '*' | '/' | '%' | '=' | '<' | '>' | '!' | '&' | '|' | '^' | '~' => {
                (Token::Other, behind)
            }
            '@' => {
                return Err(Error::usage(
                    "a variable in the expression of method DataDriven may have another value in another statement",
                ).coded(Code::UnsteadyExpression)
                .hint("each slice is a separate statement"));
            }
            // Parameters, escapes of other interfaces, the end of a statement.
            _ => return Err(not_valid().with("character", c)),
        };
        tokens.push(token);
        rest = left;
    }
    Ok(tokens)
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// What stands before the closing quote, and what follows it.
fn quoted(text: &str, quote: char) -> Result<(String, &str)> {
    let mut inner = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote != '`' => {
                chars.next();
            }
            c if c == quote => match chars.next_if(|(_, next)| *next == quote) {
                Some(_) => inner.push(quote),
                None => return Ok((inner, text.get(at + 1..).unwrap_or_default())),
            },
            c => inner.push(c),
        }
    }
    Err(not_valid())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_changes_between_statements_is_refused() {
        for steady in [
            "id % 7",
            "id - -7",
            "lower(country)",
            "EXTRACT(YEAR FROM at)",
            "date_format(at, '%Y-%m')",
            "(a + b) IN (1, 2)",
            "CASE WHEN n > 0 THEN 'more' ELSE 'less' END",
            "`now_or_never`",
            "`user` + t.user",
            "kind = 'rand()' OR kind = \"# no \\\" comment\" OR kind = 'it''s -- none'",
            "CAST(x AS CHAR(3) CHARACTER SET utf8mb4)",
            "t.`select` = 1.5e3",
            "doc->>'$.kind'",
            "größe DIV 10",
        ] {
            assert!(check(steady).is_ok(), "{steady}: {}", check(steady).unwrap_err());
        }
        for (unsteady, word) in [
            ("floor(RAND() * 7)", "'rand'"),
            ("at > now() - interval 1 day", "'now'"),
            ("current_date - day", "'current_date'"),
            ("CURRENT_TIMESTAMP > at", "'current_timestamp'"),
            ("utc_date = d", "'utc_date'"),
            ("uuid()", "'uuid'"),
            ("UNIX_TIMESTAMP() % 2", "'unix_timestamp'"),
            ("connection_id() % 2", "'connection_id'"),
            ("last_insert_id()", "'last_insert_id'"),
            ("@a := id", "a variable"),
            ("id % @@server_id", "a variable"),
            ("mine(id)", "'mine'"),
            ("db.mine(id)", "'mine'"),
            ("db.lower(id)", "'lower'"),
            ("db . lower (id)", "'lower'"),
            ("substr (x, 1)", "'substr'"),
            ("`lower`(x)", "'lower'"),
            ("`rand` ()", "'rand'"),
            ("(SELECT max(x) FROM t)", "'select'"),
            ("(TABLE t)", "'table'"),
            ("NEXT VALUE FOR s", "'next'"),
            ("row_number() over (order by id)", "'row_number'"),
            ("rand/**/()", "comment"),
            ("a -- b", "comment"),
            ("a # b", "comment"),
            ("a /*! + rand() */", "comment"),
            ("id %-- 7", "comment"),
            ("a = 'open", "not valid SQL"),
            ("a = 'open\\'", "not valid SQL"),
            ("`open", "not valid SQL"),
            ("a; b", "not valid SQL"),
            ("a = ?", "not valid SQL"),
            ("{fn now()}", "not valid SQL"),
            ("ＲＡＮＤ()", "'ｒａｎｄ'"),
        ] {
            let error = check(unsteady).expect_err(unsteady).to_string();
            assert!(error.contains(word), "{unsteady}: {error}");
        }
    }
}
