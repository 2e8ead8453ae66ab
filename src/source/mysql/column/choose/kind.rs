//! A decision about a type, and how it is said.

use std::collections::HashMap;

use arrow_schema::DataType;
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};

use crate::catalog::Verdict;
use crate::source::mysql::column::{Cast, Codec};
use crate::spec::{SpecialValues, TypePolicy};

/// A decision about a type.
pub(super) struct Kind {
    pub(super) data_type: DataType,
    pub(super) codec: Codec,
    pub(super) verdict: Verdict,
    pub(super) note: String,
    pub(super) comparable: bool,
    /// The type has values that `--special-values` decides about.
    pub(super) has_special: bool,
    pub(super) extension: HashMap<String, String>,
}

impl Kind {
    pub(super) fn exact(data_type: DataType, codec: Codec) -> Self {
        Self {
            data_type,
            codec,
            verdict: Verdict::Exact,
            note: String::new(),
            comparable: false,
            has_special: false,
            extension: HashMap::new(),
        }
    }

    /// A number in a wider type, compared as it is.
    pub(super) fn widened(data_type: DataType, codec: Codec, note: &str) -> Self {
        Self::exact(data_type, codec).verdict(Verdict::Widened, note)
    }

    /// The server's text.
    pub(super) fn text(cast: Cast, note: impl Into<String>) -> Self {
        Self::exact(DataType::Utf8, Codec::CastText(cast)).verdict(Verdict::Text, note)
    }

    pub(super) fn verdict(self, verdict: Verdict, note: impl Into<String>) -> Self {
        Self { verdict, note: note.into(), ..self }
    }

    pub(super) fn comparable(self) -> Self {
        Self { comparable: true, ..self }
    }

    pub(super) fn special(mut self, what: &str, policy: &TypePolicy) -> Self {
        let fate = match policy.special_values {
            SpecialValues::Error => "refused",
            SpecialValues::Null => "written as NULL",
        };
        self.note = format!("{what} {fate} (--special-values)");
        self.has_special = true;
        self
    }

    pub(super) fn extension(mut self, name: &str, metadata: Option<&str>) -> Self {
        self.extension.insert(EXTENSION_TYPE_NAME_KEY.to_owned(), name.to_owned());
        if let Some(metadata) = metadata {
            self.extension.insert(EXTENSION_TYPE_METADATA_KEY.to_owned(), metadata.to_owned());
        }
        self
    }
}
