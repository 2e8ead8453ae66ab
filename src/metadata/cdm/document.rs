//! The documents as they are written, in Microsoft's words (<https://learn.microsoft.com/common-data-model/cdm-manifest>).

use serde::Serialize;

use crate::manifest::Manifest;
use crate::spec::layout;

/// Version of the documents' form that is written.
pub(super) const VERSION: &str = "1.0.0";

/// `*.manifest.cdm.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManifestDocument {
    pub(super) json_schema_semantic_version: &'static str,
    pub(super) imports: Vec<Import>,
    pub(super) manifest_name: String,
    pub(super) entities: Vec<Declaration>,
    pub(super) relationships: Vec<Relationship>,
    pub(super) sub_manifests: Vec<SubManifest>,
}

/// A document that is needed to understand this one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Import {
    corpus_path: &'static str,
}

impl Import {
    /// Microsoft's definitions of the traits that we name.
    pub(super) fn foundations() -> Vec<Self> {
        vec![Self { corpus_path: "cdm:/foundations.cdm.json" }]
    }
}

/// A manifest below this one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubManifest {
    pub(super) manifest_name: String,
    /// Its path, relative to this manifest.
    pub(super) definition: String,
}

/// An entity that has files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Declaration {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) entity_name: String,
    /// Document, relative to this manifest, and name of the entity in it.
    pub(super) entity_path: String,
    pub(super) last_file_modified_time: String,
    pub(super) data_partitions: Vec<Partition>,
}

/// A file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Partition {
    pub(super) name: String,
    /// Its path, relative to this manifest.
    pub(super) location: String,
    /// What its Hive directories say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) arguments: Vec<Argument>,
    pub(super) exhibits_traits: Vec<TraitReference>,
}

/// A name and its value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) value: String,
}

/// A meaning that Microsoft has given a name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TraitReference {
    trait_reference: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    arguments: Vec<Argument>,
}

impl TraitReference {
    /// A Parquet file.
    pub(super) fn parquet() -> Self {
        Self { trait_reference: "is.partition.format.parquet", arguments: Vec::new() }
    }

    /// A decimal of so many digits, so many of them behind the point.
    pub(super) fn decimal((precision, scale): (u8, i8)) -> Self {
        let argument = |name: &str, value: String| Argument { name: name.to_owned(), value };
        Self {
            trait_reference: "is.dataFormat.numeric.shaped",
            arguments: vec![
                argument("precision", precision.to_string()),
                argument("scale", scale.to_string()),
            ],
        }
    }
}

/// A column of one entity that holds a value of a column of another.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relationship {
    /// The foreign key's; all columns of one key have the same.
    pub(super) name: String,
    pub(super) from_entity: String,
    pub(super) from_entity_attribute: String,
    pub(super) to_entity: String,
    pub(super) to_entity_attribute: String,
}

/// `*.cdm.json`: definitions of entities.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entities {
    json_schema_semantic_version: &'static str,
    imports: Vec<Import>,
    definitions: Vec<Entity>,
}

impl Entities {
    pub(super) fn of(definitions: Vec<Entity>) -> Self {
        Self { json_schema_semantic_version: VERSION, imports: Import::foundations(), definitions }
    }
}

/// A table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entity {
    pub(super) entity_name: String,
    pub(super) explanation: String,
    pub(super) has_attributes: Vec<Attribute>,
}

/// A column.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attribute {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) explanation: Option<String>,
    pub(super) is_nullable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_primary_key: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum_length: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) applied_traits: Vec<TraitReference>,
}

/// The document of a schema's directory in which the entity of a table is defined.
pub(super) fn entities_file(manifest: &Manifest, entity_files: bool) -> String {
    let name = if entity_files { &manifest.table.name } else { &manifest.table.schema };
    format!("{}{ENTITIES}", layout::escape(name))
}

pub(super) const ENTITIES: &str = ".cdm.json";
