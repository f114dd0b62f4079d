//! What was published, for people and for programs.

use std::time::Duration;

use gumnut_publish::{Call, Published, Removed, RunInfo, RunStatus};
use gumnut_terminal::{Lines, Output, Table, duration};
use gumnut_types::{BucketName, ByteSize, ImageClass, ImageId};
use gumnut_workflows::RunId;
use serde_json::{Value, json};
use time::OffsetDateTime;

pub(super) fn published(
    output: &Output,
    published: &Published,
    tree: Option<Value>,
    time: Duration,
) -> Result<(), anyhow::Error> {
    let mut lines = Lines::default();
    let mut images = Vec::new();
    for image in &published.images {
        let id = image.id.as_ref().map(ImageId::as_str);
        let (shown, location, class) = (id.unwrap_or("-"), &image.location, image.class);
        let (place, kind) = (location.to_string(), class.to_string());
        lines.push(["IMAGE", shown, &place, &kind]);
        images.push(json!({
            "image_id": id,
            "location": location.to_string(),
            "kind": class.to_string(),
            "parts": image.parts,
        }));
    }
    let machine = id_of(published, ImageClass::Machine);
    let mut json = json!({
        "run": published.run.to_string(),
        "changed": published.changed,
        "bytes_sent": published.sent,
        "kernel_id": id_of(published, ImageClass::Kernel),
        "ramdisk_id": id_of(published, ImageClass::Ramdisk),
        "image_id": machine,
        "images": images,
    });
    if let Some(tree) = tree {
        json["tree"] = tree;
    }
    output.result(&json, &lines)?;
    if let Some(id) = machine {
        output.say(format!(
            "next: gumnut run {id}, or on this machine gumnut boot {id}"
        ));
    }
    let images = counted(published.images.len(), "image");
    output.say(if published.changed {
        let sent = ByteSize(published.sent);
        format!("published {images} in {}, {sent} sent", duration(time))
    } else {
        format!("{images} published before; nothing has changed")
    });
    Ok(())
}

/// A number of things in words: `1 image`, `2 images`.
fn counted(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// The id of the image of this class. `None`: there is none, or it is not registered.
fn id_of(published: &Published, class: ImageClass) -> Option<&str> {
    let image = published.images.iter().find(|image| image.class == class)?;
    image.id.as_ref().map(ImageId::as_str)
}

/// The calls of a run, and what the image of a tree would be.
pub(super) fn calls(
    output: &Output,
    calls: &[Call],
    tree: Option<Value>,
) -> Result<(), anyhow::Error> {
    let mut lines = Lines::default();
    let mut values = Vec::new();
    for Call {
        what,
        subject,
        about_bytes,
        ..
    } in calls
    {
        let about = about_bytes.map(|bytes| format!("about {}", ByteSize(bytes)));
        lines.push([what, subject].into_iter().chain(&about));
        values.push(json!({ "what": what, "subject": subject, "about_bytes": about_bytes }));
    }
    let mut json = json!({ "dry_run": true, "calls": values });
    if let Some(tree) = tree {
        json["tree"] = tree;
    }
    output.result(&json, &lines)
}

pub(super) fn runs(output: &Output, runs: &[RunInfo]) -> Result<(), anyhow::Error> {
    let mut lines = Lines::default();
    let mut table = Table::new(&["!run", "!begun (UTC)", "state", "target", "bucket", ">sent"]);
    let mut values = Vec::new();
    for run in runs {
        let status = match run.status {
            RunStatus::Complete => "complete",
            RunStatus::Unfinished => "unfinished",
        };
        let ids: Vec<_> = run.ids.iter().map(|(_, id)| id.as_str()).collect();
        let (id, target) = (run.id.to_string(), run.target.to_string_lossy());
        let bucket = run.bucket.as_ref().map(BucketName::as_str);
        lines.push([&id, status, &target, &ids.join(" ")]);
        table.push([
            &id,
            &begun(run),
            state(run),
            &target,
            bucket.unwrap_or_default(),
            &ByteSize(run.bytes).to_string(),
        ]);
        values.push(json!({
            "run": id,
            "status": status,
            "active": run.active,
            "target": target,
            "begun": run.begun,
            "bucket": bucket,
            "parts_stored": run.parts,
            "bytes_stored": run.bytes,
            "image_ids": ids,
        }));
    }
    let json = json!({ "runs": values });
    output.listing(
        &json,
        &lines,
        &table,
        "no runs; `gumnut publish` starts one",
    )
}

/// The state of a run in one word.
fn state(run: &RunInfo) -> &'static str {
    match run.status {
        RunStatus::Complete => "complete",
        RunStatus::Unfinished if run.active => "running",
        RunStatus::Unfinished => "interrupted",
    }
}

/// When a run began, to the minute.
fn begun(run: &RunInfo) -> String {
    let seconds = i64::try_from(run.begun).ok();
    let time = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.map_or_else(String::new, |time| {
        format!("{} {:02}:{:02}", time.date(), time.hour(), time.minute())
    })
}

/// What was removed of a run that was given up; its sum is said at once.
pub(super) fn removed(output: &Output, run: &RunId, removed: &Removed) -> (Value, Lines) {
    let mut lines = Lines::default();
    for id in &removed.images {
        lines.push(["deregistered", id.as_str()]);
    }
    for key in &removed.objects {
        lines.push(["deleted", key]);
    }
    if let Some(bucket) = &removed.bucket {
        lines.push(["deleted", bucket.as_str()]);
    }
    for location in &removed.left {
        lines.push(["left", &location.to_string()]);
    }
    let left = removed.left.iter().map(ToString::to_string);
    let json = json!({
        "run": run.to_string(),
        "deregistered": removed.images.iter().map(ImageId::as_str).collect::<Vec<_>>(),
        "objects_deleted": removed.objects,
        "bytes_deleted": removed.bytes,
        "bucket_deleted": removed.bucket.as_ref().map(BucketName::as_str),
        "left": left.collect::<Vec<_>>(),
    });
    let (images, objects) = (removed.images.len(), removed.objects.len());
    let bucket = match &removed.bucket {
        Some(bucket) => format!(" and the bucket {bucket}"),
        None => String::new(),
    };
    output.say(format!(
        "removed {}, {} ({}){bucket}; the run is deleted",
        counted(images, "image"),
        counted(objects, "object"),
        ByteSize(removed.bytes),
    ));
    (json, lines)
}
