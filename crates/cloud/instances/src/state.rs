//! The life of an instance, as one pure function: [`next`].
//!
//! ```text
//!                run
//!                 │
//!                 v         it runs                    it ended, or is missing
//!    ┌───────> pending ─────────────────> running ─────────────────────────────┐
//!    │            │                        │   │                               │
//!    │            ├── it ended, missing    │   │                               v
//!    │ start      │   after a restart      │   └── terminate ──> shutting-down ──> terminated
//!    │            └────────────────────────│───────────────────────────────────────^
//!    │                                     │ stop                gone              │
//!    │                                     v                                       │
//! stopped <──────────────────────────── stopping ── terminate ──> shutting-down ───┘
//!    │            gone                                                  ^
//!    └── terminate ─────────────────────────────────────────────────────┘
//! ```
//!
//! A request of a user never waits for a machine: it changes the state and gives an [`Order`] to the hypervisor. What became of the
//! order is seen later, by comparing rows with machines ([`reconcile`](crate::reconcile)).

use gumnut_cloud_catalogue::{InstanceState, OnShutdown, Reason};

use crate::hypervisor::{Look, Seen};

/// What decides beside the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Where it is in its life.
    pub state: InstanceState,
    /// Whether its disk is kept while it has no machine: an instance with an instance store cannot be stopped.
    pub persistent: bool,
    /// `DisableApiTermination`.
    pub protected: bool,
    /// `InstanceInitiatedShutdownBehavior`.
    pub on_shutdown: OnShutdown,
}

/// What happens to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A user wants something.
    Requested(Request),
    /// The hypervisor was looked at.
    Looked(Look, Seen),
}

/// What a user can want of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// An end, for good.
    Terminate,
    /// An end of the machine.
    Stop,
    /// A machine again.
    Start,
    /// The guest to start again.
    Reboot,
}

/// What comes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// The state from now on.
    pub state: InstanceState,
    /// Why it changed; `None` when the reason is what it was.
    pub reason: Option<Reason>,
    /// What the hypervisor is to do.
    pub order: Option<Order>,
}

/// What a hypervisor is to do. Each can be given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A machine is started, unless there is one.
    Start,
    /// The guest is asked to shut down, then forced.
    ShutDown,
    /// The machine is ended without asking the guest.
    End,
    /// The guest is asked to start again, then forced.
    Reboot,
    /// What is left of a machine that has ended is removed, with its disk.
    Remove,
    /// A machine that has ended is forgotten; its disk is kept.
    Release,
}

/// Why a user does not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `OperationNotPermitted`
    #[error("termination protection is enabled")]
    Protected,
    /// `UnsupportedOperation`
    #[error("it does not have an 'ebs' root device type and cannot be stopped")]
    InstanceStore,
    /// `IncorrectInstanceState`
    #[error("it is in the state '{0}'")]
    State(InstanceState),
}

impl Step {
    fn keep(state: InstanceState) -> Self {
        Self {
            state,
            reason: None,
            order: None,
        }
    }

    fn to(state: InstanceState, reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..Self::keep(state)
        }
    }

    fn ordering(self, order: Order) -> Self {
        Self {
            order: Some(order),
            ..self
        }
    }
}

/// What comes of an event.
///
/// # Errors
/// When a user does not get what it wants. What is seen of a machine is never refused.
pub fn next(subject: &Subject, event: &Event) -> Result<Step, Refusal> {
    match event {
        Event::Requested(request) => requested(*subject, *request),
        Event::Looked(look, seen) => Ok(looked(*subject, *look, seen)),
    }
}

fn requested(subject: Subject, request: Request) -> Result<Step, Refusal> {
    let state = subject.state;
    match (request, state) {
        // Ending twice is ending once, even when it is protected meanwhile.
        (Request::Terminate, InstanceState::ShuttingDown | InstanceState::Terminated) => {
            Ok(Step::keep(state))
        }
        (Request::Terminate, _) if subject.protected => Err(Refusal::Protected),
        (Request::Terminate, _) => {
            // Nothing of it is kept, so nobody has to wait for its guest.
            Ok(Step::to(InstanceState::ShuttingDown, Reason::UserTerminated).ordering(Order::End))
        }
        (Request::Stop | Request::Start, _) if !subject.persistent => Err(Refusal::InstanceStore),
        (Request::Stop, InstanceState::Stopping | InstanceState::Stopped)
        | (Request::Start, InstanceState::Pending | InstanceState::Running) => {
            Ok(Step::keep(state))
        }
        (Request::Stop, InstanceState::Running) => {
            Ok(Step::to(InstanceState::Stopping, Reason::UserStopped).ordering(Order::ShutDown))
        }
        (Request::Start, InstanceState::Stopped) => {
            Ok(Step::to(InstanceState::Pending, Reason::UserStarted).ordering(Order::Start))
        }
        (Request::Reboot, InstanceState::Running) => Ok(Step::keep(state).ordering(Order::Reboot)),
        (Request::Stop | Request::Start | Request::Reboot, _) => Err(Refusal::State(state)),
    }
}

fn looked(subject: Subject, look: Look, seen: &Seen) -> Step {
    let state = subject.state;
    match (state, seen) {
        // A cloud that ends takes its machines along, and does not make instances a second time on its own.
        (
            InstanceState::Pending | InstanceState::Running,
            Seen::Missing | Seen::ShutDown | Seen::Failed(_),
        ) if look == Look::First => {
            Step::to(InstanceState::Terminated, Reason::CloudEnded).ordering(Order::Remove)
        }
        // The cloud may have ended between the change of the row and the removal.
        (InstanceState::Terminated, Seen::Missing) if look == Look::First => {
            Step::keep(state).ordering(Order::Remove)
        }
        (InstanceState::Pending, Seen::Missing) => Step::keep(state).ordering(Order::Start),
        (InstanceState::Pending, Seen::Starting)
        | (InstanceState::Running, Seen::Running | Seen::Starting)
        | (InstanceState::Stopped | InstanceState::Terminated, Seen::Missing) => Step::keep(state),
        (InstanceState::Pending, Seen::Running) => Step::keep(InstanceState::Running),
        (InstanceState::Pending | InstanceState::Running, Seen::Failed(why)) => {
            Step::to(InstanceState::Terminated, Reason::Failed(why.clone())).ordering(Order::Remove)
        }
        (InstanceState::Pending | InstanceState::Running, Seen::ShutDown) => {
            if subject.persistent && subject.on_shutdown == OnShutdown::Stop {
                Step::to(InstanceState::Stopped, Reason::GuestShutdown).ordering(Order::Release)
            } else {
                Step::to(InstanceState::Terminated, Reason::GuestShutdown).ordering(Order::Remove)
            }
        }
        (InstanceState::Running, Seen::Missing) => {
            let why = "its machine has disappeared".to_owned();
            Step::to(InstanceState::Terminated, Reason::Failed(why)).ordering(Order::Remove)
        }
        // No machine belongs to it, or none is to.
        (
            InstanceState::ShuttingDown | InstanceState::Stopped | InstanceState::Terminated,
            Seen::Starting | Seen::Running,
        ) => Step::keep(state).ordering(Order::End),
        (InstanceState::ShuttingDown, Seen::Missing | Seen::ShutDown | Seen::Failed(_)) => {
            Step::keep(InstanceState::Terminated).ordering(Order::Remove)
        }
        (InstanceState::Stopping, Seen::Starting | Seen::Running) => {
            Step::keep(state).ordering(Order::ShutDown)
        }
        (InstanceState::Stopping, Seen::ShutDown | Seen::Failed(_)) => {
            Step::keep(InstanceState::Stopped).ordering(Order::Release)
        }
        (InstanceState::Stopping, Seen::Missing) => Step::keep(InstanceState::Stopped),
        (InstanceState::Stopped, Seen::ShutDown | Seen::Failed(_)) => {
            Step::keep(state).ordering(Order::Release)
        }
        (InstanceState::Terminated, Seen::ShutDown | Seen::Failed(_)) => {
            Step::keep(state).ordering(Order::Remove)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(state: InstanceState) -> Subject {
        Subject {
            state,
            persistent: true,
            protected: false,
            on_shutdown: OnShutdown::Stop,
        }
    }

    fn request(
        state: InstanceState,
        request: Request,
    ) -> Result<(InstanceState, Option<Order>), Refusal> {
        let step = next(&subject(state), &Event::Requested(request))?;
        Ok((step.state, step.order))
    }

    #[test]
    fn every_request_in_every_state() {
        use InstanceState::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
        use Request::{Reboot, Start, Stop, Terminate};
        let refused = |state| Err(Refusal::State(state));
        for (state, expected) in [
            (
                Pending,
                [
                    Ok((ShuttingDown, Some(Order::End))),
                    refused(Pending),
                    Ok((Pending, None)),
                    refused(Pending),
                ],
            ),
            (
                Running,
                [
                    Ok((ShuttingDown, Some(Order::End))),
                    Ok((Stopping, Some(Order::ShutDown))),
                    Ok((Running, None)),
                    Ok((Running, Some(Order::Reboot))),
                ],
            ),
            (
                ShuttingDown,
                [
                    Ok((ShuttingDown, None)),
                    refused(ShuttingDown),
                    refused(ShuttingDown),
                    refused(ShuttingDown),
                ],
            ),
            (
                Terminated,
                [
                    Ok((Terminated, None)),
                    refused(Terminated),
                    refused(Terminated),
                    refused(Terminated),
                ],
            ),
            (
                Stopping,
                [
                    Ok((ShuttingDown, Some(Order::End))),
                    Ok((Stopping, None)),
                    refused(Stopping),
                    refused(Stopping),
                ],
            ),
            (
                Stopped,
                [
                    Ok((ShuttingDown, Some(Order::End))),
                    Ok((Stopped, None)),
                    Ok((Pending, Some(Order::Start))),
                    refused(Stopped),
                ],
            ),
        ] {
            let found = [Terminate, Stop, Start, Reboot].map(|wanted| request(state, wanted));
            assert_eq!(found, expected, "{state}");
        }
    }

    #[test]
    fn an_instance_store_cannot_be_stopped_and_a_protected_instance_not_terminated() {
        for state in InstanceState::ALL {
            let mut subject = subject(state);
            subject.persistent = false;
            for request in [Request::Stop, Request::Start] {
                let refused = next(&subject, &Event::Requested(request));
                assert_eq!(refused, Err(Refusal::InstanceStore), "{state}");
            }
            subject.protected = true;
            let ended = matches!(
                state,
                InstanceState::ShuttingDown | InstanceState::Terminated
            );
            let refused = next(&subject, &Event::Requested(Request::Terminate));
            assert_eq!(refused.is_ok(), ended, "{state}");
        }
    }

    #[test]
    fn what_is_seen_of_a_machine_decides() {
        let look =
            |subject: &Subject, seen| next(subject, &Event::Looked(Look::Later, seen)).unwrap();
        let pending = subject(InstanceState::Pending);
        assert_eq!(look(&pending, Seen::Running).state, InstanceState::Running);
        assert_eq!(look(&pending, Seen::Missing).order, Some(Order::Start));
        let failed = look(&pending, Seen::Failed("no kernel".to_owned()));
        assert_eq!(failed.state, InstanceState::Terminated);
        assert_eq!(failed.reason, Some(Reason::Failed("no kernel".to_owned())));
        assert_eq!(failed.order, Some(Order::Remove));
        let running = subject(InstanceState::Running);
        assert_eq!(look(&running, Seen::ShutDown).state, InstanceState::Stopped);
        let terminates = Subject {
            on_shutdown: OnShutdown::Terminate,
            ..running
        };
        assert_eq!(
            look(&terminates, Seen::ShutDown).state,
            InstanceState::Terminated
        );
        let store = Subject {
            persistent: false,
            ..running
        };
        assert_eq!(
            look(&store, Seen::ShutDown).state,
            InstanceState::Terminated
        );
        assert_eq!(
            look(&running, Seen::ShutDown).reason.unwrap().code(),
            Some("Client.InstanceInitiatedShutdown")
        );
        assert_eq!(
            look(&running, Seen::Missing).reason.unwrap().code(),
            Some("Server.InternalError")
        );
        assert_eq!(
            look(&subject(InstanceState::Stopping), Seen::ShutDown).order,
            Some(Order::Release)
        );
    }

    #[test]
    fn after_a_restart_of_the_cloud_nothing_runs_that_ran() {
        for (state, after) in [
            (InstanceState::Pending, InstanceState::Terminated),
            (InstanceState::Running, InstanceState::Terminated),
            (InstanceState::ShuttingDown, InstanceState::Terminated),
            (InstanceState::Terminated, InstanceState::Terminated),
            (InstanceState::Stopping, InstanceState::Stopped),
            (InstanceState::Stopped, InstanceState::Stopped),
        ] {
            let step = next(&subject(state), &Event::Looked(Look::First, Seen::Missing)).unwrap();
            assert_eq!(step.state, after, "{state}");
            assert_ne!(step.order, Some(Order::Start));
        }
    }
}
