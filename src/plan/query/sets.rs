//! Set operations that DataFusion gets wrong.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, Visit, Visitor};

use crate::error::{Code, Error};

/// Refuses `EXCEPT ALL` and `INTERSECT ALL`: DataFusion does not count how often a row is on each side
/// (apache/datafusion#12955, #12956). With the word where the message points.
pub(super) fn counted(statement: &Statement) -> Option<(Error, &'static str)> {
    let Statement::Statement(statement) = statement else { return None };
    let ControlFlow::Break(word) = statement.visit(&mut Counted) else { return None };
    let error = Error::usage(format!("{word} ALL would not count how often a row is on each side"))
        .coded(Code::MeaningDiffers)
        .hint(format!(
            "write {word} for distinct rows; to count, number equal rows on both sides with \
             row_number() OVER (PARTITION BY <all columns>) and use {word} on that"
        ));
    Some((error, word))
}

struct Counted;

impl Visitor for Counted {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        in_set(&query.body)
    }
}

/// The operands that are queries in parentheses are visited as queries.
fn in_set(body: &SetExpr) -> ControlFlow<&'static str> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else {
        return ControlFlow::Continue(());
    };
    let counts = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
    match op {
        SetOperator::Except if counts => ControlFlow::Break("EXCEPT"),
        SetOperator::Minus if counts => ControlFlow::Break("MINUS"),
        SetOperator::Intersect if counts => ControlFlow::Break("INTERSECT"),
        _ => {
            in_set(left)?;
            in_set(right)
        }
    }
}
