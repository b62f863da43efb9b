//! When an attempt that failed is followed by the next.

use std::time::Duration;

use events::Time;

/// An endpoint may ask for patience, but not for more than this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// No step of a schedule is longer.
pub(crate) const STEP_MAX: Duration = Duration::from_secs(24 * 3600);

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// The waits between the attempts for one event; one attempt more than it has steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule(Vec<Duration>);

impl Default for Schedule {
    /// Eleven attempts within 72 hours.
    fn default() -> Self {
        let seconds = [
            5,
            30,
            2 * MINUTE,
            10 * MINUTE,
            HOUR,
            3 * HOUR,
            8 * HOUR,
            12 * HOUR,
            24 * HOUR,
            24 * HOUR,
        ];
        Self(seconds.map(Duration::from_secs).to_vec())
    }
}

impl Schedule {
    pub(crate) fn new(steps: Vec<Duration>) -> Self {
        Self(steps)
    }

    /// Returns how long to wait after that many attempts, or `None` when the schedule is used up.
    ///
    /// `random`, from 0 to 1, spreads the wait over a whole step's width around the step: what
    /// failed together does not come back together, and the mean span stays the one that is
    /// written. A wait that the endpoint asked for extends it, up to a day.
    pub(crate) fn wait(
        &self,
        attempts: u32,
        random: f64,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let step = self.0.get(index)?;
        let spread = step.mul_f64(0.5 + random.clamp(0.0, 1.0));
        let asked = retry_after.map_or(Duration::ZERO, |asked| asked.min(RETRY_AFTER_MAX));
        Some(spread.max(asked))
    }
}

/// Reads a `Retry-After` header: seconds, or an HTTP date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(value: &str, now: Time) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value.trim()).ok()?;
    let at = Time::from(at.timestamp());
    let micros = at.micros().saturating_sub(now.micros()).max(0);
    Some(Duration::from_micros(micros.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(random: f64) -> Duration {
        let schedule = Schedule::default();
        (1..)
            .map_while(|attempts| schedule.wait(attempts, random, None))
            .sum()
    }

    #[test]
    fn the_default_starts_at_5_s_and_spans_72_h() {
        assert_eq!(
            Schedule::default().wait(1, 0.5, None),
            Some(Duration::from_secs(5))
        );
        assert_eq!(span(0.5).as_secs() / HOUR, 72);
    }

    #[test]
    fn jitter_is_as_wide_as_the_step() {
        let schedule = Schedule::new(vec![Duration::from_secs(10)]);
        let wait = |random| schedule.wait(1, random, None).unwrap().as_secs();
        assert_eq!((wait(0.0), wait(1.0)), (5, 15));
    }

    #[test]
    fn a_used_up_schedule_ends() {
        let schedule = Schedule::new(vec![Duration::from_secs(1)]);
        assert!(schedule.wait(1, 0.0, None).is_some());
        assert!(schedule.wait(2, 0.0, None).is_none());
        assert!(schedule.wait(2, 0.0, Some(Duration::MAX)).is_none());
        assert!(Schedule::new(Vec::new()).wait(1, 0.0, None).is_none());
    }

    #[test]
    fn retry_after_extends_and_is_capped() {
        let schedule = Schedule::new(vec![Duration::from_secs(100)]);
        let wait = |asked| schedule.wait(1, 0.5, Some(Duration::from_secs(asked)));
        assert_eq!(wait(10), Some(Duration::from_secs(100)));
        assert_eq!(wait(200), Some(Duration::from_secs(200)));
        assert_eq!(wait(u64::MAX), Some(RETRY_AFTER_MAX));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Time = "2026-05-12T18:00:00Z".parse().unwrap();
        let read = |text| retry_after(text, now);
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            read("Tue, 12 May 2026 18:01:30 GMT"),
            Some(Duration::from_secs(90))
        );
        assert_eq!(read("Tue, 12 May 2026 17:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-1"), None);
    }
}
