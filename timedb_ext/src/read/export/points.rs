//! Pages of points: all versions, series by series, each in the order of a segment.

use super::{id, no_place, number};
use crate::pg::error::{Result, uuid_text};
use crate::pg::spi::{Arg, Home, statements};
use crate::read::segments::{SegmentSearch, SegmentWalk, Start, Stretch, Visitor};
use crate::read::{Run, Runs, Writers};
use crate::series::{SeriesFilter, SeriesInfo, find};
use timedb_segment::{Filter, Merged, Mode, NO_END};

/// A page with so many points, or bytes of notes, gets no more.
const POINTS: usize = 1 << 15;
const NOTE_BYTES: usize = 8 << 20;

/// Series looked through for one page.
const SERIES: usize = 256;

statements! {
    SERIES_AFTER(UUID, INT8) -> (UUID) =
        c"SELECT series_id FROM timedb.series WHERE series_id > $1 ORDER BY series_id LIMIT $2";
}

/// What tells the versions of a series apart, in their order.
type Version = (i64, i64, i64, i64);

/// Where a page ends.
struct ExportPlace {
    series: [u8; 16],
    /// Of this series the last version; `None` if there are no more of it.
    version: Option<Version>,
}

impl ExportPlace {
    fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split('/');
        let series = id(parts.next().unwrap_or_default())?;
        let times = parts.map(number).collect::<Result<Vec<_>>>()?;
        let version = match times.as_slice() {
            [] => None,
            &[valid, end, known, change] => Some((valid, end, known, change)),
            _ => return Err(no_place(text)),
        };
        Ok(Self { series, version })
    }

    fn text(&self) -> String {
        let series = uuid_text(&self.series);
        match self.version {
            Some((valid, end, known, change)) => format!("{series}/{valid}/{end}/{known}/{change}"),
            None => series,
        }
    }
}

/// Points, and what they reach; `None` at the end.
pub struct PointPage {
    series: Vec<SeriesInfo>,
    runs: Vec<([u8; 16], Merged)>,
    pub reached: Option<String>,
}

impl PointPage {
    /// Its points as runs; nobody has been looked up as their writer.
    pub fn runs<'a>(self, series: &'a mut Vec<SeriesInfo>, writers: &'a Writers) -> Runs<'a> {
        *series = self.series;
        let info = |id: &[u8; 16]| series.binary_search_by(|info| info.id.cmp(id)).ok();
        let runs = self.runs.into_iter().filter_map(|(id, points)| {
            let series = &series[info(&id)?];
            Some(Run { series, points })
        });
        Runs {
            runs: runs.collect(),
            with_known_time: true,
            writers: Some(writers),
        }
    }
}

/// Points after a place. Call with SPI connected.
///
/// # Errors
/// 22023 for what is no place, XX001 for a damaged segment; the statements' own errors are raised.
pub fn page(tenant: [u8; 16], after: Option<&str>) -> Result<PointPage> {
    let after = after.map(ExportPlace::parse).transpose()?;
    let from = after.as_ref().map_or([0; 16], |after| after.series);
    let begun = after.and_then(|after| after.version);
    let args = [Arg::uuid(&from), Arg::int8(SERIES as i64)];
    let others = SERIES_AFTER.rows(true, &args, |row| row.uuid(1))?;
    let is_last = others.len() < SERIES;
    let first = begun.map(|(valid, ..)| Stretch::of(from, Some(valid), None));
    let others = others.into_iter().map(|id| Stretch::of(id, None, None));
    let stretches: Vec<Stretch> = first.into_iter().chain(others).collect();
    let end = stretches.last().map(|last| ExportPlace {
        series: last.series,
        version: None,
    });
    let mut found = ExportedPoints {
        after: begun.map(|version| (from, version)),
        ..ExportedPoints::default()
    };
    let search = SegmentSearch {
        tenant,
        stretches,
        start: Start::Given,
        filter: Filter::default(),
        mode: Mode::Versions,
        start_change: None,
        with_known_time: true,
    };
    let mut walk = SegmentWalk::open(search, Home::here())?;
    while !found.has_enough() && walk.step(&mut found)? {}
    let reached = match (found.has_enough(), found.last()) {
        (true, Some(last)) => Some(last),
        _ => end.filter(|_| !is_last),
    };
    let mut ids: Vec<[u8; 16]> = found.runs.iter().map(|(id, _)| *id).collect();
    ids.dedup();
    Ok(PointPage {
        series: find(&SeriesFilter::of_ids(ids))?,
        runs: found.runs,
        reached: reached.map(|place| place.text()),
    })
}

#[derive(Default)]
struct ExportedPoints {
    /// Only what comes after this version of the series.
    after: Option<([u8; 16], Version)>,
    runs: Vec<([u8; 16], Merged)>,
    points: usize,
    note_bytes: usize,
}

impl ExportedPoints {
    fn last(&self) -> Option<ExportPlace> {
        let (series, run) = self.runs.last()?;
        Some(ExportPlace {
            series: *series,
            version: Some(version(run, run.len().checked_sub(1)?)),
        })
    }
}

fn version(run: &Merged, i: usize) -> Version {
    let end = run.valid_time_end.as_ref().map_or(NO_END, |ends| ends[i]);
    (
        run.valid_time[i],
        end,
        run.known_time[i],
        run.change_time[i],
    )
}

impl Visitor for ExportedPoints {
    fn take(&mut self, _: usize, walked: &Stretch, mut run: Merged) -> Result<()> {
        if self.has_enough() {
            return Ok(());
        }
        if let Some((_, after)) = self.after.filter(|(series, _)| *series == walked.series) {
            let passed = (0..run.len()).take_while(|&i| version(&run, i) <= after);
            let passed = passed.count();
            run.valid_time.drain(..passed);
            run.value.drain(..passed);
            run.known_time.drain(..passed);
            run.change_time.drain(..passed);
            run.batch.drain(..passed);
            run.valid_time_end
                .iter_mut()
                .for_each(|ends| drop(ends.drain(..passed)));
            run.nulls
                .iter_mut()
                .for_each(|nulls| drop(nulls.drain(..passed)));
            run.notes
                .iter_mut()
                .for_each(|notes| drop(notes.drain(..passed)));
        }
        if run.is_empty() {
            return Ok(());
        }
        self.points += run.len();
        let notes = run.notes.iter().flatten().flatten();
        self.note_bytes += notes.map(|note| note.bytes()).sum::<usize>();
        self.runs.push((walked.series, run));
        Ok(())
    }

    fn has_enough(&self) -> bool {
        self.points >= POINTS || self.note_bytes >= NOTE_BYTES
    }
}
