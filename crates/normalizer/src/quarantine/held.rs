//! What is in quarantine, and its way back.

use std::collections::BTreeMap;

use events::{Provider, RawPosition, Time, Topic};
use kafka::{
    BorrowedMessage, Cluster, Extent, Failure, Message, Producer, Record, SendError, headers_of,
};
use providers::Raw;

use super::{DETAIL, RAW_KEY, RAW_PARTITION, RAW_TOPIC, REASON, RETRY_OF, came_with, header};

/// A record in quarantine, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where its raw record lies: `<topic>/<partition>/<offset>`.
    pub position: String,
    pub provider: Provider,
    pub reason: String,
    /// Where and what, without any content of the delivery.
    pub detail: String,
    pub source: String,
    pub received_at: Option<Time>,
    /// Its partition and offset in quarantine: the last record of its position counts.
    place: (i32, i64),
}

/// A record of the quarantine as it goes back to its raw topic.
#[derive(Clone)]
pub struct Whole {
    position: String,
    topic: String,
    partition: i32,
    key: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// Why a record could not be retried; it stays in quarantine.
#[derive(Debug, thiserror::Error)]
pub enum NotRetried {
    #[error("record {0} does not say where it came from")]
    NoOrigin(String),
    #[error("record {0} could not be written to its raw topic")]
    NotWritten(String, #[source] SendError),
}

/// Lists what these providers have in quarantine, by position. Blocks while it reads the topics.
pub fn list(cluster: &Cluster, providers: &[Provider]) -> Result<Vec<Held>, Failure> {
    let names: BTreeMap<String, Provider> = providers
        .iter()
        .map(|provider| (cluster.topic(Topic::Quarantine(*provider)), *provider))
        .collect();
    let mut held = BTreeMap::new();
    extent(cluster, providers)?.read(|record| {
        let position = text(record.key());
        match record.payload() {
            Some(_) => held.insert(position, held_of(record, names[record.topic()])),
            None => held.remove(&position),
        };
        Ok(())
    })?;
    Ok(held.into_values().collect())
}

/// Hands out the wanted records with their bodies, as they are read. Blocks meanwhile; an error of
/// `on_whole` ends it.
pub fn each(
    cluster: &Cluster,
    wanted: &[Held],
    mut on_whole: impl FnMut(Whole) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut providers: Vec<_> = wanted.iter().map(|held| held.provider).collect();
    providers.sort_unstable();
    providers.dedup();
    let wanted: BTreeMap<&str, (i32, i64)> = wanted
        .iter()
        .map(|held| (held.position.as_str(), held.place))
        .collect();
    extent(cluster, &providers)?.read(|record| {
        let place = (record.partition(), record.offset());
        if wanted.get(&*text(record.key())) == Some(&place) {
            on_whole(whole_of(record))?;
        }
        Ok(())
    })
}

/// Writes a record to its raw partition once more: the normalizer takes it like a delivery, drops
/// it if its events have come out meanwhile, and takes the old one out of quarantine.
pub async fn retry(producer: &Producer, whole: &Whole) -> Result<(), NotRetried> {
    let position = &whole.position;
    if whole.topic.is_empty() || whole.partition < 0 {
        return Err(NotRetried::NoOrigin(position.clone()));
    }
    let headers: Vec<(&str, &[u8])> = whole
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .chain([(RETRY_OF, position.as_bytes())])
        .collect();
    let again = Record {
        topic: &whole.topic,
        partition: Some(whole.partition),
        key: Some(&whole.key),
        headers: &headers,
        value: Some(&whole.body),
    };
    let written = producer.send(&again).await.map(drop);
    written.map_err(|error| NotRetried::NotWritten(position.clone(), error))
}

fn extent(cluster: &Cluster, providers: &[Provider]) -> Result<Extent, Failure> {
    let topics: Vec<_> = providers
        .iter()
        .map(|provider| cluster.topic(Topic::Quarantine(*provider)))
        .collect();
    Extent::of(cluster, &topics, None, None)
}

fn held_of(record: &BorrowedMessage<'_>, provider: Provider) -> Held {
    let position = RawPosition {
        topic: String::new(),
        partition: record.partition(),
        offset: record.offset(),
        index: 0,
    };
    // Without its headers it may be here for just that.
    let raw = Raw::parse(provider, position, headers_of(record), &[]).ok();
    Held {
        position: text(record.key()),
        provider,
        reason: text(header(record, REASON)),
        detail: text(header(record, DETAIL)),
        source: raw
            .as_ref()
            .map_or(String::new(), |raw| raw.source.to_owned()),
        received_at: raw.map(|raw| raw.received_at),
        place: (record.partition(), record.offset()),
    }
}

fn whole_of(record: &BorrowedMessage<'_>) -> Whole {
    let owned = |(name, value): (&str, &[u8])| (name.to_owned(), value.to_vec());
    Whole {
        position: text(record.key()),
        topic: text(header(record, RAW_TOPIC)),
        partition: text(header(record, RAW_PARTITION)).parse().unwrap_or(-1),
        key: header(record, RAW_KEY).unwrap_or_default().to_vec(),
        headers: came_with(record).map(owned).collect(),
        body: record.payload().unwrap_or_default().to_vec(),
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// Shows no content.
impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whole")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
