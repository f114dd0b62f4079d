//! Instance types, as each profile has them.

use gumnut_cloud_catalogue::{Launch, Profile};

/// An instance type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Such as `m1.small`.
    pub name: &'static str,
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Disk in GiB.
    pub disk_gib: u32,
}

impl InstanceType {
    /// The type that an instance was launched with. Its name is empty when no profile has a type of that name any more.
    pub(crate) fn of_launch(launch: &Launch) -> Self {
        let known = OLD.iter().chain(&NEW).map(|kind| kind.name);
        let name = known.into_iter().find(|name| *name == launch.instance_type);
        Self {
            name: name.unwrap_or_default(),
            processors: launch.processors,
            memory_mib: launch.memory_mib,
            disk_gib: launch.disk_gib,
        }
    }

    /// Memory in bytes.
    pub fn memory(&self) -> u64 {
        u64::from(self.memory_mib) << 20
    }

    /// Disk in bytes.
    pub fn disk(&self) -> u64 {
        u64::from(self.disk_gib) << 30
    }
}

const fn kind(name: &'static str, processors: u32, disk_gib: u32, memory_mib: u32) -> InstanceType {
    InstanceType {
        name,
        processors,
        memory_mib,
        disk_gib,
    }
}

/// Eucalyptus 1.6 and 2.0.
const OLD: [InstanceType; 5] = [
    kind("m1.small", 1, 10, 128),
    kind("c1.medium", 2, 10, 128),
    kind("m1.large", 2, 10, 512),
    kind("m1.xlarge", 2, 10, 1024),
    kind("c1.xlarge", 4, 10, 2048),
];

/// Eucalyptus 4.4, and names with which scripts for EC2 run.
const NEW: [InstanceType; 14] = [
    kind("t1.micro", 1, 5, 256),
    kind("m1.small", 1, 5, 256),
    kind("m1.medium", 1, 10, 512),
    kind("c1.medium", 2, 10, 512),
    kind("m1.large", 2, 10, 512),
    kind("m1.xlarge", 2, 10, 1024),
    kind("c1.xlarge", 2, 10, 2048),
    kind("m2.xlarge", 2, 10, 2048),
    kind("t2.nano", 1, 5, 512),
    kind("t2.micro", 1, 5, 1024),
    kind("t2.small", 1, 5, 2048),
    kind("t3.nano", 2, 5, 512),
    kind("t3.micro", 2, 5, 1024),
    kind("t3.small", 2, 5, 2048),
];
/// How many of the new ones Eucalyptus had.
const OF_EUCALYPTUS: usize = 8;

/// The type that is started when none is named: `m1.small` in every profile.
pub fn default_type(profile: Profile) -> &'static InstanceType {
    let types = instance_types(profile);
    types
        .iter()
        .find(|it| it.name == "m1.small")
        .unwrap_or(&types[0])
}

/// The types of a profile, in the order in which they are listed.
pub fn instance_types(profile: Profile) -> &'static [InstanceType] {
    if profile.is_legacy() {
        &OLD
    } else if profile == Profile::Strict {
        &NEW
    } else {
        &NEW[..OF_EUCALYPTUS]
    }
}
