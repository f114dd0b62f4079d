//! Where the journals of runs are.

use gumnut_publish::Runs;
use gumnut_settings::default_state_dir;
use gumnut_terminal::{Exit, Failure};

/// The journals of all runs.
pub(super) fn all_runs() -> Result<Runs, Failure> {
    let folder = default_state_dir().ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no directory for journals")
            .hint("set XDG_STATE_HOME or HOME")
    })?;
    Ok(Runs::new(folder))
}
