//! What readers mind and is written all the same: names of columns, codecs. Types and encodings they mind have other
//! forms, which the plan says.

use super::alike::groups;
use crate::catalog::TableRef;
use crate::manifest::ManifestColumn;
use crate::readers::{Feature, Reader, Readers, Takes, takes};
use crate::spec::{Compression, ParquetSpec};

/// Warns of the codec, and of columns whose names are one to a reader.
pub(super) fn warn_of<'t>(
    parquet: &ParquetSpec,
    tables: impl Iterator<Item = (&'t TableRef, &'t [ManifestColumn])>,
) {
    let codec = match parquet.compression {
        Compression::Brotli(_) => Some(("brotli", Feature::Brotli)),
        Compression::Lz4 => Some(("lz4", Feature::Lz4)),
        _ => None,
    };
    if let Some((name, feature)) = codec
        && let Some((reader, _)) = parquet.readers.minds(feature)
    {
        tracing::warn!(
            "--compression {name}: {} does not know it and refuses the files; zstd, snappy and gzip are known to all",
            reader.title()
        );
    }
    // Who asks for types asks for no program: the name is a trap for any.
    let readers = if parquet.readers == Readers::Modern { &Readers::Any } else { &parquet.readers };
    let does = readers.all().iter().filter_map(|reader| with_names_alike(*reader)).collect::<Vec<_>>();
    if does.is_empty() {
        return;
    }
    for (table, columns) in tables {
        warn_of_names(table, columns, &does.join(", "));
    }
}

fn with_names_alike(reader: Reader) -> Option<String> {
    match takes(reader, Feature::NamesAlike) {
        Takes::Yes => None,
        Takes::Refuses(_) => Some(format!("{} refuses such a file", reader.title())),
        Takes::Misreads(what) => Some(format!("{} reads {what}", reader.title())),
    }
}

fn warn_of_names(table: &TableRef, columns: &[ManifestColumn], does: &str) {
    let quoted = |at: usize| format!("\"{}\"", columns[at].name.escape_debug());
    let alike: Vec<String> = groups(columns.iter().map(|column| column.name.to_lowercase()))
        .into_iter()
        .map(|group| group.into_iter().map(quoted).collect::<Vec<_>>().join(" and "))
        .collect();
    if !alike.is_empty() {
        tracing::warn!(
            "{table}: columns {} differ in case only: {does}; AS in --columns (or in the query) gives one of them another \
             name",
            alike.join(", ")
        );
    }
}
