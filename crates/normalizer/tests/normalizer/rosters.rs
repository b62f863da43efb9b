//! The roster holds what syncs wrote, and a scan what ingest decided.

use std::collections::BTreeMap;

use events::{CanonicalTopic, Provider, Topic, wire};
use kafka::Stop;
use providers::roster::{self, Decision};
use serde_json::{Value, json};

use crate::setting::Setting;

fn sync(mode: &str, attendees: &[(&str, &str)]) -> String {
    let row = |(id, first_name): &(&str, &str)| json!({ "external_id": id, "first_name": first_name, "email": "jane@example.com" });
    let rows: Vec<Value> = attendees.iter().map(row).collect();
    json!({
        "project_slug": "my-event", "team_slug": "my-team",
        "sync_mode": mode, "attendees": rows,
    })
    .to_string()
}

/// First names by external id.
fn names(setting: &Setting) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for record in setting.read(Topic::Rosters) {
        let read = roster::read(&record.key.unwrap(), record.value.as_deref());
        let (key, attendee) = read.unwrap();
        assert_eq!(key.tenant, "acme");
        names.insert(key.external_id, attendee.unwrap().first_name.unwrap());
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_writes_the_rows_that_its_mode_lets_it_also_back_to_an_earlier_state() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    let deliver = async |body: String, decision: Option<&Decision>| {
        let (gxp, tail) = (Provider::Gxp, "attendee-sync");
        setting
            .deliver_with(gxp, tail, body.as_bytes(), decision)
            .await;
    };
    deliver(sync("upsert", &[("1", "Jane"), ("2", "Joe")]), None).await;
    deliver(sync("upsert", &[("2", "Joanna")]), None).await;
    deliver(sync("upsert", &[("1", "Jane"), ("2", "Joe")]), None).await;
    let second_alone = Decision::Rows(vec![false, true]);
    let both = sync("create", &[("1", "Other"), ("3", "Zoe")]);
    deliver(both, Some(&second_alone)).await;
    deliver(sync("update", &[("4", "Nobody")]), None).await;
    setting.wait_until_covered().await;
    stop.request();
    worker.join().unwrap().unwrap();

    let expected = [("1", "Jane"), ("2", "Joe"), ("3", "Zoe")];
    let expected = expected.map(|(id, name)| (id.to_owned(), name.to_owned()));
    assert_eq!(names(&setting), BTreeMap::from(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ingest_decided_is_in_the_event() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    let granted = Decision::Granted {
        attendee_id: Some(12_345),
    };
    for (reader, decision) in [
        ("granted", Some(granted)),
        ("denied", Some(Decision::Denied)),
        ("requested", None),
    ] {
        let scan = json!({ "reader_id": reader, "credential_value": "EXT-001" }).to_string();
        let (gxp, tail) = (Provider::Gxp, "access-event");
        setting
            .deliver_with(gxp, tail, scan.as_bytes(), decision.as_ref())
            .await;
    }
    setting.wait_until_covered().await;
    stop.request();
    worker.join().unwrap().unwrap();

    let records = setting.read(Topic::Canonical(CanonicalTopic::Access));
    assert_eq!(records.len(), 3);
    for record in records {
        let event = wire::decode(&record.value.unwrap()).unwrap();
        let events::Body::Access(access) = event.body else {
            panic!("no access event");
        };
        let reader = access.device.unwrap().id;
        let event_type = event.envelope.event_type.name();
        assert_eq!(event_type, format!("access.{reader}"));
        let attendee = event.envelope.attributes.get("attendee_id");
        assert_eq!(attendee.is_some(), reader == "granted");
        assert_eq!(access.person.is_some(), reader == "granted");
    }
}
