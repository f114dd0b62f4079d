//! How far a phase of the work is, how fast it is, and how long it takes still.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use console::{measure_text_width, truncate_str};
use serde_json::{Value, json};

/// How much of the past counts for the rate.
const RECENT: Duration = Duration::from_secs(10);
/// How long a phase has to last before a rate is said: what comes first comes out of memory.
const SETTLED: Duration = Duration::from_secs(1);
/// How much time is between two samples at least.
const SAMPLE: Duration = Duration::from_millis(200);
/// Columns of the drawn bar, its brackets included.
const BAR: std::ops::RangeInclusive<usize> = 12..=32;

/// A phase of the work.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// Its number and how many there are, in a run of several.
    pub(crate) stage: Option<(usize, usize)>,
    /// As in `bundling the disk`.
    pub(crate) what: String,
    /// What is left to do when all bytes are done, as in `waiting for the cloud`.
    pub(crate) then: &'static str,
    /// Bytes; 0 when the work is not counted in bytes.
    pub(crate) total: u64,
}

/// Watches a phase.
#[derive(Debug)]
pub(crate) struct Meter {
    phase: Phase,
    done: u64,
    began: Instant,
    /// When all bytes were done.
    full: Option<Instant>,
    /// Bytes done at moments of the recent past, the oldest first.
    samples: VecDeque<(Instant, u64)>,
}

impl Meter {
    pub(crate) fn new(phase: Phase, now: Instant) -> Self {
        Self {
            phase,
            done: 0,
            began: now,
            full: None,
            samples: VecDeque::from([(now, 0)]),
        }
    }

    /// The phase that is watched, to be changed while it lasts.
    pub(crate) fn phase(&mut self) -> &mut Phase {
        &mut self.phase
    }

    /// Takes note of how many bytes are done.
    pub(crate) fn sample(&mut self, done: u64, now: Instant) {
        self.done = done;
        if !self.is_full() {
            self.full = None;
        } else if self.full.is_none() {
            self.full = Some(now);
        }
        let last = self
            .samples
            .back()
            .map_or(self.began, |(moment, _)| *moment);
        if now.duration_since(last) >= SAMPLE {
            self.samples.push_back((now, done));
        }
        // One sample that is older is kept: the rate is that of the whole time since.
        while self.samples.len() > 2 && now.duration_since(self.samples[1].0) >= RECENT {
            self.samples.pop_front();
        }
    }

    fn is_full(&self) -> bool {
        self.phase.total > 0 && self.done >= self.phase.total
    }

    /// The part that is done, in percent; `None` where bytes are not counted.
    pub(crate) fn percent(&self) -> Option<u64> {
        let total = self.phase.total;
        (total > 0).then(|| percent_of(self.done.min(total), total))
    }

    /// Bytes a second in the recent past.
    fn rate(&self, now: Instant) -> Option<u64> {
        // The first bytes fill queues, and say nothing of what follows.
        let settled =
            |(moment, _): &&(Instant, u64)| moment.duration_since(self.began) >= SETTLED / 2;
        let (since, before) = *self.samples.iter().find(settled)?;
        let time = now.duration_since(since);
        if now.duration_since(self.began) < SETTLED || time.is_zero() {
            return None;
        }
        let bytes = u128::from(self.done.saturating_sub(before));
        u64::try_from(bytes * 1000 / time.as_millis().max(1)).ok()
    }

    /// How long the rest takes at the recent rate. `None` when nothing moves.
    fn left(&self, now: Instant) -> Option<Duration> {
        let rate = self.rate(now).filter(|rate| *rate > 0)?;
        let rest = self.phase.total.checked_sub(self.done)?;
        Some(Duration::from_secs(rest.div_ceil(rate)))
    }

    fn head(&self) -> String {
        match self.phase.stage {
            Some((number, of)) => format!("[{number}/{of}] {}", self.phase.what),
            None => self.phase.what.clone(),
        }
    }

    /// What is said behind the head, each with its importance: the least important goes first where there is no room.
    fn pieces(&self, now: Instant) -> Vec<(u8, String)> {
        let total = self.phase.total;
        let since = |moment: Instant| {
            let time = now.duration_since(moment);
            (time >= SETTLED).then(|| (1, duration(time)))
        };
        if total == 0 {
            let done = (self.done > 0).then(|| (3, bytes(self.done)));
            return done.into_iter().chain(since(self.began)).collect();
        }
        if let Some(full) = self.full {
            let mut pieces = vec![(2, bytes(total)), (4, self.phase.then.to_owned())];
            pieces.extend(since(full));
            return pieces;
        }
        let mut pieces = vec![(
            4,
            format!("{} of {}", bytes_like(self.done, total), bytes(total)),
        )];
        if let Some(rate) = self.rate(now) {
            pieces.push((2, format!("{}/s", bytes(rate))));
        }
        if let Some(left) = self.left(now) {
            pieces.push((3, format!("{} left", duration(left))));
        }
        pieces
    }

    /// The frame in one line without a limit, for logs.
    pub(crate) fn line(&self, now: Instant) -> String {
        join(&self.head(), &self.pieces(now))
    }

    /// The frame in at most `width` columns, with a drawn bar where there is room.
    pub(crate) fn frame(&self, width: usize, now: Instant) -> String {
        if width == 0 {
            return String::new();
        }
        let (head, mut pieces) = (self.head(), self.pieces(now));
        while measure_text_width(&join(&head, &pieces)) > width {
            let least = pieces.iter().enumerate().min_by_key(|(_, (keep, _))| *keep);
            let Some((index, _)) = least else { break };
            let _ = pieces.remove(index);
        }
        let line = truncate_str(&join(&head, &pieces), width, "…").into_owned();
        let used = measure_text_width(&line);
        let room = width.saturating_sub(used + 2).min(*BAR.end());
        match self.percent() {
            Some(_) if room >= *BAR.start() => {
                // At the right edge, where it does not move as the numbers grow.
                let gap = width - used - room;
                format!("{line}{:gap$}{}", "", self.bar(room))
            }
            _ => line,
        }
    }

    fn bar(&self, width: usize) -> String {
        let inside = width - 2;
        let (done, total) = (u128::from(self.done), u128::from(self.phase.total));
        let filled = (done * inside as u128).checked_div(total).unwrap_or(0);
        let filled = usize::try_from(filled).map_or(inside, |filled| filled.min(inside));
        let tip = if filled < inside { ">" } else { "" };
        format!("[{:inside$}]", "=".repeat(filled) + tip)
    }

    /// The frame for programs. Sizes are bytes, times are seconds.
    pub(crate) fn json(&self, now: Instant) -> Value {
        let (number, of) = self.phase.stage.unzip();
        json!({ "progress": {
            "stage": number,
            "stages": of,
            "what": self.phase.what,
            "done": self.done,
            "total": (self.phase.total > 0).then_some(self.phase.total),
            "bytes_per_second": self.rate(now),
            "seconds_left": self.left(now).filter(|_| self.full.is_none()).map(|left| left.as_secs()),
            "waiting_for": self.full.map(|_| self.phase.then),
        }})
    }
}

fn join(head: &str, pieces: &[(u8, String)]) -> String {
    let words = pieces.iter().map(|(_, piece)| piece.as_str());
    std::iter::once(head)
        .chain(words)
        .collect::<Vec<_>>()
        .join("  ")
}

fn percent_of(done: u64, total: u64) -> u64 {
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    u64::try_from(percent).unwrap_or(100)
}

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// The unit in which a number of bytes has at most four digits.
fn unit(bytes: u64) -> usize {
    (0..UNITS.len() - 1)
        .find(|unit| bytes >> (10 * unit) < 1 << 10)
        .unwrap_or(UNITS.len() - 1)
}

/// A number of bytes that does not jump about: whole up to MiB, with one decimal above.
fn bytes(count: u64) -> String {
    bytes_like(count, count)
}

/// A number of bytes in the unit that `other` is said in.
fn bytes_like(count: u64, other: u64) -> String {
    let unit = unit(other);
    let tenths = (u128::from(count) * 10) >> (10 * unit);
    let name = UNITS[unit];
    if unit < 3 {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// A time as people say it: `8 s`, `2 min 5 s`, `1 h 20 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => format!("{minutes} min {} s", seconds % 60),
        600..3600 => format!("{minutes} min"),
        3600..172_800 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn meter(total: u64) -> (Meter, Instant) {
        let now = Instant::now();
        let phase = Phase {
            stage: Some((4, 9)),
            what: "bundling the disk".to_owned(),
            then: "waiting for the cloud",
            total,
        };
        (Meter::new(phase, now), now)
    }

    /// 31 MiB a second until 612 MiB are done.
    fn running() -> (Meter, Instant) {
        let (mut meter, begin) = meter(865 * MIB);
        let mut now = begin;
        for tenth in 0..=197 {
            now = begin + Duration::from_millis(tenth * 100);
            meter.sample((tenth * 31 * MIB / 10).min(612 * MIB), now);
        }
        meter.sample(612 * MIB, now);
        (meter, now)
    }

    #[test]
    fn a_frame_says_what_how_far_how_fast_and_how_long() {
        let (meter, now) = running();
        let line = meter.line(now);
        let start = "[4/9] bundling the disk  612 MiB of 865 MiB  3";
        assert!(line.starts_with(start), "{line}");
        assert!(line.ends_with(" MiB/s  9 s left"), "{line}");
        assert_eq!(meter.percent(), Some(70));
    }

    #[test]
    fn a_frame_fits_every_terminal() {
        let (meter, now) = running();
        for width in 0..200 {
            let frame = meter.frame(width, now);
            assert!(measure_text_width(&frame) <= width, "{width}: {frame}");
        }
        assert!(
            meter
                .frame(59, now)
                .contains("612 MiB of 865 MiB  9 s left")
        );
        assert!(
            meter.frame(79, now).ends_with("=>   ]"),
            "{}",
            meter.frame(79, now)
        );
        assert!(meter.frame(140, now).contains("MiB/s"));
    }

    #[test]
    fn the_rate_is_that_of_the_recent_past() {
        let (mut meter, mut now) = running();
        // A stall: the rate falls, and then nothing is promised.
        for _ in 0..150 {
            now += Duration::from_millis(100);
            meter.sample(612 * MIB, now);
        }
        assert_eq!(meter.rate(now), Some(0));
        assert_eq!(meter.left(now), None);
        for tenth in 0..120 {
            now += Duration::from_millis(100);
            meter.sample(612 * MIB + tenth * MIB, now);
        }
        let rate = meter.rate(now).unwrap();
        assert!((9 * MIB..=11 * MIB).contains(&rate), "{rate}");
    }

    #[test]
    fn bytes_that_are_done_are_not_the_end() {
        let (mut meter, begin) = meter(10 * MIB);
        meter.sample(10 * MIB, begin + Duration::from_secs(2));
        let line = meter.line(begin + Duration::from_secs(14));
        assert_eq!(
            line,
            "[4/9] bundling the disk  10 MiB  waiting for the cloud  12 s"
        );
        let json = meter.json(begin + Duration::from_secs(14));
        assert_eq!(json["progress"]["waiting_for"], "waiting for the cloud");
        assert_eq!(json["progress"]["seconds_left"], Value::Null);
    }

    #[test]
    fn work_without_bytes_has_its_time() {
        let (mut meter, begin) = meter(0);
        assert_eq!(meter.line(begin), "[4/9] bundling the disk");
        let later = begin + Duration::from_secs(75);
        meter.sample(0, later);
        assert_eq!(meter.line(later), "[4/9] bundling the disk  1 min 15 s");
        assert_eq!(meter.percent(), None);
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(865 * MIB), "865 MiB");
        assert_eq!(bytes(12_345 * MIB), "12.0 GiB");
        assert_eq!(bytes_like(5 * MIB, 12_345 * MIB), "0.0 GiB");
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
        assert_eq!(duration(Duration::from_mins(80)), "1 h 20 min");
        assert_eq!(duration(Duration::from_mins(15)), "15 min");
        assert_eq!(duration(Duration::from_secs(400_000)), "4 days");
    }

    proptest! {
        #[test]
        fn no_numbers_break_a_frame(
            total: u64,
            samples in proptest::collection::vec((any::<u64>(), 0u64..20_000), 0..60),
            width in 0usize..160,
            what in "\\PC{0,60}",
        ) {
            let (mut meter, begin) = meter(total);
            meter.phase().what = what;
            let mut now = begin;
            for (done, millis) in samples {
                now += Duration::from_millis(millis);
                meter.sample(done, now);
                let _ = meter.json(now);
                let frame = meter.frame(width, now);
                prop_assert!(measure_text_width(&frame) <= width, "{}", frame);
            }
        }
    }
}
