//! Record batches to an Arrow IPC stream, for a program that reads them while they come.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::checked::Checked;
use super::schema::written_schema;
use super::taken::Taken;
use crate::catalog::SnapshotToken;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::readers::{Readers, schema_for};

/// Key of the stream's metadata: the point in time, as JSON.
pub const SNAPSHOT_KEY: &str = "lakexpress:snapshot";

/// A stream that is being written. Its columns have the types that those of exported files have.
///
/// It has its end marker only after [`ArrowStream::finish`]: a program that reads a stream without one has read a part.
pub struct ArrowStream<W: Write> {
    checked: Checked,
    taken: Taken,
    schema: SchemaRef,
    writer: StreamWriter<W>,
}

impl<W: Write> ArrowStream<W> {
    /// Writes the schema, with what `snapshot` says, to `out`.
    ///
    /// # Errors
    /// `Output` when `out` takes no more.
    pub fn new(out: W, planned: &SchemaRef, readers: &Readers, snapshot: &SnapshotToken) -> Result<Self> {
        let written = written_schema(&schema_for(planned, readers));
        let snapshot = serde_json::to_string(snapshot)
            .map_err(|error| Error::internal("a snapshot as JSON").caused_by(error))?;
        let metadata = [(SNAPSHOT_KEY.to_owned(), snapshot)].into();
        let schema: SchemaRef = Schema::new_with_metadata(written.fields().clone(), metadata).into();
        let writer = StreamWriter::try_new(out, &schema).map_err(unwritten)?;
        Ok(Self { checked: Checked::new(planned), taken: Taken::new(planned, readers), schema, writer })
    }

    /// Writes a batch of the planned schema.
    ///
    /// # Errors
    /// `Data` for a value that files could not hold either; `Output` when the stream takes no more.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.checked.check(batch)?;
        let mut columns = self.taken.values(batch)?;
        for (column, field) in columns.iter_mut().zip(self.schema.fields()) {
            if column.data_type() != field.data_type() {
                let exact = CastOptions { safe: false, ..CastOptions::default() };
                *column = cast_with_options(column, field.data_type(), &exact)
                    .map_err(|error| Error::internal("a column as it is written").caused_by(error))
                    .map_err(|error| error.with("column", field.name()))?;
            }
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| Error::internal("a batch of other columns").caused_by(error))?;
        self.writer.write(&batch).map_err(unwritten)
    }

    /// Writes the end marker.
    ///
    /// # Errors
    /// `Output` when the stream takes no more.
    pub fn finish(mut self) -> Result<()> {
        self.writer.finish().map_err(unwritten)?;
        self.writer.get_mut().flush().map_err(|error| unwritten(ArrowError::from(error)))
    }
}

fn unwritten(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Error::new(ErrorKind::Output, "the program that reads the stream has closed it before its end")
                .coded(Code::Output)
        }
        ArrowError::IoError(_, error) => Error::new(ErrorKind::Output, "cannot write to standard output")
            .coded(Code::Output)
            .caused_by(error),
        other => Error::internal("cannot write an Arrow stream").caused_by(other),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, AsArray, Decimal64Array, DictionaryArray, FixedSizeBinaryArray, Int64Array, StringArray,
        StringViewArray,
    };
    use arrow::datatypes::Int32Type;
    use arrow::ipc::reader::StreamReader;
    use arrow_schema::{DataType, Field};

    use super::*;
    use crate::catalog::Consistency;

    fn token() -> SnapshotToken {
        let token = serde_json::json!({ "level": "run", "taken_at": "2026-01-01T00:00:00Z" });
        serde_json::from_value(token).expect("a token")
    }

    fn planned(columns: &[(&str, ArrayRef)], nullable: bool) -> (SchemaRef, RecordBatch) {
        let fields =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), nullable));
        let schema: SchemaRef = Schema::new(fields.collect::<Vec<_>>()).into();
        let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
        (Arc::clone(&schema), RecordBatch::try_new(schema, arrays).expect("a batch"))
    }

    #[test]
    fn types_are_those_of_files() {
        let words: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
        let views =
            StringViewArray::from(vec![Some("a long text that is no part of its view"), None, Some("c")]);
        let cents = Decimal64Array::from(vec![1, 2, 3]).with_precision_and_scale(10, 2).expect("decimals");
        let uuids =
            FixedSizeBinaryArray::try_from_iter([[0xab_u8; 16], [0; 16], [1; 16]].iter()).expect("uuids");
        let (schema, batch) = planned(
            &[
                ("words", Arc::new(words)),
                ("views", Arc::new(views)),
                ("cents", Arc::new(cents)),
                ("id", Arc::new(uuids)),
            ],
            true,
        );
        let mut bytes = Vec::new();
        let mut stream = ArrowStream::new(&mut bytes, &schema, &Readers::Any, &token()).expect("a stream");
        stream.write(&batch).expect("written");
        stream.write(&batch.slice(1, 2)).expect("written");
        let before = stream.writer.get_ref().len();
        stream.finish().expect("finished");
        assert!(bytes.len() > before, "an end marker");
        let reader = StreamReader::try_new(bytes.as_slice(), None).expect("a stream");
        let read = reader.schema();
        let types: Vec<&DataType> = read.fields().iter().map(|field| field.data_type()).collect();
        assert_eq!(types, [&DataType::Utf8, &DataType::Utf8, &DataType::Decimal128(10, 2), &DataType::Utf8]);
        assert!(read.metadata()[SNAPSHOT_KEY].contains("2026-01-01T00:00:00Z"), "{:?}", read.metadata());
        let batches: Vec<RecordBatch> = reader.map(|batch| batch.expect("a batch")).collect();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(batches[1].column(0).as_string::<i32>(), &StringArray::from(vec!["b", "a"]));
        assert_eq!(batches[0].column(3).as_string::<i32>().value(0), "abababab-abab-abab-abab-abababababab");
        assert_eq!(token().level, Consistency::Run);
    }

    #[test]
    fn what_files_refuse_is_refused() {
        let (schema, _) = planned(&[("n", Arc::new(Int64Array::from(vec![1])))], false);
        let (_, with_null) = planned(&[("n", Arc::new(Int64Array::from(vec![Some(1), None])))], true);
        let mut stream = ArrowStream::new(Vec::new(), &schema, &Readers::Modern, &token()).expect("a stream");
        let refused = stream.write(&with_null).expect_err("a NULL");
        assert_eq!((refused.kind(), refused.context()[0].1.as_str()), (ErrorKind::Data, "n"));
    }

    #[test]
    fn a_reader_that_goes_away_is_an_error() {
        struct Gone(usize);
        impl Write for Gone {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                match self.0.checked_sub(bytes.len()) {
                    Some(left) => self.0 = left,
                    None => return Err(std::io::ErrorKind::BrokenPipe.into()),
                }
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (schema, batch) = planned(&[("n", Arc::new(Int64Array::from_iter_values(0..1000)))], true);
        assert_eq!(
            ArrowStream::new(Gone(0), &schema, &Readers::Any, &token()).err().map(|error| error.kind()),
            Some(ErrorKind::Output)
        );
        let mut stream =
            ArrowStream::new(Gone(4096), &schema, &Readers::Any, &token()).expect("a schema fits");
        let refused = stream.write(&batch).expect_err("the batch does not");
        assert!(refused.message().contains("closed it before its end"), "{refused}");
    }
}
