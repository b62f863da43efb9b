//! `cardea audit`, on topics that are as promised and on topics in which something was planted.

use events::{Provider, wire};
use serde_json::Value;
use testkit::{Answer, Endpoint, commit_offset, wait_until, write_record};
use uuid::Uuid;

use crate::program::{DEADLINE, Site};
use crate::sender::Sender;

const EVENTS: u64 = 60;
const SETTLES: &str = "--subscription-settles";

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_proves_what_is_as_promised_and_finds_what_is_not() {
    let site = Site::new();
    let _subscriber = site.subscribe(Endpoint::start(Answer::status(200)));
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
    let done = async || {
        let (_, found) = audit(&site, &[]);
        found["pending"] == 0 && found["not_passed"] == 0
    };
    wait_until("all to be delivered", DEADLINE, done).await;
    assert!(program.terminate().await);

    for options in [&[][..], &["--remembered-max", "100"]] {
        let (sound, found) = audit(&site, options);
        assert!(sound, "{found}");
        let counts = [
            "raw",
            "answered",
            "quarantined",
            "events",
            "redelivered",
            "owed",
        ];
        assert_eq!(
            counts.map(|name| &found[name]),
            [81, 81, 1, 60, 20, 60],
            "{found}"
        );
    }
    let (sound, new) = audit(&site, &[SETTLES, "1h"]);
    assert!(sound, "{new}");
    assert_eq!((&new["owed"], &new["not_judged"]), (&0.into(), &60.into()));

    plant_what_was_answered_and_not_kept(&site);
    plant_what_came_out_twice(&site);
    plant_what_no_delivery_tells_of_and_nobody_got(&site).await;
    plant_what_was_lost(&site).await;
    for options in [&[][..], &["--remembered-max", "100"]] {
        let (sound, found) = audit(&site, options);
        assert!(!sound, "{found}");
        for what in [
            "answered 2xx, not in raw",
            "come out twice",
            "come out of no delivery",
            "lost",
            "not delivered, not waiting, no dead letter",
        ] {
            assert_eq!(offences(&found, what), 1, "{what}: {found}");
        }
        assert!(
            offences(&found, "come out before an earlier one") > 0,
            "{found}"
        );
    }
}

fn scan(number: u64) -> String {
    format!(
        r#"{{"uuid":"scan-{number}","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{{"uuid":"door-{}"}}}}"#,
        number % 5
    )
}

/// Runs an audit; returns whether its exit code says that the promises hold, and what it printed.
fn audit(site: &Site, options: &[&str]) -> (bool, Value) {
    let settled: &[_] = match options.contains(&SETTLES) {
        true => &[],
        false => &[SETTLES, "0s"],
    };
    let (code, printed) = site.try_run(&[&["audit", "--json"], settled, options].concat());
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

/// The sink's offset passes an event of which no delivery tells, and that nobody got.
async fn plant_what_no_delivery_tells_of_and_nobody_got(site: &Site) {
    let topic = site.topic("access");
    let mut forged = site.read("access").into_iter().next().unwrap();
    let mut event = wire::decode(forged.value.as_ref().unwrap()).unwrap();
    event.envelope.event_id = Uuid::from_u128(1);
    let schema = events::schema::current(event.body.topic()).id;
    forged.value = Some(wire::encode(&event, schema).unwrap());
    let offset = write_record(site.brokers(), &topic, &forged);
    let group = site.topic("sink");
    let passed =
        async || commit_offset(site.brokers(), &group, &topic, forged.partition, offset + 1);
    wait_until("the group to be empty", DEADLINE, passed).await;
}

/// A 2xx that was sent before the record was durable ends like this.
fn plant_what_was_answered_and_not_kept(site: &Site) {
    let mut logged = site.read("requests").into_iter().next().unwrap();
    let lines = String::from_utf8(logged.value.unwrap()).unwrap();
    let mut entry: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    entry["delivery_id"] = Uuid::from_u128(1).to_string().into();
    logged.value = Some(entry.to_string().into_bytes());
    write_record(site.brokers(), &site.topic("requests"), &logged);
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
