//! How many instances there may be.

use gumnut_cloud_catalogue::{Instance, InstanceState};

use crate::types::InstanceType;

/// What all instances of a cloud may take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Instances that are not terminated.
    pub instances: u32,
    /// Memory in bytes, of guests and of their emulators.
    pub memory: u64,
    /// Processors of guests.
    pub processors: u32,
    /// Bytes on the disk.
    pub disk: u64,
}

/// What instances take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Instances that are not terminated.
    pub instances: u32,
    /// Memory in bytes, of guests and of their emulators.
    pub memory: u64,
    /// Processors of guests.
    pub processors: u32,
    /// Bytes on the disk.
    pub disk: u64,
}

/// How many instances of a type there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The type.
    pub kind: InstanceType,
    /// How many there can be if there are no others.
    pub most: u32,
    /// How many more there can be.
    pub available: u32,
}

/// There is no room for as many instances as are wanted at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not enough resources ({available} < {wanted})")]
pub struct NoRoom {
    /// For how many there is room.
    pub available: u32,
    /// How many are wanted at least.
    pub wanted: u32,
}

/// Memory that an emulator takes beside that of its guest, in bytes.
const EMULATOR: u64 = 192 << 20;

impl Usage {
    /// What instances take together: their states, types, and the bytes that each takes on the disk.
    pub fn of<'t>(
        instances: impl IntoIterator<Item = (InstanceState, &'t InstanceType, u64)>,
    ) -> Self {
        let mut usage = Self::default();
        for (state, kind, disk) in instances {
            let takes = Self::one(kind, disk);
            if state.takes_disk() {
                usage.instances += 1;
                usage.disk = usage.disk.saturating_add(takes.disk);
            }
            if state.takes_memory() {
                usage.memory = usage.memory.saturating_add(takes.memory);
                usage.processors = usage.processors.saturating_add(takes.processors);
            }
        }
        usage
    }

    /// What these instances take together, each with the resources that it was launched with.
    pub fn of_instances(instances: &[Instance]) -> Self {
        let kinds: Vec<_> = instances
            .iter()
            .map(|instance| InstanceType::of_launch(&instance.launch))
            .collect();
        let states = instances.iter().map(|instance| instance.state);
        Self::of(
            states
                .zip(&kinds)
                .map(|(state, kind)| (state, kind, kind.disk())),
        )
    }

    fn one(kind: &InstanceType, disk: u64) -> Self {
        Self {
            instances: 1,
            memory: kind.memory().saturating_add(EMULATOR),
            processors: kind.processors,
            disk,
        }
    }
}

impl Quota {
    /// The quota of a computer: half of its memory, twice its processors, the free bytes of its disk but one GiB.
    pub fn of_host(instances: u32, memory: u64, processors: u32, free: u64) -> Self {
        Self {
            instances,
            memory: memory / 2,
            processors: processors.saturating_mul(2),
            disk: free.saturating_sub(1 << 30),
        }
    }

    /// For how many more instances of a type there is room, each with so many bytes on the disk.
    pub fn room(&self, used: &Usage, kind: &InstanceType, disk: u64) -> u32 {
        let one = Usage::one(kind, disk);
        let fits = |quota: u64, used: u64, one: u64| {
            // What takes nothing always fits.
            quota
                .saturating_sub(used)
                .checked_div(one)
                .unwrap_or(u64::MAX)
        };
        let counts = [
            fits(self.instances.into(), used.instances.into(), 1),
            fits(self.memory, used.memory, one.memory),
            fits(
                self.processors.into(),
                used.processors.into(),
                one.processors.into(),
            ),
            fits(self.disk, used.disk, one.disk),
        ];
        let least = counts.into_iter().min().unwrap_or(0);
        u32::try_from(least).unwrap_or(u32::MAX)
    }

    /// How many instances are started of those that are wanted: as many as fit.
    ///
    /// # Errors
    /// When fewer fit than are wanted at least.
    pub fn grant(
        &self,
        used: &Usage,
        kind: &InstanceType,
        disk: u64,
        least: u32,
        most: u32,
    ) -> Result<u32, NoRoom> {
        let available = self.room(used, kind, disk);
        if available < least {
            return Err(NoRoom {
                available,
                wanted: least,
            });
        }
        Ok(most.min(available))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const SMALL: InstanceType = InstanceType {
        name: "m1.small",
        processors: 1,
        memory_mib: 256,
        disk_gib: 5,
    };

    #[test]
    fn as_many_start_as_fit_and_not_fewer_than_wanted() {
        let quota = Quota::of_host(4, 2 * GIB, 2, 21 * GIB);
        let grant = |used: &Usage, least, most| quota.grant(used, &SMALL, 5 * GIB, least, most);
        let none = Usage::default();
        // The memory is for two: 256 and 192 MiB each, of 1 GiB.
        assert_eq!(quota.room(&none, &SMALL, 5 * GIB), 2);
        assert_eq!(grant(&none, 1, 5), Ok(2));
        assert_eq!(grant(&none, 1, 1), Ok(1));
        assert_eq!(
            grant(&none, 3, 5),
            Err(NoRoom {
                available: 2,
                wanted: 3
            })
        );
        let stopped = Usage::of([(InstanceState::Stopped, &SMALL, 15 * GIB)]);
        assert_eq!(stopped.memory, 0);
        assert_eq!(quota.room(&stopped, &SMALL, 5 * GIB), 1, "the disk");
        let ended = Usage::of([(InstanceState::Terminated, &SMALL, 15 * GIB)]);
        assert_eq!(ended, none);
    }

    #[test]
    fn more_than_everything_is_used_and_numbers_do_not_overflow() {
        let quota = Quota::of_host(4, 2 * GIB, 2, 0);
        assert_eq!(quota.disk, 0);
        let running = [(InstanceState::Running, &SMALL, u64::MAX); 6];
        let used = Usage::of(running);
        assert_eq!((used.instances, used.disk), (6, u64::MAX));
        assert_eq!(quota.room(&used, &SMALL, 1), 0);
        assert_eq!(quota.room(&Usage::default(), &SMALL, 0), 2);
    }
}
