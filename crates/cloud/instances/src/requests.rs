//! Decisions about instances that are there: what users and the guests want of them, and what is seen of their machines.

use std::collections::BTreeMap;

use gumnut_cloud_catalogue::{
    Caller, GroupName, Instance, InstanceChange, InstanceState, InstancesState, OnShutdown,
    Profile, Reason,
};

use crate::error::{InstanceError, InstanceErrorKind};
use crate::hypervisor::{Look, Seen};
use crate::id::InstanceId;
use crate::reconcile::{Task, reconcile};
use crate::state::{Event, Order, Refusal, Request, Step, Subject, next};

/// How long terminated instances are shown, in milliseconds.
pub(crate) const SHOWN: i64 = 3600 * 1000;

/// An instance of which something was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its id.
    pub id: String,
    /// Its state before.
    pub before: InstanceState,
    /// Its state now.
    pub after: InstanceState,
}

/// What is to change of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Modification {
    /// `DisableApiTermination`.
    Protected(bool),
    /// `InstanceInitiatedShutdownBehavior`.
    OnShutdown(OnShutdown),
    /// The security groups it is in.
    Groups(Vec<GroupName>),
    /// Something that can be changed of a stopped instance only, by its name.
    OfStopped(&'static str),
}

/// What comes of a look at the hypervisor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Orders for the hypervisor.
    pub(crate) orders: Vec<(InstanceId, Order)>,
    /// Instances whose machines are to be started.
    pub(crate) start: Vec<Instance>,
    /// When the next terminated instance goes, in milliseconds since 1970.
    pub(crate) next_end: Option<i64>,
    /// Whether a row changes.
    pub(crate) changed: bool,
}

/// What decides about an instance beside events.
fn subject(instance: &Instance) -> Subject {
    Subject {
        state: instance.state,
        // Every instance here has an instance store.
        persistent: false,
        protected: instance.settings.protected,
        on_shutdown: instance.settings.on_shutdown,
    }
}

/// An instance after a step; `None` when the step changes nothing of it.
fn after(instance: &Instance, step: &Step, now: i64) -> Option<Instance> {
    if step.state == instance.state && step.reason.is_none() {
        return None;
    }
    let mut after = instance.clone();
    after.state = step.state;
    after.changed = now;
    if step.reason.is_some() {
        after.settings.reason.clone_from(&step.reason);
    }
    if step.state == InstanceState::Terminated {
        after.address = None;
    }
    Some(after)
}

/// The instances with these ids that the caller may see and change, each once.
pub(crate) fn select<'i>(
    instances: &'i [Instance],
    caller: &Caller,
    ids: &[String],
) -> Result<Vec<&'i Instance>, InstanceError> {
    let mut found: Vec<&Instance> = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    for id in ids {
        let of_id = |it: &&Instance| it.id.eq_ignore_ascii_case(id) && is_of(it, caller);
        match instances.iter().find(of_id) {
            Some(instance) if found.iter().any(|it| it.id == instance.id) => {}
            Some(instance) => found.push(instance),
            None if missing.contains(&id.as_str()) => {}
            None => missing.push(id),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    let message = match missing.as_slice() {
        [id] => format!("The instance ID '{id}' does not exist"),
        ids => format!("The instance IDs '{}' do not exist", ids.join(", ")),
    };
    Err(InstanceError::new(
        InstanceErrorKind::InstanceNotFound,
        message,
    ))
}

/// Whether the caller may see and change an instance.
pub(crate) fn is_of(instance: &Instance, caller: &Caller) -> bool {
    caller.admin || caller.account == instance.owner
}

/// Decides what a user wants of instances: all of it or nothing.
pub(crate) fn request(
    state: &InstancesState,
    caller: &Caller,
    ids: &[String],
    request: Request,
    profile: Profile,
) -> Result<(InstanceChange, Vec<Moved>), InstanceError> {
    let mut change = InstanceChange::default();
    let mut moved = Vec::new();
    for instance in select(&state.instances, caller, ids)? {
        let step = next(&subject(instance), &Event::Requested(request))
            .map_err(|refusal| refused(instance, request, refusal))?;
        moved.push(Moved {
            id: instance.id.clone(),
            before: instance.state,
            after: step.state,
        });
        change.update.extend(after(instance, &step, state.now));
        let is_ended = instance.state == InstanceState::Terminated;
        // There the second termination makes an instance disappear at once.
        if profile == Profile::Euca44 && request == Request::Terminate && is_ended {
            change.remove.push(instance.id.clone());
        }
    }
    Ok((change, moved))
}

fn refused(instance: &Instance, request: Request, refusal: Refusal) -> InstanceError {
    let id = &instance.id;
    let (kind, message) = match refusal {
        Refusal::Protected => (
            InstanceErrorKind::NotPermitted,
            format!("Termination protection enabled for instance {id}"),
        ),
        Refusal::InstanceStore if request == Request::Start => {
            return incorrect_state(id, InstanceState::Stopped);
        }
        Refusal::InstanceStore => (
            InstanceErrorKind::Unsupported,
            format!(
                "The instance '{id}' does not have an 'ebs' root device type and cannot be stopped."
            ),
        ),
        Refusal::State(_) => {
            let wanted = match request {
                Request::Start => InstanceState::Stopped,
                _ => InstanceState::Running,
            };
            return incorrect_state(id, wanted);
        }
    };
    InstanceError::new(kind, message)
}

fn incorrect_state(id: &str, wanted: InstanceState) -> InstanceError {
    let message = format!("The instance '{id}' is not in the '{wanted}' state.");
    InstanceError::new(InstanceErrorKind::IncorrectState, message)
}

/// Decides what is to change of an instance.
pub(crate) fn modify(
    state: &InstancesState,
    caller: &Caller,
    id: &str,
    modification: &Modification,
) -> Result<(InstanceChange, ()), InstanceError> {
    let ids = [id.to_owned()];
    let found = select(&state.instances, caller, &ids)?;
    let mut changed = found[0].clone();
    if !changed.state.takes_disk() || changed.state == InstanceState::ShuttingDown {
        return Err(incorrect_state(&changed.id, InstanceState::Running));
    }
    match modification {
        Modification::Protected(protected) => changed.settings.protected = *protected,
        Modification::OnShutdown(on_shutdown) => changed.settings.on_shutdown = *on_shutdown,
        Modification::Groups(groups) => changed.groups.clone_from(groups),
        Modification::OfStopped(_) => {
            return Err(incorrect_state(&changed.id, InstanceState::Stopped));
        }
    }
    let change = InstanceChange {
        update: vec![changed],
        ..InstanceChange::default()
    };
    Ok((change, ()))
}

/// Decides what comes of a look at the hypervisor.
pub(crate) fn look(
    state: &InstancesState,
    machines: &BTreeMap<InstanceId, Seen>,
    look: Look,
) -> (InstanceChange, Looked) {
    let rows: BTreeMap<InstanceId, &Instance> = state
        .instances
        .iter()
        // Every row has an id of ours.
        .filter_map(|instance| Some((instance.id.parse().ok()?, instance)))
        .collect();
    let subjects = rows.iter().map(|(id, row)| (id.clone(), subject(row)));
    let mut change = InstanceChange::default();
    let mut looked = Looked::default();
    for Task { id, step, order } in reconcile(&subjects.collect(), machines, look) {
        let row = rows.get(&id);
        if let (Some(row), Some(step)) = (row, &step) {
            change.update.extend(after(row, step, state.now));
        }
        match (order, row) {
            (Some(Order::Start), Some(row)) => looked.start.push((*row).clone()),
            (Some(order), _) => looked.orders.push((id, order)),
            (None, _) => {}
        }
    }
    let ended = |it: &&Instance| it.state == InstanceState::Terminated;
    for instance in state.instances.iter().filter(ended) {
        let end = instance.changed.saturating_add(SHOWN);
        if end <= state.now {
            change.remove.push(instance.id.clone());
        } else {
            looked.next_end = Some(looked.next_end.map_or(end, |next| next.min(end)));
        }
    }
    let is_ended_now = |it: &Instance| it.state == InstanceState::Terminated;
    if looked.next_end.is_none() && change.update.iter().any(is_ended_now) {
        looked.next_end = Some(state.now.saturating_add(SHOWN));
    }
    looked.changed = !change.update.is_empty() || !change.remove.is_empty();
    (change, looked)
}

/// Ends an instance whose machine could not be made, unless it is ending anyway.
pub(crate) fn fail(state: &InstancesState, id: &InstanceId, reason: &Reason) -> InstanceChange {
    let of_id = |it: &&Instance| {
        it.id.eq_ignore_ascii_case(id.as_str()) && it.state == InstanceState::Pending
    };
    let failed = state.instances.iter().find(of_id).map(|instance| {
        let mut failed = instance.clone();
        failed.state = InstanceState::Terminated;
        failed.changed = state.now;
        failed.address = None;
        failed.settings.reason = Some(reason.clone());
        failed
    });
    InstanceChange {
        update: failed.into_iter().collect(),
        ..InstanceChange::default()
    }
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{InstanceSettings, Launch};

    use super::*;

    fn caller(account: &str, admin: bool) -> Caller {
        Caller {
            user_id: 1,
            user: "user".to_owned(),
            account: account.parse().unwrap(),
            account_name: "account".to_owned(),
            canonical_id: "owner".to_owned(),
            admin,
        }
    }

    fn instance(id: &str, state: InstanceState) -> Instance {
        Instance {
            id: id.to_owned(),
            reservation: "r-0000000a".to_owned(),
            owner: "000000000001".parse().unwrap(),
            state,
            address: Some([172, 31, 0, 10].into()),
            launched: 1,
            changed: 2,
            groups: Vec::new(),
            launch: Launch::default(),
            settings: InstanceSettings::default(),
            tags: Vec::new(),
        }
    }

    fn state(instances: &[Instance], now: i64) -> InstancesState {
        InstancesState {
            instances: instances.to_vec(),
            now,
        }
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn terminate(
        state: &InstancesState,
        of: &[&str],
        profile: Profile,
    ) -> Result<(InstanceChange, Vec<Moved>), InstanceError> {
        let owner = caller("000000000001", false);
        request(state, &owner, &ids(of), Request::Terminate, profile)
    }

    #[test]
    fn with_one_unknown_id_nothing_is_terminated() {
        let all = [instance("i-0000000A", InstanceState::Running)];
        let state = state(&all, 7);
        let (change, moved) =
            terminate(&state, &["i-0000000a", "i-0000000A"], Profile::Strict).unwrap();
        let expected = Moved {
            id: "i-0000000A".to_owned(),
            before: InstanceState::Running,
            after: InstanceState::ShuttingDown,
        };
        assert_eq!(moved, [expected]);
        assert_eq!(
            change.update[0].settings.reason,
            Some(Reason::UserTerminated)
        );
        assert_eq!(
            (change.update[0].changed, change.update[0].address),
            (7, all[0].address)
        );
        for (of, text) in [
            (
                &["i-0000000a", "i-1"][..],
                "The instance ID 'i-1' does not exist",
            ),
            (
                &["i-2", "i-0000000a", "i-1", "i-2"],
                "The instance IDs 'i-2, i-1' do not exist",
            ),
        ] {
            let refused = terminate(&state, of, Profile::Strict).unwrap_err();
            assert_eq!(refused.kind(), InstanceErrorKind::InstanceNotFound);
            assert_eq!(refused.to_string(), text);
        }
        let stranger = caller("000000000002", false);
        let other = request(
            &state,
            &stranger,
            &ids(&["i-0000000a"]),
            Request::Reboot,
            Profile::Strict,
        );
        assert_eq!(
            other.unwrap_err().kind(),
            InstanceErrorKind::InstanceNotFound
        );
        let admin = caller("000000000002", true);
        let rebooted = request(
            &state,
            &admin,
            &ids(&["i-0000000a"]),
            Request::Reboot,
            Profile::Strict,
        );
        assert_eq!(rebooted.unwrap().0, InstanceChange::default());
    }

    #[test]
    fn refusals_have_the_words_of_the_api() {
        let mut protected = instance("i-0000000a", InstanceState::Running);
        protected.settings.protected = true;
        let state = state(
            &[protected, instance("i-0000000b", InstanceState::Pending)],
            7,
        );
        let owner = caller("000000000001", false);
        for (id, wanted, kind, text) in [
            (
                "i-0000000a",
                Request::Terminate,
                InstanceErrorKind::NotPermitted,
                "Termination protection enabled for instance i-0000000a",
            ),
            (
                "i-0000000a",
                Request::Stop,
                InstanceErrorKind::Unsupported,
                "The instance 'i-0000000a' does not have an 'ebs' root device type and cannot be stopped.",
            ),
            (
                "i-0000000a",
                Request::Start,
                InstanceErrorKind::IncorrectState,
                "The instance 'i-0000000a' is not in the 'stopped' state.",
            ),
            (
                "i-0000000b",
                Request::Reboot,
                InstanceErrorKind::IncorrectState,
                "The instance 'i-0000000b' is not in the 'running' state.",
            ),
        ] {
            let refused =
                request(&state, &owner, &ids(&[id]), wanted, Profile::Strict).unwrap_err();
            assert_eq!((refused.kind(), refused.to_string().as_str()), (kind, text));
        }
    }

    #[test]
    fn a_second_termination_buries_in_eucalyptus_4() {
        let state = state(&[instance("i-0000000a", InstanceState::Terminated)], 7);
        for (profile, removed) in [
            (Profile::Strict, 0),
            (Profile::Euca20, 0),
            (Profile::Euca44, 1),
        ] {
            let (change, moved) = terminate(&state, &["i-0000000a"], profile).unwrap();
            assert_eq!((change.update.len(), change.remove.len()), (0, removed));
            assert_eq!(moved[0].after, InstanceState::Terminated);
        }
    }

    #[test]
    fn terminated_instances_are_shown_for_an_hour() {
        let machines = BTreeMap::new();
        let ended = Instance {
            address: None,
            ..instance("i-0000000a", InstanceState::Terminated)
        };
        let all = [ended, instance("i-0000000b", InstanceState::Pending)];
        let (change, looked) = look(&state(&all, 2 + SHOWN - 1), &machines, Look::Later);
        assert_eq!(change, InstanceChange::default());
        assert_eq!((looked.next_end, looked.changed), (Some(2 + SHOWN), false));
        assert_eq!(looked.start, [all[1].clone()]);
        let (change, looked) = look(&state(&all, 2 + SHOWN), &machines, Look::Later);
        assert_eq!(change.remove, ["i-0000000a"]);
        assert_eq!((looked.next_end, looked.changed), (None, true));
    }

    #[test]
    fn after_a_crash_instances_are_terminated_with_the_reason() {
        let all = [instance("i-0000000a", InstanceState::Running)];
        let (change, looked) = look(&state(&all, 9), &BTreeMap::new(), Look::First);
        let ended = &change.update[0];
        assert_eq!(
            (ended.state, ended.address),
            (InstanceState::Terminated, None)
        );
        assert_eq!(ended.settings.reason, Some(Reason::CloudEnded));
        assert_eq!(
            looked.orders,
            [("i-0000000a".parse().unwrap(), Order::Remove)]
        );
        assert_eq!(looked.next_end, Some(9 + SHOWN));
    }

    #[test]
    fn only_what_is_being_made_fails() {
        let reason = Reason::NoCapacity("no room".to_owned());
        let id = "i-0000000A".parse().unwrap();
        for one in InstanceState::ALL {
            let change = fail(&state(&[instance("i-0000000a", one)], 9), &id, &reason);
            let failed = change.update.first();
            assert_eq!(failed.is_some(), one == InstanceState::Pending, "{one}");
            assert!(failed.is_none_or(|it| it.settings.reason == Some(reason.clone())));
        }
    }

    #[test]
    fn settings_change_and_the_rest_needs_a_stopped_instance() {
        let state = state(&[instance("i-0000000a", InstanceState::Running)], 9);
        let owner = caller("000000000001", false);
        let change = |modification| modify(&state, &owner, "i-0000000a", &modification);
        let (changed, ()) = change(Modification::Protected(true)).unwrap();
        assert!(changed.update[0].settings.protected);
        let groups = vec![GroupName("sg-1".to_owned(), "web".to_owned())];
        let (changed, ()) = change(Modification::Groups(groups.clone())).unwrap();
        assert_eq!(changed.update[0].groups, groups);
        assert_eq!(changed.update[0].changed, 2, "its state does not change");
        let refused = change(Modification::OfStopped("userData")).unwrap_err();
        assert_eq!(refused.kind(), InstanceErrorKind::IncorrectState);
        for ended in [InstanceState::ShuttingDown, InstanceState::Terminated] {
            let state = self::state(&[instance("i-0000000a", ended)], 9);
            let changed = modify(&state, &owner, "i-0000000a", &Modification::Protected(true));
            assert_eq!(
                changed.unwrap_err().kind(),
                InstanceErrorKind::IncorrectState
            );
        }
    }
}
