//! What the producers of ingest promise.

use std::sync::mpsc;
use std::time::Duration;

use kafka::{Cluster, Config, NotSent, PatientProducer, Producer, Record, SendError, partition_of};
use testkit::{Isolation, Kafka, create_topic, read_topic};

const PARTITIONS: i32 = 7;
const SOON: Duration = Duration::from_secs(20);

fn cluster(kafka: &Kafka) -> Cluster {
    let config = Config {
        brokers: kafka.brokers().to_owned(),
        topic_prefix: kafka.prefix().to_owned(),
        kafka_set: Vec::new(),
    };
    Cluster::new(&config).unwrap()
}

#[tokio::test]
async fn a_key_belongs_to_the_partition_that_the_client_chooses_for_it() {
    let kafka = Kafka::shared();
    let cluster = cluster(&kafka);
    let topic = cluster.topic("keyed");
    create_topic(kafka.brokers(), &topic, PARTITIONS);
    let producer = Producer::new(&cluster, SOON).unwrap();
    for number in 0..200 {
        let key = "k".repeat(number % 9) + &number.to_string();
        let record = Record {
            topic: &topic,
            key: Some(key.as_bytes()),
            ..Record::default()
        };
        let written = producer.send(&record).await.unwrap();
        let expected = partition_of(key.as_bytes(), PARTITIONS);
        assert_eq!(Some(written.partition), expected, "{key}");
    }
}

#[tokio::test]
async fn a_patient_producer_reports_each_record_once_and_writes_in_order() {
    let kafka = Kafka::shared();
    let cluster = cluster(&kafka);
    let topic = cluster.topic("patient");
    create_topic(kafka.brokers(), &topic, 1);
    let (report, reports) = mpsc::sync_channel(1_000);
    let producer = PatientProducer::new(&cluster, move |token, ended| {
        report.send((token, ended)).unwrap();
    });
    let producer = producer.unwrap();
    assert_eq!(producer.partitions(&topic, SOON).unwrap(), 1);
    assert_eq!(
        producer.partitions(&cluster.topic("none"), SOON).unwrap(),
        0
    );
    for number in 0..500_u32 {
        let value = number.to_le_bytes();
        let record = Record {
            topic: &topic,
            partition: Some(0),
            value: Some(&value),
            ..Record::default()
        };
        producer.send(&record, number).unwrap();
    }
    for number in 0..500 {
        let (token, ended) = reports.recv_timeout(SOON).unwrap();
        assert_eq!((token, ended.unwrap().offset), (number, i64::from(number)));
    }
    let written = read_topic(kafka.brokers(), &topic, Isolation::ReadUncommitted);
    assert!(
        written
            .iter()
            .map(|it| it.value.as_deref().unwrap())
            .eq((0..500_u32)
                .map(u32::to_le_bytes)
                .collect::<Vec<_>>()
                .iter()
                .map(|value| &value[..]))
    );
    assert!(!producer.failed());
}

#[test]
fn a_patient_producer_refuses_what_kafka_would_and_reports_what_it_leaves() {
    let config = Config {
        brokers: "127.0.0.1:1".to_owned(),
        topic_prefix: String::new(),
        kafka_set: Vec::new(),
    };
    let (report, reports) = mpsc::sync_channel(2);
    let producer = PatientProducer::new(&Cluster::new(&config).unwrap(), move |token, ended| {
        report.send((token, ended)).unwrap();
    });
    let producer = producer.unwrap();
    let send = |bytes: usize| {
        let value = vec![0; bytes];
        let record = Record {
            topic: "any",
            partition: Some(0),
            value: Some(&value),
            ..Record::default()
        };
        producer.send(&record, bytes)
    };
    assert!(matches!(send(20_000_000), Err(NotSent::TooLarge)));
    send(1).unwrap();
    assert!(reports.try_recv().is_err());
    drop(producer);
    let (token, ended) = reports.recv_timeout(SOON).unwrap();
    assert!(matches!(
        (token, ended),
        (1, Err(SendError::Unacknowledged))
    ));
}
