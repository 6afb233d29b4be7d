//! A read as a statement of the database.

use tokio_postgres::types::{ToSql, Type};

use super::read::ReadQuery;

const READ: &str = "SELECT timedb._read_packed($1, $2, $3, $4::pg_catalog.text::pg_catalog.jsonb, \
                    $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";

const READ_BUCKETS: &str = "SELECT timedb._read_buckets_packed($1, $2, $3, $4, $5, \
                            $6::pg_catalog.text::pg_catalog.jsonb, \
                            $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

/// A parameter of a statement.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl ReadQuery {
    /// The statement, which answers with a set of packed chunks, and its parameters. `mode` is the name of
    /// the read's mode.
    pub(crate) fn statement<'a>(
        &'a self,
        mode: &'a &'static str,
    ) -> (&'static str, Vec<Parameter<'a>>) {
        let Some(buckets) = &self.buckets else {
            let mut parameters: Vec<Parameter<'a>> = vec![(mode, Type::TEXT)];
            parameters.extend(self.flat());
            parameters.extend([
                (&self.window_length as _, Type::INTERVAL),
                (&self.issue_offset, Type::INTERVAL),
                (&self.start_window, Type::TIMESTAMPTZ),
                (&self.days_ahead, Type::INT4),
                (&self.time_of_day, Type::TIME),
                (&self.tz, Type::TEXT),
                (&self.unit, Type::TEXT),
            ] as [Parameter<'a>; 7]);
            return (READ, parameters);
        };
        let mut parameters: Vec<Parameter<'a>> = vec![
            (&buckets.bucket, Type::INTERVAL),
            (&self.tz, Type::TEXT),
            (&buckets.fill, Type::TEXT),
        ];
        parameters.extend(self.flat());
        parameters.push((&self.unit, Type::TEXT));
        parameters.push((&buckets.aggregates, Type::TEXT_ARRAY));
        (READ_BUCKETS, parameters)
    }

    /// What both statements have in the same order.
    fn flat(&self) -> [Parameter<'_>; 11] {
        [
            (&self.series_id, Type::UUID_ARRAY),
            (&self.name, Type::TEXT),
            (&self.labels, Type::TEXT),
            (&self.start_valid, Type::TIMESTAMPTZ),
            (&self.end_valid, Type::TIMESTAMPTZ),
            (&self.start_known, Type::TIMESTAMPTZ),
            (&self.end_known, Type::TIMESTAMPTZ),
            (&self.as_of, Type::TIMESTAMPTZ),
            (&self.as_of_change, Type::TIMESTAMPTZ),
            (&self.min_lead, Type::INTERVAL),
            (&self.max_lead, Type::INTERVAL),
        ]
    }
}
