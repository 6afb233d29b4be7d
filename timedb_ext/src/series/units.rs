//! Values in the unit that a reader or a writer asks for.

use crate::pg::error::{Error, Result, SqlState};
use crate::series::SeriesInfo;
use timedb_rules::labels::check_unit;
use timedb_units::Conversion;

/// How to convert each of the series, which get the new unit.
///
/// # Errors
/// 22023 for an invalid unit, and for a series whose unit measures something else, naming both units.
pub fn conversions(series: &mut [SeriesInfo], unit: &str) -> Result<Vec<Conversion>> {
    check_unit(unit)?;
    series
        .iter_mut()
        .map(|series| {
            pgrx::check_for_interrupts!();
            let conversion = Conversion::between(&series.unit, unit).map_err(|error| {
                Error::invalid(error.to_string())
                    .detail(format!("The series is \"{}\".", series.name))
                    .hint("docs/units.md lists the known units.")
            })?;
            series.unit = unit.trim().to_owned();
            Ok(conversion)
        })
        .collect()
}

/// Converts values, of which nulls are 0 and are never looked at.
///
/// # Errors
/// 22003 for a value that is too large in the other unit.
pub fn convert(conversion: &Conversion, values: &mut [f64]) -> Result<()> {
    if conversion.is_identity() {
        return Ok(());
    }
    for value in values {
        let converted = conversion.apply(*value);
        if !converted.is_finite() {
            return Err(Error::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                // Debug has an exponent where 300 digits would stand.
                format!("{value:?} is too large to be converted to the other unit"),
            ));
        }
        *value = converted;
    }
    Ok(())
}
