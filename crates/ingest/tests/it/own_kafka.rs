//! Kafka is frozen, killed, away from the start: what was accepted gets there once, in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use testkit::{Cluster, Isolation, Kafka, wait_until};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::given::{self, Running, SECRET};

const DEADLINE: Duration = Duration::from_secs(60);
const KEYS: usize = 12;
/// An answer takes no longer while Kafka is away: 1.5 s to notice it, and a sync.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// A Kafka of its own, and an ingest beside it.
struct Site {
    kafka: Cluster,
    folder: Arc<TempDir>,
}

/// Scans, by their doors; each door waits for an answer before its next scan.
struct Load {
    stop: Arc<AtomicBool>,
    doors: JoinSet<Sent>,
}

/// What was sent of one door.
#[derive(Default)]
struct Sent {
    accepted: Vec<String>,
    refused: usize,
    slowest: Duration,
}

impl Site {
    fn new() -> Self {
        Self::on(Kafka::one_node())
    }

    fn on(kafka: Cluster) -> Self {
        let topic = |name| format!("{}{name}", kafka.prefix());
        testkit::create_topic(kafka.brokers(), &topic("raw.genea"), 3);
        testkit::create_topic(kafka.brokers(), &topic("requests"), 1);
        let folder = given::folder();
        Self { kafka, folder }
    }

    async fn start(&self) -> Arc<Running> {
        self.start_with(|_| {}).await
    }

    async fn start_with(&self, change: impl FnOnce(&mut ingest::Config)) -> Arc<Running> {
        let (brokers, prefix) = (self.kafka.brokers(), self.kafka.prefix());
        Arc::new(given::ingest_in(&self.folder, brokers, prefix, change).await)
    }

    /// Bodies in raw by door, in the order of their offsets.
    fn raw(&self) -> BTreeMap<String, Vec<String>> {
        let topic = format!("{}raw.genea", self.kafka.prefix());
        let records = testkit::read_topic(self.kafka.brokers(), &topic, Isolation::ReadUncommitted);
        let mut by_door: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for record in records {
            let body = String::from_utf8(record.value.unwrap()).unwrap();
            let key = String::from_utf8(record.key.unwrap()).unwrap();
            by_door.entry(key).or_default().push(body);
        }
        by_door
    }
}

impl Load {
    fn start(ingest: &Arc<Running>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut doors = JoinSet::new();
        for door in 0..KEYS {
            let (ingest, stop) = (Arc::clone(ingest), Arc::clone(&stop));
            doors.spawn(async move {
                let mut sent = Sent::default();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    sent.scan(&ingest, door, number).await;
                }
                sent
            });
        }
        Self { stop, doors }
    }

    async fn end(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.doors.join_all().await
    }
}

impl Sent {
    async fn scan(&mut self, ingest: &Running, door: usize, number: usize) {
        let body = scan(door, number);
        let began_at = Instant::now();
        let status = post(ingest, &body).await;
        self.slowest = self.slowest.max(began_at.elapsed());
        match status {
            200 => self.accepted.push(body),
            _ => self.refused += 1,
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn scan(door: usize, number: usize) -> String {
    format!(
        r#"{{"uuid":"scan-{door}-{number}","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{{"uuid":"door-{door}"}}}}"#
    )
}

async fn post(ingest: &Running, body: &str) -> u16 {
    let header = given::genea(SECRET, body.as_bytes());
    let answer = ingest.post("/hooks/genea", &header, body.as_bytes()).await;
    answer.status
}

/// Waits until more than so many deliveries were drained.
async fn drains(ingest: &Running, before: f64) {
    let more = async || ingest.metric("cardea_ingest_spool_drained_total") > before;
    wait_until("a drained delivery", DEADLINE, more).await;
}

/// Waits until nothing is in the spool any more, on disk as well.
async fn drained(ingest: &Running) {
    let empty = async || ingest.metric("cardea_ingest_spool_deliveries") == 0.0;
    wait_until("an empty spool", DEADLINE, empty).await;
    let gone = async || ingest.metric("cardea_ingest_spool_disk_bytes") == 0.0;
    wait_until("a folder without segments", DEADLINE, gone).await;
}

/// Every accepted delivery is in raw once, those of a door in their order; all were accepted in time.
fn assert_all_once_in_order(sent: Vec<Sent>, site: &Site) {
    let slowest = sent.iter().map(|sent| sent.slowest).max().unwrap();
    assert!(slowest < ANSWERED_WITHIN, "{slowest:?}");
    assert!(sent.iter().all(|sent| sent.refused == 0));
    let raw = site.raw();
    assert_eq!(raw.len(), KEYS);
    for sent in sent {
        let mut of_door = raw
            .values()
            .filter(|bodies| bodies.contains(&sent.accepted[0]));
        assert_eq!(of_door.next(), Some(&sent.accepted));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_kafka_costs_no_delivery_no_order_and_makes_no_duplicate() {
    let site = Site::new();
    let ingest = site.start().await;
    let load = Load::start(&ingest);
    for millis in [2_000, 1_600, 4_000, 13_000] {
        tokio::time::sleep(Duration::from_millis(500)).await;
        site.kafka.freeze_node(1);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        site.kafka.thaw_node(1);
    }
    let flips = ingest.metric("cardea_ingest_spool_flips_total");
    assert!(flips >= 3.0, "{flips}");
    assert!(ingest.metric("cardea_ingest_spooled_total") > 0.0);
    let sent = load.end().await;
    drained(&ingest).await;
    assert_all_once_in_order(sent, &site);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_kafka_costs_no_delivery_and_the_spool_is_empty_afterwards() {
    let site = Site::new();
    let ingest = site.start().await;
    let load = Load::start(&ingest);
    tokio::time::sleep(Duration::from_secs(1)).await;
    site.kafka.kill_node(1);
    tokio::time::sleep(Duration::from_secs(6)).await;
    site.kafka.start_node(1);
    drains(&ingest, 0.0).await;
    drained(&ingest).await;
    let sent = load.end().await;
    drained(&ingest).await;
    assert_all_once_in_order(sent, &site);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_accepted_without_kafka_from_the_start_and_go_before_later_ones() {
    let site = Site::new();
    let ingest = site.start().await;
    assert_eq!(post(&ingest, &scan(0, 0)).await, 200);
    Arc::into_inner(ingest).unwrap().end().await;
    site.kafka.kill_node(1);
    for number in 1..4 {
        let ingest = site.start().await;
        let began_at = Instant::now();
        assert_eq!(post(&ingest, &scan(0, number)).await, 200);
        assert!(began_at.elapsed() < ANSWERED_WITHIN);
        Arc::into_inner(ingest).unwrap().end().await;
    }
    let ingest = site.start().await;
    assert_eq!(ingest.metric("cardea_ingest_spool_deliveries"), 3.0);
    site.kafka.start_node(1);
    assert_eq!(post(&ingest, &scan(0, 4)).await, 200);
    drained(&ingest).await;
    let expected: Vec<_> = (0..5).map(|number| scan(0, number)).collect();
    assert_eq!(site.raw().into_values().next(), Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spool_accepts_no_delivery_that_kafka_would_not_take_later() {
    let site = Site::new();
    let start = || {
        site.start_with(|config| {
            config.body_bytes_max = 4_000_000;
            config.body_memory_max = 16_000_000;
        })
    };
    let ingest = start().await;
    let body = |bytes: usize| format!(r#"{{"uuid":"{}"}}"#, "x".repeat(bytes));
    let fits = usize::try_from(kafka::RAW_BYTES_MAX).unwrap() - 2_000;
    assert_eq!(post(&ingest, &body(fits)).await, 200);
    assert_eq!(post(&ingest, &body(fits + 2_000)).await, 413);
    Arc::into_inner(ingest).unwrap().end().await;
    site.kafka.kill_node(1);
    let ingest = start().await;
    assert_eq!(post(&ingest, &body(fits)).await, 200);
    assert_eq!(post(&ingest, &body(fits + 2_000)).await, 413);
    site.kafka.start_node(1);
    drained(&ingest).await;
    assert_eq!(site.raw().into_values().flatten().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_at_once_and_loses_nothing_that_it_has() {
    let site = Site::new();
    let ingest = site
        .start_with(|config| config.spool.spool_bytes_max = 20_000)
        .await;
    assert_eq!(post(&ingest, &scan(0, 0)).await, 200);
    site.kafka.kill_node(1);
    let mut accepted = vec![scan(0, 0)];
    let refused = loop {
        let body = scan(0, accepted.len());
        let header = given::genea(SECRET, body.as_bytes());
        let answer = ingest.post("/hooks/genea", &header, body.as_bytes()).await;
        match answer.status {
            200 => accepted.push(body),
            _ => break answer,
        }
    };
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.contains("\r\nretry-after: "), "{refused:?}");
    let rendered = ingest.context.metrics.render();
    let counted = r#"cardea_ingest_requests_total{outcome="spool_full",provider="genea"} 1"#;
    assert!(rendered.contains(counted), "{rendered}");
    site.kafka.start_node(1);
    drained(&ingest).await;
    assert_eq!(site.raw().into_values().next(), Some(accepted.clone()));
    assert_eq!(post(&ingest, &scan(0, accepted.len())).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_three_that_die_and_freeze_cost_no_delivery_and_no_order() {
    let site = Site::on(Kafka::three_nodes());
    let ingest = site.start().await;
    let load = Load::start(&ingest);
    let a_while = || tokio::time::sleep(Duration::from_secs(3));
    a_while().await;
    for node in [1, 2] {
        site.kafka.kill_node(node);
        a_while().await;
    }
    for node in [1, 2] {
        site.kafka.start_node(node);
    }
    drains(&ingest, 0.0).await;
    let before = ingest.metric("cardea_ingest_spool_drained_total");
    for node in [3, 2] {
        site.kafka.freeze_node(node);
        a_while().await;
    }
    for node in [3, 2] {
        site.kafka.thaw_node(node);
    }
    drains(&ingest, before).await;
    let sent = load.end().await;
    drained(&ingest).await;
    assert_all_once_in_order(sent, &site);
}
