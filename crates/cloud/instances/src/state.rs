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

use std::fmt;

use crate::hypervisor::{Look, Seen};

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It is being made.
    Pending,
    /// Its machine runs.
    Running,
    /// It is being ended, for good.
    ShuttingDown,
    /// It has ended. It is still shown for about an hour.
    Terminated,
    /// Its machine is being ended; its disk is kept.
    Stopping,
    /// It has no machine, and can be started again.
    Stopped,
}

/// What decides beside the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Where it is in its life.
    pub state: State,
    /// Whether its disk is kept while it has no machine: an instance with an instance store cannot be stopped.
    pub persistent: bool,
    /// `DisableApiTermination`.
    pub protected: bool,
    /// `InstanceInitiatedShutdownBehavior`.
    pub on_shutdown: OnShutdown,
}

/// What a shutdown by the guest itself means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnShutdown {
    /// It is stopped, if its disk is kept.
    #[default]
    Stop,
    /// It is terminated.
    Terminate,
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
    pub state: State,
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

/// Why an instance is in its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The user terminated it.
    UserTerminated,
    /// The user stopped it.
    UserStopped,
    /// The user started it.
    UserStarted,
    /// The guest shut itself down.
    GuestShutdown,
    /// Its machine could not be started, or failed; the words of the hypervisor.
    Failed(String),
    /// The cloud ended, and with it its machines.
    CloudEnded,
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
    State(State),
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::ShuttingDown,
        Self::Terminated,
        Self::Stopping,
        Self::Stopped,
    ];

    /// The number of the EC2 API.
    pub fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// The word of the EC2 API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// The state of this word; `None` for one that is not known.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether it takes memory and processors, or may soon.
    pub fn takes_memory(self) -> bool {
        !matches!(self, Self::Terminated | Self::Stopped)
    }

    /// Whether it takes room on the disk.
    pub fn takes_disk(self) -> bool {
        self != Self::Terminated
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Reason {
    /// The code of the EC2 API's `stateReason`; `None`: there is none when all is well.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::UserTerminated | Self::UserStopped => Some("Client.UserInitiatedShutdown"),
            Self::UserStarted => None,
            Self::GuestShutdown => Some("Client.InstanceInitiatedShutdown"),
            Self::Failed(_) | Self::CloudEnded => Some("Server.InternalError"),
        }
    }
}

impl Step {
    fn keep(state: State) -> Self {
        Self {
            state,
            reason: None,
            order: None,
        }
    }

    fn to(state: State, reason: Reason) -> Self {
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
        (Request::Terminate, State::ShuttingDown | State::Terminated) => Ok(Step::keep(state)),
        (Request::Terminate, _) if subject.protected => Err(Refusal::Protected),
        (Request::Terminate, _) => {
            // Nothing of it is kept, so nobody has to wait for its guest.
            Ok(Step::to(State::ShuttingDown, Reason::UserTerminated).ordering(Order::End))
        }
        (Request::Stop | Request::Start, _) if !subject.persistent => Err(Refusal::InstanceStore),
        (Request::Stop, State::Stopping | State::Stopped)
        | (Request::Start, State::Pending | State::Running) => Ok(Step::keep(state)),
        (Request::Stop, State::Running) => {
            Ok(Step::to(State::Stopping, Reason::UserStopped).ordering(Order::ShutDown))
        }
        (Request::Start, State::Stopped) => {
            Ok(Step::to(State::Pending, Reason::UserStarted).ordering(Order::Start))
        }
        (Request::Reboot, State::Running) => Ok(Step::keep(state).ordering(Order::Reboot)),
        (Request::Stop | Request::Start | Request::Reboot, _) => Err(Refusal::State(state)),
    }
}

fn looked(subject: Subject, look: Look, seen: &Seen) -> Step {
    let state = subject.state;
    match (state, seen) {
        // A cloud that ends takes its machines along, and does not make instances a second time on its own.
        (State::Pending | State::Running, Seen::Missing) if look == Look::First => {
            Step::to(State::Terminated, Reason::CloudEnded).ordering(Order::Remove)
        }
        (State::Pending, Seen::Missing) => Step::keep(state).ordering(Order::Start),
        (State::Pending, Seen::Starting)
        | (State::Running, Seen::Running | Seen::Starting)
        | (State::Stopped | State::Terminated, Seen::Missing) => Step::keep(state),
        (State::Pending, Seen::Running) => Step::keep(State::Running),
        (State::Pending | State::Running, Seen::Failed(why)) => {
            Step::to(State::Terminated, Reason::Failed(why.clone())).ordering(Order::Remove)
        }
        (State::Pending | State::Running, Seen::ShutDown) => {
            if subject.persistent && subject.on_shutdown == OnShutdown::Stop {
                Step::to(State::Stopped, Reason::GuestShutdown).ordering(Order::Release)
            } else {
                Step::to(State::Terminated, Reason::GuestShutdown).ordering(Order::Remove)
            }
        }
        (State::Running, Seen::Missing) => {
            let why = "its machine has disappeared".to_owned();
            Step::to(State::Terminated, Reason::Failed(why)).ordering(Order::Remove)
        }
        // No machine belongs to it, or none is to.
        (
            State::ShuttingDown | State::Stopped | State::Terminated,
            Seen::Starting | Seen::Running,
        ) => Step::keep(state).ordering(Order::End),
        (State::ShuttingDown, Seen::Missing | Seen::ShutDown | Seen::Failed(_)) => {
            Step::keep(State::Terminated).ordering(Order::Remove)
        }
        (State::Stopping, Seen::Starting | Seen::Running) => {
            Step::keep(state).ordering(Order::ShutDown)
        }
        (State::Stopping, Seen::ShutDown | Seen::Failed(_)) => {
            Step::keep(State::Stopped).ordering(Order::Release)
        }
        (State::Stopping, Seen::Missing) => Step::keep(State::Stopped),
        (State::Stopped, Seen::ShutDown | Seen::Failed(_)) => {
            Step::keep(state).ordering(Order::Release)
        }
        (State::Terminated, Seen::ShutDown | Seen::Failed(_)) => {
            Step::keep(state).ordering(Order::Remove)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(state: State) -> Subject {
        Subject {
            state,
            persistent: true,
            protected: false,
            on_shutdown: OnShutdown::Stop,
        }
    }

    fn request(state: State, request: Request) -> Result<(State, Option<Order>), Refusal> {
        let step = next(&subject(state), &Event::Requested(request))?;
        Ok((step.state, step.order))
    }

    #[test]
    fn every_request_in_every_state() {
        use Request::{Reboot, Start, Stop, Terminate};
        use State::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
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
        for state in State::ALL {
            let mut subject = subject(state);
            subject.persistent = false;
            for request in [Request::Stop, Request::Start] {
                let refused = next(&subject, &Event::Requested(request));
                assert_eq!(refused, Err(Refusal::InstanceStore), "{state}");
            }
            subject.protected = true;
            let ended = matches!(state, State::ShuttingDown | State::Terminated);
            let refused = next(&subject, &Event::Requested(Request::Terminate));
            assert_eq!(refused.is_ok(), ended, "{state}");
        }
    }

    #[test]
    fn what_is_seen_of_a_machine_decides() {
        let look =
            |subject: &Subject, seen| next(subject, &Event::Looked(Look::Later, seen)).unwrap();
        let pending = subject(State::Pending);
        assert_eq!(look(&pending, Seen::Running).state, State::Running);
        assert_eq!(look(&pending, Seen::Missing).order, Some(Order::Start));
        let failed = look(&pending, Seen::Failed("no kernel".to_owned()));
        assert_eq!(failed.state, State::Terminated);
        assert_eq!(failed.reason, Some(Reason::Failed("no kernel".to_owned())));
        assert_eq!(failed.order, Some(Order::Remove));
        let running = subject(State::Running);
        assert_eq!(look(&running, Seen::ShutDown).state, State::Stopped);
        let terminates = Subject {
            on_shutdown: OnShutdown::Terminate,
            ..running
        };
        assert_eq!(look(&terminates, Seen::ShutDown).state, State::Terminated);
        let store = Subject {
            persistent: false,
            ..running
        };
        assert_eq!(look(&store, Seen::ShutDown).state, State::Terminated);
        assert_eq!(
            look(&running, Seen::ShutDown).reason.unwrap().code(),
            Some("Client.InstanceInitiatedShutdown")
        );
        assert_eq!(
            look(&running, Seen::Missing).reason.unwrap().code(),
            Some("Server.InternalError")
        );
        assert_eq!(
            look(&subject(State::Stopping), Seen::ShutDown).order,
            Some(Order::Release)
        );
    }

    #[test]
    fn after_a_restart_of_the_cloud_nothing_runs_that_ran() {
        for (state, after) in [
            (State::Pending, State::Terminated),
            (State::Running, State::Terminated),
            (State::ShuttingDown, State::Terminated),
            (State::Terminated, State::Terminated),
            (State::Stopping, State::Stopped),
            (State::Stopped, State::Stopped),
        ] {
            let step = next(&subject(state), &Event::Looked(Look::First, Seen::Missing)).unwrap();
            assert_eq!(step.state, after, "{state}");
            assert_ne!(step.order, Some(Order::Start));
        }
    }

    #[test]
    fn words_and_codes_are_those_of_the_api() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::ALL.map(State::code), [0, 16, 32, 48, 64, 80]);
        assert_eq!(State::parse("Running"), None);
    }
}
