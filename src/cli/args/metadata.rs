//! Flags of the Common Data Model's metadata, and `lakexpress metadata`.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::{AuthArgs, OutputArgs, TargetArgs};

/// What is to be written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Metadata")]
pub(in crate::cli) struct DocumentArgs {
    /// A document of entities for each table. Default: one for each schema.
    #[arg(long, env = "LAKEXPRESS_INCLUDE_ENTITY_FILES", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) include_entity_files: bool,
    /// manifestName of the database's manifest. Default: the database's name.
    ///
    /// Also that of the schema's manifest when the run has one schema; otherwise schemas keep their names.
    #[arg(long, env = "LAKEXPRESS_MANIFEST_NAME", value_name = "NAME")]
    pub(in crate::cli) manifest_name: Option<String>,
}

/// Flags of `export`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metadata")]
pub(in crate::cli) struct GenerateArgs {
    /// Write metadata of Microsoft's Common Data Model when the tables are committed. Default: none.
    #[arg(long, env = "LAKEXPRESS_GENERATE_METADATA", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) generate_metadata: bool,
    #[command(flatten)]
    pub(in crate::cli) documents: DocumentArgs,
    /// With --generate-metadata: write it for this earlier run, export nothing. Default: none.
    #[arg(long, env = "LAKEXPRESS_RUN_ID", value_name = "RUN_ID")]
    pub(in crate::cli) run_id: Option<String>,
}

/// Write metadata of Microsoft's Common Data Model for an earlier run.
///
/// Per schema <schema>.manifest.cdm.json and the same as manifest.json, and one for the database above them. They
/// name every file that the tables' manifests at the destination list. The destination is that of the run unless one
/// is named; one that needs credentials is named as for the export.
#[derive(Debug, Args)]
pub(in crate::cli) struct MetadataArgs {
    /// Id of the run; a unique beginning of it is enough
    #[arg(value_name = "RUN_ID")]
    pub(in crate::cli) run_id: String,
    #[command(flatten)]
    pub(in crate::cli) documents: DocumentArgs,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
