//! The event ids of one raw partition that have come out already.
//!
//! Exact within the window: an id is forgotten only when the partition's stream time, the highest
//! `received_at` so far, has moved a whole window past the one it was remembered at. The wall
//! clock plays no part, so a backlog neither widens nor narrows the window (kafka-rules 8).

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use events::Time;
use uuid::Uuid;

/// Ids are kept in sealed sets of an eighth of the window each, so that forgetting gives whole
/// tables back to the allocator.
const GENERATIONS: i64 = 8;

/// The remembered ids, 16 bytes each and what the hash table needs around them.
#[derive(Debug)]
pub(crate) struct Seen {
    window_us: i64,
    stream_time: Option<Time>,
    generations: VecDeque<Generation>,
}

#[derive(Debug)]
struct Generation {
    began_at: Time,
    ids: HashSet<u128>,
}

impl Seen {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window_us: i64::try_from(window.as_micros()).unwrap_or(i64::MAX),
            stream_time: None,
            generations: VecDeque::new(),
        }
    }

    pub(crate) fn contains(&self, id: Uuid) -> bool {
        let id = id.as_u128();
        self.generations
            .iter()
            .any(|generation| generation.ids.contains(&id))
    }

    /// Returns the highest `received_at` that counts so far.
    pub(crate) fn stream_time(&self) -> Option<Time> {
        self.stream_time
    }

    pub(crate) fn len(&self) -> usize {
        self.generations
            .iter()
            .map(|generation| generation.ids.len())
            .sum()
    }

    /// Remembers the ids of a committed batch, and forgets what has left the window by then.
    pub(crate) fn absorb(&mut self, stream_time: Time, ids: impl IntoIterator<Item = Uuid>) {
        let now = self
            .stream_time
            .map_or(stream_time, |at| at.max(stream_time));
        self.stream_time = Some(now);
        self.forget(now);
        let generation = self.generation_at(now);
        generation
            .ids
            .extend(ids.into_iter().map(|id| id.as_u128()));
    }

    fn forget(&mut self, now: Time) {
        // A generation's ids may be as young as the begin of the next one.
        while let Some(next) = self.generations.get(1) {
            if now.micros().saturating_sub(next.began_at.micros()) < self.window_us {
                return;
            }
            self.generations.pop_front();
        }
    }

    fn generation_at(&mut self, now: Time) -> &mut Generation {
        let period_us = self.window_us / GENERATIONS;
        let fits = self.generations.back().is_some_and(|generation| {
            now.micros().saturating_sub(generation.began_at.micros()) < period_us
        });
        if !fits {
            self.generations.push_back(Generation {
                began_at: now,
                ids: HashSet::new(),
            });
        }
        self.generations
            .back_mut()
            .expect("one was pushed if there was none")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(800);

    fn at(seconds: i64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn an_id_is_known_for_the_whole_window() {
        let mut seen = Seen::new(WINDOW);
        seen.absorb(at(1_000), [id(1)]);
        for later in (1_000..1_800).step_by(7) {
            seen.absorb(at(later), [id(later as u128)]);
            assert!(seen.contains(id(1)), "forgotten after {} s", later - 1_000);
        }
    }

    #[test]
    fn an_id_that_left_the_window_is_forgotten_and_its_memory_given_back() {
        let mut seen = Seen::new(WINDOW);
        seen.absorb(at(1_000), (0..10_000).map(id));
        seen.absorb(at(1_101), [id(20_000)]);
        seen.absorb(at(1_101 + 800), []);
        assert!(!seen.contains(id(1)));
        assert!(seen.len() <= 1);
    }

    #[test]
    fn a_late_record_does_not_turn_time_back() {
        let mut seen = Seen::new(WINDOW);
        seen.absorb(at(5_000), [id(1)]);
        seen.absorb(at(1_000), [id(2)]);
        assert_eq!(seen.stream_time(), Some(at(5_000)));
        assert!(seen.contains(id(1)) && seen.contains(id(2)));
    }

    #[test]
    fn an_idle_partition_keeps_its_ids_until_time_moves() {
        let mut seen = Seen::new(WINDOW);
        seen.absorb(at(1_000), [id(1)]);
        assert!(seen.contains(id(1)));
        assert!(!seen.contains(id(2)));
    }
}
