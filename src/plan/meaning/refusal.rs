//! What is not taken, and what to do instead.

use std::fmt;

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::error::Code;

/// The hint for a text that is used as a number.
pub(in crate::plan) const AS_NUMBER: &str = "a numeric without precision is exported as text: --numeric measure makes it \
    a number; text that holds numbers is cast: CAST(column AS numeric(20,4))";

/// A construct whose meaning here is not known to be PostgreSQL's.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Refusal {
    /// Its word or sign, as the text has it; to find its place by.
    pub(in crate::plan) word: String,
    /// What is wrong, as a sentence without its end.
    pub(in crate::plan) message: String,
    /// Where it begins.
    pub(in crate::plan) place: Option<Location>,
    /// What to write instead, where that is more than the database's own SQL.
    pub(in crate::plan) hint: Option<String>,
    /// Where more about it is found.
    pub(in crate::plan) code: Code,
}

impl Refusal {
    /// `what` is refused.
    pub(in crate::plan) fn of(word: impl Into<String>, what: impl fmt::Display) -> Self {
        Self::because(word, format!("not supported in expressions: {what}")).coded(Code::MeaningDiffers)
    }

    /// Something that PostgreSQL refuses too, or that is wrong by itself.
    pub(in crate::plan) fn because(word: impl Into<String>, message: impl Into<String>) -> Self {
        let code = Code::SqlTypes;
        Self { word: word.into(), message: message.into(), place: None, hint: None, code }
    }

    /// With another code.
    pub(in crate::plan) fn coded(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// With another remedy.
    pub(in crate::plan) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// With its place, unless it has one.
    pub(in crate::plan) fn at(self, at: Location) -> Self {
        let place = self.place.or_else(|| known(at));
        Self { place, ..self }
    }

    /// What to do instead; `flag` takes the database's own SQL.
    pub(in crate::plan) fn remedy(&self, flag: &str) -> String {
        let own = format!("{flag} takes the database's own SQL");
        self.hint.as_ref().map_or_else(|| own.clone(), |hint| format!("{hint}; {own}"))
    }

    /// Where its word first stands in a text.
    pub(in crate::plan) fn place_in(&self, text: &str) -> Option<Location> {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().ok()?;
        let is_word = |token: &Token| match token {
            Token::Word(word) => word.value.eq_ignore_ascii_case(&self.word),
            Token::SingleQuotedString(quoted) => *quoted == self.word,
            other => other.to_string() == self.word,
        };
        tokens.iter().find(|t| is_word(&t.token)).map(|t| t.span.start)
    }

    /// The refusal in an error of the planner's.
    pub(in crate::plan) fn find(error: &DataFusionError) -> Option<&Self> {
        match error.find_root() {
            DataFusionError::External(inner) => inner.downcast_ref::<Self>(),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for DataFusionError {
    fn from(refusal: Refusal) -> Self {
        Self::External(Box::new(refusal))
    }
}

/// Where an expression begins, when the parser knows.
pub(in crate::plan) fn known(at: Location) -> Option<Location> {
    (at.line > 0).then_some(at)
}
