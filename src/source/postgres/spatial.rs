//! Columns of PostGIS: their coordinate system, which a file has one of for each column.

use super::column::{Extension, PgColumn, SpatialFacts};
use super::columns::number;
use crate::catalog::TableRef;
use crate::client::postgres::{Connection, ident, literal};
use crate::error::Result;

/// What is to be known of a column of type geometry or geography; none for every other type, and for arrays.
pub(super) async fn facts(
    view: &mut Connection,
    table: &TableRef,
    column: &PgColumn,
) -> Result<Option<SpatialFacts>> {
    // Only a superuser makes base types: any other type may have been added to the extension.
    let is_base = |extension: &&Extension| extension.name == "postgis" && column.typtype == 'b';
    let Some(extension) = column.extension.as_ref().filter(is_base) else {
        return Ok(None);
    };
    let geography = column.base_type_name == "geography";
    if !geography && column.base_type_name != "geometry" {
        return Ok(None);
    }
    let schema = ident(&extension.schema);
    let srid = match declared_srid(column.typmod) {
        0 => first_srid(view, table, column, &schema).await?,
        srid => srid,
    };
    let crs = if srid == 0 { None } else { Some(crs(view, srid, &schema).await?) };
    Ok(Some(SpatialFacts { geography, srid, crs }))
}

/// The SRID that the type's modifier prescribes; 0 where any is allowed.
fn declared_srid(typmod: i32) -> i32 {
    if typmod < 0 { 0 } else { ((typmod & 0x0fff_ff00) - (typmod & 0x1000_0000)) >> 8 }
}

/// The SRID of some value; 0 when there is none. All others must have it too, which the decoder sees to.
async fn first_srid(view: &mut Connection, table: &TableRef, column: &PgColumn, schema: &str) -> Result<i32> {
    let (name, table) = (ident(&column.name), format!("{}.{}", ident(&table.schema), ident(&table.name)));
    let rows = view
        .query(&format!(
            "SELECT {schema}.st_srid({name}::{schema}.geometry) FROM {table} WHERE {name} IS NOT NULL LIMIT 1"
        ))
        .await?;
    rows.first().map_or(Ok(0), |row| number(row.required(0)?))
}

/// The table of coordinate systems of PostGIS in this schema, as SQL.
pub(super) fn systems(schema: &str) -> String {
    format!("{schema}.spatial_ref_sys")
}

/// The name of a coordinate system; its number where there is no name, or none that the user may see.
async fn crs(view: &mut Connection, srid: i32, schema: &str) -> Result<String> {
    let systems = systems(schema);
    let readable = view
        .query(&format!(
            "SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT') FROM pg_catalog.pg_class c \
             WHERE c.oid = pg_catalog.to_regclass({})::pg_catalog.oid AND c.relkind = 'r'",
            literal(&systems)
        ))
        .await?;
    if readable.first().and_then(|row| row.get(0)) != Some("t") {
        return Ok(srid.to_string());
    }
    let name = view
        .query(&format!(
            "SELECT auth_name::pg_catalog.text OPERATOR(pg_catalog.||) ':' OPERATOR(pg_catalog.||) \
             auth_srid::pg_catalog.text FROM {systems} WHERE srid = {srid}"
        ))
        .await?;
    Ok(name.first().and_then(|row| row.get(0)).map_or_else(|| srid.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::declared_srid;

    #[test]
    fn the_srid_of_a_type() {
        // geometry, geometry(Point), geometry(Point,4326), geography(LineString), geometry(PointZM,3857), the largest.
        let cases = [
            (-1, 0),
            (4, 0),
            (1_107_460, 4326),
            (1_107_464, 4326),
            (987_399, 3857),
            ((998_999 << 8) | 4, 998_999),
        ];
        for (typmod, srid) in cases {
            assert_eq!(declared_srid(typmod), srid, "{typmod}");
        }
    }
}
