//! What can go wrong.

use std::io;
use std::path::PathBuf;

use gumnut_types::{Architecture, Fault};

/// Why a machine was not started, or did not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The emulator is not installed.
    #[error("cannot find {program}; Debian has it in the package {package}")]
    ProgramMissing {
        /// Name of the program.
        program: &'static str,
        /// Debian's package.
        package: &'static str,
    },
    /// Images of this architecture are not started here.
    #[error("cannot start an image for {0}: only i386 and x86_64 are supported")]
    Architecture(Architecture),
    /// The system refused something.
    #[error("cannot {doing} {}", path.display())]
    System {
        /// As in `cannot run qemu`.
        doing: &'static str,
        /// The program or file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The emulator ended with an error.
    #[error("{} ended with {status}{}", program.display(), said(output))]
    Failed {
        /// The emulator.
        program: PathBuf,
        /// As in `exit status: 1`.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// The monitor refused a command.
    #[error("qemu refuses {command}: {answer}")]
    Monitor {
        /// The command.
        command: &'static str,
        /// Its words.
        answer: String,
    },
    /// The console could not be passed on.
    #[error("cannot write the machine's console")]
    Console(#[source] io::Error),
}

impl BootError {
    /// Whose fault it is: an image of a foreign architecture is [`Fault::Input`], all else is [`Fault::System`].
    pub fn fault(&self) -> Fault {
        match self {
            Self::Architecture(_) => Fault::Input,
            _ => Fault::System,
        }
    }
}

fn said(output: &str) -> String {
    let output = output.trim_end();
    if output.is_empty() {
        String::new()
    } else {
        let lines: Vec<_> = output.lines().collect();
        format!(": {}", lines.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_foreign_architecture_is_a_fault_of_the_image() {
        let console = BootError::Console(io::ErrorKind::BrokenPipe.into());
        let missing = BootError::ProgramMissing {
            program: "qemu-system-x86_64",
            package: "qemu-system-x86",
        };
        assert_eq!(
            BootError::Architecture(Architecture::Armhf).fault(),
            Fault::Input
        );
        assert_eq!(console.fault(), Fault::System);
        assert_eq!(missing.fault(), Fault::System);
    }
}
