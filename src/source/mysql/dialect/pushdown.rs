//! Filters that the server answers as DataFusion does.
//!
//! Texts are compared here byte for byte, and there under a collation. `CONVERT(c USING binary)` is compared byte for byte
//! there too. No index is of it, so that equality is asked both ways: equal bytes are equal under every collation.

use arrow_schema::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, Like};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::key::{FIRST_INSTANT, at_places, is_exact, is_float, is_found_by_index, keeps_characters, places};
use super::null::null_test;
use super::{number, written};
use crate::catalog::{ColumnInfo, TableInfo};
use crate::client::mysql::ident;
use crate::source::kit::pushdown::{self, Comparison, Provable};
use crate::source::mysql::column::Codec;

/// The filter as SQL with the same answer for every row.
pub(super) fn exact(table: &TableInfo, filter: &Expr) -> Option<String> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            Some(format!("({} {op} {})", exact(table, left)?, exact(table, right)?))
        }
        Expr::Not(inner) => Some(format!("(NOT ({}))", exact(table, inner)?)),
        Expr::IsTrue(inner) => truth(table, inner, "TRUE"),
        Expr::IsNotTrue(inner) => truth(table, inner, "NOT TRUE"),
        Expr::IsFalse(inner) => truth(table, inner, "FALSE"),
        Expr::IsNotFalse(inner) => truth(table, inner, "NOT FALSE"),
        Expr::IsUnknown(inner) => truth(table, inner, "UNKNOWN"),
        Expr::IsNotUnknown(inner) => truth(table, inner, "NOT UNKNOWN"),
        leaf => {
            let leaf = plain(table, leaf);
            let text = Equal::of(table, &leaf).and_then(|equal| equal.exact());
            text.or_else(|| Prefix::of(table, &leaf).and_then(|prefix| prefix.exact()))
                .or_else(|| pushdown::pushdown(&Server, table, &leaf))
        }
    }
}

fn truth(table: &TableInfo, inner: &Expr, of: &str) -> Option<String> {
    Some(format!("(({}) IS {of})", exact(table, inner)?))
}

/// SQL that holds for every row for which the filter does.
pub(super) fn weaker(table: &TableInfo, filter: &Expr) -> Option<String> {
    if let Some(exact) = exact(table, filter) {
        return Some(exact);
    }
    let Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) = filter else {
        return Prefix::of(table, filter).and_then(|prefix| prefix.weaker());
    };
    match (op, weaker(table, left), weaker(table, right)) {
        (_, Some(left), Some(right)) => Some(format!("({left} {op} {right})")),
        (Operator::And, Some(one), None) | (Operator::And, None, Some(one)) => Some(one),
        _ => None,
    }
}

/// A comparison without what only prepares numbers for it here: the server compares numbers of all types by their value.
fn plain(table: &TableInfo, filter: &Expr) -> Expr {
    let mut filter = filter.clone();
    let sides: Vec<&mut Expr> = match &mut filter {
        Expr::BinaryExpr(binary) => vec![&mut binary.left, &mut binary.right],
        Expr::Between(between) => vec![&mut between.expr, &mut between.low, &mut between.high],
        Expr::InList(list) => std::iter::once(list.expr.as_mut()).chain(&mut list.list).collect(),
        _ => Vec::new(),
    };
    for side in sides {
        if let Some(inner) = within(table, side) {
            *side = inner;
        }
    }
    filter
}

/// The column or literal whose value that of `side` is.
fn within(table: &TableInfo, side: &Expr) -> Option<Expr> {
    match side {
        Expr::Column(_) | Expr::Literal(..) => Some(side.clone()),
        // A float with one zero and one NaN: the server takes its zeros for equal and has no NaN.
        Expr::ScalarFunction(call) if call.func.name() == "float_value" => match call.args.as_slice() {
            [inner] => within(table, inner),
            _ => None,
        },
        Expr::Cast(cast) => {
            let inner = cast.expr.as_ref();
            let Expr::Column(column) = inner else { return None };
            let from = table.column(&column.name)?.field.data_type();
            keeps_numbers(from, cast.field.data_type()).then(|| inner.clone())
        }
        _ => None,
    }
}

/// Whether every number of the one type is the same number in the other.
fn keeps_numbers(from: &DataType, to: &DataType) -> bool {
    // Digits before and behind the point.
    let digits = |data_type: &DataType| match data_type {
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => {
            Some((i16::from(*p) - i16::from(*s), i16::from(*s)))
        }
        _ => None,
    };
    match (from, to) {
        (DataType::Float32, DataType::Float64) => true,
        // Their digits would do for numbers that are too large.
        (
            DataType::Decimal128(..) | DataType::Decimal256(..),
            DataType::Int16 | DataType::Int32 | DataType::Int64,
        ) => false,
        _ => match (digits(from), digits(to)) {
            (Some(from), Some(to)) => from.0 <= to.0 && from.1 <= to.1,
            _ => false,
        },
    }
}

/// The bytes of a text in UTF-8, as it is exported; none for other types. `CAST(c AS BINARY)` would be NULL for what is
/// longer than `max_allowed_packet`.
fn text_bytes(column: &ColumnInfo) -> Option<String> {
    let codec = Codec::of(column).ok()?;
    let name = ident(column.name());
    Some(match codec.characters()?.charset.as_str() {
        "utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "binary" => format!("CONVERT({name} USING binary)"),
        _ => format!("CONVERT(CONVERT({name} USING utf8mb4) USING binary)"),
    })
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(
            ScalarValue::Utf8(Some(text))
            | ScalarValue::Utf8View(Some(text))
            | ScalarValue::LargeUtf8(Some(text)),
            _,
        ) => Some(text),
        _ => None,
    }
}

fn column_of<'t>(table: &'t TableInfo, expr: &Expr) -> Option<&'t ColumnInfo> {
    let Expr::Column(column) = expr else { return None };
    table.column(&column.name)
}

/// A text that is one of some others.
struct Equal<'a> {
    column: &'a ColumnInfo,
    values: Vec<&'a str>,
}

impl<'a> Equal<'a> {
    fn of(table: &'a TableInfo, filter: &'a Expr) -> Option<Self> {
        let (column, values) = match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match column_of(table, left) {
                Some(column) => (column, vec![text_of(right)?]),
                None => (column_of(table, right)?, vec![text_of(left)?]),
            },
            Expr::InList(InList { expr, list, negated: false }) if !list.is_empty() => {
                (column_of(table, expr)?, list.iter().map(text_of).collect::<Option<Vec<&str>>>()?)
            }
            _ => return None,
        };
        Some(Self { column, values })
    }

    /// By collation, for which there may be an index, and by bytes.
    fn exact(&self) -> Option<String> {
        let bytes = text_bytes(self.column)?;
        let under_collation = self.under_collation()?;
        let values = self.values.iter().map(|value| written::bytes(value.as_bytes())).collect();
        Some(format!("({under_collation} AND {})", one_of(&bytes, values)))
    }

    fn under_collation(&self) -> Option<String> {
        let codec = Codec::of(self.column).ok()?;
        let (Codec::Text(characters) | Codec::Char(characters) | Codec::Label(characters)) = &codec else {
            return None;
        };
        let literals = self.values.iter().map(|value| written::text(value, characters));
        let literals = literals.collect::<Option<Vec<String>>>();
        let literals = literals.filter(|_| keeps_characters(characters) && is_found_by_index(&codec))?;
        Some(one_of(&ident(self.column.name()), literals))
    }
}

fn one_of(name: &str, values: Vec<String>) -> String {
    match values.as_slice() {
        [value] => format!("{name} = {value}"),
        values => format!("{name} IN ({})", values.join(", ")),
    }
}

/// A text that begins with another.
struct Prefix<'a> {
    bytes: String,
    prefix: &'a str,
    /// Nothing else is asked of it.
    alone: bool,
    negated: bool,
}

impl<'a> Prefix<'a> {
    fn of(table: &'a TableInfo, filter: &'a Expr) -> Option<Self> {
        let Expr::Like(Like { negated, expr, pattern, escape_char: None, case_insensitive: false }) = filter
        else {
            return None;
        };
        let (column, pattern) = (column_of(table, expr)?, text_of(pattern)?);
        let (prefix, rest) = pattern.split_at(pattern.find(['%', '_', '\\'])?);
        if prefix.is_empty() || !matches!(Codec::of(column).ok()?, Codec::Text(_) | Codec::Char(_)) {
            return None;
        }
        let alone = rest.bytes().all(|byte| byte == b'%');
        Some(Self { bytes: text_bytes(column)?, prefix, alone, negated: *negated })
    }

    fn exact(&self) -> Option<String> {
        self.alone.then(|| self.sql(if self.negated { "<>" } else { "=" }))
    }

    fn weaker(&self) -> Option<String> {
        (!self.negated).then(|| self.sql("="))
    }

    fn sql(&self, operator: &str) -> String {
        let prefix = self.prefix.as_bytes();
        format!("LEFT({}, {}) {operator} {}", self.bytes, prefix.len(), written::bytes(prefix))
    }
}

/// What the server says of columns.
struct Server;

impl Provable for Server {
    fn allows(&self, column: &ColumnInfo, comparison: Comparison) -> bool {
        let Ok(codec) = Codec::of(column) else { return false };
        match codec {
            // What may be NULL here is not comparable.
            Codec::Date | Codec::DateTime | Codec::Timestamp | Codec::Time => column.comparable,
            Codec::Text(_) | Codec::Char(_) | Codec::Set(_) => text_bytes(column).is_some(),
            Codec::Label(_) => comparison == Comparison::Equality && text_bytes(column).is_some(),
            Codec::Bytes => true,
            // Their order is that of another way to write them.
            Codec::Uuid => comparison == Comparison::Equality,
            codec => is_exact(&codec) || is_float(&codec),
        }
    }

    fn literal(&self, column: &ColumnInfo, value: &ScalarValue) -> Option<String> {
        let codec = Codec::of(column).ok()?;
        match (&codec, value) {
            (Codec::Date, ScalarValue::Date32(Some(days))) => written::exact_date(*days),
            (Codec::Timestamp, ScalarValue::TimestampMicrosecond(Some(..FIRST_INSTANT), _)) => None,
            (Codec::DateTime, ScalarValue::TimestampMicrosecond(Some(micros), None))
            | (Codec::Timestamp, ScalarValue::TimestampMicrosecond(Some(micros), Some(_))) => {
                // The server may round what it looks for in an index.
                let fits = at_places(*micros, places(column)) == *micros;
                fits.then(|| written::exact_datetime(*micros)).flatten()
            }
            (Codec::Time, ScalarValue::Time64Microsecond(Some(micros))) => {
                (at_places(*micros, places(column)) == *micros).then(|| written::time(*micros)).flatten()
            }
            (
                Codec::Text(_) | Codec::Char(_) | Codec::Set(_) | Codec::Label(_),
                ScalarValue::Utf8(Some(text))
                | ScalarValue::Utf8View(Some(text))
                | ScalarValue::LargeUtf8(Some(text)),
            ) => Some(written::bytes(text.as_bytes())),
            (
                Codec::Bytes,
                ScalarValue::Binary(Some(bytes))
                | ScalarValue::LargeBinary(Some(bytes))
                | ScalarValue::BinaryView(Some(bytes)),
            ) => Some(written::bytes(bytes)),
            (Codec::Uuid, ScalarValue::FixedSizeBinary(16, Some(bytes))) => {
                let id = uuid::Uuid::from_slice(bytes).ok()?;
                Some(format!("CAST('{}' AS UUID)", id.hyphenated()))
            }
            (codec, value) if is_exact(codec) => number::exact(column, codec, value),
            (codec, value) if is_float(codec) => number::float(column, codec, value),
            _ => None,
        }
    }

    fn ident(&self, column: &ColumnInfo) -> String {
        let name = ident(column.name());
        match Codec::of(column) {
            Ok(Codec::Year | Codec::Bit) => format!("({name} + 0)"),
            Ok(Codec::Text(_) | Codec::Char(_) | Codec::Set(_) | Codec::Label(_)) => {
                text_bytes(column).unwrap_or(name)
            }
            _ => name,
        }
    }

    fn null_test(&self, column: &ColumnInfo, asked_for_null: bool) -> Option<String> {
        let name = ident(column.name());
        let codec = Codec::of(column).ok()?;
        let is_time = matches!(codec, Codec::Date | Codec::DateTime | Codec::Timestamp | Codec::Time);
        let may_become_null = is_time && !column.comparable;
        (!may_become_null).then(|| null_test(Some(&codec), &name, asked_for_null))
    }
}
