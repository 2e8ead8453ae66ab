//! A column as the catalog describes it.

/// A column as the catalog describes it.
#[derive(Debug, Clone)]
pub struct PgColumn {
    /// `attname`.
    pub name: String,
    /// `attnum`; becomes the Parquet field id.
    pub attnum: i16,
    /// Type as declared, which may be a domain.
    pub declared_oid: u32,
    /// Type after unwrapping domains.
    pub type_oid: u32,
    /// Type modifier after unwrapping domains; -1 for none.
    pub typmod: i32,
    /// `format_type()` of the declared type, for example `numeric(12,2)` or `my_domain`.
    pub type_name: String,
    /// `pg_type.typname` of the base type, for example `numeric`, `hstore`, `_int4`.
    pub base_type_name: String,
    /// `pg_type.typtype` of the base type: `b`, `e`, `c`, `r`, `m` or `p`.
    pub typtype: char,
    /// `pg_type.typcategory` of the base type; `A` for arrays.
    pub typcategory: char,
    /// The labels of an enum, in their order.
    pub labels: Vec<String>,
    /// The fields of a composite type, each like a column.
    pub fields: Vec<Self>,
    /// What a true array (category `A`, with `typelem`, `typlen` -1) holds.
    pub element: Option<Box<PgElement>>,
    /// `attndims`; 0 when nobody declared it.
    pub ndims: i32,
    /// A validated NOT NULL holds.
    pub not_null: bool,
    /// The column's collation is deterministic (or it has none).
    pub collation_deterministic: bool,
    /// The base type lives in `pg_catalog`.
    pub in_pg_catalog: bool,
    /// The extension that brought the base type.
    pub extension: Option<Extension>,
    /// What is known of a geometry or geography of PostGIS.
    pub spatial: Option<SpatialFacts>,
}

/// What the catalog does not say of a column of PostGIS by its type alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpatialFacts {
    /// It is a geography.
    pub geography: bool,
    /// The SRID of all values: declared, or that of the first; 0 for none.
    pub srid: i32,
    /// The name of that coordinate system, or its number where it has none; none for SRID 0.
    pub crs: Option<String>,
}

/// The extension that a type belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its name, `vector` for example.
    pub name: String,
    /// The schema of its type, and so of its functions.
    pub schema: String,
}

/// The element type of an array column, domains unwrapped.
#[derive(Debug, Clone)]
pub struct PgElement {
    /// Type of the elements.
    pub type_oid: u32,
    /// Its modifier: the column's, or that of the domain the elements are of; -1 for none.
    pub typmod: i32,
    /// Its `pg_type.typtype`.
    pub typtype: char,
    /// Its `pg_type.typname`.
    pub base_type_name: String,
    /// Its fields, if it is a composite type.
    pub fields: Vec<PgColumn>,
    /// The extension that brought it.
    pub extension: Option<Extension>,
    /// Its `pg_type.typdelim`, which stands between elements in the text of an array.
    pub delimiter: char,
}
