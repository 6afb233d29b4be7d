//! What series are called can be seen and does nothing else; what was stored before that was asked stays usable.

use serde_json::json;
use timedb_tests::{Db, Role, refusal, run};

use super::{create, names, upload_in, values};

#[tokio::test]
async fn a_series_whose_name_could_not_be_given_now_is_read_written_and_renamed() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let id = create(&client, "x", &json!({"l": "v"}), "MW").await;
    // As a store has it that took such names.
    let old = "bell\u{7}\u{202e}";
    let superuser = db.connect(Role::Superuser).await;
    let length = |text: &str| format!("\\x{:02x}00000000000000", text.len());
    superuser
        .execute(
            "UPDATE timedb.series SET name = $1, identity = sha256(
                 'n'::bytea || $2::text::bytea || convert_to($1, 'UTF8')
                 || 'l'::bytea || $3::text::bytea || 'l'::bytea || 'v'::bytea || $3::text::bytea || 'v'::bytea)",
            &[&old, &length(old), &length("l")],
        )
        .await
        .unwrap();
    let labels = "labels => '{\"{\\\"l\\\": \\\"v\\\"}\"}'";
    let again = upload_in(&client, &[1.0], &format!("ARRAY['{old}'], {labels}")).await;
    assert_eq!(again.unwrap(), id, "points come in under its name");
    let read = format!(
        "SELECT value FROM timedb.read_flat(name => '{old}', labels => '{{\"l\": \"v\"}}')"
    );
    assert_eq!(values(&client, &read).await, [1.0]);
    assert_eq!(names(&client, &format!("prefix => '{old}'")).await, [old]);

    let rename = |name: &str| format!("SELECT timedb.rename_series('{id}', '{name}')");
    for name in ["other\u{7}", " ", "\u{200b}"] {
        let refused = refusal(client.query(&rename(name), &[]).await);
        assert_eq!(refused.0, "22023", "{name:?}");
    }
    let query = format!("SELECT timedb.rename_series('{id}', labels => '{{\"l\": \"v\\u001b\"}}')");
    let refused = refusal(client.query(&query, &[]).await);
    assert_eq!(
        refused,
        (
            "22023".to_owned(),
            "the value of label \"l\" must not contain the control character U+001B".to_owned()
        )
    );
    run(&client, &rename("seen")).await;
    assert_eq!(
        values(
            &client,
            "SELECT value FROM timedb.read_flat(name => 'seen')"
        )
        .await,
        [1.0]
    );
}

#[tokio::test]
async fn units_and_descriptions_can_be_seen_too() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let id = create(&client, "x", &json!({}), "MW").await;
    let long = "d".repeat((64 << 10) + 1);
    for (unit, description) in [
        (Some("k\u{1b}W"), None),
        (Some(" \u{a0}"), None),
        (Some(""), None),
        (Some("\u{202e}Wk"), None),
        (Some(&"u".repeat(257) as &str), None),
        (None, Some("a\u{1b}[2Jb")),
        (None, Some("a\u{85}")),
        (None, Some("\u{202e}txt.exe")),
        (None, Some("\u{2067}unfinished")),
        (None, Some(long.as_str())),
    ] {
        for call in [
            "SELECT timedb.create_series('new', unit => $1, description => $2)",
            "SELECT timedb.upload('{2025-01-01}', '{1}', '{new}', unit => ARRAY[$1], description => ARRAY[$2])",
            "SELECT timedb.update_series((SELECT series_id FROM timedb.series WHERE name = 'x'), unit => $1, description => $2)",
        ] {
            let refused = refusal(client.query(call, &[&unit, &description]).await);
            assert_eq!(
                refused.0, "22023",
                "{call} {unit:?} {description:?}: {refused:?}"
            );
        }
    }
    assert_eq!(names(&client, "").await, ["x"]);
    // Lines, tabs, and the marks of scripts from right to left.
    for description in [
        "two\nlines\r\n\tand a tab",
        "مهم\u{200f}.",
        "x\u{200d}y",
        "",
    ] {
        let call = "SELECT timedb.update_series($1, description => $2)";
        client.query_one(call, &[&id, &description]).await.unwrap();
        let stored = "SELECT coalesce(description, '') FROM timedb.series";
        let row = client.query_one(stored, &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), description);
    }
}
