//! What an image will be like, before it is written.

use gumnut_ext::FileSystem;
use gumnut_tree::{Kernel, Note, Notes};
use serde_json::{Value, json};

/// What an image will be like.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Size of the image in bytes.
    pub size: u64,
    /// Bytes that files, directories and the journal need at most.
    pub used: u64,
    /// Sum of the lengths of all files in bytes, holes included.
    pub bytes: u64,
    /// Bytes of the source that are read to write the image.
    pub to_read: u64,
    /// Number of files and directories.
    pub files: u64,
    /// Version and features of the file system.
    pub file_system: FileSystem,
    /// UUID of the file system in its usual form.
    pub uuid: String,
    /// Label of the file system; empty if it has none.
    pub label: String,
    /// Number of files with a time that the file system cannot have and that is replaced by the nearest one.
    pub clamped_times: usize,
    /// The kernels in the tree, the best one first.
    pub kernels: Vec<Kernel>,
    /// Length of the best kernel in bytes; 0 if there is none.
    pub kernel_bytes: u64,
    /// Length of its ramdisk in bytes; 0 if there is none.
    pub ramdisk_bytes: u64,
    /// What was left out, removed and changed so far.
    pub notes: Notes,
}

impl Summary {
    /// For programs, with other notes than its own.
    pub fn json(&self, notes: &Notes) -> Value {
        let kernel = self.kernels.first();
        let ramdisk = kernel.and_then(|kernel| kernel.ramdisk.as_ref());
        let counts: serde_json::Map<_, _> = notes
            .counts()
            .map(|(kind, count)| (kind.as_str().to_owned(), count.into()))
            .collect();
        json!({
            "size": self.size,
            "used": self.used,
            "bytes": self.bytes,
            "files": self.files,
            "file_system": self.file_system_name(),
            "uuid": self.uuid,
            "label": self.label,
            "kernel": kernel.map(|kernel| shown(&kernel.path)),
            "ramdisk": ramdisk.map(|(path, _)| shown(path)),
            "clamped_times": self.clamped_times,
            "counts": counts,
            "notes": notes.list().iter().map(note).collect::<Vec<_>>(),
        })
    }

    /// Its file system in one word.
    pub fn file_system_name(&self) -> &'static str {
        match self.file_system {
            FileSystem::Ext3 => "ext3",
            FileSystem::Ext4 => "ext4",
            FileSystem::Ext4Checksums => "ext4 with checksums",
        }
    }
}

fn note(note: &Note) -> Value {
    json!({
        "kind": note.kind.as_str(),
        "path": shown(&note.path),
        "reason": note.reason,
    })
}

/// A path in the image as it can be printed.
fn shown(path: &[u8]) -> String {
    format!("/{}", path.escape_ascii())
}
