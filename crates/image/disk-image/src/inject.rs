//! Putting the public key of a user into the root file system of an instance, with `debugfs`.

use std::path::Path;

use fs_err::File;
use gumnut_signatures::Window;

use crate::error::DiskImageError;
use crate::guest::AuthorizedKeys;
use crate::inspect;
use crate::superblock::State;
use crate::tool::Tool;

/// Files beside the disk while the key is put in.
const KEYS: &str = "authorized_keys.new";
const COMMANDS: &str = "debugfs.new";

/// Lets `e2fsck` replay the journal of the ext2, ext3 or ext4 file system that fills a file, and correct what can be corrected safely.
///
/// # Errors
/// When it finds more than that, or is not installed.
pub fn replay_journal(image: &Path) -> Result<(), DiskImageError> {
    let image = std::path::absolute(image)?;
    let checked = Tool::e2fs("e2fsck")?.run(&["-fp"], &image, &image, &[0, 1]);
    checked.map(drop)
}

/// Adds a line to `/root/.ssh/authorized_keys` in the ext2, ext3 or ext4 file system that begins at byte `root` of `disk`, and reads it
/// back. The file is for root alone afterwards. Two files are made beside the disk and removed.
///
/// # Errors
/// When the line is not one line, there is no such file system, it was not left clean, `/root` or `/root/.ssh` is something else than a
/// directory, `debugfs` refuses it, or the line cannot be read back.
pub fn inject_key(disk: &Path, root: u64, line: &str) -> Result<(), DiskImageError> {
    let wrong = |problem: &str| DiskImageError::WrongResult {
        path: disk.to_owned(),
        problem: problem.to_owned(),
    };
    if line.contains(['\n', '\r', '\0']) {
        return Err(wrong("the public key is not one line"));
    }
    let (Some(folder), Some(name)) = (disk.parent(), disk.file_name()) else {
        return Err(wrong("it has no name"));
    };
    let Some(name) = name.to_str().filter(|name| !name.contains('?')) else {
        let path = disk.to_owned();
        return Err(DiskImageError::QuestionMark { path });
    };
    let place = format!("{name}?offset={root}");
    let Some(superblock) = inspect::superblock_of(&window(disk, root)?)? else {
        return Err(wrong("it has no ext2, ext3 or ext4 file system"));
    };
    if superblock.state != State::Clean {
        // The kernel would replay the journal over what is written here.
        return Err(wrong("its file system was not left clean"));
    }
    let before =
        AuthorizedKeys::read(window(disk, root)?).map_err(|error| wrong(&error.to_string()))?;
    if let Some(path) = before.in_the_way {
        return Err(wrong(&format!("{path} is not a directory")));
    }
    let mut keys = before.text.clone().unwrap_or_default();
    if !keys.is_empty() && !keys.ends_with(b"\n") {
        keys.push(b'\n');
    }
    keys.extend(line.as_bytes());
    keys.push(b'\n');
    let beside = Beside(folder);
    fs_err::write(folder.join(KEYS), &keys)?;
    fs_err::write(folder.join(COMMANDS), commands(&before))?;
    Tool::e2fs("debugfs")?.run_in(folder, &["-w", "-f", COMMANDS, &place], disk, &[0])?;
    drop(beside);
    // It ends with success whatever has gone wrong.
    let after =
        AuthorizedKeys::read(window(disk, root)?).map_err(|error| wrong(&error.to_string()))?;
    if after.text.as_deref() == Some(&*keys) && after.is_private {
        Ok(())
    } else {
        Err(wrong("the key that was put into it cannot be read back"))
    }
}

fn window(disk: &Path, root: u64) -> Result<Window, DiskImageError> {
    let file = File::open(disk)?;
    let length = file.metadata()?.len();
    Ok(Window::whole(&file, length)?.part(root, u64::MAX)?)
}

/// What `debugfs` is to do. No name in it comes from elsewhere.
fn commands(before: &AuthorizedKeys) -> String {
    let mut commands = Vec::new();
    if !before.has_home {
        commands.extend(["mkdir /root", "set_inode_field /root mode 040700"]);
    }
    if !before.has_folder {
        commands.push("mkdir /root/.ssh");
    }
    if before.text.is_some() {
        commands.push("rm /root/.ssh/authorized_keys");
    }
    commands.extend([
        "cd /root/.ssh",
        "write authorized_keys.new authorized_keys",
        "set_inode_field /root/.ssh/authorized_keys mode 0100600",
        "set_inode_field /root/.ssh/authorized_keys uid 0",
        "set_inode_field /root/.ssh/authorized_keys gid 0",
        "set_inode_field /root/.ssh mode 040700",
        "set_inode_field /root/.ssh uid 0",
        "set_inode_field /root/.ssh gid 0",
        "",
    ]);
    commands.join("\n")
}

/// Removes the files beside the disk.
struct Beside<'a>(&'a Path);

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        for name in [KEYS, COMMANDS] {
            // Best effort: neither has a secret.
            let _ = fs_err::remove_file(self.0.join(name));
        }
    }
}
