//! Our errors travel through DataFusion streams and come out unchanged.

use datafusion::common::DataFusionError;

use super::{Code, Error, causes, hidden, spill};

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
                    .coded(Code::MemoryLimit)
                    .hint("raise --memory-limit or lower -p and --n-jobs")
                    .caused_by(error)
            }
            DataFusionError::IoError(error) => spill::failed(&error),
            // One side of a join failed, and every partition of the join gets the error.
            DataFusionError::Shared(inner) => shared(&inner),
            DataFusionError::Execution(message) => about_values(|| message),
            other => match hidden::values_are_hidden() {
                true => Self::internal(format!("query engine failed: {}", hidden::INSTEAD)),
                false => Self::internal(other.strip_backtrace()),
            },
        }
    }
}

/// A copy of an error that others hold too.
fn shared(error: &DataFusionError) -> Error {
    let root = error.find_root();
    if let Some(ours) = causes(error).find_map(|cause| cause.downcast_ref::<Error>()) {
        return ours.copied();
    }
    match root {
        DataFusionError::ResourcesExhausted(message) => {
            DataFusionError::ResourcesExhausted(message.clone()).into()
        }
        DataFusionError::Execution(message) => about_values(|| message.clone()),
        DataFusionError::IoError(error) => spill::failed(error),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            arrow::error::ArrowError::IoError(_, error) => spill::failed(error),
            inner => about_values(|| inner.to_string()),
        },
        other => match hidden::values_are_hidden() {
            true => Error::internal(format!("query engine failed: {}", hidden::INSTEAD)),
            false => Error::internal(other.strip_backtrace()),
        },
    }
}

/// An expression that failed: its message may hold the value that it failed with.
fn about_values(message: impl FnOnce() -> String) -> Error {
    match hidden::values_are_hidden() {
        true => Error::data(format!("an expression could not be evaluated: {}", hidden::INSTEAD))
            .coded(Code::ExpressionFailed),
        false => Error::data(message()).coded(Code::ExpressionFailed),
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
        arrow::error::ArrowError::IoError(_, error) => spill::failed(&error),
        other => about_values(|| other.to_string()),
    }
}
