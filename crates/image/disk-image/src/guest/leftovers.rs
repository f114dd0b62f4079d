//! Files that a published image should not have: all who start it get them.

use ext4_view::Ext4Error;
use gumnut_signatures::printable;

use super::MAX_TEXT;
use super::tree::Tree;

/// A file that gives away its former owner, or lets somebody in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// What it is.
    pub secret: Secret,
    /// Where it is in the image.
    pub path: String,
}

/// What such a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Secret {
    /// The private key of an ssh server: all instances would have the same.
    HostKey,
    /// Public keys whose owners may log in.
    AuthorizedKeys,
    /// The commands that somebody typed.
    History,
    /// Credentials of a cloud, or a private key of a person.
    Credentials,
    /// A password that everybody who has the image can try to guess, or none at all.
    Password,
}

/// Home directories that are looked into; an image has one or two.
const MAX_HOMES: usize = 64;
/// Longest list of findings; more would be no help.
const MAX_FOUND: usize = 100;

const HISTORIES: [&str; 9] = [
    ".ash_history",
    ".bash_history",
    ".history",
    ".lesshst",
    ".mysql_history",
    ".psql_history",
    ".python_history",
    ".sh_history",
    ".zsh_history",
];

const CREDENTIALS: [&str; 11] = [
    ".aws/credentials",
    ".boto",
    ".config/gcloud/credentials.db",
    ".euca/eucarc",
    ".eucarc",
    ".netrc",
    ".s3cfg",
    ".ssh/id_dsa",
    ".ssh/id_ecdsa",
    ".ssh/id_ed25519",
    ".ssh/id_rsa",
];

/// Looks in the usual places.
pub(super) fn find(tree: &Tree) -> Result<Vec<Leftover>, Ext4Error> {
    let mut found = Found {
        tree,
        list: Vec::new(),
    };
    for name in tree.names_in("/etc/ssh")? {
        if name.starts_with(b"ssh_host_") && name.ends_with(b"_key") {
            let path = format!("/etc/ssh/{}", printable(&name, 256));
            found.file(Secret::HostKey, &path)?;
        }
    }
    let mut homes = vec!["/root".to_owned()];
    let people = tree.names_in("/home")?.into_iter().take(MAX_HOMES);
    homes.extend(people.map(|name| format!("/home/{}", printable(&name, 256))));
    for home in &homes {
        found.home(home)?;
    }
    found.passwords()?;
    found.list.truncate(MAX_FOUND);
    Ok(found.list)
}

struct Found<'a> {
    tree: &'a Tree,
    list: Vec<Leftover>,
}

impl Found<'_> {
    fn home(&mut self, home: &str) -> Result<(), Ext4Error> {
        for name in [".ssh/authorized_keys", ".ssh/authorized_keys2"] {
            self.file(Secret::AuthorizedKeys, &format!("{home}/{name}"))?;
        }
        for name in HISTORIES {
            self.file(Secret::History, &format!("{home}/{name}"))?;
        }
        for name in CREDENTIALS {
            self.file(Secret::Credentials, &format!("{home}/{name}"))?;
        }
        // As clouds hand them out: euca2-admin-x-pk.pem, pk-ABC.pem.
        for folder in [
            home.to_owned(),
            format!("{home}/.euca"),
            format!("{home}/.ec2"),
        ] {
            for name in self.tree.names_in(&folder)? {
                let name = printable(&name, 256);
                let stem = name.strip_suffix(".pem").unwrap_or_default();
                let key = stem.starts_with("pk-") || stem.ends_with("-pk");
                if key || name == "eucarc" {
                    self.file(Secret::Credentials, &format!("{folder}/{name}"))?;
                }
            }
        }
        Ok(())
    }

    /// Notes a file that is there and not empty.
    fn file(&mut self, secret: Secret, path: &str) -> Result<(), Ext4Error> {
        if self
            .tree
            .file_length(path)?
            .is_some_and(|length| length > 0)
        {
            self.push(secret, path);
        }
        Ok(())
    }

    fn passwords(&mut self) -> Result<(), Ext4Error> {
        let shadow = self
            .tree
            .read_file("/etc/shadow", MAX_TEXT)?
            .unwrap_or_default();
        for line in shadow.split(|byte| *byte == b'\n') {
            let mut fields = line.split(|byte| *byte == b':');
            let (Some(name), Some(hash)) = (fields.next(), fields.next()) else {
                continue;
            };
            // A hash has at least the 13 characters of DES; `*`, `!` and `!!` lock the account.
            let usable = hash.is_empty() || (hash.len() >= 13 && !matches!(hash[0], b'!' | b'*'));
            if usable && !name.is_empty() {
                self.push(
                    Secret::Password,
                    &format!("/etc/shadow ({})", printable(name, 64)),
                );
            }
        }
        Ok(())
    }

    fn push(&mut self, secret: Secret, path: &str) {
        self.list.push(Leftover {
            secret,
            path: path.to_owned(),
        });
    }
}
