//! What the normalizer does with raw records: map, drop what was seen, write canonical events, the
//! ids and the quarantine into the worker's transaction.

use std::collections::HashMap;
use std::time::Duration;

use events::{Provider, RawPosition, Time};
use kafka::{
    BorrowedMessage, Cluster, Failure, Message, Partition, Reached, Scanner, Stage, Transactor,
    headers_of,
};
use providers::{Raw, roster};
use registry::Live;
use tracing::{debug, warn};

use crate::batch::Batch;
use crate::ledger;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::outgoing::outgoing_of;
use crate::quarantine;
use crate::rebuild::{Rebuilt, rebuild};
use crate::rosters;
use crate::seen::{Seen, Window};

/// A clock that is far ahead must not push ids out of the window: stream time follows
/// `received_at` at most so far beyond the present.
const FUTURE_SKEW_US: i64 = 5 * 60 * 1_000_000;

/// The normalizer's part of the loop.
pub(crate) struct Normalize {
    scanner: Scanner,
    setting: Setting,
    metrics: Metrics,
    partitions: HashMap<(Provider, i32), State>,
}

/// What is the same for all partitions.
struct Setting {
    names: Names,
    window: Window,
    ids: Live,
    clock: fn() -> Time,
}

/// The state of a raw partition that is ours.
struct State {
    partition: Partition,
    provider: Provider,
    seen: Seen,
    /// What the open transaction adds, once it is committed.
    batch: Option<Batch>,
}

impl Normalize {
    pub(crate) fn new(
        cluster: &Cluster,
        window: Duration,
        ids: Live,
        clock: fn() -> Time,
        metrics: Metrics,
    ) -> Result<Self, Failure> {
        Ok(Self {
            scanner: Scanner::new(cluster)?,
            setting: Setting {
                names: Names::new(cluster),
                window: Window::new(window),
                ids,
                clock,
            },
            metrics,
            partitions: HashMap::new(),
        })
    }
}

impl Stage for Normalize {
    fn assign(
        &mut self,
        partition: &Partition,
        committed: Option<i64>,
        earliest: i64,
    ) -> Result<i64, Failure> {
        let Setting { names, window, .. } = &self.setting;
        let provider = names.provider(&partition.topic)?;
        let ledger = names.ledger(provider, partition.number);
        let rebuilt = rebuild(&self.scanner, &ledger, *window)?;
        self.metrics.unreadable.inc_by(rebuilt.unreadable);
        let Rebuilt { seen, ended_at, .. } = rebuilt;
        let start = start_of(partition, committed, ended_at, earliest)?;
        let lost = u64::try_from(earliest - start).unwrap_or(0);
        self.metrics.overtaken(provider).inc_by(lost);
        debug!(%partition, seen = seen.len(), start, "seen ids rebuilt");
        self.revoke(partition);
        self.metrics.seen_ids(provider).add(count(seen.len()));
        let state = State {
            partition: partition.clone(),
            provider,
            seen,
            batch: None,
        };
        self.partitions.insert((provider, partition.number), state);
        Ok(start)
    }

    fn revoke(&mut self, partition: &Partition) {
        let Ok(provider) = self.setting.names.provider(&partition.topic) else {
            return;
        };
        if let Some(state) = self.partitions.remove(&(provider, partition.number)) {
            self.metrics
                .seen_ids(state.provider)
                .sub(count(state.seen.len()));
        }
    }

    fn take(&mut self, record: &BorrowedMessage<'_>, out: &Transactor) -> Result<(), Failure> {
        let provider = self.setting.names.provider(record.topic())?;
        match self.partitions.get_mut(&(provider, record.partition())) {
            Some(state) => state.take(&self.setting, record, out),
            None => Ok(()),
        }
    }

    fn tend(&mut self, _patience: Duration) {}

    fn full(&self) -> bool {
        false
    }

    fn pending(&self) -> bool {
        self.partitions.values().any(|state| state.batch.is_some())
    }

    fn conclude(
        &mut self,
        out: &Transactor,
        reached: &Reached,
    ) -> Result<Vec<(Partition, i64)>, Failure> {
        let mut done = Vec::new();
        for state in self.partitions.values_mut() {
            if let Some(batch) = &mut state.batch {
                let partition = &state.partition;
                batch.next = reached.after(partition, batch.next);
                let seen = self.setting.names.seen(state.provider);
                ledger::write(out, seen, partition.number, batch)?;
                done.push((partition.clone(), batch.next));
            }
        }
        Ok(done)
    }

    fn committed(&mut self) {
        self.metrics.transactions_committed.inc();
        for state in self.partitions.values_mut() {
            let Some(batch) = state.batch.take() else {
                continue;
            };
            let before = state.seen.len();
            batch.count(&self.metrics, state.provider);
            for (stream_time, ids) in batch.runs() {
                state.seen.absorb(stream_time, ids.iter().copied());
            }
            let grown = count(state.seen.len()) - count(before);
            self.metrics.seen_ids(state.provider).add(grown);
        }
    }

    fn refused(&mut self) -> Vec<(Partition, i64)> {
        self.metrics.transactions_refused.inc();
        let states = self.partitions.values_mut();
        let refused = states.filter_map(|state| {
            let batch = state.batch.take()?;
            Some((state.partition.clone(), batch.first))
        });
        refused.collect()
    }
}

impl State {
    fn take(
        &mut self,
        setting: &Setting,
        record: &BorrowedMessage<'_>,
        out: &Transactor,
    ) -> Result<(), Failure> {
        let names = &setting.names;
        // Once, as each costs a call into the Kafka client.
        let headers: Vec<_> = headers_of(record).collect();
        let position = RawPosition {
            topic: record.topic().to_owned(),
            partition: record.partition(),
            offset: record.offset(),
            index: 0,
        };
        let body = record.payload().unwrap_or_default();
        let parsed = Raw::parse(self.provider, position, headers.iter().copied(), body);
        let received_at = parsed.as_ref().ok().map(|raw| raw.received_at);
        let mapped = parsed.and_then(|raw| {
            let outgoing = outgoing_of(&raw, setting.ids.now())?;
            Ok((outgoing, roster::rows(&raw)))
        });
        let limit = self.limit(setting);
        let stream_time = self.stream_time(limit, received_at);
        let seen = &self.seen;
        let batch = self.batch.get_or_insert_with(|| {
            Batch::starting_at(record.offset(), stream_time, limit, setting.window)
        });
        match mapped {
            Ok((outgoing, rows)) => {
                rosters::write(out, names.rosters(), &rows)?;
                for outgoing in outgoing {
                    let id = outgoing.event.envelope.event_id;
                    if seen.contains(id, stream_time) || !batch.remember(id, stream_time) {
                        batch.duplicates += 1;
                    } else {
                        let topic = outgoing.event.body.topic();
                        outgoing.write(out, names.canonical(topic))?;
                        batch.events += 1;
                    }
                }
            }
            Err(unmappable) => {
                debug!(
                    provider = self.provider.name(),
                    reason = unmappable.reason.name(),
                    raw.partition = record.partition(),
                    raw.offset = record.offset(),
                    "delivery quarantined"
                );
                quarantine::write(out, names.quarantine(self.provider), record, &unmappable)?;
                batch.quarantined.push(unmappable.reason);
            }
        }
        quarantine::resolve(out, names.quarantine(self.provider), &headers)?;
        batch.cover(record.offset(), stream_time);
        Ok(())
    }

    /// Returns the latest stream time that is believed, as of the batch's first record.
    fn limit(&self, setting: &Setting) -> Time {
        match &self.batch {
            Some(batch) => batch.limit,
            None => (setting.clock)().saturating_add_micros(FUTURE_SKEW_US),
        }
    }

    fn stream_time(&self, limit: Time, received_at: Option<Time>) -> Time {
        let so_far = self
            .batch
            .as_ref()
            .map(|batch| batch.stream_time)
            .or(self.seen.stream_time());
        let received_at = received_at.or(so_far).unwrap_or(limit).min(limit);
        so_far.map_or(received_at, |at| at.max(received_at))
    }
}

/// A worker that failed is made anew, and counts its ids again.
impl Drop for Normalize {
    fn drop(&mut self) {
        let owned = self.partitions.values();
        let owned: Vec<_> = owned.map(|state| state.partition.clone()).collect();
        owned.iter().for_each(|partition| self.revoke(partition));
    }
}

fn count(ids: usize) -> i64 {
    i64::try_from(ids).unwrap_or(i64::MAX)
}

/// Decides where to read on (kafka-rules 7): the group's offset, which must be where the ledger
/// ends; the ledger's end when the group has lost its offsets; the beginning when there is neither.
fn start_of(
    partition: &Partition,
    committed: Option<i64>,
    ended_at: Option<i64>,
    earliest: i64,
) -> Result<i64, Failure> {
    match (committed, ended_at) {
        (Some(committed), Some(ended_at)) if committed != ended_at => Err(Failure::fatal(format!(
            "the group's offset of {partition} is {committed}, but its seen ledger ends at \
             {ended_at}: somebody moved one of them; set the group's offset back to {ended_at}"
        ))),
        (Some(committed), Some(_)) => Ok(committed),
        (Some(committed), None) => {
            if committed > earliest {
                warn!(%partition, "seen ledger is empty, repeats of earlier deliveries come out again");
            }
            Ok(committed)
        }
        (None, Some(ended_at)) => {
            warn!(%partition, start = ended_at, "group offset lost, resumed from the seen ledger");
            Ok(ended_at)
        }
        (None, None) => Ok(earliest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> Partition {
        Partition {
            topic: "cardea.raw.genea".into(),
            number: 3,
        }
    }

    #[test]
    fn reading_goes_on_where_group_and_ledger_agree() {
        assert_eq!(start_of(&partition(), Some(9), Some(9), 0).unwrap(), 9);
        assert_eq!(start_of(&partition(), Some(9), None, 0).unwrap(), 9);
    }

    #[test]
    fn a_lost_group_offset_is_taken_from_the_ledger() {
        assert_eq!(start_of(&partition(), None, Some(9), 0).unwrap(), 9);
        assert_eq!(start_of(&partition(), None, None, 4).unwrap(), 4);
    }

    #[test]
    fn disagreeing_offsets_stop_the_worker_with_the_way_out() {
        let refused = start_of(&partition(), Some(5), Some(9), 0)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("set the group's offset back to 9"),
            "{refused}"
        );
    }
}
