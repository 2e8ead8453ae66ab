//! How a column is selected, as a value that says how it is decoded too.

use serde::{Deserialize, Serialize};

use crate::catalog::ColumnInfo;
use crate::error::Result;
use crate::source::kit::choice;

/// How one column is selected and decoded. Travels in `ColumnInfo::codec` as JSON.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// tinyint: one byte.
    Int1,
    /// tinyint unsigned.
    Unsigned1,
    /// smallint: two bytes.
    Int2,
    /// smallint unsigned.
    Unsigned2,
    /// mediumint with and without sign, and int: four bytes.
    Int4,
    /// int unsigned.
    Unsigned4,
    /// bigint: eight bytes.
    Int8,
    /// bigint unsigned: Decimal128(20,0).
    Unsigned8,
    /// year: two bytes; 0000 is 0. The server compares it with a number below 100 as with a year of four digits.
    Year,
    /// bit(n): up to eight bytes, big-endian; Int64, or Decimal128(20,0) for bit(64).
    Bit,
    /// float.
    Float,
    /// double.
    Double,
    /// decimal, sent as text; precision and scale are the field's.
    Decimal,
    /// date.
    Date,
    /// datetime.
    DateTime,
    /// timestamp: an instant, in a session whose time zone is UTC.
    Timestamp,
    /// time: of a day, though the type has more.
    Time,
    /// varchar and the texts.
    Text(Characters),
    /// char(n), of which the server sends no spaces at the end.
    Char(Characters),
    /// enum: its label.
    Label(Characters),
    /// set: its labels with commas between.
    Set(Characters),
    /// json of MySQL: text in utf8mb4.
    Json,
    /// binary, varbinary and the blobs.
    Bytes,
    /// A geometry: four bytes with its SRID, and WKB.
    Geometry {
        /// The SRID that each value must have.
        srid: u32,
    },
    /// uuid of MariaDB: 36 characters.
    Uuid,
    /// inet4 and inet6 of MariaDB: text in ASCII.
    Address,
    /// vector: numbers of 32 bits.
    Vector,
    /// The server's text.
    CastText(Cast),
}

/// What characters the texts of a column are made of.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Characters {
    /// The character set, `utf8mb4`.
    pub charset: String,
    /// The collation, `utf8mb4_0900_bin`.
    pub collation: String,
}

/// How a value becomes the server's text.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Cast {
    /// The cast to char.
    Plain,
    /// That of bit as a number: its own is its bytes.
    Bits,
    /// That of float as a double, which has all its digits: the server writes six of a float.
    Float,
    /// The cast of a double that is the same number: MySQL rounds that of an expression to 22 characters.
    Double,
    /// `0x` and the bytes in hexadecimal. Also of a geometry, whose bytes begin with its SRID: the server's own text does
    /// not have it, and the coordinates in another order than they are stored.
    Hexadecimal,
}

/// What the decoder has to do with the bytes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Nothing but to check them.
    Utf8,
    /// To check that there is nothing else.
    Ascii,
    /// To decode them.
    Latin1,
    /// To refuse what the server could not convert.
    Converted,
}

/// What is selected for a value that the server cannot convert: no text in UTF-8.
pub(super) const NOT_CONVERTED: &[u8] = &[0xFF];

impl Characters {
    pub(super) fn encoding(&self) -> Encoding {
        match self.charset.as_str() {
            // Labels may be of charset binary, and are text all the same.
            "utf8mb4" | "utf8mb3" | "utf8" | "binary" => Encoding::Utf8,
            "ascii" => Encoding::Ascii,
            "latin1" => Encoding::Latin1,
            _ => Encoding::Converted,
        }
    }

    /// Whether `=` is true of the same characters only: no case, no accents, no spaces at the end are ignored, and a
    /// literal of any characters can be compared.
    pub fn is_exact(&self) -> bool {
        self.charset == "utf8mb4"
            && matches!(self.collation.as_str(), "utf8mb4_0900_bin" | "utf8mb4_nopad_bin")
    }

    /// The text in UTF-8 as bytes, [`NOT_CONVERTED`] where the server could not convert it exactly.
    fn converted_sql(&self, ident: &str) -> String {
        let charset = &self.charset;
        let text = format!("CONVERT({ident} USING utf8mb4)");
        let back = format!("CONVERT({text} USING {charset})");
        let mut proof = format!("CAST({back} AS BINARY) = CAST({ident} AS BINARY)");
        // A character that has two codes may come back as the other one, in sjis even the backslash: then as many
        // characters as there were must have come, and as many `?`, which is what the server puts for a character
        // without Unicode. In other character sets than these `?` is one byte, and no part of another character.
        if !matches!(charset.as_str(), "ucs2" | "utf16" | "utf16le" | "utf32") {
            let marks =
                |of: &str, mark: &str| format!("CHAR_LENGTH({of}) - CHAR_LENGTH(REPLACE({of}, {mark}, ''))");
            // Of the column's own collation the server does not know whether it counts before that of the mark.
            let (new, old) = (
                marks(&text, "_utf8mb4 X'3F'"),
                marks(
                    &format!("{ident} COLLATE {charset}_bin"),
                    &format!("CONVERT(_utf8mb4 X'3F' USING {charset})"),
                ),
            );
            proof.push_str(&format!(" OR CHAR_LENGTH({text}) = CHAR_LENGTH({ident}) AND {new} = {old}"));
        }
        guarded(ident, &format!("IF({proof}, CAST({text} AS BINARY), NULL)"))
    }
}

/// What an expression gives, [`NOT_CONVERTED`] where that is NULL though the column is not: a result that is too long for
/// the server is NULL.
fn guarded(ident: &str, expression: &str) -> String {
    format!("COALESCE({expression}, IF({ident} IS NULL, NULL, X'FF'))")
}

impl Cast {
    fn sql(self, ident: &str) -> String {
        match self {
            Self::Plain => format!("CAST({ident} AS CHAR CHARACTER SET utf8mb4)"),
            Self::Bits => format!("CAST({ident} + 0 AS CHAR CHARACTER SET utf8mb4)"),
            // Servers may write fewer digits than a double has.
            Self::Float | Self::Double => {
                let number = if self == Self::Float { format!("{ident} * 1e0") } else { ident.to_owned() };
                let text = Self::Plain.sql(&number);
                format!("IF({text} + 0e0 = {number}, {text}, NULL)")
            }
            Self::Hexadecimal => format!("CONCAT('0x', HEX({ident}))"),
        }
    }
}

impl Codec {
    /// How a column is read, as it was decided when its table was described.
    ///
    /// # Errors
    /// Internal, when that is not a decision of this source.
    pub fn of(column: &ColumnInfo) -> Result<Self> {
        choice::codec(column)
    }

    /// What its texts are made of; none for every other type.
    pub fn characters(&self) -> Option<&Characters> {
        match self {
            Self::Text(characters)
            | Self::Char(characters)
            | Self::Label(characters)
            | Self::Set(characters) => Some(characters),
            _ => None,
        }
    }

    /// What to select so that the server sends what [`Self::decoder`] reads. `ident` is the column, already quoted and
    /// qualified as needed.
    pub fn select_sql(&self, ident: &str) -> String {
        match self {
            Self::CastText(cast) => guarded(ident, &cast.sql(ident)),
            _ => match self.characters() {
                Some(characters) if characters.encoding() == Encoding::Converted => {
                    characters.converted_sql(ident)
                }
                _ => ident.to_owned(),
            },
        }
    }

    /// The value as text in utf8mb4, to be compared or shown; NULL for NULL.
    pub fn text_sql(&self, ident: &str) -> String {
        match self {
            Self::CastText(cast) => cast.sql(ident),
            Self::Bit => Cast::Bits.sql(ident),
            Self::Float => Cast::Float.sql(ident),
            Self::Double => Cast::Double.sql(ident),
            Self::Bytes | Self::Vector | Self::Geometry { .. } => Cast::Hexadecimal.sql(ident),
            Self::Json | Self::Uuid | Self::Address => Cast::Plain.sql(ident),
            _ => match self.characters() {
                Some(characters) if characters.charset == "utf8mb4" => ident.to_owned(),
                Some(characters) if characters.charset == "binary" => Cast::Plain.sql(ident),
                Some(_) => format!("CONVERT({ident} USING utf8mb4)"),
                None => Cast::Plain.sql(ident),
            },
        }
    }
}
