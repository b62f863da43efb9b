//! What is read back from `seen`, and what of it does not agree.

use std::collections::BTreeSet;

use events::{Provider, Topic};
use kafka::Stop;
use testkit::{OwnedRecord, commit_offset, wait_until, write_record};

use crate::setting::{DEADLINE, Setting};

#[tokio::test(flavor = "multi_thread")]
async fn lost_group_offsets_are_resumed_from_the_ledger() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    for number in 0..30 {
        setting.scan(number % 5, number).await;
    }
    setting.wait_for(30).await;
    stop.request();
    worker.join().unwrap().unwrap();

    let group = setting.cluster.topic("normalizer");
    let gone = async || testkit::delete_group(setting.kafka.brokers(), &group);
    wait_until("the group to be empty and deleted", DEADLINE, gone).await;
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting.wait_until_drained(1_000).await;
    stop.request();
    worker.join().unwrap().unwrap();
    let counts = setting.counts();
    assert_eq!(counts.len(), 30 + 24);
    let ledger = setting.read(Topic::Seen(Provider::Genea));
    let read_again = ledger
        .iter()
        .filter(|entry| entry.header("first") == Some("0"))
        .count();
    let partitions = ledger
        .iter()
        .map(|entry| entry.partition)
        .collect::<BTreeSet<_>>();
    assert_eq!(
        read_again,
        partitions.len(),
        "raw was read again from its beginning"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_that_disagree_with_the_ledger_stop_the_worker() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting.scan(1, 0).await;
    setting.wait_for(1).await;
    stop.request();
    worker.join().unwrap().unwrap();

    let (group, raw) = (
        setting.cluster.topic("normalizer"),
        Topic::Raw(Provider::Genea),
    );
    let entry = setting.read(Topic::Seen(Provider::Genea)).remove(0);
    let (topic, partition) = (setting.cluster.topic(raw), entry.partition);
    let moved = async || commit_offset(setting.kafka.brokers(), &group, &topic, partition, 0);
    wait_until(
        "the group to be empty and its offset moved",
        DEADLINE,
        moved,
    )
    .await;
    let refused = setting
        .worker("a", &Stop::default())
        .join()
        .unwrap()
        .unwrap_err();
    let says = refused.to_string();
    assert!(says.contains("set the group's offset back to 1"), "{says}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_the_ledger_that_no_normalizer_wrote_is_passed_over() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting.scan(1, 0).await;
    setting.wait_for(1).await;
    stop.request();
    worker.join().unwrap().unwrap();

    let seen = setting.cluster.topic(Topic::Seen(Provider::Genea));
    let entry = setting.read(Topic::Seen(Provider::Genea)).remove(0);
    let torn = OwnedRecord {
        value: Some(vec![7; 31]),
        ..entry.clone()
    };
    let foreign = OwnedRecord {
        headers: Vec::new(),
        ..entry
    };
    for record in [torn, foreign] {
        write_record(setting.kafka.brokers(), &seen, &record);
    }
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting.scan(1, 0).await;
    setting.wait_until_drained(1_000).await;
    stop.request();
    worker.join().unwrap().unwrap();
    assert_eq!(setting.counts().len(), 1 + 24);
    assert!(setting.counts().values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_took_before_it_was_read_is_counted() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting.scan(1, 0).await;
    setting.wait_for(1).await;
    stop.request();
    worker.join().unwrap().unwrap();

    for number in 1..=5 {
        setting.scan(1, number).await;
    }
    let raw = setting.cluster.topic(Topic::Raw(Provider::Genea));
    let partition = setting.read(Topic::Raw(Provider::Genea))[0].partition;
    testkit::delete_records(setting.kafka.brokers(), &raw, partition, 4);
    let (stop, metrics) = (Stop::default(), service::Metrics::new());
    let worker = setting.counting_worker("a", &stop, &metrics);
    setting.wait_for(1 + 2).await;
    stop.request();
    worker.join().unwrap().unwrap();
    let counted = metrics.render();
    let lost = "cardea_normalizer_overtaken_total{provider=\"genea\"} 3";
    assert!(counted.contains(lost), "{counted}");
}
