//! Progress bars on standard error, and the one flag that stops a run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gumnut_types::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

/// How often a bar is drawn, in hertz.
const DRAWS_PER_SECOND: u8 = 10;

/// A progress bar, seen or not, that the libraries report to.
#[derive(Clone, Debug)]
pub struct Bar {
    bar: ProgressBar,
    stop: Stop,
}

/// Whether the user asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Watches for ^C and SIGTERM. The first asks every worker to stop soon, so that temporary files
    /// go; the second ends the program at once.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn on_interrupt() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the flag that the first signal sets must not yet be set when it is asked for.
            flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, stop.0.clone())?;
            flag::register(signal, stop.0.clone())?;
        }
        Ok(stop)
    }

    /// Watches for ^C, SIGTERM and a terminal that is closed, which may be told twice.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn on_interrupt_or_hangup() -> io::Result<Self> {
        let stop = Self::on_interrupt()?;
        flag::register(SIGHUP, stop.0.clone())?;
        Ok(stop)
    }

    /// Whether somebody asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Bar {
    /// A bar with bytes, rate and time left; nothing is drawn where there is no terminal.
    pub(crate) fn visible(what: &str, total: u64) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{msg} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            stop: Stop::default(),
        }
    }

    /// A bar that nobody sees.
    pub fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            stop: Stop::default(),
        }
    }

    /// Tells the workers that report to the bar when `stop` was asked.
    #[must_use]
    pub fn stopped_by(mut self, stop: &Stop) -> Self {
        self.stop = stop.clone();
        self
    }

    /// Moves the bar on by `bytes`.
    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Lengthens the bar by `bytes`.
    pub fn lengthen(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn advance(&self, bytes: u64) {
        self.add(bytes);
    }

    fn cancelled(&self) -> bool {
        self.stop.asked()
    }
}

impl gumnut_disk_image::StepProgress for Bar {
    fn step(&self, step: gumnut_disk_image::Step) {
        use gumnut_disk_image::Step;
        self.bar.set_message(match step {
            Step::Copy { .. } => "copying",
            Step::Check => "checking the copy",
            Step::Resize => "resizing the file system",
            Step::Assemble => "putting the disk together",
            _ => "checking the result",
        });
    }
}
