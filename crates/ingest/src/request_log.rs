//! The webhook log: one entry for each request, accepted or refused, written to the topic
//! `requests` behind the answers.
//!
//! A record holds entries of one source, whose id is its key; it has none where no source was
//! found. Its value is JSON lines, one entry each.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Uri};
use events::{Time, Topic};
use futures::future::join_all;
use kafka::{Cluster, Producer, Record, SendError};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};
use uuid::Uuid;

use crate::keep::RawRecord;
use crate::metrics::IngestMetrics;

/// Entries that wait to be written, about 500 bytes each.
const WAITING_MAX: usize = 20_000;
/// Of that so many are left to accepted deliveries: a flood of refused ones must not hide them.
const FOR_ACCEPTED: usize = WAITING_MAX / 2;
const BATCH_MAX: usize = 1_000;
/// How long entries are gathered.
const GATHERED_WITHIN: Duration = Duration::from_millis(500);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// What a sender chose is cut there.
const ENDPOINT_BYTES_MAX: usize = 256;
const METHOD_BYTES_MAX: usize = 16;

/// One request: the fields that GxP documents for its webhook log, and what Cardea knows besides.
/// Nothing of headers, query and body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: Uuid,
    /// The path.
    pub endpoint: String,
    pub method: String,
    pub status: u16,
    pub source_ip: IpAddr,
    pub received_at: Time,
    pub response_time_ms: u64,
    pub source: Option<Arc<str>>,
    /// `accepted`, `handshake`, or why the request was refused.
    pub outcome: Cow<'static, str>,
    /// Of an accepted delivery.
    pub delivery_id: Option<Uuid>,
    pub raw: Option<RawRecord>,
}

/// Where entries are noted; it delays nobody.
#[derive(Clone, Debug)]
pub(crate) struct RequestLog {
    waiting: Sender<Entry>,
    metrics: IngestMetrics,
}

/// Writes the entries; it ends when nobody is left who notes some.
pub(crate) struct Writer {
    waiting: Receiver<Entry>,
    topic: String,
    producer: Producer,
    metrics: IngestMetrics,
    /// Whether the last batch could not be written; to log the change, not each try.
    away: bool,
}

/// Makes both ends of the log.
pub(crate) fn open(
    cluster: &Cluster,
    producer: &Producer,
    metrics: &IngestMetrics,
) -> (RequestLog, Writer) {
    let (noted, waiting) = mpsc::channel(WAITING_MAX);
    let log = RequestLog {
        waiting: noted,
        metrics: metrics.clone(),
    };
    let writer = Writer {
        waiting,
        topic: cluster.topic(Topic::Requests),
        producer: producer.clone(),
        metrics: metrics.clone(),
        away: false,
    };
    (log, writer)
}

pub(crate) fn endpoint(uri: &Uri) -> String {
    cut(uri.path(), ENDPOINT_BYTES_MAX)
}

pub(crate) fn method(method: &Method) -> String {
    cut(method.as_str(), METHOD_BYTES_MAX)
}

fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

impl RequestLog {
    /// Takes an entry; where there is no room for it, it is dropped and counted.
    pub(crate) fn note(&self, entry: Entry) {
        let room = match entry.delivery_id {
            Some(_) => self.waiting.capacity(),
            None => self.waiting.capacity().saturating_sub(FOR_ACCEPTED),
        };
        let entry = match room {
            0 => entry,
            _ => match self.waiting.try_send(entry) {
                Ok(()) => return,
                Err(full) => full.into_inner(),
            },
        };
        self.metrics.log_dropped(&entry.outcome);
    }
}

impl Writer {
    /// Writes until the last one who notes entries is gone, and what is left then.
    pub(crate) async fn run(&mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let until = Instant::now() + GATHERED_WITHIN;
            while batch.len() < BATCH_MAX {
                let room = BATCH_MAX - batch.len();
                match timeout_at(until, self.waiting.recv_many(&mut batch, room)).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
            self.write(by_source(batch.drain(..))).await;
        }
    }

    /// Tries again while Kafka is away, but does not hold up the end of the process.
    async fn write(&mut self, mut unwritten: Batch) {
        while !unwritten.is_empty() {
            if self.away && self.waiting.is_closed() {
                unwritten.values().for_each(|entries| self.give_up(entries));
                return;
            }
            let (topic, producer) = (&self.topic, &self.producer);
            let sending = unwritten
                .iter()
                .map(|(source, entries)| send(producer, topic, source.as_deref(), entries));
            let sent = join_all(sending).await;
            let (mut left, mut away) = (Batch::new(), false);
            for ((source, entries), sent) in unwritten.into_iter().zip(sent) {
                away |= matches!(sent, Err(SendError::Unacknowledged));
                match sent {
                    Ok(()) => {}
                    Err(SendError::Unacknowledged) => {
                        left.insert(source, entries);
                    }
                    Err(SendError::TooLarge) => self.give_up(&entries),
                }
            }
            self.tell(away);
            if !left.is_empty() && !self.waiting.is_closed() {
                sleep(AGAIN_AFTER).await;
            }
            unwritten = left;
        }
    }

    fn give_up(&self, entries: &[Entry]) {
        for entry in entries {
            self.metrics.log_dropped(&entry.outcome);
        }
    }

    fn tell(&mut self, away: bool) {
        match (std::mem::replace(&mut self.away, away), away) {
            (false, true) => warn!("the request log cannot be written, its entries wait"),
            (true, false) => info!("the request log is written again"),
            (false, false) | (true, true) => {}
        }
    }
}

/// Entries by source.
type Batch = BTreeMap<Option<Arc<str>>, Vec<Entry>>;

fn by_source(entries: impl Iterator<Item = Entry>) -> Batch {
    let mut batch = Batch::new();
    for entry in entries {
        let of_source = batch.entry(entry.source.clone()).or_default();
        of_source.push(entry);
    }
    batch
}

async fn send(
    producer: &Producer,
    topic: &str,
    source: Option<&str>,
    entries: &[Entry],
) -> Result<(), SendError> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry).expect("names, numbers and times are JSON");
        lines.push(b'\n');
    }
    let record = Record {
        topic,
        key: source.map(str::as_bytes),
        value: Some(&lines),
        ..Record::default()
    };
    producer.send(&record).await.map(drop)
}

/// Reads the entries of one record back; lines that are none are counted.
pub fn read(value: &[u8]) -> (Vec<Entry>, u64) {
    let mut entries = Vec::new();
    let mut unreadable = 0;
    let lines = value.split(|byte| *byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(entry) => entries.push(entry),
            Err(_) => unreadable += 1,
        }
    }
    (entries, unreadable)
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use service::Metrics;

    use super::*;

    fn entry(accepted: bool) -> Entry {
        let id = Uuid::from_u128(7);
        Entry {
            id,
            endpoint: "/hooks/hq".to_owned(),
            method: "POST".to_owned(),
            status: if accepted { 200 } else { 401 },
            source_ip: "203.0.113.50".parse().unwrap(),
            received_at: "2026-05-12T18:00:00.25Z".parse().unwrap(),
            response_time_ms: 45,
            source: Some("hq".into()),
            outcome: if accepted { "accepted" } else { "unproven" }.into(),
            delivery_id: accepted.then_some(id),
            raw: accepted.then(|| RawRecord {
                topic: "cardea.raw.genea".to_owned(),
                partition: 3,
                offset: Some(17),
            }),
        }
    }

    #[test]
    fn an_entry_looks_like_this_and_can_be_read_again() {
        let mut lines = Vec::new();
        for accepted in [true, false] {
            serde_json::to_writer(&mut lines, &entry(accepted)).unwrap();
            lines.push(b'\n');
        }
        insta::assert_snapshot!(String::from_utf8(lines.clone()).unwrap());
        assert_eq!(read(&lines), (vec![entry(true), entry(false)], 0));
        assert_eq!(read(b"{}\n[]"), (Vec::new(), 2));
    }

    #[test]
    fn what_a_sender_chose_is_cut() {
        let path = format!("/hooks/{}?token=1", "ä".repeat(300));
        let uri: Uri = path.parse().unwrap();
        assert_eq!(endpoint(&uri).len(), 255);
        assert!(!endpoint(&"/hooks/hq?token=1".parse().unwrap()).contains("token"));
    }

    #[tokio::test]
    async fn a_flood_of_refused_requests_leaves_room_for_accepted_ones_and_delays_none() {
        let cluster = Cluster::new(&kafka::Config {
            brokers: "127.0.0.1:1".to_owned(),
            topic_prefix: String::new(),
            kafka_set: Vec::new(),
        });
        let cluster = cluster.unwrap();
        let metrics = Metrics::new();
        let producer = Producer::new(&cluster, Duration::from_secs(1)).unwrap();
        let counted = IngestMetrics::register(&metrics);
        let (log, writer) = open(&cluster, &producer, &counted);
        for _ in 0..WAITING_MAX {
            log.note(entry(false));
        }
        for _ in 0..FOR_ACCEPTED + 1 {
            log.note(entry(true));
        }
        assert_eq!(writer.waiting.len(), WAITING_MAX);
        let dropped = |outcome: &str, count: usize| {
            let line =
                format!("cardea_ingest_request_log_dropped_total{{outcome=\"{outcome}\"}} {count}");
            assert!(metrics.render().contains(&line), "{line}");
        };
        dropped("unproven", WAITING_MAX - FOR_ACCEPTED);
        dropped("accepted", 1);
    }
}
