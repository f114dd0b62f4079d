//! Results in a file, and a chart of them beside it.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::chart;

/// What makes a row the same row in another run.
const KEYS: [&str; 3] = ["job", "input", "program"];

/// Puts rows into a JSON file, in the place of older ones of the same name, and draws the chart: the same path with
/// the ending `svg`.
pub(crate) fn write(
    path: &Path,
    cores: usize,
    rounds: usize,
    rows: &[Value],
) -> anyhow::Result<()> {
    let old = if path.exists() {
        let text = fs_err::read_to_string(path)?;
        serde_json::from_str(&text).with_context(|| format!("{} holds no JSON", path.display()))?
    } else {
        Value::Null
    };
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let mut row = row.clone();
            row["cores"] = cores.into();
            row["rounds"] = rounds.into();
            row
        })
        .collect();
    let all = merge(old["rows"].as_array().cloned().unwrap_or_default(), rows);
    let chart = path.with_extension("svg");
    fs_err::write(&chart, chart::draw(&all))?;
    let text = serde_json::to_string_pretty(&json!({ "rows": all }))?;
    fs_err::write(path, text + "\n")?;
    println!("written: {} and {}", path.display(), chart.display());
    Ok(())
}

fn merge(mut all: Vec<Value>, new: Vec<Value>) -> Vec<Value> {
    for row in new {
        let same = all
            .iter_mut()
            .find(|other| KEYS.iter().all(|key| other[key] == row[key]));
        match same {
            Some(old) => *old = row,
            None => all.push(row),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_result_takes_the_place_of_the_old_one() {
        let row = |job: &str, program: &str, figure: u32| json!({"job": job, "input": "i", "program": program, "figure": figure});
        let old = vec![row("bundle", "gumnut", 1), row("bundle", "shell", 2)];
        let all = merge(
            old,
            vec![row("bundle", "gumnut", 3), row("verify", "gumnut", 4)],
        );
        let figures: Vec<_> = all.iter().map(|row| row["figure"].clone()).collect();
        assert_eq!(figures, [3, 2, 4]);
    }
}
