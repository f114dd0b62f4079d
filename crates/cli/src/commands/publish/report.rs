//! What was published, for people and for programs.

use std::fmt::Write as _;

use gumnut_publish::{Call, Published, Removed, RunInfo, RunStatus};
use gumnut_terminal::Output;
use gumnut_types::{BucketName, ByteSize, ImageClass, ImageId};
use serde_json::json;

pub(super) fn published(output: &Output, published: &Published) -> Result<(), anyhow::Error> {
    let mut text = String::new();
    let mut images = Vec::new();
    for image in &published.images {
        let id = image.id.as_ref().map(ImageId::as_str);
        let (shown, location, class) = (id.unwrap_or("-"), &image.location, image.class);
        writeln!(text, "IMAGE\t{shown}\t{location}\t{class}")?;
        images.push(json!({
            "image_id": id,
            "location": location.to_string(),
            "kind": class.to_string(),
            "parts": image.parts,
        }));
    }
    let machine = id_of(published, ImageClass::Machine);
    let json = json!({
        "run": published.run.to_string(),
        "changed": published.changed,
        "kernel_id": id_of(published, ImageClass::Kernel),
        "ramdisk_id": id_of(published, ImageClass::Ramdisk),
        "image_id": machine,
        "images": images,
    });
    output.result(&json, &text)?;
    if let Some(id) = machine {
        output.say(format!(
            "next: gumnut boot {id}, or euca-run-instances {id}"
        ));
    }
    Ok(())
}

/// The id of the image of this class. `None`: there is none, or it is not registered.
fn id_of(published: &Published, class: ImageClass) -> Option<&str> {
    let image = published.images.iter().find(|image| image.class == class)?;
    image.id.as_ref().map(ImageId::as_str)
}

pub(super) fn calls(output: &Output, calls: &[Call]) -> Result<(), anyhow::Error> {
    let mut text = String::new();
    let mut values = Vec::new();
    for Call {
        what,
        subject,
        about_bytes,
        ..
    } in calls
    {
        write!(text, "{what}\t{subject}")?;
        if let Some(bytes) = about_bytes {
            write!(text, "\tabout {}", ByteSize(*bytes))?;
        }
        text.push('\n');
        values.push(json!({ "what": what, "subject": subject, "about_bytes": about_bytes }));
    }
    output.result(&json!({ "dry_run": true, "calls": values }), &text)
}

pub(super) fn runs(output: &Output, runs: &[RunInfo]) -> Result<(), anyhow::Error> {
    let mut text = String::new();
    let mut values = Vec::new();
    for run in runs {
        let status = match run.status {
            RunStatus::Complete => "complete",
            RunStatus::Unfinished => "unfinished",
        };
        let ids: Vec<_> = run.ids.iter().map(|(_, id)| id.as_str()).collect();
        let (id, target) = (&run.id, run.target.display());
        writeln!(text, "{id}\t{status}\t{target}\t{}", ids.join(" "))?;
        values.push(json!({
            "run": id.to_string(),
            "status": status,
            "target": run.target,
            "begun": run.begun,
            "image_ids": ids,
        }));
    }
    output.result(&json!({ "runs": values }), &text)
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
