//! A decision about a type, and how it is said.

use std::collections::HashMap;

use arrow_schema::DataType;
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};

use crate::catalog::Verdict;
use crate::source::postgres::column::{Cast, Codec, Extension, PgColumn};
use crate::spec::{SpecialValues, TypePolicy};

/// A type without its column.
pub(super) struct TypeRef<'a> {
    pub(super) oid: u32,
    pub(super) typmod: i32,
    pub(super) typtype: char,
    pub(super) name: &'a str,
    pub(super) fields: &'a [PgColumn],
    pub(super) extension: Option<&'a Extension>,
}

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

    /// The server's cast to text. It differs from what psql shows where a type has a cast of its own: char(n)
    /// comes without padding, inet with its netmask always (`1.2.3.4/32`), bool as `true`.
    pub(super) fn text(note: impl Into<String>) -> Self {
        Self::exact(DataType::Utf8, Codec::CastText(Cast::Output)).verdict(Verdict::Text, note)
    }

    pub(super) fn cast(cast: Cast, note: impl Into<String>) -> Self {
        Self { codec: Codec::CastText(cast), ..Self::text(note) }
    }

    /// The output function of a type that is not built in.
    pub(super) fn output(note: impl Into<String>) -> Self {
        Self::exact(DataType::Utf8, Codec::Output { delimited: false }).verdict(Verdict::Text, note)
    }

    pub(super) fn verdict(self, verdict: Verdict, note: impl Into<String>) -> Self {
        Self { verdict, note: note.into(), ..self }
    }

    pub(super) fn comparable(self) -> Self {
        Self { comparable: true, ..self }
    }

    pub(super) fn special(mut self, what: &str, policy: &TypePolicy) -> Self {
        let separator = if self.note.is_empty() { "" } else { "; " };
        let fate = match policy.special_values {
            SpecialValues::Error => "refused",
            SpecialValues::Null => "written as NULL",
        };
        self.note = format!("{}{separator}{what} {fate} (--special-values)", self.note);
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
