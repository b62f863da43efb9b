//! The sink's part of the worker's loop: take events, make attempts, record what became of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::{CanonicalTopic, Time, Topic};
use kafka::{
    BorrowedMessage, Cluster, Failure, Message as _, Partition, Reached, Record, Scanner, Stage,
    Stop, Transactor,
};
use registry::Resolver;
use tokio::runtime::Handle;
use tracing::{debug, error, warn};

use crate::client::{Client, Message};
use crate::config::Config;
use crate::ledger::{Ledger, Now, Owed, Ticket, Write};
use crate::metrics::Metrics;
use crate::records::{NoBody, body, read_event, read_row};
use crate::requests::{Permit, Requests};
use crate::rows::{self, Header};
use crate::schedule::Schedule;
use crate::subscriptions::{Live, Standing};
use crate::verdict::{Ending, Fault, Reason, judge};

/// How long the last transaction waits for attempts that are under way.
const LAST_WAIT: Duration = Duration::from_secs(1);
const LAST_STEP: Duration = Duration::from_millis(20);

/// What the stage works with beside Kafka. Time and randomness come from outside.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) runtime: Handle,
    pub(crate) live: Live,
    pub(crate) metrics: Metrics,
    pub(crate) clock: fn() -> Time,
    /// Gives numbers from 0 to 1.
    pub(crate) random: fn() -> f64,
    pub(crate) stop: Stop,
}

/// Delivers the events of the partitions that are ours.
pub(crate) struct Deliver {
    means: Means,
    scanner: Scanner,
    names: Names,
    schemas: Resolver,
    ledger: Ledger,
    requests: Requests,
    schedule: Schedule,
    attempt_within: Duration,
    owed_max: usize,
    owed_bytes_max: usize,
}

/// Physical topic names, built once.
struct Names {
    /// `retries.<topic>` by canonical topic.
    retries: HashMap<String, String>,
    dead_letters: String,
    attempts: String,
}

impl Deliver {
    pub(crate) fn new(config: &Config, cluster: &Cluster, means: Means) -> Result<Self, Failure> {
        let client = Client::new(config.reach.reach(), config.attempt_timeout);
        let requests_max = usize::try_from(config.sink_requests).unwrap_or(usize::MAX);
        Ok(Self {
            scanner: Scanner::new(cluster)?,
            names: Names::new(cluster),
            schemas: Resolver::new(cluster),
            ledger: Ledger::new(usize::try_from(config.sink_window).unwrap_or(usize::MAX)),
            requests: Requests::new(means.runtime.clone(), client, requests_max),
            schedule: config.schedule(),
            attempt_within: config.attempt_timeout,
            owed_max: usize::try_from(config.sink_owed).unwrap_or(usize::MAX),
            owed_bytes_max: usize::try_from(config.sink_owed_bytes).unwrap_or(usize::MAX),
            means,
        })
    }

    fn now(&self) -> Now {
        Now {
            wall: (self.means.clock)(),
            steady: Instant::now(),
        }
    }

    /// Begins every attempt that is due, as far as there is room.
    fn begin_due(&mut self) {
        while let Some(permit) = self.requests.reserve() {
            let Some((ticket, owed)) = self.ledger.begin(self.now()) else {
                return;
            };
            self.attempt(ticket, &owed, permit);
        }
    }

    fn attempt(&mut self, ticket: Ticket, owed: &Owed, permit: Permit) {
        let live = self.means.live.borrow().clone().unwrap_or_default();
        let subscription = match live.standing(owed.subscription) {
            Standing::Served(subscription) => subscription,
            Standing::Refused => {
                error!(subscription = %owed.subscription, event.id = %owed.event.id, "subscription is not understood, an event becomes a dead letter");
                return self.ledger.impossible(ticket, Reason::Unserved);
            }
            Standing::Deleted => {
                debug!(subscription = %owed.subscription, "subscription is deleted, an event is dropped");
                self.means.metrics.dropped.inc();
                return self.ledger.unwanted(ticket);
            }
        };
        let topic = &owed.partition.topic;
        let body = match body(&owed.event, |bytes| self.schemas.decode(topic, bytes)) {
            Ok(body) => body,
            Err(NoBody::NotYetKnown) => {
                warn!(event.id = %owed.event.id, "event is of a newer version or its schema id is not known, the attempt has failed");
                return self.note(ticket, Ending::Failed(Fault::UnknownEvent));
            }
            Err(NoBody::Undecodable) => {
                error!(event.id = %owed.event.id, "event cannot be decoded, it becomes a dead letter");
                return self.ledger.impossible(ticket, Reason::Undecodable);
            }
        };
        let message = Message {
            id: owed.event.id.to_string(),
            body,
            sent_at: (self.means.clock)(),
        };
        self.requests.start(permit, ticket, subscription, message);
    }

    /// Notes the results that have come; waits for the first no longer than that.
    fn hear(&mut self, patience: Duration) {
        let mut next = self.requests.hear(patience);
        while let Some(outcome) = next {
            self.note(outcome.ticket, outcome.ending);
            next = self.requests.hear(Duration::ZERO);
        }
    }

    fn note(&mut self, ticket: Ticket, ending: Ending) {
        let (now, random) = (self.now(), (self.means.random)());
        let schedule = &self.schedule;
        let judge = |attempts| judge(ending, attempts, schedule, random);
        if let Some(verdict) = self.ledger.ended(ticket, ending, now, judge) {
            self.means.metrics.attempt(verdict);
        }
    }

    fn pass_slow(&mut self) {
        let (now, random) = (self.now(), (self.means.random)());
        let (schedule, attempt_within) = (&self.schedule, self.attempt_within);
        self.ledger.pass_slow(now, |attempts| {
            let wait = schedule.wait(attempts, random, None);
            attempt_within + wait.unwrap_or(Duration::ZERO)
        });
    }

    fn write(&self, write: &Write, out: &Transactor) -> Result<(), Failure> {
        let owed = write.owed();
        let (key, number) = (rows::key(owed), owed.partition.number);
        let wire = Some(owed.event.wire.as_ref());
        let retries = self.names.retries(&owed.partition)?;
        match write {
            Write::Row { due_at, .. } => {
                let headers = rows::retry_headers(owed, *due_at);
                send(out, (retries, Some(number)), &key, &headers, wire)
            }
            Write::NoRow(_) => send(out, (retries, Some(number)), &key, &[], None),
            Write::DeadLetter { reason, ending, .. } => {
                let headers = rows::dead_letter_headers(owed, *reason, *ending);
                send(out, (&self.names.dead_letters, None), &key, &headers, wire)
            }
            Write::Attempt {
                began_at,
                took,
                ending,
                verdict,
                ..
            } => {
                let value = rows::attempt_json(owed, *began_at, *took, *ending, *verdict);
                let key = owed.subscription.to_string();
                send(out, (&self.names.attempts, None), &key, &[], Some(&value))
            }
        }
    }

    fn count_committed(&self) {
        let metrics = &self.means.metrics;
        for write in self.ledger.writes() {
            match write {
                Write::DeadLetter { reason, .. } => metrics.dead_letter(*reason),
                Write::Attempt { took, .. } => {
                    metrics.attempt_seconds.observe(took.as_secs_f64());
                }
                Write::Row { .. } | Write::NoRow(_) => {}
            }
        }
    }

    fn show(&self) {
        let gauge = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let metrics = &self.means.metrics;
        metrics.owed.set(gauge(self.ledger.owed()));
        metrics.window_used.set(gauge(self.ledger.used()));
    }

    /// Takes over the rows of a partition of `retries`.
    fn restore(&mut self, partition: &Partition) -> Result<(), Failure> {
        let retries = Partition {
            topic: self.names.retries(partition)?.into(),
            number: partition.number,
        };
        let mut found = HashMap::new();
        let mut unreadable = 0_u64;
        self.scanner.scan(&retries, 0, |record| {
            match read_row(partition, record) {
                Ok((key, Some(row))) => {
                    found.insert(key, row);
                }
                Ok((key, None)) => {
                    found.remove(&key);
                }
                Err(error) => {
                    error!(partition = %retries, offset = record.offset(), %error, "a retry is passed over");
                    unreadable += 1;
                }
            }
            Ok(())
        })?;
        self.means.metrics.unreadable.inc_by(unreadable);
        let now = self.now();
        for (owed, due_at) in found.into_values() {
            self.ledger.restore(owed, due_at, now);
        }
        Ok(())
    }
}

impl Stage for Deliver {
    fn assign(
        &mut self,
        partition: &Partition,
        committed: Option<i64>,
        earliest: i64,
    ) -> Result<i64, Failure> {
        let start = committed.unwrap_or(earliest);
        self.ledger.revoke(partition);
        self.ledger.assign(partition.clone(), start);
        self.restore(partition)?;
        Ok(start)
    }

    fn revoke(&mut self, partition: &Partition) {
        self.ledger.revoke(partition);
    }

    fn take(&mut self, record: &BorrowedMessage<'_>, _out: &Transactor) -> Result<(), Failure> {
        let partition = Partition {
            topic: record.topic().into(),
            number: record.partition(),
        };
        self.means.metrics.events.inc();
        let at = (&partition, record.offset());
        let Some((event, traits)) = read_event(record) else {
            error!(%partition, offset = at.1, "a record is no canonical event and is passed over");
            self.means.metrics.unreadable.inc();
            self.ledger.pass(at);
            return Ok(());
        };
        let now = self.now();
        let live = self.means.live.borrow().clone().unwrap_or_default();
        self.ledger
            .take(at, &Arc::new(event), live.wanting(traits), now);
        self.begin_due();
        Ok(())
    }

    fn tend(&mut self, patience: Duration) {
        self.hear(Duration::ZERO);
        self.pass_slow();
        self.begin_due();
        if !patience.is_zero() && self.full() {
            self.hear(patience);
            self.begin_due();
        }
        self.show();
    }

    /// Due events go before new ones.
    fn full(&self) -> bool {
        let crowded =
            self.ledger.owed() >= self.owed_max || self.ledger.owed_bytes() >= self.owed_bytes_max;
        crowded || self.ledger.full() || self.ledger.overdue(Instant::now())
    }

    fn pending(&self) -> bool {
        let last = self.means.stop.requested() && self.ledger.holding();
        last || self.ledger.pending()
    }

    fn conclude(
        &mut self,
        out: &Transactor,
        reached: &Reached,
    ) -> Result<Vec<(Partition, i64)>, Failure> {
        if self.means.stop.requested() {
            let deadline = Instant::now() + LAST_WAIT;
            while self.ledger.holding() && Instant::now() < deadline {
                self.hear(LAST_STEP);
            }
            self.pass_slow();
        }
        for write in self.ledger.writes() {
            self.write(write, out)?;
        }
        let prefixes = self.ledger.prefixes().into_iter();
        let ends = prefixes.map(|(partition, next)| {
            let next = reached.after(&partition, next);
            (partition, next)
        });
        Ok(ends.collect())
    }

    fn committed(&mut self) {
        self.count_committed();
        self.ledger.committed();
    }

    /// What was to be written is written with the next transaction.
    fn refused(&mut self) -> Vec<(Partition, i64)> {
        Vec::new()
    }
}

fn send(
    out: &Transactor,
    (topic, partition): (&str, Option<i32>),
    key: &str,
    headers: &[Header],
    value: Option<&[u8]>,
) -> Result<(), Failure> {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(n, v)| (*n, v.as_ref())).collect();
    out.send(&Record {
        topic,
        partition,
        key: Some(key.as_bytes()),
        headers: &headers,
        value,
    })
}

impl Names {
    fn new(cluster: &Cluster) -> Self {
        let retries = CanonicalTopic::ALL.map(|topic| {
            let canonical = cluster.topic(Topic::Canonical(topic));
            (canonical, cluster.topic(Topic::Retries(topic)))
        });
        Self {
            retries: retries.into(),
            dead_letters: cluster.topic(Topic::DeadLetters),
            attempts: cluster.topic(Topic::Attempts),
        }
    }

    fn retries(&self, canonical: &Partition) -> Result<&str, Failure> {
        let found = self.retries.get(canonical.topic.as_ref());
        let unknown = || Failure::fatal(format!("{} is no canonical topic", canonical.topic));
        found.map(String::as_str).ok_or_else(unknown)
    }
}
