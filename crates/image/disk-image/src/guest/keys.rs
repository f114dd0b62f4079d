//! The public keys that may log in as root.

use ext4_view::Ext4Error;
use gumnut_signatures::Window;

use super::MAX_TEXT;
use super::tree::Tree;

/// What there is of `/root/.ssh/authorized_keys`.
#[derive(Debug)]
pub(crate) struct AuthorizedKeys {
    /// Whether there is `/root`.
    pub(crate) has_home: bool,
    /// Whether there is `/root/.ssh`.
    pub(crate) has_folder: bool,
    /// The directory in whose place is something else, if there is one: a file, or a link.
    pub(crate) in_the_way: Option<&'static str>,
    /// The file's content; `None`: there is none.
    pub(crate) text: Option<Vec<u8>>,
    /// Whether the file is root's and nobody else may write to it.
    pub(crate) is_private: bool,
}

const HOME: &str = "/root";
const FOLDER: &str = "/root/.ssh";
const FILE: &str = "/root/.ssh/authorized_keys";

impl AuthorizedKeys {
    /// Reads the file system in `image`.
    pub(crate) fn read(image: Window) -> Result<Self, Ext4Error> {
        let tree = Tree::load(image)?;
        let mut in_the_way = None;
        for folder in [HOME, FOLDER] {
            if tree.is_something_else(folder)? {
                in_the_way.get_or_insert(folder);
            }
        }
        Ok(Self {
            has_home: tree.is_folder(HOME)?,
            has_folder: tree.is_folder(FOLDER)?,
            in_the_way,
            text: tree.read_file(FILE, MAX_TEXT)?,
            is_private: tree.is_private(FILE)?,
        })
    }
}
