//! When to try again.

use std::time::Duration;

/// When to try again, and how long to wait.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Attempts after the first one.
    pub retries: u32,
    /// Longest wait before the first retry; it doubles with each one.
    pub base: Duration,
    /// Longest wait at all, also when the server asks for more.
    pub cap: Duration,
    /// Time for one attempt up to the answer, beyond what its body needs at [`RetryPolicy::SLOWEST`].
    pub per_attempt: Duration,
    /// Time for all attempts and waits.
    pub total: Duration,
}

impl RetryPolicy {
    /// The slowest rate that is waited for, in bytes a second.
    pub const SLOWEST: u64 = 64 << 10;

    /// Never a second attempt.
    pub fn never() -> Self {
        Self {
            retries: 0,
            ..Self::default()
        }
    }

    /// Time for one attempt with a body of `length` bytes.
    pub(crate) fn attempt_limit(&self, length: u64) -> Duration {
        self.per_attempt + Duration::from_secs(length / Self::SLOWEST)
    }

    /// How long to wait before retry number `retry` (from 0), where `random` is anything: a random share of
    /// the doubled base, so that many clients do not come back at the same moment. What the server asks for
    /// is the least.
    pub(crate) fn wait(&self, retry: u32, asked: Option<Duration>, random: u32) -> Duration {
        let doubled = self
            .base
            .saturating_mul(2_u32.saturating_pow(retry))
            .min(self.cap);
        let share = doubled.mul_f64(f64::from(random) / f64::from(u32::MAX));
        asked.map_or(share, |asked| asked.min(self.cap).max(share))
    }
}

impl Default for RetryPolicy {
    /// Five retries within 10 minutes: waits of at most 0.5, 1, 2, 4 and 8 seconds.
    fn default() -> Self {
        Self {
            retries: 5,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(20),
            per_attempt: Duration::from_mins(1),
            total: Duration::from_mins(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_capped() {
        let policy = RetryPolicy::default();
        let longest = |retry| policy.wait(retry, None, u32::MAX);
        assert_eq!(longest(0), Duration::from_millis(500));
        assert_eq!(longest(3), Duration::from_secs(4));
        assert_eq!(longest(40), Duration::from_secs(20));
        assert_eq!(policy.wait(3, None, 0), Duration::ZERO);
    }

    #[test]
    fn the_server_may_ask_for_more_up_to_the_cap() {
        let policy = RetryPolicy::default();
        assert_eq!(
            policy.wait(0, Some(Duration::from_secs(7)), 0),
            Duration::from_secs(7)
        );
        assert_eq!(
            policy.wait(0, Some(Duration::from_hours(1)), 0),
            Duration::from_secs(20)
        );
    }
}
