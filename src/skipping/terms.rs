//! A condition as what minima, maxima, numbers of NULLs and Bloom filters can decide.
//!
//! The condition is made weaker until nothing else is left: a part about which they say nothing becomes true. What is
//! left compares *values* with constants. A value is a column, or an expression over one column that keeps its order,
//! whose bounds are those of the column after the same expression.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::utils::{split_binary, split_conjunction};
use datafusion::logical_expr::{BinaryExpr, Case, Cast, Expr, ExprSchemable, Operator, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};

use crate::error::{Error, Result};
use crate::plan::condition::Condition;

/// Values of an `IN` that are compared with bounds one by one; of more, the smallest and the largest.
const IN_LIST: usize = 500;
/// Functions of one argument that keep the order of values, and are NULL for NULL only.
const KEEP_ORDER: &[&str] = &["float_value", "date_as_timestamp", "timestamp_to_timestamptz"];

/// What a condition becomes for files whose directories have given keys.
#[derive(Debug)]
pub(super) struct Test {
    /// It is true of no row, whatever the files hold.
    pub(super) is_never: bool,
    /// Over the columns `v0`, `v1`, ..., the values.
    pub(super) predicate: PruningPredicate,
    pub(super) values: Vec<Value>,
    /// Parts of the condition, joined by AND, that nothing here decides; as they are shown.
    pub(super) undecided: Vec<String>,
}

/// A column, or an expression over one that keeps its order.
#[derive(Debug)]
pub(super) struct Value {
    /// The column's name.
    pub(super) column: String,
    /// Over a column of that name and no other.
    pub(super) expr: Expr,
    /// NaN, which is larger than all numbers and in no bounds, cannot make the part true.
    pub(super) without_nan: bool,
    /// `expr` for batches of `schema`.
    pub(super) physical: Arc<dyn PhysicalExpr>,
    /// One column, nullable.
    pub(super) schema: SchemaRef,
}

impl Test {
    /// The condition over files of `columns`, with `keys` in the place of the columns of these names.
    pub(super) fn of(
        condition: &Condition,
        columns: &SchemaRef,
        keys: &[(String, ScalarValue)],
    ) -> Result<Self> {
        let mut predicate = condition.predicate().clone();
        if !keys.is_empty() {
            let constant = |column: &Column| keys.iter().find(|(name, _)| *name == column.name);
            let replaced = predicate.transform(|node| match &node {
                Expr::Column(column) => Ok(match constant(column) {
                    Some((_, value)) => Transformed::yes(Expr::Literal(value.clone(), None)),
                    None => Transformed::no(node),
                }),
                _ => Ok(Transformed::no(node)),
            });
            predicate = condition.simplified(replaced.data()?)?;
        }
        let mut weaker = Weaker {
            schema: DFSchema::try_from(Arc::clone(columns))?,
            values: Vec::new(),
            bounded: Vec::new(),
        };
        let parts = parts_of(&predicate);
        weaker.note_bounded(&parts, false);
        let mut undecided = Vec::new();
        let mut terms = Vec::new();
        for part in parts {
            let term = weaker.term(part, false);
            if is(&term, true) && !is(part, true) {
                undecided.push(shown(part));
            }
            terms.push(term);
        }
        let weak = joined(terms, Operator::And);
        let values: Result<Vec<Value>> =
            weaker.values.into_iter().map(|draft| draft.finished(condition, columns)).collect();
        let values = values?;
        let field = |(at, value): (usize, &Value)| {
            Ok(Field::new(name_of(at), value.physical.data_type(&value.schema)?, true))
        };
        let fields: Result<Vec<Field>> = values.iter().enumerate().map(field).collect();
        let schema = Arc::new(Schema::new(fields?));
        let is_never = is(&weak, false);
        let physical = condition.physical(weak, &schema)?;
        let builder = PruningPredicateBuilder::new().with_file_schema(schema).with_max_in_list_size(IN_LIST);
        Ok(Self { is_never, predicate: builder.try_build(physical)?, values, undecided })
    }
}

/// The column of a value's place.
fn name_of(at: usize) -> String {
    format!("v{at}")
}

/// The place of a value's column.
pub(super) fn place_of(name: &str) -> Option<usize> {
    name.strip_prefix('v')?.parse().ok()
}

/// A value without its physical expression.
struct Draft {
    column: String,
    expr: Expr,
    without_nan: bool,
}

impl Draft {
    fn finished(self, condition: &Condition, columns: &SchemaRef) -> Result<Value> {
        let field = columns.field_with_name(&self.column).map_err(|error| {
            Error::internal("a condition has a column that is not there").caused_by(error)
        })?;
        let field = field.clone().with_nullable(true);
        let schema = Arc::new(Schema::new(vec![field]));
        let physical = condition.physical(self.expr.clone(), &schema)?;
        let Self { column, expr, without_nan } = self;
        Ok(Value { column, expr, without_nan, physical, schema })
    }
}

/// Makes conditions weaker: true of all rows of which they were true, and perhaps of more.
struct Weaker {
    /// The files' columns.
    schema: DFSchema,
    values: Vec<Draft>,
    /// What cannot be NaN where the part that is looked at matters: another part, joined to it by AND, says so.
    bounded: Vec<Expr>,
}

impl Weaker {
    /// A condition that is true where `expr` is true; with `negated`, where it is false.
    fn term(&mut self, expr: &Expr, negated: bool) -> Expr {
        match expr {
            Expr::Literal(ScalarValue::Boolean(value), _) => lit(*value == Some(!negated)),
            Expr::Not(inner) => self.term(inner, !negated),
            Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => {
                self.terms(&split_binary(expr, *op), *op, negated)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let op = if negated { op.negate() } else { Some(*op) };
                self.comparison(left, op, right).unwrap_or_else(|| lit(true))
            }
            Expr::IsNull(inner) => self.is_null(inner, !negated),
            Expr::IsNotNull(inner) => self.is_null(inner, negated),
            Expr::IsTrue(inner) if !negated => self.term(inner, false),
            Expr::IsFalse(inner) if !negated => self.term(inner, true),
            Expr::IsNotTrue(inner) if negated => self.term(inner, false),
            Expr::IsNotFalse(inner) if negated => self.term(inner, true),
            Expr::InList(list) => self.in_list(list, negated).unwrap_or_else(|| lit(true)),
            Expr::Like(like) => self.like(like, negated).unwrap_or_else(|| lit(true)),
            Expr::ScalarFunction(_) => match Guarded::of(expr) {
                Some(guarded) => self.guarded(&guarded, negated),
                None => lit(true),
            },
            Expr::Column(_) => match self.value(expr, false) {
                Some((column, DataType::Boolean)) if negated => Expr::Not(Box::new(column)),
                Some((column, DataType::Boolean)) => column,
                _ => lit(true),
            },
            _ => lit(true),
        }
    }

    /// What stands behind a guard, or what the guard makes of it where it does not let it be evaluated.
    fn guarded(&mut self, guarded: &Guarded<'_>, negated: bool) -> Expr {
        let mut terms = vec![self.term(guarded.inner, negated)];
        if guarded.otherwise != negated {
            terms.push(self.term(guarded.when, true));
        }
        joined(terms, Operator::Or)
    }

    fn terms(&mut self, parts: &[&Expr], op: Operator, negated: bool) -> Expr {
        let op = if negated { other(op) } else { op };
        let before = self.bounded.len();
        if op == Operator::And {
            self.note_bounded(parts, negated);
        }
        let terms = parts.iter().map(|part| self.term(part, negated)).collect();
        self.bounded.truncate(before);
        joined(terms, op)
    }

    /// Remembers which expressions one of the parts, joined by AND, keeps from being NaN.
    fn note_bounded(&mut self, parts: &[&Expr], negated: bool) {
        for part in parts {
            let (mut part, mut negated) = (*part, negated);
            while let Expr::Not(inner) = part {
                (part, negated) = (inner.as_ref(), !negated);
            }
            let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else { continue };
            let Some(op) = (if negated { op.negate() } else { Some(*op) }) else { continue };
            let Some((value, op, constant)) = oriented(left, op, right) else { continue };
            if is_below_nan(op) && !is_nan(constant) && !constant.is_null() {
                self.bounded.extend(in_order(value, &self.schema).map(|(_, expr)| expr));
            }
        }
    }

    fn comparison(&mut self, left: &Expr, op: Option<Operator>, right: &Expr) -> Option<Expr> {
        let (value, op, constant) = oriented(left, op?, right)?;
        if constant.is_null() {
            return Some(match op {
                Operator::IsDistinctFrom => self.is_null(value, false),
                Operator::IsNotDistinctFrom => self.is_null(value, true),
                _ => lit(false),
            });
        }
        let without_nan = match op {
            op if is_below_nan(op) => !is_nan(constant),
            Operator::Gt | Operator::GtEq => {
                in_order(value, &self.schema).is_some_and(|(_, expr)| self.bounded.contains(&expr))
            }
            _ => false,
        };
        let (column, data_type) = self.ordered(value, without_nan)?;
        let constant = Expr::Literal(constant.clone(), None);
        (constant.get_type(&self.schema).ok()? == data_type)
            .then(|| Expr::BinaryExpr(BinaryExpr::new(Box::new(column), op, Box::new(constant))))
    }

    fn in_list(&mut self, InList { expr, list, negated: not_in }: &InList, negated: bool) -> Option<Expr> {
        let not_in = *not_in != negated;
        let constants: Option<Vec<&ScalarValue>> = list.iter().map(constant).collect();
        let (nulls, constants): (Vec<_>, Vec<_>) = constants?.into_iter().partition(|value| value.is_null());
        if constants.is_empty() || (not_in && !nulls.is_empty()) {
            return Some(lit(false));
        }
        let without_nan = !not_in && constants.iter().all(|value| !is_nan(value));
        let (column, data_type) = self.ordered(expr, without_nan)?;
        if constants.iter().any(|value| value.data_type() != data_type) {
            return None;
        }
        let literal = |value: &ScalarValue| Expr::Literal(value.clone(), None);
        let mut terms = Vec::new();
        if constants.len() > IN_LIST && !not_in {
            let mut least = constants.first()?;
            let mut most = least;
            for value in &constants {
                least = if value.partial_cmp(least)?.is_lt() { value } else { least };
                most = if value.partial_cmp(most)?.is_gt() { value } else { most };
            }
            terms = vec![column.clone().gt_eq(literal(least)), column.clone().lt_eq(literal(most))];
        }
        let list = constants.into_iter().map(literal).collect();
        terms.push(Expr::InList(InList::new(Box::new(column), list, not_in)));
        Some(joined(terms, Operator::And))
    }

    fn like(&mut self, like: &Like, negated: bool) -> Option<Expr> {
        let pattern = constant(&like.pattern)?;
        if like.case_insensitive || like.escape_char.is_some() || pattern.is_null() {
            return None;
        }
        let (column, data_type) = self.ordered(&like.expr, false)?;
        (data_type == pattern.data_type()).then(|| {
            let pattern = Box::new(Expr::Literal(pattern.clone(), None));
            Expr::Like(Like::new(like.negated != negated, Box::new(column), pattern, None, false))
        })
    }

    /// `expr IS NULL`, or that it is not.
    fn is_null(&mut self, expr: &Expr, is_null: bool) -> Expr {
        match self.value(expr, false) {
            Some((column, _)) if is_null => column.is_null(),
            Some((column, _)) => column.is_not_null(),
            None => lit(true),
        }
    }

    /// The value that an expression is, if bounds of its column say something about it; with its type.
    fn ordered(&mut self, expr: &Expr, without_nan: bool) -> Option<(Expr, DataType)> {
        let (column, _) = in_order(expr, &self.schema)?;
        let field = self.schema.field_with_unqualified_name(&column).ok()?;
        if has_order(field.data_type()) { self.value(expr, without_nan) } else { None }
    }

    /// The value that an expression is, with its type.
    fn value(&mut self, expr: &Expr, without_nan: bool) -> Option<(Expr, DataType)> {
        let (column, expr) = in_order(expr, &self.schema)?;
        let field = self.schema.field_with_unqualified_name(&column).ok()?;
        let without_nan = without_nan && is_float(field.data_type());
        let data_type = expr.get_type(&self.schema).ok()?;
        let known = |draft: &Draft| draft.expr == expr && draft.without_nan == without_nan;
        let at = self.values.iter().position(known).unwrap_or_else(|| {
            self.values.push(Draft { column, expr, without_nan });
            self.values.len() - 1
        });
        Some((Expr::Column(Column::new_unqualified(name_of(at))), data_type))
    }
}

/// `truth(CASE WHEN when THEN number(inner) ELSE otherwise END)`: how the planner has `inner` evaluated where `when` is true
/// and nowhere else. `when` is never NULL.
struct Guarded<'e> {
    when: &'e Expr,
    inner: &'e Expr,
    otherwise: bool,
}

impl<'e> Guarded<'e> {
    fn of(expr: &'e Expr) -> Option<Self> {
        let Expr::Case(Case { expr: None, when_then_expr, else_expr: Some(otherwise) }) =
            argument(expr, "truth")?
        else {
            return None;
        };
        let [(when, then)] = when_then_expr.as_slice() else { return None };
        if !matches!(when.as_ref(), Expr::IsNotFalse(_) | Expr::IsNotTrue(_)) {
            return None;
        }
        let Some(ScalarValue::Int16(Some(otherwise))) = constant(otherwise) else { return None };
        Some(Self { when, inner: argument(then, "number")?, otherwise: *otherwise != 0 })
    }
}

/// The argument of a call of a function of one argument.
fn argument<'e>(expr: &'e Expr, function: &str) -> Option<&'e Expr> {
    match expr {
        Expr::ScalarFunction(call) if call.func.name() == function => match call.args.as_slice() {
            [argument] => Some(argument),
            _ => None,
        },
        _ => None,
    }
}

/// A part of the condition as the user wrote it, about.
fn shown(part: &Expr) -> String {
    let bare = part.clone().transform_up(|node| {
        let inner = Guarded::of(&node).map(|guarded| guarded.inner.clone());
        Ok(inner.map_or_else(|| Transformed::no(node), Transformed::yes))
    });
    bare.data().map_or_else(|_| part.human_display().to_string(), |bare| bare.human_display().to_string())
}

/// What is joined by AND, also behind guards.
fn parts_of(expr: &Expr) -> Vec<&Expr> {
    let parts = split_conjunction(expr).into_iter().flat_map(|part| match Guarded::of(part) {
        Some(Guarded { inner, otherwise: false, .. }) => parts_of(inner),
        _ => vec![part],
    });
    parts.collect()
}

/// The column of an expression that keeps its order, and the expression over that column without a qualifier.
fn in_order(expr: &Expr, schema: &DFSchema) -> Option<(String, Expr)> {
    match expr {
        Expr::Column(column) => {
            schema.field_with_unqualified_name(&column.name).ok()?;
            Some((column.name.clone(), Expr::Column(Column::new_unqualified(&column.name))))
        }
        Expr::Cast(Cast { expr, field }) => {
            let (column, inner) = in_order(expr, schema)?;
            let from = inner.get_type(schema).ok()?;
            let to = field.data_type();
            keeps_order(&from, to).then(|| (column, Expr::Cast(Cast::new(Box::new(inner), to.clone()))))
        }
        Expr::ScalarFunction(call) => {
            let [argument] = call.args.as_slice() else { return None };
            let name = call.func.name();
            let to_float = name.starts_with("numeric(")
                && (name.ends_with("_to_double precision") || name.ends_with("_to_real"));
            if !to_float && !KEEP_ORDER.contains(&name) {
                return None;
            }
            let (column, inner) = in_order(argument, schema)?;
            let call = ScalarFunction::new_udf(Arc::clone(&call.func), vec![inner]);
            Some((column, Expr::ScalarFunction(call)))
        }
        _ => None,
    }
}

/// Whether casts from one type to the other never turn an order around.
fn keeps_order(from: &DataType, to: &DataType) -> bool {
    use DataType::{Time32, Time64, Timestamp};
    let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_bytes =
        |t: &DataType| matches!(t, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
    match (from, to) {
        (from, to) if from == to => true,
        (from, to) if from.is_integer() => to.is_integer() || to.is_decimal() || is_float(to),
        (from, to) if from.is_decimal() => to.is_decimal(),
        (DataType::Float32, DataType::Float64) => true,
        (Timestamp(_, from), Timestamp(_, to)) => from.is_some() == to.is_some(),
        (Time32(_) | Time64(_), Time64(_)) => true,
        (from, to) if is_text(from) => is_text(to),
        (from, to) if is_bytes(from) || matches!(from, DataType::FixedSizeBinary(_)) => is_bytes(to),
        _ => false,
    }
}

/// Whether the order of the type in statistics is the one in conditions.
pub(super) fn has_order(data_type: &DataType) -> bool {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, FixedSizeBinary, LargeBinary, LargeUtf8, Time32, Time64,
        Timestamp, Utf8, Utf8View,
    };
    data_type.is_integer()
        || matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
        || matches!(data_type, Boolean | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
        || matches!(data_type, FixedSizeBinary(_) | Date32 | Time32(_) | Time64(_) | Timestamp(..))
        || is_float(data_type)
}

/// Whether values of the type can be NaN, and conditions compare them.
pub(super) fn is_float(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float32 | DataType::Float64)
}

fn is_nan(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float32(Some(value)) => value.is_nan(),
        ScalarValue::Float64(Some(value)) => value.is_nan(),
        _ => false,
    }
}

/// Whether a comparison with a number is false for NaN, which is larger than the number.
fn is_below_nan(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::Lt | Operator::LtEq | Operator::IsNotDistinctFrom)
}

fn constant(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// A comparison with a constant, which stands on its right side then.
fn oriented<'e>(
    left: &'e Expr,
    op: Operator,
    right: &'e Expr,
) -> Option<(&'e Expr, Operator, &'e ScalarValue)> {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    let turned = match op {
        Eq | NotEq | IsDistinctFrom | IsNotDistinctFrom => op,
        Lt => Gt,
        LtEq => GtEq,
        Gt => Lt,
        GtEq => LtEq,
        _ => return None,
    };
    match (constant(left), constant(right)) {
        (None, Some(constant)) => Some((left, op, constant)),
        (Some(constant), None) => Some((right, turned, constant)),
        _ => None,
    }
}

fn other(op: Operator) -> Operator {
    if op == Operator::And { Operator::Or } else { Operator::And }
}

fn is(expr: &Expr, truth: bool) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Boolean(Some(value)), _) if *value == truth)
}

/// Terms joined by AND or OR: nested no deeper than need be, without those that change nothing.
fn joined(terms: Vec<Expr>, op: Operator) -> Expr {
    let neutral = op == Operator::And;
    if terms.iter().any(|term| is(term, !neutral)) {
        return lit(!neutral);
    }
    let mut terms: Vec<Expr> = terms.into_iter().filter(|term| !is(term, neutral)).collect();
    while terms.len() > 1 {
        let mut halved = Vec::with_capacity(terms.len().div_ceil(2));
        let mut pairs = terms.into_iter();
        while let Some(first) = pairs.next() {
            halved.push(match pairs.next() {
                Some(second) => Expr::BinaryExpr(BinaryExpr::new(Box::new(first), op, Box::new(second))),
                None => first,
            });
        }
        terms = halved;
    }
    terms.pop().unwrap_or_else(|| lit(neutral))
}
