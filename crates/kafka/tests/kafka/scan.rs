//! State rebuilt from topics: scans, tables.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka::{Extents, Message, Record, Scanner, Table, Transactor};
use testkit::{Isolation, read_topic, wait_until};

use crate::setting::{DEADLINE, Setting, member};

/// Kafka-rules 2. The broken form reads to the stable end, which lies before the open transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_waits_for_an_open_transaction_and_sees_its_records() {
    let setting = Setting::new(&[("in", 1)]);
    let mut out = Transactor::new(&setting.cluster, &setting.cluster.topic("slow"));
    out.init().unwrap();
    let mut group = None;
    out.begin(member(&setting.cluster, &mut group)).unwrap();
    let topic = setting.cluster.topic("in");
    out.send(&Record {
        topic: &topic,
        value: Some(b"late"),
        ..Record::default()
    })
    .unwrap();
    let written =
        async || !read_topic(&setting.brokers, &topic, Isolation::ReadUncommitted).is_empty();
    wait_until("the record to be written", DEADLINE, written).await;
    assert_eq!(setting.stable_end("in"), 0);

    let scanner = Scanner::new(&setting.cluster).unwrap();
    let partition = setting.partition("in");
    let scan = std::thread::spawn(move || {
        let mut found = Vec::new();
        let ended = scanner.scan(&partition, 0, |record| {
            found.push(record.payload().unwrap_or_default().to_vec());
            Ok(())
        });
        ended.map(|()| found)
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        !scan.is_finished(),
        "the scan did not wait for the open transaction"
    );
    out.commit(&[]).unwrap();
    assert_eq!(scan.join().unwrap().unwrap(), [b"late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_record_is_not_scanned() {
    let setting = Setting::new(&[("in", 1)]);
    let topic = setting.cluster.topic("in");
    let mut out = Transactor::new(&setting.cluster, &setting.cluster.topic("aborting"));
    out.init().unwrap();
    let mut group = None;
    out.begin(member(&setting.cluster, &mut group)).unwrap();
    out.send(&Record {
        topic: &topic,
        value: Some(b"never"),
        ..Record::default()
    })
    .unwrap();
    let written =
        async || !read_topic(&setting.brokers, &topic, Isolation::ReadUncommitted).is_empty();
    wait_until("the record to be written", DEADLINE, written).await;
    out.init().unwrap();

    let scanner = Scanner::new(&setting.cluster).unwrap();
    let mut count = 0;
    let ended = scanner.scan(&setting.partition("in"), 0, |_| {
        count += 1;
        Ok(())
    });
    ended.unwrap();
    assert_eq!(count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_committed_record_is_found_behind_markers_and_aborted_records() {
    let setting = Setting::new(&[("in", 1)]);
    let (topic, partition) = (setting.cluster.topic("in"), setting.partition("in"));
    let scanner = Scanner::new(&setting.cluster).unwrap();
    let last = || {
        let span = scanner.span(&partition).unwrap();
        let value = |record: &kafka::BorrowedMessage<'_>| Some(record.payload()?.to_vec());
        (scanner.last(&partition, span.clone(), value).unwrap(), span)
    };
    assert_eq!(last(), (None, 0..0));
    assert_eq!(scanner.since(&partition, 0).unwrap(), None);
    setting.produce(0..3);
    assert_eq!(last(), (Some(b"2".to_vec()), 0..4));

    let mut out = Transactor::new(&setting.cluster, &setting.cluster.topic("aborting"));
    out.init().unwrap();
    let mut group = None;
    out.begin(member(&setting.cluster, &mut group)).unwrap();
    for _ in 0..200 {
        let record = Record {
            topic: &topic,
            value: Some(b"never"),
            ..Record::default()
        };
        out.send(&record).unwrap();
    }
    let written =
        async || read_topic(&setting.brokers, &topic, Isolation::ReadUncommitted).len() >= 203;
    wait_until("the records to be written", DEADLINE, written).await;
    out.init().unwrap();
    assert_eq!(last(), (Some(b"2".to_vec()), 0..205));

    let mut part = Vec::new();
    let ended = scanner.read(&partition, 1..2, |record| {
        part.push(record.offset());
        Ok(())
    });
    ended.unwrap();
    assert_eq!(part, [1]);
    assert_eq!(scanner.since(&partition, 0).unwrap(), Some(0));
    assert_eq!(scanner.since(&partition, i64::MAX / 2).unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extent_is_the_same_whenever_it_is_read() {
    let setting = Setting::new(&[("first", 3), ("second", 3)]);
    let producer = kafka::Producer::new(&setting.cluster, Duration::from_secs(10)).unwrap();
    let topics = ["first", "second"].map(|topic| setting.cluster.topic(topic));
    let write = async |count: u8| {
        for (topic, number) in topics.iter().flat_map(|t| (0..count).map(move |n| (t, n))) {
            let record = Record {
                topic,
                key: Some(&[number]),
                value: Some(b"found"),
                ..Record::default()
            };
            producer.send(&record).await.unwrap();
        }
    };
    write(20).await;
    let extents = Extents::new(&setting.cluster).unwrap();
    let extent = extents.of(&topics, None, None).unwrap();
    assert_eq!((extent.offsets(), extent.shortened().count()), (40, 0));
    write(5).await;
    // The second time what comes after its end has been fetched, and the partitions were paused.
    for _ in 0..2 {
        let mut read = 0;
        let ended = extent.read(|_| {
            read += 1;
            Ok(())
        });
        ended.unwrap();
        assert_eq!(read, 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_holds_what_the_topic_holds_and_then_follows_it() {
    let setting = Setting::new(&[("rows", 3)]);
    let topic = setting.cluster.topic("rows");
    let producer = kafka::Producer::new(&setting.cluster, Duration::from_secs(10)).unwrap();
    let put = async |key: &'static str, value: Option<&'static str>| {
        let record = Record {
            topic: &topic,
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            ..Record::default()
        };
        producer.send(&record).await.unwrap();
    };
    put("a", Some("1")).await;
    put("b", Some("2")).await;
    put("a", None).await;

    let mut table = Table::open(&setting.cluster, &topic).unwrap();
    let mut rows = BTreeMap::new();
    table
        .load(|update| drop(rows.insert(update.key, update.value)))
        .unwrap();
    assert_eq!(rows[b"a".as_slice()], None);
    assert_eq!(rows[b"b".as_slice()].as_deref(), Some(b"2".as_slice()));

    put("c", Some("3")).await;
    let mut followed = None;
    let arrived = async || {
        followed = followed
            .take()
            .or(table.poll(Duration::from_millis(50)).unwrap());
        followed.is_some()
    };
    wait_until("the change", DEADLINE, arrived).await;
}
