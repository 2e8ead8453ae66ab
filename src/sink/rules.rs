//! What the format of tables says of their files, for those who plan them.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Fields, Schema};

use super::schema::written_schema;
use crate::catalog::TableRef;
use crate::error::{Code, Error, Result};
use crate::spec::layout::FileNames;
use crate::spec::{Encodings, ParquetSpec};

/// What planning follows. The default is what plain files that are replaced have.
#[derive(Debug, Clone)]
pub struct FileRules {
    /// The format, for messages.
    pub format: &'static str,
    /// How files are named.
    pub names: FileNames,
    /// What they must be like.
    pub demands: Demands,
}

impl Default for FileRules {
    fn default() -> Self {
        Self { format: "plain", names: FileNames::Fixed, demands: Demands::default() }
    }
}

/// What a format demands of every file. The default demands nothing. Files always have field ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct Demands {
    /// Readers of the format know no packed differences: values that have no dictionary must be plain.
    pub plain_encodings: bool,
    /// Types that it has not, also within lists and structs.
    pub refused: &'static [RefusedType],
    /// Names of columns that differ in case only are one name.
    pub ignores_case: bool,
}

/// A type that a format has not.
#[derive(Debug, Clone, Copy)]
pub struct RefusedType {
    /// In words, in the plural: `decimals of more than 38 digits`.
    pub what: &'static str,
    /// Whether a type is it, without what is inside of it.
    pub is: fn(&DataType) -> bool,
}

impl FileRules {
    /// Whether a table may have files of these columns, which are given as readers of the files get them.
    ///
    /// # Errors
    /// `Usage` for encodings, naming the table; `Data` for a type, naming table and column: other tables may have none of it.
    pub fn check(&self, table: &TableRef, columns: &Fields, parquet: &ParquetSpec) -> Result<()> {
        let Demands { plain_encodings, refused, ignores_case } = self.demands;
        if plain_encodings && parquet.encodings != Encodings::Plain {
            return Err(Error::usage(format!("{} tables need plain encodings", self.format))
                .coded(Code::UnsupportedType)
                .with("table", table)
                .hint("--encodings plain"));
        }
        if ignores_case {
            self.names_apart(table, columns)?;
        }
        if refused.is_empty() {
            return Ok(());
        }
        let written = written_schema(&Schema::new(columns.clone()));
        for column in written.fields() {
            if let Some(found) = refused.iter().find(|refused| has(column, refused.is)) {
                let column = column.name();
                return Err(Error::data(format!("{} tables have no {}", self.format, found.what))
                    .coded(Code::UnsupportedType)
                    .with("table", table)
                    .with("column", column)
                    .hint(format!(
                        "leave the column out with --columns, or export it as text with --cast '{table}.{column}: text'"
                    )));
            }
        }
        Ok(())
    }

    /// Refuses names that are one name to the format, also within structs.
    fn names_apart(&self, table: &TableRef, columns: &Fields) -> Result<()> {
        for column in columns {
            for inner in structs(column.data_type()) {
                self.names_apart(table, inner).map_err(|error| error.with("within", column.name()))?;
            }
        }
        let mut seen: HashMap<String, &str> = HashMap::new();
        for column in columns {
            if let Some(other) = seen.insert(column.name().to_lowercase(), column.name()) {
                return Err(Error::data(format!("{} tables have no two columns whose names differ in case only", self.format))
                    .coded(Code::UnsupportedType)
                    .with("table", table)
                    .with("column", column.name())
                    .with("other column", other)
                    .hint(format!("leave one of them out, or give it another name: --columns '{table}: ..., \"{}\" AS name'", column.name())));
            }
        }
        Ok(())
    }
}

/// The fields of structs that a type is, or has inside of lists and maps.
fn structs(data_type: &DataType) -> Vec<&Fields> {
    match data_type {
        DataType::Struct(fields) => vec![fields],
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => structs(field.data_type()),
        _ => Vec::new(),
    }
}

/// Whether the type of a field `is` it, or a type inside of it.
fn has(field: &Field, is: fn(&DataType) -> bool) -> bool {
    let inside = match field.data_type() {
        DataType::Struct(fields) => fields.iter().any(|field| has(field, is)),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => has(field, is),
        _ => false,
    };
    inside || is(field.data_type())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::TimeUnit;

    use super::*;
    use crate::error::ErrorKind;

    /// As a lake's format may have them.
    const STRICT: Demands = Demands {
        plain_encodings: true,
        ignores_case: true,
        refused: &[
            RefusedType { what: "times of day", is: |t| matches!(t, DataType::Time64(_)) },
            RefusedType {
                what: "decimals of more than 38 digits",
                is: |t| matches!(t, DataType::Decimal256(precision, _) if *precision > 38),
            },
        ],
    };

    fn rules() -> FileRules {
        FileRules { format: "strict", demands: STRICT, ..FileRules::default() }
    }

    fn table() -> TableRef {
        TableRef { schema: "s".into(), name: "t".into() }
    }

    fn plain() -> ParquetSpec {
        ParquetSpec { encodings: Encodings::Plain, ..ParquetSpec::default() }
    }

    #[test]
    fn a_type_that_the_format_has_not_is_refused_with_table_and_column() {
        let time = Field::new("at", DataType::Time64(TimeUnit::Microsecond), true);
        let wide = DataType::Decimal256(39, 2);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(wide.clone()));
        for (column, what) in [
            (time.clone(), "times of day"),
            (Field::new("l", DataType::List(Arc::new(time.clone())), true), "times of day"),
            (Field::new("s", DataType::Struct(vec![time].into()), true), "times of day"),
            (Field::new("d", wide, true), "decimals of more than 38 digits"),
            (Field::new("c", dictionary, true), "decimals of more than 38 digits"),
        ] {
            let name = column.name().clone();
            let fields = Fields::from(vec![Field::new("id", DataType::Int64, false), column]);
            let error = rules().check(&table(), &fields, &plain()).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Data);
            assert_eq!(error.message(), format!("strict tables have no {what}"));
            assert!(error.context().contains(&("table", "s.t".into())), "{error:?}");
            assert!(error.context().contains(&("column", name.clone())), "{error:?}");
            assert!(error.hints()[0].contains(&format!("--cast 's.t.{name}: text'")), "{error:?}");
            FileRules::default().check(&table(), &fields, &plain()).expect("plain files have every type");
        }
        let fields = Fields::from(vec![Field::new("d", DataType::Decimal256(38, 2), true)]);
        rules().check(&table(), &fields, &plain()).expect("a type that it has");
    }

    #[test]
    fn encodings_that_the_format_has_not_are_refused_with_the_table() {
        let packed = ParquetSpec { encodings: Encodings::Delta, ..ParquetSpec::default() };
        let error = rules().check(&table(), &Fields::empty(), &packed).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.message().contains("plain encodings"), "{error}");
        assert!(error.context().contains(&("table", "s.t".into())), "{error:?}");
        rules().check(&table(), &Fields::empty(), &plain()).expect("plain");
        FileRules::default().check(&table(), &Fields::empty(), &packed).expect("any encodings");
    }
}
