//! What it costs that a role is bound to a user, beside a session in which somebody has logged in.

use timedb_tests::{Role, login};

use crate::data::{Data, HOURS, Kind, SERIES, START};
use crate::guard::{any_series, statements};
use crate::report::{self, medians, progress};
use crate::store::Store;
use crate::{Result, load};

/// Where a backend's memory happens to lie makes a difference for all of its reads: so many, each of them both in turn.
const BACKENDS: usize = 5;

/// A read of 100 points, one round trip and transaction.
///
/// # Errors
/// When the server refuses.
pub async fn measure(runs: usize) -> Result<()> {
    progress("a bound role");
    let store = Store::new(runs).await?;
    let data = Data::of(Kind::Decimals, 0..SERIES, HOURS);
    load::both(&store, &data, START).await?;
    store.vacuum().await?;
    let tenant = store.db.a();
    let role = store.db.role_name(Role::Session);
    let bind = "SELECT timedb.bind_role($1, $2)";
    store.admin.query(bind, &[&role, &tenant.email]).await?;
    let mut rounds = Vec::new();
    for _ in 0..BACKENDS {
        let client = store.db.connect(Role::Session).await;
        let series = any_series(&client).await?;
        let mut both = Vec::new();
        for run in 0..=store.runs {
            // The role's own user, as in a new session.
            client.batch_execute("DISCARD ALL").await?;
            let bound = statements(&client, series).await?;
            login(&client, &tenant.key).await?;
            let logged_in = statements(&client, series).await?;
            if run > 0 {
                both.push([bound, logged_in]);
            }
        }
        rounds.push(medians(&both));
    }
    let [bound, logged_in] = medians(&rounds);
    report::less("bound_read_100_us", bound * 1e6, logged_in * 1e6);
    Ok(())
}
