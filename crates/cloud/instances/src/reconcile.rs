//! Comparing what the rows say with what the hypervisor has.

use std::collections::{BTreeMap, BTreeSet};

use crate::hypervisor::{Look, Seen};
use crate::id::InstanceId;
use crate::state::{Event, Order, Step, Subject, next};

/// What is to be done for an instance: its row changes first, then the hypervisor gets its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The instance.
    pub id: InstanceId,
    /// What comes of the look; `None`: there is no row, and the order is to clear up.
    pub step: Option<Step>,
    /// What the hypervisor is to do.
    pub order: Option<Order>,
}

/// Compares rows with machines: gives a task for each that does not agree. When all tasks are done, and the machines have followed,
/// nothing is left to do.
pub fn reconcile(
    rows: &BTreeMap<InstanceId, Subject>,
    machines: &BTreeMap<InstanceId, Seen>,
    look: Look,
) -> Vec<Task> {
    let ids: BTreeSet<_> = rows.keys().chain(machines.keys()).collect();
    let tasks = ids.into_iter().filter_map(|id| {
        let seen = machines.get(id).cloned().unwrap_or(Seen::Missing);
        let (step, order) = match rows.get(id) {
            Some(subject) => {
                // What is seen is never refused.
                let step = next(subject, &Event::Looked(look, seen)).ok()?;
                let changes = step.state != subject.state;
                let order = step.order;
                (changes.then_some(step), order)
            }
            None => (None, stranger(&seen)),
        };
        (step.is_some() || order.is_some()).then(|| Task {
            id: id.clone(),
            step,
            order,
        })
    });
    tasks.collect()
}

/// What is done with a machine of no instance.
fn stranger(seen: &Seen) -> Option<Order> {
    match seen {
        Seen::Missing => None,
        Seen::Starting | Seen::Running => Some(Order::End),
        Seen::ShutDown | Seen::Failed(_) => Some(Order::Remove),
    }
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{InstanceState, OnShutdown};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::state::Request;

    fn instance(number: u8) -> InstanceId {
        format!("i-{number:08X}").parse().unwrap()
    }

    fn subject(state: InstanceState, persistent: bool) -> Subject {
        Subject {
            state,
            persistent,
            protected: false,
            on_shutdown: OnShutdown::Stop,
        }
    }

    /// A cloud in small: rows, machines, and a hypervisor that does what it is ordered.
    #[derive(Clone, Debug, Default)]
    struct Model {
        rows: BTreeMap<InstanceId, Subject>,
        machines: BTreeMap<InstanceId, Seen>,
    }

    impl Model {
        fn obey(&mut self, id: &InstanceId, order: Order) {
            let seen = self.machines.get(id).cloned();
            let runs = matches!(seen, Some(Seen::Starting | Seen::Running));
            match order {
                Order::Start if seen.is_none() => {
                    self.machines.insert(id.clone(), Seen::Starting);
                }
                Order::ShutDown | Order::End if runs => {
                    self.machines.insert(id.clone(), Seen::ShutDown);
                }
                Order::Remove | Order::Release if !runs => {
                    self.machines.remove(id);
                }
                _ => {}
            }
        }

        /// Looks and does what is to be done, and lets machines follow; how much it was.
        fn pass(&mut self, look: Look) -> usize {
            let tasks = reconcile(&self.rows, &self.machines, look);
            for task in &tasks {
                if let (Some(step), Some(row)) = (&task.step, self.rows.get_mut(&task.id)) {
                    row.state = step.state;
                }
                if let Some(order) = task.order {
                    self.obey(&task.id, order);
                }
            }
            let mut followed = 0;
            for seen in self.machines.values_mut() {
                if *seen == Seen::Starting {
                    *seen = Seen::Running;
                    followed += 1;
                }
            }
            tasks.len() + followed
        }

        fn happen(&mut self, what: u8, number: u8) {
            let id = instance(number % 3);
            match what {
                0 => {
                    self.rows
                        .entry(id)
                        .or_insert(subject(InstanceState::Pending, number.is_multiple_of(2)));
                }
                1..5 => {
                    let requests = [
                        Request::Terminate,
                        Request::Stop,
                        Request::Start,
                        Request::Reboot,
                    ];
                    let request = Event::Requested(requests[usize::from(what - 1)]);
                    let Some(Ok(step)) = self.rows.get(&id).map(|row| next(row, &request)) else {
                        return;
                    };
                    if let Some(row) = self.rows.get_mut(&id) {
                        row.state = step.state;
                    }
                    // An order can be lost with the cloud: the next look gives it again.
                    if let Some(order) = step.order.filter(|_| number.is_multiple_of(2)) {
                        self.obey(&id, order);
                    }
                }
                5 => {
                    if let Some(seen) = self.machines.get_mut(&id) {
                        *seen = Seen::ShutDown;
                    }
                }
                6 => {
                    if let Some(seen) = self.machines.get_mut(&id) {
                        *seen = Seen::Failed("broken".to_owned());
                    }
                }
                7 => {
                    self.machines.clear();
                    self.pass(Look::First);
                }
                // A machine of nobody.
                8 => {
                    self.machines.insert(instance(9), Seen::Running);
                }
                _ => {
                    self.pass(Look::Later);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_rows_and_machines_agree_in_the_end(events in vec((0..10_u8, any::<u8>()), 0..60)) {
            let mut model = Model::default();
            for (what, number) in events {
                let ended: Vec<_> = model.rows.iter().filter(|(_, row)| row.state == InstanceState::Terminated).map(|(id, _)| id.clone()).collect();
                model.happen(what, number);
                for id in ended {
                    prop_assert_eq!(model.rows[&id].state, InstanceState::Terminated, "an end is for good");
                }
            }
            // Every state but the last two of a machine takes one look.
            let passes = (0..6).take_while(|_| model.pass(Look::Later) > 0).count();
            prop_assert!(passes < 6, "it comes to rest: {:?}", model);
            for (id, row) in &model.rows {
                let seen = model.machines.get(id);
                let agrees = match row.state {
                    InstanceState::Running => seen == Some(&Seen::Running),
                    InstanceState::Stopped | InstanceState::Terminated => seen.is_none(),
                    _ => false,
                };
                prop_assert!(agrees, "{} {:?} {:?}", id, row, seen);
            }
            prop_assert!(model.machines.keys().all(|id| model.rows.contains_key(id)), "no machine of nobody");
        }
    }

    #[test]
    fn what_agrees_is_left_alone() {
        let rows = BTreeMap::from([
            (instance(1), subject(InstanceState::Running, true)),
            (instance(2), subject(InstanceState::Stopped, true)),
        ]);
        let machines = BTreeMap::from([(instance(1), Seen::Running)]);
        assert_eq!(reconcile(&rows, &machines, Look::First), []);
    }

    #[test]
    fn a_machine_of_nobody_is_ended_and_removed() {
        let (rows, mut machines) = (
            BTreeMap::new(),
            BTreeMap::from([(instance(1), Seen::Running)]),
        );
        let orders = |machines: &BTreeMap<_, _>| {
            let tasks = reconcile(&rows, machines, Look::Later);
            tasks.into_iter().map(|task| task.order).collect::<Vec<_>>()
        };
        assert_eq!(orders(&machines), [Some(Order::End)]);
        machines.insert(instance(1), Seen::ShutDown);
        assert_eq!(orders(&machines), [Some(Order::Remove)]);
    }
}
