//! The names of a tree: who is in which directory.

use std::ops::Range;

use crate::error::{ExtError, printable};
use crate::tree::NodeId;

/// A name, with its text in [`Names::text`].
struct Name {
    parent: NodeId,
    node: NodeId,
    start: usize,
    length: u8,
}

/// All names, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Names {
    names: Vec<Name>,
    text: Vec<u8>,
}

impl Names {
    pub(crate) fn push(&mut self, parent: NodeId, name: &[u8], node: NodeId) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        // The tree has checked that it is at most 255.
        let length = name.len() as u8;
        self.names.push(Name {
            parent,
            node,
            start,
            length,
        });
    }

    fn text(&self, name: &Name) -> &[u8] {
        &self.text[name.start..name.start + usize::from(name.length)]
    }

    /// What has a name in a directory. Looks at every name.
    pub(crate) fn find(&self, parent: NodeId, text: &[u8]) -> Option<NodeId> {
        let mut names = self.names.iter();
        names
            .find(|name| name.parent == parent && self.text(name) == text)
            .map(|name| name.node)
    }

    /// Absolute path of a node by its first name. Only for messages: looks at every name.
    pub(crate) fn path(&self, node: NodeId) -> String {
        let mut path = Vec::new();
        let mut here = node;
        while let Some(name) = self.names.iter().find(|name| name.node == here) {
            path.push(printable(self.text(name)));
            here = name.parent;
        }
        path.reverse();
        format!("/{}", path.join("/"))
    }
}

/// All names by directory, sorted.
pub(crate) struct Sorted {
    names: Names,
    order: Vec<u32>,
    /// For each node, where its children begin in `order`.
    first: Vec<u32>,
}

impl Sorted {
    /// Refuses names that a directory has twice.
    pub(crate) fn new(names: Names, nodes: usize) -> Result<Self, ExtError> {
        let mut order: Vec<u32> = (0..names.names.len() as u32).collect();
        let key = |index: u32| {
            let name = &names.names[index as usize];
            (name.parent, names.text(name))
        };
        order.sort_unstable_by(|one, two| key(*one).cmp(&key(*two)));
        let mut pairs = order.windows(2);
        if let Some(pair) = pairs.find(|pair| key(pair[0]) == key(pair[1])) {
            let (parent, text) = key(pair[0]);
            let parent = names.path(parent);
            let path = format!("{}/{}", parent.trim_end_matches('/'), printable(text));
            return Err(ExtError::Duplicate(path));
        }
        let mut first = vec![0; nodes + 1];
        for name in &names.names {
            first[name.parent.index() + 1] += 1;
        }
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        Ok(Self {
            names,
            order,
            first,
        })
    }

    fn range(&self, directory: NodeId) -> Range<usize> {
        let index = directory.index();
        self.first[index] as usize..self.first[index + 1] as usize
    }

    /// What is in a directory, sorted by name.
    pub(crate) fn children(
        &self,
        directory: NodeId,
    ) -> impl DoubleEndedIterator<Item = (&[u8], NodeId)> {
        let order = &self.order[self.range(directory)];
        order.iter().map(|index| {
            let name = &self.names.names[*index as usize];
            (self.names.text(name), name.node)
        })
    }

    pub(crate) fn path(&self, node: NodeId) -> String {
        self.names.path(node)
    }
}
