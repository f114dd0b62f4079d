//! What was published, for people and for programs.

use std::fmt::Write as _;

use gumnut_terminal::Output;
use gumnut_types::{BucketName, ByteSize, ImageId};
use gumnut_workflows::{Call, Published, PublishedImage, Removed, Role, RunInfo, RunStatus};
use serde_json::{Value, json};

pub(super) fn published(output: &Output, published: &Published) -> Result<(), anyhow::Error> {
    let line = |image: &PublishedImage| {
        let id = image.id.as_ref().map_or("-", |id| id.as_str());
        format!("IMAGE\t{id}\t{}\t{}\n", image.location, image.role)
    };
    let text: String = published.images.iter().map(line).collect();
    let one = |image: &PublishedImage| {
        json!({
            "image_id": image.id.as_ref().map(ImageId::as_str),
            "location": image.location.to_string(),
            "kind": image.role.to_string(),
            "parts": image.parts,
        })
    };
    let id = |role| {
        let image = published.images.iter().find(|image| image.role == role);
        image
            .and_then(|image| image.id.as_ref())
            .map(|id| id.as_str().to_owned())
    };
    let json = json!({
        "run": published.run.to_string(),
        "changed": published.changed,
        "kernel_id": id(Role::Kernel),
        "ramdisk_id": id(Role::Ramdisk),
        "image_id": id(Role::Machine),
        "images": published.images.iter().map(one).collect::<Vec<_>>(),
    });
    output.result(&json, &text)?;
    if let Some(id) = id(Role::Machine) {
        output.say(format!(
            "next: gumnut boot {id}, or euca-run-instances {id}"
        ));
    }
    Ok(())
}

pub(super) fn calls(output: &Output, calls: &[Call]) -> Result<(), anyhow::Error> {
    let mut text = String::new();
    for call in calls {
        let about = call.about_bytes.map_or(String::new(), |bytes| {
            format!("\tabout {}", ByteSize(bytes))
        });
        writeln!(text, "{}\t{}{about}", call.what, call.subject)?;
    }
    let one = |call: &Call| json!({ "what": call.what, "subject": call.subject, "about_bytes": call.about_bytes });
    let json = json!({
        "dry_run": true,
        "calls": calls.iter().map(one).collect::<Vec<_>>(),
    });
    output.result(&json, &text)
}

pub(super) fn runs(output: &Output, runs: &[RunInfo]) -> Result<(), anyhow::Error> {
    let status = |run: &RunInfo| match run.status {
        RunStatus::Complete => "complete",
        RunStatus::Unfinished => "unfinished",
    };
    let mut text = String::new();
    for run in runs {
        let (id, target) = (&run.id, run.target.display());
        let ids = run.ids.iter().map(|(_, id)| id.as_str());
        let ids = ids.collect::<Vec<_>>().join(" ");
        writeln!(text, "{id}\t{}\t{target}\t{ids}", status(run))?;
    }
    let one = |run: &RunInfo| -> Value {
        let ids = run.ids.iter();
        json!({
            "run": run.id.to_string(),
            "status": status(run),
            "target": run.target,
            "begun": run.begun,
            "image_ids": ids.map(|(_, id)| id.as_str()).collect::<Vec<_>>(),
        })
    };
    let json = json!({ "runs": runs.iter().map(one).collect::<Vec<_>>() });
    output.result(&json, &text)
}

pub(super) fn removed(output: &Output, removed: &Removed) -> Result<(), anyhow::Error> {
    let mut text = String::new();
    for id in &removed.images {
        writeln!(text, "deregistered\t{id}")?;
    }
    for key in &removed.objects {
        writeln!(text, "deleted\t{key}")?;
    }
    if let Some(bucket) = &removed.bucket {
        writeln!(text, "deleted\t{bucket}")?;
    }
    for location in &removed.left {
        writeln!(text, "left\t{location}")?;
    }
    let left = removed.left.iter().map(ToString::to_string);
    let json = json!({
        "deregistered": removed.images.iter().map(ImageId::as_str).collect::<Vec<_>>(),
        "objects_deleted": removed.objects,
        "bucket_deleted": removed.bucket.as_ref().map(BucketName::as_str),
        "left": left.collect::<Vec<_>>(),
    });
    output.result(&json, &text)
}
