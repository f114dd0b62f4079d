//! One frame for a whole run, on standard error: drawn on a terminal, now and then a line elsewhere.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;
use gumnut_types::{Progress, printable};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::meter::{Meter, Phase};
use crate::screen;
use crate::stop::Stop;

/// How often a frame is drawn, in hertz.
const DRAWS_PER_SECOND: u8 = 10;
/// How often it is looked whether a line is due.
const TICK: Duration = Duration::from_millis(250);
/// Time between two lines in a log.
const CALM: Duration = Duration::from_secs(10);
/// Time between two lines in a log that are at least [`STRIDE`] apart.
const BRISK: Duration = Duration::from_secs(2);
/// Percent of a phase that are worth a line.
const STRIDE: u64 = 10;
/// Time between two JSON objects that were asked for.
const OFTEN: Duration = Duration::from_secs(1);
/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressMode {
    /// A frame on a terminal, plain lines now and then elsewhere; JSON objects where the result is JSON.
    #[default]
    Auto,
    /// A frame on a terminal, nothing elsewhere.
    Terminal,
    /// A line every ten seconds, or for each tenth that is done.
    Plain,
    /// A JSON object a second.
    Json,
    /// Not at all.
    None,
}

/// Shows how far a run is, to anyone who looks, and is what the libraries report to.
#[derive(Clone, Debug)]
pub struct Bar {
    work: Arc<Work>,
    stop: Stop,
    view: Arc<View>,
}

/// What is watched.
#[derive(Debug)]
struct Work {
    /// Bytes of this phase that are done.
    done: AtomicU64,
    meter: Mutex<Meter>,
}

/// Where it is shown. It goes with the last bar that is shown there.
enum View {
    Hidden,
    Frame(ProgressBar),
    Lines(Sender<()>),
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hidden => "Hidden",
            Self::Frame(_) => "Frame",
            Self::Lines(_) => "Lines",
        })
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Self::Frame(bar) = self {
            screen::hide(bar);
        }
    }
}

impl Work {
    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The meter as it is now.
    fn sampled(&self, now: Instant) -> MutexGuard<'_, Meter> {
        let mut meter = self.meter();
        meter.sample(self.done.load(Ordering::Relaxed), now);
        meter
    }
}

impl Bar {
    /// A bar that nobody sees.
    pub fn hidden() -> Self {
        Self::new(ProgressMode::None)
    }

    pub(crate) fn new(mode: ProgressMode) -> Self {
        let phase = Phase {
            stage: None,
            what: String::new(),
            then: "",
            total: 0,
        };
        let work = Arc::new(Work {
            done: AtomicU64::new(0),
            meter: Mutex::new(Meter::new(phase, Instant::now())),
        });
        let view = match mode {
            ProgressMode::Auto | ProgressMode::Terminal if is_drawable() => drawn(&work),
            ProgressMode::None | ProgressMode::Terminal => View::Hidden,
            ProgressMode::Auto if screen::speaks_json() => lines(&work, Pace::calm(true)),
            ProgressMode::Auto | ProgressMode::Plain => lines(&work, Pace::calm(false)),
            ProgressMode::Json => lines(&work, Pace::often()),
        };
        Self {
            work,
            stop: Stop::default(),
            view: Arc::new(view),
        }
    }

    /// Begins a phase of the work. What it says may come from anywhere.
    pub(crate) fn begin(&self, phase: Phase) {
        let Phase {
            stage,
            what,
            then,
            total,
        } = phase;
        let shown = Phase {
            stage,
            what: printable(&what).into_owned(),
            then,
            total,
        };
        let mut meter = self.work.meter();
        self.work.done.store(0, Ordering::Relaxed);
        *meter = Meter::new(shown, Instant::now());
        drop(meter);
        match &*self.view {
            View::Hidden => {}
            View::Frame(bar) => {
                screen::show(bar);
                bar.tick();
            }
            // What prints lines has ended only with the bar itself.
            View::Lines(begun) => drop(begun.send(())),
        }
    }

    /// Reports the workers that report to the bar when `stop` was asked.
    #[must_use]
    pub fn stopped_by(mut self, stop: &Stop) -> Self {
        self.stop = stop.clone();
        self
    }

    /// Moves the bar on by `bytes`.
    pub fn add(&self, bytes: u64) {
        self.work.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Lengthens the bar by `bytes`.
    pub fn lengthen(&self, bytes: u64) {
        let mut meter = self.work.meter();
        let total = &mut meter.phase().total;
        *total = total.saturating_add(bytes);
    }

    /// Takes the bar off the screen.
    pub fn clear(self) {
        drop(self);
    }
}

/// Whether standard error is a terminal that can take a line back.
fn is_drawable() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Term::stderr().is_term() && !dumb
}

fn drawn(work: &Arc<Work>) -> View {
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(None, target);
    let work = Arc::clone(work);
    let frame = move |_: &ProgressState, text: &mut dyn fmt::Write| {
        // Asked each time: the terminal may have been resized. Its last column is left free, because some terminals begin a new
        // line there.
        let columns = Term::stderr().size_checked();
        let width = columns.map_or(COLUMNS, |(_, columns)| usize::from(columns));
        let now = Instant::now();
        let frame = work.sampled(now).frame(width.saturating_sub(1), now);
        let _ = text.write_str(&frame);
    };
    if let Ok(style) = ProgressStyle::with_template("{frame}") {
        bar.set_style(style.with_key("frame", frame));
    }
    bar.enable_steady_tick(Duration::from_secs(1) / u32::from(DRAWS_PER_SECOND));
    View::Frame(bar)
}

/// When lines are due.
#[derive(Clone, Copy, Debug)]
struct Pace {
    json: bool,
    /// Time between two lines.
    every: Duration,
    /// Time between two lines that are at least [`STRIDE`] apart.
    stride_every: Duration,
    /// Whether the beginning of a phase is a line.
    beginnings: bool,
}

impl Pace {
    fn calm(json: bool) -> Self {
        Self {
            json,
            every: CALM,
            stride_every: BRISK,
            beginnings: false,
        }
    }

    fn often() -> Self {
        Self {
            json: true,
            every: OFTEN,
            stride_every: OFTEN,
            beginnings: true,
        }
    }

    /// Whether a line is due this long after the last, when this many percent have been done since.
    fn is_due(&self, since: Duration, percent: u64) -> bool {
        since >= self.every || since >= self.stride_every && percent >= STRIDE
    }
}

fn lines(work: &Arc<Work>, pace: Pace) -> View {
    let (begun, begins) = channel();
    let weak = Arc::downgrade(work);
    let print = move || {
        let (mut last, mut percent) = (Instant::now(), 0);
        loop {
            let begins_now = match begins.recv_timeout(TICK) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let Some(work) = weak.upgrade() else { return };
            let now = Instant::now();
            let meter = work.sampled(now);
            if begins_now {
                percent = 0;
            }
            let done = meter.percent().unwrap_or(0);
            let due = pace.is_due(now.duration_since(last), done.saturating_sub(percent));
            if !(due || begins_now && pace.beginnings) {
                continue;
            }
            (last, percent) = (now, done);
            if pace.json {
                let object = meter.json(now);
                drop(meter);
                screen::object(&object);
            } else {
                let line = meter.line(now);
                drop(meter);
                screen::line(line);
            }
        }
    };
    // Without a thread there is no progress, which is no reason to fail.
    match thread::Builder::new()
        .name("progress".to_owned())
        .spawn(print)
    {
        Ok(_) => View::Lines(begun),
        Err(_) => View::Hidden,
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
        let (what, total) = disk_step(step);
        let stage = self.work.meter().phase().stage;
        self.begin(Phase {
            stage,
            what: what.to_owned(),
            then: "writing",
            total,
        });
    }
}

/// What a step on a disk is called, and its bytes.
pub(crate) fn disk_step(step: gumnut_disk_image::Step) -> (&'static str, u64) {
    use gumnut_disk_image::Step;
    match step {
        Step::Copy { bytes } => ("copying the disk", bytes),
        Step::Check => ("checking the copy", 0),
        Step::Resize => ("resizing the file system", 0),
        Step::Assemble => ("assembling the disk", 0),
        _ => ("checking the result", 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_a_line_every_ten_seconds_or_each_tenth() {
        let pace = Pace::calm(false);
        let seconds = Duration::from_secs;
        assert!(pace.is_due(seconds(10), 0));
        assert!(pace.is_due(seconds(3), 10));
        assert!(!pace.is_due(seconds(9), 9));
        assert!(!pace.is_due(seconds(1), 50));
        assert!(Pace::often().is_due(seconds(1), 0));
    }

    #[test]
    fn a_phase_begins_at_nothing_and_its_name_is_text() {
        let bar = Bar::hidden();
        bar.add(5);
        bar.begin(Phase {
            stage: None,
            what: "reading a\u{1b}[2J\nb".to_owned(),
            then: "",
            total: 10,
        });
        bar.lengthen(10);
        bar.add(2);
        let now = Instant::now();
        let line = bar.work.sampled(now).line(now);
        assert_eq!(line, "reading a\\u{1b}[2J\\nb  2 B of 20 B");
    }
}
