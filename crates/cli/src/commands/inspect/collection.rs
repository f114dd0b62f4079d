//! Tarballs of images, and the directories that they were unpacked to.

use gumnut_disk_image::{Collection, Content, Hypervisor, Inspection, Item, Pair};
use gumnut_types::{Architecture, ByteSize};
use serde_json::{Value, json};

use super::image;
use super::report::Report;

/// Everything in it: the disks, the kernels and ramdisks by hypervisor, and the rest.
pub(super) fn report(content: &str, collection: &Collection) -> Report {
    let mut lines = vec![("content", content.to_owned())];
    for item in &collection.disks {
        lines.push(("root disk", line(item)));
    }
    for pair in &collection.pairs {
        let labels = labels(pair.hypervisor);
        lines.extend(pair.kernels.iter().map(|item| (labels.0, line(item))));
        lines.extend(pair.ramdisks.iter().map(|item| (labels.1, line(item))));
    }
    for item in &collection.others {
        lines.push(("other", line(item)));
    }
    let json = json!({
        "format": "collection",
        "content": content,
        "disks": collection.disks.iter().map(item).collect::<Vec<_>>(),
        "pairs": collection.pairs.iter().map(pair).collect::<Vec<_>>(),
        "others": collection.others.iter().map(item).collect::<Vec<_>>(),
    });
    Report { json, lines }
}

fn labels(hypervisor: Option<Hypervisor>) -> (&'static str, &'static str) {
    match hypervisor {
        Some(Hypervisor::Kvm) => ("kvm kernel", "kvm ramdisk"),
        Some(Hypervisor::Xen) => ("xen kernel", "xen ramdisk"),
        _ => ("kernel", "ramdisk"),
    }
}

/// The path and what there is to say in one line.
fn line(item: &Item) -> String {
    let inspection = &item.inspection;
    let mut words = vec![
        ByteSize(inspection.length).to_string(),
        inspection.content.to_string(),
    ];
    words.extend(
        inspection
            .architecture()
            .map(|architecture| architecture.to_string()),
    );
    words.extend(release(inspection));
    let layers: Vec<_> = item.layers.iter().map(ToString::to_string).collect();
    if !layers.is_empty() {
        words.push(format!("packed in {}", layers.join(" and ")));
    }
    format!("{}: {}", item.path.display(), words.join(", "))
}

fn release(inspection: &Inspection) -> Option<String> {
    if let Content::Ramdisk(ramdisk) = &inspection.content {
        let versions = &ramdisk.module_versions;
        return (!versions.is_empty()).then(|| format!("modules for {}", versions.join(" ")));
    }
    inspection.root()?.guest()?.release.clone()
}

fn pair(pair: &Pair) -> Value {
    json!({
        "folder": pair.folder.to_string_lossy(),
        "hypervisor": pair.hypervisor.map(Hypervisor::as_str),
        "kernels": pair.kernels.iter().map(item).collect::<Vec<_>>(),
        "ramdisks": pair.ramdisks.iter().map(item).collect::<Vec<_>>(),
    })
}

fn item(item: &Item) -> Value {
    let mut value = image::report(&item.inspection, &item.layers).json;
    value["path"] = json!(item.path.to_string_lossy());
    value["architecture"] = json!(item.inspection.architecture().map(Architecture::as_str));
    value
}
