//! qemu's monitor: commands and answers in JSON, a line each.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::BootError;

/// A connection to the monitor of a guest.
#[derive(Debug)]
pub struct Monitor {
    path: PathBuf,
    reader: BufReader<UnixStream>,
    writer: UnixStream,
    /// What happened while an answer was waited for.
    events: VecDeque<GuestEvent>,
    /// The beginning of a line whose rest has not come.
    line: Vec<u8>,
    /// The number of the last command.
    last: u64,
}

/// Something that happened to a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestEvent {
    /// The machine has shut down.
    ShutDown {
        /// Whether the guest did it itself.
        by_guest: bool,
    },
    /// The machine was reset.
    Reset {
        /// Whether the guest did it itself.
        by_guest: bool,
    },
    /// The disk could not be read or written, and the guest waits if there is no room.
    DiskError {
        /// Whether it is because there is no room.
        no_space: bool,
    },
}

/// Longest line of qemu in bytes.
const MAX_LINE: u64 = 1 << 20;
/// How long an answer of qemu is waited for, while nobody else is served. One that comes later is not taken for that of another command.
const PATIENCE: Duration = Duration::from_secs(2);

impl Monitor {
    /// Connects to the monitor of the guest in this directory.
    ///
    /// # Errors
    /// When there is none, or it does not answer as qemu does.
    pub fn connect(folder: &Path) -> Result<Self, BootError> {
        let path = folder.join(crate::Guest::MONITOR);
        let error = |source| monitor(&path, source);
        let open = fs_err::File::open(folder).map_err(error)?;
        let short = format!(
            "/proc/self/fd/{}/{}",
            open.as_raw_fd(),
            crate::Guest::MONITOR
        );
        let writer = UnixStream::connect(short).map_err(error)?;
        writer.set_read_timeout(Some(PATIENCE)).map_err(error)?;
        writer.set_write_timeout(Some(PATIENCE)).map_err(error)?;
        let reader = BufReader::new(writer.try_clone().map_err(error)?);
        let mut connected = Self {
            path: path.clone(),
            reader,
            writer,
            events: VecDeque::new(),
            line: Vec::new(),
            last: 0,
        };
        let greeting = connected.next_line().map_err(error)?;
        if greeting
            .as_ref()
            .is_none_or(|greeting| greeting.get("QMP").is_none())
        {
            return Err(error(io::ErrorKind::InvalidData.into()));
        }
        connected.execute("qmp_capabilities", &json!({}))?;
        Ok(connected)
    }

    /// Presses the power button.
    ///
    /// # Errors
    /// When qemu refuses or has ended; so with all that follow.
    pub fn power_down(&mut self) -> Result<(), BootError> {
        self.execute("system_powerdown", &json!({})).map(drop)
    }

    /// Presses ctrl, alt and delete at once.
    ///
    /// # Errors
    /// As with [`Monitor::power_down`].
    pub fn three_fingers(&mut self) -> Result<(), BootError> {
        let keys = ["ctrl", "alt", "delete"].map(|key| json!({"type": "qcode", "data": key}));
        self.execute("send-key", &json!({ "keys": keys })).map(drop)
    }

    /// Lets the machine end when the guest wants to start again, or start again.
    ///
    /// # Errors
    /// As with [`Monitor::power_down`].
    pub fn end_on_reboot(&mut self, end: bool) -> Result<(), BootError> {
        let action = if end { "shutdown" } else { "reset" };
        self.execute("set-action", &json!({ "reboot": action }))
            .map(drop)
    }

    /// Resets the machine.
    ///
    /// # Errors
    /// As with [`Monitor::power_down`].
    pub fn reset(&mut self) -> Result<(), BootError> {
        self.execute("system_reset", &json!({})).map(drop)
    }

    /// Ends qemu.
    ///
    /// # Errors
    /// As with [`Monitor::power_down`].
    pub fn quit(&mut self) -> Result<(), BootError> {
        self.execute("quit", &json!({})).map(drop)
    }

    /// What has happened since the last time, if anything, without waiting.
    ///
    /// # Errors
    /// When qemu has ended.
    pub fn event(&mut self) -> Result<Option<GuestEvent>, BootError> {
        if self.events.is_empty() {
            self.look()?;
        }
        Ok(self.events.pop_front())
    }

    /// Reads what is there.
    fn look(&mut self) -> Result<(), BootError> {
        let path = self.path.clone();
        let error = |source| monitor(&path, source);
        self.writer.set_nonblocking(true).map_err(error)?;
        let read = self.read_lines();
        // Also after an error: the next command waits for its answer.
        self.writer.set_nonblocking(false).map_err(error)?;
        match read {
            Err(source) if source.kind() != io::ErrorKind::WouldBlock => Err(error(source)),
            _ => Ok(()),
        }
    }

    fn read_lines(&mut self) -> io::Result<()> {
        while let Some(value) = self.next_line()? {
            self.keep(&value);
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn execute(&mut self, command: &'static str, arguments: &Value) -> Result<Value, BootError> {
        let path = self.path.clone();
        let error = |source| monitor(&path, source);
        self.last += 1;
        let command_line = json!({"execute": command, "arguments": arguments, "id": self.last});
        let line = format!("{command_line}\n");
        self.writer.write_all(line.as_bytes()).map_err(error)?;
        loop {
            let Some(value) = self.next_line().map_err(error)? else {
                return Err(error(io::ErrorKind::UnexpectedEof.into()));
            };
            if value["id"].as_u64().is_some_and(|id| id != self.last) {
                // The answer to a command for which nobody waits any more.
                continue;
            }
            if let Some(result) = value.get("return") {
                return Ok(result.clone());
            }
            if let Some(refusal) = value.get("error") {
                let text = refusal.get("desc").and_then(Value::as_str);
                return Err(BootError::Monitor {
                    command,
                    answer: text.unwrap_or_default().to_owned(),
                });
            }
            self.keep(&value);
        }
    }

    /// The next line; `None` at the end. What has been read of a line is kept when the rest has not come yet.
    fn next_line(&mut self) -> io::Result<Option<Value>> {
        let room = MAX_LINE.saturating_sub(self.line.len() as u64);
        let count = (&mut self.reader)
            .take(room)
            .read_until(b'\n', &mut self.line)?;
        if self.line.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            let value = serde_json::from_slice(&line);
            return value.map(Some).map_err(io::Error::from);
        }
        if count == 0 && room > 0 {
            return Ok(None);
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn keep(&mut self, value: &Value) {
        self.events.extend(GuestEvent::parse(value));
    }
}

impl GuestEvent {
    fn parse(value: &Value) -> Option<Self> {
        let data = &value["data"];
        let by_guest = data["guest"].as_bool().unwrap_or(false);
        match value["event"].as_str()? {
            "SHUTDOWN" => Some(Self::ShutDown { by_guest }),
            "RESET" => Some(Self::Reset { by_guest }),
            "BLOCK_IO_ERROR" => Some(Self::DiskError {
                no_space: data["nospace"].as_bool().unwrap_or(false),
            }),
            _ => None,
        }
    }
}

fn monitor(path: &Path, source: io::Error) -> BootError {
    BootError::System {
        doing: "use the monitor",
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    const GREETING: &str = "{\"QMP\": {\"version\": {}}}\n";
    const DONE: &str = "{\"return\": {}}\n";

    /// A monitor that says these texts, each after a line of the client.
    fn saying(
        texts: &'static [&'static str],
    ) -> (tempfile::TempDir, thread::JoinHandle<Vec<String>>) {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(crate::Guest::MONITOR)).unwrap();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(GREETING.as_bytes()).unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut heard = vec![];
            for text in texts {
                heard.extend(lines.next().and_then(Result::ok));
                stream.write_all(text.as_bytes()).unwrap();
            }
            heard
        });
        (folder, thread)
    }

    #[test]
    fn commands_are_answered_and_events_are_kept() {
        const TEXTS: &[&str] = &[
            DONE,
            "{\"event\": \"RTC_CHANGE\", \"data\": {}}\n{\"event\": \"RESET\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\n{\"return\": {}}\n",
            "{\"event\": \"BLOCK_IO_ERROR\", \"data\": {\"nospace\": true}}\n{\"return\": {}}\n",
        ];
        let (folder, thread) = saying(TEXTS);
        let mut monitor = Monitor::connect(folder.path()).unwrap();
        monitor.power_down().unwrap();
        monitor.three_fingers().unwrap();
        assert_eq!(
            monitor.event().unwrap(),
            Some(GuestEvent::Reset { by_guest: true })
        );
        assert_eq!(
            monitor.event().unwrap(),
            Some(GuestEvent::DiskError { no_space: true })
        );
        let heard = thread.join().unwrap();
        assert!(
            heard[1].contains("system_powerdown") && heard[2].contains("delete"),
            "{heard:?}"
        );
        // qemu has ended.
        assert!(monitor.event().is_err());
    }

    #[test]
    fn a_refusal_is_in_the_words_of_qemu() {
        let (folder, thread) = saying(&[
            DONE,
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\n",
        ]);
        let mut monitor = Monitor::connect(folder.path()).unwrap();
        let error = monitor.reset().unwrap_err();
        assert!(error.to_string().contains("not now"), "{error}");
        drop(monitor);
        thread.join().unwrap();
    }

    #[test]
    fn a_late_answer_is_not_taken_for_that_of_another_command() {
        // The second command is the first after the capabilities.
        let (folder, thread) = saying(&[
            DONE,
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"late\"}, \"id\": 1}\n{\"return\": {}, \"id\": 2}\n",
        ]);
        let mut monitor = Monitor::connect(folder.path()).unwrap();
        monitor.reset().unwrap();
        let heard = thread.join().unwrap();
        assert!(heard[1].contains("\"id\":2"), "{heard:?}");
    }

    #[test]
    fn what_is_no_monitor_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Monitor::connect(folder.path()).is_err());
        let listener = UnixListener::bind(folder.path().join(crate::Guest::MONITOR)).unwrap();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"SSH-2.0-dropbear\r\n").unwrap();
        });
        assert!(Monitor::connect(folder.path()).is_err());
        thread.join().unwrap();
    }
}
