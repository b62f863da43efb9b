//! The producer of ingest and of the tools: a record is written when all in-sync replicas have it.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use tracing::{error, warn};

use crate::config::Cluster;
use crate::failure::Failure;
use crate::topics::RECORD_BYTES_MAX;
use crate::transactor::{Record, owned_headers};

/// The most that a raw record may have in key, headers and value. Leaves room below the topics'
/// limit for what a quarantine record adds.
pub const RAW_BYTES_MAX: i32 = RECORD_BYTES_MAX / 4 * 3;

/// Writes records with `acks=all`, idempotently, partitioned by Java's murmur2 (kafka-rules 1).
#[derive(Clone)]
pub struct Producer {
    config: ClientConfig,
    current: Arc<RwLock<Arc<FutureProducer>>>,
}

/// Where a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub partition: i32,
    pub offset: i64,
}

/// Why a record is not known to be written.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No acknowledgement in time, or the buffer is full; the record may still be written.
    #[error("kafka has not acknowledged the record")]
    Unacknowledged,
    /// The broker or the topic does not take records of this size.
    #[error("record is larger than kafka takes")]
    TooLarge,
}

impl Written {
    /// Believes only an acknowledgement that says where the record is. The client reports a batch
    /// as written without one when a later batch was, also where the broker had refused the first:
    /// a partition that knows nothing of a producer begins with any sequence.
    pub(crate) fn at(partition: i32, offset: i64) -> Result<Self, SendError> {
        match offset {
            0.. => Ok(Self { partition, offset }),
            _ => Err(SendError::Unacknowledged),
        }
    }
}

impl Producer {
    /// Makes a producer; `ack_within` bounds how long a record is tried.
    pub fn new(cluster: &Cluster, ack_within: Duration) -> Result<Self, Failure> {
        let mut config = settings(cluster);
        config.set("message.timeout.ms", ack_within.as_millis().to_string());
        let first = create(&config)?;
        Ok(Self {
            config,
            current: Arc::new(RwLock::new(Arc::new(first))),
        })
    }

    /// Writes a record and waits for the acknowledgement of all in-sync replicas.
    pub async fn send(&self, record: &Record<'_>) -> Result<Written, SendError> {
        let producer = Arc::clone(&self.current.read().expect("no holder of this lock panics"));
        let sent = producer.send_result(future_record(record));
        let ended = match sent {
            Ok(acknowledged) => match acknowledged.await {
                Ok(delivered) => delivered.map_err(|(error, _)| error),
                Err(_) => Err(KafkaError::Canceled),
            },
            Err((error, _)) => Err(error),
        };
        match ended {
            Ok(delivered) => Written::at(delivered.partition, delivered.offset),
            Err(error) => {
                self.replace_if_fatal(producer);
                Err(sort(&error))
            }
        }
    }

    /// A fatal error (KIP-360: a sequence the broker no longer knows) leaves a producer useless
    /// for ever; the next record gets a new one.
    fn replace_if_fatal(&self, failed: Arc<FutureProducer>) {
        if failed.client().fatal_error().is_none() {
            return;
        }
        match create(&self.config) {
            Ok(producer) => {
                let mut current = self.current.write().expect("no holder of this lock panics");
                if Arc::ptr_eq(&current, &failed) {
                    warn!("producer failed for good and was replaced");
                    *current = Arc::new(producer);
                }
            }
            Err(failure) => error!(error = %failure, "producer cannot be replaced"),
        }
        // The last one to drop it waits for its thread and its queue.
        tokio::task::spawn_blocking(move || drop(failed));
    }
}

/// What all producers without transactions have in common.
pub(crate) fn settings(cluster: &Cluster) -> ClientConfig {
    let mut config = cluster.client();
    config
        .set("acks", "all")
        // A broker would make a topic with partitions of its own choice (kafka-rules 1).
        .set("allow.auto.create.topics", "false")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "0.5")
        .set("compression.type", "zstd")
        .set("message.max.bytes", RAW_BYTES_MAX.to_string())
        .set("queue.buffering.max.kbytes", "131072");
    config
}

fn create(config: &ClientConfig) -> Result<FutureProducer, Failure> {
    config
        .create()
        .map_err(|error| Failure::of("create producer", error))
}

pub(crate) fn sort(error: &KafkaError) -> SendError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => SendError::TooLarge,
        _ => SendError::Unacknowledged,
    }
}

fn future_record<'a>(record: &Record<'a>) -> FutureRecord<'a, [u8], [u8]> {
    FutureRecord {
        topic: record.topic,
        partition: record.partition,
        payload: record.value,
        key: record.key,
        timestamp: None,
        headers: Some(owned_headers(record.headers)),
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_that_names_no_place_is_none() {
        let written = Written::at(3, 0).unwrap();
        assert_eq!((written.partition, written.offset), (3, 0));
        // What librdkafka has for "no offset", and what a broker sends.
        for offset in [-1_001, -1] {
            let refused = Written::at(3, offset).unwrap_err();
            assert!(matches!(refused, SendError::Unacknowledged));
        }
    }
}
