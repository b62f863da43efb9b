//! `cardea audit`, on topics that are as promised and on topics in which something was planted.

use events::{Provider, wire};
use serde_json::Value;
use testkit::{commit_offset, wait_until, write_record};
use uuid::Uuid;

use crate::program::{DEADLINE, Site};
use crate::sender::Sender;

const EVENTS: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_proves_what_came_out_once_and_finds_what_did_not() {
    let site = Site::new();
    let program = site.start().await;
    let sender = Sender::new(site.ingest());
    for number in (0..EVENTS).chain(0..EVENTS / 3) {
        assert_eq!(
            sender.post(Provider::Genea, "", &scan(number)).await,
            Some(200)
        );
    }
    // What cannot be mapped belongs into the quarantine.
    assert_eq!(
        sender.post(Provider::Genea, "", r#"{"uuid":1}"#).await,
        Some(200)
    );
    let read = async || audit(&site, &[]).1["pending"] == 0;
    wait_until("the normalizer to have read all", DEADLINE, read).await;
    assert!(program.terminate().await);

    let (sound, found) = audit(&site, &[]);
    assert!(sound, "{found}");
    let counts = ["raw", "quarantined", "events", "redelivered"].map(|name| &found[name]);
    assert_eq!(counts, [81, 1, 60, 20], "{found}");
    let (sound, in_shares) = audit(&site, &["--remembered-max", "1000"]);
    assert!(sound, "{in_shares}");

    plant_what_came_out_twice(&site);
    plant_what_no_delivery_tells_of(&site);
    plant_what_was_lost(&site).await;
    let (sound, found) = audit(&site, &[]);
    assert!(!sound, "{found}");
    assert_eq!(offences(&found, "come out twice"), 1, "{found}");
    assert_eq!(offences(&found, "come out of no delivery"), 1, "{found}");
    assert_eq!(offences(&found, "lost"), 1, "{found}");
    assert!(
        offences(&found, "come out before an earlier one") > 0,
        "{found}"
    );
}

fn scan(number: u64) -> String {
    format!(
        r#"{{"uuid":"scan-{number}","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{{"uuid":"door-{}"}}}}"#,
        number % 5
    )
}

/// Runs an audit; returns whether its exit code says that the promises hold, and what it printed.
fn audit(site: &Site, options: &[&str]) -> (bool, Value) {
    let (code, printed) = site.try_run(&[&["audit", "--json"], options].concat());
    let found: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(found["holds"], code == 0);
    (code == 0, found)
}

fn offences(found: &Value, what: &str) -> u64 {
    let offences = found["offences"].as_array().unwrap().iter();
    let mut of_kind = offences.filter(|offence| offence["what"] == what);
    of_kind.next().unwrap()["count"].as_u64().unwrap()
}

/// Ids remembered on an abort, or offsets outside of the transaction, end like this.
fn plant_what_came_out_twice(site: &Site) {
    let first = site.read("access").into_iter().next().unwrap();
    write_record(site.brokers(), &site.topic("access"), &first);
}

fn plant_what_no_delivery_tells_of(site: &Site) {
    let mut forged = site.read("access").into_iter().next().unwrap();
    let mut event = wire::decode(forged.value.as_ref().unwrap()).unwrap();
    event.envelope.event_id = Uuid::from_u128(1);
    let schema = events::schema::current(event.body.topic()).id;
    forged.value = Some(wire::encode(&event, schema).unwrap());
    write_record(site.brokers(), &site.topic("access"), &forged);
}

/// The normalizer's offset passes a delivery of which nothing comes.
async fn plant_what_was_lost(site: &Site) {
    let topic = site.topic("raw.genea");
    let mut lost = site.read("raw.genea").into_iter().next().unwrap();
    lost.value = Some(scan(EVENTS).into_bytes());
    let offset = write_record(site.brokers(), &topic, &lost);
    let group = site.topic("normalizer");
    let passed = async || commit_offset(site.brokers(), &group, &topic, lost.partition, offset + 1);
    wait_until("the group to be empty", DEADLINE, passed).await;
}
