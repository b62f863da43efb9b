//! Glofox: identities, tolerance, answers.

use providers::{Outcome, Provider::Glofox, Refusal};
use serde_json::{Value, json};

use crate::given;

fn booking() -> Value {
    json!({
        "Type": "BOOKING_UPDATED",
        "Metadata": { "trace_id": "t-1", "location_id": "l-1" },
        "Timestamp": "2026-05-12T18:00:00Z",
        "Payload": { "id": "b-1", "user_id": "u-1", "status": "BOOKED" },
    })
}

fn id(delivery_id: u128, body: &Value) -> uuid::Uuid {
    given::event_ids(delivery_id, Glofox, "", &body.to_string())[0]
}

#[test]
fn a_redelivery_is_the_same_event() {
    assert_eq!(id(1, &booking()), id(2, &booking()));
    let mut again = booking();
    again["Payload"]["attended"] = json!(false);
    assert_eq!(id(1, &booking()), id(2, &again), "the trace id tells");
}

#[test]
fn another_trace_location_type_or_entity_is_another_event() {
    for (pointer, value) in [
        ("/Metadata/trace_id", "t-2"),
        ("/Metadata/location_id", "l-2"),
        ("/Type", "BOOKING_DELETED"),
        ("/Payload/id", "b-2"),
    ] {
        let mut other = booking();
        *other.pointer_mut(pointer).unwrap() = value.into();
        assert_ne!(id(1, &booking()), id(1, &other), "{pointer}");
    }
}

#[test]
fn without_a_trace_id_content_tells_only_if_it_names_its_time() {
    let mut untraced = booking();
    untraced["Metadata"] = json!({});
    assert_eq!(id(1, &untraced), id(2, &untraced));
    untraced["Timestamp"] = json!(null);
    assert_ne!(id(1, &untraced), id(2, &untraced));
}

#[test]
fn barcode_and_fob_are_two_events_of_one_member() {
    let mut access = booking();
    access["Type"] = json!("MEMBER_ACCESS_INFO_UPDATED");
    access["Payload"] = json!({
        "user_id": "u-1",
        "identifiers": { "barcode": "100", "fob_id": "F-7" },
    });
    let events = given::map(Glofox, "", &access.to_string()).unwrap();
    let [barcode, fob] = events.as_slice() else {
        panic!("{} events", events.len());
    };
    assert_eq!(
        (&*barcode.key, &*fob.key),
        ("demo/user/u-1", "demo/user/u-1")
    );
    assert_ne!(barcode.event.envelope.event_id, fob.event.envelope.event_id);
    let indices =
        [barcode, fob].map(|mapped| mapped.event.envelope.raw.as_ref().map(|raw| raw.index));
    assert_eq!(indices, [Some(0), Some(1)]);
}

#[test]
fn case_of_names_and_nul_characters_do_not_matter() {
    let lower = booking().to_string().replace("Payload", "payload");
    let nul = booking().to_string().replace("BOOKED", "BOO\0KED");
    for body in [lower, nul] {
        let events = given::map(Glofox, "", &body).unwrap();
        let expected = given::map(Glofox, "", &booking().to_string()).unwrap();
        assert_eq!(events, expected);
    }
}

#[test]
fn broken_json_is_refused_and_a_strange_object_kept() {
    let refusal = given::ordering_key(Glofox, "", "{\"Type\":").unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed { .. }));
    assert_eq!(given::ordering_key(Glofox, "", "{}").unwrap(), "demo/");
    assert_eq!(given::ordering_key(Glofox, "", "[1]").unwrap(), "demo/");
}

#[test]
fn success_is_200_with_a_status() {
    let answer = providers::answer(Glofox, "", &Outcome::Accepted);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, r#"{"status":"accepted"}"#);
    let refused = providers::answer(Glofox, "", &Outcome::Unauthenticated);
    assert_eq!((refused.status, refused.body.as_str()), (401, ""));
}
