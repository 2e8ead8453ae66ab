//! What a column of geometries is, as metadata of its field: the names are those of GeoArrow.

use std::collections::HashMap;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field};
use serde::{Deserialize, Serialize};

/// GeoArrow's name of binary values that are ISO WKB.
const WKB: &str = "geoarrow.wkb";
/// Metadata key of a field: the kinds of geometries that its values may be, as JSON; an empty list for any. There only
/// if every value is one that GeoParquet has.
const TYPES_KEY: &str = "lakexpress:geometry_types";

/// A column of geometries in ISO WKB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometries {
    /// The one coordinate system of all values, `EPSG:4326`; a bare number where its authority is not known. None for
    /// coordinates of no system.
    pub crs: Option<String>,
    /// Whether lines between points are the shortest on a sphere, and not straight in the coordinates.
    pub spherical: bool,
    /// The kinds of geometries as GeoParquet names them, `Point Z` for example, empty for any; none when a value may be
    /// one that GeoParquet does not have: a curve, a surface, a point with a measure.
    pub types: Option<Vec<String>>,
}

/// GeoArrow's description of a column.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Extension {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crs: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crs_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edges: Option<String>,
}

impl Geometries {
    /// Metadata of a field of type Binary.
    pub fn metadata(&self) -> HashMap<String, String> {
        let crs_type = |crs: &String| if crs.contains(':') { "authority_code" } else { "srid" }.to_owned();
        let extension = Extension {
            crs: self.crs.clone(),
            crs_type: self.crs.as_ref().map(crs_type),
            edges: self.spherical.then(|| "spherical".to_owned()),
        };
        let text = serde_json::to_string(&extension).unwrap_or_default();
        let mut metadata = HashMap::from([
            (EXTENSION_TYPE_NAME_KEY.to_owned(), WKB.to_owned()),
            (EXTENSION_TYPE_METADATA_KEY.to_owned(), text),
        ]);
        if let Some(types) = &self.types {
            metadata.insert(TYPES_KEY.to_owned(), serde_json::json!(types).to_string());
        }
        metadata
    }

    /// What the metadata of `field` says; none if it is no column of geometries. A query that puts columns together
    /// keeps the metadata that all of them have, and a column without all of it is one of bytes.
    pub fn of(field: &Field) -> Option<Self> {
        let metadata = field.metadata();
        let is_wkb = metadata.get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == WKB);
        if !is_wkb || field.data_type() != &DataType::Binary {
            return None;
        }
        let extension: Extension = serde_json::from_str(metadata.get(EXTENSION_TYPE_METADATA_KEY)?).ok()?;
        Some(Self {
            crs: extension.crs,
            spherical: extension.edges.is_some(),
            types: metadata.get(TYPES_KEY).and_then(|types| serde_json::from_str(types).ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_says_what_the_column_is() {
        let all = [
            Geometries {
                crs: Some("EPSG:4326".into()),
                spherical: true,
                types: Some(vec!["Point Z".into()]),
            },
            Geometries { crs: Some("900913".into()), spherical: false, types: Some(vec![]) },
            Geometries { crs: None, spherical: false, types: None },
        ];
        for geometries in all {
            let field = Field::new("g", DataType::Binary, true).with_metadata(geometries.metadata());
            assert_eq!(Geometries::of(&field), Some(geometries));
            let text = field.clone().with_data_type(DataType::Utf8);
            assert_eq!(Geometries::of(&text), None);
            let mut partial = field.metadata().clone();
            partial.remove(EXTENSION_TYPE_METADATA_KEY);
            assert_eq!(Geometries::of(&field.with_metadata(partial)), None);
        }
        assert_eq!(Geometries::of(&Field::new("g", DataType::Binary, true)), None);
    }
}
