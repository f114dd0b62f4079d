//! Archives become a tree: once for the names and attributes, once for the contents that are left.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};

use gumnut_ext::Output;
use gumnut_types::Progress;

use crate::contents::Contents;
use crate::directory::Stamp;
use crate::error::{TarError, TreeError, printable};
use crate::file_tree::{FileId, FileKind, FileTree, Origin, whole};
use crate::layers::{Layers, Seen, Whiteouts};
use crate::limits::TarLimits;
use crate::look::{Look, wants_text};
use crate::member::{Member, MemberKind};
use crate::notes::Notes;
use crate::private_key::{MAX_KEY_FILE, has_private_key};
use crate::reader::TarReader;
use crate::stored::{Stored, StoredArchive};

/// Bytes that are copied at once.
const BUFFER: usize = 256 << 10;

/// What to read of archives.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArchiveOptions {
    /// Limits for all archives of a source together.
    pub limits: TarLimits,
    /// What to look at in the contents.
    pub look: Look,
}

/// Archives of which the tree is made: one, or the layers of a container.
pub struct ArchiveSource {
    archives: Vec<StoredArchive>,
    whiteouts: Whiteouts,
    /// Of the files, before they were planned.
    stamps: Vec<Stamp>,
}

impl ArchiveSource {
    /// One tar archive in a file, compressed or not.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(file: File) -> Result<Self, TreeError> {
        let bytes = Stored::whole(file).map_err(TreeError::Read)?;
        let archive = StoredArchive::new(bytes, "the archive");
        Self::of(vec![archive], Whiteouts::Kept)
    }

    pub(crate) fn of(
        archives: Vec<StoredArchive>,
        whiteouts: Whiteouts,
    ) -> Result<Self, TreeError> {
        let stamps = archives
            .iter()
            .map(|archive| Stamp::of(archive.bytes.file()))
            .collect::<Result<_, _>>()
            .map_err(TreeError::Read)?;
        Ok(Self {
            archives,
            whiteouts,
            stamps,
        })
    }

    /// Bytes of all archives as they are stored: so much is read by each of [`ArchiveSource::plan`] and the writing.
    pub fn stored_bytes(&self) -> u64 {
        let archives = self.archives.iter();
        archives.map(|archive| archive.bytes.length()).sum()
    }

    /// The bytes of each archive as they are stored.
    pub(crate) fn stored(&self) -> impl Iterator<Item = impl Read> {
        self.archives.iter().map(|archive| archive.bytes.reader())
    }

    /// Reads names and attributes of all members, and the contents of those that are looked at. Digests are compared.
    ///
    /// # Errors
    /// When an archive cannot be read, is damaged or too large, has another digest than it should have, or contains what no
    /// tree can have.
    pub fn plan(
        &self,
        options: &ArchiveOptions,
        progress: &dyn Progress,
    ) -> Result<(FileTree, Notes), TreeError> {
        let mut limits = options.limits;
        let mut layers = Layers::new(self.whiteouts, limits.members);
        for (index, archive) in self.archives.iter().enumerate() {
            if index > 0 {
                layers.next_archive();
            }
            let open = archive.open(most_bytes(&limits))?;
            let mut reader = TarReader::new(open, limits);
            while let Some(member) = reader
                .next_member()
                .map_err(|error| named(archive, error))?
            {
                if progress.cancelled() {
                    return Err(TreeError::Cancelled);
                }
                limits.members = limits.members.saturating_sub(1);
                limits.bytes = limits.bytes.saturating_sub(member.length);
                let seen = look(&mut reader, &member, options.look)?;
                layers.add(member, seen)?;
            }
            reader.into_inner().finish()?;
        }
        Ok(layers.finish())
    }

    /// Writes the contents of all files that are left in the tree.
    pub(crate) fn write<O: Output>(
        &self,
        tree: &FileTree,
        contents: &mut Contents<'_, O>,
        progress: &dyn Progress,
    ) -> Result<(), TreeError> {
        let mut wanted = wanted(tree, self.archives.len());
        let mut buffer = vec![0; BUFFER];
        for (archive, wanted) in self.archives.iter().zip(&mut wanted) {
            // No limit can be exceeded that was not exceeded before; a changed file is found below.
            let open = archive.open(u64::MAX)?;
            let limits = TarLimits {
                members: u64::MAX,
                bytes: u64::MAX,
                ..TarLimits::default()
            };
            let mut reader = TarReader::new(open, limits);
            let mut number = 0;
            while !wanted.is_empty() {
                let Some(member) = reader
                    .next_member()
                    .map_err(|error| named(archive, error))?
                else {
                    break;
                };
                if let Some(id) = wanted.remove(&number) {
                    copy(
                        &mut reader,
                        tree,
                        id,
                        &member,
                        contents,
                        &mut buffer,
                        progress,
                    )?;
                }
                number += 1;
            }
            if !wanted.is_empty() {
                return Err(TreeError::SourceChanged(archive.name.clone()));
            }
            reader.into_inner().finish()?;
        }
        for (archive, before) in self.archives.iter().zip(&self.stamps) {
            let after = Stamp::of(archive.bytes.file()).map_err(TreeError::Read)?;
            if after != *before {
                return Err(TreeError::SourceChanged(archive.name.clone()));
            }
        }
        Ok(())
    }
}

/// Members, their headers, and what fills them up: no archive within the limits has more bytes without compression.
fn most_bytes(limits: &TarLimits) -> u64 {
    let headers = limits.members.saturating_mul(4096);
    limits
        .bytes
        .saturating_add(headers)
        .saturating_add(16 << 20)
}

fn named(archive: &StoredArchive, source: TarError) -> TreeError {
    TreeError::Archive {
        name: archive.name.clone(),
        source,
    }
}

/// Reads a small file, if it is to be looked at.
fn look<R: Read>(
    reader: &mut TarReader<R>,
    member: &Member,
    look: Look,
) -> Result<Seen, TreeError> {
    let is_small = member.kind == MemberKind::File
        && (1..=MAX_KEY_FILE).contains(&member.length)
        && member.data == whole(member.length);
    let is_text = wants_text(&member.path, member.length);
    if !is_small || !(look.private_keys || is_text) {
        return Ok(Seen::default());
    }
    let mut content = Vec::with_capacity(member.length as usize);
    reader.read_to_end(&mut content).map_err(TreeError::Read)?;
    Ok(Seen {
        has_private_key: look.private_keys && has_private_key(&content),
        text: is_text.then(|| content.into()),
    })
}

/// For each archive, the members whose content is in the tree.
fn wanted(tree: &FileTree, archives: usize) -> Vec<HashMap<u64, FileId>> {
    let mut wanted = vec![HashMap::new(); archives];
    let mut walk = tree.walk();
    while let Some((_, id)) = walk.next_file() {
        if let FileKind::File(content) = &tree.entry(id).kind
            && let Origin::Member { archive, member } = content.origin
            && content.length > 0
            && let Some(members) = wanted.get_mut(archive as usize)
        {
            members.insert(member, id);
        }
    }
    wanted
}

fn copy<R: Read, O: Output>(
    reader: &mut TarReader<R>,
    tree: &FileTree,
    id: FileId,
    member: &Member,
    contents: &mut Contents<'_, O>,
    buffer: &mut [u8],
    progress: &dyn Progress,
) -> Result<(), TreeError> {
    let planned = tree.content(id);
    if !planned.is_some_and(|it| it.length == member.length && it.data == member.data) {
        return Err(TreeError::SourceChanged(printable(&member.path)));
    }
    let mut file = contents.begin(id)?;
    let mut position = 0;
    for range in &member.data {
        file.hole(range.start - position)?;
        position = range.start;
        while position < range.end {
            if progress.cancelled() {
                return Err(TreeError::Cancelled);
            }
            let count = (range.end - position).min(buffer.len() as u64) as usize;
            let read = reader.read_exact(&mut buffer[..count]);
            read.map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => TreeError::SourceChanged(printable(&member.path)),
                _ => TreeError::Read(error),
            })?;
            file.data(&buffer[..count])?;
            progress.advance(count as u64);
            position += count as u64;
        }
    }
    file.hole(member.length - position)?;
    file.finish()
}
