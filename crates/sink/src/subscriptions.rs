//! The topic `subscriptions`: followed by the sink, changed by the tools.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::{Time, Topic};
use kafka::{Cluster, Failure, Producer, Record, SendError, Stop, Table, Update};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::endpoint::{BadUrl, Endpoint, Reach};
use crate::filter::{Pattern, Traits};
use crate::metrics::Metrics;
use crate::signature::Secret;
use crate::subscription::{State, Subscription, SubscriptionId};

const NAME_BYTES_MAX: usize = 200;
const ENTRIES_MAX: usize = 200;
const POLL: Duration = Duration::from_millis(100);
const BACKOFF: Duration = Duration::from_secs(1);

/// All subscriptions at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    by_id: BTreeMap<SubscriptionId, Arc<Subscription>>,
    refused: BTreeSet<SubscriptionId>,
}

/// What there is of a subscription.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    Served(Arc<Subscription>),
    /// Its row is not understood: a newer version wrote it, or it is broken.
    Refused,
    Deleted,
}

/// The newest snapshot; none before the topic has been read.
pub(crate) type Live = watch::Receiver<Option<Arc<Snapshot>>>;

impl Snapshot {
    pub(crate) fn standing(&self, id: SubscriptionId) -> Standing {
        match self.by_id.get(&id) {
            Some(found) => Standing::Served(Arc::clone(found)),
            None if self.refused.contains(&id) => Standing::Refused,
            None => Standing::Deleted,
        }
    }

    /// Returns who wants an event.
    pub(crate) fn wanting(&self, event: Traits<'_>) -> impl Iterator<Item = SubscriptionId> {
        let wants = move |s: &&Arc<Subscription>| s.wants(event);
        self.by_id.values().filter(wants).map(|s| s.id)
    }
}

/// Follows the topic until asked to stop, however often Kafka goes away.
pub(crate) fn follow(
    cluster: &Cluster,
    live: &watch::Sender<Option<Arc<Snapshot>>>,
    metrics: &Metrics,
    stop: &Stop,
) -> Result<(), Failure> {
    while !stop.requested() {
        match follow_once(cluster, live, metrics, stop) {
            Ok(()) => {}
            Err(Failure::Unclear { step, source }) => {
                warn!(step, error = %source, "subscriptions cannot be read, trying again");
                std::thread::sleep(BACKOFF);
            }
            Err(fatal @ Failure::Fatal { .. }) => return Err(fatal),
        }
    }
    Ok(())
}

fn follow_once(
    cluster: &Cluster,
    live: &watch::Sender<Option<Arc<Snapshot>>>,
    metrics: &Metrics,
    stop: &Stop,
) -> Result<(), Failure> {
    let mut table = Table::open(cluster, &cluster.topic(Topic::Subscriptions))?;
    let mut rows = Rows::default();
    table.load(|update| rows.apply(update))?;
    info!(subscriptions = rows.good.len(), "subscriptions loaded");
    rows.publish(live, metrics);
    while !stop.requested() {
        if let Some(update) = table.poll(POLL)? {
            rows.apply(update);
            rows.publish(live, metrics);
        }
    }
    Ok(())
}

/// The rows of the topic.
#[derive(Debug, Default)]
struct Rows {
    good: BTreeMap<SubscriptionId, Arc<Subscription>>,
    /// Keys of rows that are not understood.
    refused: BTreeSet<Bytes>,
}

impl Rows {
    fn apply(&mut self, Update { key, value }: Update) {
        let id = id_of(&key);
        if let Some(id) = id {
            self.good.remove(&id);
        }
        self.refused.remove(&key);
        let Some(value) = value else {
            return;
        };
        match serde_json::from_slice::<Subscription>(&value) {
            Ok(read) if Some(read.id) == id => {
                self.good.insert(read.id, Arc::new(read));
            }
            Ok(_) => {
                warn!("a subscription has the key of another and is not served");
                self.refused.insert(key);
            }
            Err(error) => {
                // Where, not what: the message quotes the row, which holds a secret.
                let (line, column) = (error.line(), error.column());
                warn!(
                    line,
                    column, "a subscription is not understood and not served"
                );
                self.refused.insert(key);
            }
        }
    }

    fn publish(&self, live: &watch::Sender<Option<Arc<Snapshot>>>, metrics: &Metrics) {
        live.send_replace(Some(Arc::new(self.snapshot())));
        metrics.subscriptions.set(gauge(self.good.len()));
        metrics.subscriptions_refused.set(gauge(self.refused.len()));
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            by_id: self.good.clone(),
            refused: self.refused.iter().filter_map(|key| id_of(key)).collect(),
        }
    }
}

fn id_of(key: &[u8]) -> Option<SubscriptionId> {
    std::str::from_utf8(key).ok()?.parse().ok()
}

/// What somebody asks for who wants a new subscription.
#[derive(Clone, Debug)]
pub struct Draft {
    pub name: String,
    pub url: Endpoint,
    pub event_types: Vec<Pattern>,
    /// Ids of sources; none means all.
    pub sources: Vec<String>,
}

/// A draft that becomes no subscription.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("url: {0}")]
    Url(#[from] BadUrl),
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes")]
    Name,
    #[error("no event type is asked for; write `*` for all")]
    NoEventTypes,
    #[error("{0}: at most {ENTRIES_MAX}")]
    TooMany(&'static str),
}

impl Draft {
    /// Makes the subscription. The id and the secret are random, and it is the only time that the
    /// secret is to be shown.
    pub fn build(
        self,
        reach: Reach,
        id: SubscriptionId,
        secret: Secret,
        now: Time,
    ) -> Result<Subscription, Invalid> {
        self.url.permit(reach)?;
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX {
            return Err(Invalid::Name);
        }
        if self.event_types.is_empty() {
            return Err(Invalid::NoEventTypes);
        }
        if self.event_types.len() > ENTRIES_MAX {
            return Err(Invalid::TooMany("event types"));
        }
        if self.sources.len() > ENTRIES_MAX {
            return Err(Invalid::TooMany("sources"));
        }
        Ok(Subscription {
            id,
            name: self.name,
            url: self.url,
            event_types: self.event_types,
            sources: self.sources,
            state: State::Active,
            secret,
            created_at: now,
        })
    }
}

/// Writes a new subscription; it is served from the events on that the sink reads then.
pub async fn create(
    cluster: &Cluster,
    producer: &Producer,
    new: &Subscription,
) -> Result<(), SendError> {
    let row = serde_json::to_vec(new).expect("a subscription is JSON");
    write(cluster, producer, new.id, Some(&row)).await
}

/// Deletes a subscription; what is still owed to it is forgotten.
pub async fn delete(
    cluster: &Cluster,
    producer: &Producer,
    id: SubscriptionId,
) -> Result<(), SendError> {
    write(cluster, producer, id, None).await
}

/// Returns all subscriptions, by their id. Blocks while it reads the topic.
pub fn list(cluster: &Cluster) -> Result<Vec<Arc<Subscription>>, Failure> {
    Ok(read(cluster)?.good.into_values().collect())
}

/// Tells whether there is a subscription, or a row of its id that is not understood. Blocks while
/// it reads the topic.
pub fn exists(cluster: &Cluster, id: SubscriptionId) -> Result<bool, Failure> {
    Ok(match read(cluster)?.snapshot().standing(id) {
        Standing::Served(_) | Standing::Refused => true,
        Standing::Deleted => false,
    })
}

fn read(cluster: &Cluster) -> Result<Rows, Failure> {
    let mut table = Table::open(cluster, &cluster.topic(Topic::Subscriptions))?;
    let mut rows = Rows::default();
    table.load(|update| rows.apply(update))?;
    Ok(rows)
}

async fn write(
    cluster: &Cluster,
    producer: &Producer,
    id: SubscriptionId,
    value: Option<&[u8]>,
) -> Result<(), SendError> {
    let topic = cluster.topic(Topic::Subscriptions);
    let key = id.to_string();
    let record = Record {
        topic: &topic,
        key: Some(key.as_bytes()),
        value,
        ..Record::default()
    };
    producer.send(&record).await.map(drop)
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
