//! `GET /values` and `GET /values/last` with a `limit`: one page of rows, and where the next one is.

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use timedb_wire::reads;

use super::query::{PageQuery, ReadQuery, arguments::call};
use crate::formats::rows::{Onward, format, write_in_order};
use crate::server::{answer, error::ApiError, state::Caller};

static READ: LazyLock<String> = LazyLock::new(|| {
    let page = call(reads::READ_PAGE_PACKED);
    format!("SELECT cursor, packed FROM {page}")
});

pub(super) async fn read(
    caller: Caller,
    asked: &ReadQuery,
    page: &PageQuery,
) -> Result<Response, ApiError> {
    let parameters = asked.arguments.of(reads::READ_PAGE_PACKED);
    let row = caller.read_one(&READ, &parameters).await?;
    let size = row.get::<_, &[u8]>(1).len();
    let next = row.get::<_, Option<&str>>(0);
    let next = next.map(|cursor| page.cursor_behind(cursor));
    let link = next.as_deref().map(|cursor| page.link(cursor));
    let (format, layout) = (format(asked.format), asked.layout());
    let record = caller.record().clone();
    let write = move || {
        let onward = Onward::Page {
            next: next.as_deref(),
        };
        let count = |rows| record.add_rows_out(rows as u64);
        write_in_order(row.get(1), &layout, onward, format, count)
    };
    let mut response = answer::rows(format, size, write).await?;
    if let Some(link) = link {
        let link =
            HeaderValue::try_from(link).map_err(|_| ApiError::internal("a link is no header"))?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}
