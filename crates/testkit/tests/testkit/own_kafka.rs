//! A module of this name is run one test at a time, see `.config/nextest.toml`.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use rdkafka::producer::Producer;
use testkit::{Isolation, Kafka, create_topic, wait_until};

use crate::kafka::{DEADLINE, producer, send, values};

#[test]
fn three_nodes_serve_on_when_one_is_killed_and_comes_back() {
    let kafka = Kafka::three_nodes();
    let topic = format!("{}replicated", kafka.prefix());
    create_topic(kafka.brokers(), &topic, 3);
    let producer = producer(kafka.brokers(), None);
    kafka.kill_node(2);
    send(&producer, &topic, "with two");
    producer.flush(DEADLINE).expect("written");
    kafka.start_node(2);
    send(&producer, &topic, "with three");
    producer.flush(DEADLINE).expect("written");
    let mut read = values(kafka.brokers(), &topic, Isolation::ReadCommitted);
    read.sort();
    assert_eq!(read, ["with three", "with two"]);
}

#[tokio::test]
async fn a_killed_holder_leaves_no_kafka() {
    let mut holder = Command::new(env!("CARGO_BIN_EXE_own-kafka"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the holder");
    let mut brokers = String::new();
    BufReader::new(holder.stdout.take().expect("piped"))
        .read_line(&mut brokers)
        .expect("the brokers");
    let brokers = brokers.trim();
    assert!(
        TcpStream::connect(brokers).is_ok(),
        "Kafka serves while its holder lives"
    );

    holder.kill().expect("kill -9");
    holder.wait().expect("the holder ends");
    wait_until("Kafka to be gone", DEADLINE, async || {
        TcpStream::connect(brokers).is_err()
    })
    .await;
}
