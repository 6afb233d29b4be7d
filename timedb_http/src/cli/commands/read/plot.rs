//! Series and their revisions, drawn with characters: one chart a series, one line a known time, the newest last.

use std::collections::BTreeMap;
use std::io;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Color;
use ratatui_core::symbols::Marker;
use ratatui_core::text::Span;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};
use timedb_http::instant::{Formatter, Precision};
use timedb_wire::Chunk;
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::terminal::Output;

/// What is kept in memory.
const MOST_POINTS: usize = 2_000_000;
/// What can be told apart.
const MOST_SERIES: usize = 8;
const MOST_REVISIONS: usize = 6;

const HEIGHT: u16 = 22;
const MICROS_PER_SECOND: f64 = 1e6;

/// From the newest revision to older ones: the sign where there are no colours, and the colour.
const STYLES: [(&str, Color); MOST_REVISIONS] = [
    ("*", Color::Green),
    ("o", Color::Cyan),
    ("+", Color::Yellow),
    ("x", Color::Magenta),
    ("=", Color::Blue),
    ("~", Color::Red),
];

/// Points by known time; a flat read has none.
type Revisions = BTreeMap<Option<i64>, Vec<(i64, Option<f64>)>>;

/// What is to be drawn.
#[derive(Default)]
pub struct Plot {
    series: BTreeMap<[u8; 16], Drawn>,
    points: usize,
}

struct Drawn {
    title: String,
    revisions: Revisions,
}

impl Plot {
    /// Takes the points of a chunk.
    pub fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), Failure> {
        self.points += chunk.points;
        if self.points > MOST_POINTS {
            return Err(Failure::new(format!(
                "There are more than {MOST_POINTS} points to draw. Narrow the read with --start-valid, --end-valid, \
                 --start-known or a name"
            )));
        }
        let mut at = 0;
        for run in &chunk.runs {
            let series = &run.series;
            if !self.series.contains_key(series.id) && self.series.len() >= MOST_SERIES {
                return Err(Failure::new(format!(
                    "There are more than {MOST_SERIES} series to draw. Name those that you mean"
                )));
            }
            let drawn = self.series.entry(*series.id).or_insert_with(|| Drawn {
                title: title(series.name, series.unit, series.labels, series.id),
                revisions: Revisions::new(),
            });
            for at in at..at + run.points {
                let known = chunk.known_time.map(|known| known.at(at));
                let points = drawn.revisions.entry(known).or_default();
                points.push((chunk.valid_time.at(at), chunk.value(at)));
            }
            at += run.points;
        }
        Ok(())
    }

    /// Prints the charts.
    pub fn show(self) -> io::Result<()> {
        let mut out = Output::new();
        if self.series.is_empty() {
            out.line("No points found.");
        }
        for drawn in self.series.into_values() {
            drawn.draw(&mut out);
        }
        out.send()
    }
}

fn title(name: &str, unit: &str, labels: &str, id: &[u8; 16]) -> String {
    let labels = if labels == "{}" { "" } else { labels };
    let title = format!("{name} {labels} [{unit}]").replace("  ", " ");
    match name.is_empty() {
        true => Uuid::from_bytes_ref(id).to_string(),
        false => title,
    }
}

impl Drawn {
    fn draw(mut self, out: &mut Output) {
        let all = self.revisions.len();
        while self.revisions.len() > MOST_REVISIONS {
            self.revisions.pop_first();
        }
        out.line(&self.title);
        if all > MOST_REVISIONS {
            out.line(&format!("The newest {MOST_REVISIONS} of {all} known times"));
        }
        let points = || self.revisions.values().flatten();
        let times = points().map(|point| point.0);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
            return;
        };
        let values = points().filter_map(|point| point.1);
        let lowest = values.clone().fold(f64::INFINITY, f64::min);
        let highest = values.fold(f64::NEG_INFINITY, f64::max);
        if lowest > highest {
            out.line("All of its values are missing.");
            return;
        }
        let (low, high) = margin(lowest, highest);
        let frame = Frame {
            area: Rect::new(0, 0, out.width().clamp(40, 200), HEIGHT),
            times: [first, last],
            values: [low, high],
        };
        let by_sign = out.is_ascii() || (!out.is_fancy() && self.revisions.len() > 1);
        let empty = frame.draw(&[], Marker::Dot);
        let mut picture = empty.clone();
        // The newest is drawn last, over the others.
        for (age, points) in self.revisions.values().rev().enumerate().rev() {
            let (sign, colour) = STYLES.get(age).copied().unwrap_or_default();
            let marker = if by_sign {
                Marker::Dot
            } else {
                Marker::Braille
            };
            let drawn = frame.draw(points, marker);
            let cells = drawn.content.iter().zip(&empty.content);
            for (cell, (new, old)) in picture.content.iter_mut().zip(cells) {
                if new.symbol() != old.symbol() {
                    let symbol = if by_sign { sign } else { new.symbol() };
                    cell.set_symbol(symbol).set_fg(colour);
                }
            }
        }
        for (age, known) in self.revisions.keys().rev().enumerate() {
            let (sign, colour) = STYLES.get(age).copied().unwrap_or_default();
            if let Some(known) = known {
                let text = format!("{sign} known {}", minute(*known));
                let symbols = text.chars().map(String::from).collect::<Vec<_>>();
                out.drawing(
                    symbols
                        .iter()
                        .map(|symbol| (symbol.as_str(), colour_of(colour))),
                );
            }
        }
        for row in frame.area.rows() {
            let cells = row
                .columns()
                .filter_map(|place| picture.cell(place.as_position()));
            out.drawing(cells.map(|cell| (cell.symbol(), colour_of(cell.fg))));
        }
    }
}

/// Where lines are drawn: the place, and what its edges stand for.
struct Frame {
    area: Rect,
    times: [i64; 2],
    values: [f64; 2],
}

impl Frame {
    /// The axes, and a line.
    fn draw(&self, points: &[(i64, Option<f64>)], marker: Marker) -> Buffer {
        let [first, last] = self.times;
        let [low, high] = self.values;
        let seconds = |time: i64| (time - first) as f64 / MICROS_PER_SECOND;
        let place = |point: &(i64, Option<f64>)| Some((seconds(point.0), point.1?));
        let lines: Vec<Vec<(f64, f64)>> = parts(points)
            .map(|part| part.iter().filter_map(place).collect())
            .collect();
        let datasets = lines.iter().map(|points| {
            let graph = match points.len() {
                1 => GraphType::Scatter,
                _ => GraphType::Line,
            };
            Dataset::default()
                .data(points)
                .marker(marker)
                .graph_type(graph)
        });
        let labels = [first, first + (last - first) / 2, last].map(minute);
        let horizontal = Axis::default()
            .bounds([0.0, seconds(last).max(1.0)])
            .labels(labels.map(Span::from));
        let labels = [low, f64::midpoint(low, high), high].map(number);
        let vertical = Axis::default()
            .bounds(self.values)
            .labels(labels.map(Span::from));
        let mut buffer = Buffer::empty(self.area);
        Chart::new(datasets.collect())
            .x_axis(horizontal)
            .y_axis(vertical)
            .render(self.area, &mut buffer);
        buffer
    }
}

/// The parts of a line between missing values.
fn parts(points: &[(i64, Option<f64>)]) -> impl Iterator<Item = &[(i64, Option<f64>)]> {
    let parts = points.split(|(_, value)| value.is_none());
    parts.filter(|part| !part.is_empty())
}

/// Bounds that leave a line visible, even one that is flat.
fn margin(lowest: f64, highest: f64) -> (f64, f64) {
    let room = (highest - lowest) * 0.05;
    let room = match room > 0.0 && room.is_finite() {
        true => room,
        false => (lowest.abs() * 0.05).max(0.5),
    };
    (lowest - room, highest + room)
}

fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if (0.001..1e7).contains(&size) => {
            let digits = if size >= 1000.0 { 0 } else { 2 };
            format!("{value:.digits$}")
        }
        _ => format!("{value:.2e}"),
    }
}

fn minute(time: i64) -> String {
    let mut times = Times::new();
    let text = times.text(time);
    text.get(..16).unwrap_or(text).replace('T', " ")
}

fn colour_of(colour: Color) -> Option<anstyle::AnsiColor> {
    Some(match colour {
        Color::Green => anstyle::AnsiColor::Green,
        Color::Cyan => anstyle::AnsiColor::Cyan,
        Color::Yellow => anstyle::AnsiColor::Yellow,
        Color::Magenta => anstyle::AnsiColor::Magenta,
        Color::Blue => anstyle::AnsiColor::Blue,
        Color::Red => anstyle::AnsiColor::Red,
        _ => return None,
    })
}

/// Times as text, all of one form.
struct Times {
    formatter: Formatter,
    text: Vec<u8>,
}

impl Times {
    fn new() -> Self {
        Self {
            formatter: Formatter::new(Precision::Microseconds),
            text: Vec::new(),
        }
    }

    /// A time as text, until the next one.
    fn text(&mut self, micros: i64) -> &str {
        self.text.clear();
        self.formatter.write(micros, &mut self.text);
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_line_has_room_and_missing_values_are_gaps() {
        assert_eq!(margin(10.0, 10.0), (9.5, 10.5));
        assert_eq!(margin(0.0, 0.0), (-0.5, 0.5));
        let (low, high) = margin(0.0, 100.0);
        assert!(low < 0.0 && high > 100.0);
        let points = [(0, Some(1.0)), (1, None), (2, Some(2.0)), (3, Some(3.0))];
        let lengths: Vec<usize> = parts(&points).map(<[_]>::len).collect();
        assert_eq!(lengths, [1, 2]);
        assert_eq!(
            [0.0, 1234.5, 0.25, 1e9].map(number),
            ["0", "1234", "0.25", "1.00e9"]
        );
    }
}
