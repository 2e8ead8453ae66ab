//! Why values cannot be encoded.
//!
//! A type of its own and not the crate's `ParquetError`, which is mostly text: the caller must distinguish a value that
//! Parquet cannot hold from a defect of the program, and wants to know the column.

use arrow_schema::DataType;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use thiserror::Error;

/// What this module returns.
pub(in super::super) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why values cannot be encoded.
#[derive(Debug, Error)]
pub(in super::super) enum Error {
    /// A value whose length Parquet cannot store.
    #[error("a value has more than 2 GiB, which Parquet cannot store")]
    ValueTooLong,
    /// `a value is` or `values are` more than Parquet can store as one page.
    #[error("{0} too long for Parquet, whose pages have less than 2 GiB")]
    PageTooLong(&'static str),
    /// A NULL where the file has none.
    #[error("a NULL in a required column")]
    RequiredNull,
    /// Values of a type that the encoder was not made for.
    #[error("a column has another type than its file")]
    OtherType(DataType),
    /// Values that have more or fewer leaves than the column of the file.
    #[error("a column has another shape than its file")]
    OtherShape,
    /// A batch that has more or fewer columns than the file.
    #[error("a batch has other columns than its file")]
    OtherColumns,
    /// A number of values that does not fit in a page's header.
    #[error("a page has more values than Parquet can count")]
    TooManyValues,
    /// A column without an encoder, or an encoder without a column.
    #[error("a column has no encoder")]
    NoEncoder,
    /// A codec of the format that is not written here.
    #[error("no page is written with {0}")]
    NoCodec(Compression),
    /// What a codec said.
    #[error("a page could not be compressed")]
    Codec(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What the `parquet` crate said.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// Any of these, and the name of the column.
    #[error("column {column}")]
    Column {
        /// Its name.
        column: String,
        /// What is wrong in it.
        #[source]
        error: Box<Self>,
    },
}

impl Error {
    /// The error, of the column of that name.
    pub(super) fn of_column(self, name: &str) -> Self {
        Self::Column { column: name.to_owned(), error: Box::new(self) }
    }
}
