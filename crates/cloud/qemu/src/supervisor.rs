//! The thread that all emulators are children of.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use gumnut_cloud_instances::{Boot, Bus, Card, Console, InstanceId, Machine, Seen};
use gumnut_qemu::{
    Acceleration, Accelerator, BootError, Guest, GuestEnd, GuestKernel, GuestStatus, Identity,
    Qemu, RunningGuest, SystemUuid,
};
use gumnut_types::Architecture;
use tokio::sync::{oneshot, watch};

use crate::place::Place;

/// What the thread is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    Start(Machine, Answer<()>),
    Aim(InstanceId, Aim, Answer<()>),
    Remove(InstanceId, bool, Answer<()>),
    List(Answer<Vec<(InstanceId, Seen)>>),
    Console(InstanceId, Answer<Option<Console>>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    ShutDown,
    End,
    Reboot,
}

/// Where the answer goes. Nobody may wait for it any more.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, Failure>>;
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// How often the guests are looked at.
const TICK: Duration = Duration::from_millis(50);
const MANUFACTURER: &str = "Gumnut";

pub(crate) struct Supervisor {
    root: PathBuf,
    accelerator: Accelerator,
    guests: BTreeMap<InstanceId, Entry>,
    changes: watch::Sender<u64>,
}

struct Entry {
    guest: Held,
    /// Whether it was said that it waits for room.
    warned: bool,
}

enum Held {
    Running(Box<RunningGuest>, Seen),
    Ended(Seen),
}

impl Supervisor {
    /// A supervisor without machines. Those of the instances `left`, which have directories, ended with the cloud before.
    pub(crate) fn new(
        root: PathBuf,
        left: Vec<InstanceId>,
        qemu: &Qemu,
        changes: watch::Sender<u64>,
    ) -> Self {
        let accelerator = qemu.accelerator(Acceleration::Auto, &root);
        let guests = left.into_iter().map(|id| {
            let entry = Entry {
                guest: Held::Ended(Seen::ShutDown),
                warned: false,
            };
            (id, entry)
        });
        Self {
            root,
            accelerator,
            guests: guests.collect(),
            changes,
        }
    }

    /// Runs until nobody asks any more; then the guests end.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            match commands.recv_timeout(TICK) {
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look();
        }
    }

    fn obey(&mut self, command: Command) {
        // Who asked may have gone.
        match command {
            Command::Start(machine, answer) => {
                self.start(&machine);
                let _ = answer.send(Ok(()));
            }
            Command::Aim(id, aim, answer) => {
                if let Some(Held::Running(guest, _)) = self.held(&id) {
                    match aim {
                        Aim::ShutDown => guest.shut_down(),
                        Aim::End => guest.end(),
                        Aim::Reboot => guest.reboot(),
                    }
                }
                let _ = answer.send(Ok(()));
            }
            Command::Remove(id, disk, answer) => {
                let _ = answer.send(self.remove(&id, disk));
            }
            Command::List(answer) => {
                let seen = self.guests.iter().map(|(id, entry)| {
                    let (Held::Running(_, seen) | Held::Ended(seen)) = &entry.guest;
                    (id.clone(), seen.clone())
                });
                let _ = answer.send(Ok(seen.collect()));
            }
            Command::Console(id, answer) => {
                let kept = match self.held(&id) {
                    Some(Held::Running(guest, _)) => Some(console(guest)),
                    _ => Place::new(&self.root, &id).read_console(),
                };
                let _ = answer.send(Ok(kept));
            }
        }
    }

    fn held(&mut self, id: &InstanceId) -> Option<&mut Held> {
        self.guests.get_mut(id).map(|entry| &mut entry.guest)
    }

    fn start(&mut self, machine: &Machine) {
        if self.guests.contains_key(&machine.id) {
            return;
        }
        let place = Place::new(&self.root, &machine.id);
        let started = guest(machine).and_then(|guest| {
            let qemu = Qemu::find(machine.architecture)?;
            qemu.start_guest(&guest, self.accelerator, place.path())
        });
        let guest = match started {
            Ok(guest) => Held::Running(Box::new(guest), Seen::Starting),
            Err(error) => Held::Ended(Seen::Failed(words(&error))),
        };
        let entry = Entry {
            guest,
            warned: false,
        };
        self.guests.insert(machine.id.clone(), entry);
        changed(&self.changes);
    }

    fn remove(&mut self, id: &InstanceId, disk: bool) -> Result<(), Failure> {
        if let Some(Held::Running(..)) = self.held(id) {
            return Err("its machine still runs".into());
        }
        if disk {
            Place::new(&self.root, id).remove()?;
        }
        self.guests.remove(id);
        changed(&self.changes);
        Ok(())
    }

    /// Looks at every guest, and lets each do what is due.
    fn look(&mut self) {
        for (id, entry) in &mut self.guests {
            let Held::Running(guest, seen) = &mut entry.guest else {
                continue;
            };
            let status = guest.poll();
            let now = match &status {
                Ok(GuestStatus::Starting) => Seen::Starting,
                Ok(GuestStatus::Ended(GuestEnd::ShutDown)) => Seen::ShutDown,
                Ok(GuestStatus::Ended(GuestEnd::Failed(why))) => Seen::Failed(why.clone()),
                Ok(_) => Seen::Running,
                Err(error) => Seen::Failed(words(error)),
            };
            if now != *seen {
                *seen = now;
                changed(&self.changes);
            }
            if let Ok(GuestStatus::Running { out_of_space: true }) = status
                && !entry.warned
            {
                entry.warned = true;
                tracing::error!(instance = %id, "the guest waits: there is no room on the disk of this host");
            }
            if let Seen::ShutDown | Seen::Failed(_) = seen {
                let place = Place::new(&self.root, id);
                if let Err(error) = place.write_console(&console(guest)) {
                    tracing::warn!(instance = %id, %error, "cannot keep the console");
                }
                entry.guest = Held::Ended(seen.clone());
            }
        }
    }
}

fn changed(changes: &watch::Sender<u64>) {
    changes.send_modify(|count| *count += 1);
}

fn console(guest: &RunningGuest) -> Console {
    let gumnut_qemu::Console { first, last } = guest.console();
    Console { first, last }
}

/// A machine as qemu knows it.
fn guest(machine: &Machine) -> Result<Guest, BootError> {
    let digits = machine.id.as_str().trim_start_matches("i-");
    let uuid = SystemUuid::of_instance(digits);
    Ok(Guest {
        architecture: machine.architecture,
        bus: match machine.bus {
            Bus::Virtio => gumnut_qemu::Bus::Virtio,
            Bus::Ide => gumnut_qemu::Bus::Ide,
        },
        card: match machine.card {
            Card::Virtio => gumnut_qemu::Card::Virtio,
            Card::E1000 => gumnut_qemu::Card::E1000,
        },
        mac: machine.mac,
        kernel: match &machine.boot {
            Boot::Disk => None,
            Boot::Kernel {
                ramdisk,
                command_line,
            } => Some(GuestKernel {
                ramdisk: *ramdisk,
                command_line: command_line.clone(),
            }),
        },
        memory: machine.memory,
        processors: machine.processors,
        identity: Identity {
            manufacturer: MANUFACTURER.to_owned(),
            product: machine.instance_type.clone(),
            // An id has 8 or 17 digits.
            uuid: uuid.ok_or(BootError::Architecture(Architecture::Other))?,
        },
    })
}

/// An error and what is behind it.
fn words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        words = format!("{words}: {source}");
        behind = source.source();
    }
    words
}
