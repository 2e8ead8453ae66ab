//! What was decided about a column, and how the decision is kept until the column is read.

use arrow_schema::Field;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalog::filter::pattern_matches;
use crate::catalog::{ColumnInfo, TableRef, Verdict};
use crate::error::{Error, Result};
use crate::spec::TypePolicy;

/// What was decided about a column, once, when its table was described. `C` says how it is selected and decoded.
#[derive(Debug, Clone)]
pub struct Choice<C> {
    /// Name, Arrow type, nullability and metadata (`PARQUET:field_id`, `lakexpress:source_type`, extension types).
    pub field: Field,
    /// How to select and decode it.
    pub codec: C,
    /// How faithfully values travel.
    pub verdict: Verdict,
    /// Why the verdict is not `exact`, or which values would be refused; empty when there is nothing to say.
    pub note: String,
    /// May the database compare this column with the same result as DataFusion does here? For text this means
    /// equality only.
    pub comparable: bool,
}

impl<C: Serialize> Choice<C> {
    /// The column as the catalog keeps it, of a type that the database writes as `source_type`.
    ///
    /// # Errors
    /// Internal only.
    pub fn into_column(self, source_type: impl Into<String>) -> Result<ColumnInfo> {
        let codec = serde_json::to_string(&self.codec).map_err(|error| {
            Error::internal("a column's codec cannot be written as JSON")
                .caused_by(error)
                .with("column", self.field.name())
        })?;
        Ok(ColumnInfo {
            field: self.field,
            source_type: source_type.into(),
            verdict: self.verdict,
            note: self.note,
            codec,
            est_distinct: None,
            comparable: self.comparable,
            labels: Vec::new(),
        })
    }
}

/// How a column is read, as it was decided when its table was described.
///
/// # Errors
/// Internal, when that is not a decision of this source.
pub fn codec<C: DeserializeOwned>(column: &ColumnInfo) -> Result<C> {
    serde_json::from_str(&column.codec)
        .map_err(|error| Error::internal("unknown codec").caused_by(error).with("column", column.name()))
}

/// Which columns of `table` are to be text by `--cast`.
pub fn cast_to_text<'a>(policy: &'a TypePolicy, table: &'a TableRef) -> impl Fn(&str) -> bool + 'a {
    move |column| {
        policy.cast_text.iter().any(|(pattern, cast)| cast == column && pattern_matches(pattern, table))
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::DataType;

    use super::*;

    #[test]
    fn a_decision_is_read_back_and_no_other() {
        let choice = Choice {
            field: Field::new("c", DataType::Utf8, true),
            codec: (1_u8, "text".to_owned()),
            verdict: Verdict::Text,
            note: "as text".into(),
            comparable: false,
        };
        let column = choice.clone().into_column("hstore").unwrap();
        assert_eq!((column.source_type.as_str(), column.note.as_str()), ("hstore", "as text"));
        assert_eq!(codec::<(u8, String)>(&column).unwrap(), choice.codec);
        let error = codec::<bool>(&column).unwrap_err();
        assert!(error.to_string().starts_with("unknown codec (column c)"), "{error}");
    }

    #[test]
    fn casts_name_tables_by_patterns() {
        let policy = TypePolicy {
            cast_text: vec![("s.a%".into(), "x".into()), ("b".into(), "y".into())],
            ..TypePolicy::default()
        };
        let of = |name: &str| TableRef { schema: "s".into(), name: name.into() };
        assert!(cast_to_text(&policy, &of("abc"))("x") && cast_to_text(&policy, &of("b"))("y"));
        assert!(!cast_to_text(&policy, &of("abc"))("y") && !cast_to_text(&policy, &of("c"))("x"));
    }
}
