//! Metadata of Microsoft's Common Data Model, made from the manifests of a run's tables.
//!
//! ```text
//! [sub_path/]<database>.manifest.cdm.json             the schemas, and relationships between them
//! [sub_path/]manifest.json                            the same
//! [sub_path/]<schema>/<schema>.manifest.cdm.json      the schema's entities, their files, their relationships
//! [sub_path/]<schema>/manifest.json                   the same
//! [sub_path/]<schema>/<schema>.cdm.json               attributes of all entities of the schema, or
//! [sub_path/]<schema>/<table>.cdm.json                one document for each
//! ```
//!
//! Names of files and entities are escaped as directories are ([`layout::escape`]), because paths of the Common Data
//! Model are cut at slashes. Attributes are called as the columns are in the files.

mod document;
mod relationships;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use self::document::{
    Argument, Attribute, Declaration, ENTITIES, Entities, Entity, Import, ManifestDocument, Partition,
    SubManifest, TraitReference, VERSION, entities_file,
};
use self::relationships::Relationships;
use super::Document;
use crate::catalog::SourceIdentity;
use crate::error::{Code, Error, Result};
use crate::manifest::{FileEntry, Manifest};
use crate::spec::{MetadataSpec, layout};

/// What readers of the Common Data Model look for.
const MANIFEST: &str = ".manifest.cdm.json";
/// What LakeXpress wrote.
const PLAIN_MANIFEST: &str = "manifest.json";

/// The documents for `tables`, in the order in which they are to be written: no document names one that comes later.
/// `root` is the directory of the schemas below the base. The database's own manifest comes last, and only if
/// `whole`: if these are all tables of the run.
///
/// # Errors
/// `Data` when two files would have one name.
pub fn documents(tables: &[Manifest], root: &str, spec: &MetadataSpec, whole: bool) -> Result<Vec<Document>> {
    let mut schemas: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
    for table in tables {
        schemas.entry(&table.table.schema).or_default().push(table);
    }
    let relationships = Relationships::of(tables, spec.entity_files);
    let only = if schemas.len() == 1 { spec.manifest_name.as_deref() } else { None };
    let mut out = Documents::new(root, tables);
    for (schema, tables) in &schemas {
        let directory = layout::escape(schema);
        let mut entities: Vec<(String, Entity)> = tables.iter().map(|table| entity(table)).collect();
        if spec.entity_files {
            for (name, entity) in entities {
                out.add(&format!("{directory}/{name}{ENTITIES}"), &Entities::of(vec![entity]))?;
            }
        } else {
            let all = entities.drain(..).map(|(_, entity)| entity).collect();
            out.add(&format!("{directory}/{directory}{ENTITIES}"), &Entities::of(all))?;
        }
        let manifest = ManifestDocument {
            entities: tables.iter().map(|table| declaration(table, spec)).collect(),
            relationships: relationships.within(schema),
            ..manifest(only.unwrap_or(schema))
        };
        out.add(&format!("{directory}/{directory}{MANIFEST}"), &manifest)?;
        out.add(&format!("{directory}/{PLAIN_MANIFEST}"), &manifest)?;
    }
    if let Some(first) = tables.first().filter(|_| whole) {
        let database = database(&first.source);
        let manifest = ManifestDocument {
            sub_manifests: schemas.keys().map(|schema| sub_manifest(schema, only)).collect(),
            relationships: relationships.between(),
            ..manifest(spec.manifest_name.as_deref().unwrap_or(&database))
        };
        out.add(&format!("{}{MANIFEST}", layout::escape(&database)), &manifest)?;
        out.add(PLAIN_MANIFEST, &manifest)?;
    }
    Ok(out.list)
}

/// What a database is called: a file by its name without the extension.
fn database(source: &SourceIdentity) -> String {
    if !source.server.is_empty() {
        return source.database.clone();
    }
    let file = source.database.rsplit(['/', '\\']).next().unwrap_or(&source.database);
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => file.to_owned(),
    }
}

fn manifest(name: &str) -> ManifestDocument {
    ManifestDocument {
        json_schema_semantic_version: VERSION,
        imports: Import::foundations(),
        manifest_name: name.to_owned(),
        entities: Vec::new(),
        relationships: Vec::new(),
        sub_manifests: Vec::new(),
    }
}

fn sub_manifest(schema: &str, name: Option<&str>) -> SubManifest {
    let directory = layout::escape(schema);
    SubManifest {
        manifest_name: name.unwrap_or(schema).to_owned(),
        definition: format!("{directory}/{directory}{MANIFEST}"),
    }
}

/// An entity and its name.
fn entity(manifest: &Manifest) -> (String, Entity) {
    let name = layout::escape(&manifest.table.name);
    // A part of a key identifies nothing.
    let written = |name: &String| manifest.columns.iter().any(|c| c.name == *name && c.source_type.is_some());
    let whole_key = manifest.keys.primary.iter().all(written);
    let attributes = manifest.columns.iter().map(|column| {
        let shape = types::shape(column, &manifest.source);
        Attribute {
            name: column.name.clone(),
            data_format: shape.format,
            explanation: column.source_type.as_ref().map(|source_type| format!("source type {source_type}")),
            is_nullable: column.nullable,
            is_primary_key: (whole_key && manifest.keys.primary.contains(&column.name)).then_some(true),
            maximum_length: shape.maximum_length,
            applied_traits: shape.decimal.into_iter().map(TraitReference::decimal).collect(),
        }
    });
    let mut explanation = format!("{} of {}", manifest.table, database(&manifest.source));
    if let Some(filter) = &manifest.filter {
        explanation = format!("{explanation}, rows where {filter}");
    }
    let entity = Entity { entity_name: name.clone(), explanation, has_attributes: attributes.collect() };
    (name, entity)
}

fn declaration(manifest: &Manifest, spec: &MetadataSpec) -> Declaration {
    let name = layout::escape(&manifest.table.name);
    let partitions = manifest.own_files().map(|file| partition(&name, file)).collect();
    Declaration {
        kind: "LocalEntity",
        entity_path: format!("{}/{name}", entities_file(manifest, spec.entity_files)),
        entity_name: name,
        last_file_modified_time: manifest.committed_at.clone(),
        data_partitions: partitions,
    }
}

fn partition(directory: &str, file: &FileEntry) -> Partition {
    // `year=2024/month=03/part-00000.parquet`
    let levels = file.name.split('/').filter_map(|level| level.split_once('='));
    let arguments =
        levels.map(|(name, value)| Argument { name: name.to_owned(), value: value.to_owned() }).collect();
    Partition {
        name: file.name.trim_end_matches(".parquet").to_owned(),
        location: format!("{directory}/{}", file.name),
        arguments,
        exhibits_traits: vec![TraitReference::parquet()],
    }
}

/// Documents below a directory, each name once.
struct Documents<'a> {
    root: &'a str,
    taken: HashSet<String>,
    list: Vec<Document>,
}

impl<'a> Documents<'a> {
    /// The directories of the tables are names as well.
    fn new(root: &'a str, tables: &[Manifest]) -> Self {
        let taken = tables.iter().map(|table| layout::table_dir("", &table.table)).collect();
        Self { root, taken, list: Vec::new() }
    }

    fn add(&mut self, path: &str, document: &impl Serialize) -> Result<()> {
        if !self.taken.insert(path.to_owned()) {
            return Err(Error::data("two files of the metadata, or one and a table's directory, have one name")
                .coded(Code::CommitTooLarge)
                .with("path", path)
                .hint("export the table of that name elsewhere with --sub-path, or leave --include-entity-files out"));
        }
        let content = serde_json::to_string_pretty(document)
            .map_err(|error| Error::internal("cannot write JSON").caused_by(error))?;
        let path = if self.root.is_empty() { path.to_owned() } else { format!("{}/{path}", self.root) };
        let names_others = path.ends_with(PLAIN_MANIFEST) || path.ends_with(MANIFEST);
        self.list.push(Document { path, content, names_others });
        Ok(())
    }
}
