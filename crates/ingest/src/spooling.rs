//! How deliveries stay accepted while Kafka is away (kafka-rules 11 to 13).

mod counts;
mod course;
mod drain;
mod partition;
mod record;
pub mod tools;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use events::{Provider, Topic};
use kafka::{Cluster, Failure, partition_of};
use service::Tasks;
use spool::{LocalDisk, Opened, Spool, Writer};
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

use crate::config::SpoolConfig;
use crate::keep::NotKept;
use crate::metrics::IngestMetrics;
use counts::Counts;
use partition::{RawPartition, RawProducer, report};

pub(crate) use partition::Durable;
pub(crate) use record::RawContent;

/// How long an answer of Kafka about a topic is waited for.
const ASK: Duration = Duration::from_secs(1);
/// How long a failed producer may take to report all that it had.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(30);
const GIVE_UP_STEP: Duration = Duration::from_millis(10);
/// Where each new producer fails at once, as without its rights.
const RENEW_EVERY: Duration = Duration::from_secs(5);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// All raw partitions, the producer and the spool.
#[derive(Clone)]
pub(crate) struct Spooling(Arc<Shared>);

struct Shared {
    cluster: Cluster,
    counts: Counts,
    spool: Spool,
    writer: Mutex<Writer>,
    producer: RwLock<Arc<RawProducer>>,
    partitions: RwLock<BTreeMap<Arc<str>, OfTopic>>,
    drain_rate: u64,
    metrics: IngestMetrics,
    /// Since when the process is about to end.
    ending: Mutex<Option<Instant>>,
    asked: Condvar,
}

/// How far a failed producer is on the way to be replaced.
#[derive(Default)]
struct Renewal {
    failed_at: Option<Instant>,
    renewed_at: Option<Instant>,
}

/// Raw partitions by number.
type OfTopic = BTreeMap<i32, Arc<RawPartition>>;

impl Spooling {
    /// Opens the spool; what an earlier process left there is drained first.
    pub(crate) fn open(
        config: &SpoolConfig,
        cluster: &Cluster,
        metrics: &IngestMetrics,
    ) -> anyhow::Result<Self> {
        let dir = &config.folder.spool_dir;
        let opened = spool::open(dir, config.spool_bytes_max, Box::new(LocalDisk))?;
        Ok(Self::new(opened, config, cluster, metrics)?)
    }

    fn new(
        opened: Opened,
        config: &SpoolConfig,
        cluster: &Cluster,
        metrics: &IngestMetrics,
    ) -> Result<Self, Failure> {
        let dir = &config.folder.spool_dir;
        let Opened {
            spool,
            writer,
            found,
        } = opened;
        info!(dir = %dir.display(), deliveries = found.len(), "spool is open");
        let spooling = Self(Arc::new(Shared {
            cluster: cluster.clone(),
            counts: Counts::load(dir),
            spool,
            writer: Mutex::new(writer),
            producer: RwLock::new(Arc::new(RawProducer::new(cluster, report)?)),
            partitions: RwLock::default(),
            drain_rate: config.spool_drain_rate,
            metrics: metrics.clone(),
            ending: Mutex::new(None),
            asked: Condvar::new(),
        }));
        let mut left: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for found in found {
            let of_partition = left.entry((found.topic, found.partition)).or_default();
            of_partition.push((found.place, found.slot));
        }
        for (name, left) in left {
            spooling.0.begin(name, left);
        }
        Ok(spooling)
    }

    /// Starts its threads; they end after [`Spooling::end`].
    pub(crate) fn start(&self, tasks: &Tasks) {
        let shared = Arc::clone(&self.0);
        tasks.spawn_thread("spool-writer", move || {
            shared.write();
            Ok(())
        });
        let shared = Arc::clone(&self.0);
        tasks.spawn_thread("spool", move || {
            drain::run(&shared);
            Ok(())
        });
        let shared = Arc::clone(&self.0);
        tasks.spawn_thread("raw-partitions", move || {
            shared.learn_partitions();
            Ok(())
        });
    }

    /// Returns once a delivery is durable, and in which partition.
    pub(crate) async fn keep(
        &self,
        topic: &str,
        content: RawContent,
        deadline: Instant,
    ) -> Result<(i32, Durable), NotKept> {
        if !content.fits() {
            return Err(NotKept::TooLarge);
        }
        let count = self.0.counts.of(topic, deadline).await;
        let number = count.and_then(|count| partition_of(&content.key, count));
        let number = number.ok_or(NotKept::Unavailable)?;
        let partition = self.0.partition(topic, number);
        let answer = partition.accept(&self.0.producer(), content);
        match timeout_at(deadline, answer).await {
            Ok(Ok(durable)) => Ok((number, durable?)),
            Ok(Err(_)) | Err(_) => Err(NotKept::Unavailable),
        }
    }

    /// Returns how many deliveries are in the spool, or on their way there.
    fn copies(&self) -> usize {
        let partitions = self.0.partitions().into_iter();
        partitions.map(|partition| partition.copies()).sum()
    }

    /// Lets the threads end, as soon as what is in flight has landed.
    pub(crate) fn end(&self) {
        let mut ending = self.0.ending.lock().unwrap_or_else(PoisonError::into_inner);
        ending.get_or_insert_with(Instant::now);
        self.0.asked.notify_all();
    }
}

impl Shared {
    /// Writes what is ordered until the spool is closed.
    fn write(&self) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.run();
    }

    /// Asks how many partitions the raw topics have, until all are known.
    fn learn_partitions(&self) {
        let mut unknown = raw_topics(&self.cluster);
        let mut told = BTreeMap::new();
        while !unknown.is_empty() && self.ending_since().is_none() {
            unknown.retain(|topic| match self.learn_partitions_of(topic) {
                Ok(()) => {
                    if told.remove(topic).is_some() {
                        info!(topic, "its partitions are known now");
                    }
                    false
                }
                Err(hindrance) => {
                    if told.get(topic) != Some(&hindrance) {
                        warn!(topic, hindrance, "its partitions are not known");
                        told.insert(topic.clone(), hindrance);
                    }
                    true
                }
            });
            self.wait(ASK_AGAIN_AFTER);
        }
    }

    /// Fails with what stands in the way.
    fn learn_partitions_of(&self, topic: &str) -> Result<(), String> {
        if self.ending_since().is_some() {
            return Err("ingest ends".to_owned());
        }
        match self.producer().partitions(topic, ASK) {
            Ok(count) if count > 0 => {
                self.counts.learn(topic, count);
                Ok(())
            }
            Ok(_) => Err("there is no such topic; run `cardea topics`".to_owned()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    fn producer(&self) -> Arc<RawProducer> {
        let producer = self.producer.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&producer)
    }

    /// Puts a new producer in the place of one that has failed for good, once that one has reported
    /// all that it had: it takes nothing any more, so that what comes meanwhile goes to the spool
    /// behind it. Called again and again, it waits a moment only; deliveries are flipped in between.
    fn renew_producer(&self, renewal: &mut Renewal) {
        let now = Instant::now();
        let failed_at = *renewal.failed_at.get_or_insert(now);
        if let Err(failure) = self.producer().give_up(GIVE_UP_STEP) {
            if now - failed_at < GIVEN_UP_WITHIN {
                return;
            }
            // Without its reports a partition waits for them for ever.
            error!(error = %failure, "deliveries stay in the spool until a restart");
        }
        if renewal.renewed_at.is_some_and(|at| now - at < RENEW_EVERY) {
            return;
        }
        match RawProducer::new(&self.cluster, report) {
            Ok(new) => {
                warn!("producer failed for good and is replaced");
                let mut producer = self
                    .producer
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *producer = Arc::new(new);
                renewal.failed_at = None;
            }
            Err(failure) => warn!(error = %failure, "producer cannot be replaced"),
        }
        renewal.renewed_at = Some(now);
    }

    fn partitions(&self) -> Vec<Arc<RawPartition>> {
        let partitions = self
            .partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let all = partitions.values().flat_map(BTreeMap::values);
        all.cloned().collect()
    }

    fn partition(&self, topic: &str, number: i32) -> Arc<RawPartition> {
        let known = self
            .partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let found = known.get(topic).and_then(|it| it.get(&number)).cloned();
        drop(known);
        found.unwrap_or_else(|| self.begin((topic.into(), number), Vec::new()))
    }

    fn begin(
        &self,
        name: (Arc<str>, i32),
        left: Vec<(course::Place, spool::Slot)>,
    ) -> Arc<RawPartition> {
        let mut known = self
            .partitions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let of_topic = known.entry(Arc::clone(&name.0)).or_default();
        let begun = of_topic.entry(name.1).or_insert_with(|| {
            let is_of = |provider: &Provider| self.cluster.topic(Topic::Raw(*provider)) == *name.0;
            let provider = Provider::ALL.into_iter().find(is_of);
            let (spool, metrics) = (self.spool.clone(), self.metrics.clone());
            Arc::new(RawPartition::new(name, provider, spool, metrics, left))
        });
        Arc::clone(begun)
    }

    fn ending_since(&self) -> Option<Instant> {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits that long, or until the process is about to end.
    fn wait(&self, at_most: Duration) {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if ending.is_none() {
            drop(self.asked.wait_timeout(ending, at_most));
        }
    }
}

fn raw_topics(cluster: &Cluster) -> Vec<String> {
    let raw = Provider::ALL.into_iter().map(Topic::Raw);
    raw.map(|topic| cluster.topic(topic)).collect()
}

impl fmt::Debug for Spooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spooling")
            .field("spool", &self.0.spool)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
