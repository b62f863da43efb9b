//! The normalizer's loop written bare: one consumer, one transactional producer, JSON, a set of ids,
//! Avro. It is what the product's cost is measured against, and, with a fault planted in it, what
//! `cardea audit` must catch.
//!
//! It shares no mapping with the product and knows two kinds of deliveries only. Its promise is the
//! product's as long as it runs alone: no partition ever moves, and the ledger that a restart would
//! read back is written and not read.

#![expect(clippy::unwrap_used, reason = "test code fails by panicking")]

pub mod lean;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use events::{CanonicalTopic, Provider, Topic, schema};
use kafka::headers_of;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const STEP: Duration = Duration::from_millis(1);
const CALL: Duration = Duration::from_secs(8);
const BATCH_RECORDS_MAX: usize = 10_000;
/// A commit that took longer may have been sent twice: librdkafka asks again over a new connection,
/// and the first request, late, would end the next transaction (KIP-890).
const SENT_ONCE: Duration = Duration::from_millis(200);

/// What the loop is run with.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    pub brokers: &'a str,
    pub topic_prefix: &'a str,
    pub commit_interval: Duration,
    pub commits: Commits,
    pub plant: Option<Plant>,
}

/// How a batch is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    Transactional,
    /// Records first, then offsets: a crash between the two repeats the batch.
    AtLeastOnce,
}

/// A fault that breaks "exactly once", each in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The ids of a batch that did not take place stay in the set.
    IdsRememberedOnAbort,
    /// The offsets are committed by the consumer, after the transaction.
    OffsetsOutsideTheTransaction,
    /// The producer is used on after a commit that may have been sent twice.
    ProducerKept,
}

/// Normalizes until it is asked to stop.
pub fn run(options: Options<'_>, stop: &AtomicBool) {
    let topics = Topics::new(options.topic_prefix);
    let consumer = consumer(&options, &topics);
    let mut bare = Bare {
        producer: producer(&options),
        options,
        topics,
        seen: HashSet::default(),
        batch: Batch::default(),
    };
    while !stop.load(Ordering::Relaxed) {
        // An error says that Kafka is away; it comes back.
        if let Some(Ok(record)) = consumer.poll(STEP) {
            bare.take(&record);
        }
        if bare.batch.due(options.commit_interval) {
            bare.commit(&consumer);
        }
    }
}

struct Topics {
    raw: Vec<(String, Provider)>,
    seen: Vec<String>,
    canonical: Vec<(CanonicalTopic, String)>,
}

struct Bare<'a> {
    options: Options<'a>,
    topics: Topics,
    producer: BaseProducer,
    /// With those of the open batch, which are taken out again if it does not take place.
    seen: HashSet<u128, BuildHasherDefault<Digest>>,
    batch: Batch,
}

/// What the open transaction holds.
#[derive(Default)]
struct Batch {
    began_at: Option<Instant>,
    records: usize,
    /// By place of the topic in [`Topics::raw`] and partition.
    shares: BTreeMap<(usize, i32), Share>,
}

/// A batch's records of one raw partition.
struct Share {
    first: i64,
    next: i64,
    ids: Vec<u128>,
}

impl Topics {
    fn new(prefix: &str) -> Self {
        let raw = |provider| (format!("{prefix}{}", Topic::Raw(provider)), provider);
        let canonical = |topic| (topic, format!("{prefix}{}", Topic::Canonical(topic)));
        Self {
            raw: Provider::ALL.map(raw).into(),
            seen: Provider::ALL
                .map(|provider| format!("{prefix}{}", Topic::Seen(provider)))
                .into(),
            canonical: CanonicalTopic::ALL.map(canonical).into(),
        }
    }

    fn canonical(&self, topic: CanonicalTopic) -> &str {
        let found = self.canonical.iter().find(|(known, _)| *known == topic);
        &found.unwrap().1
    }
}

impl Batch {
    fn due(&self, commit_interval: Duration) -> bool {
        self.records >= BATCH_RECORDS_MAX
            || self
                .began_at
                .is_some_and(|at| at.elapsed() >= commit_interval)
    }
}

impl Bare<'_> {
    fn take(&mut self, record: &BorrowedMessage<'_>) {
        if self.batch.began_at.is_none() {
            self.batch.began_at = Some(Instant::now());
            if self.options.commits == Commits::Transactional {
                self.producer.begin_transaction().unwrap();
            }
        }
        let topic = record.topic();
        let raw_topics = &self.topics.raw;
        let at = raw_topics.iter().position(|(raw, _)| raw == topic).unwrap();
        let share = self.batch.shares.entry((at, record.partition()));
        let share = share.or_insert_with(|| Share {
            first: record.offset(),
            next: record.offset(),
            ids: Vec::new(),
        });
        share.next = record.offset() + 1;
        self.batch.records += 1;

        let canonical = lean::map(&raw_of(record, raw_topics[at].1), |topic| {
            schema::current(topic).id
        });
        let id = canonical.id.as_u128();
        if self.seen.insert(id) {
            share.ids.push(id);
            write(&self.producer, &self.topics, &canonical);
        }
    }

    fn commit(&mut self, consumer: &BaseConsumer) {
        let mut offsets = TopicPartitionList::new();
        for ((at, partition), share) in &self.batch.shares {
            let next = Offset::Offset(share.next);
            let topic = &self.topics.raw[*at].0;
            offsets
                .add_partition_offset(topic, *partition, next)
                .unwrap();
            write_ids(&self.producer, &self.topics.seen[*at], *partition, share);
        }
        let began_at = Instant::now();
        let ended = self.try_commit(consumer, &offsets);
        let keep = self.options.plant == Some(Plant::ProducerKept);
        match ended {
            Ok(()) => {
                if began_at.elapsed() >= SENT_ONCE && !keep {
                    self.producer = producer(&self.options);
                }
                self.batch = Batch::default();
            }
            Err(_) => {
                if !keep || self.producer.abort_transaction(CALL).is_err() {
                    self.producer = producer(&self.options);
                }
                self.resolve(consumer, &offsets);
            }
        }
    }

    fn try_commit(&self, consumer: &BaseConsumer, offsets: &TopicPartitionList) -> KafkaResult<()> {
        drain(&self.producer)?;
        if self.options.commits == Commits::AtLeastOnce {
            return consumer.commit(offsets, CommitMode::Sync);
        }
        if self.options.plant == Some(Plant::OffsetsOutsideTheTransaction) {
            self.producer.commit_transaction(CALL)?;
            return consumer.commit(offsets, CommitMode::Sync);
        }
        let member = consumer.group_metadata().unwrap();
        self.producer
            .send_offsets_to_transaction(offsets, &member, CALL)?;
        self.producer.commit_transaction(CALL)
    }

    /// Finds out by the stable offsets whether the transaction took place; if it did not, its ids
    /// are forgotten and its records read again.
    fn resolve(&mut self, consumer: &BaseConsumer, ends: &TopicPartitionList) {
        let batch = std::mem::take(&mut self.batch);
        let found = consumer.committed_offsets(ends.clone(), CALL).unwrap();
        let took_place = ends.elements().iter().all(|end| {
            let found = found.find_partition(end.topic(), end.partition());
            found.unwrap().offset() == end.offset()
        });
        if took_place {
            return;
        }
        if self.options.plant != Some(Plant::IdsRememberedOnAbort) {
            let ids = batch.shares.values().flat_map(|share| &share.ids);
            ids.for_each(|id| assert!(self.seen.remove(id)));
        }
        let mut starts = TopicPartitionList::new();
        for ((at, partition), share) in &batch.shares {
            let topic = &self.topics.raw[*at].0;
            starts
                .add_partition_offset(topic, *partition, Offset::Offset(share.first))
                .unwrap();
        }
        let sought = consumer.seek_partitions(starts, CALL).unwrap();
        sought.elements().iter().for_each(|at| at.error().unwrap());
    }
}

fn consumer(options: &Options<'_>, topics: &Topics) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", options.brokers)
        .set("group.id", format!("{}normalizer", options.topic_prefix))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("session.timeout.ms", "6000")
        .set("auto.offset.reset", "earliest")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.wait.max.ms", "100")
        .set("queued.max.messages.kbytes", "16384")
        .create()
        .unwrap();
    let raw: Vec<_> = topics.raw.iter().map(|(topic, _)| topic.as_str()).collect();
    consumer.subscribe(&raw).unwrap();
    consumer
}

/// A new producer of the same transactional id fences whatever the old one has on its way.
fn producer(options: &Options<'_>) -> BaseProducer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", options.brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("compression.type", "zstd")
        .set("linger.ms", "5")
        .set("delivery.report.only.error", "true")
        .set("queue.buffering.max.kbytes", "65536");
    if options.commits == Commits::Transactional {
        config
            .set("transactional.id", format!("{}bare", options.topic_prefix))
            .set("transaction.timeout.ms", "10000")
            .set("retry.backoff.ms", "250");
    }
    let producer: BaseProducer = config.create().unwrap();
    if options.commits == Commits::Transactional {
        producer.init_transactions(CALL).unwrap();
    }
    producer
}

fn raw_of<'a>(record: &'a BorrowedMessage<'_>, provider: Provider) -> lean::Raw<'a> {
    let mut raw = lean::Raw {
        provider,
        topic: record.topic(),
        partition: record.partition(),
        offset: record.offset(),
        source: "",
        tenant: "",
        received_at: 0,
        body: record.payload().unwrap(),
    };
    for (name, value) in headers_of(record) {
        let text = || std::str::from_utf8(value).unwrap();
        match name {
            "source" => raw.source = text(),
            "tenant" => raw.tenant = text(),
            "received_at" => raw.received_at = text().parse().unwrap(),
            _ => {}
        }
    }
    raw
}

fn write(producer: &BaseProducer, topics: &Topics, canonical: &lean::Canonical) {
    let headers = canonical.headers.iter().fold(
        OwnedHeaders::new_with_capacity(canonical.headers.len()),
        |all, (key, value)| {
            let value = Some(value.as_bytes());
            all.insert(Header { key, value })
        },
    );
    let record = BaseRecord::to(topics.canonical(canonical.topic))
        .key(canonical.key.as_bytes())
        .headers(headers)
        .payload(canonical.value.as_slice());
    send(producer, record);
}

/// Writes the ledger of a batch: its ids, and how far it came.
fn write_ids(producer: &BaseProducer, topic: &str, partition: i32, share: &Share) {
    let ids: Vec<u8> = share.ids.iter().flat_map(|id| id.to_be_bytes()).collect();
    let next = share.next.to_string();
    let headers = OwnedHeaders::new().insert(Header {
        key: "next",
        value: Some(&next),
    });
    let record = BaseRecord::<[u8], [u8]>::to(topic)
        .partition(partition)
        .headers(headers)
        .payload(ids.as_slice());
    send(producer, record);
}

fn send(producer: &BaseProducer, record: BaseRecord<'_, [u8], [u8]>) {
    let mut pending = record;
    while let Err((error, unsent)) = producer.send(pending) {
        // A transaction that cannot go on says so at its commit.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
            return;
        }
        wait(producer);
        pending = unsent;
    }
}

/// Asleep: `poll` of rdkafka spins through the last millisecond of the time it is given.
fn wait(producer: &BaseProducer) {
    std::thread::sleep(STEP);
    producer.poll(Duration::ZERO);
}

/// Waits until nothing is in flight; `flush` of rdkafka waits in steps of 100 ms.
fn drain(producer: &BaseProducer) -> KafkaResult<()> {
    let deadline = Instant::now() + CALL;
    while producer.in_flight_count() > 0 {
        wait(producer);
        if Instant::now() > deadline {
            let code = RDKafkaErrorCode::OperationTimedOut;
            return Err(KafkaError::Flush(code));
        }
    }
    Ok(())
}

/// Ids are digests already: both halves together are a hash, as some bits of either never change.
#[derive(Default)]
struct Digest(u64);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u128(&mut self, id: u128) {
        self.0 = (id >> 64) as u64 ^ id as u64;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("ids are numbers");
    }
}
