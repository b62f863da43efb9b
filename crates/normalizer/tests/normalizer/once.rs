//! Every event once and in order, whoever owns its partition.

use std::collections::BTreeMap;

use events::{CanonicalTopic, Provider, Topic, wire};
use kafka::Stop;

use crate::setting::Setting;

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_of_every_provider_comes_out_once() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    let samples = Provider::ALL.into_iter().flat_map(|provider| {
        providers::samples(provider)
            .iter()
            .map(move |sample| (provider, sample))
    });
    for (provider, sample) in samples {
        let body = sample.body.as_bytes();
        setting.deliver(provider, sample.tail, body).await;
    }
    setting.wait_until_covered().await;
    stop.request();
    worker.join().unwrap().unwrap();

    let records = setting.canonical();
    let mut seen = BTreeMap::new();
    for record in &records {
        let event = wire::decode(record.value.as_deref().unwrap()).unwrap();
        assert_eq!(
            record.header("ce_type"),
            Some(event.envelope.event_type.name())
        );
        assert_eq!(
            record.header("ce_id"),
            Some(event.envelope.event_id.to_string().as_str())
        );
        assert_eq!(record.header("content-type"), Some("application/avro"));
        let before = seen.insert(event.envelope.event_id, event.envelope.native_type);
        assert_eq!(before, None, "an event came out twice");
    }
    for provider in Provider::ALL {
        let of_provider = records
            .iter()
            .filter(|record| record.header("ce_provider") == Some(provider.name()));
        assert!(of_provider.count() > 0, "{provider} brought nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_is_dropped_also_after_a_restart() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    for number in 0..50 {
        setting.scan(number % 5, number).await;
        setting.scan(number % 5, number).await;
    }
    setting.wait_for(50).await;
    stop.request();
    worker.join().unwrap().unwrap();

    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    for number in 0..50 {
        setting.scan(number % 5, number).await;
    }
    setting.wait_until_drained(1_000).await;
    stop.request();
    worker.join().unwrap().unwrap();
    let counts = setting.counts();
    assert_eq!(counts.len(), 50 + 24);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_owners_neither_lose_nor_repeat_nor_reorder() {
    let setting = Setting::new();
    let stops = [Stop::default(), Stop::default(), Stop::default()];
    let first = setting.worker("a", &stops[0]);
    for number in 0..400 {
        setting.scan(number % 8, number).await;
    }
    let second = setting.worker("b", &stops[1]);
    for number in 200..800 {
        setting.scan(number % 8, number).await;
    }
    stops[0].request();
    first.join().unwrap().unwrap();
    let third = setting.worker("a", &stops[2]);
    for number in 600..1_200 {
        setting.scan(number % 8, number).await;
    }
    setting.wait_until_drained(10_000).await;
    stops.iter().for_each(Stop::request);
    second.join().unwrap().unwrap();
    third.join().unwrap().unwrap();

    let counts = setting.counts();
    assert_eq!(counts.len(), 1_200 + 24);
    assert!(counts.values().all(|count| *count == 1), "repeated");
    setting.assert_order_by_key();
}

impl Setting {
    /// Per key, events come out in the order in which they were first received.
    fn assert_order_by_key(&self) {
        let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for record in self.read(Topic::Canonical(CanonicalTopic::Access)) {
            let event = wire::decode(&record.value.unwrap()).unwrap();
            let offset = event.envelope.raw.unwrap().offset;
            let before = last.insert(record.key.unwrap(), offset);
            assert!(before.is_none_or(|before| before < offset), "overtaken");
        }
    }
}
