//! Rows as Arrow columns, for the formats that are made of them. What the rows of a series share is in dictionaries, one
//! for each batch, so that neither a long answer nor one of many series makes them grow.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray,
    builder::{
        BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, StringDictionaryBuilder,
        TimestampMicrosecondBuilder,
    },
    types::Int32Type,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use timedb_wire::{Aggregate, AggregateValue, NO_KNOWN_TIME, Series};
use uuid::Uuid;

use super::{
    chunk::{Chunk, compact, tags_json},
    format::Shared,
    layout::{Cell, Layout},
};

/// A column that is being written.
enum Builder {
    Time(TimestampMicrosecondBuilder),
    Number(Float64Builder),
    Integer(Int64Builder),
    Flag(BooleanBuilder),
    Text(StringBuilder),
    Id(StringDictionaryBuilder<Int32Type>),
    /// What is the series' own: id, name, unit or labels.
    OfSeries(usize),
}

/// Rows on their way into a batch.
pub(super) struct Batches {
    schema: SchemaRef,
    cells: Vec<Cell>,
    builders: Vec<Builder>,
    /// The place of each row's series.
    series_of_rows: Vec<i32>,
    /// Of each series that rows may be of, where its id, name, unit and labels stand among the texts.
    series: Vec<[i32; 4]>,
    texts: [Texts; 4],
    /// How many series have been forgotten with the batches that are through.
    forgotten: usize,
}

impl Batches {
    pub(super) fn new(layout: &Layout) -> Self {
        let cells = layout.cells();
        let fields: Vec<_> = cells.iter().map(|cell| field(*cell)).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            builders: cells.iter().map(|cell| builder(*cell)).collect(),
            cells,
            series_of_rows: Vec::new(),
            series: Vec::new(),
            texts: Default::default(),
            forgotten: 0,
        }
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn shared(&mut self, series: &Series<'_>) -> Shared {
        let [ids, names, units, labels] = &mut self.texts;
        self.series.push([
            ids.place(&Uuid::from_bytes_ref(series.id).to_string()),
            names.place(series.name),
            units.place(series.unit),
            labels.place(&compact(series.labels)),
        ]);
        Shared {
            before: Vec::new(),
            after: Vec::new(),
            number: self.forgotten + self.series.len() - 1,
        }
    }

    pub(super) fn push(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared) {
        let place = series.number.wrapping_sub(self.forgotten);
        self.series_of_rows.push(place as i32);
        let columns = &chunk.columns;
        let known_time = columns.known_time.map(|known_time| known_time.at(index));
        let known_time = known_time.filter(|known_time| *known_time != NO_KNOWN_TIME);
        let versions = columns.versions.as_ref();
        let note = || versions.and_then(|versions| versions.notes.get(versions.note(index)?));
        for (cell, builder) in self.cells.iter().zip(&mut self.builders) {
            match builder {
                Builder::Time(times) => times.append_option(match cell {
                    Cell::ValidTime => Some(columns.valid_time.at(index)),
                    Cell::ValidTimeEnd => columns.end(index),
                    Cell::KnownTime => known_time,
                    _ => versions.map(|versions| versions.change_time.at(index)),
                }),
                Builder::Number(numbers) => numbers.append_option(match cell {
                    Cell::Value => columns.value(index),
                    Cell::Aggregate(place, _) => match chunk.aggregate(*place, index) {
                        Some(AggregateValue::Number(number)) => number,
                        _ => None,
                    },
                    _ => known_time
                        .map(|known| columns.valid_time.at(index).wrapping_sub(known) as f64 / 1e6),
                }),
                Builder::Integer(integers) => integers.append_option(match cell {
                    Cell::Aggregate(place, _) => match chunk.aggregate(*place, index) {
                        Some(AggregateValue::Count(count)) => Some(count),
                        _ => None,
                    },
                    _ => versions.map(|versions| versions.value_id.at(index)),
                }),
                Builder::Flag(flags) => flags.append_value(known_time.is_some()),
                Builder::Text(texts) => match cell {
                    Cell::Annotation => {
                        texts.append_option(note().and_then(|note| note.annotation))
                    }
                    Cell::Tags => {
                        let tags = note().map(|note| &note.tags);
                        let tags = tags.filter(|tags| !tags.is_empty());
                        texts.append_option(tags.map(|tags| tags_json(tags)));
                    }
                    _ => texts.append_option(note().and_then(|note| note.metadata).map(compact)),
                },
                Builder::Id(ids) => {
                    let id = versions.and_then(|versions| match cell {
                        Cell::BatchId => Some(versions.batch(index)),
                        _ => versions.changed_by(index),
                    });
                    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
                    let id = id.map(|id| {
                        let id = Uuid::from_bytes_ref(id).hyphenated();
                        &*id.encode_lower(&mut text)
                    });
                    ids.append_option(id);
                }
                Builder::OfSeries(_) => {}
            }
        }
    }

    /// The rows so far, if there are any; of the series only the last is still known then, whose rows may go on.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.series_of_rows.is_empty() {
            return Ok(None);
        }
        let (rows, series) = (std::mem::take(&mut self.series_of_rows), &self.series);
        let texts = &self.texts;
        let columns = self.builders.iter_mut().map(|builder| {
            Ok(match builder {
                Builder::Time(times) => Arc::new(times.finish()) as ArrayRef,
                Builder::Number(numbers) => Arc::new(numbers.finish()),
                Builder::Integer(integers) => Arc::new(integers.finish()),
                Builder::Flag(flags) => Arc::new(flags.finish()),
                Builder::Text(texts) => Arc::new(texts.finish()),
                Builder::Id(ids) => Arc::new(ids.finish()),
                Builder::OfSeries(which) => {
                    let place = |row: &i32| {
                        let series = series.get(usize::try_from(*row).ok()?)?;
                        series.get(*which).copied()
                    };
                    let places: Int32Array = rows.iter().map(place).collect();
                    let texts = texts.get(*which).map_or(&[][..], |texts| &texts.list);
                    let texts = StringArray::from_iter_values(texts);
                    // Checks the places.
                    Arc::new(DictionaryArray::try_new(places, Arc::new(texts))?)
                }
            })
        });
        let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        let through = self.series.len().saturating_sub(1);
        self.forgotten += through;
        if let Some(last) = self.series.pop() {
            self.series.clear();
            let mut texts = self.texts.iter_mut().zip(last);
            self.series.push(std::array::from_fn(|_| {
                let next = texts.next();
                next.map_or(0, |(texts, place)| texts.forget_all_but(place))
            }));
        }
        Ok(Some(batch))
    }
}

/// The texts of a dictionary, each of them once: readers such as pandas rely on it.
#[derive(Default)]
struct Texts {
    list: Vec<String>,
    places: HashMap<String, i32>,
}

impl Texts {
    fn place(&mut self, text: &str) -> i32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.list.len() as i32;
        self.list.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }

    /// Begins anew with this text, and says where it is.
    fn forget_all_but(&mut self, place: i32) -> i32 {
        let kept = usize::try_from(place).ok();
        let kept = kept.and_then(|place| self.list.get_mut(place));
        let kept = kept.map(std::mem::take).unwrap_or_default();
        self.list.clear();
        self.places.clear();
        self.place(&kept)
    }
}

fn texts_of_dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn field(cell: Cell) -> Field {
    let (data_type, nullable) = match cell {
        Cell::KnownTime | Cell::ChangeTime | Cell::ValidTime | Cell::ValidTimeEnd => (
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            !matches!(cell, Cell::ValidTime),
        ),
        Cell::Value | Cell::LeadTime => (DataType::Float64, true),
        Cell::Aggregate(_, Aggregate::Count) | Cell::ValueId => (DataType::Int64, true),
        Cell::Aggregate(..) => (DataType::Float64, true),
        Cell::Found => (DataType::Boolean, false),
        Cell::Annotation | Cell::Tags | Cell::Metadata => (DataType::Utf8, true),
        Cell::BatchId | Cell::ChangedBy => (texts_of_dictionary(), true),
        Cell::SeriesId | Cell::Name | Cell::Unit | Cell::Labels => (texts_of_dictionary(), false),
    };
    Field::new(cell.name(), data_type, nullable)
}

fn builder(cell: Cell) -> Builder {
    match cell {
        Cell::KnownTime | Cell::ChangeTime | Cell::ValidTime | Cell::ValidTimeEnd => {
            Builder::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
        }
        Cell::Aggregate(_, Aggregate::Count) | Cell::ValueId => {
            Builder::Integer(Int64Builder::new())
        }
        Cell::Value | Cell::LeadTime | Cell::Aggregate(..) => {
            Builder::Number(Float64Builder::new())
        }
        Cell::Found => Builder::Flag(BooleanBuilder::new()),
        Cell::Annotation | Cell::Tags | Cell::Metadata => Builder::Text(StringBuilder::new()),
        Cell::BatchId | Cell::ChangedBy => Builder::Id(StringDictionaryBuilder::new()),
        Cell::SeriesId => Builder::OfSeries(0),
        Cell::Name => Builder::OfSeries(1),
        Cell::Unit => Builder::OfSeries(2),
        Cell::Labels => Builder::OfSeries(3),
    }
}
