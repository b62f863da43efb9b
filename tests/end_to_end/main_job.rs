//! Webhooks in, canonical events in Kafka, signed deliveries out.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use events::{Provider, schema};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use testkit::endpoint::Received;
use testkit::{Answer, Endpoint, wait_until};

use crate::program::{DEADLINE, Site, Subscriber};
use crate::sender::{self, Sender};

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_of_every_provider_arrives_signed_and_comes_out_once() {
    let site = Site::new();
    let subscriber = site.subscribe(Endpoint::start(Answer::status(200)));
    let program = site.start().await;
    let sender = Sender::new(site.ingest());
    for provider in Provider::ALL {
        for sample in providers::samples(provider) {
            let status = sender.post(provider, sample.tail, sample.body).await;
            assert_eq!(status, Some(200), "{provider} {}", sample.name);
        }
    }
    let raw = Provider::ALL.map(|provider| site.read(&format!("raw.{provider}")).len());
    let sent: usize = Provider::ALL
        .map(|provider| providers::samples(provider).len())
        .iter()
        .sum();
    assert_eq!(raw.iter().sum::<usize>(), sent);

    wait_until("the normalizer", DEADLINE, async || normalized(&site)).await;
    let ids = ids_of(&site);
    assert_eq!(site.events().len(), ids.len(), "an event came out twice");
    let arrived = async || subscriber.ids().is_superset(&ids);
    wait_until("every event at the subscriber", DEADLINE, arrived).await;
    for received in subscriber.endpoint.received() {
        assert_proven(&received, &subscriber.secret);
    }
    assert!(program.terminate().await, "the program did not end well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_comes_out_once_and_a_forgery_not_at_all() {
    let site = Site::new();
    let _program = site.start().await;
    let sender = Sender::new(site.ingest());
    let scan = r#"{"uuid":"e-1","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{"uuid":"d-1"}}"#;
    for _ in 0..3 {
        assert_eq!(sender.post(Provider::Genea, "", scan).await, Some(200));
    }
    let forged = scan.replace("GRANTED", "GRANTEE");
    let answer = sender
        .post_signed_for(Provider::Genea, "", scan, &forged)
        .await;
    assert_eq!(answer, Some(401));
    let last = scan.replace("e-1", "e-2");
    assert_eq!(sender.post(Provider::Genea, "", &last).await, Some(200));

    wait_until("the last event", DEADLINE, async || {
        site.events().len() >= 2
    })
    .await;
    assert_eq!(site.read("raw.genea").len(), 4);
    let natives: Vec<_> = site
        .events()
        .into_iter()
        .map(|event| event.envelope.native_id)
        .collect();
    assert_eq!(natives, [Some("e-1".to_owned()), Some("e-2".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tells_two_events_apart_is_the_providers_own() {
    let site = Site::new();
    let _program = site.start().await;
    let sender = Sender::new(site.ingest());
    let status = r#"{"gateway_id":"GW-001","status":"online"}"#;
    for _ in 0..2 {
        let answer = sender
            .post(Provider::Gxp, "mqtt-gateway-status", status)
            .await;
        assert_eq!(answer, Some(200));
    }
    wait_until("both statuses", DEADLINE, async || site.events().len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_serves_the_schemas_that_the_records_name() {
    let site = Site::new();
    let _program = site.start().await;
    for released in schema::all() {
        let path = format!("/registry/schemas/ids/{}", released.id);
        let (status, body) = sender::get(site.console(), &path).await.unwrap();
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["schema"], released.text);
    }
}

impl Subscriber {
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        let received = self.endpoint.received();
        received
            .iter()
            .map(|request| request.header("webhook-id").to_owned())
            .collect()
    }
}

fn ids_of(site: &Site) -> BTreeSet<String> {
    site.events()
        .iter()
        .map(|event| event.envelope.event_id.to_string())
        .collect()
}

/// The normalizer's ledger covers every raw record.
fn normalized(site: &Site) -> bool {
    Provider::ALL.into_iter().all(|provider| {
        let mut covered: BTreeMap<i32, i64> = BTreeMap::new();
        for entry in site.read(&format!("seen.{provider}")) {
            let next = entry.header("next").unwrap().parse().unwrap();
            covered.insert(entry.partition, next);
        }
        let raw = site.read(&format!("raw.{provider}"));
        raw.iter().all(|record| {
            let next = covered.get(&record.partition);
            next.is_some_and(|next| *next > record.offset)
        })
    })
}

/// Verifies as a receiver does that knows Standard Webhooks and nothing of Cardea.
fn assert_proven(received: &Received, secret: &str) {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac: Hmac<Sha256> = Hmac::new_from_slice(&key).unwrap();
    let (id, at) = (
        received.header("webhook-id"),
        received.header("webhook-timestamp"),
    );
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&received.body);
    let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(received.header("webhook-signature"), wanted);
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!(body["id"], id);
    assert_eq!(body["type"], body["data"]["type"]);
}
