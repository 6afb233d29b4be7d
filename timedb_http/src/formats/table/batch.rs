//! The rows of an Arrow batch. Each column is converted as its type demands it, and what is no value of the field is
//! refused, not guessed.

use std::borrow::Cow;

use arrow_array::{
    Array, ArrayRef, RecordBatch,
    cast::AsArray,
    types::{
        ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
        Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, TimeUnit as ArrowUnit};
use uuid::Uuid;

use super::{
    fields::{Fields, TableField},
    trouble::{RowCheck, Troubles},
};
use crate::{
    formats::{
        columns::{Columns, Row},
        scalar::{Problem, Scalar, read_labels},
    },
    server::instant::{self, TimeUnit},
};

/// The integers up to here are floats of the same value.
const EXACT: u64 = 1 << 53;

/// Adds the rows of a batch, of which the first has this number; whether more can be read.
pub(super) fn read(
    batch: &RecordBatch,
    first: usize,
    unit: Option<TimeUnit>,
    columns: &mut Columns<'static>,
    troubles: &mut Troubles,
) -> bool {
    let schema = batch.schema_ref();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let Some(fields) = Fields::find(names, troubles) else {
        return false;
    };
    let mut of = |field: TableField, what: Wanted| {
        let placed = fields.get(field)?;
        let array = batch.columns().get(placed.place)?;
        match CellReader::of(array, what, unit) {
            Ok(reader) => Some(TypedColumn {
                name: placed.name,
                reader,
            }),
            Err(problem) => {
                troubles.column(placed.name, problem);
                None
            }
        }
    };
    let valid_time = of(TableField::ValidTime, Wanted::Time);
    let valid_time_end = of(TableField::ValidTimeEnd, Wanted::Time);
    let known_time = of(TableField::KnownTime, Wanted::Time);
    let value = of(TableField::Value, Wanted::Number);
    let name = of(TableField::Name, Wanted::Text);
    let series_id = of(TableField::SeriesId, Wanted::Id);
    let labels = of(TableField::Labels, Wanted::Text);
    let of_unit = of(TableField::Unit, Wanted::Text);
    if !troubles.is_empty() {
        return false;
    }
    let mut sound_labels = String::new();
    for at in 0..batch.num_rows() {
        if troubles.is_full() {
            return false;
        }
        let mut check = RowCheck::new(troubles, first + at);
        let [valid, end, known] =
            [&valid_time, &valid_time_end, &known_time].map(|column| -> Option<i64> {
                let column = column.as_ref()?;
                let read = column.reader.time(at, unit)?;
                check.keep(column.name, read, || column.reader.shown(at))
            });
        let number = value.as_ref().and_then(|column| {
            let read = column.reader.number(at)?;
            check.keep(column.name, read, || column.reader.shown(at))
        });
        let id = series_id.as_ref().and_then(|column| {
            let read = column.reader.id(at)?;
            check.keep(column.name, read, || column.reader.shown(at))
        });
        for column in [&name, &labels, &of_unit].into_iter().flatten() {
            if let Some(text) = column.reader.text(at) {
                check.keep(column.name, text.text(), || column.reader.shown(at));
            }
        }
        let name_text = name.as_ref().and_then(|column| column.reader.plain(at));
        let labels_text = labels.as_ref().and_then(|column| column.reader.plain(at));
        let unit_text = of_unit.as_ref().and_then(|column| column.reader.plain(at));
        if let Some(text) = unit_text {
            let read = Scalar::Text(Cow::Borrowed(text)).unit().map(drop);
            check.keep("unit", read, || text.to_owned());
        }
        if let Some(text) = labels_text
            && text != sound_labels
            && check
                .keep("labels", read_labels(text), || text.to_owned())
                .is_some()
        {
            sound_labels.clear();
            sound_labels.push_str(text);
        }
        if valid.is_none() && check.is_sound {
            check.missing("valid_time");
        }
        if name_text.is_none() && id.is_none() && check.is_sound {
            let column = name.as_ref().or(series_id.as_ref());
            check.missing(column.map_or("name", |column| column.name));
        }
        if let (true, Some(valid_time)) = (check.is_sound, valid) {
            columns.push_copied(&Row {
                value_key: name_text
                    .map(Cow::Borrowed)
                    .or_else(|| id.map(|id| Cow::Owned(id.to_string())))
                    .unwrap_or_default(),
                series_id: id,
                valid_time,
                valid_time_end: end,
                value: number,
                known_time: known,
                labels: labels_text.map(Cow::Borrowed),
                unit: unit_text.map(Cow::Borrowed),
            });
        }
    }
    true
}

/// What a field takes.
#[derive(Clone, Copy)]
enum Wanted {
    Time,
    Number,
    Text,
    Id,
}

struct TypedColumn {
    name: &'static str,
    reader: CellReader,
}

/// A column as its type reads it.
enum CellReader {
    /// A column that has nothing but nulls.
    Nothing,
    Seconds(ArrayRef),
    Millis(ArrayRef),
    Micros(ArrayRef),
    Nanos(ArrayRef),
    Days(ArrayRef),
    Double(ArrayRef),
    Single(ArrayRef),
    Integer(ArrayRef, fn(&ArrayRef, usize) -> i128),
    Uuid(ArrayRef),
    Text(ArrayRef),
    LongText(ArrayRef),
    TextView(ArrayRef),
    /// Each row's place in a column of texts.
    Places(ArrayRef, Vec<usize>, Box<CellReader>),
}

fn integer<T: ArrowPrimitiveType>(array: &ArrayRef, at: usize) -> i128
where
    T::Native: Into<i128>,
{
    array.as_primitive::<T>().value(at).into()
}

impl CellReader {
    fn of(array: &ArrayRef, wanted: Wanted, unit: Option<TimeUnit>) -> Result<Self, Problem> {
        use DataType as T;
        let a = || ArrayRef::clone(array);
        let integers = match array.data_type() {
            T::Int8 => Some(integer::<Int8Type> as fn(&ArrayRef, usize) -> i128),
            T::Int16 => Some(integer::<Int16Type> as _),
            T::Int32 => Some(integer::<Int32Type> as _),
            T::Int64 => Some(integer::<Int64Type> as _),
            T::UInt8 => Some(integer::<UInt8Type> as _),
            T::UInt16 => Some(integer::<UInt16Type> as _),
            T::UInt32 => Some(integer::<UInt32Type> as _),
            T::UInt64 => Some(integer::<UInt64Type> as _),
            _ => None,
        };
        let told = |expected: &str| {
            format!(
                "Input should be {expected}, not a column of {}",
                array.data_type()
            )
        };
        match (wanted, array.data_type()) {
            (_, T::Null) => Ok(Self::Nothing),
            (Wanted::Time, T::Timestamp(ArrowUnit::Second, _)) => Ok(Self::Seconds(a())),
            (Wanted::Time, T::Timestamp(ArrowUnit::Millisecond, _)) => Ok(Self::Millis(a())),
            (Wanted::Time, T::Timestamp(ArrowUnit::Microsecond, _)) => Ok(Self::Micros(a())),
            (Wanted::Time, T::Timestamp(ArrowUnit::Nanosecond, _)) => Ok(Self::Nanos(a())),
            (Wanted::Time, T::Date32) => Ok(Self::Days(a())),
            (Wanted::Number, T::Float64) => Ok(Self::Double(a())),
            (Wanted::Number, T::Float32) => Ok(Self::Single(a())),
            (Wanted::Id, T::FixedSizeBinary(16)) => Ok(Self::Uuid(a())),
            (Wanted::Time, _) if integers.is_some() && unit.is_none() => Err(Problem::new(
                "datetime_type",
                "Input should be a valid datetime, a number is one only with time_unit (s, ms, us or ns) in the query",
            )),
            (Wanted::Time | Wanted::Number, _) if let Some(read) = integers => {
                Ok(Self::Integer(a(), read))
            }
            (_, T::Utf8) => Ok(Self::Text(a())),
            (_, T::LargeUtf8) => Ok(Self::LongText(a())),
            (_, T::Utf8View) => Ok(Self::TextView(a())),
            (_, T::Dictionary(_, values))
                if matches!(**values, T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Null) =>
            {
                let dictionary = array.as_any_dictionary();
                let texts = Self::of(dictionary.values(), Wanted::Text, unit)?;
                Ok(match dictionary.values().is_empty() {
                    true => Self::Nothing,
                    false => Self::Places(a(), dictionary.normalized_keys(), Box::new(texts)),
                })
            }
            (Wanted::Time, _) => Err(Problem::new("datetime_type", &told("a valid datetime"))),
            (Wanted::Number, _) => Err(Problem::new("float_type", &told("a valid number"))),
            (Wanted::Text, _) => Err(Problem::new("string_type", &told("a valid string"))),
            (Wanted::Id, _) => Err(Problem::new("uuid_type", &told("a valid UUID"))),
        }
    }

    /// The text of a row, if it is one.
    fn plain(&self, at: usize) -> Option<&str> {
        match self {
            Self::Text(texts) => {
                let texts = texts.as_string::<i32>();
                texts.is_valid(at).then(|| texts.value(at))
            }
            Self::LongText(texts) => {
                let texts = texts.as_string::<i64>();
                texts.is_valid(at).then(|| texts.value(at))
            }
            Self::TextView(texts) => {
                let texts = texts.as_string_view();
                texts.is_valid(at).then(|| texts.value(at))
            }
            Self::Places(keys, places, texts) => {
                let place = places.get(at).filter(|_| keys.is_valid(at))?;
                texts.plain(*place)
            }
            _ => None,
        }
    }

    fn text(&self, at: usize) -> Option<Scalar<'_>> {
        self.plain(at).map(|text| Scalar::Text(Cow::Borrowed(text)))
    }

    fn time(&self, at: usize, unit: Option<TimeUnit>) -> Option<Result<i64, Problem>> {
        let (array, factor, divisor) = match self {
            Self::Seconds(array) => (array, 1_000_000, 1),
            Self::Millis(array) => (array, 1_000, 1),
            Self::Micros(array) => (array, 1, 1),
            Self::Nanos(array) => (array, 1, 1_000),
            Self::Days(array) => (array, 86_400_000_000, 1),
            Self::Integer(array, read) => {
                let number = array.is_valid(at).then(|| read(array, at).to_string())?;
                return Some(Scalar::Number(&number).instant(unit));
            }
            _ => return Some(self.text(at)?.instant(unit)),
        };
        if array.is_null(at) {
            return None;
        }
        let count = match self {
            Self::Seconds(array) => array.as_primitive::<TimestampSecondType>().value(at),
            Self::Millis(array) => array.as_primitive::<TimestampMillisecondType>().value(at),
            Self::Micros(array) => array.as_primitive::<TimestampMicrosecondType>().value(at),
            Self::Nanos(array) => array.as_primitive::<TimestampNanosecondType>().value(at),
            _ => i64::from(array.as_primitive::<Date32Type>().value(at)),
        };
        // What is finer than a microsecond is cut off, as in a text.
        let micros = count.saturating_mul(factor).div_euclid(divisor);
        Some(instant::in_range(micros).map_err(Problem::instant))
    }

    fn number(&self, at: usize) -> Option<Result<f64, Problem>> {
        let number = match self {
            Self::Double(array) => {
                let numbers = array.as_primitive::<Float64Type>();
                numbers.is_valid(at).then(|| numbers.value(at))?
            }
            Self::Single(array) => {
                let numbers = array.as_primitive::<Float32Type>();
                f64::from(numbers.is_valid(at).then(|| numbers.value(at))?)
            }
            Self::Integer(array, read) => {
                let number = array.is_valid(at).then(|| read(array, at))?;
                if number.unsigned_abs() > u128::from(EXACT) && (number as f64) as i128 != number {
                    return Some(Err(Problem::new(
                        "value_error",
                        "Value error, this integer is no float64: the nearest one differs from it",
                    )));
                }
                number as f64
            }
            _ => return Some(self.text(at)?.number()),
        };
        let infinite = || {
            Problem::new(
                "finite_number",
                "Input should be a finite number; a missing value is null",
            )
        };
        Some(number.is_finite().then_some(number).ok_or_else(infinite))
    }

    fn id(&self, at: usize) -> Option<Result<Uuid, Problem>> {
        match self {
            Self::Uuid(array) => {
                let ids = array.as_fixed_size_binary();
                let id = ids.is_valid(at).then(|| Uuid::from_slice(ids.value(at)))?;
                Some(id.map_err(|_| Problem::uuid()))
            }
            _ => Some(self.text(at)?.uuid()),
        }
    }

    /// What an error repeats of a row.
    fn shown(&self, at: usize) -> String {
        match self {
            Self::Seconds(array) => integer::<TimestampSecondType>(array, at).to_string(),
            Self::Millis(array) => integer::<TimestampMillisecondType>(array, at).to_string(),
            Self::Micros(array) => integer::<TimestampMicrosecondType>(array, at).to_string(),
            Self::Nanos(array) => integer::<TimestampNanosecondType>(array, at).to_string(),
            Self::Days(array) => integer::<Date32Type>(array, at).to_string(),
            Self::Integer(array, read) => read(array, at).to_string(),
            Self::Double(array) => array.as_primitive::<Float64Type>().value(at).to_string(),
            Self::Single(array) => array.as_primitive::<Float32Type>().value(at).to_string(),
            _ => self.plain(at).unwrap_or_default().to_owned(),
        }
    }
}
