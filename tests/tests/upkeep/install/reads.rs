//! The functions that read are declared with the arguments that library and server know, and no others.

use timedb_tests::{Db, Role};
use timedb_wire::reads::{self, Argument};

use super::none;

#[tokio::test]
async fn functions_that_read_take_the_arguments_of_the_list() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    for function in reads::FUNCTIONS {
        let row = client
            .query_one(
                "SELECT proargnames[1:pronargs], (proargtypes::regtype[])::text[], (pronargs - pronargdefaults)::int,
                        oid = to_regprocedure($2), $3::text[]::regtype[]::text[]
                 FROM pg_proc WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND proname = $1 AND proargnames[1] <> 'series'",
                &[
                    &function.name,
                    &function.signature(),
                    &function.arguments.iter().map(|a| a.kind().sql_type()).collect::<Vec<_>>(),
                ],
            )
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", function.name));
        let listed: Vec<&str> = function.arguments.iter().map(|a| a.name()).collect();
        assert_eq!(row.get::<_, Vec<&str>>(0), listed, "{}", function.name);
        let (types, expected): (Vec<String>, Vec<String>) = (row.get(1), row.get(4));
        assert_eq!(types, expected, "{}", function.name);
        assert!(row.get::<_, bool>(3), "{}", function.signature());
        // Everything else may be left out.
        let needed = [Argument::Mode, Argument::Bucket];
        let needed = function.arguments.iter().filter(|a| needed.contains(a));
        assert_eq!(
            row.get::<_, i32>(2),
            needed.count() as i32,
            "{}",
            function.name
        );
    }
    // Those that begin with series_id have a second form, which begins with the name of a series.
    for function in reads::FUNCTIONS {
        let by_name = client
            .query_opt(
                "SELECT proargnames[1:pronargs], pronargs - pronargdefaults = 1, proargtypes[0] = 'text'::regtype
                 FROM pg_proc WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND proname = $1 AND proargnames[1] = 'series'",
                &[&function.name],
            )
            .await
            .unwrap();
        let begins_so = function.arguments[0] == Argument::SeriesId;
        assert_eq!(by_name.is_some(), begins_so, "{}", function.name);
        let Some(by_name) = by_name else { continue };
        let listed = function.arguments[1..].iter().map(|a| a.name());
        let listed: Vec<&str> = ["series"].into_iter().chain(listed).collect();
        assert_eq!(by_name.get::<_, Vec<&str>>(0), listed, "{}", function.name);
        assert!(
            by_name.get::<_, bool>(1) && by_name.get(2),
            "{}",
            function.name
        );
    }
    // These take arrays instead of filters.
    let others = ["read_points", "_read_points_packed"];
    let listed = reads::FUNCTIONS.map(|function| function.name);
    let listed = [&listed[..], &others].concat().join(", ");
    none(
        &client,
        &format!(
            "SELECT proname::text FROM pg_proc WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
             AND proname ~ '^_?read_' AND proname <> ALL ('{{{listed}}}')"
        ),
    )
    .await;
}
