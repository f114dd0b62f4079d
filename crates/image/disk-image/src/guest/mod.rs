//! What a root file system says about the system on it, read without mounting.

mod keys;
mod leftovers;
mod times;
mod tree;

use ext4_view::Ext4Error;
use gumnut_signatures::{Drivers, Elf, Window, printable};
use gumnut_types::Architecture;
pub(crate) use keys::AuthorizedKeys;
pub use leftovers::{Leftover, Secret};
use tree::Tree;

/// The system on a root file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guest {
    /// For which processor `/sbin/init`, or else `/bin/ls`, is made.
    pub architecture: Option<Architecture>,
    /// The name of the distribution and its version, in its own words.
    pub release: Option<String>,
    /// The device that `/etc/fstab` mounts on `/`, as written there.
    pub root_device: Option<String>,
    /// The kernel releases that have modules, sorted.
    pub module_versions: Vec<String>,
    /// Whether a login is offered on a serial console; `None` when its init does not show it.
    pub serial_login: Option<bool>,
    /// Files that give away their former owner, or let somebody in.
    pub leftovers: Vec<Leftover>,
    /// Whether something makes new keys for the ssh server at the first start: cloud-init, or a unit or script that calls
    /// ssh-keygen.
    pub makes_host_keys: bool,
    /// Whether something fetches keys from the metadata service at the start: cloud-init, or a script that names its address and the keys.
    pub asks_metadata: bool,
    /// The drivers that it has as modules, or whose kernel has them built in.
    pub drivers: Drivers,
}

/// A text file of which more is not read, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// A list of modules of which more is not read, in bytes.
const MAX_MODULES: usize = 4 << 20;
const MAX_MODULE_VERSIONS: usize = 64;
/// Longest piece of text to show, in bytes.
const MAX_SHOWN: usize = 256;

impl Guest {
    /// Reads the file system in `image`. The caller has checked the superblock: the library keeps
    /// one record per block group in memory.
    pub(crate) fn read(image: Window) -> Result<Self, Ext4Error> {
        let tree = Tree::load(image)?;
        let module_versions = module_versions(&tree)?;
        Ok(Self {
            architecture: architecture(&tree)?,
            release: release(&tree)?,
            root_device: root_device_of(&tree)?,
            drivers: drivers(&tree, &module_versions)?,
            module_versions,
            serial_login: serial_login(&tree)?,
            leftovers: leftovers::find(&tree)?,
            makes_host_keys: makes_host_keys(&tree)?,
            asks_metadata: asks_metadata(&tree)?,
        })
    }
}

fn architecture(tree: &Tree) -> Result<Option<Architecture>, Ext4Error> {
    for path in ["/sbin/init", "/bin/ls"] {
        let header = tree.read_file(path, Elf::HEADER)?;
        // The init of some systems is a script.
        if let Some(elf) = header.as_deref().and_then(Elf::parse) {
            return Ok(elf.architecture);
        }
    }
    Ok(None)
}

fn release(tree: &Tree) -> Result<Option<String>, Ext4Error> {
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
        let text = tree.read_file(path, MAX_TEXT)?;
        if let Some(name) = text.as_deref().and_then(pretty_name) {
            return Ok(Some(name));
        }
    }
    let line = tree.read_file("/etc/redhat-release", MAX_TEXT)?;
    Ok(line.and_then(|text| Some(printable(text.split(|b| *b == b'\n').next()?, MAX_SHOWN))))
}

fn root_device_of(tree: &Tree) -> Result<Option<String>, Ext4Error> {
    let fstab = tree.read_file("/etc/fstab", MAX_TEXT)?;
    Ok(fstab.as_deref().and_then(root_device))
}

fn module_versions(tree: &Tree) -> Result<Vec<String>, Ext4Error> {
    let mut versions = Vec::new();
    for parent in ["/lib/modules", "/usr/lib/modules"] {
        for name in tree.names_in(parent)?.into_iter().take(MAX_MODULE_VERSIONS) {
            let name = printable(&name, MAX_SHOWN);
            if tree.is_folder(&format!("{parent}/{name}"))? {
                versions.push(name);
            }
        }
        if !versions.is_empty() {
            break;
        }
    }
    Ok(versions)
}

/// Upstart and System V name the terminals of a login one by one; systemd starts a login on every
/// console that is passed to the kernel.
fn serial_login(tree: &Tree) -> Result<Option<bool>, Ext4Error> {
    const SERIAL: [&str; 3] = ["ttyS", "hvc", "xvc"];
    if tree.is_folder("/lib/systemd/system")? || tree.is_folder("/usr/lib/systemd/system")? {
        return Ok(Some(true));
    }
    for job in tree.names_in("/etc/init")? {
        if SERIAL.iter().any(|tty| job.starts_with(tty.as_bytes())) {
            return Ok(Some(true));
        }
    }
    let Some(inittab) = tree.read_file("/etc/inittab", MAX_TEXT)? else {
        return Ok(None);
    };
    let inittab = String::from_utf8_lossy(&inittab);
    let mut active = inittab
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    Ok(Some(
        active.any(|line| SERIAL.iter().any(|tty| line.contains(tty))),
    ))
}

fn makes_host_keys(tree: &Tree) -> Result<bool, Ext4Error> {
    const SERVICES: [&str; 5] = [
        "/etc/init.d",
        "/etc/rc.d/init.d",
        "/etc/systemd/system",
        "/lib/systemd/system",
        "/usr/lib/systemd/system",
    ];
    if has_cloud_init(tree)? {
        return Ok(true);
    }
    let mut scripts = vec!["/etc/rc.local".to_owned()];
    for folder in SERVICES {
        for name in tree.names_in(folder)? {
            let name = String::from_utf8_lossy(&name);
            if name.contains("ssh") || name.contains("keygen") {
                scripts.push(format!("{folder}/{name}"));
            }
        }
    }
    for path in scripts {
        let text = tree.read_file(&path, MAX_TEXT)?.unwrap_or_default();
        if calls_keygen(&String::from_utf8_lossy(&text)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_cloud_init(tree: &Tree) -> Result<bool, Ext4Error> {
    let disabled = tree.file_length("/etc/cloud/cloud-init.disabled")?;
    Ok(disabled.is_none() && tree.file_length("/usr/bin/cloud-init")?.is_some())
}

fn asks_metadata(tree: &Tree) -> Result<bool, Ext4Error> {
    const SCRIPTS: [&str; 3] = [
        "/etc/rc.local",
        "/etc/rc.d/rc.local",
        "/etc/conf.d/local.start",
    ];
    const FOLDERS: [&str; 3] = ["/etc/init.d", "/etc/rc.d/init.d", "/etc/local.d"];
    if has_cloud_init(tree)? {
        return Ok(true);
    }
    let mut scripts = SCRIPTS.map(str::to_owned).to_vec();
    for folder in FOLDERS {
        for name in tree.names_in(folder)? {
            scripts.push(format!("{folder}/{}", String::from_utf8_lossy(&name)));
        }
    }
    for path in scripts {
        let text = tree.read_file(&path, MAX_TEXT)?.unwrap_or_default();
        if fetches_keys(&String::from_utf8_lossy(&text)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a script fetches keys from the metadata service, comments aside.
fn fetches_keys(script: &str) -> bool {
    let code = || {
        script
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
    };
    let is_said = |word: &str| code().any(|line| line.contains(word));
    is_said("169.254.169.254") && (is_said("public-keys") || is_said("openssh-key"))
}

fn drivers(tree: &Tree, versions: &[String]) -> Result<Drivers, Ext4Error> {
    let mut found = Drivers::NONE;
    for version in versions {
        for parent in ["/lib/modules", "/usr/lib/modules"] {
            for name in ["modules.dep", "modules.builtin"] {
                let path = format!("{parent}/{version}/{name}");
                let list = tree.read_file(&path, MAX_MODULES)?;
                found = found | Drivers::of_list(&list.unwrap_or_default());
            }
        }
    }
    Ok(found)
}

/// Whether a line that is not a comment calls the program that makes keys.
fn calls_keygen(script: &str) -> bool {
    let mut code = script
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    code.any(|line| line.contains("ssh-keygen") || line.contains("sshd-keygen"))
}

fn pretty_name(os_release: &[u8]) -> Option<String> {
    let mut lines = os_release.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| line.strip_prefix(b"PRETTY_NAME="))?;
    let text = printable(value.trim_ascii(), MAX_SHOWN);
    let name = text.trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
}

fn root_device(fstab: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(fstab);
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let mut mounts = lines.map(|line| {
        let mut fields = line.split_whitespace();
        (fields.next(), fields.next())
    });
    let (device, _) = mounts.find(|(_, mount_point)| *mount_point == Some("/"))?;
    device.map(|device| printable(device.as_bytes(), MAX_SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_line_of_an_fstab_is_found() {
        let fstab = b"# /dev/sda9 / old\n\n  proc /proc proc\nLABEL=root\t/\text3 defaults 1 1\n";
        assert_eq!(root_device(fstab).as_deref(), Some("LABEL=root"));
        assert_eq!(root_device(b"proc /proc proc\n/dev/sda1\n"), None);
    }

    #[test]
    fn a_comment_makes_no_keys() {
        assert!(calls_keygen("start() {\n  /usr/bin/ssh-keygen -A\n}"));
        assert!(calls_keygen(
            "ExecStart=/usr/libexec/openssh/sshd-keygen %i"
        ));
        assert!(!calls_keygen(
            "# ssh-keygen -A\nExecStart=/usr/sbin/sshd -D"
        ));
    }

    #[test]
    fn a_comment_asks_nothing() {
        let fetch = "curl http://169.254.169.254/latest/meta-data/public-keys/0/openssh-key";
        assert!(fetches_keys(fetch));
        assert!(!fetches_keys(&format!("  # {fetch}\n")));
        assert!(!fetches_keys(
            "curl http://169.254.169.254/latest/meta-data/instance-id"
        ));
    }

    #[test]
    fn the_name_of_a_release_loses_its_quotes() {
        let text = b"ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(
            pretty_name(text).as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(pretty_name(b"PRETTY_NAME=\"\"\n"), None);
        assert_eq!(pretty_name(b"NAME=x"), None);
    }
}
