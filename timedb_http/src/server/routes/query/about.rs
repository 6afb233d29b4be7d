//! What an upload says in its query: where its body is a table, there is no room for it elsewhere.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use uuid::Uuid;

use super::{each, time_unit, values, wrong};
use crate::{
    formats::table::TableFormat,
    server::{
        body::{AboutUpload, BodyFormat, Problem},
        db::PgInstant,
        guard::Query,
        head::Head,
        instant::TimeUnit,
    },
};

/// The query of an upload.
#[derive(Debug, Default)]
pub(crate) struct UploadQuery {
    pub format: Option<BodyFormat>,
    pub unit: Option<TimeUnit>,
    start: Option<i64>,
    about: AboutUpload,
    /// The first parameter that only goes with a table.
    of_table: Option<String>,
}

/// Reads the query.
///
/// # Errors
/// 422 for what is not known, or can't be read.
pub(crate) fn parse(head: &Head) -> Query<UploadQuery> {
    let unit = time_unit(head.query());
    let mut asked = UploadQuery {
        unit,
        ..UploadQuery::default()
    };
    let about = &mut asked.about;
    each(head.query(), |name, value| {
        let instant = |value| values::instant(value, unit).map(|PgInstant(micros)| micros);
        match name {
            "time_unit" => return values::time_unit(value),
            "format" => {
                let known = ["json", "ndjson", "csv", "arrow", "parquet"];
                asked.format = Some(match values::choice(value, &known, |name| name)? {
                    "json" => BodyFormat::Json,
                    "ndjson" => BodyFormat::Ndjson,
                    "csv" => BodyFormat::Table(TableFormat::Csv),
                    "arrow" => BodyFormat::Table(TableFormat::Arrow),
                    _ => BodyFormat::Table(TableFormat::Parquet),
                });
                return Ok(());
            }
            "batch_start_time" => asked.start = Some(instant(value)?),
            "batch_finish_time" => about.batch_finish_time = Some(instant(value)?),
            "known_time" => about.known_time = Some(instant(value)?),
            "workflow_id" => about.workflow_id = Some(values::text(value)?),
            "batch_id" => about.batch_id = Some(values::id(value)?),
            "skip_unchanged" => about.skip_unchanged = values::truth(value)?,
            "batch_params" => about.batch_params = Some(values::labels(value)?),
            _ => return Err(values::unknown()),
        }
        asked.of_table.get_or_insert_with(|| name.to_owned());
        Ok(())
    })?;
    Ok(asked)
}

impl UploadQuery {
    /// Refuses what a body of JSON says itself.
    pub(crate) fn refuse_beside_json(&self) -> Query<()> {
        match &self.of_table {
            None => Ok(()),
            Some(name) => {
                let told = "Extra inputs are not permitted: it belongs to the body, which is JSON";
                let problem = Problem::new("extra_forbidden", told);
                Err(vec![wrong(&["query", name], Value::Null, problem)])
            }
        }
    }

    /// What is said besides the rows. The work began now, unless it says otherwise; a request that may be sent again has to
    /// say it, because it would not be the same one.
    ///
    /// # Errors
    /// 422 where it does not say it.
    pub(crate) fn about(mut self, is_named: bool) -> Query<(Option<TimeUnit>, AboutUpload)> {
        let named: Option<Uuid> = self.about.batch_id;
        self.about.batch_start_time = match self.start {
            Some(start) => start,
            None if is_named || named.is_some() => {
                let told = "Field required with batch_id and Idempotency-Key: sent again, the request has to be the same";
                let problem = Problem::new("missing", told);
                let place = ["query", "batch_start_time"];
                return Err(vec![wrong(&place, Value::Null, problem)]);
            }
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                let micros = since.map_or(0, |since| since.as_micros());
                i64::try_from(micros).unwrap_or(i64::MAX)
            }
        };
        Ok((self.unit, self.about))
    }
}
