//! What somebody at a terminal sees: frames that fit, tables, a first screen; and the lines that logs get instead.

use gumnut_tests::{Cloud, Program, Shown, Terminal, patterned, tool};

/// The command that publishes a disk of so many MiB with kernel and ramdisk.
fn publish(program: &Program, mib: usize) -> Vec<String> {
    program.write("kernel", patterned(2 << 20, 1));
    program.write("ramdisk", patterned(3 << 20, 2));
    program.write("disk", patterned(mib << 20, 3));
    "publish disk --kernel-file kernel --ramdisk-file ramdisk --arch x86_64 --ignore-checks --bucket screens"
        .split(' ')
        .map(str::to_owned)
        .collect()
}

/// The frame that is on the screen. There is never more than one, and it is never wrapped.
fn frame(terminal: &Terminal, columns: u16) -> Option<String> {
    let screen = terminal.screen();
    let rows: Vec<_> = screen.rows(0, columns).collect();
    let is_frame = |row: &String| row.starts_with('[') && row.contains("] ");
    let frames: Vec<_> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| is_frame(row))
        .collect();
    assert!(frames.len() < 2, "{columns} columns: {rows:#?}");
    let (index, frame) = frames.first()?;
    let index = u16::try_from(*index).unwrap();
    assert!(!screen.row_wrapped(index), "{columns} columns: {frame:?}");
    Some((*frame).clone())
}

/// Runs a publish at a terminal; gives all frames.
fn frames(cloud: &Cloud, columns: u16, mib: usize) -> (Vec<String>, Shown) {
    let client = cloud.client();
    let mut terminal = Terminal::start(&client, &publish(&client, mib), columns);
    let mut frames = Vec::new();
    while terminal.more() {
        if let Some(frame) = frame(&terminal, columns)
            && frames.last() != Some(&frame)
        {
            frames.push(frame);
        }
    }
    let shown = terminal.end();
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    (frames, shown)
}

#[test]
fn one_frame_fits_terminals_of_60_80_100_and_140_columns() {
    for columns in [60, 80, 100, 140] {
        let cloud = Cloud::start();
        let (frames, shown) = frames(&cloud, columns, 48);
        let told = |text: &str| frames.iter().any(|frame| frame.contains(text));
        assert!(told("] bundling the disk"), "{frames:#?}");
        assert!(told(" MiB of 48 MiB"), "{frames:#?}");
        for frame in &frames {
            let length = frame.trim_end().chars().count();
            assert!(length < usize::from(columns), "{frame}");
        }
        let drawn = frames.iter().filter(|frame| frame.contains('>')).count();
        assert!(drawn > 0 || columns < 80, "{frames:#?}");
        // Nothing is left of the frame, and the last line sums up.
        assert!(!shown.screen.contains("] bundling"), "{}", shown.screen);
        let last = shown.screen.lines().last().unwrap();
        assert!(last.starts_with("published 3 images in "), "{last}");
        assert!(shown.screen.contains(" sent"), "{}", shown.screen);
    }
}

#[test]
fn a_frame_follows_a_terminal_that_is_resized() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let mut terminal = Terminal::start(&client, &publish(&client, 64), 140);
    let widths = [60, 100, 80, 140];
    let (mut columns, mut seen, mut resized) = (140, 0, 0);
    while terminal.more() {
        if frame(&terminal, columns).is_none() {
            continue;
        }
        seen += 1;
        if seen % 4 == 0 {
            columns = widths[resized % widths.len()];
            resized += 1;
            terminal.resize(columns);
            // What was drawn for the old width goes with the next frame.
            let _ = terminal.more();
        }
    }
    let shown = terminal.end();
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    assert!(resized > 2, "{resized}");
}

#[test]
fn holes_are_not_counted() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let mut arguments = publish(&client, 8);
    let disk = fs_err::OpenOptions::new()
        .write(true)
        .open(client.path("disk"))
        .unwrap();
    disk.set_len(512 << 20).unwrap();
    drop(disk);
    arguments.extend(["--progress", "json"].map(str::to_owned));
    let outcome = client.run(&arguments).succeeded();
    let totals: Vec<_> = outcome
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .map(|line| line["progress"].clone())
        .filter(|progress| progress["what"] == "bundling the disk")
        .map(|progress| progress["total"].as_u64().unwrap())
        .collect();
    assert!(!totals.is_empty(), "{outcome:#?}");
    assert!(
        totals
            .iter()
            .all(|total| (8 << 20..9 << 20).contains(total)),
        "{totals:?}"
    );
}

#[test]
fn progress_is_shown_as_it_is_wanted() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let arguments = publish(&client, 8);
    let with = |how: &[&str]| {
        let more = how.iter().map(|text| (*text).to_owned());
        let arguments: Vec<_> = arguments.iter().cloned().chain(more).collect();
        arguments
    };
    let json = client.run(&with(&["--progress", "json"])).succeeded();
    let first = json
        .stderr
        .lines()
        .find(|line| line.starts_with('{'))
        .unwrap();
    let value: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(value["progress"]["stage"], 1);
    assert!(value["progress"]["stages"].as_u64().unwrap() > 3, "{first}");
    let shown = Terminal::start(&client, &with(&["--progress", "none", "--force"]), 80).end();
    assert!(!shown.raw.contains("] bundling"), "{}", shown.raw);
    let shown = Terminal::start(&client, &with(&["--progress", "plain"]), 80).end();
    assert!(!shown.raw.contains("\u{1b}["), "{}", shown.raw);
    let _ = client.run(&with(&["--progress", "loud"])).failed(2);
}

#[test]
fn the_first_screen_fits_24_lines() {
    let shown = Terminal::start(&Program::new(), &[] as &[&str], 80).end();
    assert_eq!(shown.code, Some(0));
    let lines: Vec<_> = shown.screen.lines().collect();
    assert!(lines.len() < 24, "{}", shown.screen);
    for text in ["Start here:", "gumnut publish", "cloud", "--help"] {
        assert!(shown.screen.contains(text), "{}", shown.screen);
    }
}

#[test]
fn lists_are_tables_at_a_terminal_and_tabs_in_a_pipe() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let empty = client.run(&["images"]).succeeded();
    assert_eq!(empty.stdout, "");
    assert!(empty.stderr.contains("no images"), "{empty:#?}");
    let empty = client.run(&["runs"]).succeeded().saying(&["no runs"]);
    assert_eq!(empty.stdout, "");
    assert_eq!(client.run(&["images", "-q"]).succeeded().stderr, "");
    let mut arguments = publish(&client, 1);
    arguments.extend(["--tag", "release=12", "--name", "debian-12"].map(str::to_owned));
    let _ = client.run(&arguments).succeeded();
    let shown = Terminal::start(&client, &["images"], 100).end();
    let rows: Vec<_> = shown.screen.lines().collect();
    let words = |row: &str| {
        row.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(rows[0]),
        ["id", "kind", "arch", "size", "date", "name", "tags"]
    );
    let machine = rows.iter().find(|row| row.contains("machine")).unwrap();
    for text in ["emi-", "x86_64", "1 MiB", "-", "debian-12", "release=12"] {
        assert!(machine.contains(text), "{machine}");
    }
    let piped = client.run(&["images"]).succeeded().stdout;
    assert!(
        piped
            .lines()
            .all(|line| line.starts_with("IMAGE\t") && line.matches('\t').count() == 10)
    );
    let runs = Terminal::start(&client, &["runs"], 120).end();
    let begun = ["run", "begun", "state", "target", "bucket", "sent"];
    for text in begun {
        assert!(
            runs.screen.lines().next().unwrap().contains(text),
            "{}",
            runs.screen
        );
    }
    assert!(
        runs.screen.contains("complete") && runs.screen.contains("screens"),
        "{}",
        runs.screen
    );
    for columns in [60, 80] {
        let shown = Terminal::start(&client, &["images"], columns).end();
        for (row, line) in shown.raw.lines().enumerate() {
            assert!(
                line.trim_end().chars().count() <= usize::from(columns),
                "{row}: {line}"
            );
        }
    }
    let nowhere = ["doctor", "--ec2-url", "http://127.0.0.1:9", "--no-write"];
    let doctor = Terminal::start(&client, &nowhere, 120).end();
    let status = |line: &str| match line.split_whitespace().next() {
        Some("ok") => Some(0),
        Some("warning") => Some(1),
        Some("failure") => Some(2),
        _ => None,
    };
    let found: Vec<_> = doctor.raw.lines().filter_map(status).collect();
    assert!(
        found.is_sorted() && found.last() == Some(&2),
        "{}",
        doctor.raw
    );
}

#[test]
fn shells_complete_ids_that_were_listed_and_runs() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let _ = client.run(&publish(&client, 1)).succeeded();
    let ids = client.json(&["images"]);
    let id = |kind: &str| {
        let images = ids["images"].as_array().unwrap();
        let image = images.iter().find(|image| image["type"] == kind).unwrap();
        image["image_id"].as_str().unwrap().to_owned()
    };
    let complete = |words: &[&str]| {
        let words = [&["complete", "--"], words].concat();
        let offered = client.run(&words).succeeded().stdout;
        offered.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (machine, kernel) = (id("machine"), id("kernel"));
    assert!(complete(&["deregister", ""]).contains(&machine));
    let begun = complete(&["retire", &machine[..6]]);
    assert_eq!(begun, std::slice::from_ref(&machine));
    assert_eq!(complete(&["publish", "disk", "--kernel", ""]), [kernel]);
    assert_eq!(complete(&["abort", ""]).len(), 1);
    assert!(complete(&["resize", ""]).is_empty());
    // And bash gets them.
    let script = client.run(&["completions", "bash"]).succeeded().stdout;
    let path = client.write("gumnut.bash", script);
    let program = client.command(&[] as &[&str]);
    let binary = program.get_program().to_str().unwrap().to_owned();
    let ask = format!(
        "gumnut() {{ HOME='{}' '{binary}' \"$@\"; }}; . \"$0\"; COMP_WORDS=(gumnut deregister ''); COMP_CWORD=2; \
         _gumnut_values gumnut '' deregister; echo \"${{COMPREPLY[@]}}\"",
        client.folder().display()
    );
    let offered = tool("bash", &["-c", &ask, path.to_str().unwrap()]);
    assert!(offered.contains(&machine), "{offered}");
}

#[test]
fn every_page_has_its_sections() {
    let program = Program::new();
    let _ = program.run(&["man", "pages"]).succeeded();
    let folder = program.path("pages");
    let groups = [
        "gumnut-cloud.1",
        "gumnut-cloud-schema.1",
        "gumnut-cloud-user.1",
        "gumnut-compat.1",
    ];
    for page in Program::files(&folder) {
        let text = fs_err::read_to_string(folder.join(&page)).unwrap();
        for section in ["EXIT STATUS", "ENVIRONMENT", "FILES"] {
            assert!(
                text.contains(&format!(".SH \"{section}\""))
                    || text.contains(&format!(".SH {section}")),
                "{page}: {section}"
            );
        }
        let examples = text.contains(".SH EXAMPLES");
        assert!(
            examples || groups.contains(&page.as_str()),
            "{page} has no examples"
        );
    }
}
