//! The machine's serial console on this terminal.

use std::cell::Cell;
use std::io::{self, Read as _, Write};
use std::process::ChildStdin;
use std::rc::Rc;
use std::thread;

use gumnut_terminal::Session;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// Where the console goes: standard output, or standard error when the result is JSON.
pub(super) struct Console {
    target: Target,
    ends_with_reader: bool,
    gone: Rc<Cell<bool>>,
}

enum Target {
    Output,
    Talk,
    Nowhere,
}

impl Console {
    /// `ends_with_reader`: nobody reads it any more means that the run is over.
    pub(super) fn new(session: &Session, ends_with_reader: bool) -> Self {
        let target = match (session.output.is_json(), session.output.is_quiet()) {
            (false, _) => Target::Output,
            (true, false) => Target::Talk,
            (true, true) => Target::Nowhere,
        };
        Self {
            target,
            ends_with_reader,
            gone: Rc::default(),
        }
    }

    /// Whether anyone who read it has gone away.
    pub(super) fn gone(&self) -> Rc<Cell<bool>> {
        self.gone.clone()
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self.target {
            Target::Output => io::stdout().lock().write_all(bytes),
            Target::Talk => io::stderr().lock().write_all(bytes),
            Target::Nowhere => Ok(()),
        };
        self.without_reader(written)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match self.target {
            Target::Output => io::stdout().lock().flush(),
            Target::Talk | Target::Nowhere => Ok(()),
        };
        self.without_reader(flushed)
    }
}

impl Console {
    fn without_reader(&mut self, written: io::Result<()>) -> io::Result<()> {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.target = Target::Nowhere;
                self.gone.set(self.ends_with_reader);
                Ok(())
            }
            written => written,
        }
    }
}

/// Standard input on its way to the machine. A terminal passes every key on but ^C, and is what it was when
/// this is dropped.
pub(super) struct Keyboard {
    before: Option<Termios>,
}

impl Keyboard {
    pub(super) fn connect(machine: Option<ChildStdin>) -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            // The echo comes from the machine.
            let mut raw = before.clone();
            raw.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN;
            raw.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IXON;
            // `0` is no key at all.
            raw.special_codes[SpecialCodeIndex::VSUSP] = 0;
            raw.special_codes[SpecialCodeIndex::VQUIT] = 0;
            raw.special_codes[SpecialCodeIndex::VMIN] = 1;
            raw.special_codes[SpecialCodeIndex::VTIME] = 0;
            // A terminal whose modes cannot be changed can be used, too.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &raw);
        }
        if let Some(machine) = machine {
            // Ends with the machine, or else with the program: nothing wakes a read from a terminal.
            thread::spawn(move || type_into(machine));
        }
        Self { before }
    }
}

fn type_into(mut machine: ChildStdin) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = io::stdin().lock().read(&mut buffer) {
        if machine.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // The terminal may have been closed.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
