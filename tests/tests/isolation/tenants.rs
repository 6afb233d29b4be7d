//! Tenant A and tenant B upload the same names; whatever B asks, in whatever way, nothing of A is in
//! the answer, and what an answer is made of does not tell that A exists.

mod calls;
mod indirect;
mod moved;
mod plans;
mod rights;
mod roles;

use timedb_tests::{Db, FOR_TENANTS, Role, Tenant, authenticate, login, refusal, run, upload};
use tokio_postgres::Client;
use uuid::Uuid;

/// A database in which both tenants have series of the same names.
struct Shared {
    db: Db,
    /// The series of A, then of B.
    series: [Vec<Uuid>; 2],
}

async fn shared() -> Shared {
    let db = Db::new().await;
    let mut series = [Vec::new(), Vec::new()];
    for (ids, (tenant, marker)) in series.iter_mut().zip([(db.a(), "of-a"), (db.b(), "of-b")]) {
        let client = db.begin(tenant).await;
        for name in ["wind", "load"] {
            let query = format!(
                r#"SELECT series_ids[1] FROM timedb.upload(
                       '{{2025-01-01Z,2025-01-02Z}}', '{{1.25,NULL}}', ARRAY[$1::text],
                       idempotency_key => $1 || ' {marker}',
                       labels => ARRAY['{{"site": "north"}}'::jsonb], unit => '{{MW}}',
                       description => '{{description {marker}}}', workflow_id => 'workflow {marker}',
                       batch_params => '{{"secret": "{marker}"}}')"#
            );
            let row = client.query_one(&query, &[&name]).await.unwrap();
            ids.push(row.get(0));
        }
        run(&client, "SELECT timedb.set_retention('100 years'); COMMIT").await;
        let admin = db.connect(Role::Admin).await;
        let hold = "SELECT timedb.place_hold($1, $2)";
        admin
            .query(hold, &[&tenant.tenant_id, &format!("a case {marker}")])
            .await
            .unwrap();
    }
    Shared { db, series }
}

/// Texts that stand in everything that belongs to A.
fn traces_of_a(shared: &Shared) -> Vec<String> {
    let a = shared.db.a();
    let mut traces: Vec<String> = shared.series[0].iter().map(Uuid::to_string).collect();
    traces.extend([
        a.tenant_id.to_string(),
        a.user_id.to_string(),
        a.email.clone(),
        "of-a".to_owned(),
    ]);
    traces
}

/// What a query says, as text; `Err` is the SQLSTATE.
async fn answer(client: &Client, query: &str) -> Result<Vec<String>, String> {
    let whole_rows = format!("SELECT to_jsonb(x)::text FROM ({query}) AS x");
    match client.query(&whole_rows, &[]).await {
        Ok(rows) => Ok(rows.iter().map(|row| row.get(0)).collect()),
        Err(error) => Err(error
            .as_db_error()
            .unwrap_or_else(|| panic!("{query}: {error:?}"))
            .code()
            .code()
            .to_owned()),
    }
}

/// Tables and views of the schema.
async fn relations(db: &Db) -> Vec<String> {
    let superuser = db.connect(Role::Superuser).await;
    let rows = superuser
        .query(
            "SELECT relname::text FROM pg_class
             WHERE relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND relkind IN ('r', 'v', 'm', 'p', 'f') ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn no_relation_shows_a_row_of_another_tenant() {
    let shared = shared().await;
    let relations = relations(&shared.db).await;
    assert!(relations.len() >= 15, "{relations:?}");
    for role in [Role::User, Role::Session] {
        for tenant in [Some(shared.db.b()), None] {
            for relation in &relations {
                let client = shared.db.connect(role).await;
                run(&client, "BEGIN").await;
                if let Some(tenant) = tenant {
                    authenticate(&client, &tenant.key).await.unwrap();
                }
                let rows = answer(
                    &client,
                    &format!(
                        "SELECT * FROM {full_name}",
                        full_name = timedb_tests::qualified(relation)
                    ),
                )
                .await;
                if !FOR_TENANTS.contains(&relation.as_str()) {
                    assert_eq!(rows, Err("42501".to_owned()), "{role:?} {relation}");
                    continue;
                }
                let rows = rows.unwrap();
                assert_eq!(
                    rows.is_empty(),
                    tenant.is_none(),
                    "{role:?} {relation} {rows:?}"
                );
                for trace in traces_of_a(&shared) {
                    assert!(
                        !rows.iter().any(|row| row.contains(&trace)),
                        "{role:?} {relation} {rows:?}"
                    );
                }
            }
        }
    }
    // The traces are what would be seen: A sees them.
    let client = shared.db.begin(shared.db.a()).await;
    for relation in FOR_TENANTS {
        let rows = answer(
            &client,
            &format!(
                "SELECT * FROM {full_name}",
                full_name = timedb_tests::qualified(relation)
            ),
        )
        .await
        .unwrap();
        let seen = traces_of_a(&shared)
            .iter()
            .any(|trace| rows.iter().any(|row| row.contains(trace)));
        assert!(seen, "{relation}");
    }
}

#[tokio::test]
async fn another_tenants_series_is_answered_exactly_like_an_unknown_one() {
    let shared = shared().await;
    let (of_a, unknown) = (shared.series[0][0], Uuid::new_v4());
    let client = shared.db.connect(Role::User).await;
    for shape in [
        "upload('{2025-01-01}', '{1}', series_id => '{ID}')",
        "upload('{2025-01-01,2025-01-02}', '{1,2}', series_id => '{ID,ID}')",
        "upload('{2025-01-01}', '{1}', series_id => '{ID,OWN}', series_index => '{2}')",
        "upload('{2025-01-01}', '{NaN}', series_id => '{ID}')",
        "upload('{2025-01-01,2025-01-01}', '{1,2}', series_id => '{ID}')",
        "upload('{}', '{}', series_id => '{ID}', series_index => '{}')",
        "upload('{2025-01-01}', '{1}', series_id => '{ID}', unit => '{kW}')",
        "describe_series('ID')",
        "find_series(after => 'ID')",
        "rename_series('ID', 'mine')",
        "rename_series('ID', labels => '{}')",
        "update_series('ID', 'mine')",
        "update_series('ID', unit => 'kW')",
    ] {
        let mut answers = Vec::new();
        for id in [of_a, unknown] {
            run(&client, "BEGIN").await;
            authenticate(&client, &shared.db.b().key).await.unwrap();
            let call = shape
                .replace("ID", &id.to_string())
                .replace("OWN", &shared.series[1][0].to_string());
            let refused = client
                .query(&format!("SELECT timedb.{call}"), &[])
                .await
                .unwrap_err();
            let told = format!("{:?}", refused.as_db_error().unwrap());
            answers.push(told.replace(&id.to_string(), "ID"));
            run(&client, "ROLLBACK").await;
        }
        assert_eq!(answers[0], answers[1], "{shape}");
    }
    run(&client, "BEGIN").await;
    authenticate(&client, &shared.db.b().key).await.unwrap();
    let call =
        format!("SELECT timedb.upload('{{2025-01-01}}', '{{1}}', series_id => '{{{of_a}}}')");
    let refused = refusal(client.query(&call, &[]).await);
    assert_eq!(
        refused,
        (
            "42704".to_owned(),
            format!("series \"{of_a}\" does not exist")
        )
    );
}

#[tokio::test]
async fn names_and_units_of_one_tenant_do_not_limit_another() {
    let db = Db::new().await;
    let mut ids = Vec::new();
    for (tenant, unit) in [(db.a(), "MW"), (db.b(), "kW")] {
        let client = db.begin(tenant).await;
        let row = client
            .query_one(
                "SELECT * FROM timedb.create_series('power', unit => $1)",
                &[&unit],
            )
            .await
            .unwrap();
        assert!(row.get::<_, bool>("created"));
        ids.push(row.get::<_, Uuid>("series_id"));
        run(&client, "COMMIT").await;
    }
    assert_ne!(ids[0], ids[1]);
}

/// Values of the tenant, as `name=value`.
async fn own_values(client: &Client) -> Vec<String> {
    let rows = client
        .query(
            "SELECT name || '=' || value FROM timedb.values ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn log_in(client: &Client, tenant: &Tenant) {
    login(client, &tenant.key).await.unwrap();
}

#[tokio::test]
async fn a_session_sees_only_the_tenant_it_is_now() {
    let db = Db::new().await;
    let client = db.connect(Role::Session).await;
    for round in 0..4 {
        for (tenant, value) in [(db.a(), 1.0), (db.b(), 2.0)] {
            log_in(&client, tenant).await;
            if round == 0 {
                upload(&client, "x", &[value]).await.unwrap();
            }
            assert_eq!(own_values(&client).await, [format!("x={value}")]);
        }
        run(&client, "SELECT timedb.logout()").await;
        assert_eq!(own_values(&client).await.len(), 0);
    }
}
