//! An init for the trees of containers, which have none.

use gumnut_tree::{ContainerConfig, FileTree};

use crate::error::MakeError;
use crate::options::Init;

/// What Linux tries to start.
const INITS: [&[u8]; 3] = [b"sbin/init", b"etc/init", b"bin/init"];

/// Whether a tree has something that Linux would start.
pub(crate) fn has_init(tree: &FileTree) -> bool {
    let mut inits = INITS.iter().filter_map(|path| tree.find(path));
    inits.any(|id| tree.content(id).is_some())
}

/// A script that mounts what a system needs and becomes the program.
pub(crate) fn script(
    init: &Init,
    config: Option<&ContainerConfig>,
    tree: &FileTree,
) -> Result<Vec<u8>, MakeError> {
    if tree.find(b"bin/sh").is_none() {
        return Err(MakeError::Init("the tree has no /bin/sh"));
    }
    let mut lines = vec![
        "#!/bin/sh".to_owned(),
        "mount -t proc proc /proc".to_owned(),
        "mount -t sysfs sysfs /sys".to_owned(),
        "mount -t devtmpfs devtmpfs /dev 2>/dev/null".to_owned(),
        "mount -o remount,rw /".to_owned(),
        "ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null".to_owned(),
    ];
    for variable in config.map_or(&[][..], |config| &config.environment) {
        if let Some((name, value)) = variable.split_once('=')
            && is_name(name)
        {
            lines.push(format!("export {name}={}", quoted(value)));
        }
    }
    let directory = config.map_or("", |config| config.working_directory.as_str());
    if !directory.is_empty() {
        lines.push(format!("cd {}", quoted(directory)));
    }
    lines.push(match init {
        Init::Command(command) => format!("exec {command}"),
        Init::OfContainer => {
            let config = config.ok_or(MakeError::Init(
                "the source is not a container image, so that it names no program",
            ))?;
            let words = config.entry_point.iter().chain(&config.command);
            let words: Vec<_> = words.map(|word| quoted(word)).collect();
            if words.is_empty() {
                return Err(MakeError::Init("the container image names no program"));
            }
            format!("exec {}", words.join(" "))
        }
    });
    lines.push(String::new());
    Ok(lines.join("\n").into_bytes())
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A word of the shell that means what it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumnut_tree::{FileContent, FileEntry, FileKind, Time};

    fn tree(paths: &[&str]) -> FileTree {
        let entry = |kind| FileEntry::of_root(kind, 0o755, Time::default());
        let mut tree = FileTree::new(entry(FileKind::Directory));
        for path in paths {
            let file = FileKind::File(FileContent::of(b"x"));
            tree.set(path.as_bytes(), entry(file)).unwrap();
        }
        tree
    }

    #[test]
    fn the_shell_runs_what_the_container_would() {
        let config = ContainerConfig {
            environment: vec!["A=it's".to_owned(), "B$(reboot)=x".to_owned()],
            entry_point: vec!["/app".to_owned()],
            command: vec!["two words".to_owned(), "$HOME".to_owned()],
            working_directory: "/srv/x".to_owned(),
            ..ContainerConfig::default()
        };
        let script = script(&Init::OfContainer, Some(&config), &tree(&["bin/sh"])).unwrap();
        let script = String::from_utf8(script).unwrap();
        let end = "export A='it'\\''s'\ncd '/srv/x'\nexec '/app' 'two words' '$HOME'\n";
        assert!(script.ends_with(end), "{script}");
        assert!(!script.contains("reboot"));
        let output = std::process::Command::new("sh")
            .arg("-n")
            .arg("-c")
            .arg(&script)
            .status();
        assert!(output.unwrap().success());
    }

    #[test]
    fn what_is_missing_is_said() {
        let command = Init::Command("/bin/app --x".to_owned());
        let made = script(&command, None, &tree(&["bin/sh"])).unwrap();
        assert!(made.ends_with(b"\nexec /bin/app --x\n"));
        assert!(matches!(
            script(&command, None, &tree(&[])),
            Err(MakeError::Init(_))
        ));
        let empty = ContainerConfig::default();
        for config in [None, Some(&empty)] {
            let error = script(&Init::OfContainer, config, &tree(&["bin/sh"])).unwrap_err();
            assert!(matches!(error, MakeError::Init(_)));
        }
        assert!(has_init(&tree(&["sbin/init"])));
        assert!(!has_init(&tree(&["bin/sh", "usr/sbin/init"])));
    }
}
