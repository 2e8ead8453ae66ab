//! Rows of a relation that the server must not plan a statement over ([`Reading::runs`]): `COPY table (columns)`.
//!
//! Columns that the decoders read as the server sends them come in binary. Others would need a cast, which is planned:
//! they come as text, by a second COPY of the same relation in the same snapshot, and so in the same order.
//!
//! [`Reading::runs`]: crate::catalog::Reading::runs

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};

use super::column::{Cast, Codec};
use super::rows::misframed;
use crate::catalog::ColumnInfo;
use crate::error::{Code, Error, Result};

/// The most dimensions of an array.
const MOST_DIMENSIONS: usize = 6;
/// The object id of text.
const TEXT: i32 = 25;

/// What becomes of one value of a text COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// It is the value.
    Value,
    /// It is an array of texts.
    Array,
    /// Its cast to text gives another one.
    Cast(Cast),
}

/// How a column that is not sent as it is can be read from its text; none where it cannot.
pub(super) fn text_of(column: &ColumnInfo) -> Result<Option<Text>> {
    let is_output =
        |codec: &Codec| matches!(codec, Codec::Output { delimited: false } | Codec::CastText(Cast::Output));
    Ok(match Codec::of(column)? {
        Codec::List { element, .. } if is_output(&element) => Some(Text::Array),
        codec if is_output(&codec) => Some(Text::Value),
        Codec::CastText(Cast::Other) => None,
        Codec::CastText(cast) => Some(Text::Cast(cast)),
        _ => None,
    })
}

/// Rows of a text COPY, made into rows as a binary COPY has them.
#[derive(Debug)]
pub(super) struct TextRows {
    columns: Vec<Text>,
    rows: Vec<u8>,
}

impl TextRows {
    pub(super) fn new(columns: Vec<Text>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// All rows since [`Self::clear`].
    pub(super) fn buffer(&self) -> &[u8] {
        &self.rows
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    /// Appends a row, one line; where it begins in [`Self::buffer`].
    ///
    /// # Errors
    /// `Data` when it is not a line of as many values.
    pub(super) fn push(&mut self, line: &[u8]) -> Result<usize> {
        let start = self.rows.len();
        let line = line.strip_suffix(b"\n").ok_or_else(|| misframed("a line without an end"))?;
        let count = i16::try_from(self.columns.len()).map_err(|_| misframed("too many columns"))?;
        self.rows.extend(count.to_be_bytes());
        let mut values = line.split(|byte| *byte == b'\t');
        for column in &self.columns {
            let value = values.next().ok_or_else(|| misframed("a line has too few values"))?;
            if value == b"\\N" {
                self.rows.extend((-1i32).to_be_bytes());
                continue;
            }
            let value = unescaped(value).ok_or_else(|| misframed("a value ends within an escape"))?;
            let value = match column {
                Text::Value => value,
                Text::Cast(cast) => as_cast(*cast, value),
                Text::Array => array(&value).ok_or_else(|| misframed("a text that is no array"))?,
            };
            append(&mut self.rows, &value).ok_or_else(|| misframed("a value is too long"))?;
        }
        match values.next() {
            None => Ok(start),
            Some(_) => Err(misframed("a line has too many values")),
        }
    }
}

/// A value with its length before it.
fn append(to: &mut Vec<u8>, value: &[u8]) -> Option<()> {
    to.extend(i32::try_from(value.len()).ok()?.to_be_bytes());
    to.extend(value);
    Some(())
}

/// What the cast of a type to text gives, by what its output function gives.
fn as_cast(cast: Cast, mut value: Vec<u8>) -> Vec<u8> {
    match cast {
        Cast::Word => {
            if value == b"t" {
                b"true".to_vec()
            } else {
                b"false".to_vec()
            }
        }
        Cast::Trimmed => {
            let end = value.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
            value.truncate(end);
            value
        }
        Cast::Netmask => {
            if !value.contains(&b'/') {
                let bits: &[u8] = if value.contains(&b':') { b"/128" } else { b"/32" };
                value.extend(bits);
            }
            value
        }
        Cast::Output | Cast::Other => value,
    }
}

/// A value without its escapes.
fn unescaped(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next()? {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                other => *other,
            },
            other => *other,
        });
    }
    Some(out)
}

/// The binary form of an array of texts, of which this is the text: `{a,"b c",NULL}`, `[0:1]={{a},{b}}`.
fn array(text: &[u8]) -> Option<Vec<u8>> {
    let (lower, mut rest) = match text.first()? {
        b'[' => {
            let equals = text.iter().position(|byte| *byte == b'=')?;
            (lower_bounds(&text[..equals])?, &text[equals + 1..])
        }
        _ => (Vec::new(), text),
    };
    let mut found = Elements::default();
    if rest != b"{}" {
        found.level(&mut rest, 0)?;
        if !rest.is_empty() || (!lower.is_empty() && lower.len() != found.sizes.len()) {
            return None;
        }
    }
    let mut out = Vec::with_capacity(20 + found.bytes.len());
    out.extend(i32::try_from(found.sizes.len()).ok()?.to_be_bytes());
    out.extend(i32::from(found.nulls).to_be_bytes());
    out.extend(TEXT.to_be_bytes());
    for (at, size) in found.sizes.iter().enumerate() {
        out.extend(i32::try_from(*size).ok()?.to_be_bytes());
        out.extend(lower.get(at).copied().unwrap_or(1).to_be_bytes());
    }
    out.extend(found.bytes);
    Some(out)
}

/// The lower bounds of `[0:1][5:9]`.
fn lower_bounds(text: &[u8]) -> Option<Vec<i32>> {
    let text = std::str::from_utf8(text).ok()?.strip_prefix('[')?.strip_suffix(']')?;
    text.split("][").map(|bounds| bounds.split_once(':')?.0.parse().ok()).collect()
}

#[derive(Default)]
struct Elements {
    /// Of each dimension.
    sizes: Vec<usize>,
    nulls: bool,
    bytes: Vec<u8>,
}

impl Elements {
    /// `{...}` of dimension `depth`.
    fn level(&mut self, rest: &mut &[u8], depth: usize) -> Option<()> {
        if depth == MOST_DIMENSIONS {
            return None;
        }
        let first = self.sizes.len() == depth;
        if first {
            self.sizes.push(0);
        }
        let mut size = 0;
        *rest = rest.strip_prefix(b"{")?;
        loop {
            match (rest.first()?, depth + 1 < self.sizes.len() || (first && size == 0)) {
                (b'{', true) => self.level(rest, depth + 1)?,
                (b'{', false) => return None,
                // An element beside arrays.
                _ if depth + 1 < self.sizes.len() => return None,
                _ => self.element(rest)?,
            }
            size += 1;
            let (next, tail) = rest.split_first()?;
            *rest = tail;
            match next {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        if first {
            *self.sizes.get_mut(depth)? = size;
        }
        (self.sizes[depth] == size).then_some(())
    }

    fn element(&mut self, rest: &mut &[u8]) -> Option<()> {
        let mut value = Vec::new();
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let mut bytes = quoted.iter().enumerate();
            loop {
                match bytes.next()? {
                    (_, b'\\') => value.push(*bytes.next()?.1),
                    (at, b'"') => {
                        *rest = &quoted[at + 1..];
                        return append(&mut self.bytes, &value);
                    }
                    (_, byte) => value.push(*byte),
                }
            }
        }
        let end = rest.iter().position(|byte| matches!(byte, b',' | b'}'))?;
        let (element, tail) = rest.split_at(end);
        *rest = tail;
        if element.is_empty() || element.iter().any(|byte| matches!(byte, b'{' | b'"' | b'\\')) {
            return None;
        }
        if element == b"NULL" {
            self.nulls = true;
            self.bytes.extend((-1i32).to_be_bytes());
            return Some(());
        }
        append(&mut self.bytes, element)
    }
}

/// The columns of two streams of the same rows as one. `places` are those of the first stream's columns, then of the
/// second's.
pub(super) fn side_by_side(
    schema: SchemaRef,
    places: Vec<usize>,
    streams: [SendableRecordBatchStream; 2],
) -> SendableRecordBatchStream {
    let sides = streams.map(|stream| Side { stream, batch: None });
    let state = (Arc::clone(&schema), places, sides);
    let batches = stream::try_unfold(state, |(schema, places, mut sides)| async move {
        let [left, right] = &mut sides;
        let rows = match (left.rows().await?, right.rows().await?) {
            (0, 0) => return Ok(None),
            (0, _) | (_, 0) => {
                let error = Error::data(
                    "two copies of the same relation in one snapshot have different numbers of rows",
                )
                .coded(Code::RowsContradict);
                return Err(DataFusionError::from(error));
            }
            (left, right) => left.min(right),
        };
        let mut columns: Vec<Option<ArrayRef>> = vec![None; places.len()];
        for (place, column) in places.iter().zip(left.take(rows).into_iter().chain(right.take(rows))) {
            columns[*place] = Some(column);
        }
        let columns = columns.into_iter().collect::<Option<Vec<_>>>();
        let columns =
            columns.ok_or_else(|| DataFusionError::from(Error::internal("a column is in no stream")))?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(|error: ArrowError| DataFusionError::from(error))?;
        Ok(Some((batch, (schema, places, sides))))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// A stream, and what was not taken of its last batch.
struct Side {
    stream: SendableRecordBatchStream,
    batch: Option<RecordBatch>,
}

impl Side {
    /// Rows that are there to be taken; 0 at the end.
    async fn rows(&mut self) -> DataFusionResult<usize> {
        loop {
            match &self.batch {
                Some(batch) if batch.num_rows() > 0 => return Ok(batch.num_rows()),
                _ => match self.stream.next().await {
                    Some(batch) => self.batch = Some(batch?),
                    None => return Ok(0),
                },
            }
        }
    }

    /// The columns of the next `rows` rows, of which there are as many.
    fn take(&mut self, rows: usize) -> Vec<ArrayRef> {
        let Some(batch) = self.batch.take() else { return Vec::new() };
        let taken = batch.slice(0, rows);
        self.batch = Some(batch.slice(rows, batch.num_rows() - rows));
        taken.columns().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow_schema::{DataType, Field};

    use super::*;
    use crate::spec::SpecialValues;

    /// What the decoder of lists makes of an array's text.
    fn decoded(text: &str, depth: usize) -> Option<Vec<String>> {
        let mut data_type = DataType::Utf8;
        for _ in 0..depth {
            data_type = DataType::List(Arc::new(Field::new("element", data_type, true)));
        }
        let codec = Codec::List { depth, element: Box::new(Codec::Output { delimited: false }), own: true };
        let mut decoder = codec.decoder(&Field::new("c", data_type, true), 1, SpecialValues::Error).unwrap();
        decoder.append(&array(text.as_bytes())?).ok()?;
        let mut list: ArrayRef = decoder.finish();
        while let DataType::List(_) = list.data_type() {
            list = Arc::clone(list.as_list::<i32>().values());
        }
        Some(list.as_string::<i32>().iter().map(|v| v.unwrap_or("<null>").to_owned()).collect())
    }

    #[test]
    fn the_text_of_an_array_is_its_elements() {
        for (text, depth, expected) in [
            ("{}", 1, &[][..]),
            ("{a}", 1, &["a"]),
            ("{a,NULL,\"NULL\",\"\"}", 1, &["a", "<null>", "NULL", ""]),
            (r#"{"a,b","{","\"","\\","c d"}"#, 1, &["a,b", "{", "\"", "\\", "c d"]),
            ("{{a,b},{c,NULL}}", 2, &["a", "b", "c", "<null>"]),
            ("[1:2]={a,b}", 1, &["a", "b"]),
            ("[1:1][1:2]={{a,b}}", 2, &["a", "b"]),
            ("{{{a}},{{b}}}", 3, &["a", "b"]),
        ] {
            assert_eq!(
                decoded(text, depth).as_deref(),
                Some(&expected.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
        // Refused by the decoder, or no array at all.
        for (text, depth) in [
            ("[0:1]={a,b}", 1),
            ("{{a}}", 1),
            ("{a}", 2),
            ("", 1),
            ("{", 1),
            ("{a", 1),
            ("{a}}", 1),
            ("{a,}", 1),
            ("{,}", 1),
            ("{{a},b}", 2),
            ("{a,{b}}", 1),
            ("{{a},{b,c}}", 2),
            ("[1:2]={{a}}", 2),
            ("{\"a}", 1),
            ("[x]={a}", 1),
            ("{a\"b}", 1),
            ("{{{{{{{a}}}}}}}", 7),
        ] {
            assert_eq!(decoded(text, depth), None, "{text}");
        }
    }

    #[test]
    fn a_line_is_a_row() {
        let mut rows = TextRows::new(vec![Text::Value, Text::Value]);
        assert_eq!(rows.push(b"a\\tb\\\\\t\\N\n").unwrap(), 0);
        let expected =
            [&2i16.to_be_bytes()[..], &4i32.to_be_bytes(), b"a\tb\\", &(-1i32).to_be_bytes()].concat();
        assert_eq!(rows.buffer(), expected);
        assert_eq!(rows.push(b"\t\n").unwrap(), expected.len());
        for bad in [&b"a\tb"[..], b"a\n", b"a\tb\tc\n", b"a\tb\\\n", b"\n"] {
            assert!(TextRows::new(vec![Text::Value, Text::Value]).push(bad).is_err(), "{bad:?}");
        }
    }
}
