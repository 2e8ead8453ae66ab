//! The places of an expression whose values get one common type.
//!
//! | expression | families |
//! |---|---|
//! | `a + b`, `a < b` | `a, b` |
//! | `a BETWEEN b AND c` | `a, b, c` |
//! | `a IN (b, c)` | `a, b, c` |
//! | `CASE a WHEN b THEN c ELSE d END` | `a, b` and `c, d` |
//! | `coalesce(a, b)`, `nullif`, `greatest`, `least`, `nvl` | `a, b` |

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, Operator};

/// Functions whose arguments all get one type.
const UNIFYING: &[&str] = &["coalesce", "nullif", "greatest", "least", "nvl", "ifnull"];

/// Which binary operators bring their two sides to one type, for the rule at hand.
pub(super) type Operators = fn(Operator) -> bool;

/// Casts members of a family: `common` sees the types of all (none where it is not known yet) and says
/// what a member of a given type is cast to, if anything. Returns whether something was cast.
pub(super) fn unify(
    expression: &mut Expr,
    schema: &DFSchema,
    operators: Operators,
    common: fn(&[Option<DataType>], &DataType) -> Option<DataType>,
) -> bool {
    let mut cast = false;
    for mut family in families(expression, operators) {
        let types: Vec<Option<DataType>> = family.iter().map(|e| e.get_type(schema).ok()).collect();
        for (member, data_type) in family.iter_mut().zip(&types) {
            if let Some(target) = data_type.as_ref().and_then(|t| common(&types, t)) {
                let inner = std::mem::take(*member);
                **member = Expr::Cast(Cast::new(Box::new(inner), target));
                cast = true;
            }
        }
    }
    cast
}

fn families(expression: &mut Expr, operators: Operators) -> Vec<Vec<&mut Expr>> {
    match expression {
        Expr::BinaryExpr(binary) if operators(binary.op) => vec![vec![&mut binary.left, &mut binary.right]],
        Expr::Between(between) => vec![vec![&mut between.expr, &mut between.low, &mut between.high]],
        Expr::InList(list) => {
            vec![std::iter::once(list.expr.as_mut()).chain(&mut list.list).collect()]
        }
        Expr::Case(case) => {
            let (mut whens, mut thens): (Vec<&mut Expr>, Vec<&mut Expr>) =
                case.when_then_expr.iter_mut().map(|(when, then)| (when.as_mut(), then.as_mut())).unzip();
            thens.extend(case.else_expr.as_deref_mut());
            match case.expr.as_deref_mut() {
                Some(base) => {
                    whens.push(base);
                    vec![whens, thens]
                }
                // Without a base they are conditions.
                None => vec![thens],
            }
        }
        Expr::ScalarFunction(call) if UNIFYING.contains(&call.func.name()) => {
            vec![call.args.iter_mut().collect()]
        }
        _ => Vec::new(),
    }
}
