//! Uploads.

use proptest::collection::vec;
use proptest::prelude::*;
use timedb_wire::{Bitmap, Malformed, NO_END, NO_KNOWN_TIME, SeriesName, Upload, UploadReader};

use super::{Id, or_none, text, value};

/// An upload: names, and points by the place of their series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub series: Vec<Name>,
    pub points: Vec<SentPoint>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Name {
    Named([String; 4]),
    Id(Id, String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct SentPoint {
    pub series: u32,
    pub valid_time: i64,
    pub end: i64,
    /// Its bits; None for null.
    pub value: Option<u64>,
    pub known_time: i64,
}

impl Name {
    fn of(name: SeriesName<'_>) -> Self {
        match name {
            SeriesName::Named {
                name,
                labels,
                unit,
                description,
            } => Self::Named([name, labels, unit, description].map(str::to_owned)),
            SeriesName::Id { id, unit } => Self::Id(id, unit.to_owned()),
        }
    }

    fn as_wire(&self) -> SeriesName<'_> {
        match self {
            Self::Named([name, labels, unit, description]) => SeriesName::Named {
                name,
                labels,
                unit,
                description,
            },
            Self::Id(id, unit) => SeriesName::Id { id: *id, unit },
        }
    }
}

impl Sent {
    pub fn pack(&self) -> Vec<u8> {
        fn column<T>(points: &[SentPoint], of: impl Fn(&SentPoint) -> T) -> Vec<T> {
            points.iter().map(of).collect()
        }
        let points = &self.points;
        let ends = column(points, |point| point.end);
        let known = column(points, |point| point.known_time);
        let mut nulls = Bitmap::with_capacity(points.len());
        points
            .iter()
            .for_each(|point| nulls.push(point.value.is_none()));
        let upload = Upload {
            series_index: &column(points, |point| point.series),
            valid_time: &column(points, |point| point.valid_time),
            valid_time_end: ends.iter().any(|end| *end != NO_END).then_some(&ends[..]),
            value: &column(points, |point| f64::from_bits(point.value.unwrap_or(0))),
            nulls: nulls.any().then_some(&nulls),
            known_time: known
                .iter()
                .any(|known| *known != NO_KNOWN_TIME)
                .then_some(&known[..]),
        };
        upload.encode(self.series.iter().map(Name::as_wire))
    }

    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = UploadReader::open(bytes)?;
        let mut series = Vec::new();
        while let Some(name) = reader.next_series()? {
            series.push(Name::of(name));
        }
        let n = reader.points;
        let columns = reader.columns()?;
        assert_eq!(columns.valid_time.to_vec().len(), n);
        let nulls = columns.nulls.map(|nulls| nulls.to_vec(n));
        let point = |i: usize| SentPoint {
            series: columns.series_index.at(i),
            valid_time: columns.valid_time.at(i),
            end: columns.valid_time_end.map_or(NO_END, |ends| ends.at(i)),
            value: (!nulls.as_ref().is_some_and(|nulls| nulls[i]))
                .then(|| columns.value.at(i).to_bits()),
            known_time: columns
                .known_time
                .map_or(NO_KNOWN_TIME, |known| known.at(i)),
        };
        Ok(Self {
            series,
            points: (0..n).map(point).collect(),
        })
    }
}

pub fn sent() -> impl Strategy<Value = Sent> {
    let name = prop_oneof![
        [text(), text(), text(), text()].prop_map(Name::Named),
        (any::<Id>(), text()).prop_map(|(id, unit)| Name::Id(id, unit)),
    ];
    let rest = (
        any::<i64>(),
        or_none(NO_END),
        value(),
        or_none(NO_KNOWN_TIME),
    );
    let point = (any::<prop::sample::Index>(), rest);
    (vec(name, 1..5), vec(point, 0..20)).prop_map(|(series, points)| Sent {
        points: (points.into_iter())
            .map(|(at, (valid_time, end, value, known_time))| SentPoint {
                series: at.index(series.len()) as u32,
                valid_time,
                end,
                value,
                known_time,
            })
            .collect(),
        series,
    })
}
