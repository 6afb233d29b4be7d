//! A tenant of a random history: writes into the store and into the model, and holds reads against the model.

use timedb_tests::rows::model::Model;
use timedb_tests::rows::packed::parse_chunk;
use timedb_tests::rows::{Arguments, Filter, Mode, Point, Written, read};
use timedb_tests::times::Micros;
use timedb_tests::{Db, Server, Tenant, count};
use tokio_postgres::Client;
use uuid::Uuid;

use super::answers;

/// One upload: columns for `timedb.upload`.
#[derive(Default)]
pub struct Upload {
    /// A name a point.
    pub name: Vec<&'static str>,
    /// `valid_time`.
    pub valid: Vec<Micros>,
    /// `valid_time_end`.
    pub end: Vec<Option<Micros>>,
    /// The values.
    pub value: Vec<Option<f64>>,
    /// `known_time`; now without it.
    pub known: Option<Micros>,
    /// `known_times`: of a point that has none it is `known`.
    pub known_times: Option<Vec<Option<Micros>>>,
}

/// A tenant with a session of its own and what it has written.
pub struct Writer {
    pub client: Client,
    tenant: Tenant,
    /// All that it has written.
    pub model: Model,
}

impl Writer {
    /// A tenant that has written nothing.
    pub async fn new(db: &Db, tenant: &Tenant) -> Self {
        Self {
            client: db.login(tenant).await,
            tenant: tenant.clone(),
            model: Model::default(),
        }
    }

    /// Writes, and remembers.
    pub async fn upload(&mut self, upload: Upload) {
        let row = self
            .client
            .query_one(
                "SELECT batch_id, points, series_ids
                 FROM timedb.upload($1, $2, $3, valid_time_end => $4, known_time => $5, known_times => $6)",
                &[
                    &upload.valid,
                    &upload.value,
                    &upload.name,
                    &upload.end,
                    &upload.known,
                    &upload.known_times,
                ],
            )
            .await
            .unwrap_or_else(|error| panic!("upload: {error:?}"));
        assert_eq!(row.get::<_, i64>("points"), upload.valid.len() as i64);
        let batch_id: Uuid = row.get("batch_id");
        let batch = self
            .client
            .query_one(
                "SELECT known_time, change_time FROM timedb.batches WHERE batch_id = $1",
                &[&batch_id],
            )
            .await
            .unwrap();
        let (known, change): (Micros, Micros) = (batch.get(0), batch.get(1));
        let mut distinct = Vec::new();
        for name in &upload.name {
            if !distinct.contains(name) {
                distinct.push(*name);
            }
        }
        let ids: Vec<Uuid> = row.get("series_ids");
        assert_eq!(ids.len(), distinct.len(), "one id for each distinct name");
        for (name, id) in distinct.iter().zip(&ids) {
            let names = &mut self.model.names;
            let known_as = names.entry(*id).or_insert_with(|| (*name).to_owned());
            assert_eq!(known_as, name, "an id means one name for ever");
        }
        let written = Written {
            batch_id,
            value_id: self.value_id(batch_id, change).await,
            changed_by: Some(self.tenant.user_id),
        };
        if let Some(said) = upload.known {
            assert_eq!(said, known, "the batch has its own");
        }
        let own = |i: usize| upload.known_times.as_ref().and_then(|times| times[i]);
        for i in 0..upload.valid.len() {
            let place = distinct.iter().position(|name| *name == upload.name[i]);
            self.model.written.push(Point {
                series_id: ids[place.expect("its own name")],
                valid: upload.valid[i].0,
                end: upload.end[i].map(|end| end.0),
                known: own(i).unwrap_or(known).0,
                change: change.0,
                value: upload.value[i].map(f64::to_bits),
                written: written.clone(),
            });
        }
    }

    /// What a batch's versions are told by: one number, of no other batch.
    async fn value_id(&self, batch_id: Uuid, change: Micros) -> i64 {
        let rows = self
            .client
            .query(
                "SELECT DISTINCT value_id FROM timedb.read_versions(as_of_change => $2)
                 WHERE batch_id = $1 AND change_time = $2",
                &[&batch_id, &change],
            )
            .await
            .unwrap();
        assert_eq!(rows.len(), 1, "value_ids of one batch");
        let value_id: i64 = rows[0].get(0);
        let mut others = self.model.written.iter().map(|point| &point.written);
        assert!(others.all(|written| written.value_id != value_id));
        value_id
    }

    /// Holds a read in SQL against the model, as rows and in packed chunks.
    pub async fn check(&self, mode: Mode, filter: &Filter, story: &str) {
        let story = format!("{story}: {mode:?} {filter:?}");
        let expected = self.model.read(mode, filter);
        // Packed chunks come in their order, to the last column.
        same(&expected, &self.read_packed(mode, filter).await, &story);
        let (filter, expected) = match mode {
            Mode::Relative => {
                let filter = filter.of_read_relative();
                let expected = self.model.read(mode, &filter);
                (filter, expected)
            }
            _ => (filter.clone(), expected),
        };
        let mut found = read(&self.client, mode, &filter).await;
        let in_time = found.is_sorted_by_key(|point| (point.series_id, point.valid));
        assert!(in_time, "{story}: not in the order of series and time");
        found.sort();
        same(&expected, &found, &format!("{story}, rows"));
        let noted = "SELECT count(*) FROM timedb.read_versions()
                     WHERE annotation IS NOT NULL OR tags IS NOT NULL OR metadata IS NOT NULL";
        assert_eq!(
            count(&self.client, noted, &[]).await,
            0,
            "{story}: nobody wrote a note"
        );
    }

    /// Holds a read over HTTP against the model.
    pub async fn check_answer(&self, server: &Server, mode: Mode, filter: &Filter, story: &str) {
        let story = format!("{story}: GET {mode:?} {filter:?}");
        let path = format!("/values?{}", answers::query(mode, filter));
        let reply = server.get(&path, Some(&self.tenant.key)).await;
        assert_eq!(reply.status, 200, "{story}: {path}: {reply:?}");
        let mut found = answers::points(&reply.json(), mode);
        let key = |point: &Point| match mode {
            Mode::Overlapping => (point.known, point.valid, point.series_id),
            _ => (0, point.valid, point.series_id),
        };
        assert!(found.is_sorted_by_key(key), "{story}: not in order");
        found.sort();
        same(&self.model.read(mode, filter), &found, &story);
    }

    async fn read_packed(&self, mode: Mode, filter: &Filter) -> Vec<Point> {
        let arguments = Arguments::of(filter);
        let (mut list, mut values) = (String::new(), Vec::new());
        for (name, value) in arguments.named() {
            // Of another mode, the cut-off is not an argument.
            if mode == Mode::Relative || !timedb_tests::rows::CUTOFF.contains(&name) {
                values.push(value);
                list += &format!(", {name} => ${}", values.len());
            }
        }
        let query = format!(
            "SELECT timedb_internal._read_packed('{}'{list})",
            mode.name()
        );
        let rows = self
            .client
            .query(&query, &values)
            .await
            .unwrap_or_else(|error| panic!("{query} {filter:?}: {error:?}"));
        let mut points = Vec::new();
        for row in rows {
            let chunk = parse_chunk(row.get(0));
            for (id, name) in &chunk.series {
                assert_eq!(self.model.names.get(id), Some(name));
            }
            points.extend(chunk.points);
        }
        points
    }
}

#[track_caller]
fn same(expected: &[Point], found: &[Point], what: &str) {
    let difference = expected.iter().zip(found).position(|(a, b)| a != b);
    if let Some(at) = difference {
        panic!(
            "{what}: row {at} is {:?} instead of {:?}",
            found[at], expected[at]
        );
    }
    assert_eq!(found.len(), expected.len(), "{what}: number of rows");
}
