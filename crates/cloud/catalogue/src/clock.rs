//! The one clock of a cloud: every decision on time asks it.

use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

/// A source of time. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Set(Arc<Mutex<OffsetDateTime>>),
}

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is [`set`](Self::set).
    pub fn fixed(time: OffsetDateTime) -> Self {
        Self(Source::Set(Arc::new(Mutex::new(time))))
    }

    /// Whether it stands still until it is [`set`](Self::set).
    pub fn is_fixed(&self) -> bool {
        matches!(self.0, Source::Set(_))
    }

    /// The time, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        match &self.0 {
            Source::System => OffsetDateTime::now_utc(),
            Source::Set(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Milliseconds since 1970.
    pub fn now_millis(&self) -> i64 {
        let millis = self.now().unix_timestamp_nanos() / 1_000_000;
        i64::try_from(millis).unwrap_or(i64::MAX)
    }

    /// Sets a fixed clock; the system's clock does not change.
    pub fn set(&self, to: OffsetDateTime) {
        if let Source::Set(time) = &self.0 {
            *time.lock().unwrap_or_else(PoisonError::into_inner) = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_fixed_clock_moves_only_by_hand_and_for_all_its_clones() {
        let clock = Clock::fixed(datetime!(2010-06-03 22:15:57.552 UTC));
        let clone = clock.clone();
        assert_eq!(clone.now_millis(), 1_275_603_357_552);
        assert!(clone.is_fixed() && !Clock::system().is_fixed());
        clock.set(datetime!(2010-06-03 22:15:57.553 UTC));
        assert_eq!(clone.now_millis(), 1_275_603_357_553);
    }
}
