//! Puts the same points into both stores, many in one call, untimed.

use uuid::Uuid;

use crate::Result;
use crate::data::{Data, series_name};
use crate::encode::{Array, Instant, Load, copy_binary};
use crate::store::Store;

/// An upload of several series; returns how many points were stored.
const UPLOAD: &str = "SELECT points FROM timedb.upload(valid_time => $1, value => $2,
    name => $3, series_index => $4, known_time => $5)";

/// What an upload of a data set takes as parameters.
pub struct Arrays {
    valid_time: Array,
    value: Array,
    name: Vec<String>,
    series_index: Array,
}

impl Arrays {
    /// The data set as the parameters of an upload.
    pub fn new(data: &Data) -> Self {
        let series = data.len() / data.hours;
        Self {
            valid_time: Array::valid_times(data),
            value: Array::values(data),
            name: (data.first..data.first + series).map(series_name).collect(),
            series_index: Array::series_index(data),
        }
    }

    /// The same values for other series.
    pub fn rename(&mut self, names: Vec<String>) {
        self.name = names;
    }

    /// One upload by a client who is tenant `a`.
    ///
    /// # Errors
    /// When the server refuses, or stores another number of points.
    pub async fn upload(
        &self,
        client: &tokio_postgres::Client,
        known: i64,
        points: usize,
    ) -> Result<()> {
        let known = Instant(known);
        let row = client
            .query_one(
                UPLOAD,
                &[
                    &self.valid_time,
                    &self.value,
                    &self.name,
                    &self.series_index,
                    &known,
                ],
            )
            .await?;
        match row.get::<_, i64>(0) {
            stored if stored == points as i64 => Ok(()),
            stored => Err(format!("uploaded {stored} points, not {points}").into()),
        }
    }
}

/// Loads a data set, known at an instant, as tenant `a` and into the plain table.
///
/// # Errors
/// When a side refuses.
pub async fn both(store: &Store, data: &Data, known: i64) -> Result<()> {
    let client = store.db.login(store.db.a()).await;
    Arrays::new(data).upload(&client, known, data.len()).await?;
    let load = Load {
        tenant_id: store.db.a().tenant_id,
        batch_id: Uuid::new_v4(),
        known,
    };
    store
        .copy_in(&copy_binary(data, &load), "(FORMAT binary)")
        .await?;
    Ok(())
}
