//! Query strings: every parameter known by name and every value checked, because an ignored typo would return
//! everything. The result is what was asked for, in the form that the database's functions take.

pub(super) mod arguments;
mod buckets;
pub(super) mod escapes;
mod parameters;
mod read;
pub(super) mod values;

pub(super) use parameters::{any, each, none, parse_for_body, time_unit, wrong};
pub(super) use read::{ReadQuery, parse, parse_last};
