//! How many requests a source may send.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// So many requests a second, and as many at once: the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug)]
pub(super) struct Rate {
    /// What one request takes of a second.
    each: Duration,
    /// Until when the requests that came have used up what a source may send.
    used_until: Mutex<Option<Instant>>,
}

impl Rate {
    pub(super) fn per_second(count: NonZeroU32) -> Self {
        Self {
            each: SECOND / count.get(),
            used_until: Mutex::new(None),
        }
    }

    /// Counts a request; fails with the time after which one may come.
    pub(super) fn take_turn(&self, now: Instant) -> Result<(), Duration> {
        let mut used_until = self
            .used_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let next = used_until.map_or(now, |until| until.max(now)) + self.each;
        match (next - now).checked_sub(SECOND) {
            Some(early) if !early.is_zero() => Err(early),
            Some(_) | None => {
                *used_until = Some(next);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_room_for_as_many_at_once_and_then_one_after_another() {
        let rate = Rate::per_second(NonZeroU32::new(4).unwrap());
        let start = Instant::now();
        let after = |millis| rate.take_turn(start + Duration::from_millis(millis));
        for _ in 0..4 {
            assert_eq!(after(0), Ok(()));
        }
        assert_eq!(after(100), Err(Duration::from_millis(150)));
        assert_eq!(after(250), Ok(()));
        assert!(after(250).is_err());
        assert_eq!(after(500), Ok(()));
        for _ in 0..4 {
            assert_eq!(after(9_000), Ok(()));
        }
        assert!(after(9_000).is_err());
    }
}
