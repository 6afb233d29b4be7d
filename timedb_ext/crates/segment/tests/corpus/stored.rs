//! A row of one of the three tables that have blobs, and reading it.

use serde_json::{Value, json};
use timedb_segment::{
    BatchBounds, Bounds, LogKey, LogRow, SegmentError, SegmentKey, decode, decode_batches,
    decode_range,
};

use crate::json;

#[derive(Clone)]
pub enum Stored {
    Segment(SegmentKey, Bounds, Vec<u8>),
    /// With the ids of the series of its list.
    Log(LogKey, Option<Vec<[u8; 16]>>, Vec<u8>),
    Batches([u8; 16], BatchBounds, Vec<u8>),
}

impl Stored {
    pub fn of_json(row: &Value, blob: Vec<u8>) -> Self {
        let id = |name: &str| json::id(&row[name]);
        let time = |name: &str| row[name].as_i64().expect("a time");
        let count = |name: &str| row[name].as_u64().expect("a count") as u32;
        let tenant = id("tenant_id").expect("a tenant");
        match row["table"].as_str() {
            Some("segments") => {
                let series = id("series_id").expect("a series");
                let bounds = Bounds {
                    count: count("count"),
                    min_valid: time("min_valid"),
                    max_valid: time("max_valid"),
                    min_known: time("min_known"),
                    max_known: time("max_known"),
                    min_change: time("min_change"),
                    max_change: time("max_change"),
                };
                Stored::Segment(SegmentKey { tenant, series }, bounds, blob)
            }
            Some("write_log") => {
                let list = id("list_id");
                let key = LogKey {
                    tenant,
                    change_time: time("change_time"),
                    points: count("points"),
                    list,
                };
                let ids = row["series_ids"].as_array();
                let ids = ids.map(|ids| ids.iter().filter_map(json::id).collect());
                Stored::Log(key, ids, blob)
            }
            Some("batch_chunks") => {
                let bounds = BatchBounds {
                    count: count("count"),
                    min_change: time("min_change"),
                    max_change: time("max_change"),
                };
                Stored::Batches(tenant, bounds, blob)
            }
            other => panic!("the table {other:?}"),
        }
    }

    /// The row without its blob.
    pub fn row(&self) -> Value {
        match self {
            Stored::Segment(key, bounds, _) => json!({
                "table": "segments",
                "tenant_id": json::hex(&key.tenant),
                "series_id": json::hex(&key.series),
                "count": bounds.count,
                "min_valid": bounds.min_valid,
                "max_valid": bounds.max_valid,
                "min_known": bounds.min_known,
                "max_known": bounds.max_known,
                "min_change": bounds.min_change,
                "max_change": bounds.max_change,
            }),
            Stored::Log(key, list, _) => json!({
                "table": "write_log",
                "tenant_id": json::hex(&key.tenant),
                "change_time": key.change_time,
                "points": key.points,
                "list_id": key.list.map(|id| json::hex(&id)),
                "series_ids": list.as_ref().map(|ids| ids.iter().map(|id| json::hex(id)).collect::<Vec<_>>()),
            }),
            Stored::Batches(tenant, bounds, _) => json!({
                "table": "batch_chunks",
                "tenant_id": json::hex(tenant),
                "count": bounds.count,
                "min_change": bounds.min_change,
                "max_change": bounds.max_change,
            }),
        }
    }

    pub fn blob(&self) -> &[u8] {
        match self {
            Stored::Segment(_, _, blob) | Stored::Log(_, _, blob) | Stored::Batches(_, _, blob) => {
                blob
            }
        }
    }

    pub fn with_blob(&self, blob: Vec<u8>) -> Self {
        let mut other = self.clone();
        match &mut other {
            Stored::Segment(_, _, old) | Stored::Log(_, _, old) | Stored::Batches(_, _, old) => {
                *old = blob;
            }
        }
        other
    }

    pub fn blob_mut(&mut self) -> &mut [u8] {
        match self {
            Stored::Segment(_, _, blob) | Stored::Log(_, _, blob) | Stored::Batches(_, _, blob) => {
                blob
            }
        }
    }

    /// The same with the checksum that fits, as docs/segment_format.md says.
    pub fn sealed(mut self) -> Self {
        let (tenant, other, count, times) = match &self {
            Stored::Segment(key, b, _) => {
                let times = [
                    b.min_valid,
                    b.max_valid,
                    b.min_known,
                    b.max_known,
                    b.min_change,
                    b.max_change,
                ];
                (key.tenant, key.series, b.count, times)
            }
            Stored::Log(key, _, _) => {
                let list = key.list.unwrap_or_default();
                (key.tenant, list, key.points, [key.change_time; 6])
            }
            Stored::Batches(tenant, b, _) => {
                let times = [0, 0, 0, 0, b.min_change, b.max_change];
                (*tenant, [0; 16], b.count, times)
            }
        };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&tenant);
        hasher.update(&other);
        hasher.update(&count.to_le_bytes());
        times
            .iter()
            .for_each(|time| hasher.update(&time.to_le_bytes()));
        let blob = self.blob_mut();
        hasher.update(&blob[..1]);
        hasher.update(&blob[5..]);
        let sum = hasher.finalize();
        blob[1..5].copy_from_slice(&sum.to_le_bytes());
        self
    }

    /// The blob in rows of which one bit is another, and what that is.
    pub fn with_other_rows(&self) -> Vec<(String, Self)> {
        let mut rows = Vec::new();
        let mut add = |what: &str, bits: usize, change: &dyn Fn(&mut Self, usize)| {
            for bit in 0..bits {
                let mut other = self.clone();
                change(&mut other, bit);
                rows.push((format!("bit {bit} of {what}"), other));
            }
        };
        add("tenant_id", 128, &|row, bit| match row {
            Stored::Segment(key, ..) => key.tenant[bit / 8] ^= 1 << (bit % 8),
            Stored::Log(key, ..) => key.tenant[bit / 8] ^= 1 << (bit % 8),
            Stored::Batches(tenant, ..) => tenant[bit / 8] ^= 1 << (bit % 8),
        });
        add("the count", 32, &|row, bit| match row {
            Stored::Segment(_, bounds, _) => bounds.count ^= 1 << bit,
            Stored::Log(key, ..) => key.points ^= 1 << bit,
            Stored::Batches(_, bounds, _) => bounds.count ^= 1 << bit,
        });
        let times = match self {
            Stored::Segment(..) => 6,
            Stored::Log(..) => 1,
            Stored::Batches(..) => 2,
        };
        add("the times", times * 64, &|row, bit| {
            let time = match row {
                Stored::Segment(_, b, _) => match bit / 64 {
                    0 => &mut b.min_valid,
                    1 => &mut b.max_valid,
                    2 => &mut b.min_known,
                    3 => &mut b.max_known,
                    4 => &mut b.min_change,
                    _ => &mut b.max_change,
                },
                Stored::Log(key, ..) => &mut key.change_time,
                Stored::Batches(_, b, _) => match bit / 64 {
                    0 => &mut b.min_change,
                    _ => &mut b.max_change,
                },
            };
            *time ^= 1 << (bit % 64);
        });
        if !matches!(self, Stored::Batches(..)) {
            add("series_id or list_id", 128, &|row, bit| match row {
                Stored::Segment(key, ..) => key.series[bit / 8] ^= 1 << (bit % 8),
                Stored::Log(key, ..) => {
                    key.list.get_or_insert_default()[bit / 8] ^= 1 << (bit % 8);
                }
                Stored::Batches(..) => {}
            });
        }
        rows
    }

    /// How many points, batches and series the row says it has.
    pub fn count(&self) -> usize {
        match self {
            Stored::Segment(_, bounds, _) => bounds.count as usize,
            Stored::Log(key, list, blob) => {
                key.points as usize + list.as_ref().map_or(blob.len() / 16, Vec::len)
            }
            Stored::Batches(_, bounds, _) => bounds.count as usize,
        }
    }

    /// Reads all that the row holds, without keeping it.
    pub fn touch(&self) -> Result<(), SegmentError> {
        match self {
            Stored::Segment(key, bounds, blob) => decode(key, bounds, blob).map(drop),
            Stored::Log(key, list, blob) => {
                let row = LogRow::open(*key, blob, list.as_deref())?;
                row.batch()?;
                for place in 0..row.series().len() {
                    if !row.positions(place).is_empty() {
                        row.points(row.positions(place))?;
                    }
                }
                Ok(())
            }
            Stored::Batches(tenant, bounds, blob) => decode_batches(tenant, bounds, blob).map(drop),
        }
    }

    /// What the row holds, as the corpus has it.
    pub fn read(&self) -> Result<Value, SegmentError> {
        Ok(match self {
            Stored::Segment(key, bounds, blob) => {
                json!({"points": json::points(&decode(key, bounds, blob)?, key.tenant)})
            }
            Stored::Log(key, list, blob) => {
                let row = LogRow::open(*key, blob, list.as_deref())?;
                let mut series = Vec::new();
                for (place, id) in row.series().iter().enumerate() {
                    let positions = row.positions(place);
                    if !positions.is_empty() {
                        let points = json::points(&row.points(positions)?, key.tenant);
                        series.push(json!([json::hex(id), points]));
                    }
                }
                json!({"batch": json::batch(&row.batch()?, key.tenant), "series": series})
            }
            Stored::Batches(tenant, bounds, blob) => {
                let batches = decode_batches(tenant, bounds, blob)?;
                let batches: Vec<Value> = batches
                    .iter()
                    .map(|one| json::batch(one, *tenant))
                    .collect();
                json!({"batches": batches})
            }
        })
    }

    /// Compares ranges of a segment with the whole.
    pub fn check_parts(&self, name: &str) {
        let Stored::Segment(key, bounds, blob) = self else {
            return;
        };
        let whole = decode(key, bounds, blob).expect("it can be read");
        let n = whole.len();
        for (from, to) in [(0, n / 3), (n / 4, n - n / 4), (n / 2, n), (n - 1, n)] {
            let start = whole.valid_time[from];
            let end = match whole.valid_time.get(to) {
                Some(&end) => end,
                None => bounds.max_valid + 1,
            };
            let part = decode_range(key, bounds, blob, Some(start), Some(end));
            let part = part.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(
                part.valid_time == whole.clone().between(start, end).valid_time,
                "{name}, from {from} to {to}"
            );
            if !part.is_empty() {
                let expected = json::points(&whole.clone().between(start, end), key.tenant);
                assert!(
                    json::points(&part, key.tenant) == expected,
                    "{name}, from {from} to {to}"
                );
            }
        }
    }
}
