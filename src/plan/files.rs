//! From rules about files to what those of one table are like.

use arrow_schema::{DataType, Field, Fields, Schema};

use crate::catalog::TableRef;
use crate::catalog::filter::pattern_matches;
use crate::error::{Code, Error, Result};
use crate::sink::{bloom_filter_refusal, may_have_measured_bloom_filter, written_schema};
use crate::spec::{BloomColumns, ColumnCodec, FileShape, FilesSpec, closest};

/// What the files of `table` are like, whose columns are `columns` as readers of the files get them.
///
/// # Errors
/// Usage for a column that the files have not, for a Bloom filter of a type that has none, and for two codecs of one
/// column; table and column are named.
pub(super) fn file_shape(files: &FilesSpec, table: &TableRef, columns: &Fields) -> Result<FileShape> {
    let written = written_schema(&Schema::new(columns.clone()));
    let of_table = Columns { table, columns: written.fields() };
    let mut shape =
        FileShape { page_index: files.page_index, metadata: files.metadata.clone(), ..FileShape::default() };
    let mut measured = false;
    for rule in files.bloom_filters.iter().filter(|rule| pattern_matches(&rule.pattern, table)) {
        match &rule.columns {
            BloomColumns::Auto => measured = true,
            BloomColumns::Named(names) => {
                for name in names {
                    let column = of_table.find(name, "--bloom-filter")?;
                    if let Some(reason) = bloom_filter_refusal(column.data_type()) {
                        return Err(of_table.without_filter(column, reason));
                    }
                    if !shape.bloom_filters.contains(column.name()) {
                        shape.bloom_filters.push(column.name().clone());
                    }
                }
            }
        }
    }
    if measured {
        let chosen = |column: &&Field| {
            may_have_measured_bloom_filter(column.data_type()) && !shape.bloom_filters.contains(column.name())
        };
        let columns = of_table.columns.iter().map(AsRef::as_ref).filter(chosen);
        shape.measured_bloom_filters = columns.map(|column| column.name().clone()).collect();
    }
    for rule in files.column_codecs.iter().filter(|rule| pattern_matches(&rule.pattern, table)) {
        let column = of_table.find(&rule.column, "--column-compression")?.name();
        match shape.codec(column) {
            None => shape.codecs.push(ColumnCodec { column: column.clone(), compression: rule.compression }),
            Some(other) if other == rule.compression => {}
            Some(other) => {
                return Err(Error::usage(format!(
                    "two --column-compression give the column '{column}' the codecs {} and {}",
                    other.name(),
                    rule.compression.name()
                ))
                .coded(Code::FlagConflict)
                .with("table", table)
                .hint("leave one of them out"));
            }
        }
    }
    Ok(shape)
}

/// The columns of a table as they are written.
struct Columns<'t> {
    table: &'t TableRef,
    columns: &'t Fields,
}

impl Columns<'_> {
    /// The column of that name, or else the only one that differs from it in case alone.
    fn find(&self, name: &str, flag: &str) -> Result<&Field> {
        if let Some((_, column)) = self.columns.find(name) {
            return Ok(column);
        }
        let mut alike = self.columns.iter().filter(|column| column.name().eq_ignore_ascii_case(name));
        if let (Some(column), None) = (alike.next(), alike.next()) {
            return Ok(column);
        }
        let near = closest(name, self.columns.iter().map(|column| column.name().as_str()));
        Err(Error::usage(format!("column '{name}' of {flag} is not in the files"))
            .coded(Code::UnknownColumn)
            .with("table", self.table)
            .hint(near.map_or_else(String::new, |near| format!("did you mean {near}?"))))
    }

    fn without_filter(&self, column: &Field, reason: &str) -> Error {
        let kind = match column.data_type() {
            DataType::Struct(_) => "struct".to_owned(),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "list".to_owned(),
            other => other.to_string(),
        };
        Error::usage(format!("there is no Bloom filter of columns of type {kind}: they {reason}"))
            .coded(Code::UnsupportedType)
            .with("table", self.table)
            .with("column", column.name())
            .hint("name other columns with --bloom-filter: integers, texts, uuids, dates, timestamps, decimals of up to 18 digits")
    }
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorKind;
    use crate::spec::{BloomRule, CodecRule, Compression};

    use super::*;

    fn columns() -> Fields {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        vec![
            Field::new("id", DataType::Int64, false),
            Field::new("Note", DataType::Utf8View, true),
            Field::new("kind", dictionary, true),
            Field::new("flag", DataType::Boolean, true),
            Field::new("price", DataType::Decimal64(12, 2), true),
            Field::new("wide", DataType::Decimal128(30, 2), true),
            Field::new("at", DataType::Date32, true),
            Field::new_list("tags", Field::new("element", DataType::Utf8, true), true),
        ]
        .into()
    }

    fn shape(files: &FilesSpec) -> Result<FileShape> {
        file_shape(files, &TableRef { schema: "shop".into(), name: "orders".into() }, &columns())
    }

    fn bloom(pattern: &str, columns: &[&str]) -> BloomRule {
        let columns = match columns {
            ["auto"] => BloomColumns::Auto,
            names => BloomColumns::Named(names.iter().map(|name| (*name).to_owned()).collect()),
        };
        BloomRule { pattern: pattern.into(), columns }
    }

    fn codec(pattern: &str, column: &str, compression: Compression) -> CodecRule {
        CodecRule { pattern: pattern.into(), column: column.into(), compression }
    }

    #[test]
    fn rules_are_for_the_tables_that_their_patterns_match() {
        let files = FilesSpec {
            bloom_filters: vec![
                bloom("orders", &["at", "note"]),
                bloom("shop.%", &["id"]),
                bloom("other", &["x"]),
            ],
            column_codecs: vec![
                codec("orders", "id", Compression::None),
                codec("order_", "id", Compression::None),
                codec("other", "id", Compression::Snappy),
            ],
            ..FilesSpec::default()
        };
        let found = shape(&files).expect("shape");
        assert_eq!(found.bloom_filters, ["at", "Note", "id"]);
        assert!(found.measured_bloom_filters.is_empty());
        assert_eq!((found.codecs.len(), found.codec("id")), (1, Some(Compression::None)));
        assert!(shape(&FilesSpec::default()).expect("shape").is_default());
    }

    #[test]
    fn auto_looks_at_keys_and_names() {
        let files = FilesSpec {
            bloom_filters: vec![bloom("orders", &["auto"]), bloom("orders", &["id"])],
            ..FilesSpec::default()
        };
        let found = shape(&files).expect("shape");
        assert_eq!(found.bloom_filters, ["id"]);
        assert_eq!(found.measured_bloom_filters, ["Note", "kind", "price"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_table_and_column() {
        let blooms =
            |names: &[&str]| FilesSpec { bloom_filters: vec![bloom("%", names)], ..FilesSpec::default() };
        let two = FilesSpec {
            column_codecs: vec![
                codec("orders", "id", Compression::None),
                codec("%", "ID", Compression::Zstd(9)),
            ],
            ..FilesSpec::default()
        };
        let unknown = FilesSpec {
            column_codecs: vec![codec("orders", "nots", Compression::None)],
            ..FilesSpec::default()
        };
        for (files, code, text) in [
            (blooms(&["ids"]), Code::UnknownColumn, "column 'ids' of --bloom-filter is not in the files"),
            (unknown, Code::UnknownColumn, "did you mean Note?"),
            (blooms(&["flag"]), Code::UnsupportedType, "column flag"),
            (blooms(&["wide"]), Code::UnsupportedType, "more than 18 digits"),
            (blooms(&["tags"]), Code::UnsupportedType, "type list"),
            (two, Code::FlagConflict, "the codecs none and zstd(9)"),
        ] {
            let error = shape(&files).expect_err("refused");
            assert_eq!((error.kind(), error.code()), (ErrorKind::Usage, code), "{error}");
            let all = format!("{error} {:?}", error.hints());
            assert!(all.contains(text) && all.contains("shop.orders"), "{all}");
        }
    }
}
