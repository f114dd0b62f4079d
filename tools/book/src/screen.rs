//! A recording of a terminal as an animated SVG picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use vt100::{Cell, Color, Parser};

use crate::site::escaped;

/// Something that was printed.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Seconds since the start.
    pub(crate) at: f64,
    /// What was printed, with its control sequences.
    pub(crate) text: String,
}

/// Two pictures are at least this far from each other, in seconds.
const SHORTEST: f64 = 0.1;
/// How long the last picture is shown, in seconds.
const LAST: f64 = 6.0;
/// Sizes in pixels.
const CELL: f64 = 8.4;
const LINE: f64 = 18.0;
const MARGIN: f64 = 14.0;
/// The first eight colours of a terminal.
const COLORS: [&str; 8] = [
    "#616e7c", "#e66a6a", "#8bc34a", "#f0b429", "#62b0e8", "#c792ea", "#5ed0d0", "#e4e7eb",
];

/// The rows of the screen at one time, in SVG.
struct Frame {
    at: f64,
    rows: Vec<String>,
}

/// The picture of a recording on a terminal of this size.
pub(crate) fn picture(events: &[Event], width: u16, height: u16) -> anyhow::Result<String> {
    let frames = frames(events, width, height);
    let last = frames.last().context("nothing was recorded")?;
    let (end, count) = (last.at + LAST, frames.len());
    let (wide, high) = (
        f64::from(width) * CELL + 2.0 * MARGIN,
        f64::from(height) * LINE + 2.0 * MARGIN,
    );
    // Each row that was ever seen, once.
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    for row in frames.iter().flat_map(|frame| &frame.rows) {
        let next = rows.len();
        rows.entry(row).or_insert(next);
    }
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide:.0} {high:.0}\" width=\"{wide:.0}\" height=\"{high:.0}\">\n\
         <title>a terminal in which gumnut publish runs</title>\n<style>\n\
         text{{font:14px ui-monospace,'DejaVu Sans Mono',monospace;fill:#e4e7eb;white-space:pre}}\n\
         .frames{{transform:translateX({:.0}px);animation:play {end:.2}s steps(1,end) infinite}}\n\
         @media (prefers-reduced-motion){{.frames{{animation:none}}}}\n@keyframes play{{",
        -wide * count_of(count - 1)
    )?;
    for (index, frame) in frames.iter().enumerate() {
        let (percent, x) = (frame.at / end * 100.0, -wide * count_of(index));
        writeln!(svg, "{percent:.3}%{{transform:translateX({x:.0}px)}}")?;
    }
    writeln!(
        svg,
        "100%{{transform:translateX({:.0}px)}}\n}}\n</style>\n<defs>",
        -wide * count_of(count - 1)
    )?;
    for (row, number) in &rows {
        writeln!(
            svg,
            "<text id=\"r{number}\" xml:space=\"preserve\">{row}</text>"
        )?;
    }
    writeln!(
        svg,
        "</defs>\n<rect width=\"{wide:.0}\" height=\"{high:.0}\" rx=\"8\" fill=\"#1f2933\"/>\n<g class=\"frames\">"
    )?;
    for (index, frame) in frames.iter().enumerate() {
        write!(svg, "<g>")?;
        for (line, row) in frame.rows.iter().enumerate() {
            if row.is_empty() {
                continue;
            }
            let x = wide * count_of(index) + MARGIN;
            let y = MARGIN + LINE * (count_of(line) + 0.75);
            write!(
                svg,
                "<use href=\"#r{}\" x=\"{x:.0}\" y=\"{y:.1}\"/>",
                rows[row.as_str()]
            )?;
        }
        writeln!(svg, "</g>")?;
    }
    writeln!(svg, "</g>\n</svg>")?;
    Ok(svg)
}

/// What the screen showed, whenever it changed.
fn frames(events: &[Event], width: u16, height: u16) -> Vec<Frame> {
    let mut terminal = Parser::new(height, width, 0);
    let mut frames: Vec<Frame> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        terminal.process(event.text.as_bytes());
        let next = events.get(index + 1);
        let is_followed = next.is_some_and(|next| next.at - event.at < SHORTEST);
        let is_long_ago = frames
            .last()
            .is_none_or(|last| event.at - last.at >= SHORTEST);
        if is_followed && !is_long_ago {
            continue;
        }
        let rows: Vec<String> = (0..height)
            .map(|row| shown(&terminal, row, width))
            .collect();
        if frames.last().is_none_or(|last| last.rows != rows) {
            frames.push(Frame { at: event.at, rows });
        }
    }
    frames
}

/// A row of the screen in SVG, empty when there is nothing in it.
fn shown(terminal: &Parser, row: u16, width: u16) -> String {
    let mut spans: Vec<(Option<usize>, String)> = Vec::new();
    for column in 0..width {
        let cell = terminal.screen().cell(row, column);
        let text = cell.map(Cell::contents).filter(|text| !text.is_empty());
        let color = cell.and_then(|cell| match cell.fgcolor() {
            Color::Idx(index) => Some(usize::from(index % 8)),
            _ => None,
        });
        let text = text.map_or(" ", |text| text);
        match spans.last_mut() {
            Some((same, span)) if *same == color => span.push_str(text),
            _ => spans.push((color, text.to_owned())),
        }
    }
    if let Some((_, span)) = spans.last_mut() {
        span.truncate(span.trim_end().len());
    }
    let shown = spans.iter().filter(|(_, span)| !span.is_empty());
    let parts = shown.map(|(color, span)| match color {
        Some(color) => format!(
            "<tspan fill=\"{}\">{}</tspan>",
            COLORS[*color],
            escaped(span)
        ),
        None => escaped(span),
    });
    parts.collect()
}

/// A small number for a place in the picture.
fn count_of(number: usize) -> f64 {
    u32::try_from(number).map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: f64, text: &str) -> Event {
        Event {
            at,
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_picture_has_a_frame_for_each_change() {
        let events = [
            event(0.0, "$ a <b>\r\n"),
            event(0.5, "10 %"),
            event(0.51, "\r\x1b[2K20 %"),
            event(1.0, "\r\x1b[2K\x1b[31merror:\x1b[0m no"),
            event(1.2, ""),
        ];
        let svg = picture(&events, 20, 3).unwrap();
        assert_eq!(svg.matches("<g><use").count(), 4, "{svg}");
        assert!(svg.contains(">$ a &lt;b&gt;<"), "{svg}");
        assert!(
            svg.contains("<tspan fill=\"#e66a6a\">error:</tspan> no<"),
            "{svg}"
        );
        assert!(svg.contains("7.143%"), "{svg}");
        assert!(picture(&[], 20, 3).is_err());
    }
}
