//! Where a proven delivery becomes durable: the one place that writes what ingest accepts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use events::{Provider, Time, Topic};
use kafka::{Cluster, Producer, Record, SendError};
use providers::Verified;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tracing::{error, info};
use uuid::Uuid;

use crate::metrics::IngestMetrics;

/// From a request's beginning until its record must be acknowledged; what is left of the 4.5 s of
/// P4 is for the answer.
pub(crate) const KEEP_WITHIN: Duration = Duration::from_secs(4);

/// Makes deliveries durable.
#[derive(Clone)]
pub(crate) struct Keeper {
    producer: Producer,
    cluster: Cluster,
    metrics: IngestMetrics,
    /// Whether Kafka failed to acknowledge the last record; to log the change, not each request.
    away: Arc<AtomicBool>,
}

/// A proven delivery on its way to its raw topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a> {
    pub(crate) verified: &'a Verified,
    pub(crate) ordering_key: &'a str,
    pub(crate) delivery_id: Uuid,
    pub(crate) received_at: Time,
}

/// Where a delivery's raw record lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRecord {
    pub topic: String,
    pub partition: i32,
    /// `None` where Kafka did not say it.
    pub offset: Option<i64>,
}

/// Why a delivery is not known to be durable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    #[error("kafka has not acknowledged in time")]
    Unavailable,
    #[error("delivery is larger than kafka takes")]
    TooLarge,
}

impl Keeper {
    pub(crate) fn new(producer: Producer, cluster: Cluster, metrics: IngestMetrics) -> Self {
        Self {
            producer,
            cluster,
            metrics,
            away: Arc::default(),
        }
    }

    /// Returns once all in-sync replicas have the delivery, or at the deadline.
    pub(crate) async fn keep(
        &self,
        kept: Kept<'_>,
        deadline: Instant,
    ) -> Result<RawRecord, NotKept> {
        let delivery = kept.verified.delivery();
        let headers = providers::raw::headers(kept.verified, kept.delivery_id, kept.received_at);
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let topic = self.cluster.topic(Topic::Raw(delivery.provider));
        let record = Record {
            topic: &topic,
            partition: None,
            key: Some(kept.ordering_key.as_bytes()),
            headers: &headers,
            value: Some(&delivery.body),
        };
        let began_at = Instant::now();
        let sent = timeout_at(deadline, self.producer.send(&record)).await;
        match sent.unwrap_or(Err(SendError::Unacknowledged)) {
            Ok(written) => {
                self.note_present();
                let seconds = began_at.elapsed().as_secs_f64();
                let body_bytes = delivery.body.len();
                self.metrics
                    .acknowledged(delivery.provider, seconds, body_bytes);
                Ok(RawRecord {
                    topic,
                    partition: written.partition,
                    offset: written.offset,
                })
            }
            Err(SendError::Unacknowledged) => {
                self.note_away(delivery.provider);
                Err(NotKept::Unavailable)
            }
            Err(SendError::TooLarge) => Err(NotKept::TooLarge),
        }
    }

    fn note_present(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            info!("kafka acknowledges again");
        }
    }

    fn note_away(&self, provider: Provider) {
        if !self.away.swap(true, Ordering::Relaxed) {
            error!(
                provider = provider.name(),
                "kafka does not acknowledge, deliveries are refused"
            );
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}
