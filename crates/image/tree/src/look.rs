//! Which contents are looked at while a source is read.

use crate::file_tree::split;
use crate::private_key::MAX_KEY_FILE;

/// What to look at in the contents of files while a source is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether to search small files for private keys.
    pub private_keys: bool,
}

/// Files whose content edits need.
const TEXTS: [&[u8]; 14] = [
    b"etc/fstab",
    b"etc/gshadow",
    b"etc/gshadow-",
    b"etc/hostname",
    b"etc/machine-id",
    b"etc/os-release",
    b"etc/passwd",
    b"etc/passwd-",
    b"etc/rc.local",
    b"etc/resolv.conf",
    b"etc/selinux/config",
    b"etc/shadow",
    b"etc/shadow-",
    b"usr/lib/os-release",
];

/// Directories of units and scripts, some of which make keys of the ssh server.
pub(crate) const SERVICES: [&[u8]; 5] = [
    b"etc/init.d",
    b"etc/rc.d/init.d",
    b"etc/systemd/system",
    b"lib/systemd/system",
    b"usr/lib/systemd/system",
];

/// Connections, some of which have passwords.
pub(crate) const CONNECTIONS: &[u8] = b"etc/NetworkManager/system-connections";

/// Whether edits need the content of the file with this path.
pub(crate) fn wants_text(path: &[u8], length: u64) -> bool {
    if length > MAX_KEY_FILE {
        return false;
    }
    let (directory, name) = split(path);
    TEXTS.contains(&path)
        || directory == CONNECTIONS
        || SERVICES.contains(&directory) && is_of_ssh(name)
}

/// Whether a unit or script may have to do with the ssh server.
pub(crate) fn is_of_ssh(name: &[u8]) -> bool {
    [&b"ssh"[..], b"keygen", b"dropbear"]
        .iter()
        .any(|part| memchr::memmem::find(name, part).is_some())
}
