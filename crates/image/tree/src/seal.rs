//! Removes what must not be in an image that others get: secrets, and what is only true for one machine.
//!
//! Private keys are found by their content, wherever they are: a name says nothing, and certificates have names like keys. Other
//! things are found by their names.

use crate::error::TreeError;
use crate::file_tree::{FileContent, FileId, FileKind, FileTree, split};
use crate::glob::Patterns;
use crate::look::{CONNECTIONS, SERVICES, is_of_ssh};
use crate::notes::{NoteKind, Notes};

/// Ends of paths of files with credentials, in any home directory.
const CREDENTIALS: [&[u8]; 14] = [
    b".aws/credentials",
    b".azure/accessTokens.json",
    b".azure/msal_token_cache.json",
    b".boto",
    b".config/gcloud/application_default_credentials.json",
    b".config/gcloud/credentials.db",
    b".docker/config.json",
    b".euca/eucarc",
    b".eucarc",
    b".git-credentials",
    b".kube/config",
    b".netrc",
    b".pgpass",
    b".s3cfg",
];

/// Names of files with the commands that somebody typed.
const HISTORIES: [&[u8]; 10] = [
    b".ash_history",
    b".bash_history",
    b".history",
    b".lesshst",
    b".mysql_history",
    b".node_repl_history",
    b".psql_history",
    b".python_history",
    b".sh_history",
    b".zsh_history",
];

/// What only one machine should have, with the reason.
const OF_ONE_MACHINE: [(&[u8], &str); 10] = [
    (b"var/lib/dbus/machine-id", "id of one machine"),
    (b"var/lib/cloud/instance", "data of one instance"),
    (b"var/lib/cloud/instances", "data of one instance"),
    (b"var/lib/cloud/sem", "data of one instance"),
    (b"var/lib/cloud/data", "data of one instance"),
    (b"var/lib/systemd/random-seed", "seed of random numbers"),
    (b"var/lib/urandom/random-seed", "seed of random numbers"),
    (
        b"var/lib/systemd/credential.secret",
        "private key of one machine",
    ),
    (
        b"etc/udev/rules.d/70-persistent-net.rules",
        "network cards of one machine",
    ),
    (
        b"etc/udev/rules.d/70-persistent-cd.rules",
        "drives of one machine",
    ),
];

/// Directories of leases.
const LEASES: [&[u8]; 5] = [
    b"var/lib/NetworkManager",
    b"var/lib/dhclient",
    b"var/lib/dhcp",
    b"var/lib/dhcp3",
    b"var/lib/dhcpcd",
];

/// Files with password hashes, and whether no password means that everybody may log in.
const SHADOWS: [(&[u8], bool); 6] = [
    (b"etc/gshadow", false),
    (b"etc/gshadow-", false),
    (b"etc/passwd", true),
    (b"etc/passwd-", true),
    (b"etc/shadow", true),
    (b"etc/shadow-", true),
];

impl FileTree {
    /// Removes secrets and what is only true for one machine, and notes it. What a pattern of `keep` covers is kept.
    ///
    /// The source must have been read with [`crate::Look::private_keys`]. Keys of the ssh server are removed only if something
    /// in the tree makes new ones at the next start: without one, the server would not start.
    ///
    /// # Errors
    /// When a file with passwords is not known by its content, because it is too large.
    pub fn seal(&mut self, keep: &Patterns, notes: &mut Notes) -> Result<(), TreeError> {
        let makes_host_keys = self.makes_host_keys();
        let mut removed = Vec::new();
        let mut walk = self.walk();
        while let Some((path, id)) = walk.next_file() {
            if keep.covers(path) {
                continue;
            }
            if is_host_key(path) && self.is_full(id) && !makes_host_keys {
                let reason = "private key of the ssh server: nothing in the image makes new ones";
                notes.add(NoteKind::Reported, path, reason);
            } else if let Some(reason) = self.secret(path, id) {
                removed.push((path.to_vec(), reason));
            } else if let Some(reason) = self.worth_a_look(path, id) {
                notes.add(NoteKind::Reported, path, reason);
            }
        }
        for (path, reason) in removed {
            // False if a directory above has gone.
            if self.unlink_path(&path) {
                notes.add(NoteKind::Removed, &path, reason);
            }
        }
        for path in [&b"etc/machine-id"[..], b"etc/resolv.conf"] {
            self.empty(path, keep, notes);
        }
        for (path, opens) in SHADOWS {
            if !keep.covers(path) {
                self.lock_passwords(path, opens, notes)?;
            }
        }
        Ok(())
    }

    /// Whether something in the tree makes keys for the ssh server: cloud-init, or a unit or script that calls ssh-keygen.
    pub fn makes_host_keys(&self) -> bool {
        let cloud_init = [&b"usr/bin/cloud-init"[..], b"usr/local/bin/cloud-init"];
        if cloud_init.iter().any(|path| self.find(path).is_some())
            && self.find(b"etc/cloud/cloud-init.disabled").is_none()
        {
            return true;
        }
        if self.text(b"etc/rc.local").is_some_and(calls_keygen) {
            return true;
        }
        let mut found = SERVICES.iter().filter_map(|path| self.find(path));
        found.any(|directory| {
            self.children(directory).any(|(name, id)| {
                let text = self.content(id).and_then(|content| content.text.as_deref());
                is_of_ssh(name) && text.is_some_and(calls_keygen)
            })
        })
    }

    /// Why a file must be removed, if it must.
    fn secret(&self, path: &[u8], id: FileId) -> Option<&'static str> {
        if let Some((_, reason)) = OF_ONE_MACHINE.iter().find(|(other, _)| *other == path) {
            return Some(reason);
        }
        let (directory, name) = split(path);
        let content = self.content(id)?;
        if content.length == 0 {
            return None;
        }
        let is_lease =
            LEASES.contains(&directory) && memchr::memmem::find(name, b"lease").is_some();
        let key = name.strip_suffix(b".pem").unwrap_or_default();
        if content.has_private_key {
            Some("private key")
        } else if ends_with(path, b".ssh/authorized_keys")
            || ends_with(path, b".ssh/authorized_keys2")
        {
            Some("public keys whose owners could log in")
        } else if HISTORIES.contains(&name) {
            Some("commands that somebody typed")
        } else if CREDENTIALS.iter().any(|end| ends_with(path, end)) || name == b"eucarc" {
            Some("credentials")
        } else if key.starts_with(b"pk-") || key.ends_with(b"-pk") {
            Some("private key by its name")
        } else if is_lease {
            Some("network addresses of one machine")
        } else {
            None
        }
    }

    /// What is kept, but should be known.
    fn worth_a_look(&self, path: &[u8], id: FileId) -> Option<&'static str> {
        let text = self.content(id)?.text.as_deref()?;
        let (directory, _) = split(path);
        let has_password = || {
            [&b"psk="[..], b"password=", b"private-key-password="]
                .iter()
                .any(|key| memchr::memmem::find(text, key).is_some())
        };
        if directory == CONNECTIONS && has_password() {
            Some("a network connection with a password")
        } else if path == b"etc/hostname" && !text.trim_ascii().is_empty() {
            Some("the name of the machine")
        } else {
            None
        }
    }

    fn is_full(&self, id: FileId) -> bool {
        self.content(id).is_some_and(|content| content.length > 0)
    }

    /// Empties a file. A link is kept: what it leads to is made at each start.
    fn empty(&mut self, path: &[u8], keep: &Patterns, notes: &mut Notes) {
        let Some(id) = self.find_name(path) else {
            return;
        };
        if keep.covers(path) || !self.is_full(id) {
            return;
        }
        self.entry_mut(id).kind = FileKind::File(FileContent::of(b""));
        notes.add(NoteKind::Emptied, path, "of one machine");
    }

    /// Replaces the hashes of passwords by `!`, which no password has.
    fn lock_passwords(
        &mut self,
        path: &[u8],
        opens: bool,
        notes: &mut Notes,
    ) -> Result<(), TreeError> {
        let Some(id) = self.find(path).filter(|id| self.is_full(*id)) else {
            return Ok(());
        };
        let Some(text) = self.content(id).and_then(|content| content.text.as_deref()) else {
            return Err(TreeError::Passwords(crate::error::printable(path)));
        };
        let (locked, accounts) = locked(text, opens);
        if accounts > 0 {
            self.entry_mut(id).kind = FileKind::File(FileContent::of(&locked));
            let reason = format!("{accounts} passwords locked");
            notes.add(NoteKind::Emptied, path, reason);
        }
        Ok(())
    }
}

fn ends_with(path: &[u8], end: &[u8]) -> bool {
    path.strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with(b"/"))
}

fn is_host_key(path: &[u8]) -> bool {
    let (directory, name) = split(path);
    let is_openssh = name.starts_with(b"ssh_host_") && name.ends_with(b"_key");
    let is_dropbear = name.starts_with(b"dropbear_") && name.ends_with(b"_host_key");
    directory == b"etc/ssh" && is_openssh || directory == b"etc/dropbear" && is_dropbear
}

/// Whether a line that is no comment calls a program that makes keys.
fn calls_keygen(text: &[u8]) -> bool {
    let lines = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_start);
    let mut code = lines.filter(|line| !line.starts_with(b"#"));
    code.any(|line| {
        [&b"ssh-keygen"[..], b"dropbearkey", b"sshd-keygen"]
            .iter()
            .any(|program| memchr::memmem::find(line, program).is_some())
    })
}

/// The lines of a file of passwords, and how many had one, or were open without.
fn locked(text: &[u8], opens: bool) -> (Vec<u8>, usize) {
    let mut accounts = 0;
    let mut lines = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        // What begins with `!` may be a hash that was locked.
        let is_locked = match fields.get(1).copied().unwrap_or_default() {
            b"" => !opens,
            field => matches!(field, b"*" | b"!" | b"!!" | b"x" | b"!*" | b"*LK*"),
        };
        if fields.len() > 2 && !fields[0].is_empty() && !is_locked {
            accounts += 1;
            fields[1] = b"!";
        }
        lines.push(fields.join(&b':'));
    }
    (lines.join(&b'\n'), accounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_tree::FileEntry;
    use crate::member::Time;

    fn tree(files: &[(&str, &str)]) -> FileTree {
        let entry = |kind| FileEntry::of_root(kind, 0o755, Time::default());
        let mut tree = FileTree::new(entry(FileKind::Directory));
        for (path, content) in files {
            let mut file = FileContent::of(content.as_bytes());
            file.has_private_key = crate::private_key::has_private_key(content.as_bytes());
            tree.set(path.as_bytes(), entry(FileKind::File(file)))
                .unwrap();
        }
        tree
    }

    fn sealed(tree: &mut FileTree, keep: &[&str]) -> Vec<(NoteKind, String)> {
        let mut notes = Notes::default();
        let keep = Patterns::new(keep.iter().copied()).unwrap();
        tree.seal(&keep, &mut notes).unwrap();
        let path = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let notes = notes.list().iter();
        notes.map(|note| (note.kind, path(&note.path))).collect()
    }

    const KEY: &str =
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n";
    const CERTIFICATE: &str =
        "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END CERTIFICATE-----\n";

    #[test]
    fn secrets_are_removed_and_certificates_kept() {
        let mut tree = tree(&[
            ("etc/ssl/certs/ca.pem", CERTIFICATE),
            ("etc/ssl/private/server.key", KEY),
            ("home/ann/.aws/credentials", "[default]"),
            ("home/ann/.ssh/authorized_keys", "ssh-ed25519 AAAA"),
            ("home/ann/.ssh/id_work", KEY),
            ("root/.bash_history", "ls"),
            ("root/.netrc", ""),
            ("srv/x.netrc", "no credentials"),
            ("usr/share/keyrings/debian.gpg", "\u{99}\u{1}"),
            ("var/lib/cloud/instances/i-1/x", "x"),
            ("var/lib/dhcp/dhclient.eth0.leases", "lease"),
        ]);
        let notes = sealed(&mut tree, &[]);
        let removed: Vec<_> = notes.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(
            removed,
            [
                "etc/ssl/private/server.key",
                "home/ann/.aws/credentials",
                "home/ann/.ssh/authorized_keys",
                "home/ann/.ssh/id_work",
                "root/.bash_history",
                "var/lib/cloud/instances",
                "var/lib/dhcp/dhclient.eth0.leases",
            ]
        );
        assert!(notes.iter().all(|(kind, _)| *kind == NoteKind::Removed));
        let left = tree.select(|_, id| !tree.is_directory(id));
        assert_eq!(
            left,
            [
                &b"etc/ssl/certs/ca.pem"[..],
                b"root/.netrc",
                b"srv/x.netrc",
                b"usr/share/keyrings/debian.gpg"
            ]
        );
    }

    #[test]
    fn patterns_keep_files() {
        let files = [
            ("etc/ssl/private/server.key", KEY),
            ("root/.bash_history", "ls"),
        ];
        let mut tree = tree(&files);
        let notes = sealed(&mut tree, &["/etc/ssl", ".bash_history"]);
        assert_eq!(notes, []);
        assert!(tree.find(b"etc/ssl/private/server.key").is_some());
    }

    #[test]
    fn host_keys_are_removed_only_if_something_makes_new_ones() {
        let key = ("etc/ssh/ssh_host_rsa_key", KEY);
        let makers: [&[(&str, &str)]; 4] = [
            &[("usr/bin/cloud-init", "#!/usr/bin/python3")],
            &[(
                "usr/lib/systemd/system/sshd-keygen@.service",
                "ExecStart=/usr/libexec/openssh/sshd-keygen %i",
            )],
            &[("etc/init.d/sshd", "start() {\n  /usr/bin/ssh-keygen -A\n}")],
            &[("etc/rc.local", "test -f /x || ssh-keygen -A")],
        ];
        for maker in makers {
            let mut tree = tree(&[&[key], maker].concat());
            let notes = sealed(&mut tree, &[]);
            assert_eq!(notes, [(NoteKind::Removed, key.0.to_owned())], "{maker:?}");
        }
        let others: [&[(&str, &str)]; 4] = [
            &[],
            &[(
                "lib/systemd/system/ssh.service",
                "ExecStart=/usr/sbin/sshd -D",
            )],
            &[("etc/init.d/ssh", "# ssh-keygen -A")],
            &[
                ("usr/bin/cloud-init", "x"),
                ("etc/cloud/cloud-init.disabled", ""),
            ],
        ];
        for other in others {
            let mut tree = tree(&[&[key], other].concat());
            let notes = sealed(&mut tree, &[]);
            assert_eq!(notes, [(NoteKind::Reported, key.0.to_owned())], "{other:?}");
            assert!(tree.find(key.0.as_bytes()).is_some());
        }
    }

    #[test]
    fn passwords_are_locked_and_ids_emptied() {
        let shadow = "root:$6$abc$def:19000:0:99999:7:::\nbin:*:1::::::\nann::1::::::\nlocked:!$6$x$y:1::::::\n";
        let mut tree = tree(&[
            ("etc/gshadow", "root:*::\nann:::\n"),
            ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
            ("etc/shadow", shadow),
            ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
            ("etc/hostname", "bastion\n"),
            (
                "etc/NetworkManager/system-connections/home",
                "[wifi]\npsk=secret\n",
            ),
        ]);
        let notes = sealed(&mut tree, &[]);
        let emptied = |path: &str| (NoteKind::Emptied, path.to_owned());
        let reported = |path: &str| (NoteKind::Reported, path.to_owned());
        assert_eq!(
            notes,
            [
                reported("etc/NetworkManager/system-connections/home"),
                reported("etc/hostname"),
                emptied("etc/machine-id"),
                emptied("etc/shadow"),
            ]
        );
        let locked = "root:!:19000:0:99999:7:::\nbin:*:1::::::\nann:!:1::::::\nlocked:!:1::::::\n";
        assert_eq!(tree.text(b"etc/shadow").unwrap(), locked.as_bytes());
        assert_eq!(tree.text(b"etc/machine-id").unwrap(), b"");
    }

    #[test]
    fn a_link_to_a_volatile_file_is_kept() {
        let entry = |kind| FileEntry::of_root(kind, 0o777, Time::default());
        let mut tree = tree(&[("run/resolv.conf", "nameserver 10.0.0.1")]);
        let link = FileKind::Symlink((*b"../run/resolv.conf").into());
        tree.set(b"etc/resolv.conf", entry(link)).unwrap();
        assert_eq!(sealed(&mut tree, &[]), []);
        assert_eq!(
            tree.text(b"etc/resolv.conf").unwrap(),
            b"nameserver 10.0.0.1"
        );
    }
}
