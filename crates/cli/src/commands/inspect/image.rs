//! Disk images, kernels and ramdisks.

use gumnut_disk_image::{
    Content, Contents, Disk, FileSystem, Guest, Inspection, Kernel, KernelForm, Layer, Partition,
    Ramdisk, State,
};
use gumnut_types::{Architecture, ByteSize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::report::Report;

/// Everything that an inspection found; `layers` are around the disk whose content it is.
pub(super) fn report(inspection: &Inspection, layers: &[Layer]) -> Report {
    let format = layers.iter().find_map(|layer| match layer {
        Layer::Format(format) => Some(*format),
        _ => None,
    });
    let compression = layers.iter().find_map(|layer| match layer {
        Layer::Compressed(compression) => Some(compression.to_string()),
        _ => None,
    });
    let architecture = inspection.architecture().map(Architecture::as_str);
    let mut lines = vec![
        ("content", inspection.content.to_string()),
        ("size", exact(inspection.length)),
        ("on disk", ByteSize(inspection.allocated).to_string()),
    ];
    if let Some(format) = format {
        lines.insert(0, ("disk format", format.to_string()));
    }
    if let Some(compression) = &compression {
        lines.insert(0, ("compressed with", compression.clone()));
    }
    if let Some(processor) = inspection.processor() {
        lines.push(("architecture", processor.to_owned()));
    }
    let (kind, details) = details(&inspection.content, &mut lines);
    let json = json!({
        "format": kind,
        "disk_format": format.map(gumnut_disk_image::VirtualDisk::qemu_name),
        "compression": compression,
        "content": inspection.content.to_string(),
        "size": inspection.length,
        "allocated": inspection.allocated,
        "architecture": architecture,
        "details": details,
    });
    Report { json, lines }
}

fn details(content: &Content, lines: &mut Vec<(&'static str, String)>) -> (&'static str, Value) {
    match content {
        Content::FileSystem(file_system) => {
            lines.extend(file_system_lines(file_system));
            ("file system", file_system_json(file_system))
        }
        Content::Kernel(kernel) => {
            lines.extend(kernel.version.clone().map(|version| ("version", version)));
            ("kernel", kernel_json(kernel))
        }
        Content::Elf { .. } => ("elf", Value::Null),
        Content::Ramdisk(ramdisk) => {
            lines.extend(ramdisk_lines(ramdisk));
            ("ramdisk", ramdisk_json(ramdisk))
        }
        Content::Disk(disk) => {
            lines.extend(disk_lines(disk));
            ("partitioned disk", disk_json(disk))
        }
        Content::VirtualDisk(disk) => ("virtual disk", json!(disk.qemu_name())),
        Content::Tarball(_) => ("tarball", Value::Null),
        Content::Compressed {
            compression,
            inside,
        } => (
            "compressed",
            json!({ "compression": compression.to_string(), "inside": inside.to_string() }),
        ),
        Content::Volume(volume) => {
            lines.push(("contents", "not looked at".to_owned()));
            (
                "file system",
                json!({ "kind": volume.to_string(), "guest": null }),
            )
        }
        Content::Archive(_) => ("archive", Value::Null),
        Content::Text(_) => ("text", Value::Null),
        Content::Empty => ("empty", Value::Null),
        _ => ("unknown", Value::Null),
    }
}

fn ramdisk_lines(ramdisk: &Ramdisk) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if !ramdisk.module_versions.is_empty() {
        lines.push(("modules for", ramdisk.module_versions.join(" ")));
    }
    if ramdisk.archives.len() > 1 {
        lines.push(("archives", archives(ramdisk).join(", ")));
    }
    lines.extend(ramdisk.problem.clone().map(|problem| ("damage", problem)));
    lines.extend(ramdisk.not_read.clone().map(|reason| ("not read", reason)));
    lines
}

/// How each archive of a ramdisk is packed.
fn archives(ramdisk: &Ramdisk) -> Vec<String> {
    let plain = || "cpio".to_owned();
    let packed = ramdisk.archives.iter();
    packed
        .map(|archive| archive.map_or_else(plain, |compression| compression.to_string()))
        .collect()
}

fn ramdisk_json(ramdisk: &Ramdisk) -> Value {
    json!({
        "compression": ramdisk.compression.map(|compression| compression.to_string()),
        "module_versions": ramdisk.module_versions,
        "archives": archives(ramdisk),
        "problem": ramdisk.problem,
        "not_read": ramdisk.not_read,
    })
}

fn disk_lines(disk: &Disk) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    lines.extend(disk.damage.clone().map(|damage| ("damage", damage)));
    let boot = if disk.bootable { "yes" } else { "none found" };
    lines.push(("boot loader", boot.to_owned()));
    for partition in &disk.partitions {
        let entry = &partition.entry;
        let active = if entry.active { ", active" } else { "" };
        let name = if entry.name.is_empty() {
            String::new()
        } else {
            format!(" {:?}", entry.name)
        };
        let (number, kind, start) = (entry.number, &entry.kind, entry.start);
        let length = exact(entry.length);
        lines.push((
            "partition",
            format!("{number}: {kind}{name}, {length} at byte {start}{active}"),
        ));
        if let Some(file_system) = &partition.file_system {
            lines.extend(file_system_lines(file_system));
        }
        if let Some(volume) = partition.volume {
            lines.push(("holds", format!("{volume}, not looked at")));
        }
    }
    lines
}

fn disk_json(disk: &Disk) -> Value {
    json!({
        "table": disk.table.to_string().to_lowercase(),
        "damage": disk.damage,
        "bootable": disk.bootable,
        "iso9660": disk.iso9660,
        "partitions": disk.partitions.iter().map(partition_json).collect::<Vec<_>>(),
    })
}

fn partition_json(partition: &Partition) -> Value {
    let entry = &partition.entry;
    json!({
        "number": entry.number,
        "start": entry.start,
        "length": entry.length,
        "kind": entry.kind,
        "name": entry.name,
        "active": entry.active,
        "file_system": partition.file_system.as_deref().map(file_system_json),
        "holds": partition.volume.map(|volume| volume.to_string()),
    })
}

fn exact(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", ByteSize(bytes))
}

/// A time of the superblock; `None` for the 0 that means never.
fn time(seconds: u32) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(seconds.into()).ok()?;
    (seconds > 0).then(|| time.format(&Rfc3339).ok())?
}

fn state(state: State) -> &'static str {
    match state {
        State::Clean => "clean",
        State::NeedsRecovery => "its journal has to be replayed",
        State::Dirty => "not unmounted properly",
        State::Errors => "the kernel found errors",
    }
}

fn file_system_lines(file_system: &FileSystem) -> Vec<(&'static str, String)> {
    let superblock = &file_system.superblock;
    let mut lines = vec![
        (
            "file system",
            format!("{}, {}", superblock.kind, exact(superblock.length())),
        ),
        ("free", ByteSize(superblock.free()).to_string()),
        ("state", state(superblock.state).to_owned()),
        ("uuid", superblock.uuid.to_string()),
        ("label", superblock.label.clone()),
        ("features", superblock.features.names().join(" ")),
        ("inode size", format!("{} bytes", superblock.inode_size)),
    ];
    let mounted = superblock
        .last_mounted
        .as_deref()
        .unwrap_or("an unknown place");
    lines.push(match time(superblock.last_mount) {
        Some(time) => ("last mount", format!("{time} on {mounted}")),
        None => ("last mount", "never".to_owned()),
    });
    if file_system.missing > 0 {
        lines.push((
            "damage",
            format!("the last {} are missing", exact(file_system.missing)),
        ));
    }
    match &file_system.contents {
        Contents::Read(guest) => lines.extend(guest_lines(guest)),
        Contents::NotRead { reason } => lines.push(("contents", format!("not read: {reason}"))),
        _ => {}
    }
    lines
}

fn guest_lines(guest: &Guest) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    lines.extend(guest.release.clone().map(|release| ("release", release)));
    lines.extend(
        guest
            .root_device
            .clone()
            .map(|device| ("root device", device)),
    );
    if !guest.module_versions.is_empty() {
        lines.push(("modules for", guest.module_versions.join(" ")));
    }
    lines
}

fn file_system_json(file_system: &FileSystem) -> Value {
    let superblock = &file_system.superblock;
    let guest = match &file_system.contents {
        Contents::Read(guest) => json!({
            "architecture": guest.architecture.map(Architecture::as_str),
            "release": guest.release,
            "root_device": guest.root_device,
            "module_versions": guest.module_versions,
            "serial_login": guest.serial_login,
        }),
        _ => Value::Null,
    };
    json!({
        "kind": superblock.kind.to_string(),
        "length": superblock.length(),
        "free": superblock.free(),
        "missing": file_system.missing,
        "state": state(superblock.state),
        "uuid": superblock.uuid.to_string(),
        "label": superblock.label,
        "features": superblock.features.names(),
        "block_size": superblock.block_size,
        "inode_size": superblock.inode_size,
        "last_mount": time(superblock.last_mount),
        "last_mounted": superblock.last_mounted,
        "guest": guest,
    })
}

fn kernel_json(kernel: &Kernel) -> Value {
    json!({
        "version": kernel.version,
        "release": kernel.release(),
        "form": kernel.form.to_string(),
        "protocol": match kernel.form {
            KernelForm::BzImage { protocol } | KernelForm::ZImage { protocol } => {
                Some(format!("{}.{:02}", protocol.0, protocol.1))
            }
            _ => None,
        },
        "processor": kernel.processor,
        "compression": kernel.compression.map(|compression| compression.to_string()),
    })
}
