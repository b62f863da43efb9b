//! Genea: identities, live variants, answers.

use providers::{Answer, Outcome, Provider::Genea, Refusal};
use serde_json::{Value, json};

use crate::given;

fn granted() -> Value {
    json!({
        "uuid": "1",
        "event_time": "2026-01-01T00:00:00Z",
        "event_type": "ACCESS",
        "event_action": "SEQUR_ACCESS_GRANTED",
        "location": { "uuid": "l-1", "name": "Office" },
    })
}

fn id(delivery_id: u128, body: &Value) -> uuid::Uuid {
    given::event_ids(delivery_id, Genea, "", &body.to_string())[0]
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[test]
fn a_redelivery_is_the_same_event_and_an_audit_entry_of_that_number_another() {
    assert_eq!(id(1, &granted()), id(2, &granted()));
    let audit = with(granted(), "event_type", json!("AUDIT"));
    assert_ne!(id(1, &granted()), id(1, &audit));
}

#[test]
fn without_a_uuid_content_tells_only_if_it_names_its_time() {
    let nameless = with(granted(), "uuid", json!(null));
    assert_eq!(id(1, &nameless), id(2, &nameless));
    let timeless = with(nameless, "event_time", json!(null));
    assert_ne!(id(1, &timeless), id(2, &timeless));
}

#[test]
fn a_location_in_an_array_is_the_same_location() {
    let array = with(
        granted(),
        "location",
        json!([{ "uuid": "l-1", "name": "Office" }]),
    );
    let [plain, listed] = [granted(), array].map(|body| body.to_string());
    let events = given::map(Genea, "", &plain).unwrap();
    assert_eq!(events, given::map(Genea, "", &listed).unwrap());
}

#[test]
fn order_is_that_of_the_door_or_what_comes_nearest() {
    let mut body = granted();
    for (kind, key) in [
        ("location", "demo/location/x"),
        ("audit_resource", "demo/audit_resource/x"),
        ("controller", "demo/controller/x"),
        ("door", "demo/door/x"),
    ] {
        body = with(body, kind, json!({ "uuid": "x" }));
        let found = given::ordering_key(Genea, "", &body.to_string());
        assert_eq!(found.unwrap(), key);
    }
}

#[test]
fn the_time_of_storing_stands_in_for_that_of_the_event() {
    let body = with(granted(), "event_time", json!("soon"));
    let body = with(body, "created_at", json!("2026-01-01T00:00:01Z"));
    let events = given::map(Genea, "", &body.to_string()).unwrap();
    let envelope = &events[0].event.envelope;
    assert_eq!(envelope.occurred_at, given::at("2026-01-01T00:00:01Z"));
    assert_eq!(envelope.attributes["event_time"], "soon");
}

#[test]
fn broken_json_is_refused_and_success_is_200_without_a_body() {
    let refusal = given::ordering_key(Genea, "", "{").unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed { .. }));
    let answer = providers::answer(Genea, "", &Outcome::Accepted);
    assert_eq!(answer, Answer::empty(200));
}
