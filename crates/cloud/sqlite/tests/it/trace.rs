//! What a process did to files, as `strace` wrote it down.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use fs_err as fs;

/// System calls that change files or bring them to the disk.
const CALLS: &str = "openat,write,pwrite64,ftruncate,unlink,rename,fsync,fdatasync";
/// Longest text that is written down whole: the room that the log gets ahead is one write of a MiB.
const LONGEST: &str = "2097152";

/// A system call that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// A file was opened that is made if needed.
    Create {
        path: String,
    },
    Write {
        path: String,
        /// `None` for a write at the position of a stream.
        offset: Option<usize>,
        bytes: Vec<u8>,
    },
    Truncate {
        path: String,
        length: usize,
    },
    Unlink {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Sync {
        path: String,
    },
}

/// Something that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The call with this number begins.
    Begins(usize, Call),
    /// It has ended.
    Ends(usize),
}

/// Runs a command and gives what it did, in the order of time.
pub(crate) fn of(command: &Command, folder: &Path) -> Vec<Event> {
    let path = folder.join("trace");
    let mut strace = Command::new("strace");
    strace
        .args([
            "--follow-forks",
            "--decode-fds=path",
            "--strings-in-hex=all",
        ])
        .args(["--string-limit", LONGEST, "--trace", CALLS])
        .args(["--signal=none", "--quiet=all", "--output"])
        .arg(&path)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        strace.env(name, value.unwrap_or_default());
    }
    let output = strace.output().expect("this test needs the program strace");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {talk}", output.status);
    let text = fs::read_to_string(path).unwrap();
    parse(&text)
}

/// Reads `ID CALL(ARGUMENTS) = RESULT` lines; a call during which another thread does something has two.
fn parse(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    // What has begun, by the id of the thread.
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    let mut number = 0;
    for line in text.lines() {
        let (thread, rest) = line.split_once(' ').expect("an id");
        let rest = rest.trim_start();
        if rest.starts_with("<...") {
            if let Some(number) = unfinished.remove(thread) {
                assert!(has_succeeded(rest), "{line}");
                events.push(Event::Ends(number));
            }
            continue;
        }
        let begins = rest.strip_suffix(" <unfinished ...>");
        let Some(call) = call(begins.unwrap_or(rest)) else {
            continue;
        };
        if begins.is_none() && !has_succeeded(rest) {
            continue;
        }
        events.push(Event::Begins(number, call));
        match begins {
            Some(_) => drop(unfinished.insert(thread, number)),
            None => events.push(Event::Ends(number)),
        }
        number += 1;
    }
    events
}

/// Whether the result at the end of a line is no error.
fn has_succeeded(line: &str) -> bool {
    let result = line
        .rsplit_once(") ")
        .map(|(_, result)| result.trim_start());
    result.is_some_and(|result| !result.starts_with("= -1"))
}

fn call(text: &str) -> Option<Call> {
    let (name, arguments) = text.split_once('(')?;
    // None of the arguments that matter has a comma: texts are in hex.
    let mut arguments = arguments.split(", ").map(|it| it.trim_end_matches(')'));
    let first = arguments.next()?;
    Some(match name {
        "openat" => {
            let path = bytes(arguments.next()?);
            let flags = arguments.next()?;
            let path = String::from_utf8(path).ok()?;
            flags.contains("O_CREAT").then_some(Call::Create { path })?
        }
        "write" => Call::Write {
            path: file(first)?,
            bytes: bytes(arguments.next()?),
            offset: None,
        },
        "pwrite64" => Call::Write {
            path: file(first)?,
            bytes: bytes(arguments.next()?),
            offset: Some(arguments.nth(1)?.split(')').next()?.parse().ok()?),
        },
        "ftruncate" => Call::Truncate {
            path: file(first)?,
            length: arguments.next()?.split(')').next()?.parse().ok()?,
        },
        "unlink" => Call::Unlink {
            path: String::from_utf8(bytes(first)).ok()?,
        },
        "rename" => Call::Rename {
            from: String::from_utf8(bytes(first)).ok()?,
            to: String::from_utf8(bytes(arguments.next()?)).ok()?,
        },
        "fsync" | "fdatasync" => Call::Sync { path: file(first)? },
        _ => return None,
    })
}

/// The path of an open file, `7<\x2f\x61>`; `None` for one that has no name any more, and for what is no file.
fn file(argument: &str) -> Option<String> {
    let (_, path) = argument.split_once('<')?;
    let (path, behind) = path.split_once('>')?;
    let path = String::from_utf8(bytes(path)).ok()?;
    (path.starts_with('/') && !behind.contains("deleted")).then_some(path)
}

/// The bytes of a text in hex, with or without quotes.
fn bytes(text: &str) -> Vec<u8> {
    let digits = text.split('"').find(|piece| piece.starts_with("\\x"));
    let pairs = digits.unwrap_or_default().split("\\x").skip(1);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("two hex digits"))
        .collect()
}

#[test]
fn lines_become_calls() {
    let text = r#"12 openat(AT_FDCWD</>, "\x2f\x61", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<\x2f\x61>
12 openat(AT_FDCWD</>, "\x2f\x62", O_RDONLY) = 4<\x2f\x62>
12 pwrite64(3<\x2f\x61>, "\x00\x2c", 2, 4096 <unfinished ...>
13    unlink("\x2f\x62") = -1 ENOENT (No such file or directory)
13    fdatasync(3<\x2f\x61>) = 0
12 <... pwrite64 resumed>)     = 2
12 ftruncate(3<\x2f\x61>, 7)   = 0
12 write(1<\x70\x69\x70\x65\x3a>, "\x61", 1) = 1
12 write(5<\x2f\x61>(deleted), "\x61", 1) = 1
12 rename("\x2f\x61", "\x2f\x62") = 0
"#;
    let path = || "/a".to_owned();
    let expected = vec![
        Event::Begins(0, Call::Create { path: path() }),
        Event::Ends(0),
        Event::Begins(
            1,
            Call::Write {
                path: path(),
                offset: Some(4096),
                bytes: vec![0, 0x2c],
            },
        ),
        Event::Begins(2, Call::Sync { path: path() }),
        Event::Ends(2),
        Event::Ends(1),
        Event::Begins(
            3,
            Call::Truncate {
                path: path(),
                length: 7,
            },
        ),
        Event::Ends(3),
        Event::Begins(
            4,
            Call::Rename {
                from: path(),
                to: "/b".to_owned(),
            },
        ),
        Event::Ends(4),
    ];
    assert_eq!(parse(text), expected);
}
