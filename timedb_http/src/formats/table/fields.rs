//! Which columns the table of an upload may have, and where they are in one.

use super::trouble::Troubles;
use crate::formats::scalar::Problem;

/// A table with more columns is none of an upload.
pub(super) const MOST_COLUMNS: usize = 64;

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableField {
    ValidTime,
    ValidTimeEnd,
    KnownTime,
    Value,
    Name,
    SeriesId,
    Labels,
    Unit,
}

impl TableField {
    const COUNT: usize = 8;

    /// All names that a column may have.
    pub(crate) const NAMES: [(&'static str, Self); 10] = [
        ("valid_time", Self::ValidTime),
        ("valid_time_end", Self::ValidTimeEnd),
        ("known_time", Self::KnownTime),
        ("knowledge_time", Self::KnownTime),
        ("value", Self::Value),
        ("name", Self::Name),
        ("value_key", Self::Name),
        ("series_id", Self::SeriesId),
        ("labels", Self::Labels),
        ("unit", Self::Unit),
    ];
}

/// A column of a table: its place, and its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub place: usize,
    pub name: &'static str,
}

/// Where the fields of an upload are in a table.
#[derive(Debug, Default)]
pub(super) struct Fields([Option<Placed>; TableField::COUNT]);

impl Fields {
    /// Finds them among the names of a table's columns; `None` where the table can't be read by them.
    pub(super) fn find<'n>(
        names: impl ExactSizeIterator<Item = &'n str>,
        troubles: &mut Troubles,
    ) -> Option<Self> {
        if names.len() > MOST_COLUMNS {
            let told = format!(
                "Input should have at most {MOST_COLUMNS} columns, not {}",
                names.len()
            );
            troubles.whole("too_long", &told);
            return None;
        }
        let mut found = Self::default();
        for (place, name) in names.enumerate() {
            let known = TableField::NAMES.iter().find(|(known, _)| *known == name);
            let Some((name, field)) = known else {
                let told = format!(
                    "Extra inputs are not permitted: the columns of an upload are {}",
                    TableField::NAMES.map(|(name, _)| name).join(", ")
                );
                troubles.column(name, Problem::new("extra_forbidden", &told));
                continue;
            };
            let slot = &mut found.0[*field as usize];
            if let Some(other) = slot {
                let told = format!(
                    "Value error, there is a column {} already, which says the same",
                    other.name
                );
                troubles.column(name, Problem::new("value_error", &told));
            }
            *slot = Some(Placed { place, name });
        }
        let missing = |troubles: &mut Troubles, name: &str| {
            troubles.column(name, Problem::new("missing", "Field required"));
        };
        if found.get(TableField::ValidTime).is_none() {
            missing(troubles, "valid_time");
        }
        if found.get(TableField::Name).is_none() && found.get(TableField::SeriesId).is_none() {
            missing(troubles, "name");
        }
        troubles.is_empty().then_some(found)
    }

    pub(super) fn get(&self, field: TableField) -> Option<Placed> {
        self.0[field as usize]
    }
}
