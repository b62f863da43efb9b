//! `cardea spool`, on a folder that an ingest without Kafka has filled.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::{Isolation, Kafka, read_topic, wait_until};

use crate::kafka::{at, run};
use crate::{SOURCES, Service, cardea, command, stderr, stdout};

/// An ingest with a spool, unlike those of the other tests.
fn spooling(mut ingest: Command, folder: &Path) -> Command {
    ingest
        .env_remove("CARDEA_NO_SPOOL")
        .env("CARDEA_SPOOL_DIR", folder);
    ingest
}

#[tokio::test]
async fn what_an_ingest_has_left_is_listed_and_drained() {
    let kafka = Kafka::shared();
    assert!(run(&kafka, &["topics"]).status.success());
    let folder = tempfile::tempdir().unwrap();
    let (dir, spool) = (folder.path(), folder.path().to_str().unwrap());
    let service = Service::start(spooling(at(&kafka, &["ingest"]), dir)).await;
    let known = async || {
        let known = std::fs::read_to_string(dir.join("partitions.json"));
        known.is_ok_and(|known| known.matches("raw.").count() == 6)
    };
    wait_until("the topics to be known", Duration::from_secs(30), known).await;
    let listed = cardea(&["spool", "list", "--spool-dir", spool]);
    assert_eq!(listed.status.code(), Some(1));
    assert!(stderr(&listed).contains("is in use"), "{}", stderr(&listed));
    assert!(service.terminate());

    let away = command(&[
        "ingest",
        "--brokers",
        "127.0.0.1:1",
        "--topic-prefix",
        kafka.prefix(),
    ]);
    let service = Service::start(spooling(away, dir)).await;
    let flags = ["send", "--sources", SOURCES, "--source", "genea-demo"];
    let sample = ["--event", "access-granted", "--url", &service.url];
    for _ in 0..2 {
        assert!(cardea(&[&flags[..], &sample].concat()).status.success());
    }
    assert!(service.terminate());

    let listed = cardea(&["spool", "list", "--spool-dir", spool, "--json"]);
    let listed: Vec<Value> = stdout(&listed)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(listed.len(), 2);
    let drained = run(&kafka, &["spool", "drain", "--spool-dir", spool]);
    assert_eq!(
        stdout(&drained),
        "2 deliveries sent to kafka\n",
        "{}",
        stderr(&drained)
    );
    let raw = format!("{}raw.genea", kafka.prefix());
    let records = read_topic(kafka.brokers(), &raw, Isolation::ReadCommitted);
    assert_eq!(records.len(), 2);
    for (record, spooled) in records.iter().zip(listed) {
        assert_eq!(
            record.header("delivery_id"),
            spooled["delivery_id"].as_str()
        );
        assert_eq!(record.partition, spooled["partition"]);
        assert_eq!(record.header("spooled"), Some("true"));
        assert_eq!(spooled["source"], "genea-demo");
    }
    let again = cardea(&["spool", "list", "--spool-dir", spool, "--json"]);
    assert!(again.status.success() && stdout(&again).is_empty());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let output = cardea(&["spool", "list", "--spool-dir", "/nonexistent/spool"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/nonexistent/spool"));
}
