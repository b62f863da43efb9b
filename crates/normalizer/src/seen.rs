//! The event ids of one raw partition that have come out already.
//!
//! Exact within the window: an id is known until the partition's stream time, the highest
//! `received_at` so far, is a whole window past the one it came out at, and no more than 62 s longer:
//! a batch remembers its ids by the minute. The wall clock plays no
//! part, so a backlog neither widens nor narrows the window (kafka-rules 8).
//!
//! Memory: 21 bytes for each place of a hash table that is between 7/16 and 7/8 full, which is 24
//! to 48 bytes an id, 35 at 10 million; while it doubles, half of that again.

use std::collections::HashMap;
use std::time::Duration;

use events::Time;
use uuid::Uuid;

/// How often in a window what has left it is swept out.
const SWEEPS: u32 = 64;

/// For how long an id is known, in stream time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    seconds: u32,
}

/// The remembered ids with the times they came out at.
#[derive(Debug)]
pub(crate) struct Seen {
    window: Window,
    stream_time: Option<Time>,
    swept_at: Second,
    ids: HashMap<Id, Second>,
}

/// Words of four bytes: a `u128` would align the table to 16 bytes, a third of it gaps.
type Id = [u32; 4];

/// Seconds since the epoch, until 2106; of the time that an id came out, the one that ends after it.
type Second = u32;

impl Window {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            seconds: u32::try_from(window.as_secs()).unwrap_or(u32::MAX),
        }
    }

    /// Tells whether what came out at one stream time is still known at another.
    pub(crate) fn reaches(self, at: Time, now: Time) -> bool {
        self.reaches_second(second(at).saturating_add(1), second(now))
    }

    /// Returns when the window before `now` began, less that slack, in milliseconds since the epoch.
    pub(crate) fn before(self, now: Time, slack: Duration) -> i64 {
        let slack = i64::try_from(slack.as_secs()).unwrap_or(i64::MAX);
        let began_at = now.seconds() - i64::from(self.seconds);
        began_at.saturating_sub(slack).saturating_mul(1_000).max(0)
    }

    fn reaches_second(self, at: Second, now: Second) -> bool {
        now.saturating_sub(at) < self.seconds
    }
}

impl Seen {
    pub(crate) fn new(window: Window) -> Self {
        Self {
            window,
            stream_time: None,
            swept_at: 0,
            ids: HashMap::new(),
        }
    }

    /// Tells whether the id came out less than a window before `now`, a stream time.
    pub(crate) fn contains(&self, id: Uuid, now: Time) -> bool {
        let at = self.ids.get(&words(id));
        at.is_some_and(|at| self.window.reaches_second(*at, second(now)))
    }

    /// Returns the highest `received_at` that counts so far.
    pub(crate) fn stream_time(&self) -> Option<Time> {
        self.stream_time
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Remembers ids that came out, in the order of stream time, and forgets from time to time what
    /// has left the window by then.
    pub(crate) fn absorb(&mut self, stream_time: Time, ids: impl IntoIterator<Item = Uuid>) {
        let now = self
            .stream_time
            .map_or(stream_time, |at| at.max(stream_time));
        self.stream_time = Some(now);
        let now = second(now);
        let at = now.saturating_add(1);
        self.ids.extend(ids.into_iter().map(|id| (words(id), at)));
        if now.saturating_sub(self.swept_at) >= self.window.seconds / SWEEPS {
            self.sweep(now);
        }
    }

    fn sweep(&mut self, now: Second) {
        self.swept_at = now;
        let window = self.window;
        self.ids.retain(|_, at| window.reaches_second(*at, now));
        if self.ids.len() < self.ids.capacity() / 4 {
            self.ids.shrink_to(self.ids.len() * 2);
        }
    }
}

fn words(id: Uuid) -> Id {
    let (words, _) = id.as_bytes().as_chunks();
    std::array::from_fn(|word| u32::from_ne_bytes(words[word]))
}

fn second(time: Time) -> Second {
    let seconds = time.seconds().clamp(0, i64::from(Second::MAX));
    Second::try_from(seconds).expect("it was clamped")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(800);

    fn seen() -> Seen {
        Seen::new(Window::new(WINDOW))
    }

    fn at(seconds: i64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn an_id_is_known_for_the_whole_window_and_no_longer() {
        let mut seen = seen();
        seen.absorb(at(1_000), [id(1)]);
        for later in 1_001..=1_800 {
            seen.absorb(at(later), [id(u128::try_from(later).unwrap())]);
            assert!(seen.contains(id(1), at(later)), "forgotten at {later}");
        }
        assert!(!seen.contains(id(1), at(1_801)));
    }

    #[test]
    fn after_most_of_seven_days_an_event_is_known_and_after_more_it_is_not() {
        let day = 86_400;
        let mut seen = Seen::new(Window::new(Duration::from_secs(7 * 86_400)));
        seen.absorb(at(0), [id(1)]);
        assert!(seen.contains(id(1), at(69 * day / 10)));
        assert!(!seen.contains(id(1), at(71 * day / 10)));
    }

    #[test]
    fn what_left_the_window_gives_its_memory_back() {
        let mut seen = seen();
        seen.absorb(at(1_000), (0..100_000).map(id));
        let full = seen.ids.capacity();
        seen.absorb(at(1_100), [id(200_000)]);
        seen.absorb(at(1_101 + 800), []);
        assert!(seen.len() <= 1, "{} ids", seen.len());
        assert!(seen.ids.capacity() < full / 100);
    }

    #[test]
    fn a_late_record_does_not_turn_time_back() {
        let mut seen = seen();
        seen.absorb(at(5_000), [id(1)]);
        seen.absorb(at(1_000), [id(2)]);
        assert_eq!(seen.stream_time(), Some(at(5_000)));
        assert!(seen.contains(id(1), at(5_000)) && seen.contains(id(2), at(5_000)));
    }

    #[test]
    fn ids_that_differ_in_any_byte_are_different() {
        let mut seen = seen();
        seen.absorb(at(0), [id(0)]);
        for bit in 0..128 {
            assert!(!seen.contains(id(1 << bit), at(0)), "bit {bit}");
        }
    }

    #[test]
    fn ten_million_ids_take_at_most_forty_bytes_each() {
        const IDS: u128 = 10_000_000;
        let before = resident_bytes();
        let mut seen = seen();
        for thousand in 0..IDS / 1_000 {
            let ids = (0..1_000).map(|number| id((thousand * 1_000 + number) << 40));
            seen.absorb(at(0), ids);
        }
        assert_eq!(seen.len(), usize::try_from(IDS).unwrap());
        let each = (resident_bytes() - before) / u64::try_from(IDS).unwrap();
        assert!(each <= 40, "{each} bytes");
    }

    fn resident_bytes() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() * 1_024
    }
}
