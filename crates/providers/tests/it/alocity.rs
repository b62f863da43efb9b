//! Alocity: identities, and how a payload is known.

use providers::{Delivery, Outcome, Provider::Alocity, Raw, Refusal};
use uuid::Uuid;

use crate::given::{self, at, own_key};

const DOOR: &str = r#"{"serialNumber":"SN-0001","doorState":1}"#;
const LOG: &str = r#"{"id":7,"serialNumber":"SN-0001","resultType":0}"#;

/// The event's id in a delivery of that id, signed at that time.
fn id(delivery_id: u128, signed_at: &str, body: &str) -> Uuid {
    let headers = providers::sign(
        Alocity,
        "",
        &own_key(Alocity),
        body.as_bytes(),
        at(signed_at),
    );
    let delivery = Delivery {
        headers,
        ..given::delivery(Alocity, "", &[], body)
    };
    let verified = providers::verify(delivery, &[&own_key(Alocity)]).unwrap();
    let raw = Raw {
        delivery_id: Uuid::from_u128(delivery_id),
        ..given::raw(&verified)
    };
    providers::map(&raw).unwrap()[0].event.envelope.event_id
}

#[test]
fn the_same_state_with_the_same_signed_time_is_one_event() {
    let first = id(1, "2026-01-01T00:00:00Z", DOOR);
    assert_eq!(first, id(2, "2026-01-01T00:00:00Z", DOOR));
    assert_ne!(first, id(1, "2026-01-01T00:00:01Z", DOOR));
    let other = DOOR.replace('1', "2");
    assert_ne!(first, id(1, "2026-01-01T00:00:00Z", &other));
}

#[test]
fn an_access_log_with_an_id_is_one_event_however_often_it_is_signed() {
    let first = id(1, "2026-01-01T00:00:00Z", LOG);
    assert_eq!(first, id(2, "2026-01-01T00:00:09Z", LOG));
}

#[test]
fn wrapper_path_and_shape_tell_the_same() {
    let wrapped = format!(r#"{{"code":"Door.State","data":{DOOR}}}"#);
    for (tail, body) in [("", DOOR), ("a/door.state", DOOR), ("", &wrapped)] {
        assert_eq!(given::types(Alocity, tail, body), ["portal.changed"]);
        let key = given::ordering_key(Alocity, tail, body).unwrap();
        assert_eq!(key, "demo/device/SN-0001");
    }
}

#[test]
fn a_wrapper_wins_over_the_path_and_the_path_over_the_shape() {
    let wrapped = format!(r#"{{"event":"door.state","payload":{DOOR}}}"#);
    let types = given::types(Alocity, "lock.state", &wrapped);
    assert_eq!(types, ["portal.changed"]);
    let both = r#"{"serialNumber":"SN-0001","doorState":"Open","lockState":"Locked"}"#;
    assert_eq!(given::types(Alocity, "", both), ["portal.opened"]);
    assert_eq!(given::types(Alocity, "lock.state", both), ["portal.locked"]);
}

#[test]
fn a_documented_code_beside_the_fields_counts_and_any_other_does_not() {
    let face = |name: &str, action: &str| {
        format!(r#"{{"{name}":"user.face","id":"U","action":"{action}"}}"#)
    };
    let enrolled = face("type", "Enrolled");
    let removed = face("type", "Removed");
    assert_eq!(given::types(Alocity, "", &enrolled), ["credential.created"]);
    assert_eq!(given::types(Alocity, "", &removed), ["credential.deleted"]);
    let signed_at = "2026-01-01T00:00:00Z";
    assert_ne!(id(1, signed_at, &enrolled), id(1, signed_at, &removed));
    let key = given::ordering_key(Alocity, "lock.state", &face("code", "Enrolled"));
    assert_eq!(key.as_deref(), Ok("demo/user/U"));
    let log = r#"{"type":"badge","serialNumber":"SN-0001","resultType":0}"#;
    assert_eq!(given::types(Alocity, "", log), ["access.granted"]);
}

#[test]
fn a_log_with_a_card_is_no_card_of_a_user() {
    let log = r#"{"serialNumber":"SN-0001","userId":"U","cardNumber":7}"#;
    assert_eq!(given::types(Alocity, "", log), ["access.requested"]);
    let without_device = r#"{"userId":"U","cardNumber":7}"#;
    assert!(given::map(Alocity, "", without_device).is_err());
}

#[test]
fn broken_json_is_refused_and_success_is_200() {
    let refusal = given::ordering_key(Alocity, "", "{").unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed { .. }));
    assert_eq!(
        providers::answer(Alocity, "", &Outcome::Accepted).status,
        200
    );
}
