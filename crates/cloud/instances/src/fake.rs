//! A hypervisor without machines, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::hypervisor::{Console, Hypervisor, HypervisorError, Machine, Seen};
use crate::id::InstanceId;

/// A hypervisor whose machines are entries in a table. Nothing happens by itself: a test says what becomes of a machine.
#[derive(Debug, Default)]
pub struct FakeHypervisor {
    machines: Mutex<BTreeMap<InstanceId, Entry>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    machine: Machine,
    seen: Seen,
    console: Vec<u8>,
    reboots: u32,
}

impl FakeHypervisor {
    /// A machine becomes this.
    pub fn becomes(&self, id: &InstanceId, seen: Seen) {
        if let Some(entry) = self.machines().get_mut(id) {
            entry.seen = seen;
        }
        self.changed();
    }

    /// A machine is gone as if it had never been.
    pub fn lose(&self, id: &InstanceId) {
        self.machines().remove(id);
        self.changed();
    }

    /// A guest writes to its console.
    pub fn print(&self, id: &InstanceId, text: &[u8]) {
        if let Some(entry) = self.machines().get_mut(id) {
            entry.console.extend_from_slice(text);
        }
    }

    /// What a machine was started with, and how often it was started again; `None`: there is no such machine.
    pub fn machine(&self, id: &InstanceId) -> Option<(Machine, u32)> {
        let machines = self.machines();
        machines
            .get(id)
            .map(|entry| (entry.machine.clone(), entry.reboots))
    }

    fn machines(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Entry>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn ends(&self, id: &InstanceId) {
        if let Some(entry) = self.machines().get_mut(id)
            && matches!(entry.seen, Seen::Starting | Seen::Running)
        {
            entry.seen = Seen::ShutDown;
        }
        self.changed();
    }
}

#[async_trait]
impl Hypervisor for FakeHypervisor {
    async fn start(&self, machine: Machine) -> Result<(), HypervisorError> {
        let mut machines = self.machines();
        machines.entry(machine.id.clone()).or_insert(Entry {
            machine,
            seen: Seen::Starting,
            console: Vec::new(),
            reboots: 0,
        });
        self.changed();
        Ok(())
    }

    async fn shut_down(&self, id: &InstanceId) -> Result<(), HypervisorError> {
        self.ends(id);
        Ok(())
    }

    async fn end(&self, id: &InstanceId) -> Result<(), HypervisorError> {
        self.ends(id);
        Ok(())
    }

    async fn reboot(&self, id: &InstanceId) -> Result<(), HypervisorError> {
        if let Some(entry) = self.machines().get_mut(id) {
            entry.reboots += 1;
        }
        Ok(())
    }

    async fn remove(&self, id: &InstanceId, _: bool) -> Result<(), HypervisorError> {
        let mut machines = self.machines();
        let runs = machines
            .get(id)
            .is_some_and(|entry| matches!(entry.seen, Seen::Starting | Seen::Running));
        if !runs {
            machines.remove(id);
        }
        self.changed();
        Ok(())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    async fn list(&self) -> Result<Vec<(InstanceId, Seen)>, HypervisorError> {
        let machines = self.machines();
        let seen = machines
            .iter()
            .map(|(id, entry)| (id.clone(), entry.seen.clone()));
        Ok(seen.collect())
    }

    async fn console(&self, id: &InstanceId) -> Result<Option<Console>, HypervisorError> {
        let machines = self.machines();
        Ok(machines.get(id).map(|entry| Console {
            first: entry.console.clone(),
            last: entry.console.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hypervisor::{Boot, Bus, Card};

    #[tokio::test]
    async fn calls_can_be_repeated_and_changes_are_counted() {
        let hypervisor = FakeHypervisor::default();
        let mut changes = hypervisor.changes();
        let id: InstanceId = "i-0000000a".parse().unwrap();
        let machine = Machine {
            id: id.clone(),
            architecture: gumnut_types::Architecture::X86_64,
            instance_type: "m1.small".to_owned(),
            memory: 1 << 28,
            processors: 1,
            bus: Bus::Virtio,
            card: Card::Virtio,
            mac: [0; 6],
            boot: Boot::Disk,
        };
        hypervisor.start(machine.clone()).await.unwrap();
        hypervisor.becomes(&id, Seen::Running);
        hypervisor.start(machine).await.unwrap();
        changes.changed().await.unwrap();
        assert_eq!(
            hypervisor.list().await.unwrap(),
            [(id.clone(), Seen::Running)]
        );
        hypervisor.remove(&id, true).await.unwrap();
        assert!(hypervisor.machine(&id).is_some(), "it runs");
        hypervisor.print(&id, b"login: ");
        assert_eq!(
            hypervisor.console(&id).await.unwrap().unwrap().last,
            b"login: "
        );
        hypervisor.end(&id).await.unwrap();
        hypervisor.end(&id).await.unwrap();
        assert_eq!(
            hypervisor.list().await.unwrap(),
            [(id.clone(), Seen::ShutDown)]
        );
        hypervisor.remove(&id, true).await.unwrap();
        assert_eq!(hypervisor.list().await.unwrap(), []);
        assert_eq!(hypervisor.console(&id).await.unwrap(), None);
    }
}
