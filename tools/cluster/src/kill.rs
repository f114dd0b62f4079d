//! Front ends are killed under load, and everything that was acknowledged must be there.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use support::cloud;
use support::gumnut::Gumnut;
use support::report::Steps;

use crate::front_end::FrontEnd;
use crate::load::{Journal, under_load};
use crate::scene::{FRONT_ENDS, IMAGE, Scene};

/// How long a front end is away.
const ABSENCE: Duration = Duration::from_secs(1);

pub(crate) fn run(scene: &mut Scene<'_>, seconds: u64, steps: &mut Steps) -> anyhow::Result<()> {
    let manifest = steps.run("a bundle", || scene.bundle())?;
    let journal = steps.run("SIGKILL of one front end after the other", || {
        under_load(scene, seconds, &manifest, |scene, count| {
            let front_end = &mut scene.front_ends[count % FRONT_ENDS];
            front_end.kill()?;
            thread::sleep(ABSENCE);
            front_end.start()
        })
    })?;
    steps.check("what was acknowledged, from each front end", || {
        journal.check(scene)
    });
    steps.check("each image verifies, from each front end", || {
        (scene.front_ends.iter()).try_for_each(|front_end| verify(scene, front_end, &journal))
    });
    steps.check("fsck finds nothing but orphans", || {
        let report = scene.administer(&["fsck", "--deep"])?;
        println!("    {report}");
        ensure!(report["faults"] == 0 && report["deep"] == true, "{report}");
        Ok(())
    });
    steps.check("each front end ends", || {
        scene.front_ends.iter_mut().try_for_each(FrontEnd::stop)
    });
    steps.check("each row has its blobs", || {
        let (_, missing) = compare(scene)?;
        ensure!(missing == 0, "{missing} rows have no blob");
        Ok(())
    });
    steps.check("gc leaves what rows name", || {
        let collected = scene.administer(&["gc", "--stopped", "--grace", "0"])?;
        println!("    {collected}");
        let (orphans, missing) = compare(scene)?;
        ensure!(
            orphans == 0 && missing == 0,
            "{orphans} blobs have no row, {missing} rows no blob"
        );
        Ok(())
    });
    steps.check("front ends start again", || {
        scene.front_ends.iter_mut().try_for_each(FrontEnd::start)
    });
    Ok(())
}

/// Has gumnut check every image by its bundle, and restore one, at one front end.
fn verify(scene: &Scene<'_>, front_end: &FrontEnd, journal: &Journal) -> anyhow::Result<()> {
    let folder = scene.folder().join(format!("client-{}", front_end.name));
    fs_err::create_dir_all(&folder)?;
    let place = [Path::new("--server-config"), &front_end.config];
    let eucarc = cloud::credentials(&scene.program, &folder, &place, &front_end.endpoint())?;
    let gumnut = Gumnut {
        shell: &scene.shell,
        program: &scene.program,
        eucarc: &eucarc,
    };
    let mut arguments = vec!["verify"];
    arguments.extend(journal.locations.iter().map(String::as_str));
    gumnut.quietly(&arguments)?;
    let first = journal.locations.first().context("no image")?;
    let restored = folder.join("restored").display().to_string();
    gumnut.quietly(&["fetch", first, "-o", &restored])?;
    let (original, found) = (scene.folder().join(IMAGE), fs_err::read(restored)?);
    ensure!(
        found == fs_err::read(original)?,
        "another image came back from {}",
        front_end.name
    );
    println!(
        "    {}: {} images verified, one restored",
        front_end.name,
        journal.locations.len()
    );
    Ok(())
}

/// How many blobs have no row, and how many rows no blob, as PostgreSQL and Ceph show it.
fn compare(scene: &Scene<'_>) -> anyhow::Result<(usize, usize)> {
    let (rows, blobs) = (rows(scene)?, scene.blobs()?);
    let (orphans, missing) = (
        blobs.difference(&rows).count(),
        rows.difference(&blobs).count(),
    );
    println!(
        "    {} blobs, {} in rows; {missing} rows without a blob, {orphans} blobs without a row",
        blobs.len(),
        rows.len()
    );
    Ok((orphans, missing))
}

/// The names of all blobs that the catalogue knows.
fn rows(scene: &Scene<'_>) -> anyhow::Result<BTreeSet<String>> {
    let sql = "SELECT blob FROM segments UNION ALL SELECT blob FROM parts UNION ALL SELECT blob FROM garbage";
    Ok(scene.postgres.rows(sql)?.into_iter().collect())
}
