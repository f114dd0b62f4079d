//! Disk images, kernels and ramdisks.

use gumnut_disk_image::{Content, Contents, FileSystem, Guest, Inspection, Kernel, State};
use gumnut_types::{Architecture, ByteSize};
use serde_json::{Value, json};

use super::Report;

/// Everything that an inspection found.
pub(super) fn report(inspection: &Inspection) -> Report {
    let architecture = inspection.architecture().map(Architecture::as_str);
    let mut lines = vec![
        ("content", inspection.content.to_string()),
        ("size", exact(inspection.length)),
        ("on disk", ByteSize(inspection.allocated).to_string()),
    ];
    if let Some(architecture) = architecture {
        lines.push(("architecture", architecture.to_owned()));
    }
    let (format, details) = match &inspection.content {
        Content::FileSystem(file_system) => {
            lines.extend(file_system_lines(file_system));
            ("file system", file_system_json(file_system))
        }
        Content::Kernel(kernel) => {
            lines.extend(kernel.version.clone().map(|version| ("version", version)));
            ("kernel", kernel_json(kernel))
        }
        Content::Elf { .. } => ("elf", Value::Null),
        Content::Ramdisk(_) => ("ramdisk", Value::Null),
        Content::Disk(_) => ("partitioned disk", Value::Null),
        Content::VirtualDisk(disk) => ("virtual disk", json!(disk.qemu_name())),
        Content::Tarball => ("tarball", Value::Null),
        Content::Gzip => ("gzip", Value::Null),
        Content::Empty => ("empty", Value::Null),
        _ => ("unknown", Value::Null),
    };
    let json = json!({
        "format": format,
        "content": inspection.content.to_string(),
        "size": inspection.length,
        "allocated": inspection.allocated,
        "architecture": architecture,
        "details": details,
    });
    Report { json, lines }
}

fn exact(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", ByteSize(bytes))
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
    ];
    if file_system.missing > 0 {
        lines.push((
            "damage",
            format!("the last {} are cut off", exact(file_system.missing)),
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
            "release": guest.release,
            "root_device": guest.root_device,
            "module_versions": guest.module_versions,
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
        "guest": guest,
    })
}

fn kernel_json(kernel: &Kernel) -> Value {
    json!({
        "version": kernel.version,
        "release": kernel.release(),
        "protocol": format!("{}.{:02}", kernel.protocol.0, kernel.protocol.1),
    })
}
