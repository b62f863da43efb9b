//! When an open transaction is due.

use std::time::{Duration, Instant};

/// Longest commit interval: half of the transaction timeout, after which the broker would abort
/// every transaction.
pub const COMMIT_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// Whether the last poll brought a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    Flowing,
    Dry,
}

/// Paces the commits of one worker.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    when_dry: Duration,
    began_at: Option<Instant>,
    /// Whether no record was waiting at some time since then.
    kept_up: bool,
    last_commit: Duration,
}

impl Pace {
    /// A transaction is due at the age of `when_dry` when no record is waiting; under load at that
    /// of the interval, less what the last commit took unless there is a backlog.
    pub(crate) fn new(interval: Duration, when_dry: Duration) -> Self {
        Self {
            interval: interval.min(COMMIT_INTERVAL_MAX),
            when_dry,
            began_at: None,
            kept_up: false,
            last_commit: Duration::ZERO,
        }
    }

    /// A transaction has begun.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.began_at = Some(now);
        self.kept_up = false;
    }

    /// All records that came have been taken.
    pub(crate) fn keep_up(&mut self) {
        self.kept_up = true;
    }

    /// No transaction is open any more.
    pub(crate) fn end(&mut self) {
        self.began_at = None;
    }

    /// A commit took so long.
    pub(crate) fn note_commit(&mut self, took: Duration) {
        self.last_commit = took;
    }

    pub(crate) fn is_due(&self, supply: Supply, now: Instant) -> bool {
        let age = self.began_at.map_or(Duration::ZERO, |at| now - at);
        age >= match supply {
            Supply::Flowing => self.time_to_gather(),
            Supply::Dry => self.when_dry,
        }
    }

    /// What came during the last commit has waited already. But where commits are slow, smaller
    /// ones would only be more of them, and in a backlog nobody waits for a single one.
    fn time_to_gather(&self) -> Duration {
        if !self.kept_up {
            return self.interval;
        }
        let rest = self.interval.saturating_sub(self.last_commit);
        rest.max(self.interval / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    /// Whether a transaction of this age is due under load after a commit that took so long.
    fn due(last_commit_ms: u64, age_ms: u64) -> bool {
        let now = Instant::now();
        let mut pace = Pace::new(INTERVAL, Duration::ZERO);
        pace.note_commit(Duration::from_millis(last_commit_ms));
        pace.begin(now);
        pace.keep_up();
        pace.is_due(Supply::Flowing, now + Duration::from_millis(age_ms))
    }

    #[test]
    fn commits_follow_one_another_at_the_interval() {
        assert!(!due(0, 99));
        assert!(due(0, 100));
        assert!(!due(30, 69));
        assert!(due(30, 70));
    }

    #[test]
    fn half_of_the_interval_is_for_gathering_however_slow_a_commit_is() {
        assert!(!due(3_000, 49));
        assert!(due(3_000, 50));
    }

    #[test]
    fn a_backlog_is_worked_off_in_whole_intervals() {
        let now = Instant::now();
        let mut pace = Pace::new(INTERVAL, Duration::ZERO);
        pace.note_commit(INTERVAL);
        pace.begin(now);
        assert!(!pace.is_due(Supply::Flowing, now + Duration::from_millis(99)));
        assert!(pace.is_due(Supply::Flowing, now + Duration::from_millis(100)));
    }

    #[test]
    fn a_transaction_is_due_sooner_when_no_record_waits() {
        let now = Instant::now();
        let mut pace = Pace::new(INTERVAL, Duration::from_millis(10));
        pace.begin(now);
        assert!(!pace.is_due(Supply::Dry, now + Duration::from_millis(9)));
        assert!(pace.is_due(Supply::Dry, now + Duration::from_millis(10)));
    }
}
