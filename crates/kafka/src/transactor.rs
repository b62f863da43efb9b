//! A transactional producer that is thrown away after any unclear outcome, and after one that was
//! clear but slow.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext,
};
use tracing::debug;

use crate::config::Cluster;
use crate::failure::Failure;
use crate::group::{Partition, list_at};
use crate::producer::Written;
use crate::topics::RECORD_BYTES_MAX;

/// A broker ends a transaction that its owner has left after this time, so that readers of
/// committed records never stall longer.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one transactional call may take.
const CALL: Duration = Duration::from_secs(8);
/// How long the client waits before it sends a request again whose connection broke.
const RETRY_BACKOFF_MS: u64 = 250;
/// A commit that ended sooner was sent once: jitter shortens the wait by a fifth at most.
const END_SENT_ONCE: Duration = Duration::from_millis(RETRY_BACKOFF_MS * 4 / 5);
/// Offsets that were sent sooner were sent once: their wait is fixed (librdkafka, `coord_req`).
const OFFSETS_SENT_ONCE: Duration = Duration::from_millis(500);
const DRAIN_STEP: Duration = Duration::from_millis(1);

/// A record to be written. Without a partition the key decides, by Java's murmur2.
#[derive(Clone, Copy, Default)]
pub struct Record<'a> {
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a [u8])],
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// Writes records and offsets in transactions under one transactional id.
pub struct Transactor {
    config: ClientConfig,
    producer: Option<BaseProducer<Failed>>,
    /// A request of the last transaction may still be on its way, and end the next one or set its
    /// offsets back: the client sends it again by itself when a connection breaks (KIP-890). Late
    /// partitions only begin a transaction that the broker aborts.
    twin_at_large: bool,
    /// The member that the open transaction was begun for.
    open_for: Option<ConsumerGroupMetadata>,
}

/// Remembers whether a record of the producer could not be written.
#[derive(Default)]
struct Failed(AtomicBool);

impl Transactor {
    /// Names the transactional id; no connection is made before [`Transactor::init`].
    pub fn new(cluster: &Cluster, transactional_id: &str) -> Self {
        let mut config = cluster.client();
        config
            .set("transactional.id", transactional_id)
            .set(
                "transaction.timeout.ms",
                TRANSACTION_TIMEOUT.as_millis().to_string(),
            )
            .set("retry.backoff.ms", RETRY_BACKOFF_MS.to_string())
            // A smaller one would cap the wait on which `END_SENT_ONCE` relies.
            .set("retry.backoff.max.ms", "1000")
            .set("acks", "all")
            .set("allow.auto.create.topics", "false")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("message.max.bytes", RECORD_BYTES_MAX.to_string())
            .set("compression.type", "zstd")
            .set("queue.buffering.max.kbytes", "65536");
        Self {
            config,
            producer: None,
            twin_at_large: false,
            open_for: None,
        }
    }

    /// Throws the producer away, if there is one, and makes a new one: its epoch fences whatever
    /// the old one still has on the way (KIP-890 is not in librdkafka; kafka-rules 3).
    pub fn init(&mut self) -> Result<(), Failure> {
        self.discard();
        let producer = self.create()?;
        producer
            .init_transactions(CALL)
            .map_err(|error| Failure::of("init transactions", error))?;
        self.producer = Some(producer);
        Ok(())
    }

    /// Fails if no producer can be made of the settings.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.create().map(drop)
    }

    fn create(&self) -> Result<BaseProducer<Failed>, Failure> {
        self.config
            .create_with_context(Failed::default())
            .map_err(|error| Failure::of("create producer", error))
    }

    /// Drops the producer; its open transaction is aborted by the next [`Transactor::init`].
    pub fn discard(&mut self) {
        self.open_for = None;
        self.twin_at_large = false;
        self.producer = None;
    }

    /// Begins a transaction for the member that the group knows now (kafka-rules 4).
    pub fn begin(&mut self, member: ConsumerGroupMetadata) -> Result<(), Failure> {
        if self.twin_at_large {
            debug!("producer replaced, a request of the last transaction may be on its way");
            self.init()?;
        }
        self.producer()?
            .begin_transaction()
            .map_err(|error| Failure::of_transaction("begin transaction", error))?;
        self.open_for = Some(member);
        Ok(())
    }

    /// Tells whether there is a producer that has not been thrown away.
    pub fn is_ready(&self) -> bool {
        self.producer.is_some()
    }

    /// Tells whether a transaction has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.open_for.is_some()
    }

    /// Adds a record to the open transaction; waits while the producer's buffer is full.
    pub fn send(&self, record: &Record<'_>) -> Result<(), Failure> {
        let producer = self.producer()?;
        let mut full_since = None;
        let mut pending = base_record(record);
        while let Err((error, unsent)) = producer.send(pending) {
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if !full || full_since.get_or_insert_with(Instant::now).elapsed() > CALL {
                return Err(Failure::of("produce", error));
            }
            wait(producer);
            pending = unsent;
        }
        Ok(())
    }

    /// Commits the open transaction with these next offsets. After any error its outcome is not
    /// known and the producer is gone.
    pub fn commit(&mut self, offsets: &[(Partition, i64)]) -> Result<(), Failure> {
        let ended = self.try_commit(offsets);
        self.open_for = None;
        if ended.is_err() {
            self.discard();
        }
        ended
    }

    fn try_commit(&mut self, offsets: &[(Partition, i64)]) -> Result<(), Failure> {
        let producer = self.producer()?;
        self.drain(producer)?;
        let drained_at = Instant::now();
        if let Some(member) = &self.open_for
            && !offsets.is_empty()
        {
            producer
                .send_offsets_to_transaction(&list_at(offsets)?, member, CALL)
                .map_err(|error| Failure::of_transaction("send offsets", error))?;
        }
        let offsets_sent_at = Instant::now();
        producer
            .commit_transaction(CALL)
            .map_err(|error| Failure::of_transaction("commit transaction", error))?;
        self.twin_at_large = offsets_sent_at - drained_at >= OFFSETS_SENT_ONCE
            || offsets_sent_at.elapsed() >= END_SENT_ONCE;
        Ok(())
    }

    /// Waits in short steps until nothing is in flight: `flush` of rdkafka would wait in steps of
    /// 100 ms (kafka-rules 10).
    fn drain(&self, producer: &BaseProducer<Failed>) -> Result<(), Failure> {
        let deadline = Instant::now() + CALL;
        while producer.in_flight_count() > 0 {
            wait(producer);
            if Instant::now() > deadline {
                let timeout = KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut);
                return Err(Failure::of("drain", timeout));
            }
        }
        if producer.context().0.load(Ordering::Acquire) {
            let failed = KafkaError::MessageProduction(RDKafkaErrorCode::Fail);
            return Err(Failure::of("produce", failed));
        }
        Ok(())
    }

    fn producer(&self) -> Result<&BaseProducer<Failed>, Failure> {
        let gone = || Failure::Unclear {
            step: "use producer",
            source: KafkaError::Canceled,
        };
        self.producer.as_ref().ok_or_else(gone)
    }
}

/// Asleep, as `poll` of rdkafka spins through the last millisecond of the time it is given.
fn wait(producer: &BaseProducer<Failed>) {
    std::thread::sleep(DRAIN_STEP);
    producer.poll(Duration::ZERO);
}

fn base_record<'a>(record: &Record<'a>) -> BaseRecord<'a, [u8], [u8]> {
    BaseRecord {
        topic: record.topic,
        partition: record.partition,
        payload: record.value,
        key: record.key,
        timestamp: None,
        headers: Some(owned_headers(record.headers)),
        delivery_opaque: (),
    }
}

pub(crate) fn owned_headers(headers: &[(&str, &[u8])]) -> OwnedHeaders {
    let owned = OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(owned, |owned, (key, value)| {
        owned.insert(Header {
            key,
            value: Some(*value),
        })
    })
}

impl ClientContext for Failed {}

impl ProducerContext<NoCustomPartitioner> for Failed {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let written = result.as_ref().is_ok_and(|record| {
            let written = Written::at(record.partition(), record.offset());
            written.is_ok()
        });
        if !written {
            self.0.store(true, Ordering::Release);
        }
    }
}

impl fmt::Debug for Transactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactor")
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}
