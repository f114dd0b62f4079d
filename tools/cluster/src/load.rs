//! Clients at work while something happens to the front ends, and what they have been told.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::front_end::FrontEnd;
use crate::scene::Scene;

/// How many clients there are.
const CLIENTS: &str = "24";
/// How often something happens.
const INTERVAL: Duration = Duration::from_secs(4);

/// What the clients have been told.
pub(crate) struct Journal {
    /// The file with all of it.
    pub(crate) path: String,
    /// Where the bundle of each image is.
    pub(crate) locations: Vec<String>,
    /// How many errors the clients saw.
    pub(crate) errors: u64,
}

impl Journal {
    /// Compares all that was acknowledged with what each front end gives.
    pub(crate) fn check(&self, scene: &Scene<'_>) -> anyhow::Result<()> {
        let endpoints: Vec<_> = scene.front_ends.iter().map(FrontEnd::endpoint).collect();
        let mut arguments = vec!["check", &self.path];
        arguments.extend(endpoints.iter().map(String::as_str));
        let counts = scene.clients(&scene.endpoint()).run(&arguments)?;
        println!("    {counts}");
        Ok(())
    }
}

/// Lets clients work for this time, and calls `disturb` every 4 seconds, with the numbers 0, 1, 2 and so on.
pub(crate) fn under_load(
    scene: &mut Scene<'_>,
    seconds: u64,
    manifest: &str,
    mut disturb: impl FnMut(&mut Scene<'_>, usize) -> anyhow::Result<()>,
) -> anyhow::Result<Journal> {
    let file = |name: &str| scene.folder().join(name).display().to_string();
    let (path, bundle) = (file("journal.json"), file("bundle"));
    let arguments = ["load", &seconds.to_string(), CLIENTS, &path];
    let more = [("BUNDLE", bundle.as_str()), ("MANIFEST", manifest)];
    let mut clients = scene.clients(&scene.endpoint()).start(&arguments, &more)?;
    let (begin, mut last, mut count) = (Instant::now(), Instant::now(), 0);
    while clients.runs()? {
        let is_last = begin.elapsed().as_secs() >= seconds;
        if last.elapsed() < INTERVAL || is_last {
            thread::sleep(Duration::from_millis(20));
            continue;
        }
        last = Instant::now();
        disturb(scene, count)?;
        count += 1;
    }
    let counts = clients.wait()?;
    println!("    {count} times, under load: {counts}");
    ensure!(count > 0, "nothing happened while the clients worked");
    for kind in ["put", "overwrite", "delete", "complete", "register"] {
        let acknowledged = counts["acknowledged"][kind].as_u64().unwrap_or(0);
        ensure!(acknowledged > 0, "no {kind} was acknowledged");
    }
    let text = fs_err::read_to_string(&path)?;
    let journal: Value = serde_json::from_str(&text)?;
    let images = journal["images"].as_array().context("no images")?;
    let locations = images.iter().filter_map(|image| image["location"].as_str());
    Ok(Journal {
        locations: locations.map(str::to_owned).collect(),
        errors: counts["errors"].as_u64().context("errors are counted")?,
        path,
    })
}
