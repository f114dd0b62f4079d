//! What a command has found, as lines for people and scripts.

use std::collections::BTreeMap;
use std::fmt;

use console::{Alignment, measure_text_width, pad_str};
use gumnut_types::printable;

/// Lines of cells, which tabs separate where they are printed. Cells may hold anything: what a terminal could obey is escaped
/// when they are printed, so that no cell makes another line or another cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(Vec<Vec<String>>);

impl Lines {
    /// One line of one cell.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is shown is mostly made for it, as the display of a path"
    )]
    pub fn one(cell: impl ToString) -> Self {
        Self(vec![vec![cell.to_string()]])
    }

    /// Adds a line.
    pub fn push<C: ToString>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.0.push(row(cells));
    }

    /// Adds the lines of `others`.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The lines with their cells under each other, for a terminal: those with equally many cells have the same columns.
    pub(crate) fn aligned(&self) -> String {
        let mut widths: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let shown: Vec<Vec<_>> = self
            .0
            .iter()
            .map(|cells| cells.iter().map(|cell| printable(cell)).collect())
            .collect();
        for cells in &shown {
            let columns = widths
                .entry(cells.len())
                .or_insert_with(|| vec![0; cells.len()]);
            for (width, cell) in columns.iter_mut().zip(cells) {
                *width = measure_text_width(cell).max(*width);
            }
        }
        let mut text = String::new();
        for cells in &shown {
            let columns = &widths[&cells.len()];
            let padded = cells
                .iter()
                .zip(columns)
                .map(|(cell, width)| pad_str(cell, *width, Alignment::Left, None));
            let line = padded.collect::<Vec<_>>().join("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn row<C: ToString>(cells: impl IntoIterator<Item = C>) -> Vec<String> {
    cells.into_iter().map(|cell| cell.to_string()).collect()
}

impl<C: ToString, R: IntoIterator<Item = C>> FromIterator<R> for Lines {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        Self(rows.into_iter().map(row).collect())
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cells in &self.0 {
            for (index, cell) in cells.iter().enumerate() {
                let gap = if index == 0 { "" } else { "\t" };
                write!(f, "{gap}{}", printable(cell))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_makes_no_cell_and_no_line() {
        let mut lines = Lines::one("a\tb\nc");
        lines.push(["IMAGE", "\u{1b}[2J", ""]);
        lines.append([["d"]].into_iter().collect());
        assert_eq!(lines.to_string(), "a\\tb\\nc\nIMAGE\t\\u{1b}[2J\t\nd\n");
        assert_eq!(Lines::default().to_string(), "");
    }

    #[test]
    fn cells_stand_under_each_other_on_a_terminal() {
        let mut lines = Lines::default();
        lines.push(["ok", "store-endpoint", "it answers"]);
        lines.push(["  what to do: nothing at all, as it is well"]);
        lines.push(["warning", "clock", "磁盘\t"]);
        let shown = "ok       store-endpoint  it answers\n  what to do: nothing at all, as it is well\n\
                     warning  clock           磁盘\\t\n";
        assert_eq!(lines.aligned(), shown);
    }
}
