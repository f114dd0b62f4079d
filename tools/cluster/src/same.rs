//! What must be the same at all front ends, because nothing is a front end's own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use support::cloud;
use support::gumnut::Gumnut;
use support::load::{Signer, status};
use support::report::Steps;
use xshell::cmd;

use crate::front_end::FrontEnd;
use crate::scene::{IMAGE, Scene};

/// How long after its revocation a key may still be accepted.
const REVOKED: Duration = Duration::from_secs(5);
/// How long a key is watched; when it is accepted later than that, it may be accepted for ever.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run(scene: &Scene<'_>, steps: &mut Steps) {
    steps.check("credentials are the same from each front end", || {
        credentials(scene)
    });
    steps.check(
        "a bundle for the certificate of one is registered by another",
        || register(scene),
    );
    steps.check("a revoked key is refused by each front end", || {
        revoke(scene)
    });
}

/// Compares all files with credentials, but for the address of the front end and the directory in them.
fn credentials(scene: &Scene<'_>) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for front_end in &scene.front_ends {
        let eucarc = eucarc(scene, front_end, None)?;
        let folder = eucarc.parent().context("it is in a directory")?;
        let mut files = BTreeMap::new();
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            let text = String::from_utf8_lossy(&fs_err::read(&path)?).into_owned();
            let text = text
                .replace(&front_end.address.to_string(), "ADDRESS")
                .replace(&folder.display().to_string(), "DIRECTORY");
            files.insert(path.file_name().map(ToOwned::to_owned), text);
        }
        all.push(files);
    }
    let first = &all[0];
    println!("    {} files", first.len());
    ensure!(first.len() >= 4, "files are missing: {:?}", first.keys());
    for (front_end, files) in scene.front_ends.iter().zip(&all) {
        let different = first
            .iter()
            .find(|(name, text)| files.get(*name) != Some(text));
        ensure!(
            different.is_none() && files.len() == first.len(),
            "{} has another {:?}",
            front_end.name,
            different.map(|(name, _)| name)
        );
    }
    Ok(())
}

/// Bundles with what the first front end has told, uploads there, registers at the second, and restores from the third.
fn register(scene: &Scene<'_>) -> anyhow::Result<()> {
    let manifest = scene.bundle_by(&eucarc(scene, &scene.front_ends[0], None)?)?;
    let [one, two, three] = [0, 1, 2].map(|index| eucarc(scene, &scene.front_ends[index], None));
    let (one, two, three) = (one?, two?, three?);
    let at = |eucarc: &Path, arguments: &[&str], key: &str| {
        let gumnut = Gumnut {
            shell: &scene.shell,
            program: &scene.program,
            eucarc,
        };
        gumnut.text(arguments, key)
    };
    let path = format!("bundle/{manifest}");
    let location = at(&one, &["upload", &path, "-b", "same"], "location")?;
    let image = at(&two, &["register", &location, "--name", "same"], "image_id")?;
    let restored = scene.folder().join("same").display().to_string();
    at(&three, &["fetch", &image, "-o", &restored], "image")?;
    ensure!(
        fs_err::read(restored)? == fs_err::read(scene.folder().join(IMAGE))?,
        "another image came back"
    );
    Ok(())
}

/// Revokes the key of a user by one front end's configuration, while the user asks all front ends again and again.
fn revoke(scene: &Scene<'_>) -> anyhow::Result<()> {
    let (shell, program) = (&scene.shell, &scene.program);
    let config = &scene.front_ends[1].config;
    let user = |verb: &str| {
        cmd!(
            shell,
            "{program} --quiet cloud user {verb} --server-config {config} alice"
        )
        .quiet()
        .ignore_stdout()
        .run()
    };
    user("add")?;
    let eucarc = eucarc(scene, &scene.front_ends[0], Some("alice"))?;
    let (access_key, secret_key) = (
        cloud::setting(&eucarc, "EC2_ACCESS_KEY")?,
        cloud::setting(&eucarc, "EC2_SECRET_KEY")?,
    );
    let signer = Signer {
        workspace: scene.workspace,
        environment: &scene.environment,
        access_key: &access_key,
        secret_key: &secret_key,
    };
    let mut requests = Vec::new();
    for front_end in &scene.front_ends {
        let mut heads = signer.heads("GET", &front_end.endpoint(), 1, &[])?;
        requests.push((front_end, heads.pop().context("a request")?));
    }
    for (front_end, head) in &requests {
        // There is no such bucket, which only a user gets to know.
        let found = status(front_end.address, head)?;
        ensure!(found == 404, "{} answers {found} before", front_end.name);
    }
    user("revoke")?;
    let start = Instant::now();
    let mut times = BTreeMap::new();
    while times.len() < requests.len() {
        for (front_end, head) in &requests {
            match status(front_end.address, head)? {
                403 => {
                    times
                        .entry(&front_end.name)
                        .or_insert_with(|| start.elapsed());
                }
                _ => {
                    // It was refused by chance before, or not yet.
                    times.remove(&front_end.name);
                }
            }
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "the revoked key is still accepted"
        );
        thread::sleep(Duration::from_millis(20));
    }
    for (name, time) in times {
        println!("    {name} refuses it after {:.2} s", time.as_secs_f64());
        ensure!(time <= REVOKED, "{name} refused it too late");
    }
    Ok(())
}

/// Writes the credentials of a user, or of the administrator, as one front end gives them; gives the eucarc.
fn eucarc(scene: &Scene<'_>, front_end: &FrontEnd, user: Option<&str>) -> anyhow::Result<PathBuf> {
    let folder = scene
        .folder()
        .join(format!("{}-{}", front_end.name, user.unwrap_or("admin")));
    let config = front_end.config.as_os_str();
    let mut place = vec![OsStr::new("--server-config"), config];
    if let Some(user) = user {
        place.extend(["--user", user].map(OsStr::new));
    }
    cloud::credentials(&scene.program, &folder, &place, &front_end.endpoint())
}
