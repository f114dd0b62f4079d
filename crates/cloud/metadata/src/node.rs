//! A tree of texts.

use std::collections::BTreeMap;

/// A directory or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    Directory(BTreeMap<String, Node>),
    /// A directory that is listed in another way than by its names.
    Listed(String, BTreeMap<String, Node>),
}

impl Node {
    pub(crate) fn directory<N: Into<String>>(nodes: impl IntoIterator<Item = (N, Self)>) -> Self {
        let nodes = nodes.into_iter().map(|(name, node)| (name.into(), node));
        Self::Directory(nodes.collect())
    }

    /// What is shown of it: a text as it is, of a directory the names, those of directories with a `/`.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Listed(list, _) => list.clone(),
            Self::Directory(nodes) => {
                let names = nodes.iter().map(|(name, node)| match node {
                    Self::Text(_) => name.clone(),
                    _ => format!("{name}/"),
                });
                names.collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// What is found under a path; empty segments do not count, so `a//b/` is `a/b`.
    pub(crate) fn find<'n>(&'n self, path: &str) -> Option<&'n Self> {
        let mut node = self;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let (Self::Directory(nodes) | Self::Listed(_, nodes)) = node else {
                return None;
            };
            node = nodes.get(name)?;
        }
        Some(node)
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
