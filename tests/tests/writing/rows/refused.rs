//! Rows that cannot be stored: each error names its row or point, and leaves nothing of the statement.

use timedb_tests::{Db, Role, count, refusal, run};

use super::{batches, copy, rows};

#[tokio::test]
async fn a_row_that_cannot_be_stored_is_named_and_nothing_is_stored() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "INSERT INTO timedb.values (name, unit, valid_time, value) VALUES ('x', 'MW', '2025-01-01Z', 1)").await;
    let id = &rows(&client, "SELECT series_id FROM timedb.series").await[0];
    let good = "'good', NULL, NULL, NULL, '2025-01-01Z', NULL, 1";
    for (bad, code, said) in [
        (
            "NULL, NULL, NULL, NULL, '2025-01-01Z', NULL, 1",
            "22004",
            "row 2 has neither name nor series_id",
        ),
        (
            "'x', NULL, NULL, NULL, NULL, NULL, 1",
            "22004",
            "row 2 has no valid_time",
        ),
        (
            "'x', 'ID', NULL, NULL, '2025-01-01Z', NULL, 1",
            "22023",
            "row 2 has both name and series_id",
        ),
        (
            "NULL, 'ID', '{}', NULL, '2025-01-01Z', NULL, 1",
            "22023",
            "row 2 has labels beside series_id ID",
        ),
        (
            "'x', NULL, '[]', NULL, '2025-01-01Z', NULL, 1",
            "22023",
            "row 2: labels must be a JSON object",
        ),
        (
            "'', NULL, NULL, NULL, '2025-01-01Z', NULL, 1",
            "22023",
            "must not be empty",
        ),
        (
            "'x', NULL, NULL, '°C', '2025-01-01Z', NULL, 1",
            "23505",
            "series \"x\"",
        ),
        (
            "'x', NULL, NULL, NULL, 'infinity', NULL, 1",
            "22008",
            "valid_time must not be infinity",
        ),
        (
            "'x', NULL, NULL, NULL, '2025-01-01Z', '2025-01-01Z', 1",
            "22023",
            "valid_time_end",
        ),
        (
            "'x', NULL, NULL, NULL, '2025-01-01Z', NULL, '-Infinity'",
            "22003",
            "value must be finite",
        ),
        (
            "'good', NULL, NULL, NULL, '2025-01-01Z', NULL, 2",
            "21000",
            "point occurs twice",
        ),
        (
            "NULL, '00000000-0000-7000-8000-000000000000', NULL, NULL, '2025-01-01Z', NULL, 2",
            "42704",
            "does not exist",
        ),
    ] {
        let bad = bad.replace("ID", id);
        let insert = format!(
            "INSERT INTO timedb.values (name, series_id, labels, unit, valid_time, valid_time_end, value)
             VALUES ({good}), ({bad})"
        );
        let (state, message) = refusal(client.batch_execute(&insert).await);
        assert_eq!(state, code, "{bad}: {message}");
        assert!(
            message.contains(&said.replace("ID", id)),
            "{bad}: {message}"
        );
    }
    let lead = "INSERT INTO timedb.forecasts (name, valid_time, lead_time, value) VALUES ('x', '2025-01-01Z', '1h', 1)";
    assert_eq!(
        refusal(client.batch_execute(lead).await),
        ("22023".to_owned(), "row 1 has a lead_time".to_owned())
    );
    let other = "INSERT INTO timedb.values (name, valid_time, value, colour) VALUES ('x', '2025-01-01Z', 1, 'red')";
    assert_eq!(refusal(client.batch_execute(other).await).0, "42703");
    let copied = copy(
        &client,
        "COPY timedb.values (name, valid_time, value) FROM STDIN",
        "good\t2025-01-01Z\t1\n\\N\t2025-01-01Z\t1\n",
    )
    .await;
    assert_eq!(
        refusal(copied),
        (
            "22004".to_owned(),
            "row 2 has neither name nor series_id".to_owned()
        )
    );
    for statement in [
        "UPDATE timedb.values SET value = 1",
        "DELETE FROM timedb.values",
    ] {
        assert_eq!(
            refusal(client.batch_execute(statement).await).0,
            "55000",
            "{statement}"
        );
    }
    let update =
        "INSERT INTO timedb.values (name, valid_time, value) VALUES ('x', '2025-01-01Z', 1)
                  ON CONFLICT (name) DO UPDATE SET value = 1";
    assert_eq!(refusal(client.batch_execute(update).await).0, "42501");
    assert_eq!(batches(&client).await, ["1"]);
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.series", &[]).await,
        1
    );
}

#[tokio::test]
async fn who_may_not_write_inserts_no_rows_either() {
    let db = Db::new().await;
    let inserts = [
        "INSERT INTO timedb.values (name, valid_time, value) VALUES ('x', '2025-01-01Z', 1)",
        "INSERT INTO timedb.forecasts (name, valid_time, value) SELECT 'x', now(), 1 WHERE false",
    ];
    for insert in inserts {
        for role in [Role::User, Role::Session, Role::Superuser] {
            let client = db.connect(role).await;
            assert_eq!(
                refusal(client.batch_execute(insert).await).0,
                "28000",
                "{role:?}"
            );
        }
        for role in [Role::Admin, Role::Owner, Role::Nobody] {
            let client = db.connect(role).await;
            assert_eq!(
                refusal(client.batch_execute(insert).await).0,
                "42501",
                "{role:?}"
            );
        }
    }
    let superuser = db.connect(Role::Superuser).await;
    run(
        &superuser,
        "UPDATE timedb_internal.api_keys SET access = 'read_only'",
    )
    .await;
    let client = db.login(db.a()).await;
    for insert in inserts {
        assert_eq!(
            refusal(client.batch_execute(insert).await).0,
            "42501",
            "{insert}"
        );
    }
    // Another tenant's series is one that does not exist.
    run(
        &superuser,
        "UPDATE timedb_internal.api_keys SET access = 'read_write'",
    )
    .await;
    let (a, b) = (db.login(db.a()).await, db.login(db.b()).await);
    run(&a, inserts[0]).await;
    let id = &rows(&a, "SELECT series_id FROM timedb.series").await[0];
    let reach = format!(
        "INSERT INTO timedb.values (series_id, valid_time, value) VALUES ('{id}', '2025-01-01Z', 2)"
    );
    assert_eq!(refusal(b.batch_execute(&reach).await).0, "42704");
    run(&b, inserts[0]).await;
    assert_eq!(batches(&a).await, ["1"]);
    let bound = format!("SELECT count(*) FROM timedb.series WHERE series_id <> '{id}'");
    assert_eq!(count(&b, &bound, &[]).await, 1);
}

#[tokio::test]
async fn a_statement_that_changes_the_tenant_stores_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let insert = "INSERT INTO timedb.values (name, valid_time, value)
                  SELECT 'x', timestamptz '2025-01-01Z' + i * interval '1 hour', CASE WHEN i = 2 THEN length(timedb.login($1)::text) END
                  FROM generate_series(1, 3) AS i";
    run(&client, "BEGIN; SELECT timedb.hide_parameters()").await;
    assert_eq!(
        refusal(client.execute(insert, &[&db.b().key]).await).0,
        "55000"
    );
    run(&client, "ROLLBACK").await;
    for tenant in [db.a(), db.b()] {
        let client = db.login(tenant).await;
        assert_eq!(batches(&client).await, [""; 0]);
    }
}

#[tokio::test]
async fn nobody_makes_a_trigger_of_the_functions_or_another_of_the_views() {
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    let problems = "SELECT count(*) FROM timedb.isolation_problems()";
    assert_eq!(count(&superuser, problems, &[]).await, 0);
    for function in ["_take_row", "_store_rows"] {
        let client = db.connect(Role::Owner).await;
        run(
            &client,
            "CREATE TABLE IF NOT EXISTS public.mine (name text)",
        )
        .await;
        let trigger = format!(
            "CREATE TRIGGER t AFTER INSERT ON public.mine FOR EACH STATEMENT EXECUTE FUNCTION timedb_internal.{function}()"
        );
        assert_eq!(
            refusal(client.batch_execute(&trigger).await).0,
            "42501",
            "{function}"
        );
        // Whoever may, gains nothing by it.
        run(&superuser, &trigger).await;
        assert_eq!(
            refusal(
                superuser
                    .batch_execute("INSERT INTO public.mine VALUES ('x')")
                    .await
            )
            .0,
            "39P01",
            "{function}"
        );
        run(&superuser, "DROP TRIGGER t ON public.mine").await;
    }
    run(
        &superuser,
        "CREATE FUNCTION public.spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    )
    .await;
    for weakened in [
        "CREATE TRIGGER a INSTEAD OF INSERT ON timedb.values FOR EACH ROW EXECUTE FUNCTION public.spy()",
        "CREATE TRIGGER a INSTEAD OF UPDATE ON timedb.values FOR EACH ROW EXECUTE FUNCTION timedb_internal._take_row()",
        "CREATE TRIGGER a INSTEAD OF INSERT ON timedb.versions FOR EACH ROW EXECUTE FUNCTION public.spy()",
        "CREATE TRIGGER a AFTER INSERT ON timedb.series FOR EACH STATEMENT EXECUTE FUNCTION timedb_internal._store_rows()",
        "CREATE RULE a AS ON INSERT TO timedb.values DO ALSO NOTHING",
    ] {
        run(&superuser, "BEGIN").await;
        run(&superuser, weakened).await;
        assert_eq!(count(&superuser, problems, &[]).await, 1, "{weakened}");
        run(&superuser, "ROLLBACK").await;
    }
}
