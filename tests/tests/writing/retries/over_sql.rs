//! `timedb.upload` with a name: what is the same call, what a transaction's end means for the name, and
//! what is refused.

use timedb_tests::{Db, Role, authenticate, count, refusal};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Uploaded, make_read_only, stored, upload_sql, uploaded};

const TWO: &str =
    "'{2025-01-01 00:00Z,2025-01-01 01:00Z}', '{1,NULL}', '{x}', known_time => '2025-01-01 00:00Z'";

fn named(arguments: &str, key: &str) -> String {
    format!("{arguments}, idempotency_key => '{key}'")
}

async fn refused(client: &Client, arguments: &str) -> (String, String) {
    refusal(upload_sql(client, arguments).await)
}

#[tokio::test]
async fn the_same_call_again_returns_the_same_row() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let first = uploaded(&client, &named(TWO, "k")).await;
    assert!(!first.replayed);
    assert_eq!((first.points, first.skipped), (2, 0));
    let again = uploaded(&client, &named(TWO, "k")).await;
    let expected = Uploaded {
        replayed: true,
        ..first.clone()
    };
    assert_eq!(again, expected);
    let batch_id = Uuid::new_v4();
    let by_id = format!("{TWO}, batch_id => '{batch_id}'");
    let first = uploaded(&client, &by_id).await;
    assert_eq!((first.batch_id, first.replayed), (batch_id, false));
    assert!(uploaded(&client, &by_id).await.replayed);
    assert_eq!(stored(&client).await, (4, 2));
    let noted = "SELECT count(*) FROM timedb.batches WHERE idempotency_key = 'k' AND points = 2";
    assert_eq!(count(&client, noted, &[]).await, 1);
    let noted = "SELECT count(*) FROM timedb.batches WHERE length(request_hash) = 32";
    assert_eq!(count(&client, noted, &[]).await, 2);
    let of_others = db.login(db.b()).await;
    assert_eq!(stored(&of_others).await, (0, 0));
}

/// Calls that say the same in other arguments.
#[tokio::test]
async fn the_shape_of_a_call_does_not_matter() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let times = "'{2025-01-01 00:00Z,2025-01-01 01:00Z,2025-01-01 00:00Z}', '{1,2,3}'";
    let by_place = format!("{times}, '{{x,y}}', series_index => '{{1,1,2}}'");
    let one_a_point = format!("{times}, '{{x,x,y}}'");
    let with_nothing = format!(
        "{times}, '{{x,x,y}}', valid_time_end => '{{NULL,NULL,NULL}}', unit => '{{NULL}}', labels => '{{\"{{}}\"}}',
         description => '{{\"\"}}'"
    );
    let first = uploaded(&client, &named(&by_place, "k")).await;
    for same in [&one_a_point, &with_nothing] {
        let again = uploaded(&client, &named(same, "k")).await;
        assert!(again.replayed, "{same}");
        assert_eq!(again.series_ids, first.series_ids);
    }
    // The order of series is an order of the answer.
    let turned = format!("{times}, '{{y,x}}', series_index => '{{2,2,1}}'");
    for other in [
        &turned,
        &format!("{times}, '{{x,x,y}}', unit => '{{MW}}'"),
        &format!("{times}, '{{x,x,y}}', workflow_id => ''"),
        &format!("{times}, '{{x,x,y}}', batch_params => '{{}}'"),
        &format!(
            "{times}, series_id => ARRAY['{0}','{0}','{1}']::uuid[]",
            first.series_ids[0], first.series_ids[1]
        ),
    ] {
        assert_eq!(
            refused(&client, &named(other, "k")).await.0,
            "22000",
            "{other}"
        );
    }
    assert_eq!(stored(&client).await, (3, 1));
}

#[tokio::test]
async fn another_call_under_the_same_name_is_22000() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let batch_id = Uuid::new_v4();
    let both = format!("{}, batch_id => '{batch_id}'", named(TWO, "k"));
    uploaded(&client, &both).await;
    assert_eq!(
        refused(&client, &named("'{2025-01-01Z}', '{1}', '{x}'", "k")).await,
        (
            "22000".to_owned(),
            "idempotency key \"k\" was used for a different request".to_owned()
        )
    );
    let other = format!("'{{2025-01-01Z}}', '{{1}}', '{{x}}', batch_id => '{batch_id}'");
    assert_eq!(
        refused(&client, &named(&other, "fresh")).await,
        (
            "22000".to_owned(),
            format!("batch_id \"{batch_id}\" was used for a different request")
        )
    );
    // Neither has made a name of the fresh key.
    uploaded(&client, &named(TWO, "fresh")).await;
}

#[tokio::test]
async fn the_end_of_the_transaction_decides_about_the_name() {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    let first = uploaded(&client, &named(TWO, "k")).await;
    assert!(uploaded(&client, &named(TWO, "k")).await.replayed);
    client.batch_execute("SAVEPOINT s").await.unwrap();
    uploaded(&client, &named(TWO, "in savepoint")).await;
    client.batch_execute("ROLLBACK TO s").await.unwrap();
    assert!(
        !uploaded(&client, &named(TWO, "in savepoint"))
            .await
            .replayed
    );
    client.batch_execute("ROLLBACK").await.unwrap();
    let client = db.login(db.a()).await;
    assert_eq!(stored(&client).await, (0, 0));
    let second = uploaded(&client, &named(TWO, "k")).await;
    assert!(!second.replayed);
    assert_ne!(first.batch_id, second.batch_id);
    assert_eq!(stored(&client).await, (2, 1));
}

#[tokio::test]
async fn a_name_has_1_to_255_bytes_without_control_characters() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for bad in [
        String::new(),
        "k".repeat(256),
        "a\u{7}b".to_owned(),
        "ключ".repeat(32),
    ] {
        assert_eq!(
            refused(&client, &named(TWO, &bad)).await.0,
            "22023",
            "{bad:?}"
        );
    }
    for good in ["k".repeat(255), "ключ \"1\"".to_owned(), " ".to_owned()] {
        assert!(!uploaded(&client, &named(TWO, &good)).await.replayed);
        assert!(uploaded(&client, &named(TWO, &good)).await.replayed);
    }
}

#[tokio::test]
async fn who_may_not_write_is_told_so_before_anything_else() {
    let db = Db::new().await;
    uploaded(&db.login(db.a()).await, &named(TWO, "k")).await;
    let nobody = db.connect(Role::User).await;
    assert_eq!(refused(&nobody, &named(TWO, "k")).await.0, "28000");
    make_read_only(&db).await;
    let reader = db.begin(db.a()).await;
    assert_eq!(refused(&reader, &named(TWO, "k")).await.0, "42501");
}

#[tokio::test]
async fn a_batch_that_a_snapshot_cannot_see_is_a_serialization_failure() {
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        for name in [
            "idempotency_key => 'k'".to_owned(),
            format!("batch_id => '{}'", Uuid::new_v4()),
        ] {
            let db = Db::new().await;
            let call = format!("{TWO}, {name}");
            let late = db.connect(Role::User).await;
            late.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}"))
                .await
                .unwrap();
            authenticate(&late, &db.a().key).await.unwrap();
            let other = db.login(db.a()).await;
            let first = uploaded(&other, &call).await;
            assert_eq!(refused(&late, &call).await.0, "40001", "{level}, {name}");
            late.batch_execute("ROLLBACK").await.unwrap();
            // Run again, the transaction sees it.
            late.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}"))
                .await
                .unwrap();
            authenticate(&late, &db.a().key).await.unwrap();
            let again = uploaded(&late, &call).await;
            assert_eq!((again.batch_id, again.replayed), (first.batch_id, true));
            late.batch_execute("COMMIT").await.unwrap();
            assert_eq!(stored(&other).await, (2, 1));
        }
    }
}
