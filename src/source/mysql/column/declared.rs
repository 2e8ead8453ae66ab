//! A column as the catalog describes it.

/// A column as `information_schema.columns` describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// `COLUMN_NAME`.
    pub name: String,
    /// `ORDINAL_POSITION`, from 1; becomes the Parquet field id.
    pub position: u32,
    /// `DATA_TYPE` in lower case: `int`, `enum`.
    pub data_type: String,
    /// `COLUMN_TYPE`: `int(10) unsigned`, `enum('a','b')`.
    pub column_type: String,
    /// `CHARACTER_SET_NAME`.
    pub character_set: Option<String>,
    /// `COLLATION_NAME`.
    pub collation: Option<String>,
    /// `IS_NULLABLE` is `YES`.
    pub nullable: bool,
    /// `NUMERIC_PRECISION`.
    pub precision: Option<u32>,
    /// `NUMERIC_SCALE`.
    pub scale: Option<u32>,
    /// The SRID of all geometries: `SRS_ID` where it is declared, else that of the first value ([`first_srid_sql`]); none
    /// where there is neither.
    pub srid: Option<u32>,
    /// What the server knows of the coordinate system of that SRID; none in MariaDB, where an SRID is only a number.
    pub system: Option<SpatialSystem>,
}

/// A row of `information_schema.st_spatial_reference_systems` of MySQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpatialSystem {
    /// `ORGANIZATION`: `EPSG`.
    pub organization: Option<String>,
    /// `ORGANIZATION_COORDSYS_ID`.
    pub id: Option<u32>,
    /// `DEFINITION`, as WKT.
    pub definition: String,
}

impl Declared {
    /// Whether the numbers of the column have no sign.
    pub(super) fn is_unsigned(&self) -> bool {
        let modifiers = self.column_type.rsplit(')').next().unwrap_or_default();
        modifiers.split_whitespace().any(|word| {
            // A column that is filled with zeros has no sign either.
            word.eq_ignore_ascii_case("unsigned") || word.eq_ignore_ascii_case("zerofill")
        })
    }

    /// The first number in the parentheses of the type, `3` of `vector(3)`.
    pub(super) fn length(&self) -> Option<u32> {
        let (_, rest) = self.column_type.split_once('(')?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    }
}

impl SpatialSystem {
    /// Whether coordinates are angles on the earth and lines are the shortest on it.
    pub(super) fn is_geographic(&self) -> bool {
        self.definition.trim_start().get(..6).is_some_and(|head| head.eq_ignore_ascii_case("GEOGCS"))
    }

    /// Its name, `EPSG:4326`, if the first coordinate that MySQL stores is the one to the east.
    ///
    /// MySQL stores longitude before latitude in every geographic system, and in a projected one the coordinates in the
    /// order of its definition. Files have the one to the east first, whatever the definition says.
    pub(super) fn name(&self) -> Option<String> {
        let (organization, id) = (self.organization.as_deref()?, self.id?);
        let axes = self.axes();
        let axes: Vec<&str> = axes.iter().map(String::as_str).collect();
        let eastward = match axes.as_slice() {
            ["EAST", "NORTH"] => true,
            ["NORTH", "EAST"] => self.is_geographic(),
            _ => false,
        };
        eastward.then(|| format!("{organization}:{id}"))
    }

    /// The directions of the last two axes of the definition, which are those of the whole.
    fn axes(&self) -> Vec<String> {
        let upper = self.definition.to_ascii_uppercase();
        let mut found: Vec<String> = upper
            .split("AXIS[")
            .skip(1)
            .filter_map(|axis| {
                // The name is in quotes and may hold a comma.
                let (_, rest) = axis.trim_start().strip_prefix('"')?.split_once('"')?;
                let direction = rest.trim_start().strip_prefix(',')?.split([']', ',']).next()?;
                Some(direction.trim().to_owned())
            })
            .collect();
        found.split_off(found.len().saturating_sub(2))
    }
}

/// The SRID of some geometry of the column `ident` of `table`, both as SQL; no row when there is none.
pub fn first_srid_sql(ident: &str, table: &str) -> String {
    format!("SELECT ST_SRID({ident}) FROM {table} WHERE {ident} IS NOT NULL LIMIT 1")
}

/// The labels of `enum('a','b')` in their order; none where the text does not say them for certain.
///
/// The catalog writes them in utf8 of three bytes, which puts `?` for what it lacks.
pub fn labels(column_type: &str) -> Option<Vec<String>> {
    let open = column_type.find('(')?;
    if !column_type.get(..open)?.eq_ignore_ascii_case("enum") {
        return None;
    }
    let mut rest = column_type.get(open + 1..)?;
    let mut labels = Vec::new();
    loop {
        let (label, after) = quoted(rest)?;
        labels.push(label);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after == ")" => break,
            None => return None,
        }
    }
    let certain = labels.iter().all(|label| !label.contains('?'));
    certain.then_some(labels)
}

/// The text of a literal at the beginning, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut label = String::new();
    let mut chars = text.strip_prefix('\'')?.char_indices();
    let body = text.get(1..)?;
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => match body.get(at + 1..)? {
                after if after.starts_with('\'') => {
                    label.push('\'');
                    chars.next();
                }
                after => return Some((label, after)),
            },
            '\\' => label.push(match chars.next()?.1 {
                '0' => '\0',
                'n' => '\n',
                'r' => '\r',
                other => other,
            }),
            c => label.push(c),
        }
    }
    None
}
