//! The contents of files on their way into a file system.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use gumnut_ext::{FileWriter, NodeId, Output, Writer};

use crate::error::TreeError;
use crate::file_tree::{FileId, FileKind, FileTree, Origin};
use crate::notes::Notes;

/// Takes the contents of the files of a tree.
pub(crate) struct Contents<'a, O> {
    writer: &'a mut Writer<O>,
    nodes: &'a HashMap<FileId, NodeId>,
    /// Files whose content is also copied to a file.
    copies: HashMap<FileId, File>,
    /// What came up meanwhile.
    pub(crate) notes: Notes,
}

impl<'a, O: Output> Contents<'a, O> {
    /// For the files of a tree that was laid out.
    pub(crate) fn new(
        writer: &'a mut Writer<O>,
        nodes: &'a HashMap<FileId, NodeId>,
        copies: HashMap<FileId, File>,
    ) -> Self {
        Self {
            writer,
            nodes,
            copies,
            notes: Notes::default(),
        }
    }

    fn node(&self, id: FileId) -> Result<NodeId, TreeError> {
        let node = self.nodes.get(&id).copied();
        // Every file of the tree has been laid out.
        node.ok_or(TreeError::NotLaidOut)
    }

    /// Begins a file, which must be as long as planned.
    pub(crate) fn begin(&mut self, id: FileId) -> Result<ContentWriter<'_, O>, TreeError> {
        let node = self.node(id)?;
        Ok(ContentWriter {
            file: self.writer.file(node)?,
            copy: self.copies.get_mut(&id),
        })
    }

    /// Leaves out a file, because it is gone.
    pub(crate) fn leave_out(&mut self, id: FileId) -> Result<(), TreeError> {
        let node = self.node(id)?;
        Ok(self.writer.leave_out(node)?)
    }

    /// Writes what is in memory.
    pub(crate) fn write_memory(&mut self, tree: &FileTree) -> Result<(), TreeError> {
        let mut done = std::collections::HashSet::new();
        let mut walk = tree.walk();
        while let Some((_, id)) = walk.next_file() {
            if let FileKind::File(content) = &tree.entry(id).kind
                && let Origin::Memory(bytes) = &content.origin
                && !bytes.is_empty()
                && done.insert(id)
            {
                let mut file = self.begin(id)?;
                file.data(bytes)?;
                file.finish()?;
            }
        }
        Ok(())
    }
}

/// One file on its way.
pub(crate) struct ContentWriter<'a, O> {
    file: FileWriter<'a, O>,
    copy: Option<&'a mut File>,
}

impl<O: Output> ContentWriter<'_, O> {
    pub(crate) fn data(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        if let Some(copy) = &mut self.copy {
            copy.write_all(bytes).map_err(TreeError::Copy)?;
        }
        self.file.data(bytes)?;
        Ok(())
    }

    pub(crate) fn hole(&mut self, bytes: u64) -> Result<(), TreeError> {
        if let Some(copy) = &mut self.copy {
            let offset = i64::try_from(bytes).unwrap_or(i64::MAX);
            copy.seek(SeekFrom::Current(offset))
                .map_err(TreeError::Copy)?;
        }
        self.file.hole(bytes)?;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), TreeError> {
        if let Some(copy) = self.copy {
            let length = copy.stream_position().map_err(TreeError::Copy)?;
            copy.set_len(length).map_err(TreeError::Copy)?;
        }
        Ok(self.file.finish()?)
    }
}
