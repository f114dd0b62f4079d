//! The one task that lets machines follow rows, and rows machines.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use gumnut_cloud_catalogue::{Instance, InstanceState, LaunchImage, Reason};
use gumnut_types::{ArchitectureError, BlockDeviceMapping, ImageIdError};
use tokio::sync::{Semaphore, watch};
use tokio::task::{self, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::error::{InstanceError, InstanceErrorKind};
use crate::hypervisor::{Hypervisor, HypervisorError, Look, Machine, Seen};
use crate::id::InstanceId;
use crate::names::{host_name, mac_of, parsed, public_address};
use crate::provision::{BundledImage, Provision, ProvisionCause, ProvisionError, PublicKey};
use crate::requests::{self, Looked};
use crate::service::{Host, Instances, Shared};
use crate::state::Order;
use crate::types::InstanceType;

/// Directories that are made at once.
const MADE_AT_ONCE: usize = 4;
/// When it is tried again what failed.
const RETRY: Duration = Duration::from_secs(5);
/// When the clock is looked at again, although nothing is known to happen.
const LONG: Duration = Duration::from_hours(1);

/// Compares rows with machines each time that one of them has changed, and does what follows. One task does so, and no two orders for
/// one instance overlap; directories are made beside it.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// How the making of a directory has ended.
type Made = Result<(task::Id, Result<Machine, ProvisionError>), task::JoinError>;

/// What the task works with.
struct Keeping {
    shared: Arc<Shared>,
    host: Host,
    /// Directories that are being made.
    making: JoinSet<Result<Machine, ProvisionError>>,
    /// Whose they are.
    in_work: HashMap<task::Id, InstanceId>,
    turns: Arc<Semaphore>,
}

impl Keeper {
    /// Terminates the instances whose machines have ended with the cloud before this one, and begins to keep. `None`: this cloud does
    /// not run instances.
    ///
    /// # Errors
    /// When the catalogue or the hypervisor cannot be used.
    pub async fn start(instances: &Instances) -> Result<Option<Self>, InstanceError> {
        let shared = Arc::clone(instances.shared());
        let Some(host) = shared.host.clone() else {
            return Ok(None);
        };
        let mut keeping = Keeping::new(&shared, host);
        keeping.pass(Look::First).await?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(keeping.run(stopped));
        Ok(Some(Self { shared, stop, task }))
    }

    /// Stops to keep, asks the guests to shut down, and ends those that have not after `patience`. The instances are terminated.
    ///
    /// # Errors
    /// When the catalogue or the hypervisor cannot be used.
    pub async fn end(self, patience: Duration) -> Result<(), InstanceError> {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task that keeps instances has failed");
        }
        let Some(host) = self.shared.host.clone() else {
            return Ok(());
        };
        let hypervisor = Arc::clone(&host.hypervisor);
        end_machines(&*hypervisor, patience)
            .await
            .map_err(|error| InstanceError::internal(&error))?;
        Keeping::new(&self.shared, host).pass(Look::First).await?;
        Ok(())
    }
}

/// Shuts all guests down, and ends those that take too long.
async fn end_machines(
    hypervisor: &dyn Hypervisor,
    patience: Duration,
) -> Result<(), HypervisorError> {
    for id in running(hypervisor).await? {
        hypervisor.shut_down(&id).await?;
    }
    let mut changes = hypervisor.changes();
    let all_ended = async {
        loop {
            changes.mark_unchanged();
            if running(hypervisor).await?.is_empty() || changes.changed().await.is_err() {
                return Ok(());
            }
        }
    };
    if let Ok(ended) = timeout(patience, all_ended).await {
        return ended;
    }
    for id in running(hypervisor).await? {
        tracing::warn!(%id, "the guest did not shut down in time");
        hypervisor.end(&id).await?;
    }
    Ok(())
}

async fn running(hypervisor: &dyn Hypervisor) -> Result<Vec<InstanceId>, HypervisorError> {
    let all = hypervisor.list().await?.into_iter();
    let running = all.filter(|(_, seen)| matches!(seen, Seen::Starting | Seen::Running));
    Ok(running.map(|(id, _)| id).collect())
}

impl Keeping {
    fn new(shared: &Arc<Shared>, host: Host) -> Self {
        Self {
            shared: Arc::clone(shared),
            host,
            making: JoinSet::new(),
            in_work: HashMap::new(),
            turns: Arc::new(Semaphore::new(MADE_AT_ONCE)),
        }
    }

    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut machines = self.host.hypervisor.changes();
        loop {
            machines.mark_unchanged();
            let wait = match self.pass(Look::Later).await {
                Ok(wait) => wait,
                // The log has the reason.
                Err(_) => RETRY,
            };
            tokio::select! {
                // Its sender is dropped with the keeper.
                _ = stopped.changed() => return,
                Ok(()) = machines.changed() => {}
                () = self.shared.wake.notified() => {}
                Some(ended) = self.making.join_next_with_id() => self.made(ended).await,
                () = sleep_until(Instant::now() + wait) => {}
            }
        }
    }

    /// Compares rows and machines once. Gives how long nothing is known to happen then.
    async fn pass(&mut self, look: Look) -> Result<Duration, InstanceError> {
        let seen = self.host.hypervisor.list().await;
        let seen = seen.map_err(|error| InstanceError::internal(&error))?;
        let mut machines: BTreeMap<_, _> = seen.into_iter().collect();
        for id in self.in_work.values() {
            machines.entry(id.clone()).or_insert(Seen::Starting);
        }
        let catalogue = &self.shared.catalogue;
        let (looked, now) = catalogue
            .change_instances(move |state| {
                let (change, looked) = requests::look(state, &machines, look);
                Ok::<_, InstanceError>((change, (looked, state.now)))
            })
            .await?;
        let Looked {
            orders,
            start,
            next_end,
            changed,
        } = looked;
        if changed {
            self.shared.changed();
        }
        let mut wait = next_end.map_or(LONG, |end| {
            let left = u64::try_from(end.saturating_sub(now)).unwrap_or(0);
            Duration::from_millis(left)
        });
        for (id, order) in orders {
            if let Err(error) = self.order(&id, order).await {
                tracing::error!(%id, error = &error as &dyn Error, "an order failed");
                wait = wait.min(RETRY);
            }
        }
        for instance in start {
            if self.make(&instance).is_err() {
                // The log has the reason; the others are made nevertheless.
                let id = parsed(&instance.id)?;
                let why = "the row of the instance is damaged".to_owned();
                self.fail(&id, Reason::Failed(why)).await?;
            }
        }
        Ok(wait)
    }

    async fn order(&self, id: &InstanceId, order: Order) -> Result<(), HypervisorError> {
        let hypervisor = &self.host.hypervisor;
        match order {
            Order::ShutDown => hypervisor.shut_down(id).await,
            Order::End => hypervisor.end(id).await,
            Order::Reboot => hypervisor.reboot(id).await,
            Order::Remove => hypervisor.remove(id, true).await,
            Order::Release => hypervisor.remove(id, false).await,
            // Those come with their rows.
            Order::Start => Ok(()),
        }
    }

    /// Begins to make the directory of an instance.
    fn make(&mut self, instance: &Instance) -> Result<(), InstanceError> {
        let wanted = provision(instance)?;
        if self.in_work.values().any(|id| *id == wanted.id) {
            return Ok(());
        }
        let id = wanted.id.clone();
        let (turns, provisioner) = (Arc::clone(&self.turns), Arc::clone(&self.host.provisioner));
        let task = self.making.spawn(async move {
            // Nobody closes the semaphore.
            let _turn = turns.acquire_owned().await;
            provisioner.provision(&wanted).await
        });
        self.in_work.insert(task.id(), id);
        Ok(())
    }

    /// Starts a machine whose directory was made, unless its instance is to end.
    async fn made(&mut self, ended: Made) {
        let (task, made) = match ended {
            Ok((task, made)) => (task, made),
            Err(error) => {
                let text = "the directory of the instance could not be made";
                let mut failed = ProvisionError::new(ProvisionCause::Host, text);
                let task = error.id();
                failed.source = Some(error.into());
                (task, Err(failed))
            }
        };
        let Some(id) = self.in_work.get(&task).cloned() else {
            return;
        };
        let done = match made {
            Ok(machine) => self.start(&id, machine).await,
            Err(error) => {
                tracing::warn!(%id, error = &error as &dyn Error, "an instance cannot be made");
                let reason = match error.cause {
                    ProvisionCause::Capacity => Reason::NoCapacity(error.text),
                    ProvisionCause::Image | ProvisionCause::Host => Reason::Failed(error.text),
                };
                self.fail(&id, reason).await
            }
        };
        if done.is_err() {
            // The log has the reason.
            tracing::warn!(%id, "it is tried again to make the instance, if it is still wanted");
        }
        self.in_work.remove(&task);
    }

    async fn start(&self, id: &InstanceId, machine: Machine) -> Result<(), InstanceError> {
        let hypervisor = &self.host.hypervisor;
        let rows = self.shared.catalogue.instances(None).await?;
        let is_wanted = rows.iter().any(|row| {
            row.id.eq_ignore_ascii_case(id.as_str()) && row.state == InstanceState::Pending
        });
        let done = if is_wanted {
            hypervisor.start(machine).await
        } else {
            hypervisor.remove(id, true).await
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) if is_wanted => {
                tracing::error!(%id, error = &error as &dyn Error, "a machine cannot be started");
                self.fail(id, Reason::Failed(error.to_string())).await
            }
            Err(error) => Err(InstanceError::internal(&error)),
        }
    }

    /// Ends an instance that cannot be started.
    async fn fail(&self, id: &InstanceId, reason: Reason) -> Result<(), InstanceError> {
        let failed = id.clone();
        let catalogue = &self.shared.catalogue;
        catalogue
            .change_instances(move |state| {
                let change = requests::fail(state, &failed, &reason);
                Ok::<_, InstanceError>((change, ()))
            })
            .await?;
        self.shared.changed();
        let removed = self.host.hypervisor.remove(id, true).await;
        removed.map_err(|error| InstanceError::internal(&error))
    }
}

/// What the directory of an instance is made from.
fn provision(instance: &Instance) -> Result<Provision, InstanceError> {
    let launch = &instance.launch;
    let id = parsed(&instance.id)?;
    let private = instance.address.ok_or_else(|| {
        tracing::error!(%id, "an instance that is to be made has no address");
        InstanceError::new(
            InstanceErrorKind::Internal,
            "An internal error has occurred",
        )
    })?;
    let kind = InstanceType::of_launch(launch);
    let architecture = launch.architecture.parse();
    let architecture =
        architecture.map_err(|error: ArchitectureError| InstanceError::internal(&error))?;
    let part = |image: &Option<LaunchImage>| image.as_ref().map(bundled).transpose();
    let devices = launch.block_devices.iter();
    Ok(Provision {
        image: bundled(&launch.image)?,
        kernel: part(&launch.kernel)?,
        ramdisk: part(&launch.ramdisk)?,
        architecture,
        instance_type: kind,
        mac: mac_of(&id),
        private,
        public: public_address(private),
        host_name: host_name(private),
        key: launch.key.as_ref().map(|key| PublicKey {
            name: key.name.clone(),
            openssh: key.public.clone(),
        }),
        block_devices: devices
            .map(|(virtual_name, device)| BlockDeviceMapping {
                virtual_name: virtual_name.clone(),
                device: device.clone(),
            })
            .collect(),
        id,
    })
}

fn bundled(image: &LaunchImage) -> Result<BundledImage, InstanceError> {
    let id = image.id.parse();
    Ok(BundledImage {
        id: id.map_err(|error: ImageIdError| InstanceError::internal(&error))?,
        location: image.location.clone(),
        manifest_sha256: image.manifest_sha256.clone(),
    })
}

#[cfg(test)]
mod tests;
