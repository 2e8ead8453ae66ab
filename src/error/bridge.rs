//! Our errors travel through DataFusion streams and come out unchanged.

use datafusion::common::DataFusionError;

use super::Error;

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::internal("query engine failed").caused_by(other),
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::from(*inner),
            DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
            DataFusionError::ParquetError(inner) => Self::from_parquet(*inner),
            DataFusionError::ResourcesExhausted(message) => {
                Self::unavailable(message).hint("raise --memory-limit or lower --fastbcp-p and --n-jobs")
            }
            other => Self::internal(other.strip_backtrace()),
        }
    }
}

impl Error {
    /// An error of the Parquet encoder; one of ours inside it comes out unchanged.
    pub fn from_parquet(error: parquet::errors::ParquetError) -> Self {
        match error {
            parquet::errors::ParquetError::External(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::internal("parquet encoder failed").caused_by(other),
            },
            other => Self::internal(format!("parquet encoder failed: {other}")),
        }
    }
}

/// Arrow errors while an expression is evaluated come from the data: overflow, division by zero, failed casts.
fn from_arrow(error: arrow::error::ArrowError) -> Error {
    match error {
        arrow::error::ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::internal("arrow failed").caused_by(other),
        },
        other => Error::data(other.to_string()),
    }
}
