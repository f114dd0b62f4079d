//! A provisioner without disks, for tests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::hypervisor::{Boot, Bus, Card, Machine};
use crate::provision::{Provision, ProvisionCause, ProvisionError, Provisioner};

/// A provisioner that makes nothing but the description of the machine. A test says how long it takes and whether it fails.
#[derive(Debug, Default)]
pub struct FakeProvisioner {
    script: Mutex<Script>,
    held: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Script {
    calls: Vec<Provision>,
    failure: Option<(ProvisionCause, String)>,
}

impl FakeProvisioner {
    /// Calls wait until they are released.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Calls that wait continue.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Calls fail from now on; with `None` they succeed again.
    pub fn fail(&self, failure: Option<(ProvisionCause, &str)>) {
        self.script().failure = failure.map(|(cause, text)| (cause, text.to_owned()));
    }

    /// What it was called with, in this order.
    pub fn calls(&self) -> Vec<Provision> {
        self.script().calls.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Provisioner for FakeProvisioner {
    async fn provision(&self, wanted: &Provision) -> Result<Machine, ProvisionError> {
        self.script().calls.push(wanted.clone());
        // The other end is this provisioner.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        if let Some((cause, text)) = self.script().failure.clone() {
            return Err(ProvisionError::new(cause, text));
        }
        Ok(Machine {
            id: wanted.id.clone(),
            architecture: wanted.architecture,
            instance_type: wanted.instance_type.name.to_owned(),
            memory: wanted.instance_type.memory(),
            processors: wanted.instance_type.processors,
            bus: Bus::Virtio,
            card: Card::Virtio,
            mac: wanted.mac,
            boot: match &wanted.kernel {
                None => Boot::Disk,
                Some(_) => Boot::Kernel {
                    ramdisk: wanted.ramdisk.is_some(),
                    command_line: "root=/dev/sda1 ro".to_owned(),
                },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use gumnut_cloud_catalogue::Profile;
    use gumnut_types::{Architecture, Fault};

    use super::*;
    use crate::provision::BundledImage;
    use crate::types::instance_types;

    fn wanted() -> Provision {
        let image = |id: &str| BundledImage {
            id: id.parse().unwrap(),
            location: "image-bucket/root.img.manifest.xml".to_owned(),
            manifest_sha256: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        };
        Provision {
            id: "i-4DA90A12".parse().unwrap(),
            image: image("emi-9FE813FD"),
            kernel: Some(image("eki-90461381")),
            ramdisk: None,
            architecture: Architecture::X86_64,
            instance_type: instance_types(Profile::Euca20)[0],
            mac: [0xd0, 0x0d, 0x4d, 0xa9, 0x0a, 0x12],
            private: Ipv4Addr::new(172, 31, 0, 10),
            public: Ipv4Addr::new(127, 31, 0, 10),
            host_name: "ip-172-31-0-10".to_owned(),
            key: None,
            block_devices: vec![],
        }
    }

    #[tokio::test]
    async fn a_call_waits_until_it_is_released() {
        let provisioner = Arc::new(FakeProvisioner::default());
        provisioner.hold();
        let call = tokio::spawn({
            let provisioner = Arc::clone(&provisioner);
            async move { provisioner.provision(&wanted()).await }
        });
        while provisioner.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(!call.is_finished());
        provisioner.release();
        let machine = call.await.unwrap().unwrap();
        assert_eq!((machine.id, machine.memory), (wanted().id, 128 << 20));
        assert!(matches!(machine.boot, Boot::Kernel { ramdisk: false, .. }));
    }

    #[tokio::test]
    async fn a_failure_has_its_cause_and_its_text() {
        let provisioner = FakeProvisioner::default();
        provisioner.fail(Some((ProvisionCause::Image, "the kernel is for Xen")));
        let error = provisioner.provision(&wanted()).await.unwrap_err();
        assert_eq!(error.cause, ProvisionCause::Image);
        assert_eq!(error.fault(), Fault::Input);
        assert_eq!(error.to_string(), "the kernel is for Xen");
        provisioner.fail(None);
        assert!(provisioner.provision(&wanted()).await.is_ok());
        assert_eq!(provisioner.calls().len(), 2);
    }
}
