//! The binary at a terminal of its own, whose screen can be read.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::process::{Child, Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::Program;

/// Rows of the terminal.
const ROWS: u16 = 40;

/// A run at a terminal.
pub struct Terminal {
    child: Child,
    master: File,
    screen: vt100::Parser,
    /// Everything that was written to the terminal.
    raw: Vec<u8>,
}

/// What a run at a terminal did.
#[derive(Debug)]
pub struct Shown {
    /// The exit code; `None` when a signal ended the run.
    pub code: Option<i32>,
    /// Everything that was written to the terminal, escape sequences included.
    pub raw: String,
    /// What is on the screen at the end.
    pub screen: String,
}

impl Terminal {
    /// Runs the binary with all its streams on a terminal that has so many columns.
    #[must_use]
    pub fn start<A: AsRef<OsStr>>(program: &Program, arguments: &[A], columns: u16) -> Self {
        let mut command = program.command(arguments);
        command.env("TERM", "xterm-256color");
        Self::spawn(command, columns)
    }

    /// Runs a command with all its streams on a terminal that has so many columns.
    #[must_use]
    pub fn spawn(mut command: Command, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("the terminal is ours");
        unlockpt(&master).expect("the terminal can be opened");
        let name = ptsname(&master, Vec::new()).expect("the terminal has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(&name, flags, Mode::empty()).expect("the terminal opens");
        let slave = File::from(slave);
        set_columns(&slave, columns);
        let stream = || Stdio::from(slave.try_clone().expect("a stream"));
        let child = command
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .expect("the binary starts");
        Self {
            child,
            master: File::from(master),
            screen: vt100::Parser::new(ROWS, columns, 0),
            raw: Vec::new(),
        }
    }

    /// The process id, for signals.
    #[must_use]
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Gives the terminal another width.
    pub fn resize(&mut self, columns: u16) {
        set_columns(&self.master, columns);
        self.screen.screen_mut().set_size(ROWS, columns);
    }

    /// What is on the screen now.
    #[must_use]
    pub fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    /// Everything that was written to the terminal until now.
    #[must_use]
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// Waits until the program has written something more; `false` when it has ended.
    pub fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            // The last who had the terminal open has gone.
            Ok(0) => false,
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                false
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => panic!("the terminal cannot be read: {error}"),
            Ok(count) => {
                self.screen.process(&buffer[..count]);
                self.raw.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    /// Waits until the program has ended.
    pub fn end(mut self) -> Shown {
        while self.more() {}
        let status = self.child.wait().expect("the program has ended");
        Shown {
            code: status.code(),
            screen: self.screen.screen().contents(),
            raw: self.raw(),
        }
    }
}

fn set_columns(terminal: &File, columns: u16) {
    let size = Winsize {
        ws_row: ROWS,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).expect("the terminal has a size");
}
