//! What the open transaction holds of one raw partition; it counts only once it is committed.

use std::collections::HashSet;

use events::{Provider, Time};
use providers::Reason;
use uuid::Uuid;

use crate::metrics::Metrics;

/// The records taken since the last commit.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Offset of the first record.
    pub(crate) first: i64,
    /// The offset after the last record.
    pub(crate) next: i64,
    pub(crate) stream_time: Time,
    pub(crate) events: u64,
    pub(crate) duplicates: u64,
    pub(crate) quarantined: Vec<Reason>,
    ids: Vec<Uuid>,
    known: HashSet<Uuid>,
}

impl Batch {
    pub(crate) fn starting_at(offset: i64, stream_time: Time) -> Self {
        Self {
            first: offset,
            next: offset,
            stream_time,
            events: 0,
            duplicates: 0,
            quarantined: Vec::new(),
            ids: Vec::new(),
            known: HashSet::new(),
        }
    }

    /// Remembers an id; `false` if the batch has it already.
    pub(crate) fn remember(&mut self, id: Uuid) -> bool {
        let new = self.known.insert(id);
        if new {
            self.ids.push(id);
        }
        new
    }

    /// Counts a record as part of the batch.
    pub(crate) fn cover(&mut self, offset: i64, stream_time: Time) {
        self.next = offset + 1;
        self.stream_time = self.stream_time.max(stream_time);
    }

    pub(crate) fn ids(&self) -> &[Uuid] {
        &self.ids
    }

    pub(crate) fn into_ids(self) -> Vec<Uuid> {
        self.ids
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
