//! Moving a tenant into another store, as SQL calls it.

use super::deletion::given;
use super::packed;
use crate::identity::settings::acting_as;
use crate::pg::error::{Error, Result, SqlState, entry};
use crate::pg::spi::connected;
use crate::read::{Writers, export};
use crate::write::import;
use pgrx::datum::{Array, Uuid};
use pgrx::prelude::*;

type Page = (Vec<String>, Option<Vec<u8>>, Option<String>);

/// `timedb_internal._export_page_of(tenant_id, kind, after)`: a row of records, packed and reached.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off it")]
fn _export_page_of(
    tenant_id: Option<Uuid>,
    kind: Option<&str>,
    after: Option<&str>,
) -> TableIterator<'static, (Vec<String>, Option<Vec<u8>>, Option<String>)> {
    let page = entry(|| {
        let tenant = given(tenant_id, "tenant_id")?;
        acting_as(tenant, || {
            connected(|| page(tenant, kind.unwrap_or_default(), after))
        })
    });
    TableIterator::once(page)
}

fn page(tenant: [u8; 16], kind: &str, after: Option<&str>) -> Result<Page> {
    let records = match kind {
        "series" => export::series(after)?,
        "batch" => export::batches(tenant, after)?,
        "request" => export::requests(after)?,
        "damaged" => export::damaged()?,
        "point" => {
            let page = export::points(tenant, after)?;
            let reached = page.reached.clone();
            let (mut series, writers) = (Vec::new(), Writers::default());
            let packed = packed::points(&page.runs(&mut series, &writers));
            return Ok((Vec::new(), Some(packed), reached));
        }
        _ => {
            return Err(Error::invalid(format!(
                "an export has no pages of kind \"{kind}\""
            )));
        }
    };
    Ok((records.records, None, records.reached))
}

/// `timedb_internal._take_import(tenant_id)`.
#[pg_extern(sql = false)]
fn _take_import(tenant_id: Option<Uuid>) {
    entry(|| {
        let tenant = given(tenant_id, "tenant_id")?;
        acting_as(tenant, || connected(import::begin))
    });
}

/// `timedb_internal._check_import(tenant_id)`.
#[pg_extern(sql = false)]
fn _check_import(tenant_id: Option<Uuid>) {
    entry(|| import::check(&given(tenant_id, "tenant_id")?));
}

/// `timedb_internal._import_page_of(tenant_id, kind, records, packed)`.
#[pg_extern(sql = false)]
fn _import_page_of(
    tenant_id: Option<Uuid>,
    kind: Option<&str>,
    records: Option<Array<&str>>,
    packed: Option<&[u8]>,
) {
    entry(|| {
        let tenant = given(tenant_id, "tenant_id")?;
        let records: Vec<&str> = records.iter().flat_map(Array::iter).flatten().collect();
        let kind = kind.unwrap_or_default();
        acting_as(tenant, || {
            connected(|| match kind {
                "point" => {
                    import::points(packed::versions(&tenant, packed.ok_or_else(no_points)?)?)
                }
                _ => import::records(kind, &records),
            })
        })
    });
}

fn no_points() -> Error {
    Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "packed must not be null")
}
