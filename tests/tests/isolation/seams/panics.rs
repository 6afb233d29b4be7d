//! What a client learns of a panic: one fixed sentence, and the session lives on.

use timedb_tests::{Db, Role};

use super::store::{backend, rows};

#[tokio::test]
async fn a_panic_is_one_fixed_sentence_for_the_client() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    client
        .batch_execute(
            // What the log then holds is no finding of tests/crashes.py.
            "SET application_name = 'panics_on_purpose';
             CREATE FUNCTION public.panic_at(int) RETURNS int LANGUAGE c STRICT AS 'timedb', 'panic_at_wrapper'",
        )
        .await
        .unwrap();
    let process = backend(&client).await;
    for index in [48_151_623, -1] {
        let error = client
            .batch_execute(&format!("SELECT public.panic_at({index})"))
            .await
            .unwrap_err();
        let error = error.as_db_error().expect("an answer of the server");
        assert_eq!(error.code().code(), "XX000");
        assert_eq!(error.message(), "timedb met an internal error");
        assert_eq!(error.detail(), None);
        assert_eq!(
            error.hint(),
            Some("The server's log has the details. Please report this.")
        );
        let context = error.where_().unwrap_or_default();
        assert!(!context.contains("48151623") && !context.contains("out of bounds"));
    }
    // Nor does it reach who catches it.
    let caught = rows(
        &client,
        "CREATE FUNCTION public.caught() RETURNS text LANGUAGE plpgsql AS $$
             DECLARE message text; detail text; BEGIN
                 PERFORM public.panic_at(48151623); RETURN 'nothing';
             EXCEPTION WHEN OTHERS THEN
                 GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
                 RETURN message || detail;
             END $$;
         SELECT public.caught()",
    )
    .await;
    assert_eq!(caught, [[Some("timedb met an internal error".to_owned())]]);
    assert_eq!(backend(&client).await, process);
}
