//! Types that extensions bring.

use std::sync::Arc;

use arrow_schema::{DataType, Field};

use super::super::{Codec, PgColumn};
use super::{Kind, TypeRef};
use crate::catalog::{Geometries, Verdict};

/// What becomes of a type of an extension; none where it is the server's text.
pub(super) fn choose(pg: &TypeRef<'_>) -> Option<Kind> {
    // Only a superuser makes base types; whoever created a trusted extension may add types of another kind to it.
    if pg.typtype != 'b' {
        return None;
    }
    match (pg.extension?.name.as_str(), pg.name) {
        ("vector", "vector") => Some(vector(pg.typmod, Codec::Vector)),
        ("vector", "halfvec") => Some(
            vector(pg.typmod, Codec::HalfVector)
                .verdict(Verdict::Widened, "numbers of 16 bits as numbers of 32 bits"),
        ),
        _ => None,
    }
}

/// A list of numbers; the type's modifier is its length, if that is declared.
fn vector(dimensions: i32, codec: Codec) -> Kind {
    let element = Arc::new(Field::new("element", DataType::Float32, false));
    Kind::exact(
        if dimensions > 0 { DataType::FixedSizeList(element, dimensions) } else { DataType::List(element) },
        codec,
    )
}

/// The kinds of geometries that GeoParquet has, by their number in a type's modifier.
const KINDS: [&str; 6] = ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"];

/// What becomes of a column of PostGIS; none for any other. Inside arrays and composite types geometries stay the
/// server's text, which has their SRID.
pub(super) fn geometries(column: &PgColumn) -> Option<Kind> {
    let (spatial, extension) = (column.spatial.as_ref()?, column.extension.as_ref()?);
    let types = types(column.typmod);
    let codec = Codec::Geometry {
        schema: extension.schema.clone(),
        geography: spatial.geography,
        srid: spatial.srid,
        simple: types.is_some(),
    };
    let system = match &spatial.crs {
        Some(crs) if crs.contains(':') => crs.clone(),
        _ => format!("SRID {}", spatial.srid),
    };
    let refused = match types {
        Some(_) => "another SRID, curves, surfaces and M are refused",
        None => "not GeoParquet, which has no curves, no surfaces and no M",
    };
    let geometries = Geometries { crs: spatial.crs.clone(), spherical: spatial.geography, types };
    let mut kind =
        Kind::exact(DataType::Binary, codec).verdict(Verdict::Exact, format!("ISO WKB, {system}; {refused}"));
    kind.extension = geometries.metadata();
    Some(kind)
}

/// The kinds of geometries that a type allows as GeoParquet names them, empty for any; none if it allows only some that
/// GeoParquet does not have.
fn types(typmod: i32) -> Option<Vec<String>> {
    if typmod < 0 {
        return Some(Vec::new());
    }
    let (kind, z, m) = ((typmod & 0xfc) >> 2, typmod & 2 != 0, typmod & 1 != 0);
    let kinds: &[&str] = match usize::try_from(kind).ok()? {
        // As PostGIS means it, a collection may be one of points, lines or polygons.
        0 | 7 => &[],
        kind => KINDS.get(kind - 1..kind)?,
    };
    let suffix = if z { " Z" } else { "" };
    (!m).then(|| kinds.iter().map(|kind| format!("{kind}{suffix}")).collect())
}
