//! Results as a bar chart, in SVG.

use std::fmt::Write as _;

use serde_json::Value;

/// Width of the names at the left, of the longest bar, and of the figures at the right, in pixels.
const COLUMNS: [f64; 3] = [330.0, 420.0, 150.0];
/// Height of a line, and of the bar in it, in pixels.
const LINE: f64 = 20.0;
const BAR: f64 = 14.0;
/// Colours of gumnut's bars and of the peers'.
const COLOURS: [&str; 2] = ["#3b7a57", "#b8b8b8"];

/// A bar for the wall time of each row; rows of one job and input stand together, on one scale.
pub(crate) fn draw(rows: &[Value]) -> String {
    let mut body = String::new();
    let mut y = LINE;
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let count = rest
            .iter()
            .take_while(|row| group(row) == group(first))
            .count();
        let (rows, others) = rest.split_at(count);
        rest = others;
        draw_group(&mut body, &mut y, rows);
    }
    let (width, height) = (COLUMNS.iter().sum::<f64>(), y);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

fn group(row: &Value) -> (&str, &str) {
    (word(row, "job"), word(row, "input"))
}

fn draw_group(body: &mut String, y: &mut f64, rows: &[Value]) {
    let longest = rows.iter().map(seconds).fold(0.0, f64::max);
    let Some(first) = rows.first() else { return };
    let (job, input) = group(first);
    text(
        body,
        10.0,
        *y,
        &format!("{job}, {input}"),
        " font-weight=\"bold\"",
    );
    *y += LINE;
    for row in rows {
        let program = word(row, "program");
        let width = COLUMNS[1] * seconds(row) / longest;
        let colour = COLOURS[usize::from(!program.starts_with("gumnut"))];
        text(body, 24.0, *y, program, "");
        let top = *y - BAR + 3.0;
        // Writing into a text cannot fail.
        let _ = writeln!(
            body,
            "<rect x=\"{}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>",
            COLUMNS[0]
        );
        let mut figure = format!("{:.2} s", seconds(row));
        if let Some(ratio) = row["ratio"]["median"].as_f64() {
            let _ = write!(figure, ", {ratio:.1} times as fast");
        }
        text(body, COLUMNS[0] + width + 6.0, *y, &figure, "");
        *y += LINE;
    }
    *y += LINE / 2.0;
}

fn text(body: &mut String, x: f64, y: f64, words: &str, style: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y}\"{style}>{words}</text>");
}

fn seconds(row: &Value) -> f64 {
    row["wall_seconds"]["median"].as_f64().unwrap_or(0.0)
}

fn word<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_longest_bar_of_a_group_has_the_full_width() {
        let row = |input: &str, program: &str, seconds: f64| json!({"job": "bundle", "input": input, "program": program, "wall_seconds": {"median": seconds}, "ratio": null});
        let svg = draw(&[
            row("a<b", "gumnut", 1.0),
            row("a<b", "shell", 4.0),
            row("c", "gumnut", 10.0),
        ]);
        let widths: Vec<&str> = svg
            .split("<rect x=")
            .skip(1)
            .filter_map(|rect| rect.split("width=\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(widths, ["105.0", "420.0", "420.0"]);
        assert!(svg.contains("bundle, a&lt;b"), "{svg}");
    }
}
