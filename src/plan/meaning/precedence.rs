//! Where no parentheses stand, what belongs to what: the parser decides in its own order, and where that is not
//! PostgreSQL's the expression is refused.

use datafusion::sql::sqlparser::ast::{BinaryOperator, CastKind, Expr, UnaryOperator};

use super::refusal::Refusal;
use crate::error::Code;

/// How closely an expression holds its operands together, as far as PostgreSQL and the parser differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// `AND`, `OR`, `NOT`, `IS ...`.
    Loose,
    /// `=`, `<` and their like: none within another.
    Comparison,
    /// `LIKE`, `BETWEEN`, `IN`, `SIMILAR TO`: none within another.
    Test,
    /// Any other operator, `::` and `COLLATE`.
    Operator,
    /// What stands alone.
    Whole,
}

impl Level {
    fn of(expression: &Expr) -> Self {
        use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
        match expression {
            Expr::UnaryOp { op: UnaryOperator::Not, .. }
            | Expr::BinaryOp { op: And | Or, .. }
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_) => Self::Loose,
            Expr::BinaryOp { op: Eq | NotEq | Lt | LtEq | Gt | GtEq, .. } => Self::Comparison,
            Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::SimilarTo { .. }
            | Expr::Between { .. }
            | Expr::InList { .. }
            | Expr::InSubquery { .. } => Self::Test,
            Expr::BinaryOp { .. }
            | Expr::Cast { kind: CastKind::DoubleColon, .. }
            | Expr::Collate { .. }
            | Expr::AtTimeZone { .. } => Self::Operator,
            _ => Self::Whole,
        }
    }
}

/// Looks at one expression, whose parts are as the parser made them.
///
/// # Errors
/// When PostgreSQL would take the parts otherwise, or not at all.
pub(super) fn check(expression: &Expr) -> Result<(), Refusal> {
    let left = match expression {
        Expr::BinaryOp { left, .. } => left,
        Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::SimilarTo { expr, .. }
        | Expr::Between { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::Cast { expr, kind: CastKind::DoubleColon, .. }
        | Expr::Collate { expr, .. }
        | Expr::AtTimeZone { timestamp: expr, .. } => expr,
        // The parser takes more for its right side than PostgreSQL does.
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => {
            return match Level::of(right) {
                Level::Loose => {
                    Err(Refusal::because("distinct", "what belongs to IS DISTINCT FROM is not clear")
                        .coded(Code::MeaningDiffers)
                        .hint("put the comparison into parentheses: (a IS DISTINCT FROM b) AND c"))
                }
                _ => Ok(()),
            };
        }
        _ => return Ok(()),
    };
    if let (Expr::BinaryOp { op, .. }, Expr::UnaryOp { op: first, .. }) = (expression, left.as_ref())
        && is_arithmetic(op)
        && matches!(first, UnaryOperator::PGAbs | UnaryOperator::PGSquareRoot | UnaryOperator::BitwiseNot)
    {
        // The parser lets these go first, PostgreSQL the sum.
        return Err(Refusal::because(op.to_string(), "what the operator in front belongs to is not clear")
            .coded(Code::MeaningDiffers)
            .hint("put parentheses around it and what it belongs to"));
    }
    match (Level::of(expression), Level::of(left)) {
        (Level::Comparison, Level::Comparison)
        | (Level::Test, Level::Comparison | Level::Test)
        | (Level::Operator, Level::Comparison | Level::Test) => {
            Err(Refusal::because(word(left), "what belongs together in this chain of operators is not clear")
                .coded(Code::MeaningDiffers)
                .hint("put parentheses around the first comparison"))
        }
        _ => Ok(()),
    }
}

fn is_arithmetic(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, PGExp, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo | PGExp)
}

/// The word or sign of an expression, to find its place by.
fn word(expression: &Expr) -> String {
    match expression {
        Expr::BinaryOp { op, .. } => op.to_string(),
        Expr::Like { .. } => "like".to_owned(),
        Expr::ILike { .. } => "ilike".to_owned(),
        Expr::SimilarTo { .. } => "similar".to_owned(),
        Expr::Between { .. } => "between".to_owned(),
        _ => "in".to_owned(),
    }
}
