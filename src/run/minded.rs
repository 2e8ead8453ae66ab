//! What readers mind and is written all the same: names of columns, codecs. Types and encodings they mind have other
//! forms, which the plan says.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields};

use super::alike::groups;
use crate::catalog::TableRef;
use crate::readers::{Feature, Reader, Readers, Takes, takes};
use crate::spec::{Compression, FileShape, ParquetSpec};

/// Warns of codecs of single columns.
pub(super) fn warn_of_codecs<'t>(
    parquet: &ParquetSpec,
    tables: impl Iterator<Item = (&'t TableRef, &'t FileShape)>,
) {
    for (table, files) in tables {
        for codec in &files.codecs {
            if let Some((name, reader)) = minds(parquet, codec.compression) {
                tracing::warn!(
                    "{table}: --column-compression {}={name}: {} does not know it and refuses the column; zstd, snappy and \
                     gzip are known to all",
                    codec.column,
                    reader.title()
                );
            }
        }
    }
}

/// A codec that not all readers know: its name, and the first of those that the files are for and that does not.
fn minds(parquet: &ParquetSpec, compression: Compression) -> Option<(&'static str, Reader)> {
    let (name, feature) = match compression {
        Compression::Brotli(_) => ("brotli", Feature::Brotli),
        Compression::Lz4 => ("lz4", Feature::Lz4),
        _ => return None,
    };
    parquet.readers.minds(feature).map(|(reader, _)| (name, reader))
}

/// Warns of the codec, and of columns whose names are one to a reader.
pub(super) fn warn_of<'t>(parquet: &ParquetSpec, tables: impl Iterator<Item = (&'t TableRef, Fields)>) {
    if let Some((name, reader)) = minds(parquet, parquet.compression) {
        tracing::warn!(
            "--compression {name}: {} does not know it and refuses the files; zstd, snappy and gzip are known to all",
            reader.title()
        );
    }
    // Who asks for types asks for no program: the name is a trap for any.
    let readers = if parquet.readers == Readers::Modern { &Readers::Any } else { &parquet.readers };
    let does = readers.all().iter().filter_map(|reader| with_names_alike(*reader)).collect::<Vec<_>>();
    for (table, columns) in tables {
        if !does.is_empty() {
            warn_of_names(table, &columns, &does.join(", "));
        }
        if let Readers::Named(named) = &parquet.readers {
            named.iter().for_each(|reader| warn_of_types(table, &columns, *reader));
        }
    }
}

/// Says what a reader that was named does not read as it was written, and has no other form.
fn warn_of_types(table: &TableRef, columns: &Fields, reader: Reader) {
    for feature in [Feature::Decimal, Feature::NullFloat, Feature::Struct, Feature::DeepList] {
        let Takes::Misreads(what) = takes(reader, feature) else { continue };
        let names: Vec<String> = columns
            .iter()
            .filter(|column| has(column, feature))
            .map(|column| quoted(column.name()))
            .collect();
        if !names.is_empty() {
            tracing::warn!(
                "{table}: {} reads {} as {what}: columns {} (docs/readers.md)",
                reader.title(),
                feature.title(),
                names.join(", ")
            );
        }
    }
}

fn has(field: &Field, feature: Feature) -> bool {
    let inner = |field: &Field| -> Vec<FieldRef> {
        match field.data_type() {
            DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
                vec![Arc::clone(element)]
            }
            DataType::Struct(fields) => fields.iter().cloned().collect(),
            _ => Vec::new(),
        }
    };
    let is_list =
        |field: &Field| !inner(field).is_empty() && !matches!(field.data_type(), DataType::Struct(_));
    let here = match (feature, field.data_type()) {
        (Feature::Decimal, DataType::Decimal128(..)) => true,
        (Feature::Decimal, DataType::Decimal256(precision, _)) => *precision <= 38,
        (Feature::NullFloat, DataType::Float32 | DataType::Float64) => field.is_nullable(),
        (Feature::Struct, DataType::Struct(_)) => true,
        (Feature::DeepList, _) => {
            is_list(field) && inner(field).iter().any(|inner_field| !inner(inner_field).is_empty())
        }
        _ => false,
    };
    here || inner(field).iter().any(|field| has(field, feature))
}

fn with_names_alike(reader: Reader) -> Option<String> {
    match takes(reader, Feature::NamesAlike) {
        Takes::Yes => None,
        Takes::Refuses(_) => Some(format!("{} refuses such a file", reader.title())),
        Takes::Misreads(what) => Some(format!("{} reads {what}", reader.title())),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.escape_debug())
}

fn warn_of_names(table: &TableRef, columns: &Fields, does: &str) {
    let mut alike = Vec::new();
    names_alike(columns, &mut alike);
    if !alike.is_empty() {
        tracing::warn!(
            "{table}: columns {} differ in case only: {does}; AS in --columns (or in the query) gives one of them another \
             name, --cast makes text of a composite type",
            alike.join(", ")
        );
    }
}

/// Names of one level that are one to a reader, inside of structs and lists too.
fn names_alike(fields: &Fields, found: &mut Vec<String>) {
    for group in groups(fields.iter().map(|field| field.name().to_lowercase())) {
        let names: Vec<String> = group.into_iter().map(|at| quoted(fields[at].name())).collect();
        found.push(names.join(" and "));
    }
    for field in fields {
        let mut data_type = field.data_type();
        while let DataType::List(element) = data_type {
            data_type = element.data_type();
        }
        if let DataType::Struct(inner) = data_type {
            names_alike(inner, found);
        }
    }
}
