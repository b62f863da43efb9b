//! What the open transaction holds of one raw partition; it counts only once it is committed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use events::{Provider, Time};
use providers::Reason;
use uuid::Uuid;

use crate::metrics::Metrics;
use crate::seen::Window;

/// Ids of one run came out within so much stream time; a batch that works off a backlog may span
/// days.
const RUN_US: i64 = 60 * 1_000_000;

/// The records taken since the last commit.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Offset of the first record.
    pub(crate) first: i64,
    /// The offset after the last record.
    pub(crate) next: i64,
    pub(crate) stream_time: Time,
    /// No later stream time is believed.
    pub(crate) limit: Time,
    pub(crate) events: u64,
    pub(crate) duplicates: u64,
    pub(crate) quarantined: Vec<Reason>,
    window: Window,
    runs: Vec<Run>,
    /// When each id came out last.
    known: HashMap<Uuid, Time>,
}

/// Ids that came out at about the same stream time.
#[derive(Debug)]
pub(crate) struct Run {
    began_at: Time,
    /// The time of the last one.
    pub(crate) stream_time: Time,
    pub(crate) ids: Vec<Uuid>,
}

impl Batch {
    pub(crate) fn starting_at(offset: i64, stream_time: Time, limit: Time, window: Window) -> Self {
        Self {
            first: offset,
            next: offset,
            stream_time,
            limit,
            events: 0,
            duplicates: 0,
            quarantined: Vec::new(),
            window,
            runs: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Remembers an id that comes out at `now`; `false` if it did so within the window before.
    pub(crate) fn remember(&mut self, id: Uuid, now: Time) -> bool {
        match self.known.entry(id) {
            Entry::Occupied(known) if self.window.reaches(*known.get(), now) => return false,
            entry => entry.insert_entry(now),
        };
        match self.runs.last_mut() {
            Some(run) if now.micros().saturating_sub(run.began_at.micros()) < RUN_US => {
                run.stream_time = now.max(run.stream_time);
                run.ids.push(id);
            }
            Some(_) | None => self.runs.push(Run {
                began_at: now,
                stream_time: now,
                ids: vec![id],
            }),
        }
        true
    }

    /// Counts a record as part of the batch.
    pub(crate) fn cover(&mut self, offset: i64, stream_time: Time) {
        self.next = offset + 1;
        self.stream_time = self.stream_time.max(stream_time);
    }

    /// Returns the ids that came out, in the order of stream time, and last how far it has come.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Time, &[Uuid])> {
        let runs = self.runs.iter().map(|run| (run.stream_time, &*run.ids));
        let ended_at = self.runs.last().map(|run| run.stream_time);
        let rest =
            (ended_at != Some(self.stream_time)).then_some((self.stream_time, [].as_slice()));
        runs.chain(rest)
    }

    /// Shows the committed batch in the metrics.
    pub(crate) fn count(&self, metrics: &Metrics, provider: Provider) {
        metrics.events(provider).inc_by(self.events);
        metrics.duplicates(provider).inc_by(self.duplicates);
        for reason in &self.quarantined {
            metrics.quarantined(provider, *reason).inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    fn batch() -> Batch {
        let window = Window::new(Duration::from_secs(86_400));
        Batch::starting_at(0, at(0), at(86_400), window)
    }

    #[test]
    fn an_id_comes_out_once_in_a_window_also_within_a_batch() {
        let mut batch = batch();
        assert!(batch.remember(Uuid::nil(), at(0)));
        assert!(!batch.remember(Uuid::nil(), at(86_000)));
        assert!(batch.remember(Uuid::nil(), at(86_402)));
    }

    #[test]
    fn a_batch_over_a_long_time_remembers_ids_by_the_minute() {
        let mut batch = batch();
        for (number, seconds) in [0, 59, 60, 3_600].into_iter().enumerate() {
            let id = Uuid::from_u128(u128::try_from(number).unwrap());
            assert!(batch.remember(id, at(seconds)));
            batch.cover(0, at(seconds));
        }
        let runs: Vec<_> = batch.runs().map(|(time, ids)| (time, ids.len())).collect();
        assert_eq!(runs, [(at(59), 2), (at(60), 1), (at(3_600), 1)]);
    }

    #[test]
    fn a_batch_without_new_ids_still_says_how_far_it_has_come() {
        let mut batch = batch();
        assert!(batch.remember(Uuid::nil(), at(5)));
        batch.cover(1, at(9));
        let runs: Vec<_> = batch.runs().map(|(time, ids)| (time, ids.len())).collect();
        assert_eq!(runs, [(at(5), 1), (at(9), 0)]);
    }
}
