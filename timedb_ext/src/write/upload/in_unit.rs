//! The values of an upload in the units of their series.

use super::checks::point_at;
use crate::pg::error::{Error, Result, SqlState};
use crate::series::{Resolved, other_unit};
use timedb_rules::upload::{SeriesRef, UploadColumns};
use timedb_units::Conversion;

/// Converts the values of the series whose unit is given and is not the stored one.
///
/// # Errors
/// 23505 for a unit that measures something else than the stored one, or that nobody knows; 22003 for a
/// value that is too large in the stored unit.
pub fn convert(columns: &mut UploadColumns, resolved: &[Resolved]) -> Result<()> {
    let conversions = columns
        .series
        .iter()
        .zip(resolved)
        .map(|(series, stored)| conversion(series, &stored.unit))
        .collect::<Result<Vec<_>>>()?;
    if conversions.iter().all(Option::is_none) {
        return Ok(());
    }
    for i in 0..columns.value.len() {
        let place = columns.series_index[i] as usize;
        let null = columns.nulls.as_ref().is_some_and(|nulls| nulls[i]);
        // Unknown entries stay 0.
        let (Some(conversion), false) = (&conversions[place], null) else {
            continue;
        };
        let value = columns.value[i];
        let converted = conversion.apply(value);
        if !converted.is_finite() {
            let given = columns.series[place].unit().unwrap_or_default();
            let stored = &resolved[place].unit;
            return Err(Error::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("{value:?} {given} is too large to be stored in {stored}"),
            )
            .detail(point_at(columns, i)));
        }
        columns.value[i] = converted;
    }
    Ok(())
}

/// `None` where values stay as they are.
fn conversion(series: &SeriesRef, stored: &str) -> Result<Option<Conversion>> {
    let Some(given) = series.unit() else {
        return Ok(None);
    };
    let conversion = Conversion::between(given, stored)
        .map_err(|error| other_unit(series, stored, given).detail(format!("{error}.")))?;
    Ok(Some(conversion).filter(|conversion| !conversion.is_identity()))
}
