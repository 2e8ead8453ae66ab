//! Flags that take one word of a few.

use clap::ValueEnum;

use crate::spec::Compression;

/// `--special-values`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum SpecialValuesArg {
    Error,
    Null,
}

/// `--consistency`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ConsistencyArg {
    Run,
    Table,
    None,
}

/// `--compression`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum CompressionArg {
    /// zstd, with the level that suits the encodings.
    Zstd,
    /// A codec with its level.
    Of(Compression),
}

/// `--encodings`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum EncodingsArg {
    Delta,
    Plain,
}

/// `--if-exists`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum IfExistsArg {
    Overwrite,
    Replace,
    Error,
    Append,
}

/// `--error-action`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ErrorActionArg {
    Continue,
    Fail,
}

/// `--empty-tables`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum EmptyTablesArg {
    Write,
    Skip,
}

/// `--log-level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(in crate::cli) enum LogLevelArg {
    Debug,
    Info,
    #[value(alias = "warn")]
    Warning,
    #[value(alias = "critical")]
    Error,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum LogFormatArg {
    Text,
    Json,
}

/// `--notify-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum NotifyOnArg {
    Always,
    Failure,
}
