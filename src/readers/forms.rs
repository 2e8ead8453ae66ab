//! Types that not every reader takes, as text: in the file only, so that expressions see values as they are.
//!
//! | type | text |
//! |---|---|
//! | UUID | `6b29fc40-ca47-1067-b31d-00dd010662da`, lower case |
//! | TIME | `23:59:59.5`: hours, minutes, seconds, and digits of a second without zeros at the end |
//! | decimal of more than 38 digits | all its decimal places and no exponent: `-0.50` |
//! | JSON | itself, without the logical type |
//!
//! Floating point of 16 bits becomes one of 32.
//!
//! These are the forms that PostgreSQL gives as text.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, GenericListArray, GenericListViewArray,
    MapArray, OffsetSizeTrait, StringArray, StringBuilder, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    Decimal256Type, Float16Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType,
};
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

use super::{Feature, Readers, Takes};
use crate::error::{Code, Error, Result};

/// Digits that every reader takes.
const COMMON_DIGITS: u8 = 38;

/// The type of the values of a dictionary that is no dictionary of text or bytes: the encoder writes only these, and
/// readers mind its values like any others.
fn unpacked(data_type: &DataType) -> Option<&DataType> {
    use DataType::{Binary, BinaryView, Dictionary, LargeBinary, LargeUtf8, Utf8, Utf8View};
    match data_type {
        Dictionary(_, values) => match values.as_ref() {
            Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => None,
            values => Some(values),
        },
        _ => None,
    }
}

/// What in the type of one field, without those inside of it, a reader may not take.
fn feature(field: &Field) -> Option<Feature> {
    let extension = field.metadata().get(EXTENSION_TYPE_NAME_KEY).map(String::as_str);
    match (unpacked(field.data_type()).unwrap_or(field.data_type()), extension) {
        // An expression that returns a uuid may lose the extension type; nothing else of the sources has 16 bytes.
        (DataType::FixedSizeBinary(16), _) => Some(Feature::Uuid),
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, Some("arrow.json")) => {
            Some(Feature::Json)
        }
        (DataType::Time32(_) | DataType::Time64(_), _) => Some(Feature::Time),
        (DataType::Float16, _) => Some(Feature::HalfFloat),
        (DataType::Decimal256(precision, _), _) if *precision > COMMON_DIGITS => Some(Feature::WideDecimal),
        _ => None,
    }
}

/// `schema` as `readers` take it.
pub fn schema_for(schema: &Schema, readers: &Readers) -> SchemaRef {
    let fields: Fields = schema.fields().iter().map(|field| field_for(field, readers)).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone()).into()
}

/// One field as `readers` take it, with all that is inside of it.
pub fn field_for(field: &FieldRef, readers: &Readers) -> FieldRef {
    match feature(field).filter(|feature| readers.minds(*feature).is_some()) {
        Some(_) => {
            let mut metadata = field.metadata().clone();
            metadata.remove(EXTENSION_TYPE_NAME_KEY);
            metadata.remove(EXTENSION_TYPE_METADATA_KEY);
            let data_type = match field.data_type() {
                text @ (DataType::LargeUtf8 | DataType::Utf8View) => text.clone(),
                DataType::Float16 => DataType::Float32,
                _ => DataType::Utf8,
            };
            Arc::new(field.as_ref().clone().with_data_type(data_type).with_metadata(metadata))
        }
        None => {
            let kept = unpacked(field.data_type()).unwrap_or(field.data_type());
            let data_type = map_children(kept, &mut |child| field_for(child, readers));
            if data_type == *field.data_type() {
                return Arc::clone(field);
            }
            Arc::new(field.as_ref().clone().with_data_type(data_type))
        }
    }
}

/// What `readers` do not take of the types of a field and of those inside of it, each once.
fn minded(field: &Field, readers: &Readers) -> Vec<Feature> {
    let mut found = Vec::new();
    collect(field, readers, &mut found);
    found
}

/// Why [`field_for`] changes a field, and how to keep its type; none where it does not.
pub fn form_note(field: &Field, readers: &Readers) -> Option<String> {
    let mut minded = minded(field, readers);
    if minded.iter().any(|feature| *feature != Feature::Json) {
        // What becomes text, and not what was text before.
        minded.retain(|feature| *feature != Feature::Json);
    }
    let form = match minded.as_slice() {
        [] => return None,
        [Feature::Json] => "as plain text",
        [Feature::HalfFloat] => "as 32 bits",
        _ => "as text",
    };
    let why: Vec<String> = minded.iter().filter_map(|feature| does(*feature, readers)).collect();
    Some(format!("{form}, because {}: --readers modern keeps the type", why.join(", ")))
}

/// Whether values have another type in the files than [`field_for`] is given.
pub fn has_other_type(field: &Field, readers: &Readers) -> bool {
    minded(field, readers).iter().any(|feature| *feature != Feature::Json)
}

fn does(feature: Feature, readers: &Readers) -> Option<String> {
    let (reader, takes) = readers.minds(feature)?;
    let what = match feature {
        Feature::Uuid => "uuid",
        Feature::Time => "time",
        Feature::WideDecimal => "decimals of more than 38 digits",
        Feature::HalfFloat => "floating point of 16 bits",
        _ => "JSON",
    };
    Some(match takes {
        Takes::Misreads(as_what) => format!("{} reads {what} as {as_what}", reader.title()),
        _ => format!("{} refuses {what}", reader.title()),
    })
}

fn collect(field: &Field, readers: &Readers, found: &mut Vec<Feature>) {
    if let Some(feature) = feature(field)
        && readers.minds(feature).is_some()
        && !found.contains(&feature)
    {
        found.push(feature);
    }
    map_children(field.data_type(), &mut |child| {
        collect(child, readers, found);
        Arc::clone(child)
    });
}

/// The values of `array`, of type `from`, as values of type `to`, which [`field_for`] made of it.
///
/// # Errors
/// `Data` when the text of a batch is larger than an array can be; `Internal` for other types.
pub fn converted(array: &ArrayRef, from: &DataType, to: &DataType) -> Result<ArrayRef> {
    if from == to {
        return Ok(Arc::clone(array));
    }
    if let Some(values) = unpacked(from) {
        let values_array = cast(array, values).map_err(|error| odd(from).caused_by(error))?;
        return converted(&values_array, values, to);
    }
    match (from, to) {
        (DataType::FixedSizeBinary(_), DataType::Utf8) => uuids(array),
        (DataType::Time32(_) | DataType::Time64(_), DataType::Utf8) => times(array),
        (DataType::Decimal256(_, scale), DataType::Utf8) => decimals(array, *scale),
        (DataType::Float16, DataType::Float32) => {
            let wider: Float32Array = array.as_primitive::<Float16Type>().unary(|value| value.to_f32());
            Ok(Arc::new(wider))
        }
        (DataType::List(inner), DataType::List(field)) => lists(array.as_list::<i32>(), inner, field),
        (DataType::LargeList(inner), DataType::LargeList(field)) => {
            lists(array.as_list::<i64>(), inner, field)
        }
        (DataType::ListView(inner), DataType::ListView(field)) => {
            list_views(array.as_list_view::<i32>(), inner, field)
        }
        (DataType::LargeListView(inner), DataType::LargeListView(field)) => {
            list_views(array.as_list_view::<i64>(), inner, field)
        }
        (DataType::FixedSizeList(inner, _), DataType::FixedSizeList(field, size)) => {
            let lists = array.as_fixed_size_list();
            let values = converted(lists.values(), inner.data_type(), field.data_type())?;
            let made = FixedSizeListArray::try_new(Arc::clone(field), *size, values, lists.nulls().cloned());
            Ok(Arc::new(made.map_err(|error| odd(from).caused_by(error))?))
        }
        (DataType::Struct(inner), DataType::Struct(fields)) => {
            let values = array.as_struct();
            structs(values, inner, fields).map(|made| Arc::new(made) as ArrayRef)
        }
        (DataType::Map(inner, _), DataType::Map(field, sorted)) => {
            let map = array.as_map();
            let (DataType::Struct(inner), DataType::Struct(fields)) = (inner.data_type(), field.data_type())
            else {
                return Err(odd(from));
            };
            let entries = structs(map.entries(), inner, fields)?;
            let (field, offsets) = (Arc::clone(field), map.offsets().clone());
            let made = MapArray::try_new(field, offsets, entries, map.nulls().cloned(), *sorted);
            Ok(Arc::new(made.map_err(|error| odd(from).caused_by(error))?))
        }
        _ => Err(odd(from)),
    }
}

fn odd(from: &DataType) -> Error {
    Error::internal(format!("values of type {from} have no form for --readers"))
}

/// Lists with offsets that begin at zero and the values that they are about: of a slice, nothing else.
fn lists<O: OffsetSizeTrait>(
    lists: &GenericListArray<O>,
    inner: &Field,
    field: &FieldRef,
) -> Result<ArrayRef> {
    let offsets = lists.offsets();
    let (first, last) = (offsets[0], offsets[lists.len()]);
    let values = lists.values().slice(first.as_usize(), (last - first).as_usize());
    let values = converted(&values, inner.data_type(), field.data_type())?;
    let offsets = OffsetBuffer::new(offsets.iter().map(|at| *at - first).collect());
    let made = GenericListArray::try_new(Arc::clone(field), offsets, values, lists.nulls().cloned());
    Ok(Arc::new(made.map_err(|error| odd(lists.data_type()).caused_by(error))?))
}

fn list_views<O: OffsetSizeTrait>(
    views: &GenericListViewArray<O>,
    inner: &Field,
    field: &FieldRef,
) -> Result<ArrayRef> {
    let values = converted(views.values(), inner.data_type(), field.data_type())?;
    let (offsets, sizes) = (views.offsets().clone(), views.sizes().clone());
    let made =
        GenericListViewArray::try_new(Arc::clone(field), offsets, sizes, values, views.nulls().cloned());
    Ok(Arc::new(made.map_err(|error| odd(views.data_type()).caused_by(error))?))
}

fn structs(values: &StructArray, inner: &Fields, fields: &Fields) -> Result<StructArray> {
    let columns = values.columns().iter().zip(inner).zip(fields);
    let columns = columns
        .map(|((column, from), to)| converted(column, from.data_type(), to.data_type()))
        .collect::<Result<Vec<_>>>()?;
    StructArray::try_new_with_length(fields.clone(), columns, values.nulls().cloned(), values.len())
        .map_err(|error| Error::internal("a struct for --readers").caused_by(error))
}

/// Text of each value that is not NULL, `most` bytes at most.
fn texts(array: &ArrayRef, most: usize, mut put: impl FnMut(&mut String, usize)) -> Result<ArrayRef> {
    let held = (array.len() - array.null_count()).saturating_mul(most);
    if i32::try_from(held).is_err() {
        return Err(Error::data("the values of one batch are too large as text")
            .coded(Code::TooLarge)
            .hint("--readers modern keeps their type"));
    }
    let mut builder = StringBuilder::with_capacity(array.len(), held);
    let mut text = String::with_capacity(most);
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        put(&mut text, row);
        builder.append_value(&text);
    }
    let texts: StringArray = builder.finish();
    Ok(Arc::new(texts))
}

fn uuids(array: &ArrayRef) -> Result<ArrayRef> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let values = array.as_fixed_size_binary();
    texts(array, 36, |text, row| {
        for (at, byte) in values.value(row).iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
    })
}

/// `HH:MM:SS`, and after a dot the digits of a second that are not zeros at the end.
fn times(array: &ArrayRef) -> Result<ArrayRef> {
    const SECOND: i64 = 1_000_000_000;
    let nanoseconds: Box<dyn Fn(usize) -> i64> = match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            let values = array.as_primitive::<Time32SecondType>();
            Box::new(move |row| i64::from(values.value(row)) * SECOND)
        }
        DataType::Time32(_) => {
            let values = array.as_primitive::<Time32MillisecondType>();
            Box::new(move |row| i64::from(values.value(row)) * 1_000_000)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let values = array.as_primitive::<Time64MicrosecondType>();
            Box::new(move |row| values.value(row) * 1_000)
        }
        _ => {
            let values = array.as_primitive::<Time64NanosecondType>();
            Box::new(move |row| values.value(row))
        }
    };
    let is_time = |row: usize| array.is_null(row) || (0..86_400 * SECOND).contains(&nanoseconds(row));
    if !(0..array.len()).all(is_time) {
        // Sources have none: what an expression made of it.
        return Err(Error::data("a value is no time of a day").coded(Code::ValueNotExact));
    }
    texts(array, 18, |text, row| {
        let value = nanoseconds(row);
        let (seconds, rest) = (value / SECOND, value % SECOND);
        // Writing to a string cannot fail.
        let _ = write!(text, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        if rest != 0 {
            let _ = write!(text, ".{rest:09}");
            text.truncate(text.trim_end_matches('0').len());
        }
    })
}

fn decimals(array: &ArrayRef, scale: i8) -> Result<ArrayRef> {
    let values = array.as_primitive::<Decimal256Type>();
    let places = usize::from(scale.unsigned_abs());
    // 77 digits, a sign, a dot and a zero before it, and zeros for places that are not there.
    texts(array, 80 + places, |text, row| {
        let number = values.value(row).to_string();
        let (sign, digits) = number.strip_prefix('-').map_or(("", number.as_str()), |digits| ("-", digits));
        text.push_str(sign);
        if scale <= 0 {
            text.push_str(digits);
            if digits != "0" {
                text.extend(std::iter::repeat_n('0', places));
            }
            return;
        }
        let padding = (places + 1).saturating_sub(digits.len());
        let padded = "0".repeat(padding) + digits;
        let (whole, part) = padded.split_at(padded.len() - places);
        text.push_str(whole);
        text.push('.');
        text.push_str(part);
    })
}

/// `data_type` with each field directly inside it replaced.
pub(crate) fn map_children(data_type: &DataType, change: &mut dyn FnMut(&FieldRef) -> FieldRef) -> DataType {
    match data_type {
        DataType::List(child) => DataType::List(change(child)),
        DataType::LargeList(child) => DataType::LargeList(change(child)),
        DataType::ListView(child) => DataType::ListView(change(child)),
        DataType::LargeListView(child) => DataType::LargeListView(change(child)),
        DataType::FixedSizeList(child, size) => DataType::FixedSizeList(change(child), *size),
        DataType::Map(entries, sorted) => DataType::Map(change(entries), *sorted),
        DataType::Struct(children) => DataType::Struct(children.iter().map(change).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Decimal256Array, FixedSizeBinaryArray, Int32Array, ListArray, Time32SecondArray,
        Time64MicrosecondArray, Time64NanosecondArray,
    };
    use arrow::datatypes::i256;

    use super::*;

    fn shown(array: ArrayRef) -> Vec<String> {
        let made = converted(&array, array.data_type(), &DataType::Utf8).expect("text");
        made.as_string::<i32>().iter().map(|text| text.unwrap_or("NULL").to_owned()).collect()
    }

    fn uuid_field(name: &str) -> Field {
        let uuid = [(EXTENSION_TYPE_NAME_KEY.to_owned(), "arrow.uuid".to_owned())];
        Field::new(name, DataType::FixedSizeBinary(16), true).with_metadata(uuid.into())
    }

    fn some_uuids() -> FixedSizeBinaryArray {
        let values = [Some([0xab_u8; 16]), None, Some([0; 16]), Some([0x10; 16])];
        FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), 16).expect("uuids")
    }

    const AB: &str = "abababab-abab-abab-abab-abababababab";

    #[test]
    fn times_have_the_digits_that_they_need() {
        const DAY: i64 = 86_400_000_000;
        let values = [Some(0), Some(1), Some(45_296_500_000), None, Some(DAY - 1), Some(DAY - 1_000_000)];
        assert_eq!(
            shown(Arc::new(Time64MicrosecondArray::from(values.to_vec()))),
            ["00:00:00", "00:00:00.000001", "12:34:56.5", "NULL", "23:59:59.999999", "23:59:59"]
        );
        assert_eq!(shown(Arc::new(Time64NanosecondArray::from(vec![1]))), ["00:00:00.000000001"]);
        assert_eq!(shown(Arc::new(Time32SecondArray::from(vec![3_661]))), ["01:01:01"]);
    }

    #[test]
    fn decimals_have_all_their_places() {
        let of = |values: &[&str], precision, scale| {
            let values = values.iter().map(|v| i256::from_string(v));
            let array = Decimal256Array::from_iter(values).with_precision_and_scale(precision, scale);
            shown(Arc::new(array.expect("decimals")))
        };
        let many = "9".repeat(76);
        assert_eq!(
            of(&["0", "5", "-5", "123", "-123", &many], 76, 2),
            ["0.00", "0.05", "-0.05", "1.23", "-1.23", &format!("{}.99", "9".repeat(74))]
        );
        assert_eq!(of(&["0", "-7", &format!("-{many}")], 76, 0), ["0", "-7", &format!("-{many}")]);
        assert_eq!(of(&["1", &many], 76, 76)[0], format!("0.{}1", "0".repeat(75)));
        assert_eq!(of(&["0", "7", "-7"], 40, -3), ["0", "7000", "-7000"]);
    }

    #[test]
    fn values_inside_of_others_are_converted_where_they_are() {
        let pair = Fields::from(vec![uuid_field("u"), Field::new("n", DataType::Int32, true)]);
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3, 4]));
        let nulls = Some(vec![true, false, true, true].into());
        let structs = StructArray::new(pair.clone(), vec![Arc::new(some_uuids()), numbers], nulls);
        let element = Arc::new(Field::new("element", DataType::Struct(pair), true));
        let offsets = OffsetBuffer::new(vec![0, 2, 2, 4].into());
        let lists = ListArray::new(element, offsets, Arc::new(structs), None);
        let field: FieldRef = Field::new("l", lists.data_type().clone(), true).into();
        let written = field_for(&field, &Readers::Any);
        for (offset, length) in [(0, 3), (1, 2), (2, 1), (1, 0)] {
            let slice: ArrayRef = Arc::new(lists.slice(offset, length));
            let made = converted(&slice, field.data_type(), written.data_type()).expect("lists");
            assert_eq!(made.data_type(), written.data_type());
            assert_eq!(made.len(), length);
            for row in 0..length {
                let (before, after) = (lists.value(offset + row), made.as_list::<i32>().value(row));
                let nulls = |of: &ArrayRef| (0..of.len()).map(|at| of.is_null(at)).collect::<Vec<_>>();
                assert_eq!(nulls(&before), nulls(&after), "{offset} {row}");
                assert_eq!(before.as_struct().column(1), after.as_struct().column(1), "{offset} {row}");
                let texts = after.as_struct().column(0).as_string::<i32>().clone();
                assert_eq!(shown(Arc::clone(before.as_struct().column(0))), {
                    texts.iter().map(|text| text.unwrap_or("NULL").to_owned()).collect::<Vec<_>>()
                });
            }
        }
        assert_eq!(shown(Arc::new(some_uuids()))[..2], [AB.to_owned(), "NULL".to_owned()]);
    }

    #[test]
    fn what_nobody_minds_stays() {
        let json = [(EXTENSION_TYPE_NAME_KEY.to_owned(), "arrow.json".to_owned())];
        let json: FieldRef = Field::new("j", DataType::Utf8, true).with_metadata(json.into()).into();
        let uuid: FieldRef = uuid_field("u").into();
        for readers in [Readers::Modern, "pyarrow,duckdb,hyparquet".parse().expect("readers")] {
            assert_eq!(field_for(&uuid, &readers), uuid);
            assert_eq!(form_note(&uuid, &readers), None);
        }
        assert_eq!(field_for(&uuid, &Readers::Any).data_type(), &DataType::Utf8);
        let plain = field_for(&json, &Readers::Any);
        assert_eq!((plain.data_type(), plain.metadata().len()), (&DataType::Utf8, 0));
        assert!(form_note(&json, &Readers::Any).expect("a note").contains("--readers modern"));
        // As an expression returns it.
        let bare: FieldRef = Field::new("b", DataType::FixedSizeBinary(16), true).into();
        assert_eq!(field_for(&bare, &Readers::Any).data_type(), &DataType::Utf8);
        let other: FieldRef = Field::new("b", DataType::FixedSizeBinary(15), true).into();
        assert_eq!(field_for(&other, &Readers::Any), other);
    }
}
