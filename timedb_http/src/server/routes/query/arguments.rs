//! What a query string passes to the functions that read. A list (crate timedb_wire, `reads`) says which arguments there
//! are and what each contains; `values` converts the texts.

use std::{borrow::Cow, error::Error};

use bytes::BytesMut;
use timedb_wire::reads::{Argument, Function, Kind};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::values;
use crate::server::{
    body::Problem,
    db::Parameter,
    db::PgInstant,
    duration::{Interval, TimeOfDay},
    instant::TimeUnit,
};

/// What an argument is given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given {
    /// Also JSON.
    Text(Cow<'static, str>),
    Texts(Vec<Cow<'static, str>>),
    Ids(Vec<Uuid>),
    Instant(PgInstant),
    Length(Interval),
    Integer(i32),
    TimeOfDay(TimeOfDay),
    Truth(bool),
}

/// The arguments of a function, as far as they are given.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Arguments([Option<Given>; Argument::COUNT]);

impl Arguments {
    pub(super) fn has(&self, argument: Argument) -> bool {
        self.0[argument as usize].is_some()
    }

    pub(crate) fn get(&self, argument: Argument) -> Option<&Given> {
        self.0[argument as usize].as_ref()
    }

    /// Takes a given one back.
    pub(in crate::server::routes) fn take_off(&mut self, argument: Argument) {
        self.0[argument as usize] = None;
    }

    pub(in crate::server::routes) fn give(&mut self, argument: Argument, given: Given) {
        self.0[argument as usize] = Some(given);
    }

    /// Takes a parameter of the query string, if it is one of those known.
    pub(crate) fn take(
        &mut self,
        known: &[Argument],
        name: &str,
        value: &str,
        unit: Option<TimeUnit>,
    ) -> Result<(), Problem> {
        if name == "time_unit" {
            return values::time_unit(value);
        }
        let mut known = known.iter().copied();
        let argument = known
            .find(|argument| argument.parameter() == name)
            .ok_or_else(values::unknown)?;
        if argument == Argument::Name {
            return self.take_name(values::text(value)?);
        }
        let place = &mut self.0[argument as usize];
        let given = match argument.kind() {
            Kind::Instant => Given::Instant(values::instant(value, unit)?),
            Kind::Length => Given::Length(values::length(value)?),
            Kind::Integer => Given::Integer(values::integer(value)?),
            Kind::TimeOfDay => Given::TimeOfDay(values::time_of_day(value)?),
            Kind::Truth => Given::Truth(values::truth(value)?),
            Kind::Text | Kind::Labels => Given::Text(match argument {
                Argument::Fill => values::fill(value)?.into(),
                Argument::Labels => values::labels(value)?.into(),
                Argument::Unit => values::unit(value)?.into(),
                _ => values::text(value)?.into(),
            }),
            // Of these more may come.
            Kind::Ids => {
                let mut ids = match place.take() {
                    Some(Given::Ids(ids)) => ids,
                    _ => Vec::new(),
                };
                ids.extend(values::ids(value)?);
                Given::Ids(ids)
            }
            Kind::Texts => {
                let mut names = match place.take() {
                    Some(Given::Texts(names)) => names,
                    _ => Vec::new(),
                };
                values::aggregates(value, &mut names)?;
                Given::Texts(names)
            }
        };
        *place = Some(given);
        Ok(())
    }

    /// Takes a name of series; several are an argument of their own.
    fn take_name(&mut self, name: String) -> Result<(), Problem> {
        let name = Cow::from(name);
        let one = self.0[Argument::Name as usize].take();
        let several = self.0[Argument::Names as usize].take();
        let (argument, given) = match (one, several) {
            (None, Some(Given::Texts(mut names))) => {
                names.push(name);
                (Argument::Names, Given::Texts(names))
            }
            (Some(Given::Text(first)), _) => (Argument::Names, Given::Texts(vec![first, name])),
            _ => (Argument::Name, Given::Text(name)),
        };
        self.give(argument, given);
        Ok(())
    }

    /// What is given for each argument of a function, as it is sent.
    pub(super) fn bytes_of(&self, function: Function) -> impl Iterator<Item = Option<BytesMut>> {
        let sent = |(given, ty): Parameter<'_>| {
            let mut bytes = BytesMut::new();
            // What cannot be sent is refused when it is.
            let is_null = given.to_sql_checked(&ty, &mut bytes);
            matches!(is_null, Ok(IsNull::No)).then_some(bytes)
        };
        self.of(function).into_iter().map(sent)
    }

    /// The parameters of a statement that [`call`] has made.
    pub(crate) fn of(&self, function: Function) -> Vec<Parameter<'_>> {
        let parameter = |argument: &Argument| {
            let given = &self.0[*argument as usize];
            (given as &(dyn ToSql + Sync), sent_as(argument.kind()))
        };
        function.arguments.iter().map(parameter).collect()
    }
}

/// The call of a function with all of its arguments, in their order: by name, PostgreSQL takes 5 microseconds more to
/// parse it.
pub(crate) fn call(function: Function) -> String {
    let place = |(argument, number): (&Argument, usize)| match argument.kind() {
        Kind::Labels => format!("${number}::pg_catalog.text::pg_catalog.jsonb"),
        _ => format!("${number}"),
    };
    let arguments: Vec<_> = function.arguments.iter().zip(1..).map(place).collect();
    format!("{}({})", function.qualified_name(), arguments.join(", "))
}

fn sent_as(kind: Kind) -> Type {
    match kind {
        Kind::Text | Kind::Labels => Type::TEXT,
        Kind::Texts => Type::TEXT_ARRAY,
        Kind::Ids => Type::UUID_ARRAY,
        Kind::Instant => Type::TIMESTAMPTZ,
        Kind::Length => Type::INTERVAL,
        Kind::Integer => Type::INT4,
        Kind::TimeOfDay => Type::TIME,
        Kind::Truth => Type::BOOL,
    }
}

impl ToSql for Given {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Text(text) => text.to_sql_checked(ty, out),
            Self::Texts(texts) => texts.to_sql_checked(ty, out),
            Self::Ids(ids) => ids.to_sql_checked(ty, out),
            Self::Instant(instant) => instant.to_sql_checked(ty, out),
            Self::Length(length) => length.to_sql_checked(ty, out),
            Self::Integer(integer) => integer.to_sql_checked(ty, out),
            Self::TimeOfDay(time) => time.to_sql_checked(ty, out),
            Self::Truth(truth) => truth.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each value asks for itself.
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use timedb_wire::reads;

    use super::*;

    #[test]
    fn a_call_has_all_arguments_in_their_order_and_sends_labels_as_text() {
        assert_eq!(
            call(reads::READ_CHANGES_PACKED),
            "timedb_internal._read_changes_packed($1, $2, $3, $4, $5::pg_catalog.text::pg_catalog.jsonb, $6, $7)"
        );
        let arguments = Arguments::default();
        let types = arguments.of(reads::READ_CHANGES_PACKED);
        let types: Vec<Type> = types.into_iter().map(|(_, ty)| ty).collect();
        assert_eq!(types[2..5], [Type::UUID_ARRAY, Type::TEXT, Type::TEXT]);
    }
}
