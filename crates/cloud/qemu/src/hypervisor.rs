//! The hypervisor as the cloud sees it.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use gumnut_cloud_instances::{Console, Hypervisor, HypervisorError, InstanceId, Machine, Seen};
use gumnut_qemu::{BootError, Qemu};
use gumnut_types::{Architecture, Fault};
use tokio::sync::{oneshot, watch};

use crate::place::Place;
use crate::supervisor::{Aim, Answer, Command, Supervisor};

/// Runs machines in qemu. When it is dropped, all of them end at once.
#[derive(Debug)]
pub struct QemuHypervisor {
    /// `None` only while it is dropped.
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    changes: watch::Receiver<u64>,
}

/// Why the hypervisor cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// qemu is not there.
    #[error(transparent)]
    Qemu(#[from] BootError),
    /// The directory with the directories of instances cannot be read.
    #[error("cannot read the directory of the instances")]
    Directory(#[source] io::Error),
    /// The system gives no thread.
    #[error("cannot start the thread that watches the instances")]
    Thread(#[source] io::Error),
}

impl StartError {
    /// Whose fault it is: that of the system.
    pub fn fault(&self) -> Fault {
        Fault::System
    }
}

impl QemuHypervisor {
    /// A hypervisor whose machines are in the directories of their instances below `root`. Directories that are there already are listed
    /// as those of machines that have ended, until they are removed.
    ///
    /// # Errors
    /// When qemu is not installed, or `root` cannot be read.
    pub fn start(root: &Path) -> Result<Self, StartError> {
        let qemu = Qemu::find(Architecture::X86_64)?;
        let (commands, receiver) = mpsc::channel();
        let (sender, changes) = watch::channel(0);
        let root = root.to_owned();
        let left = Place::all(&root).map_err(StartError::Directory)?;
        // The emulators die with the thread that has started them, so it is one for all of them, and none of a pool.
        let thread = thread::Builder::new()
            .name("instances".to_owned())
            .spawn(move || Supervisor::new(root, left, &qemu, sender).run(&receiver))
            .map_err(StartError::Thread)?;
        Ok(Self {
            commands: Some(commands),
            thread: Some(thread),
            changes,
        })
    }

    async fn ask<T>(
        &self,
        doing: impl FnOnce() -> String,
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T, HypervisorError> {
        let (answer, answered) = oneshot::channel();
        if let Some(commands) = &self.commands {
            // When the thread has ended, so has the other end of the answer.
            let _ = commands.send(command(answer));
        }
        let result = answered.await.unwrap_or_else(|error| Err(error.into()));
        result.map_err(|source| HypervisorError {
            doing: doing(),
            source,
        })
    }

    async fn aim(&self, id: &InstanceId, aim: Aim, what: &str) -> Result<(), HypervisorError> {
        let doing = || format!("cannot {what} the machine of {id}");
        self.ask(doing, |answer| Command::Aim(id.clone(), aim, answer))
            .await
    }
}

impl Drop for QemuHypervisor {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // It ends when nobody can ask any more.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Hypervisor for QemuHypervisor {
    async fn start(&self, machine: Machine) -> Result<(), HypervisorError> {
        let doing = format!("cannot start the machine of {}", machine.id);
        self.ask(|| doing, |answer| Command::Start(machine, answer))
            .await
    }

    async fn shut_down(&self, id: &InstanceId) -> Result<(), HypervisorError> {
        self.aim(id, Aim::ShutDown, "shut down").await
    }

    async fn end(&self, id: &InstanceId) -> Result<(), HypervisorError> {
        self.aim(id, Aim::End, "end").await
    }

    async fn reboot(&self, id: &InstanceId) -> Result<(), HypervisorError> {
        self.aim(id, Aim::Reboot, "reboot").await
    }

    async fn remove(&self, id: &InstanceId, disk: bool) -> Result<(), HypervisorError> {
        let doing = || format!("cannot remove what is left of {id}");
        self.ask(doing, |answer| Command::Remove(id.clone(), disk, answer))
            .await
    }

    async fn list(&self) -> Result<Vec<(InstanceId, Seen)>, HypervisorError> {
        self.ask(|| "cannot list the machines".to_owned(), Command::List)
            .await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    async fn console(&self, id: &InstanceId) -> Result<Option<Console>, HypervisorError> {
        let doing = || format!("cannot read the console of {id}");
        self.ask(doing, |answer| Command::Console(id.clone(), answer))
            .await
    }
}

#[cfg(test)]
mod tests;
