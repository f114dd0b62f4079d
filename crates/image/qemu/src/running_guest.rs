//! A guest that runs.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::console::{Console, Recorder};
use crate::error::BootError;
use crate::ladder::{Goal, Ladder, Rung};
use crate::monitor::{GuestEvent, Monitor};
use crate::running::tail;

/// A guest that runs; it is killed when dropped. Nothing waits here: its owner calls [`RunningGuest::poll`] now and then.
#[derive(Debug)]
pub struct RunningGuest {
    process: Child,
    program: PathBuf,
    folder: PathBuf,
    started: Instant,
    monitor: Option<Monitor>,
    ladder: Option<Ladder>,
    ended: Option<GuestEnd>,
    out_of_space: bool,
    console: Recorder,
    readers: Vec<JoinHandle<()>>,
    complaints: Option<JoinHandle<String>>,
}

/// How a guest is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestStatus {
    /// Its emulator has not answered yet.
    Starting,
    /// It runs.
    Running {
        /// Whether it waits for room on the disk of the host.
        out_of_space: bool,
    },
    /// It has ended.
    Ended(GuestEnd),
}

/// How a guest has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestEnd {
    /// In order: it has shut itself down, or was asked to.
    ShutDown,
    /// Its emulator failed, with these words.
    Failed(String),
}

/// How long the emulator may take until its monitor answers.
const PATIENCE: Duration = Duration::from_mins(1);

impl RunningGuest {
    pub(crate) fn new(mut process: Child, program: PathBuf, folder: &Path) -> Self {
        let console = Recorder::default();
        let mut readers = Vec::new();
        if let Some(stdout) = process.stdout.take() {
            let recorder = console.clone();
            readers.push(thread::spawn(move || recorder.record(stdout)));
        }
        let stderr = process.stderr.take();
        let complaints = stderr.map(|stderr| thread::spawn(move || tail(stderr)));
        Self {
            process,
            program,
            folder: folder.to_owned(),
            started: Instant::now(),
            monitor: None,
            ladder: None,
            ended: None,
            out_of_space: false,
            console,
            readers,
            complaints,
        }
    }

    /// The emulator's process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What the guest has written to its serial console so far.
    pub fn console(&self) -> Console {
        self.console.console()
    }

    /// Asks the guest to shut down: with the power button, after 20 s with ctrl-alt-delete, after 30 s more it is ended.
    pub fn shut_down(&mut self) {
        self.aim(Goal::ShutDown);
    }

    /// Ends the guest without asking it; an emulator that does not end within 5 s is killed.
    pub fn end(&mut self) {
        self.aim(Goal::End);
    }

    /// Asks the guest to start again: with ctrl-alt-delete, after 30 s it is reset.
    pub fn reboot(&mut self) {
        self.aim(Goal::Reboot);
    }

    fn aim(&mut self, goal: Goal) {
        if self
            .ladder
            .as_ref()
            .is_none_or(|ladder| ladder.yields_to(goal))
        {
            self.ladder = Some(Ladder::new(goal, Instant::now()));
        }
    }

    /// Does what is due, and says how the guest is.
    ///
    /// # Errors
    /// When the system does not say whether the emulator runs.
    pub fn poll(&mut self) -> Result<GuestStatus, BootError> {
        if let Some(end) = &self.ended {
            return Ok(GuestStatus::Ended(end.clone()));
        }
        // What the emulator said last is read before it is gone.
        self.listen();
        if let Some(end) = self.look()? {
            self.ended = Some(end.clone());
            return Ok(GuestStatus::Ended(end));
        }
        self.climb();
        Ok(if self.monitor.is_some() {
            GuestStatus::Running {
                out_of_space: self.out_of_space,
            }
        } else {
            GuestStatus::Starting
        })
    }

    fn listen(&mut self) {
        if self.monitor.is_none() {
            // Until it is there; a failure to start ends the process.
            self.monitor = Monitor::connect(&self.folder).ok();
        }
        let Some(monitor) = &mut self.monitor else {
            return;
        };
        while let Ok(Some(event)) = monitor.event() {
            match event {
                // The process says so, too.
                GuestEvent::ShutDown { .. } => {}
                GuestEvent::DiskError { no_space } => self.out_of_space |= no_space,
                GuestEvent::Reset { .. } => {
                    if self
                        .ladder
                        .as_ref()
                        .is_some_and(|ladder| ladder.goal() == Goal::Reboot)
                    {
                        self.ladder = None;
                    }
                }
            }
        }
    }

    fn look(&mut self) -> Result<Option<GuestEnd>, BootError> {
        let waited = self.process.try_wait();
        let status = waited.map_err(|source| self.system("wait for", source))?;
        let Some(status) = status else {
            return Ok(None);
        };
        for reader in self.readers.drain(..) {
            // It has read everything, or has panicked over nothing that matters.
            let _ = reader.join();
        }
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok());
        let is_meant = self
            .ladder
            .as_ref()
            .is_some_and(|ladder| ladder.goal().ends());
        Ok(Some(if status.success() || is_meant {
            GuestEnd::ShutDown
        } else {
            let failed = BootError::Failed {
                program: self.program.clone(),
                status: status.to_string(),
                output: complaints.unwrap_or_default(),
            };
            GuestEnd::Failed(failed.to_string())
        }))
    }

    fn climb(&mut self) {
        let now = Instant::now();
        if self.monitor.is_none() && now - self.started >= PATIENCE {
            self.kill();
        }
        let Some(rung) = self.ladder.as_mut().and_then(|ladder| ladder.climb(now)) else {
            return;
        };
        let Some(monitor) = &mut self.monitor else {
            // Nobody can be asked.
            if self
                .ladder
                .as_ref()
                .is_some_and(|ladder| ladder.goal().ends())
            {
                self.kill();
            }
            return;
        };
        let ends = self
            .ladder
            .as_ref()
            .is_some_and(|ladder| ladder.goal().ends());
        let done = match rung {
            Rung::PowerButton => monitor.power_down(),
            // On the way to its end the guest must not start again.
            Rung::ThreeFingers => monitor
                .end_on_reboot(ends)
                .and_then(|()| monitor.three_fingers()),
            Rung::Reset => monitor.reset(),
            Rung::Quit => monitor.quit(),
            Rung::Kill => {
                self.kill();
                Ok(())
            }
        };
        if done.is_err() && ends {
            // The next rung is tried when its time has come; the last one needs no monitor.
            self.monitor = None;
        }
        if self
            .ladder
            .as_ref()
            .is_some_and(|ladder| ladder.is_over() && !ladder.goal().ends())
        {
            self.ladder = None;
        }
    }

    fn kill(&mut self) {
        // It may have ended by now.
        let _ = self.process.kill();
    }

    fn system(&self, doing: &'static str, source: io::Error) -> BootError {
        BootError::System {
            doing,
            path: self.program.clone(),
            source,
        }
    }
}

impl Drop for RunningGuest {
    fn drop(&mut self) {
        self.kill();
        let _ = self.process.wait();
    }
}
