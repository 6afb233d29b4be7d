//! Storing samples, whichever protocol brought them.

use super::upload;
use crate::server::{
    answer::work_on,
    body::{SampleUpload, Samples},
    error::ApiError,
    state::Caller,
};

/// Stores samples as one batch. A series that the database refuses is left out and takes none of the others with it: the
/// client would throw them away.
pub(super) async fn store(mut caller: Caller, mut samples: Samples) -> Result<Samples, ApiError> {
    loop {
        let size = samples.size();
        let (packed, back) = work_on(size, move || (samples.upload(), samples)).await?;
        samples = back;
        let Some(SampleUpload { upload, places }) = packed else {
            caller.authenticate().await?;
            return Ok(samples);
        };
        let Err(error) = upload::store(&caller, &upload, None).await else {
            return Ok(samples);
        };
        let is_left_out = error.refused().is_some_and(|field| {
            let place = places.get(field.series);
            place.is_some_and(|place| samples.refuse(*place, &field.sentence))
        });
        if !is_left_out {
            return Err(error);
        }
    }
}
