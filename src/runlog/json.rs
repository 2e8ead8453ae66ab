//! JSON in a column of text.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A document that the run log keeps and gives back as it is: only its writer knows what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(String);

impl Document {
    /// The document that holds `value`.
    ///
    /// # Errors
    /// `Internal` for what cannot be JSON.
    pub fn of(value: &impl Serialize) -> Result<Self> {
        write(value).map(Self)
    }

    /// What it holds.
    ///
    /// # Errors
    /// What is wrong with it as JSON, or as a `T`: another version may have written it.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(&self.0)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that was written as a document, by this program or another version of it.
impl From<String> for Document {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// The JSON of `value`, as a column holds it.
pub(super) fn write(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::internal(format!("cannot write {} as JSON", std::any::type_name_of_val(value)))
            .caused_by(error)
    })
}

/// For fields of events that are JSON in a text, in the rows and in the files of kept events alike.
pub(super) mod in_text {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        value: &impl Serialize,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::write(value).map_err(S::Error::custom)?.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
