//! Tables that fit a terminal.

use std::fmt::Write as _;

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use gumnut_types::printable;

/// Columns between two columns of a table.
const GAP: usize = 2;
/// The narrowest that a column is made so that the table fits.
const LEAST: usize = 8;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
struct Column {
    name: &'static str,
    alignment: Alignment,
    /// Whether it is never cut: anyone who reads it has to type it.
    whole: bool,
    /// Whether it is left out where there is no room.
    optional: bool,
}

/// Rows under the names of their columns.
#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. Signs before the name of a column, which are not shown, say what is special about it: `>` that its
    /// cells stand at its right, as numbers do; `!` that it is never cut; `?` that it is left out where there is no room.
    pub fn new(head: &[&'static str]) -> Self {
        let column = |name: &&'static str| {
            let shown = name.trim_start_matches(['>', '!', '?']);
            let signs = &name[..name.len() - shown.len()];
            Column {
                name: shown,
                alignment: if signs.contains('>') {
                    Alignment::Right
                } else {
                    Alignment::Left
                },
                whole: signs.contains('!'),
                optional: signs.contains('?'),
            }
        };
        Self {
            head: head.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, with a cell for each column. An empty cell is shown as `-`.
    pub fn push<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let shown = |cell: C| match cell.as_ref() {
            "" => "-".to_owned(),
            cell => printable(cell).into_owned(),
        };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The table in lines of at most `width` columns, as far as its columns can be made so narrow.
    pub(crate) fn fitted(&self, width: usize) -> String {
        let mut shown: Vec<_> = (0..self.head.len()).collect();
        let mut widths = self.widths(&shown, width);
        while length(&widths) > width {
            let Some(last) = shown.iter().rposition(|column| self.head[*column].optional) else {
                break;
            };
            shown.remove(last);
            widths = self.widths(&shown, width);
        }
        let name = |column: &usize| self.head[*column].name;
        let mut text = self.line(&shown.iter().map(name).collect::<Vec<_>>(), &shown, &widths);
        for row in &self.rows {
            let cell = |column: &usize| row.get(*column).map_or("", String::as_str);
            let cells: Vec<_> = shown.iter().map(cell).collect();
            text.push_str(&self.line(&cells, &shown, &widths));
        }
        text
    }

    fn line(&self, cells: &[&str], shown: &[usize], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let gap = if index == 0 { 0 } else { GAP };
            let alignment = self.head[shown[index]].alignment;
            let cut = truncate_str(cell, *width, "…");
            let padded = pad_str(&cut, *width, alignment, None);
            let _ = write!(line, "{:gap$}{padded}", "");
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    /// The widths of these columns: as wide as their widest cells, or narrower so that the table fits.
    fn widths(&self, shown: &[usize], most: usize) -> Vec<usize> {
        let natural = |column: &usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(*column));
            let widest = cells.map(|cell| measure_text_width(cell)).max();
            widest
                .unwrap_or(0)
                .max(measure_text_width(self.head[*column].name))
        };
        let mut widths: Vec<_> = shown.iter().map(natural).collect();
        while length(&widths) > most {
            let cuttable = widths
                .iter_mut()
                .zip(shown)
                .filter(|(width, column)| **width > LEAST && !self.head[**column].whole);
            let Some((widest, _)) = cuttable.max_by_key(|(width, _)| **width) else {
                break;
            };
            *widest -= 1;
        }
        widths
    }
}

fn length(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["id", ">size", "name"]);
        table.push([
            "emi-00000001",
            "865 MiB",
            "debian-12 with a name that is long",
        ]);
        table.push(["eki-00000002", "8 MiB", ""]);
        table
    }

    #[test]
    fn columns_stand_under_each_other() {
        let shown = "id               size  name\n\
                     emi-00000001  865 MiB  debian-12 with a name that is long\n\
                     eki-00000002    8 MiB  -\n";
        assert_eq!(table().fitted(80), shown);
    }

    #[test]
    fn a_table_fits_the_terminal() {
        for width in [40, 50, 60] {
            for line in table().fitted(width).lines() {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
            }
        }
        assert!(table().fitted(40).contains('…'));
    }

    #[test]
    fn what_has_no_room_is_left_out_and_ids_stay_whole() {
        let mut table = Table::new(&["!id", "name", "?tags"]);
        table.push(["emi-00000001", "a name that is long", "release=12"]);
        assert_eq!(
            table.fitted(20),
            "id            name\nemi-00000001  a name …\n"
        );
        assert!(table.fitted(60).contains("release=12"));
    }

    #[test]
    fn a_cell_is_text_and_wide_letters_are_counted() {
        let mut table = Table::new(&["name", "id"]);
        table.push(["磁盘\u{1b}[31m\n", "x"]);
        table.push(["a", "y"]);
        let shown = table.fitted(80);
        assert_eq!(shown.lines().count(), 3);
        assert!(!shown.contains('\u{1b}'));
        let columns = |line: &str| measure_text_width(line);
        assert_eq!(
            columns(shown.lines().nth(1).unwrap()),
            columns(shown.lines().nth(2).unwrap())
        );
    }
}
