//! `timedb users`: the life of a user, and what programs read from its texts.

use serde_json::Value;
use timedb_tests::{Db, Output, Role, cli, refusal, tenant_of};

use crate::users_command;

/// The text behind a label such as `API Key:`, read as the notebook reads it.
fn field(output: &Output, label: &str) -> String {
    let line = output.stdout.lines().find(|line| line.contains(label));
    let line = line.unwrap_or_else(|| panic!("no line with {label}: {output:?}"));
    line.split(label)
        .nth(1)
        .expect("the label is in the line")
        .trim()
        .to_owned()
}

#[tokio::test]
async fn users_are_created_listed_deactivated_activated_and_given_a_new_key() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    let tenant = uuid::Uuid::new_v4().to_string();
    let carol = "carol@tenant-c.example";

    let created = users_command(&db, &["create", "--tenant-id", &tenant, "--email", carol]);
    assert_eq!(created.code, 0, "{created:?}");
    assert!(
        created.stdout.contains("User created successfully!"),
        "{created:?}"
    );
    assert!(
        created
            .stdout
            .contains("⚠ Save the API key - it will not be shown again."),
        "{created:?}"
    );
    assert_eq!(field(&created, "Tenant ID:"), tenant);
    assert_eq!(field(&created, "Email:"), carol);
    field(&created, "User ID:")
        .parse::<uuid::Uuid>()
        .expect("the user's id is a UUID");
    let first_key = field(&created, "API Key:");
    assert_eq!(
        tenant_of(&client, &first_key).await.unwrap().to_string(),
        tenant
    );

    let again = users_command(&db, &["create", "--tenant-id", &tenant, "--email", carol]);
    assert_eq!(again.code, 1, "{again:?}");
    let expected = format!("ERROR: User with email '{carol}' already exists for this tenant.");
    assert!(
        again.stderr.lines().any(|line| line == expected),
        "{again:?}"
    );

    let listed = users_command(&db, &["list", "--tenant-id", &tenant]);
    assert!(listed.stdout.contains("Users (1)"), "{listed:?}");
    assert!(
        listed.stdout.contains(carol) && !listed.stdout.contains(&first_key),
        "{listed:?}"
    );

    let deactivated = users_command(&db, &["deactivate", "--email", carol, "-y"]);
    assert!(
        deactivated
            .stdout
            .contains(&format!("✓ User '{carol}' deactivated")),
        "{deactivated:?}"
    );
    assert_eq!(refusal(tenant_of(&client, &first_key).await).0, "28000");
    let active = users_command(&db, &["list", "--tenant-id", &tenant]);
    assert!(active.stdout.contains("No users found."), "{active:?}");
    let all = users_command(&db, &["list", "--tenant-id", &tenant, "--include-inactive"]);
    assert!(
        all.stdout.contains(carol) && all.stdout.contains("inactive"),
        "{all:?}"
    );

    let activated = users_command(&db, &["activate", "--email", carol]);
    assert!(
        activated
            .stdout
            .contains(&format!("✓ User '{carol}' activated")),
        "{activated:?}"
    );
    assert_eq!(
        tenant_of(&client, &first_key).await.unwrap().to_string(),
        tenant
    );

    let regenerated = users_command(&db, &["regenerate-key", "--email", carol, "-y"]);
    assert!(
        regenerated.stdout.contains("API key regenerated!"),
        "{regenerated:?}"
    );
    assert_eq!(field(&regenerated, "Email:"), carol);
    let second_key = field(&regenerated, "New API Key:");
    assert_eq!(refusal(tenant_of(&client, &first_key).await).0, "28000");
    assert_eq!(
        tenant_of(&client, &second_key).await.unwrap().to_string(),
        tenant
    );
}

#[tokio::test]
async fn users_are_listed_newest_first_and_as_json() {
    let db = Db::new().await;
    users_command(
        &db,
        &[
            "create",
            "--tenant-id",
            &db.a().tenant_id.to_string(),
            "--email",
            "late@tenant-a.example",
        ],
    );
    let listed = users_command(&db, &["list"]);
    assert!(listed.stdout.contains("Users (3)"), "{listed:?}");
    let place = |email: &str| {
        listed
            .stdout
            .find(email)
            .unwrap_or_else(|| panic!("{email}: {listed:?}"))
    };
    assert!(
        place("late@tenant-a.example") < place(&db.b().email)
            && place(&db.b().email) < place(&db.a().email)
    );
    let json = users_command(&db, &["list", "--json"]);
    let json: Value =
        serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("{error}: {json:?}"));
    assert!(
        json.to_string().contains(&db.a().user_id.to_string()),
        "{json}"
    );
    assert!(!json.to_string().contains("tdb_"), "{json}");
}

#[tokio::test]
async fn an_email_in_two_tenants_asks_for_the_tenant() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    let same = db.a().email.clone();
    let in_b = users_command(
        &db,
        &[
            "create",
            "--tenant-id",
            &db.b().tenant_id.to_string(),
            "--email",
            &same,
        ],
    );
    assert_eq!(in_b.code, 0, "{in_b:?}");
    let key_in_b = field(&in_b, "API Key:");
    for command in [
        &["deactivate", "-y"][..],
        &["activate"],
        &["regenerate-key", "-y"],
    ] {
        let refused = users_command(&db, &[command, &["--email", &same]].concat());
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("--tenant-id"), "{refused:?}");
    }
    let tenant_b = db.b().tenant_id.to_string();
    let one = users_command(
        &db,
        &[
            "deactivate",
            "--email",
            &same,
            "--tenant-id",
            &tenant_b,
            "-y",
        ],
    );
    assert_eq!(one.code, 0, "{one:?}");
    assert_eq!(refusal(tenant_of(&client, &key_in_b).await).0, "28000");
    assert_eq!(
        tenant_of(&client, &db.a().key).await.unwrap(),
        db.a().tenant_id
    );
}

#[tokio::test]
async fn mistakes_are_a_sentence_and_exit_code_one() {
    let db = Db::new().await;
    let bad_uuid = users_command(
        &db,
        &[
            "create",
            "--tenant-id",
            "not-a-uuid",
            "--email",
            "x@example.com",
        ],
    );
    assert_eq!(bad_uuid.code, 1, "{bad_uuid:?}");
    assert!(
        bad_uuid.stderr.contains("ERROR: Invalid tenant-id UUID: "),
        "{bad_uuid:?}"
    );
    for command in [
        &["deactivate", "-y"][..],
        &["activate"],
        &["regenerate-key", "-y"],
    ] {
        let unknown = users_command(&db, &[command, &["--email", "nobody@example.com"]].concat());
        assert_eq!(unknown.code, 1, "{unknown:?}");
        assert!(
            unknown
                .stderr
                .contains("ERROR: User with email 'nobody@example.com' not found."),
            "{unknown:?}"
        );
    }
    let without_right = cli(&["users", "list"])
        .env("TIMEDB_DSN", db.dsn(Role::User))
        .run();
    assert_eq!(without_right.code, 1, "{without_right:?}");
    let listed = users_command(&db, &["list"]);
    assert!(listed.stdout.contains("Users (2)"), "{listed:?}");
}
