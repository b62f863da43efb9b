//! A producer that gives no record up: it tries until all in-sync replicas have it (kafka-rules 11).

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext, PurgeConfig,
    ThreadedProducer,
};
use tracing::warn;

use crate::config::Cluster;
use crate::failure::Failure;
use crate::producer::{SendError, Written, settings, sort};
use crate::transactor::{Record, owned_headers};

/// A broker that answers nothing for so long is left for the partition's next leader.
const ANSWER_WITHIN_MS: &str = "10000";
/// Less, so that a broker whose replicas are slow still says so.
const REPLICATED_WITHIN_MS: &str = "8000";

/// Writes records in the order in which they are sent, per partition, and reports each once, with
/// the token it was sent with.
///
/// Dropped, it reports what is not acknowledged as such, as far as half a second allows; before,
/// [`PatientProducer::give_up`] has more time.
pub struct PatientProducer<T: Send + Sync + 'static> {
    producer: ThreadedProducer<Reports<T>>,
    /// Given up; a lock, so that nothing slips in behind what is given up.
    closed: RwLock<bool>,
}

struct Reports<T> {
    report: Box<Report<T>>,
    /// Whether the last record was refused; to log the change, not each record.
    refusing: AtomicBool,
}

type Report<T> = dyn Fn(T, Result<Written, SendError>) + Send + Sync;

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// The buffer is full, the topic is not there, or the producer has failed or is given up.
    #[error("producer takes no record now")]
    Busy,
    #[error("record is larger than kafka takes")]
    TooLarge,
}

impl<T: Send + Sync + 'static> PatientProducer<T> {
    /// Makes a producer. `report` is called on its thread and must not wait.
    pub fn new(
        cluster: &Cluster,
        report: impl Fn(T, Result<Written, SendError>) + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        let mut config = settings(cluster);
        config
            .set("message.timeout.ms", "0")
            .set("socket.timeout.ms", ANSWER_WITHIN_MS)
            .set("request.timeout.ms", REPLICATED_WITHIN_MS);
        let made = config.create_with_context(Reports {
            report: Box::new(report),
            refusing: AtomicBool::new(false),
        });
        let producer = made.map_err(|error| Failure::of("create producer", error))?;
        Ok(Self {
            producer,
            closed: RwLock::new(false),
        })
    }

    /// Takes a record without waiting.
    pub fn send(&self, record: &Record<'_>, token: T) -> Result<(), NotSent> {
        let record: BaseRecord<'_, [u8], [u8], Box<T>> = BaseRecord {
            topic: record.topic,
            partition: record.partition,
            payload: record.value,
            key: record.key,
            timestamp: None,
            headers: Some(owned_headers(record.headers)),
            delivery_opaque: Box::new(token),
        };
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(NotSent::Busy);
        }
        let sent = self.producer.send(record);
        sent.map_err(|(error, _)| match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => NotSent::TooLarge,
            _ => NotSent::Busy,
        })
    }

    /// Tells whether the producer is useless for ever, as after a sequence that the broker no longer
    /// knows (KIP-360): a new one must take its place.
    pub fn failed(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    /// Takes nothing any more and gives up all that is not acknowledged; returns once each record is
    /// reported, or is not in time.
    pub fn give_up(&self, within: Duration) -> Result<(), Failure> {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
        let all = PurgeConfig::default().queue().inflight();
        self.producer.purge(all);
        let flushed = self.producer.flush(within);
        flushed.map_err(|error| Failure::of("give records up", error))
    }

    /// Asks how many partitions a topic has, 0 if it is not there; it waits for the answer.
    pub fn partitions(&self, topic: &str, within: Duration) -> Result<i32, Failure> {
        let metadata = self.producer.client().fetch_metadata(Some(topic), within);
        let metadata = metadata.map_err(|error| Failure::of("count partitions", error))?;
        let found = metadata.topics().iter().find(|it| it.name() == topic);
        let count = found.map_or(0, |topic| topic.partitions().len());
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

impl<T: Send + Sync + 'static> ClientContext for Reports<T> {}

impl<T: Send + Sync + 'static> ProducerContext<NoCustomPartitioner> for Reports<T> {
    type DeliveryOpaque = Box<T>;

    fn delivery(&self, result: &DeliveryResult<'_>, token: Box<T>) {
        let refused_before = self.refusing.swap(result.is_err(), Ordering::Relaxed);
        let ended = match result {
            Ok(record) => Written::at(record.partition(), record.offset()),
            Err((error, _)) => {
                if !refused_before {
                    warn!(%error, "kafka refuses a record");
                }
                Err(sort(error))
            }
        };
        (self.report)(*token, ended);
    }
}

impl<T: Send + Sync + 'static> fmt::Debug for PatientProducer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatientProducer").finish_non_exhaustive()
    }
}
