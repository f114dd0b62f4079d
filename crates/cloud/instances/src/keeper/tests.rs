//! Histories of a cloud: whatever happens, rows and machines agree in the end.

use std::collections::BTreeMap;

use gumnut_cloud_catalogue::{InstanceChange, InstanceState, NewInstance, Profile, Reason};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::requests::SHOWN;
use crate::run::RunRequest;
use crate::state::Request;
use crate::testing::{IMAGE, World, caller, time};

/// Lets machines follow until nothing is left to do; machines that start run.
async fn settle(world: &World, keeping: &mut Keeping) {
    for _ in 0..6 {
        keeping.pass(Look::Later).await.unwrap();
        while let Some(made) = keeping.making.join_next_with_id().await {
            keeping.made(made).await;
        }
        let seen = world.hypervisor.list().await.unwrap();
        let starting = seen.iter().filter(|(_, seen)| *seen == Seen::Starting);
        for (id, _) in starting {
            world.hypervisor.becomes(id, Seen::Running);
        }
    }
}

fn keeping(instances: &Instances) -> Keeping {
    Keeping::new(instances.shared(), instances.shared().host.clone().unwrap())
}

fn of_most(most: u32) -> RunRequest {
    RunRequest {
        most,
        ..RunRequest::of(IMAGE)
    }
}

/// Something that happens to a cloud.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Run { least: u32, most: u32 },
    Terminate { instance: usize },
    Reboot { instance: usize },
    GuestEnds { machine: usize },
    MachineFails { machine: usize },
    MachineIsLost { machine: usize },
    DisksFail { fail: bool },
    Pass,
    Settle,
    CloudCrashes,
    CloudEnds,
    TimePasses,
}

fn happens() -> impl Strategy<Value = Happens> {
    let index = 0_usize..6;
    prop_oneof![
        4 => (1_u32..3, 0_u32..4).prop_map(|(least, more)| Happens::Run { least, most: least + more }),
        3 => index.clone().prop_map(|instance| Happens::Terminate { instance }),
        1 => index.clone().prop_map(|instance| Happens::Reboot { instance }),
        1 => index.clone().prop_map(|machine| Happens::GuestEnds { machine }),
        1 => index.clone().prop_map(|machine| Happens::MachineFails { machine }),
        1 => index.prop_map(|machine| Happens::MachineIsLost { machine }),
        1 => any::<bool>().prop_map(|fail| Happens::DisksFail { fail }),
        2 => Just(Happens::Pass),
        2 => Just(Happens::Settle),
        1 => Just(Happens::CloudCrashes),
        1 => Just(Happens::CloudEnds),
        1 => Just(Happens::TimePasses),
    ]
}

struct History {
    world: World,
    instances: Instances,
    keeping: Keeping,
    now: i64,
}

impl History {
    async fn new() -> Self {
        let world = World::new(Profile::Strict).await;
        let instances = world.instances();
        let keeping = keeping(&instances);
        Self {
            world,
            instances,
            keeping,
            now: 1_000_000,
        }
    }

    async fn machine(&self, index: usize) -> Option<InstanceId> {
        let seen = self.world.hypervisor.list().await.unwrap();
        seen.get(index).map(|(id, _)| id.clone())
    }

    async fn happen(&mut self, event: Happens) {
        let owner = caller(1);
        match event {
            Happens::Run { least, most } => {
                let before = self.live().await;
                let room = 4 - before;
                let request = RunRequest {
                    least,
                    most,
                    ..RunRequest::of(IMAGE)
                };
                let launched = match self.instances.run(&owner, request).await {
                    Ok(launched) => launched.len(),
                    Err(error) => {
                        assert_eq!(error.kind(), InstanceErrorKind::Capacity);
                        0
                    }
                };
                let expected = if room < least { 0 } else { most.min(room) };
                assert_eq!(launched, usize::try_from(expected).unwrap());
            }
            Happens::Terminate { instance } | Happens::Reboot { instance } => {
                let all = self.instances.describe(&owner, &[]).await.unwrap();
                let Some(found) = all.get(instance) else {
                    return;
                };
                let request = match event {
                    Happens::Terminate { .. } => Request::Terminate,
                    _ => Request::Reboot,
                };
                let ids = [found.id.clone()];
                let outcome = self.instances.request(&owner, &ids, request).await;
                if request == Request::Reboot {
                    assert_eq!(outcome.is_ok(), found.state == InstanceState::Running);
                } else {
                    assert!(outcome.is_ok());
                }
            }
            Happens::GuestEnds { machine } => {
                if let Some(id) = self.machine(machine).await {
                    self.world.hypervisor.becomes(&id, Seen::ShutDown);
                }
            }
            Happens::MachineFails { machine } => {
                if let Some(id) = self.machine(machine).await {
                    let why = "no kernel".to_owned();
                    self.world.hypervisor.becomes(&id, Seen::Failed(why));
                }
            }
            Happens::MachineIsLost { machine } => {
                if let Some(id) = self.machine(machine).await {
                    self.world.hypervisor.lose(&id);
                }
            }
            Happens::DisksFail { fail } => {
                let failure = fail.then_some((ProvisionCause::Capacity, "no room"));
                self.world.provisioner.fail(failure);
            }
            Happens::Pass => drop(self.keeping.pass(Look::Later).await.unwrap()),
            Happens::Settle => settle(&self.world, &mut self.keeping).await,
            Happens::CloudCrashes => {
                // The machines end with the cloud.
                while let Some(id) = self.machine(0).await {
                    self.world.hypervisor.lose(&id);
                }
                self.instances = self.world.instances();
                self.keeping = keeping(&self.instances);
                self.keeping.pass(Look::First).await.unwrap();
                assert_eq!(self.live().await, 0, "nothing runs that ran");
            }
            Happens::CloudEnds => {
                end_machines(&*self.world.hypervisor, Duration::ZERO)
                    .await
                    .unwrap();
                self.instances = self.world.instances();
                self.keeping = keeping(&self.instances);
                self.keeping.pass(Look::First).await.unwrap();
                assert_eq!(self.live().await, 0, "nothing runs that ran");
                assert_eq!(self.machine(0).await, None);
            }
            Happens::TimePasses => {
                self.now += SHOWN;
                self.world.clock.set(time(self.now));
            }
        }
    }

    /// How many instances are not terminated.
    async fn live(&self) -> u32 {
        let all = self.world.catalogue.instances(None).await.unwrap();
        let live = all.iter().filter(|it| it.state.takes_disk()).count();
        u32::try_from(live).unwrap()
    }

    /// What holds at every moment.
    async fn check(&self, ended: &mut BTreeMap<String, Option<Reason>>) {
        assert!(self.live().await <= self.world.quota.instances);
        let all = self.world.catalogue.instances(None).await.unwrap();
        let mut addresses: Vec<_> = all.iter().filter_map(|it| it.address).collect();
        addresses.sort_unstable();
        let count = addresses.len();
        addresses.dedup();
        assert_eq!(addresses.len(), count, "no address belongs to two");
        for instance in all {
            let is_ended = instance.state == InstanceState::Terminated;
            assert_eq!(instance.address.is_none(), is_ended);
            if let Some(reason) = ended.get(&instance.id) {
                assert!(is_ended, "an end is for good");
                assert_eq!(*reason, instance.settings.reason);
            }
            if is_ended {
                assert!(instance.settings.reason.is_some(), "an end has its reason");
                ended.insert(instance.id, instance.settings.reason);
            }
        }
    }

    /// Rows and machines agree.
    async fn check_rest(&self) {
        let rows = self.world.catalogue.instances(None).await.unwrap();
        let mut machines: BTreeMap<_, _> = self
            .world
            .hypervisor
            .list()
            .await
            .unwrap()
            .into_iter()
            .collect();
        for row in rows {
            let seen = machines.remove(&row.id.parse().unwrap());
            match row.state {
                InstanceState::Running => assert_eq!(seen, Some(Seen::Running)),
                InstanceState::Terminated => assert_eq!(seen, None),
                other => panic!("{} is {other} at rest", row.id),
            }
        }
        assert!(machines.is_empty(), "machines of nobody: {machines:?}");
        assert!(self.keeping.in_work.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_quotas_hold_and_nothing_of_nobody_is_left(events in vec(happens(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut history = History::new().await;
            let mut ended = BTreeMap::new();
            for event in events {
                history.happen(event).await;
                history.check(&mut ended).await;
            }
            settle(&history.world, &mut history.keeping).await;
            history.check(&mut ended).await;
            history.check_rest().await;
        });
    }
}

/// Waits until the instances of the first account satisfy something.
async fn wait_until(instances: &Instances, holds: impl Fn(&[Instance]) -> bool) {
    let mut changes = instances.changes();
    let waiting = async {
        loop {
            changes.mark_unchanged();
            if holds(&instances.describe(&caller(1), &[]).await.unwrap()) {
                return;
            }
            changes.changed().await.unwrap();
        }
    };
    timeout(Duration::from_secs(30), waiting)
        .await
        .expect("it happens");
}

fn all_are(state: InstanceState) -> impl Fn(&[Instance]) -> bool {
    move |all| all.iter().all(|it| it.state == state)
}

#[tokio::test]
async fn the_task_wakes_for_requests_and_for_machines() {
    let world = World::new(Profile::Strict).await;
    let instances = world.instances();
    let keeper = Keeper::start(&instances).await.unwrap().unwrap();
    let launched = instances.run(&caller(1), of_most(2)).await.unwrap();
    let ids: Vec<InstanceId> = launched.iter().map(|it| it.id.parse().unwrap()).collect();
    let mut machines = world.hypervisor.changes();
    let both_start = async {
        while world.hypervisor.list().await.unwrap().len() < 2 {
            machines.changed().await.unwrap();
        }
    };
    timeout(Duration::from_secs(30), both_start).await.unwrap();
    for id in &ids {
        world.hypervisor.becomes(id, Seen::Running);
    }
    wait_until(&instances, all_are(InstanceState::Running)).await;
    let (machine, _) = world.hypervisor.machine(&ids[0]).unwrap();
    assert_eq!(machine.mac, mac_of(&ids[0]));
    let view = instances.view().await.unwrap().instances;
    let hosts: Vec<_> = view.iter().map(|it| it.host_name.as_str()).collect();
    assert_eq!(hosts.len(), 2);
    assert!(hosts.contains(&"ip-172-31-0-10"));

    let wanted = [launched[0].id.clone()];
    let moved = instances
        .request(&caller(1), &wanted, Request::Reboot)
        .await;
    assert_eq!(moved.unwrap()[0].after, InstanceState::Running);
    assert_eq!(world.hypervisor.machine(&ids[0]).unwrap().1, 1);
    let moved = instances
        .request(&caller(1), &wanted, Request::Terminate)
        .await;
    assert_eq!(moved.unwrap()[0].after, InstanceState::ShuttingDown);
    wait_until(&instances, |all| {
        all.iter()
            .filter(|it| it.state == InstanceState::Terminated)
            .count()
            == 1
    })
    .await;
    // The other guest shuts itself down.
    world.hypervisor.becomes(&ids[1], Seen::ShutDown);
    wait_until(&instances, all_are(InstanceState::Terminated)).await;
    let all = instances.describe(&caller(1), &[]).await.unwrap();
    let reasons: Vec<_> = all.iter().map(|it| it.settings.reason.clone()).collect();
    assert!(
        reasons.contains(&Some(Reason::UserTerminated)),
        "{reasons:?}"
    );
    assert!(
        reasons.contains(&Some(Reason::GuestShutdown)),
        "{reasons:?}"
    );
    keeper.end(Duration::from_secs(30)).await.unwrap();
    assert!(world.hypervisor.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_instance_that_is_terminated_while_it_is_made_never_starts() {
    let world = World::new(Profile::Strict).await;
    let instances = world.instances();
    world.provisioner.hold();
    let mut keeping = keeping(&instances);
    let launched = instances.run(&caller(1), of_most(1)).await.unwrap();
    keeping.pass(Look::Later).await.unwrap();
    // A second look does not make it a second time.
    keeping.pass(Look::Later).await.unwrap();
    while world.provisioner.calls().is_empty() {
        task::yield_now().await;
    }
    let ids = [launched[0].id.clone()];
    instances
        .request(&caller(1), &ids, Request::Terminate)
        .await
        .unwrap();
    keeping.pass(Look::Later).await.unwrap();
    let found = instances.one(&caller(1), &ids[0]).await.unwrap();
    assert_eq!(
        found.state,
        InstanceState::ShuttingDown,
        "its directory is being made"
    );
    world.provisioner.release();
    settle(&world, &mut keeping).await;
    let found = instances.one(&caller(1), &ids[0]).await.unwrap();
    assert_eq!(found.state, InstanceState::Terminated);
    assert_eq!(found.settings.reason, Some(Reason::UserTerminated));
    assert_eq!(world.provisioner.calls().len(), 1);
    assert!(world.hypervisor.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_the_reason() {
    let world = World::new(Profile::Strict).await;
    let instances = world.instances();
    let mut keeping = keeping(&instances);
    for (cause, reason) in [
        (
            ProvisionCause::Capacity,
            Reason::NoCapacity("why".to_owned()),
        ),
        (ProvisionCause::Image, Reason::Failed("why".to_owned())),
        (ProvisionCause::Host, Reason::Failed("why".to_owned())),
    ] {
        world.provisioner.fail(Some((cause, "why")));
        let launched = instances.run(&caller(1), of_most(1)).await.unwrap();
        settle(&world, &mut keeping).await;
        let found = instances.one(&caller(1), &launched[0].id).await.unwrap();
        assert_eq!(found.state, InstanceState::Terminated);
        assert_eq!(found.settings.reason, Some(reason));
    }
}

#[tokio::test]
async fn a_damaged_row_does_not_keep_others_from_being_made() {
    let world = World::new(Profile::Strict).await;
    let instances = world.instances();
    instances.run(&caller(1), of_most(2)).await.unwrap();
    let damaged = world.catalogue.change_instances(|state| {
        let mut damaged = state.instances[0].clone();
        damaged.launch.architecture = "pdp11".to_owned();
        let change = InstanceChange {
            remove: vec![damaged.id.clone()],
            insert: vec![NewInstance {
                instance: damaged.clone(),
                user_data: None,
            }],
            ..InstanceChange::default()
        };
        Ok::<_, InstanceError>((change, damaged.id))
    });
    let damaged = damaged.await.unwrap();
    settle(&world, &mut keeping(&instances)).await;
    for instance in instances.describe(&caller(1), &[]).await.unwrap() {
        let expected = if instance.id == damaged {
            InstanceState::Terminated
        } else {
            InstanceState::Running
        };
        assert_eq!(instance.state, expected);
    }
}

#[tokio::test]
async fn guests_are_asked_to_shut_down_when_the_cloud_ends() {
    let world = World::new(Profile::Strict).await;
    let instances = world.instances();
    let launched = instances.run(&caller(1), of_most(1)).await.unwrap();
    settle(&world, &mut keeping(&instances)).await;
    // A keeper that starts later sees the machine run, as nobody has ended it.
    let keeper = Keeper::start(&instances).await.unwrap().unwrap();
    keeper.end(Duration::from_secs(30)).await.unwrap();
    let found = instances.one(&caller(1), &launched[0].id).await.unwrap();
    assert_eq!(found.state, InstanceState::Terminated);
    assert_eq!(found.settings.reason, Some(Reason::CloudEnded));
    assert!(world.hypervisor.list().await.unwrap().is_empty());
    assert!(
        Keeper::start(&world.instances_with(None))
            .await
            .unwrap()
            .is_none()
    );
}
