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
                Err(other) => match other.downcast::<DataFusionError>() {
                    Ok(inner) => Self::from(*inner),
                    Err(other) => Self::internal("query engine failed").caused_by(other),
                },
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::from(*inner),
            DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
            DataFusionError::ParquetError(inner) => Self::from_parquet(*inner),
            DataFusionError::ResourcesExhausted(_) => {
                Self::unavailable("more memory is needed than may be used")
                    .hint("raise --memory-limit or lower --fastbcp-p and --n-jobs")
                    .caused_by(error)
            }
            // One side of a join failed, and every partition of the join is told.
            DataFusionError::Shared(inner) => shared(&inner),
            DataFusionError::Execution(message) => Self::data(message),
            other => Self::internal(other.strip_backtrace()),
        }
    }
}

/// A copy of an error that others hold too.
fn shared(error: &DataFusionError) -> Error {
    let root = error.find_root();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(ours) = current.downcast_ref::<Error>() {
            return ours.copied();
        }
        cause = current.source();
    }
    match root {
        DataFusionError::ResourcesExhausted(message) => {
            DataFusionError::ResourcesExhausted(message.clone()).into()
        }
        DataFusionError::Execution(message) => Error::data(message.clone()),
        DataFusionError::ArrowError(inner, _) => Error::data(inner.to_string()),
        other => Error::internal(other.strip_backtrace()),
    }
}

impl Error {
    /// Whether memory ran out that `--memory-limit` bounds.
    pub fn is_out_of_memory(&self) -> bool {
        let cause = std::error::Error::source(self).and_then(|cause| cause.downcast_ref());
        matches!(cause, Some(DataFusionError::ResourcesExhausted(_)))
    }

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
