//! Faults planted in a normalizer, which `cardea audit` must catch; each test first shows that the
//! same loop without the fault goes through the same trouble and is found sound.

mod spool;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use events::{Provider, Time, Topic};
use kafka::{Producer, Record};
use providers::{Delivery, Key, SecretEncoding, raw};
use serde_json::Value;
use testkit::proxy::{Api, Fate, Way};
use testkit::{Kafka, Proxy, wait_until};
use uuid::Uuid;
use yardstick::{Commits, Options, Plant};

use crate::program::{DEADLINE, binary};

/// Records before the trouble and after it.
const CALM: u32 = 100;
const RECORDS_MAX: u32 = 50_000;
/// Less than the commit interval, so that a late request arrives in the middle of a transaction.
const LATE: Duration = Duration::from_secs(1);
const COMMIT_INTERVAL: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn ids_remembered_on_an_abort_lose_events_and_are_caught() {
    let trouble = (Way::Request, Fate::Drop);
    is_caught(Plant::IdsRememberedOnAbort, trouble, "lost").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_outside_of_the_transaction_repeat_events_and_are_caught() {
    let trouble = (Way::Answer, Fate::Drop);
    is_caught(
        Plant::OffsetsOutsideTheTransaction,
        trouble,
        "come out twice",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_kept_after_an_unclear_commit_repeats_events_and_is_caught() {
    let trouble = (Way::Request, Fate::Late(LATE));
    is_caught(Plant::ProducerKept, trouble, "come out twice").await;
}

/// The end of one transaction meets the trouble, with the plant and without it.
async fn is_caught(plant: Plant, trouble: (Way, Fate), offence: &str) {
    let kafka = Kafka::one_node();
    let proxy = kafka.proxy();
    let sound = Planted::new(kafka.brokers(), "sound.", None);
    let found = sound.run(&proxy, trouble).await;
    assert_eq!(found["holds"], true, "{found}");
    let planted = Planted::new(kafka.brokers(), "planted.", Some(plant));
    let found = planted.run(&proxy, trouble).await;
    let offences = found["offences"].as_array().unwrap().iter();
    let caught = offences
        .filter(|found| found["what"] == offence)
        .any(|found| found["count"].as_u64().unwrap() > 0);
    assert!(caught, "{found}");
}

/// The bare loop on topics of its own.
struct Planted<'a> {
    brokers: &'a str,
    prefix: &'a str,
    plant: Option<Plant>,
    raw: String,
    producer: Producer,
}

impl<'a> Planted<'a> {
    fn new(brokers: &'a str, prefix: &'a str, plant: Option<Plant>) -> Self {
        let config = kafka::Config {
            brokers: brokers.to_owned(),
            topic_prefix: prefix.to_owned(),
            kafka_set: Vec::new(),
        };
        let cluster = kafka::Cluster::new(&config).unwrap();
        let planted = Self {
            brokers,
            prefix,
            plant,
            raw: cluster.topic(Topic::Raw(Provider::Gxp)),
            producer: Producer::new(&cluster, Duration::from_secs(10)).unwrap(),
        };
        planted.cardea(&["topics", "--partitions", "3"]);
        planted
    }

    /// Normalizes check-ins while the trouble is met; returns what the audit finds then.
    async fn run(&self, proxy: &Proxy, (way, fate): (Way, Fate)) -> Value {
        let stop = Arc::new(AtomicBool::new(false));
        let bare = std::thread::spawn({
            let (brokers, prefix) = (proxy.brokers().to_owned(), self.prefix.to_owned());
            let (plant, stop) = (self.plant, Arc::clone(&stop));
            move || {
                let options = Options {
                    brokers: &brokers,
                    topic_prefix: &prefix,
                    commit_interval: COMMIT_INTERVAL,
                    commits: Commits::Transactional,
                    plant,
                };
                yardstick::run(options, &stop);
            }
        });
        let mut number = 0;
        self.deliver(&mut number, CALM).await;
        self.wait_until_read().await;
        let late = proxy.late() + usize::from(matches!(fate, Fate::Late(_)));
        proxy.next(Api::EndTxn, way, fate);
        while !proxy.all_met() || proxy.late() < late {
            assert!(number < RECORDS_MAX, "the trouble is not met");
            self.deliver(&mut number, 1).await;
        }
        self.deliver(&mut number, CALM).await;
        let found = self.wait_until_read().await;
        stop.store(true, Ordering::Relaxed);
        bare.join().unwrap();
        found
    }

    /// Returns what the audit finds once all is read.
    async fn wait_until_read(&self) -> Value {
        let mut found = Value::Null;
        let read = async || {
            found = serde_json::from_str(&self.cardea(&["audit", "--json"])).unwrap();
            found["pending"] == 0
        };
        wait_until("all check-ins to be read", DEADLINE, read).await;
        found
    }

    fn cardea(&self, arguments: &[&str]) -> String {
        let output = Command::new(binary())
            .args(arguments)
            .env("CARDEA_BROKERS", self.brokers)
            .env("CARDEA_TOPIC_PREFIX", self.prefix)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes raw records as ingest would, one after the other.
    async fn deliver(&self, number: &mut u32, count: u32) {
        let (provider, tail) = (Provider::Gxp, "cvent");
        let key = Key::new(provider, "1", &"secret".into(), SecretEncoding::Text).unwrap();
        let received_at: Time = "2026-01-01T00:00:00Z".parse().unwrap();
        for _ in 0..count {
            let registration = *number % 40;
            let body = format!(
                r#"{{"event_type":"attendee.checked_in","event_id":"{number}","data":{{"registration_id":"{registration}","attendee":{{"first_name":"A","last_name":"B","email":"a@b.c"}}}},"timestamp":"2026-01-01T00:00:00Z"}}"#
            );
            *number += 1;
            let delivery = Delivery {
                provider,
                source: "hq".into(),
                tenant: "acme".into(),
                tail: tail.to_owned(),
                headers: providers::sign(provider, tail, &key, body.as_bytes(), received_at),
                body: body.clone().into(),
            };
            let verified = providers::verify(delivery, &[&key]).unwrap();
            let ordering_key = providers::ordering_key(&verified).unwrap();
            let headers = raw::headers(&verified, Uuid::new_v4(), received_at);
            let headers: Vec<(&str, &[u8])> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_slice()))
                .collect();
            let record = Record {
                topic: &self.raw,
                partition: None,
                key: Some(ordering_key.as_bytes()),
                headers: &headers,
                value: Some(body.as_bytes()),
            };
            self.producer.send(&record).await.unwrap();
        }
    }
}
