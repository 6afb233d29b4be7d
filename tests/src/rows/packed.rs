//! The packed chunks of `timedb_internal._read_packed`, version 1, read a second time from their description:
//! little-endian columns behind a dictionary of series.

use uuid::Uuid;

use crate::rows::{Point, Written};

/// What a chunk holds.
pub struct Chunk {
    /// Id and name of its series, in order.
    pub series: Vec<(Uuid, String)>,
    /// Its points, in order.
    pub points: Vec<Point>,
}

/// Reads a chunk.
///
/// # Panics
/// When it is not exactly what version 1 says.
pub fn parse_chunk(bytes: &[u8]) -> Chunk {
    let mut input = Input(bytes);
    let head = input.take(4);
    assert_eq!(
        (head[0], head[2], head[3]),
        (1, 0, 0),
        "version and padding"
    );
    let flags = head[1];
    let (n_series, n) = (input.number(), input.number());
    let mut series = Vec::new();
    for _ in 0..n_series {
        let id = input.id();
        let (name, _unit, labels) = (input.text(), input.text(), input.text());
        assert!(
            labels.starts_with('{'),
            "labels are a JSON object: {labels}"
        );
        series.push((id, name));
    }
    let mut owners = Vec::new();
    for (id, _) in &series {
        owners.extend(vec![*id; input.number()]);
    }
    assert_eq!(owners.len(), n, "the runs are all points");
    let valid = input.column(n);
    let ends = (flags & 1 != 0).then(|| input.column(n));
    let values = input.column(n);
    let nulls = (flags & 2 != 0).then(|| input.take(n.div_ceil(8)));
    let known = (flags & 4 != 0).then(|| input.column(n));
    let change = (flags & 8 != 0).then(|| input.column(n));
    let (mut written, mut places) = (Vec::new(), Vec::new());
    let (mut notes, mut note) = (Vec::new(), Vec::new());
    let value_id = (flags & 8 != 0).then(|| input.column(n));
    if value_id.is_some() {
        (written, places) = input.dictionary(n, Input::batch);
    }
    if flags & 16 != 0 {
        (notes, note) = input.dictionary(n, Input::note);
    }
    assert!(input.0.is_empty(), "nothing comes after the columns");
    let is_null = |i: usize| nulls.is_some_and(|bits| bits[i / 8] >> (i % 8) & 1 == 1);
    let point = |i: usize| Point {
        series_id: owners[i],
        valid: valid[i],
        end: ends
            .as_ref()
            .map(|ends| ends[i])
            .filter(|&end| end != i64::MIN),
        known: known.as_ref().map_or(0, |known| known[i]),
        change: change.as_ref().map_or(0, |change| change[i]),
        value: (!is_null(i)).then(|| values[i].cast_unsigned()),
        written: value_id.as_ref().map_or(Written::default(), |value_id| {
            let (batch_id, user) = written[places[i]];
            Written {
                batch_id,
                value_id: value_id[i],
                changed_by: note.get(i).and_then(|place: &usize| notes[*place]).or(user),
            }
        }),
    };
    let points = (0..n).map(point).collect();
    Chunk { series, points }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> usize {
        u32::from_le_bytes(self.take(4).try_into().expect("4 bytes")) as usize
    }

    fn text(&mut self) -> String {
        let length = self.number();
        String::from_utf8(self.take(length).to_vec()).expect("texts are UTF-8")
    }

    /// Entries, and for each point its place among them.
    fn dictionary<T>(
        &mut self,
        points: usize,
        entry: impl Fn(&mut Self) -> T,
    ) -> (Vec<T>, Vec<usize>) {
        let entries = (0..self.number()).map(|_| entry(self)).collect::<Vec<_>>();
        let places = (0..points).map(|_| self.number()).collect::<Vec<_>>();
        let inside = places.iter().all(|place| *place < entries.len());
        assert!(inside, "places in the dictionary");
        (entries, places)
    }

    /// A batch, and who wrote it if that is known.
    fn batch(&mut self) -> (Uuid, Option<Uuid>) {
        let id = self.id();
        let known = self.take(1)[0] != 0;
        let user = self.id();
        (id, known.then_some(user))
    }

    /// Annotation, tags and metadata, as far as the bits say that they are there; returns changed_by.
    fn note(&mut self) -> Option<Uuid> {
        let bits = self.take(1)[0];
        if bits & 1 != 0 {
            self.text();
        }
        if bits & 2 != 0 {
            let tags = self.number();
            (0..tags).for_each(|_| drop(self.text()));
        }
        if bits & 4 != 0 {
            self.text();
        }
        (bits & 8 != 0).then(|| self.id())
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_slice(self.take(16)).expect("16 bytes are an id")
    }

    fn column(&mut self, points: usize) -> Vec<i64> {
        let bytes = self.take(8 * points).as_chunks::<8>().0;
        bytes.iter().map(|word| i64::from_le_bytes(*word)).collect()
    }
}
