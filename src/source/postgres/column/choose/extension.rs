//! Types that extensions bring.

use std::sync::Arc;

use arrow_schema::{DataType, Field};

use super::super::Codec;
use super::{Kind, TypeRef};
use crate::catalog::Verdict;

/// What becomes of a type of an extension; none where it is the server's text.
pub(super) fn choose(pg: &TypeRef<'_>) -> Option<Kind> {
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
