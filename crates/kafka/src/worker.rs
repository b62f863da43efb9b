//! The read-process-write loop: poll, hand records to a stage, commit what it wrote and how far it
//! came in one transaction. All that Kafka may do meanwhile (rebalance, outage, a commit whose
//! answer never came) is dealt with here; what the records mean is the stage's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use tracing::{debug, error, info, warn};

use crate::config::Cluster;
use crate::failure::Failure;
use crate::group::{GroupConsumer, Partition, Polled, Rebalance};
use crate::pace::{Pace, Supply};
use crate::scan::Scanner;
use crate::stage::{Reached, Stage};
use crate::transactor::Transactor;

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// A member fenced sooner than this after it joined has a living rival.
const FENCE_TWICE: Duration = Duration::from_secs(10);
/// A stage that is full for so long has its partitions paused.
const FULL_MAX: Duration = Duration::from_secs(1);

/// How a worker is called and how often it commits.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    pub group: String,
    /// Static membership and transactional id: stable over restarts, unique among the living.
    pub instance: String,
    pub topics: Vec<String>,
    /// Commits begin so long after one another under load; `COMMIT_INTERVAL_MAX` at most.
    pub commit_interval: Duration,
    /// A transaction is committed at this age when no record is waiting.
    pub commit_when_dry: Duration,
    pub poll_timeout: Duration,
}

/// Asks workers to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Whether a worker gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Working,
    /// Kafka does not answer, or has not told yet where to go on.
    KafkaAway,
}

impl Condition {
    /// Returns what keeps the worker from its work, as an operator reads it.
    pub fn hindrance(self) -> Option<&'static str> {
        match self {
            Self::Working => None,
            Self::KafkaAway => Some("kafka is away"),
        }
    }
}

/// One thread's share of a service: one consumer, one transactional producer, one stage.
pub struct Worker<S> {
    config: WorkerConfig,
    cluster: Cluster,
    consumer: GroupConsumer,
    joined_at: Instant,
    out: Transactor,
    stage: S,
    owned: BTreeMap<Partition, Progress>,
    /// Partitions that are ours, but whose state and position must be rebuilt before anything else.
    stale: BTreeSet<Partition>,
    backoff: Duration,
    pace: Pace,
    full_since: Option<Instant>,
    paused: bool,
    stop: Stop,
}

/// How far a partition that is ours has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// What Kafka has committed.
    committed: Option<i64>,
    /// The offset after the last record that the stage took.
    taken: Option<i64>,
}

impl<S: Stage> Worker<S> {
    /// Joins the group; partitions come with the first polls.
    pub fn new(
        cluster: &Cluster,
        config: WorkerConfig,
        stage: S,
        stop: Stop,
    ) -> Result<Self, Failure> {
        let consumer =
            GroupConsumer::join(cluster, &config.group, &config.instance, &config.topics)?;
        let out = Transactor::new(cluster, &format!("{}.{}", config.group, config.instance));
        Ok(Self {
            pace: Pace::new(config.commit_interval, config.commit_when_dry),
            config,
            cluster: cluster.clone(),
            consumer,
            joined_at: Instant::now(),
            out,
            stage,
            owned: BTreeMap::new(),
            stale: BTreeSet::new(),
            backoff: BACKOFF_MIN,
            full_since: None,
            paused: false,
            stop,
        })
    }

    /// Works until it is asked to stop; then commits what is done. `tell` hears of every change of
    /// the worker's condition. `Err` needs a person.
    pub fn run(mut self, mut tell: impl FnMut(Condition)) -> Result<(), Failure> {
        let mut told = Condition::KafkaAway;
        while !self.stop.requested() {
            let turn = self.turn();
            self.settle(turn)?;
            let condition = self.condition();
            if condition != told {
                told = condition;
                tell(condition);
            }
        }
        if self.stale.is_empty() {
            let last = self.commit();
            self.settle(last)?;
        }
        info!(instance = self.config.instance, "worker stopped");
        Ok(())
    }

    fn condition(&self) -> Condition {
        if self.out.is_ready() && self.stale.is_empty() {
            Condition::Working
        } else {
            Condition::KafkaAway
        }
    }

    fn turn(&mut self) -> Result<(), Failure> {
        if !self.stale.is_empty() || !self.out.is_ready() {
            return self.refresh();
        }
        if self.stage.full() {
            self.stage.tend(self.config.poll_timeout);
            self.commit_if_due(Supply::Dry)?;
            return self.stay_member();
        }
        self.resume()?;
        self.stage.tend(Duration::ZERO);
        let mut supply = self.poll(Duration::ZERO)?;
        if supply == Supply::Dry {
            self.pace.keep_up();
            supply = self.poll(self.config.poll_timeout)?;
        }
        self.commit_if_due(supply)
    }

    fn poll(&mut self, patience: Duration) -> Result<Supply, Failure> {
        match self.consumer.poll(patience)? {
            Polled::Record(record) => {
                if !self.out.is_open() {
                    begin(&self.consumer, &mut self.out, &mut self.pace)?;
                }
                self.stage.take(&record, &self.out)?;
                note(&mut self.owned, &record);
                return Ok(Supply::Flowing);
            }
            Polled::Rebalance(event) => self.rebalance(event)?,
            Polled::OutOfRange => return Err(out_of_range()),
            Polled::Nothing => {}
        }
        Ok(Supply::Dry)
    }

    /// A stage may be full for long, but a member that does not poll is put out of its group, and
    /// holds up the others' rebalances. Pausing throws away what was fetched, so it is for long
    /// waits only.
    fn stay_member(&mut self) -> Result<(), Failure> {
        let since = *self.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() < FULL_MAX {
            return Ok(());
        }
        if !self.paused {
            self.paused = true;
            let owned: Vec<_> = self.owned.keys().cloned().collect();
            self.consumer.pause(&owned)?;
        }
        self.poll(Duration::ZERO).map(|_| ())
    }

    fn resume(&mut self) -> Result<(), Failure> {
        self.full_since = None;
        if !std::mem::take(&mut self.paused) {
            return Ok(());
        }
        let owned: Vec<_> = self.owned.keys().cloned().collect();
        self.consumer.resume(&owned)
    }

    fn commit_if_due(&mut self, supply: Supply) -> Result<(), Failure> {
        if !self.out.is_open() {
            if self.stage.pending() {
                begin(&self.consumer, &mut self.out, &mut self.pace)?;
            }
            return Ok(());
        }
        match self.pace.is_due(supply, Instant::now()) {
            true => self.commit(),
            false => Ok(()),
        }
    }

    /// Ends the open transaction; begins one for what the stage has left to record.
    fn commit(&mut self) -> Result<(), Failure> {
        if !self.out.is_open() {
            if !self.stage.pending() {
                return Ok(());
            }
            begin(&self.consumer, &mut self.out, &mut self.pace)?;
        }
        let reached = self.reached();
        let offsets = self.stage.conclude(&self.out, &reached)?;
        self.pace.end();
        let began_at = Instant::now();
        let ended = self.out.commit(&offsets);
        self.pace.note_commit(began_at.elapsed());
        match ended {
            Ok(()) => {
                self.accept(&offsets);
                Ok(())
            }
            Err(Failure::Unclear { step, source }) => {
                warn!(step, error = %source, "transaction without a clear outcome");
                self.resolve(&offsets)
            }
            Err(fatal @ Failure::Fatal { .. }) => Err(fatal),
        }
    }

    fn accept(&mut self, offsets: &[(Partition, i64)]) {
        for (partition, next) in offsets {
            if let Some(progress) = self.owned.get_mut(partition) {
                progress.committed = Some(*next);
            }
        }
        self.stage.committed();
    }

    fn reached(&self) -> Reached {
        let positions = self.consumer.positions().into_iter();
        let reached = positions.filter_map(|(partition, position)| {
            let taken = self.owned.get(&partition)?.taken?;
            Some((partition, (taken, position)))
        });
        Reached(reached.collect())
    }

    /// Finds out by the stable offsets whether a transaction took place (kafka-rules 3).
    fn resolve(&mut self, offsets: &[(Partition, i64)]) -> Result<(), Failure> {
        self.out.init()?;
        let partitions: Vec<_> = offsets
            .iter()
            .map(|(partition, _)| partition.clone())
            .collect();
        let found = self.consumer.committed(&partitions)?;
        let at_end = offsets
            .iter()
            .zip(&found)
            .all(|((_, next), at)| *at == Some(*next));
        let at_start = offsets.iter().zip(&found).all(|((partition, _), at)| {
            let progress = self.owned.get(partition);
            progress.is_some_and(|progress| progress.committed == *at)
        });
        // Where no offset was to move both hold, and the stage may write the same again.
        if at_start {
            info!("transaction did not take place");
            for (partition, offset) in self.stage.refused() {
                self.consumer.read_from(&partition, offset)?;
                if let Some(progress) = self.owned.get_mut(&partition) {
                    progress.taken = None;
                }
            }
            Ok(())
        } else if at_end {
            info!("transaction took place");
            self.accept(offsets);
            Ok(())
        } else {
            self.reassign();
            Ok(())
        }
    }

    /// Turns a failure of a step into its effect: the one place that decides it.
    fn settle(&mut self, ended: Result<(), Failure>) -> Result<(), Failure> {
        match ended {
            Ok(()) => Ok(()),
            Err(Failure::Unclear { step, source }) => {
                self.start_over(step, &source);
                Ok(())
            }
            Err(fence) if fence.is_fence() && self.joined_at.elapsed() > FENCE_TWICE => {
                warn!("member fenced, joining anew");
                self.rejoin()
            }
            Err(fatal @ Failure::Fatal { .. }) => {
                error!(error = %fatal, "worker cannot go on");
                Err(fatal)
            }
        }
    }

    fn start_over(&mut self, step: &'static str, error: &KafkaError) {
        warn!(step, %error, "kafka step failed, state is rebuilt");
        self.reassign();
    }

    /// Joins the group as a new member, owning nothing. Another process of our name fences us
    /// again at once, and then the younger of the two ends.
    fn rejoin(&mut self) -> Result<(), Failure> {
        self.reassign();
        self.owned.clear();
        self.stale.clear();
        let WorkerConfig {
            group,
            instance,
            topics,
            ..
        } = &self.config;
        self.consumer
            .join_anew(&self.cluster, group, instance, topics)?;
        self.joined_at = Instant::now();
        Ok(())
    }

    /// Begins anew with every partition: the next turns make a new producer and rebuild the state
    /// from what is committed.
    fn reassign(&mut self) {
        self.pace.end();
        self.out.discard();
        self.stale = self.owned.keys().cloned().collect();
        for partition in &self.stale {
            self.stage.revoke(partition);
        }
    }

    /// Tries once to be as good as new; a rebalance meanwhile comes first, or a partition that is
    /// lost would be waited for.
    fn refresh(&mut self) -> Result<(), Failure> {
        match self.try_refresh() {
            Err(Failure::Unclear { step, source }) => {
                warn!(step, error = %source, "kafka away, trying again");
                // What is fresh becomes stale again: records of it may be dropped by the next try.
                self.reassign();
                std::thread::sleep(self.backoff);
                self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
                Ok(())
            }
            ended => {
                self.backoff = BACKOFF_MIN;
                ended
            }
        }
    }

    fn try_refresh(&mut self) -> Result<(), Failure> {
        self.consumer.ensure_member()?;
        match self.consumer.poll(Duration::ZERO)? {
            Polled::Rebalance(event) => return self.rebalance(event),
            Polled::Record(record) => {
                // Not taken, so it must be read again, also where all else is fresh already.
                let partition = partition_of(&record);
                if self.owned.contains_key(&partition) {
                    self.stale.insert(partition);
                }
            }
            Polled::OutOfRange => return Err(out_of_range()),
            Polled::Nothing => {}
        }
        if !self.out.is_ready() {
            self.out.init()?;
        }
        while let Some(partition) = self.stale.first().cloned() {
            let start = self.rebuild(&partition)?;
            self.consumer.read_from(&partition, start)?;
            self.stale.remove(&partition);
        }
        Ok(())
    }

    fn rebalance(&mut self, event: Rebalance) -> Result<(), Failure> {
        self.resume()?;
        match event {
            Rebalance::Assigned(partitions) => {
                info!(partitions = partitions.len(), "partitions assigned");
                self.commit_for_group()?;
                self.take_over(partitions)
            }
            Rebalance::Revoked(partitions) => {
                info!(partitions = partitions.len(), "partitions revoked");
                self.commit_for_group()?;
                self.let_go(&partitions)
            }
            Rebalance::Lost(partitions) => {
                warn!(
                    partitions = partitions.len(),
                    "partitions lost, joining anew"
                );
                self.let_go(&partitions)?;
                self.rejoin()
            }
        }
    }

    /// Ends the open transaction, which a member of an older generation began. The group waits for
    /// an answer though Kafka is away; a member that has failed for good is answered for when it is
    /// dropped.
    fn commit_for_group(&mut self) -> Result<(), Failure> {
        match self.commit() {
            Err(Failure::Unclear { step, source }) => {
                self.start_over(step, &source);
                Ok(())
            }
            ended => ended,
        }
    }

    /// Rebuilds the partitions and begins to read them. From the first on whose state Kafka does not
    /// tell now they are stale: the group waits for the answer, and each question may take long.
    fn take_over(&mut self, partitions: Vec<Partition>) -> Result<(), Failure> {
        let mut starts = Vec::with_capacity(partitions.len());
        let mut rest = partitions.into_iter();
        for partition in rest.by_ref() {
            match self.rebuild(&partition) {
                Ok(start) => starts.push((partition, start)),
                Err(Failure::Unclear { step, source }) => {
                    warn!(step, error = %source, %partition, "kafka away, partitions are rebuilt later");
                    self.rebuild_later(partition);
                    break;
                }
                Err(fatal @ Failure::Fatal { .. }) => return Err(fatal),
            }
        }
        rest.for_each(|partition| self.rebuild_later(partition));
        self.consumer.assign(&starts)
    }

    fn rebuild_later(&mut self, partition: Partition) {
        self.stage.revoke(&partition);
        self.owned.insert(partition.clone(), Progress::default());
        self.stale.insert(partition);
    }

    fn let_go(&mut self, partitions: &[Partition]) -> Result<(), Failure> {
        for partition in partitions {
            self.stage.revoke(partition);
            self.owned.remove(partition);
            self.stale.remove(partition);
        }
        self.consumer.release(partitions)
    }

    fn committed(&self, partition: &Partition) -> Result<Option<i64>, Failure> {
        let found = self.consumer.committed(std::slice::from_ref(partition))?;
        Ok(found.into_iter().next().flatten())
    }

    /// Rebuilds the state of one partition from what is committed; returns where to read on.
    fn rebuild(&mut self, partition: &Partition) -> Result<i64, Failure> {
        let committed = self.committed(partition)?;
        let (earliest, end) = self.consumer.watermarks(partition)?;
        let assigned = self.stage.assign(partition, committed, earliest);
        let assigned = assigned.and_then(|start| match start > end {
            true => Err(made_anew(partition, start, end)),
            false => Ok(start),
        });
        // A member that has slept may rebuild what another owns and commits by now.
        if matches!(assigned, Err(Failure::Fatal { .. })) && self.committed(partition)? != committed
        {
            return Err(Failure::Unclear {
                step: "rebuild a partition that another commits",
                source: KafkaError::Canceled,
            });
        }
        let start = assigned?;
        if start < earliest {
            error!(%partition, start, earliest, "retention has overtaken the reader, records are lost");
        }
        let progress = Progress {
            committed,
            taken: None,
        };
        self.owned.insert(partition.clone(), progress);
        debug!(%partition, start, "partition rebuilt");
        Ok(start.max(earliest))
    }
}

/// Fails if a worker's clients refuse the cluster's settings, which fit singly but not together.
/// Makes each once and waits for no broker.
pub fn check_worker(cluster: &Cluster) -> Result<(), Failure> {
    Scanner::new(cluster)?;
    GroupConsumer::check(cluster)?;
    Transactor::new(cluster, "check").check()
}

fn note(owned: &mut BTreeMap<Partition, Progress>, record: &BorrowedMessage<'_>) {
    if let Some(progress) = owned.get_mut(&partition_of(record)) {
        progress.taken = Some(record.offset() + 1);
    }
}

fn partition_of(record: &BorrowedMessage<'_>) -> Partition {
    Partition {
        topic: record.topic().into(),
        number: record.partition(),
    }
}

fn made_anew(partition: &Partition, start: i64, end: i64) -> Failure {
    Failure::fatal(format!(
        "{partition} is to be read from {start}, but it ends at {end}: it was made anew; delete the \
         group's offsets and the topics that were written from it"
    ))
}

/// Such a partition is not read any more and cannot be sought: only a new member heals it.
fn out_of_range() -> Failure {
    Failure::fatal(
        "a position lies outside of its topic: retention has overtaken the reader, or the topic \
         was made anew; a restart reads on with the first record that is left",
    )
}

fn begin(consumer: &GroupConsumer, out: &mut Transactor, pace: &mut Pace) -> Result<(), Failure> {
    let member = consumer
        .metadata()
        .ok_or_else(|| Failure::fatal("the consumer has no group"))?;
    out.begin(member)?;
    pace.begin(Instant::now());
    Ok(())
}

impl<S> fmt::Debug for Worker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
