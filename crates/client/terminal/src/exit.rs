//! Exit codes: a small, documented, stable set that scripts can rely on.

use std::process::ExitCode;

use gumnut_types::Fault;

/// What a run ended with. The numbers are part of the interface; see `docs/exit-codes.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something that gumnut did not foresee, or the machine failed: no space, a broken pipe.
    Unexpected = 1,
    /// The command line or the settings are wrong or incomplete.
    Usage = 2,
    /// A file, key, image, bundle or manifest is missing, damaged or not trusted.
    Input = 3,
    /// The cloud answered, and the answer is no.
    Refused = 4,
    /// The cloud did not answer, or not in a form that can be understood.
    Network = 5,
    /// The machine that was started did not say what was expected of it, or was not there in time.
    NotSeen = 6,
    /// The terminal was closed (SIGHUP).
    HungUp = 129,
    /// Interrupted by ^C (SIGINT).
    Interrupted = 130,
    /// Asked to end (SIGTERM).
    Terminated = 143,
}

impl Exit {
    /// Every code but 0, in ascending order.
    pub const ALL: [Self; 9] = [
        Self::Unexpected,
        Self::Usage,
        Self::Input,
        Self::Refused,
        Self::Network,
        Self::NotSeen,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Unexpected => "an unexpected error, such as no space on the disk",
            Self::Usage => "the command line or the settings are wrong or incomplete",
            Self::Input => "a file, key, image or bundle is missing, damaged or not trusted",
            Self::Refused => "the cloud refused",
            Self::Network => "the cloud did not answer, or its answer was not understood",
            Self::NotSeen => "`boot --expect`, `wait` or `run --wait` timed out",
            Self::HungUp => "ended by SIGHUP: the terminal was closed",
            Self::Interrupted => "ended by SIGINT: ^C",
            Self::Terminated => "ended by SIGTERM",
        }
    }
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Usage => Self::Usage,
            Fault::Input => Self::Input,
            Fault::Refused => Self::Refused,
            Fault::Network => Self::Network,
            Fault::Cancelled => Self::Interrupted,
            Fault::System | Fault::Unexpected => Self::Unexpected,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
