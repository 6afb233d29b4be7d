//! `timedb usage`: how much each key was used, as servers count it.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::calls::ask;
use super::shown::{show_list, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::ShowUsage;
use crate::cli::terminal;

/// `timedb usage`
pub async fn run(arguments: &ShowUsage, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let [since, until] =
        [arguments.since, arguments.until].map(|day| day.map(|day| day.to_string()));
    // As text, which is a date in any DateStyle.
    let (day, columns, order) = if arguments.total {
        let sums = ["requests", "rows_in", "rows_out"]
            .map(|column| {
                format!(
                    "LEAST(pg_catalog.sum({column}), 9223372036854775807)::pg_catalog.int8 AS {column}"
                )
            })
            .join(", ");
        let order =
            "GROUP BY tenant_id, tenant_name, key_id, key_name, email ORDER BY tenant_id, key_id";
        ("", sums, order)
    } else {
        let day = "pg_catalog.to_char(day, 'YYYY-MM-DD') AS day, ";
        let order = "ORDER BY u.day, tenant_id, key_id";
        (day, "requests, rows_in, rows_out".to_owned(), order)
    };
    let sql = format!(
        "SELECT {day}tenant_id, tenant_name, key_id, key_name, email, {columns} \
         FROM timedb.usage_store(tenant_id => $1, since => $2::pg_catalog.text::pg_catalog.date, \
                                 until => $3::pg_catalog.text::pg_catalog.date) AS u {order}"
    );
    let parameters = [
        (&tenant as _, Type::UUID),
        (&since as _, Type::TEXT),
        (&until as _, Type::TEXT),
    ];
    let rows = ask(&arguments.common, environment, &sql, &parameters).await?;
    show_list(&arguments.common, "Used keys", &rows, |row, short| {
        cells(row, short, arguments.total)
    })
}

fn cells(row: &Row, short: bool, total: bool) -> Vec<(&'static str, String)> {
    let text = |column| {
        let text: Option<&str> = row.get(column);
        text.unwrap_or("-").to_owned()
    };
    let count = |column| row.get::<_, i64>(column).to_string();
    let mut cells = vec![
        ("Tenant", text("tenant_name")),
        ("Key ID", terminal::id(row.get("key_id"), short)),
        ("Key", text("key_name")),
        ("User", text("email")),
        ("Requests", count("requests")),
        ("Values in", count("rows_in")),
        ("Values out", count("rows_out")),
    ];
    if !total {
        cells.insert(0, ("Day", text("day")));
    }
    cells
}
