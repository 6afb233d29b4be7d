//! No answer hangs on words: the functions that the server calls are replaced by ones that do the same and
//! refuse in other words.

use reqwest::Method;
use serde_json::{Value, json};
use timedb_tests::{Db, Reply, Role};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Api, batch, row};

/// Puts a function in PL/pgSQL in the place of each of timedb's, which calls the true one and hands its errors on
/// with the words that `message` and `detail` say. The true ones keep their bodies as `true_...`, and what has the
/// names of the arguments calls what may not have them.
const REWORD: &str = r#"
DO $do$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.oid, p.pronamespace::regnamespace AS schema, p.proname AS name, p.proretset AS is_set,
               pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
               oidvectortypes(p.proargtypes) AS types,
               (SELECT string_agg('$' || i, ', ' ORDER BY i) FROM generate_series(1, p.pronargs) AS i) AS parameters
        FROM pg_proc AS p
        WHERE p.pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
          AND p.proname = ANY ('{_upload_packed, create_series, update_values, rename_series, update_series,
                                describe_series, find_series, _read_packed, _read_buckets_packed,
                                _read_changes_packed, authenticate_proof}')
    LOOP
        EXECUTE format('ALTER FUNCTION %s RENAME TO %I', f.oid::regprocedure, 'true_' || f.name);
        EXECUTE format($f$
            CREATE FUNCTION %8$s.%1$I(%2$s) RETURNS %3$s LANGUAGE plpgsql AS $$
            DECLARE detail text; hint text;
            BEGIN
                %4$s %8$s.%5$I(%6$s)%7$s;
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = {message}, DETAIL = {detail}, HINT = 'reworded';
            END $$ $f$,
            'reworded_' || f.name, f.types, f.result,
            CASE WHEN f.is_set THEN 'RETURN QUERY SELECT * FROM' ELSE 'RETURN (SELECT' END,
            'true_' || f.name, f.parameters, CASE WHEN f.is_set THEN '' ELSE ')' END, f.schema);
        EXECUTE format($f$
            CREATE FUNCTION %1$s.%2$I(%3$s) RETURNS %4$s LANGUAGE sql AS $$ SELECT * FROM %1$s.%5$I(%6$s) $$ $f$,
            f.schema, f.name, f.arguments, f.result, 'reworded_' || f.name, f.parameters);
    END LOOP;
END $do$"#;

async fn reword(db: &Db, message: &str, detail: &str) {
    let superuser = db.connect(Role::Superuser).await;
    let reword = REWORD
        .replace("{message}", message)
        .replace("{detail}", detail);
    superuser.batch_execute(&reword).await.unwrap();
}

/// A request that the database refuses, and leaves nothing behind.
struct Refused {
    method: Method,
    path: String,
    key: String,
    name: Option<&'static str>,
    body: Option<Value>,
    status: u16,
}

/// Requests for every meaning that an error of timedb's own has.
async fn requests(api: &Api) -> Vec<Refused> {
    let rows = |value| json!([row("2025-01-01T00:00:00Z", "x", value)]);
    let id = api.upload(rows(1.0)).await["series_ids"]["x"].clone();
    let id = id.as_str().unwrap();
    let named = |value, batch_id: Uuid| {
        let mut body = batch(rows(value));
        body["batch_id"] = json!(batch_id);
        body
    };
    let batch_id = Uuid::new_v4();
    let first = api
        .server
        .request(Method::POST, "/upload", Some(&api.db.a().key))
        .header("Idempotency-Key", "a \"key\"");
    let first = api.server.send(first.json(&named(2.0, batch_id))).await;
    assert_eq!(first.status, 200, "{first:?}");
    let interval = |end: &str| {
        let mut row = row("2025-01-02T00:00:00Z", "x", 1.0);
        row["valid_time_end"] = json!(end);
        row
    };
    api.upload(json!([
        interval("2025-01-03T00:00:00Z"),
        interval("2025-01-04T00:00:00Z")
    ]))
    .await;
    let superuser = api.db.connect(Role::Superuser).await;
    let reader = read_only_key(&superuser, &api.db.a().email).await;

    let ask = |status, method, path: &str, body| Refused {
        method,
        path: path.to_owned(),
        key: api.db.a().key.clone(),
        name: None,
        body,
        status,
    };
    let get = |status, path: &str| ask(status, Method::GET, path, None);
    let post = |status, path: &str, body| ask(status, Method::POST, path, Some(body));
    let correct = |status, series: &str, valid_time: &str| {
        let update = json!({"series_id": series, "valid_time": valid_time, "value": 3});
        ask(
            status,
            Method::PUT,
            "/values",
            Some(json!({"updates": [update]})),
        )
    };
    let unknown = Uuid::new_v4().to_string();
    let turned = row("2025-01-01T00:00:00Z", "\u{202e}x", 1.0);
    let early = batch(json!([interval("2025-01-01T00:00:00Z")]));
    vec![
        post(
            422,
            "/upload",
            batch(json!([row("2025-01-01T00:00:00Z", "y", 1.0), turned])),
        ),
        post(422, "/series", json!({"name": "z", "unit": "k\u{202e}W"})),
        post(
            422,
            "/series",
            json!({"name": "z", "labels": {"a\u{202e}": "b"}}),
        ),
        Refused {
            name: Some("a \"key\""),
            ..post(422, "/upload", batch(rows(4.0)))
        },
        post(422, "/upload", named(4.0, batch_id)),
        post(400, "/upload", early),
        post(409, "/series", json!({"name": "x", "unit": "MW"})),
        ask(
            409,
            Method::PATCH,
            &format!("/series/{id}"),
            Some(json!({"unit": "MW"})),
        ),
        ask(
            404,
            Method::PATCH,
            &format!("/series/{unknown}"),
            Some(json!({"unit": "MW"})),
        ),
        get(404, &format!("/series/{unknown}")),
        get(404, &format!("/series?after={unknown}")),
        get(400, "/values?unit=kg&name=x"),
        get(400, "/values?mode=relative&window_length=1d"),
        get(400, "/values?bucket=7h"),
        get(400, "/changes?cursor=none"),
        correct(404, &unknown, "2025-01-01T00:00:00Z"),
        correct(409, id, "2025-01-02T00:00:00Z"),
        Refused {
            key: reader,
            ..post(403, "/upload", batch(rows(5.0)))
        },
        Refused {
            key: timedb_tests::UNKNOWN_KEY.to_owned(),
            ..get(401, "/values")
        },
    ]
}

async fn read_only_key(superuser: &Client, email: &str) -> String {
    let sql = "SELECT api_key FROM timedb.create_key($1, 'reader', access => 'read_only')";
    let row = superuser.query_one(sql, &[&email]).await;
    row.unwrap().get(0)
}

async fn send(api: &Api, refused: &Refused) -> Reply {
    let (method, path) = (refused.method.clone(), &refused.path);
    let mut request = api.server.request(method, path, Some(&refused.key));
    if let Some(name) = refused.name {
        request = request.header("Idempotency-Key", name);
    }
    if let Some(body) = &refused.body {
        request = request.json(body);
    }
    api.server.send(request).await
}

/// An answer without its sentences.
fn without_words(reply: &Reply) -> (u16, Option<String>, Value) {
    let mut body = reply.json();
    match &mut body["detail"] {
        Value::Array(errors) => errors
            .iter_mut()
            .for_each(|error| error["msg"] = Value::Null),
        sentence => *sentence = Value::Null,
    }
    let retry = reply.headers.get("retry-after");
    let retry = retry.map(|seconds| seconds.to_str().unwrap().to_owned());
    (reply.status.as_u16(), retry, body)
}

#[tokio::test]
async fn an_error_in_other_words_has_the_same_answer() {
    let api = Api::start().await;
    let requests = requests(&api).await;
    let mut answers = Vec::new();
    for refused in &requests {
        let answer = send(&api, refused).await;
        assert_eq!(
            answer.status, refused.status,
            "{}: {answer:?}",
            refused.path
        );
        answers.push(answer);
    }
    // Of a DETAIL only the line that is for programs stays.
    let token = r"CASE WHEN starts_with(detail, 'timedb:') THEN split_part(detail, E'\n', 1) || E'\nreworded' ELSE 'reworded' END";
    reword(&api.db, "'reworded'", token).await;
    for (refused, answer) in requests.iter().zip(answers) {
        let reworded = send(&api, refused).await;
        assert_eq!(
            without_words(&reworded),
            without_words(&answer),
            "{}: {reworded:?}",
            refused.path
        );
        // Nothing of the database's is told of a key.
        let is_told = refused.status != 401;
        assert_eq!(
            reworded.text.contains("reworded (reworded)"),
            is_told,
            "{reworded:?}"
        );
    }
    api.upload(json!([row("2025-01-05T00:00:00Z", "x", 1.0)]))
        .await;
    assert_eq!(api.rows("?start_valid=2025-01-05").await.len(), 1);
}

#[tokio::test]
async fn the_same_words_say_nothing_without_the_token() {
    let api = Api::start().await;
    let requests = requests(&api).await;
    reword(&api.db, "SQLERRM", "replace(detail, 'timedb:', 'timedb ')").await;
    for refused in requests.iter().filter(|refused| refused.status == 422) {
        let answer = send(&api, refused).await;
        assert_eq!(answer.status, 400, "{}: {answer:?}", refused.path);
    }
}

#[tokio::test]
async fn a_session_that_asked_something_else_says_so_to_programs() {
    let api = Api::start().await;
    let superuser = api.db.connect(Role::Superuser).await;
    superuser
        .batch_execute("ALTER FUNCTION timedb.authenticate_proof RENAME TO true_authenticate_proof")
        .await
        .unwrap();
    for (code, detail, status, retry) in [
        ("55000", r"timedb:other_challenge\nreworded", 503, Some("1")),
        (
            "55000",
            "The proof answers a challenge other than this session''s last one.",
            503,
            Some("60"),
        ),
        ("28000", "reworded", 401, None),
    ] {
        let refuse = format!(
            "CREATE OR REPLACE FUNCTION timedb.authenticate_proof(proof bytea) RETURNS uuid LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'reworded' USING ERRCODE = '{code}', DETAIL = E'{detail}'; END $$"
        );
        superuser.batch_execute(&refuse).await.unwrap();
        let reply = api.server.get("/values", Some(&api.db.a().key)).await;
        assert_eq!(reply.status, status, "{detail}: {reply:?}");
        let told = reply.headers.get("retry-after");
        assert_eq!(
            told.map(|seconds| seconds.to_str().unwrap()),
            retry,
            "{detail}: {reply:?}"
        );
        assert!(!reply.text.contains("reworded"), "{reply:?}");
    }
}
