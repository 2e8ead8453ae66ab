//! On which settings of a session the text of a value depends.

use super::{Codec, FIRST_OWN_OID, PgColumn};

/// Settings by which the server writes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Styles {
    /// `DateStyle`.
    pub date: bool,
    /// `TimeZone`.
    pub zone: bool,
    /// `IntervalStyle`.
    pub interval: bool,
}

const NONE: Styles = Styles { date: false, zone: false, interval: false };
const ALL: Styles = Styles { date: true, zone: true, interval: true };

impl Styles {
    fn or(self, other: Self) -> Self {
        Self {
            date: self.date || other.date,
            zone: self.zone || other.zone,
            interval: self.interval || other.interval,
        }
    }

    /// Those on which what the server sends of a column depends. Binary forms depend on none.
    pub fn of(column: &PgColumn, codec: &Codec) -> Self {
        let of_fields = |fields: &[PgColumn], codec: &Codec| match codec {
            Codec::Composite { fields: codecs } => {
                fields.iter().zip(codecs).fold(NONE, |all, (field, of)| all.or(Self::of(field, &of.codec)))
            }
            _ => NONE,
        };
        match (codec, &column.element) {
            (Codec::CastText(_) | Codec::Output { .. }, _) => Self::of_text(column),
            (Codec::List { element: codec, .. }, Some(element)) => match codec.as_ref() {
                Codec::CastText(_) | Codec::Output { .. } => Self::of_text(column),
                codec => of_fields(&element.fields, codec),
            },
            (codec, _) => of_fields(&column.fields, codec),
        }
    }

    /// Those on which the text of a value depends.
    fn of_text(column: &PgColumn) -> Self {
        match &column.element {
            Some(element) => Self::of_type(element.type_oid, element.typtype, &element.fields),
            None => Self::of_type(column.type_oid, column.typtype, &column.fields),
        }
    }

    fn of_type(oid: u32, typtype: char, fields: &[PgColumn]) -> Self {
        match oid {
            // date, timestamp, and ranges and multiranges of them.
            1082 | 1114 | 3908 | 3912 | 4533 | 4535 => Self { date: true, ..NONE },
            // timestamptz, tstzrange, tstzmultirange.
            1184 | 3910 | 4534 => Self { date: true, zone: true, ..NONE },
            // interval
            1186 => Self { interval: true, ..NONE },
            // record
            2249 => ALL,
            FIRST_OWN_OID.. => match typtype {
                'c' if fields.is_empty() => ALL,
                'c' => fields.iter().fold(NONE, |all, field| all.or(Self::of_text(field))),
                'r' | 'm' => ALL,
                _ => NONE,
            },
            _ => NONE,
        }
    }
}
