//! Where a proven delivery becomes durable: the one place that writes what ingest accepts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use events::{Provider, Time, Topic};
use kafka::{Cluster, Producer, Record, SendError};
use providers::roster::Decision;
use providers::{Verified, raw};
use serde::{Deserialize, Serialize};
use service::Tasks;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info};
use uuid::Uuid;

use crate::metrics::IngestMetrics;
use crate::spooling::{Durable, RawContent, Spooling};

/// From a request's beginning until its delivery must be durable; what is left of the 4.5 s of
/// P4 is for the answer.
pub(crate) const KEEP_WITHIN: Duration = Duration::from_secs(4);

/// Makes deliveries durable.
#[derive(Clone)]
pub(crate) struct Keeper {
    way: Way,
    cluster: Cluster,
    metrics: IngestMetrics,
}

#[derive(Clone)]
enum Way {
    /// To Kafka, or else to disk.
    Spooling(Spooling),
    /// To Kafka alone.
    Direct {
        producer: Producer,
        /// Whether Kafka failed to acknowledge the last record; to log the change, not each request.
        away: Arc<AtomicBool>,
    },
}

/// A proven delivery on its way to its raw topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a> {
    pub(crate) verified: &'a Verified,
    pub(crate) ordering_key: &'a str,
    pub(crate) delivery_id: Uuid,
    pub(crate) received_at: Time,
    /// What is answered from the roster.
    pub(crate) decision: Option<&'a Decision>,
}

/// Where a delivery's raw record lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRecord {
    pub topic: String,
    pub partition: i32,
    /// `None` of a delivery that was accepted into the spool.
    pub offset: Option<i64>,
}

/// Why a delivery is not known to be durable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    #[error("neither kafka nor the disk has it in time")]
    Unavailable,
    #[error("kafka is away and the spool is full")]
    SpoolFull,
    #[error("delivery is larger than kafka takes")]
    TooLarge,
}

impl Keeper {
    pub(crate) fn spooling(spooling: Spooling, cluster: Cluster, metrics: IngestMetrics) -> Self {
        Self {
            way: Way::Spooling(spooling),
            cluster,
            metrics,
        }
    }

    pub(crate) fn direct(producer: Producer, cluster: Cluster, metrics: IngestMetrics) -> Self {
        let away = Arc::default();
        Self {
            way: Way::Direct { producer, away },
            cluster,
            metrics,
        }
    }

    /// Returns once all in-sync replicas have the delivery, or the disk, or at the deadline.
    pub(crate) async fn keep(
        &self,
        kept: Kept<'_>,
        deadline: Instant,
    ) -> Result<RawRecord, NotKept> {
        let delivery = kept.verified.delivery();
        let topic = self.cluster.topic(Topic::Raw(delivery.provider));
        let mut headers = raw::headers(kept.verified, kept.delivery_id, kept.received_at);
        headers.extend(kept.decision.map(raw::decision_header));
        let content = RawContent {
            key: kept.ordering_key.as_bytes().to_vec(),
            headers,
            body: delivery.body.clone(),
        };
        let began_at = Instant::now();
        let (partition, durable) = match &self.way {
            Way::Spooling(spooling) => spooling.keep(&topic, content, deadline).await?,
            Way::Direct { producer, away } => {
                let sent = send(producer, &topic, &content, deadline).await;
                note(away, delivery.provider, &sent);
                sent?
            }
        };
        self.metrics
            .accepted(delivery.provider, delivery.body.len());
        let offset = match durable {
            Durable::InKafka { offset } => {
                let seconds = began_at.elapsed().as_secs_f64();
                self.metrics.acknowledged(delivery.provider, seconds);
                Some(offset)
            }
            Durable::InSpool => None,
        };
        Ok(RawRecord {
            topic,
            partition,
            offset,
        })
    }

    /// Starts what works behind the requests.
    pub(crate) fn start(&self, tasks: &Tasks) {
        match &self.way {
            Way::Spooling(spooling) => spooling.start(tasks),
            Way::Direct { .. } => {}
        }
    }

    /// Ends what works behind the requests, once there are none any more.
    pub(crate) fn end(&self) {
        match &self.way {
            Way::Spooling(spooling) => spooling.end(),
            Way::Direct { .. } => {}
        }
    }
}

async fn send(
    producer: &Producer,
    topic: &str,
    content: &RawContent,
    deadline: Instant,
) -> Result<(i32, Durable), NotKept> {
    let record = Record {
        topic,
        partition: None,
        key: Some(&content.key),
        headers: &content.headers(),
        value: Some(&content.body),
    };
    match timeout_at(deadline, producer.send(&record)).await {
        Ok(Ok(written)) => {
            let offset = written.offset;
            Ok((written.partition, Durable::InKafka { offset }))
        }
        Ok(Err(SendError::TooLarge)) => Err(NotKept::TooLarge),
        Ok(Err(SendError::Unacknowledged)) | Err(_) => Err(NotKept::Unavailable),
    }
}

fn note(away: &AtomicBool, provider: Provider, sent: &Result<(i32, Durable), NotKept>) {
    match sent {
        Ok(_) => {
            if away.swap(false, Ordering::Relaxed) {
                info!("kafka acknowledges again");
            }
        }
        Err(NotKept::Unavailable) => {
            if !away.swap(true, Ordering::Relaxed) {
                let provider = provider.name();
                error!(
                    provider,
                    "kafka does not acknowledge, deliveries are refused"
                );
            }
        }
        Err(NotKept::TooLarge | NotKept::SpoolFull) => {}
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}
