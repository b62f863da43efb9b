use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use testkit::{Isolation, Kafka, create_topic, delete_topics, read_topic, wait_until};

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn producer(brokers: &str, transactional_id: Option<&str>) -> BaseProducer {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", brokers)
        .set("acks", "all");
    if let Some(id) = transactional_id {
        settings.set("transactional.id", id);
    }
    settings.create().expect("valid settings")
}

pub(crate) fn send(producer: &BaseProducer, topic: &str, value: &str) {
    let headers = OwnedHeaders::new().insert(Header {
        key: "kind",
        value: Some("test"),
    });
    producer
        .send(
            BaseRecord::to(topic)
                .key("key")
                .payload(value)
                .headers(headers),
        )
        .expect("a place in the queue");
}

pub(crate) fn values(brokers: &str, topic: &str, isolation: Isolation) -> Vec<String> {
    let records = read_topic(brokers, topic, isolation);
    records
        .into_iter()
        .map(|record| String::from_utf8(record.value.expect("a value")).expect("text"))
        .collect()
}

#[test]
fn tests_share_one_kafka_and_no_topic() {
    let (one, other) = (Kafka::shared(), Kafka::shared());
    assert_eq!(one.brokers(), other.brokers());
    assert_ne!(one.prefix(), other.prefix());
}

#[test]
fn a_record_is_read_back_whole() {
    let kafka = Kafka::shared();
    let topic = format!("{}whole", kafka.prefix());
    create_topic(kafka.brokers(), &topic, 1);
    let producer = producer(kafka.brokers(), None);
    send(&producer, &topic, "hello");
    producer.flush(DEADLINE).expect("written");

    let records = read_topic(kafka.brokers(), &topic, Isolation::ReadCommitted);
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].partition, records[0].offset), (0, 0));
    assert_eq!(records[0].key.as_deref(), Some(b"key".as_slice()));
    assert_eq!(records[0].value.as_deref(), Some(b"hello".as_slice()));
    assert_eq!(records[0].header("kind"), Some("test"));
    assert_eq!(records[0].header("other"), None);
}

#[test]
fn an_aborted_record_is_read_only_when_asked_for() {
    let kafka = Kafka::shared();
    let topic = format!("{}aborted", kafka.prefix());
    create_topic(kafka.brokers(), &topic, 3);
    let producer = producer(kafka.brokers(), Some(&topic));
    producer.init_transactions(DEADLINE).expect("init");
    for (value, commits) in [("kept", true), ("lost", false)] {
        producer.begin_transaction().expect("begin");
        send(&producer, &topic, value);
        producer.flush(DEADLINE).expect("written");
        if commits {
            producer.commit_transaction(DEADLINE).expect("commit");
        } else {
            producer.abort_transaction(DEADLINE).expect("abort");
        }
    }
    assert_eq!(
        values(kafka.brokers(), &topic, Isolation::ReadCommitted),
        ["kept"]
    );
    assert_eq!(
        values(kafka.brokers(), &topic, Isolation::ReadUncommitted),
        ["kept", "lost"]
    );
}

#[tokio::test]
async fn topics_go_with_their_prefix_and_no_others() {
    let kafka = Kafka::shared();
    let (gone, kept) = (
        format!("{}gone.a", kafka.prefix()),
        format!("{}kept", kafka.prefix()),
    );
    create_topic(kafka.brokers(), &gone, 1);
    create_topic(kafka.brokers(), &kept, 1);
    for topic in [&gone, &kept] {
        let producer = producer(kafka.brokers(), None);
        send(&producer, topic, "hello");
        producer.flush(DEADLINE).expect("written");
    }
    delete_topics(kafka.brokers(), &format!("{}gone.", kafka.prefix()));
    wait_until("the topic to be gone", DEADLINE, async || {
        read_topic(kafka.brokers(), &gone, Isolation::ReadCommitted).is_empty()
    })
    .await;
    assert_eq!(
        values(kafka.brokers(), &kept, Isolation::ReadCommitted),
        ["hello"]
    );
}
