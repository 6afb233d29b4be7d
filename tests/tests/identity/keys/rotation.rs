//! Rotation: a successor, and a time in which both work.

use std::time::Duration;

use timedb_tests::{Db, Role, Server};
use uuid::Uuid;

use super::{administer, create_key, listed, refused, works};

async fn rotate(db: &Db, key_id: Uuid, more: &str) -> (Uuid, String) {
    let row = administer(
        db,
        &format!("SELECT new_key_id, api_key FROM timedb.rotate_key('{key_id}'{more})"),
    )
    .await;
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn both_keys_work_until_the_overlap_ends() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let (old_id, old) = create_key(&db, "'job', access => 'read_only'").await;
    let (new_id, new) = rotate(&db, old_id, ", interval '2 seconds'").await;
    assert!(works(&db, &server, &old).await);
    assert!(works(&db, &server, &new).await);
    assert_eq!(listed(&db, new_id, "name").await, "job");
    assert_eq!(listed(&db, new_id, "access").await, "read_only");
    assert_eq!(listed(&db, new_id, "expires_at").await, "");
    assert_eq!(listed(&db, old_id, "replaced_by").await, new_id.to_string());
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert!(!works(&db, &server, &old).await);
    assert!(works(&db, &server, &new).await);
    assert_eq!(listed(&db, old_id, "status").await, "expired");
}

#[tokio::test]
async fn the_overlap_is_a_day_unless_said_otherwise_and_nothing_at_0() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let (id, key) = create_key(&db, "'job'").await;
    rotate(&db, id, "").await;
    let left = administer(
        &db,
        &format!("SELECT (expires_at - now()) BETWEEN interval '23:59' AND interval '24:00' FROM timedb.list_keys() WHERE key_id = '{id}'"),
    )
    .await;
    assert!(left.get::<_, bool>(0));
    assert!(works(&db, &server, &key).await);

    let (id, key) = create_key(&db, "'other'").await;
    let (_, new) = rotate(&db, id, ", '0'").await;
    assert!(!works(&db, &server, &key).await);
    assert!(works(&db, &server, &new).await);
    assert_eq!(listed(&db, id, "status").await, "revoked");
}

#[tokio::test]
async fn a_successor_lives_as_long_as_the_old_key_was_given_and_the_old_one_no_longer() {
    let db = Db::new().await;
    let (id, _) = create_key(
        &db,
        "'ninety days', expires_at => now() + interval '90 days'",
    )
    .await;
    let (new_id, _) = rotate(&db, id, ", '100 years'").await;
    let row = administer(
        &db,
        &format!(
            "SELECT (n.expires_at - now()) BETWEEN interval '89 days 23:59' AND interval '90 days 00:01',
                    o.expires_at < now() + interval '90 days'
             FROM timedb.list_keys() o, timedb.list_keys() n WHERE o.key_id = '{id}' AND n.key_id = '{new_id}'"
        ),
    )
    .await;
    assert!(row.get::<_, bool>(0) && row.get::<_, bool>(1));
}

#[tokio::test]
async fn what_cannot_be_rotated_is_refused_and_unchanged() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let (id, key) = create_key(&db, "'job'").await;
    for overlap in ["'-1 second'", "NULL"] {
        let refused = refused(&db, &format!("SELECT timedb.rotate_key('{id}', {overlap})")).await;
        assert_eq!(refused.0, "22023", "{refused:?}");
    }
    assert!(works(&db, &server, &key).await);
    let (new_id, _) = rotate(&db, id, "").await;
    let again = refused(&db, &format!("SELECT timedb.rotate_key('{id}')")).await;
    assert_eq!(
        again,
        (
            "55000".to_owned(),
            format!("API key with id \"{id}\" has already been rotated")
        )
    );
    administer(&db, &format!("SELECT timedb.revoke_key('{new_id}')")).await;
    let dead = refused(&db, &format!("SELECT timedb.rotate_key('{new_id}')")).await;
    assert_eq!(
        dead,
        (
            "55000".to_owned(),
            format!("API key with id \"{new_id}\" is revoked")
        )
    );
}

#[tokio::test]
async fn of_two_rotations_at_once_one_is_refused() {
    let db = Db::new().await;
    let (id, _) = create_key(&db, "'job'").await;
    let first = db.connect(Role::Owner).await;
    let second = db.connect(Role::Admin).await;
    first.batch_execute("BEGIN").await.unwrap();
    let call = format!("SELECT timedb.rotate_key('{id}')");
    first.query_one(&call, &[]).await.unwrap();
    let waiting = second.query_one(&call, &[]);
    let commit = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        first.batch_execute("COMMIT").await.unwrap();
    };
    let (late, ()) = tokio::join!(waiting, commit);
    assert_eq!(timedb_tests::refusal(late).0, "55000");
}
