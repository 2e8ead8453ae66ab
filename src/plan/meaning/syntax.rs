//! The first look at an expression: its syntax. Operators, casts and special forms become calls of [`super::calls`],
//! which mean something by the types of their arguments; what is not on the list is refused with its place.
//!
//! | written | becomes |
//! |---|---|
//! | `a + b`, `a = b`, `a \|\| b`, `-a`, `@ a` | `"+"(a, b)`, `"="(a, b)`, ... |
//! | `a OR b OR c` | `"or"(a, b, c)` |
//! | `a BETWEEN b AND c`, `a IN (b, c)`, `a LIKE b ESCAPE c` | `"between"(a, b, c)`, `"in"(a, b, c)`, `"like"(a, b, c)` |
//! | `CASE a WHEN b THEN c ELSE d END` | `"case"("="(a, b), c, d)` |
//! | `CAST(a AS numeric(9,2))`, `a::date`, `DATE '...'` | `"cast"(a, 'numeric(9,2)')`, ... |
//! | `EXTRACT(year FROM a)`, `a AT TIME ZONE 'UTC'`, `INTERVAL '1' day` | `"extract"('year', a)`, `"timezone"('UTC', a)`, `"interval"('1', 'day')` |
//! | `1e200` | `"number"('1e200')` |
//!
//! `NOT`, `IS NULL`, `IS TRUE`, subqueries and plain literals stay.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, CeilFloorKind, DataType as SqlType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Interval, NamedWindowDefinition,
    NamedWindowExpr, ObjectName, ObjectNamePart, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned,
    Statement, TableFactor, TrimWhereField, UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut,
    WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType, visit_expressions,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::refusal::Refusal;
use super::{known, precedence, types};

/// Digits of a number that is a plain literal.
const LITERAL_DIGITS: usize = 38;

/// Rewrites every expression of a statement.
///
/// # Errors
/// The first construct that is not on the list.
pub(in crate::plan) fn prepare(statement: &mut Statement) -> Result<(), Refusal> {
    match VisitMut::visit(statement, &mut Prepare { depth: 0, counts: Vec::new() }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refusal) => Err(*refusal),
    }
}

/// Operators within operators that planning has room and time for. `AND` and `OR` are none: their terms stand in a row.
const MOST_DEPTH: usize = 200;

struct Prepare {
    depth: usize,
    /// Of each expression that is being looked at, whether it counts.
    counts: Vec<bool>,
}

impl VisitorMut for Prepare {
    type Break = Box<Refusal>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        match ordered(query) {
            Ok(()) => ControlFlow::Continue(()),
            Err(refusal) => ControlFlow::Break(Box::new(refusal)),
        }
    }

    fn pre_visit_table_factor(&mut self, from: &mut TableFactor) -> ControlFlow<Self::Break> {
        match from {
            TableFactor::Derived { lateral: true, .. } | TableFactor::Function { lateral: true, .. } => {
                ControlFlow::Break(Box::new(Refusal::of("lateral", "LATERAL")))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        for NamedWindowDefinition(_, definition) in &select.named_window {
            let looked_at = match definition {
                NamedWindowExpr::WindowSpec(spec) => window(spec),
                NamedWindowExpr::NamedWindow(name) => {
                    Err(Refusal::of(name.value.clone(), "a window that is another one"))
                }
            };
            if let Err(refusal) = looked_at {
                return ControlFlow::Break(Box::new(refusal));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Self::Break> {
        let is_row =
            matches!(expression, Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. });
        self.counts.push(!is_row);
        self.depth += usize::from(!is_row);
        if let Err(refusal) = precedence::check(expression) {
            return ControlFlow::Break(Box::new(refusal.at(expression.span().start)));
        }
        if self.depth <= MOST_DEPTH {
            return ControlFlow::Continue(());
        }
        let what = format!("an expression of more than {MOST_DEPTH} operators within each other");
        let refusal = Refusal::of("", what).hint("x IN (...) takes any number of values");
        ControlFlow::Break(Box::new(refusal.at(expression.span().start)))
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Self::Break> {
        self.depth -= usize::from(self.counts.pop().unwrap_or(false));
        let at = expression.span().start;
        let taken = std::mem::replace(expression, Expr::value(Value::Null));
        match rewrite(taken) {
            Ok(rewritten) => {
                *expression = rewritten;
                ControlFlow::Continue(())
            }
            Err(refusal) => ControlFlow::Break(Box::new(refusal.at(at))),
        }
    }
}

fn rewrite(expression: Expr) -> Result<Expr, Refusal> {
    Ok(match expression {
        Expr::BinaryOp { left, op, right } => binary(*left, &op, *right)?,
        Expr::UnaryOp { op, expr } => unary(op, *expr)?,
        Expr::IsDistinctFrom(left, right) => call("is distinct from", [*left, *right]),
        Expr::IsNotDistinctFrom(left, right) => call("is not distinct from", [*left, *right]),
        Expr::Between { expr, negated, low, high } => {
            call(if negated { "not between" } else { "between" }, [*expr, *low, *high])
        }
        Expr::InList { expr, list, negated } => {
            call(if negated { "not in" } else { "in" }, std::iter::once(*expr).chain(list))
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char } => {
            pattern_of("like", negated, *expr, *pattern, escape_char)
        }
        Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
            pattern_of("ilike", negated, *expr, *pattern, escape_char)
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            pattern_of("similar to", negated, *expr, *pattern, escape_char)
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let mut arguments = Vec::with_capacity(2 * conditions.len() + 1);
            for when in conditions {
                arguments.push(match &operand {
                    Some(base) => call("=", [base.as_ref().clone(), when.condition]),
                    None => when.condition,
                });
                arguments.push(when.result);
            }
            arguments.push(else_result.map_or_else(|| Expr::value(Value::Null), |e| *e));
            call("case", arguments)
        }
        Expr::Cast { kind, expr, data_type, array: false, format: None } => {
            let name = match kind {
                CastKind::Cast | CastKind::DoubleColon => "cast",
                CastKind::TryCast | CastKind::SafeCast => "try_cast",
            };
            call(name, [*expr, text(types::name_of(&data_type)?)])
        }
        Expr::TypedString(typed) => {
            // Without a length it is as long as the text.
            let name = match &typed.data_type {
                SqlType::Char(None) | SqlType::Character(None) => "bpchar".to_owned(),
                other => types::name_of(other)?,
            };
            call("cast", [Expr::Value(typed.value), text(name)])
        }
        Expr::Interval(interval) => interval_of(interval)?,
        Expr::Collate { expr, collation } => collated(*expr, &collation)?,
        Expr::Value(value) => literal(value)?,
        Expr::Function(function) => function_of(function)?,
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Nested(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::InSubquery { .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::GroupingSets(_)
        | Expr::Cube(_)
        | Expr::Rollup(_)
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(..) => expression,
        Expr::AnyOp { ref right, .. } | Expr::AllOp { ref right, .. }
            if matches!(**right, Expr::Subquery(_)) =>
        {
            expression
        }
        form @ (Expr::Extract { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Position { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. }
        | Expr::Overlay { .. }
        | Expr::AtTimeZone { .. }) => special(form)?,
        Expr::CompoundFieldAccess { .. } => {
            return Err(Refusal::of("[...]", "elements of arrays and fields"));
        }
        Expr::Array(_) | Expr::AnyOp { .. } | Expr::AllOp { .. } => {
            return Err(Refusal::of("array", "arrays"));
        }
        Expr::Tuple(_) => return Err(Refusal::of("(", "rows")),
        other => return Err(unknown(&other)),
    })
}

fn unknown(expression: &Expr) -> Refusal {
    let shown = expression.to_string();
    let word = shown.split(['(', ' ']).next().unwrap_or_default().to_owned();
    Refusal::of(word, format!("the expression {shown}"))
}

/// Functions that have words between their arguments.
fn special(expression: Expr) -> Result<Expr, Refusal> {
    Ok(match expression {
        Expr::Extract { field, expr, .. } => call("extract", [text(field_name(&field)), *expr]),
        Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
            call("ceil", [*expr])
        }
        Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
            call("floor", [*expr])
        }
        Expr::Position { expr, r#in } => call("strpos", [*r#in, *expr]),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let from = substring_from.map_or_else(|| number("1"), |e| *e);
            call("substring", [*expr, from].into_iter().chain(substring_for.map(|e| *e)))
        }
        Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
            let name = match trim_where {
                None | Some(TrimWhereField::Both) => "btrim",
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
            };
            let what = trim_what.map(|e| *e).into_iter().chain(trim_characters.into_iter().flatten());
            call(name, std::iter::once(*expr).chain(what))
        }
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            let count = overlay_for.map(|e| *e);
            call("overlay", [*expr, *overlay_what, *overlay_from].into_iter().chain(count))
        }
        Expr::AtTimeZone { timestamp, time_zone } => call("timezone", [*time_zone, *timestamp]),
        other => return Err(unknown(&other)),
    })
}

fn binary(left: Expr, op: &BinaryOperator, right: Expr) -> Result<Expr, Refusal> {
    let name = match op {
        BinaryOperator::And | BinaryOperator::Or => {
            return Ok(chained(&op.to_string().to_lowercase(), left, right));
        }
        BinaryOperator::PGExp => "^",
        BinaryOperator::PGBitwiseXor => "#",
        BinaryOperator::PGLikeMatch => "like",
        BinaryOperator::PGNotLikeMatch => "not like",
        BinaryOperator::PGILikeMatch => "ilike",
        BinaryOperator::PGNotILikeMatch => "not ilike",
        BinaryOperator::PGStartsWith => "starts_with",
        BinaryOperator::Plus
        | BinaryOperator::Minus
        | BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::Modulo
        | BinaryOperator::StringConcat
        | BinaryOperator::Gt
        | BinaryOperator::Lt
        | BinaryOperator::GtEq
        | BinaryOperator::LtEq
        | BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::BitwiseAnd
        | BinaryOperator::BitwiseOr
        | BinaryOperator::PGBitwiseShiftLeft
        | BinaryOperator::PGBitwiseShiftRight
        | BinaryOperator::PGRegexMatch
        | BinaryOperator::PGRegexIMatch
        | BinaryOperator::PGRegexNotMatch
        | BinaryOperator::PGRegexNotIMatch => return Ok(call(&op.to_string(), [left, right])),
        // Texts by bytes, which is how all texts are compared here.
        BinaryOperator::Custom(name) => match name.as_str() {
            "~<~" => "text <",
            "~<=~" => "text <=",
            "~>~" => "text >",
            "~>=~" => "text >=",
            "@" => return Err(Refusal::of("@", "the operator @")),
            other => return Err(Refusal::of(other, format!("the operator {other}"))),
        },
        other => return Err(Refusal::of(other.to_string(), format!("the operator {other}"))),
    };
    Ok(call(name, [left, right]))
}

/// `a OR b OR c` as one call.
fn chained(name: &str, left: Expr, right: Expr) -> Expr {
    match left {
        Expr::Function(mut function) if is_call(&function, name) => {
            if let FunctionArguments::List(list) = &mut function.args {
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(right)));
            }
            Expr::Function(function)
        }
        left => call(name, [left, right]),
    }
}

/// Whether a function is what [`call`] made.
fn is_call(function: &Function, name: &str) -> bool {
    matches!(function.name.0.as_slice(), [ObjectNamePart::Identifier(ident)] if ident.value == name)
}

fn unary(op: UnaryOperator, operand: Expr) -> Result<Expr, Refusal> {
    Ok(match op {
        UnaryOperator::Not => Expr::UnaryOp { op, expr: Box::new(operand) },
        // Binds closer than any operator here; the parser lets the power go first.
        UnaryOperator::Minus | UnaryOperator::Plus => match operand {
            Expr::Value(ValueWithSpan { value: Value::Number(..), .. }) => {
                Expr::UnaryOp { op, expr: Box::new(operand) }
            }
            operand => negated_first(&op.to_string(), operand),
        },
        UnaryOperator::PGSquareRoot => call("|/", [operand]),
        UnaryOperator::PGAbs => call("@", [operand]),
        UnaryOperator::BitwiseNot => call("~", [operand]),
        other => return Err(Refusal::of(other.to_string(), format!("the operator {other}"))),
    })
}

/// `- a ^ b` is `(- a) ^ b` to PostgreSQL.
fn negated_first(sign: &str, operand: Expr) -> Expr {
    let Expr::Function(mut function) = operand else { return call(sign, [operand]) };
    if is_call(&function, "^")
        && let FunctionArguments::List(list) = &mut function.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(base))) = list.args.first_mut()
    {
        let taken = std::mem::replace(base, Expr::value(Value::Null));
        *base = negated_first(sign, taken);
        return Expr::Function(function);
    }
    call(sign, [Expr::Function(function)])
}

fn pattern_of(name: &str, negated: bool, value: Expr, pattern: Expr, escape: Option<ValueWithSpan>) -> Expr {
    let name = if negated { format!("not {name}") } else { name.to_owned() };
    call(&name, [value, pattern].into_iter().chain(escape.map(Expr::Value)))
}

fn collated(expression: Expr, collation: &ObjectName) -> Result<Expr, Refusal> {
    let name = collation.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.as_str());
    match name {
        Some("C" | "POSIX") => Ok(call("collate", [expression])),
        _ => Err(Refusal::of("collate", format!("COLLATE {collation}; texts compare by bytes"))),
    }
}

fn literal(value: ValueWithSpan) -> Result<Expr, Refusal> {
    match &value.value {
        Value::Number(digits, _) => {
            let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'_');
            let count = digits.bytes().filter(u8::is_ascii_digit).count();
            if plain && count <= LITERAL_DIGITS {
                return Ok(Expr::Value(value));
            }
            Ok(call("number", [text(digits.replace('_', ""))]))
        }
        Value::SingleQuotedString(_)
        | Value::EscapedStringLiteral(_)
        | Value::DollarQuotedString(_)
        | Value::Boolean(_)
        | Value::Null => Ok(Expr::Value(value)),
        Value::UnicodeStringLiteral(unescaped) => Ok(text(unescaped.clone())),
        Value::HexStringLiteral(digits) => {
            Err(Refusal::of("X", format!("X'{digits}', a bit string in PostgreSQL"))
                .hint(format!("write bytes as '\\x{digits}', and a uuid in its usual form")))
        }
        Value::Placeholder(name) => Err(Refusal::of(name.clone(), format!("the parameter {name}"))),
        other => Err(Refusal::of(other.to_string(), format!("the literal {other}"))),
    }
}

fn interval_of(interval: Interval) -> Result<Expr, Refusal> {
    let unit = interval.leading_field.as_ref().map(field_name);
    match *interval.value {
        Expr::Value(value)
            if interval.last_field.is_none() && interval.fractional_seconds_precision.is_none() =>
        {
            let parts = [Expr::Value(value)].into_iter().chain(unit.map(text));
            Ok(call("interval", parts))
        }
        _ => Err(Refusal::of("interval", "an interval that is not a text and one unit")),
    }
}

fn field_name(field: &DateTimeField) -> String {
    field.to_string().trim_matches(['\'', '"']).to_lowercase()
}

/// A window that means what it says.
fn window(spec: &WindowSpec) -> Result<(), Refusal> {
    if let Some(name) = &spec.window_name {
        let what = format!("a window that begins with another one ({name})");
        return Err(Refusal::of(name.value.clone(), what).hint("write it out"));
    }
    let Some(frame) = &spec.window_frame else { return Ok(()) };
    let counts = |bound: &WindowFrameBound| {
        matches!(bound, WindowFrameBound::Preceding(Some(_)) | WindowFrameBound::Following(Some(_)))
    };
    let is_counted = counts(&frame.start_bound) || frame.end_bound.as_ref().is_some_and(counts);
    match frame.units == WindowFrameUnits::Range && is_counted {
        true => Err(Refusal::of("range", "RANGE with an offset")),
        false => Ok(()),
    }
}

/// An order by an expression over columns of the result: their names are those of the tables' columns to PostgreSQL.
fn ordered(query: &Query) -> Result<(), Refusal> {
    if query.with.as_ref().is_some_and(|with| with.recursive) {
        return Err(Refusal::of("recursive", "WITH RECURSIVE"));
    }
    let (Some(order), SetExpr::Select(select)) = (&query.order_by, query.body.as_ref()) else {
        return Ok(());
    };
    let OrderByKind::Expressions(keys) = &order.kind else { return Ok(()) };
    let renamed = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { expr, alias } => match expr {
            Expr::Identifier(column) if column.value.eq_ignore_ascii_case(&alias.value) => None,
            Expr::CompoundIdentifier(path)
                if path.last().is_some_and(|column| column.value.eq_ignore_ascii_case(&alias.value)) =>
            {
                None
            }
            _ => Some(alias.value.to_lowercase()),
        },
        _ => None,
    };
    let aliases: Vec<String> = select.projection.iter().filter_map(renamed).collect();
    for key in keys.iter().filter(|key| !matches!(key.expr, Expr::Identifier(_))) {
        let found = visit_expressions(&key.expr, |expression| match expression {
            Expr::Identifier(name) if aliases.contains(&name.value.to_lowercase()) => {
                ControlFlow::Break(name.value.clone())
            }
            _ => ControlFlow::Continue(()),
        });
        if let ControlFlow::Break(name) = found {
            let what = format!("ORDER BY an expression over {name}, which is a column of the result too");
            return Err(Refusal::of(name, what)
                .hint("order by the column of the result alone, or give it another name"));
        }
    }
    Ok(())
}

/// A function that is on the list, without its schema.
fn function_of(mut function: Function) -> Result<Expr, Refusal> {
    let parts: Vec<&Ident> = function.name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
    let last = match parts.as_slice() {
        [name] => name,
        [schema, name] if schema.value.eq_ignore_ascii_case("pg_catalog") => name,
        _ => {
            let shown = function.name.to_string();
            return Err(Refusal::of(shown.clone(), format!("{shown}, a function of the database")));
        }
    };
    let name = match last.quote_style {
        Some(_) => last.value.clone(),
        None => last.value.to_lowercase(),
    };
    if !known::is_known(&name) {
        return Err(known::unknown(&name));
    }
    if let FunctionArguments::List(list) = &function.args
        && list.args.iter().any(|argument| !matches!(argument, FunctionArg::Unnamed(_)))
    {
        return Err(Refusal::of(name.clone(), format!("{name} with named arguments")));
    }
    if let Some(WindowType::WindowSpec(spec)) = &function.over {
        window(spec)?;
    }
    function.name = ObjectName::from(vec![Ident::with_quote('"', name)]);
    // Words such as CURRENT_DATE come without parentheses.
    if matches!(function.args, FunctionArguments::None) {
        function.args = FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: Vec::new(),
            clauses: Vec::new(),
        });
    }
    Ok(Expr::Function(function))
}

fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    let arguments =
        arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    let list =
        FunctionArgumentList { duplicate_treatment: None, args: arguments.collect(), clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_quote('"', name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn text(value: impl Into<String>) -> Expr {
    Expr::value(Value::SingleQuotedString(value.into()))
}

fn number(digits: &str) -> Expr {
    let value = Value::Number(digits.to_owned(), false);
    Expr::Value(ValueWithSpan { value, span: Span::empty() })
}
