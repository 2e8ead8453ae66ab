//! Flags that take one word of a few.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::catalog::Consistency;
use crate::spec::{
    Compression, EmptyTables, Encodings, ErrorAction, Format, IfExists, PageIndex, SpecialValues, Verify,
};

/// The words of flags whose values are those of a spec, which does not know the command line.
macro_rules! words {
    ($($type:ident { $($variant:ident = $word:literal),+ })+) => {$(
        impl ValueEnum for $type {
            fn value_variants<'a>() -> &'a [Self] {
                &[$(Self::$variant),+]
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                Some(PossibleValue::new(match self {
                    $(Self::$variant => $word),+
                }))
            }
        }
    )+};
}

words! {
    SpecialValues { Error = "error", Null = "null" }
    Consistency { Run = "run", Table = "table", None = "none" }
    Encodings { Delta = "delta", Plain = "plain" }
    PageIndex { Auto = "auto", On = "on", Off = "off" }
    IfExists { Overwrite = "overwrite", Replace = "replace", Error = "error", Append = "append" }
    ErrorAction { Continue = "continue", Fail = "fail" }
    EmptyTables { Write = "write", Skip = "skip" }
    Verify { None = "none", Count = "count", Hash = "hash" }
}

/// `--compression`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum CompressionArg {
    /// zstd, with the level that suits the encodings.
    Zstd,
    /// A codec with its level.
    Of(Compression),
}

/// `--format` of `export` and of `query`, which have one variable and one key of the configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum FormatArg {
    #[value(alias = "parquet")]
    Plain,
    Delta,
    /// Of `query` only.
    Arrow,
}

impl FormatArg {
    /// What files are to be; none for a stream.
    pub(in crate::cli) fn of_files(self) -> Option<Format> {
        match self {
            Self::Plain => Some(Format::Plain),
            Self::Delta => Some(Format::Delta),
            Self::Arrow => None,
        }
    }
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
