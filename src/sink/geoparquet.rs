//! GeoParquet 1.1: which columns of a file are geometries, for the readers of maps.

use arrow_schema::Schema;
use parquet::file::metadata::KeyValue;
use serde_json::{Map, Value, json};

use crate::catalog::Geometries;

/// Key of a file's metadata.
const KEY: &str = "geo";
const VERSION: &str = "1.1.0";
/// Longitude and latitude on WGS 84, which is what GeoParquet takes coordinates for that no system is named of. Its
/// order of axes is always that of the values.
const DEFAULT_CRS: [&str; 2] = ["EPSG:4326", "OGC:CRS84"];

/// The metadata of a file of `schema`; none if GeoParquet has nothing to say about it.
pub(super) fn metadata(schema: &Schema) -> Option<KeyValue> {
    let mut columns = Map::new();
    let mut primary = None;
    for field in schema.fields() {
        let Some(Geometries { crs, spherical, types: Some(types) }) = Geometries::of(field) else { continue };
        let mut column = json!({ "encoding": "WKB", "geometry_types": types });
        if !crs.is_some_and(|crs| DEFAULT_CRS.contains(&crs.as_str())) {
            // Not known here: PROJJSON, which it would have to be, is a definition and not a name. The name is in the
            // field's metadata.
            column["crs"] = Value::Null;
        }
        if spherical {
            column["edges"] = json!("spherical");
        }
        primary.get_or_insert_with(|| field.name().clone());
        columns.insert(field.name().clone(), column);
    }
    let document = json!({ "version": VERSION, "primary_column": primary?, "columns": columns });
    Some(KeyValue::new(KEY.to_owned(), document.to_string()))
}
