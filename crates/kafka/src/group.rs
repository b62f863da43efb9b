//! A member of a consumer group whose rebalances wait until the worker is ready for them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tracing::{debug, warn};

use crate::config::{Cluster, Isolation};
use crate::failure::Failure;

/// How long one question to Kafka may take.
const ASK: Duration = Duration::from_secs(10);

/// One partition of one topic, by its physical name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    pub topic: Arc<str>,
    pub number: i32,
}

/// What the group decided; in force once the worker has answered it with `assign` or `release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalance {
    Assigned(Vec<Partition>),
    Revoked(Vec<Partition>),
    /// Revoked without asking: another member may own them already.
    Lost(Vec<Partition>),
}

/// What one poll brought.
#[derive(Debug)]
pub enum Polled<'a> {
    Record(BorrowedMessage<'a>),
    Rebalance(Rebalance),
    Nothing,
    /// A position that retention has overtaken, or that never was.
    OutOfRange,
}

/// A member of a consumer group: cooperative-sticky, static if it has an instance name
/// (kafka-rules 5), reading committed records only.
pub struct GroupConsumer {
    consumer: BaseConsumer<Deferred>,
}

/// Records rebalances instead of carrying them out (kafka-rules 4).
#[derive(Default)]
struct Deferred {
    events: Mutex<VecDeque<Rebalance>>,
    /// The one that was handed out and not answered yet.
    unanswered: Mutex<Option<Rebalance>>,
    /// What is being read: the group may have given more, whose state is not rebuilt yet.
    assigned: Mutex<BTreeSet<Partition>>,
    closing: AtomicBool,
    /// The group waits for one answer while closing; a second one would ask a thread that is gone
    /// and wait for ever (librdkafka queues a revocation behind an assignment not yet seen).
    answered_closing: AtomicBool,
}

impl GroupConsumer {
    /// Joins a group. `instance` is the static membership name, stable over restarts.
    pub fn join(
        cluster: &Cluster,
        group: &str,
        instance: &str,
        topics: &[String],
    ) -> Result<Self, Failure> {
        let consumer = Self::create(cluster, group, instance)?;
        let member = Self { consumer };
        member.subscribe(topics)?;
        Ok(member)
    }

    /// Becomes a new member of the same name, once the old one has closed: one that rejoins by
    /// itself would fence the other.
    pub(crate) fn join_anew(
        &mut self,
        cluster: &Cluster,
        group: &str,
        instance: &str,
        topics: &[String],
    ) -> Result<(), Failure> {
        let consumer = Self::create(cluster, group, instance)?;
        *self = Self { consumer };
        self.subscribe(topics)
    }

    fn subscribe(&self, topics: &[String]) -> Result<(), Failure> {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        self.consumer
            .subscribe(&names)
            .map_err(|error| Failure::of("subscribe", error))
    }

    /// Fails if no consumer can be made of the settings.
    pub(crate) fn check(cluster: &Cluster) -> Result<(), Failure> {
        Self::create(cluster, "check", "check").map(drop)
    }

    fn create(
        cluster: &Cluster,
        group: &str,
        instance: &str,
    ) -> Result<BaseConsumer<Deferred>, Failure> {
        cluster
            .client()
            .set("group.id", group)
            .set("group.instance.id", instance)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1500")
            // No poll while partitions are rebuilt: a minute for some 15 million remembered ids.
            .set("max.poll.interval.ms", "900000")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", Isolation::Committed.name())
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "100")
            .set("queued.max.messages.kbytes", "16384")
            .create_with_context(Deferred::default())
            .map_err(|error| Failure::of("create consumer", error))
    }

    /// Waits for the next record or rebalance. Rebalances come first: while one is unanswered, no
    /// record is handed out.
    pub fn poll(&self, timeout: Duration) -> Result<Polled<'_>, Failure> {
        if let Some(event) = self.consumer.context().next() {
            return Ok(Polled::Rebalance(event));
        }
        match self.consumer.poll(timeout) {
            Some(Ok(record)) => Ok(Polled::Record(record)),
            Some(Err(error)) => self.sort(error),
            None => Ok(match self.consumer.context().next() {
                Some(event) => Polled::Rebalance(event),
                None => Polled::Nothing,
            }),
        }
    }

    /// Returns who the member is at this moment, for the transaction that begins now.
    pub fn metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.consumer.group_metadata()
    }

    /// Returns the stable committed offsets: no open transaction can still change them.
    pub fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>, Failure> {
        let found = self
            .consumer
            .committed_offsets(list(partitions), ASK)
            .map_err(|error| self.failure("read committed offsets", error))?;
        partitions
            .iter()
            .map(|partition| offset_in(&found, partition))
            .collect()
    }

    /// Returns the first offset that retention has left, and the one after the last stable record.
    pub fn watermarks(&self, partition: &Partition) -> Result<(i64, i64), Failure> {
        self.consumer
            .fetch_watermarks(&partition.topic, partition.number, ASK)
            .map_err(|error| self.failure("read watermarks", error))
    }

    /// Answers an assignment: starts reading these partitions there. An assignment of nothing wants
    /// its answer as well; the others begin with [`GroupConsumer::read_from`].
    pub fn assign(&self, starts: &[(Partition, i64)]) -> Result<(), Failure> {
        self.consumer
            .incremental_assign(&list_at(starts)?)
            .map_err(|error| self.failure("assign", error))?;
        self.consumer.context().unanswered().take();
        let started = starts.iter().map(|(partition, _)| partition.clone());
        self.consumer.context().assigned().extend(started);
        Ok(())
    }

    /// Reads a partition that the group has given from there on, whether it was read before or not.
    pub fn read_from(&self, partition: &Partition, offset: i64) -> Result<(), Failure> {
        if self.consumer.context().assigned().contains(partition) {
            self.seek(partition, offset)
        } else {
            self.assign(&[(partition.clone(), offset)])
        }
    }

    fn seek(&self, partition: &Partition, offset: i64) -> Result<(), Failure> {
        let list = list_at(&[(partition.clone(), offset)])?;
        let sought = self.consumer.seek_partitions(list, ASK);
        let sought = sought.map_err(|error| self.failure("seek", error))?;
        // Each partition has its own answer; one not heard would skip what is to be read again.
        for element in sought.elements() {
            element
                .error()
                .map_err(|error| self.failure("seek", error))?;
        }
        Ok(())
    }

    /// Stops handing out records of these partitions; polling goes on for the group's sake.
    pub fn pause(&self, partitions: &[Partition]) -> Result<(), Failure> {
        self.consumer
            .pause(&list(partitions))
            .map_err(|error| Failure::of("pause", error))
    }

    /// Hands out records of paused partitions again.
    pub fn resume(&self, partitions: &[Partition]) -> Result<(), Failure> {
        self.consumer
            .resume(&list(partitions))
            .map_err(|error| Failure::of("resume", error))
    }

    /// Gives partitions back to the group.
    pub fn release(&self, partitions: &[Partition]) -> Result<(), Failure> {
        let read = self.consumer.context().take(partitions);
        self.consumer
            .incremental_unassign(&list(&read))
            .map_err(|error| self.failure("release", error))?;
        self.consumer.context().unanswered().take();
        Ok(())
    }

    /// Fails if the member has failed for good, which some calls do not tell but wait for.
    pub fn ensure_member(&self) -> Result<(), Failure> {
        match self.consumer.client().fatal_error() {
            Some((code, _)) => Err(self.failure("poll", KafkaError::MessageConsumptionFatal(code))),
            None => Ok(()),
        }
    }

    /// Errors of polling that only say that Kafka is away heal by themselves.
    fn sort(&self, error: KafkaError) -> Result<Polled<'static>, Failure> {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            return Ok(Polled::OutOfRange);
        }
        match self.failure("poll", error) {
            Failure::Unclear { source, .. } => {
                debug!(error = %source, "kafka away while polling");
                Ok(Polled::Nothing)
            }
            fatal @ Failure::Fatal { .. } => Err(fatal),
        }
    }

    /// Sorts an error by what ended the member for good, if something has.
    fn failure(&self, step: &'static str, error: KafkaError) -> Failure {
        match self.consumer.client().fatal_error() {
            Some((code, _)) => match Failure::of(step, KafkaError::MessageConsumptionFatal(code)) {
                Failure::Unclear { source, .. } => Failure::Fatal {
                    what: "the consumer has failed for good".to_owned(),
                    source: Some(source),
                },
                fatal @ Failure::Fatal { .. } => fatal,
            },
            None => Failure::of(step, error),
        }
    }

    /// Returns where reading goes on, transaction markers included (kafka-rules 9).
    pub fn positions(&self) -> BTreeMap<Partition, i64> {
        let positions = self.consumer.position().unwrap_or_default();
        let known = positions.elements().into_iter();
        let known = known.filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((named(&element), offset)),
            _ => None,
        });
        known.collect()
    }
}

/// Returns the headers of a record, one without a value as if it were empty.
pub fn headers_of<'a>(
    record: &'a BorrowedMessage<'_>,
) -> impl Iterator<Item = (&'a str, &'a [u8])> + Clone {
    let headers = record.headers();
    let count = headers.map_or(0, |headers| headers.count());
    (0..count).filter_map(move |index| {
        let header = headers?.get(index);
        Some((header.key, header.value.unwrap_or_default()))
    })
}

fn named(element: &TopicPartitionListElem<'_>) -> Partition {
    Partition {
        topic: element.topic().into(),
        number: element.partition(),
    }
}

fn list(partitions: &[Partition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.number);
    }
    list
}

pub(crate) fn list_at(offsets: &[(Partition, i64)]) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.number, Offset::Offset(*offset))
            .map_err(|error| Failure::of("name an offset", error))?;
    }
    Ok(list)
}

/// Reads one answer of `committed`: an error of the partition is an error, not "none".
fn offset_in(found: &TopicPartitionList, partition: &Partition) -> Result<Option<i64>, Failure> {
    let Some(element) = found.find_partition(&partition.topic, partition.number) else {
        return Ok(None);
    };
    element
        .error()
        .map_err(|error| Failure::of("read committed offset", error))?;
    Ok(match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    })
}

impl Deferred {
    fn next(&self) -> Option<Rebalance> {
        let next = self.queue().pop_front();
        if next.is_some() {
            self.unanswered().clone_from(&next);
        }
        next
    }

    fn unanswered(&self) -> MutexGuard<'_, Option<Rebalance>> {
        let held = self.unanswered.lock();
        held.expect("no holder of this lock panics")
    }

    fn assigned(&self) -> MutexGuard<'_, BTreeSet<Partition>> {
        self.assigned.lock().expect("no holder of this lock panics")
    }

    /// Returns those that are being read: librdkafka refuses to unassign others.
    fn take(&self, partitions: &[Partition]) -> Vec<Partition> {
        let mut assigned = self.assigned();
        let read = partitions
            .iter()
            .filter(|partition| assigned.remove(*partition));
        read.cloned().collect()
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Rebalance>> {
        self.events.lock().expect("no holder of this lock panics")
    }
}

impl ClientContext for Deferred {}

impl ConsumerContext for Deferred {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let partitions: Vec<_> = list.elements().iter().map(named).collect();
        if self.closing.load(Ordering::Acquire) {
            // The worker has let go of its state; nobody else will answer.
            if self.answered_closing.swap(true, Ordering::AcqRel) {
                return;
            }
            let answered = match code {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                    consumer.incremental_assign(list)
                }
                _ => consumer.incremental_unassign(&self::list(&self.take(&partitions))),
            };
            if let Err(error) = answered {
                debug!(%error, "answer while closing");
            }
            return;
        }
        let event = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assigned(partitions),
            _ if consumer.assignment_lost() => Rebalance::Lost(partitions),
            _ => Rebalance::Revoked(partitions),
        };
        self.queue().push_back(event);
    }
}

/// Closing must not wait for an answer of the worker that is being dropped.
impl Drop for GroupConsumer {
    fn drop(&mut self) {
        let context = self.consumer.context();
        context.closing.store(true, Ordering::Release);
        let unanswered = context.unanswered().take();
        let queued = std::iter::from_fn(|| context.next());
        for event in unanswered.into_iter().chain(queued) {
            let answered = match event {
                Rebalance::Assigned(_) => self.assign(&[]),
                Rebalance::Revoked(partitions) | Rebalance::Lost(partitions) => {
                    self.release(&partitions)
                }
            };
            if let Err(error) = answered {
                warn!(%error, "answer while closing");
            }
        }
        // After a fatal error librdkafka closes without asking again what was not answered yet, and
        // waits for it for ever; whatever was asked, this answers it.
        if self.consumer.client().fatal_error().is_some()
            && let Err(error) = self.assign(&[])
        {
            debug!(%error, "answer after a fatal error");
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.number)
    }
}

impl fmt::Debug for GroupConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupConsumer").finish_non_exhaustive()
    }
}
