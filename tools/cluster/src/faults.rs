//! PostgreSQL or Ceph fails, or a front end has the wrong keys: one clear status or message each, and nothing acknowledged is lost.

use anyhow::{Context as _, bail, ensure};
use support::report::Steps;
use xshell::cmd;

use crate::front_end::{FrontEnd, Shared};
use crate::load::under_load;
use crate::scene::{Scene, write_secret};

/// What `clients.py ask` asks.
const OPERATIONS: [&str; 4] = ["PUT", "GET", "HEAD", "DescribeImages"];
/// How long a request may take that cannot be answered, in seconds.
const PATIENCE: f64 = 30.0;

pub(crate) fn run(scene: &mut Scene<'_>, seconds: u64, steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("everything works", || {
        scene
            .clients(&scene.endpoint())
            .run(&["create", "cluster"])?;
        expect(scene, [200; 4])
    })?;
    let manifest = steps.run("a bundle", || scene.bundle())?;
    let journal = steps.run("PostgreSQL and Ceph are restarted under load", || {
        under_load(scene, seconds, &manifest, |scene, count| {
            if count % 2 == 0 {
                // As after a crash.
                return scene.postgres.control(&["-m", "immediate", "restart"]);
            }
            scene.ceph.stop_gateway()?;
            scene.ceph.start_gateway()
        })
    })?;
    steps.check("what was acknowledged, from each front end", || {
        journal.check(scene)
    });
    steps.check("PostgreSQL is away", || {
        scene.postgres.control(&["-m", "fast", "stop"])?;
        let found = expect(scene, [503; 4]);
        scene.postgres.control(&["start"])?;
        found?;
        expect(scene, [200; 4])
    });
    steps.check("PostgreSQL does not answer", || {
        signal(scene, "STOP")?;
        let found = expect(scene, [503; 4]);
        signal(scene, "CONT")?;
        found?;
        expect(scene, [200; 4])
    });
    steps.check("the gateway of Ceph is away", || {
        scene.ceph.stop_gateway()?;
        // What is in the catalogue alone can be answered.
        let found = expect(scene, [503, 503, 200, 200]);
        scene.ceph.start_gateway()?;
        found?;
        expect(scene, [200; 4])
    });
    wrong_settings(scene, steps)
}

/// What each front end answers to PUT, GET, HEAD and `DescribeImages`; with 503 it must say when to come again.
fn expect(scene: &Scene<'_>, statuses: [u64; 4]) -> anyhow::Result<()> {
    let endpoints: Vec<_> = scene.front_ends.iter().map(FrontEnd::endpoint).collect();
    let mut arguments = vec!["ask"];
    arguments.extend(endpoints.iter().map(String::as_str));
    let answers = scene.clients(&scene.endpoint()).run(&arguments)?;
    let mut longest: f64 = 0.0;
    for (index, (operation, expected)) in OPERATIONS.iter().zip(statuses).enumerate() {
        let answers = answers[index].as_array().context("a list of answers")?;
        ensure!(
            answers.len() == endpoints.len(),
            "{} answers",
            answers.len()
        );
        for (endpoint, answer) in endpoints.iter().zip(answers) {
            let has_time = answer["retry_after"].is_string();
            ensure!(
                answer["status"] == expected && has_time == (expected == 503),
                "{endpoint} answers {operation} with {answer}, expected {expected}"
            );
            longest = longest.max(answer["seconds"].as_f64().unwrap_or(f64::INFINITY));
        }
    }
    println!("    {statuses:?} from each front end, within {longest:.1} s");
    ensure!(longest < PATIENCE, "a request took {longest:.1} s");
    Ok(())
}

/// Sends a signal to all processes of PostgreSQL.
fn signal(scene: &Scene<'_>, name: &str) -> anyhow::Result<()> {
    let processes = scene.postgres.processes()?;
    let ids: Vec<_> = processes.iter().map(u32::to_string).collect();
    let shell = &scene.shell;
    Ok(cmd!(shell, "kill -s {name} {ids...}").quiet().run()?)
}

/// Front ends that must not start, because they would serve another cloud or none.
fn wrong_settings(scene: &Scene<'_>, steps: &mut Steps) -> anyhow::Result<()> {
    let folder = scene.folder();
    let (keys, master) = (folder.join("wrong.key"), folder.join("wrong-master.key"));
    write_secret(&keys, b"NOBODY\nonly-for-this-test\n")?;
    write_secret(&master, &[7; 32])?;
    let shared = || scene.shared.clone();
    let cases = [
        (
            "wrong-keys",
            "was denied",
            Shared {
                blobs_key: keys,
                ..shared()
            },
        ),
        (
            "no-bucket",
            "there is no bucket",
            Shared {
                blobs: scene.shared.blobs.replace("gumnut-blobs", "nowhere"),
                ..shared()
            },
        ),
        (
            "other-master-key",
            "another master key",
            Shared {
                master_key: master,
                ..shared()
            },
        ),
        (
            "no-database",
            "createdb",
            Shared {
                catalogue: scene.shared.catalogue.replace("/gumnut?", "/absent?"),
                ..shared()
            },
        ),
    ];
    for (name, expected, settings) in cases {
        let title = format!("a front end is refused: {name}");
        steps.check(&title, || {
            let address = scene.front_ends[0].address;
            let mut front_end = FrontEnd::new(&scene.program, folder, name, address, &settings)?;
            let Err(error) = front_end.start() else {
                bail!("it has started");
            };
            let said = format!("{error:#}");
            ensure!(said.contains(expected), "it says something else: {said}");
            ensure!(
                !said.contains("only-for-this-test"),
                "the message has a secret in it"
            );
            println!("    {}", front_end.log().trim_end());
            Ok(())
        });
    }
    Ok(())
}
