//! Proofs of a key instead of the key: each is good once, in the session that asked, and for nothing else.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use timedb_tests::{Db, Role, psql, refusal, run};
use tokio_postgres::Client;
use uuid::Uuid;

const REUSED: (&str, &str) = (
    "55000",
    "the proof is not for this session, or was used before",
);
const REFUSED: (&str, &str) = ("28000", "invalid or inactive API key");

/// As docs/security.md describes a proof.
fn prove(key: &str, challenge: &[u8], count: u64) -> Vec<u8> {
    let digest = Sha256::digest(key.as_bytes());
    let message = [&[1][..], challenge, &count.to_be_bytes()].concat();
    let mask = [0u8, 1].into_iter().flat_map(|block| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&digest).unwrap();
        mac.update(&message);
        mac.update(&[block]);
        mac.finalize().into_bytes()
    });
    let masked: Vec<u8> = key.bytes().zip(mask).map(|(a, b)| a ^ b).collect();
    [&message[..], &digest[..16], &masked].concat()
}

async fn challenge(client: &Client) -> Vec<u8> {
    let row = client.query_one("SELECT timedb.challenge()", &[]).await;
    row.unwrap().get(0)
}

async fn authenticate(client: &Client, proof: &[u8]) -> Result<Uuid, tokio_postgres::Error> {
    let sql = "SELECT timedb.authenticate_proof($1)";
    Ok(client.query_one(sql, &[&proof]).await?.get(0))
}

async fn tenant(client: &Client) -> Option<Uuid> {
    let row = client
        .query_one("SELECT timedb.current_tenant()", &[])
        .await;
    row.unwrap().get(0)
}

#[track_caller]
fn is(refused: (String, String), expected: (&str, &str)) {
    assert_eq!((refused.0.as_str(), refused.1.as_str()), expected);
}

#[tokio::test]
async fn a_proof_is_good_once_for_one_transaction() {
    let db = Db::new().await;
    let (a, b) = (db.a(), db.b());
    for role in [Role::User, Role::Session] {
        let client = db.connect(role).await;
        let asked = challenge(&client).await;
        assert_eq!(asked.len(), 16);
        run(&client, "BEGIN READ ONLY").await;
        let first = prove(&a.key, &asked, 1);
        assert_eq!(authenticate(&client, &first).await.unwrap(), a.tenant_id);
        assert_eq!(tenant(&client).await, Some(a.tenant_id));
        run(&client, "COMMIT").await;
        assert_eq!(tenant(&client).await, None);

        // The same challenge serves for more, each with a greater count.
        run(&client, "BEGIN; SAVEPOINT s").await;
        let third = prove(&b.key, &asked, 3);
        assert_eq!(authenticate(&client, &third).await.unwrap(), b.tenant_id);
        run(&client, "ROLLBACK TO s").await;
        assert_eq!(tenant(&client).await, None);
        // Nothing brings a used one back.
        for used in [&first, &prove(&a.key, &asked, 2), &third] {
            is(refusal(authenticate(&client, used).await), REUSED);
            run(&client, "ROLLBACK TO s").await;
        }
        run(&client, "ROLLBACK").await;
        run(&client, "BEGIN").await;
        is(refusal(authenticate(&client, &third).await), REUSED);
        run(&client, "ROLLBACK").await;
        assert_eq!(tenant(&client).await, None);
    }
}

#[tokio::test]
async fn a_proof_is_worth_nothing_in_another_session_or_after_another_challenge() {
    let db = Db::new().await;
    let (one, other) = (db.connect(Role::User).await, db.connect(Role::User).await);
    let asked = challenge(&one).await;
    let proof = prove(&db.a().key, &asked, 1);
    run(&other, "BEGIN").await;
    is(refusal(authenticate(&other, &proof).await), REUSED);
    run(&other, "ROLLBACK; BEGIN").await;
    assert_ne!(challenge(&other).await, asked);
    is(refusal(authenticate(&other, &proof).await), REUSED);
    run(&other, "ROLLBACK").await;

    assert_ne!(challenge(&one).await, asked);
    run(&one, "BEGIN").await;
    is(refusal(authenticate(&one, &proof).await), REUSED);
    run(&one, "ROLLBACK").await;
    assert_eq!(tenant(&one).await, None);
}

#[tokio::test]
async fn what_proves_no_valid_key_is_refused_like_every_bad_key() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    let asked = challenge(&client).await;
    let good = prove(&db.a().key, &asked, 1);
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    let mut of_b = good[..25].to_vec();
    of_b.extend(&prove(&db.b().key, &asked, 1)[25..41]);
    of_b.extend(&good[41..]);
    let never = prove("q3Jx0bY-dummy_legacy_key_of_43_characters_A", &asked, 4);
    let cut = good[..41].to_vec();
    let long = [&good[..], &[0; 12]].concat();
    let other_version = [&[2][..], &good[1..]].concat();
    for (count, mut bad) in [changed, of_b, never, cut, long, other_version, vec![]]
        .into_iter()
        .enumerate()
    {
        if bad.len() > 25 {
            // Each with a count of its own, or it would be refused for that; the mask fits no more, which is no worse.
            bad[17..25].copy_from_slice(&(count as u64 + 10).to_be_bytes());
        }
        run(&client, "BEGIN").await;
        is(refusal(authenticate(&client, &bad).await), REFUSED);
        run(&client, "ROLLBACK").await;
    }
    run(&client, "BEGIN").await;
    let null = client.query_one("SELECT timedb.authenticate_proof(NULL)", &[]);
    is(refusal(null.await), REFUSED);
    run(&client, "ROLLBACK").await;

    let superuser = db.connect(Role::Superuser).await;
    let deactivate = format!("SELECT timedb.deactivate_user('{}')", db.a().email);
    run(&superuser, &deactivate).await;
    run(&client, "BEGIN").await;
    let proof = prove(&db.a().key, &asked, 100);
    is(refusal(authenticate(&client, &proof).await), REFUSED);
    run(&client, "ROLLBACK").await;
}

#[tokio::test]
async fn a_hash_without_its_key_proves_nothing() {
    // As somebody would try who has stolen a copy of the store.
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    let hash: Vec<u8> = superuser
        .query_one(
            "SELECT key_hash FROM timedb_internal.api_keys WHERE tenant_id = $1",
            &[&db.a().tenant_id],
        )
        .await
        .unwrap()
        .get(0);
    let client = db.connect(Role::User).await;
    let asked = challenge(&client).await;
    for (count, key) in [(1, hash.as_slice()), (2, &[b'x'; 53]), (3, &[0; 53])] {
        let text: String = key.iter().map(|byte| char::from(byte & 0x7f)).collect();
        let mut proof = prove(&text, &asked, count);
        proof[25..41].copy_from_slice(&hash[..16]);
        run(&client, "BEGIN").await;
        is(refusal(authenticate(&client, &proof).await), REFUSED);
        run(&client, "ROLLBACK").await;
    }
}

#[tokio::test]
async fn a_login_by_proof_lasts_for_the_session_and_is_for_members_of_timedb_session() {
    let db = Db::new().await;
    let user = db.connect(Role::User).await;
    let proof = prove(&db.a().key, &challenge(&user).await, 1);
    let sql = "SELECT timedb.login_proof($1)";
    assert_eq!(refusal(user.query_one(sql, &[&proof]).await).0, "42501");

    let session = db.connect(Role::Session).await;
    let proof = prove(&db.a().key, &challenge(&session).await, 1);
    let tenant_id: Uuid = session.query_one(sql, &[&proof]).await.unwrap().get(0);
    assert_eq!(tenant_id, db.a().tenant_id);
    assert_eq!(tenant(&session).await, Some(tenant_id));
    run(&session, "SELECT timedb.logout()").await;
    is(refusal(session.query_one(sql, &[&proof]).await), REUSED);
    assert_eq!(tenant(&session).await, None);
}

#[tokio::test]
async fn a_proof_outside_a_transaction_block_warns_and_parameters_are_hidden_within() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    let proof = prove(&db.a().key, &challenge(&client).await, 1);
    run(&client, "BEGIN").await;
    authenticate(&client, &proof).await.unwrap();
    let sql = "SELECT current_setting('log_parameter_max_length')";
    let hidden: String = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(hidden, "0");
    run(&client, "COMMIT").await;
    let shown: String = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_ne!(shown, "0");

    let told = psql(
        &db.dsn(Role::User),
        "SELECT timedb.authenticate_proof('\\x00')",
    )
    .run();
    assert!(told.stderr.contains(REFUSED.1), "{told:?}");
}
