//! GxP: proofs, answers, required fields, identities.

use providers::{Outcome, Provider::Gxp, Reason, Refusal};
use serde_json::{Value, json};

use crate::given;

const STATUS: &str = "mqtt-gateway-status";
const SCAN: &str = "access-event";
const CVENT: &str = "cvent";
const SYNC: &str = "attendee-sync";
const OUTGOING: &str = "";

fn proven(tail: &str, name: &str, value: &str, body: &str) -> bool {
    let old = given::key(Gxp, "old", "rotated-away");
    let key = given::key(Gxp, "new", "your-secret-key");
    let delivery = given::delivery(Gxp, tail, &[(name, value)], body);
    match providers::verify(delivery, &[&old, &key]) {
        Ok(verified) => {
            assert_eq!(verified.key_id(), "new");
            assert_eq!(verified.signed_at(), None);
            true
        }
        Err(refusal) => {
            assert_eq!(refusal, Refusal::Unproven);
            false
        }
    }
}

#[test]
fn the_published_ways_to_sign_are_accepted() {
    let vectors = [
        (
            r#"{"gateway_id":"GW-001","status":"online"}"#,
            "3416aad71c9d62d796454e2be5a6853d09b49193188e4d696bb9fd9c5bf8b5b4",
        ),
        (
            r#"{"u":"a/b"}"#,
            "35f43227bed4bb44f03a69089bef4a7ddb8ca80488d32d401f474c7bab07583f",
        ),
        (
            r#"{"u":"a\/b"}"#,
            "f00da75244d409d997618c139a15bf6810359ec424b1beda982abe15ac232609",
        ),
    ];
    for (body, digits) in vectors {
        let signature = format!("sha256={digits}");
        for tail in [STATUS, SCAN, SYNC, OUTGOING] {
            assert!(proven(tail, "X-GxP-Signature", &signature, body));
        }
        assert!(proven(CVENT, "X-Cvent-Signature", &signature, body));
        assert!(proven(CVENT, "X-Cvent-Signature", digits, body));
    }
}

#[test]
fn what_is_signed_otherwise_is_refused() {
    let body = r#"{"u":"a/b"}"#;
    let digits = "35f43227bed4bb44f03a69089bef4a7ddb8ca80488d32d401f474c7bab07583f";
    let signature = format!("sha256={digits}");
    assert!(!proven(
        STATUS,
        "X-GxP-Signature",
        &signature,
        r#"{"u":"a\/b"}"#
    ));
    assert!(!proven(STATUS, "X-GxP-Signature", digits, body));
    assert!(!proven(STATUS, "X-GxP-Signature", "sha256=", body));
    assert!(!proven(STATUS, "X-GxP-Signature", &signature[..70], body));
    assert!(!proven(STATUS, "X-GxP-Signature", "sha256=zz", body));
    assert!(!proven(STATUS, "X-Cvent-Signature", &signature, body));
    assert!(!proven(CVENT, "X-GxP-Signature", &signature, body));
    let key = given::key(Gxp, "new", "your-secret-key");
    let twice = [
        ("x-gxp-signature", &*signature),
        ("X-GxP-Signature", &*signature),
    ];
    let delivery = given::delivery(Gxp, STATUS, &twice, body);
    assert_eq!(
        providers::verify(delivery, &[&key]).unwrap_err(),
        Refusal::Unproven
    );
}

#[test]
fn each_path_has_its_documented_answer() {
    let body = |tail, outcome| -> (u16, Value) {
        let answer = providers::answer(Gxp, tail, &outcome);
        (answer.status, answer.body.parse().unwrap())
    };
    let success = json!({ "success": true });
    assert_eq!(
        body(STATUS, Outcome::Accepted),
        (200, json!({ "success": true, "message": "Status updated" }))
    );
    // One that was kept but cannot be read.
    let denied = json!({ "success": true, "access_granted": false, "attendee": null });
    assert_eq!(body(SCAN, Outcome::Accepted), (200, denied));
    assert_eq!(body(SYNC, Outcome::Accepted), (200, success.clone()));
    assert_eq!(body(OUTGOING, Outcome::Accepted), (200, success));
    assert_eq!(body(CVENT, Outcome::Accepted).1["success"], true);
    assert_eq!(
        body(SCAN, Outcome::Unauthenticated),
        (
            401,
            json!({
                "error": "Invalid signature",
                "message": "The request signature does not match",
            })
        )
    );
    let limited = Outcome::RateLimited { retry_after_s: 60 };
    assert_eq!(
        body(SCAN, limited.clone()),
        (
            429,
            json!({
                "error": "Too Many Requests",
                "message": "Rate limit exceeded",
                "retry_after": 60,
            })
        )
    );
    let answer = providers::answer(Gxp, SCAN, &limited);
    assert!(answer.headers.contains(&("retry-after", "60".to_owned())));
    for (outcome, status) in [
        (Outcome::TooLarge, 413),
        (Outcome::UnsupportedEncoding, 415),
        (Outcome::Unavailable { retry_after_s: 5 }, 503),
    ] {
        let (answered, body) = body(SYNC, outcome);
        assert_eq!(answered, status);
        assert!(body["error"].is_string() && body["message"].is_string());
    }
}

/// What a proven body is answered if it is refused.
fn refused(tail: &str, body: &str) -> Value {
    let Err(Refusal::Malformed { field, reason }) = given::ordering_key(Gxp, tail, body) else {
        panic!("taken: {tail}");
    };
    let answer = providers::answer(Gxp, tail, &Outcome::Malformed { field, reason });
    assert_eq!(answer.status, 400);
    let body: Value = answer.body.parse().expect("a JSON body");
    assert_eq!(body["error"], "Validation failed");
    assert_eq!(body["message"], "The given data was invalid");
    body["errors"].clone()
}

#[test]
fn a_missing_field_is_named_in_the_documented_words() {
    let sync = r#"{"team_slug":"t","project_slug":"p"}"#;
    assert_eq!(
        refused(SYNC, sync),
        json!({ "attendees": ["The attendees field is required"] })
    );
    for (tail, body, field) in [
        (STATUS, r#"{"status":"online"}"#, "gateway_id"),
        (STATUS, r#"{"gateway_id":"GW-001"}"#, "status"),
        (
            STATUS,
            r#"{"gateway_id":"","status":"online"}"#,
            "gateway_id",
        ),
        (SCAN, r#"{"reader_id":"R"}"#, "credential_value"),
        (SCAN, r#"{"credential_value":"C"}"#, "reader_id"),
        (SCAN, "[]", "reader_id"),
        (CVENT, r#"{"event_id":"e"}"#, "event_type"),
        (
            CVENT,
            r#"{"event_type":"registration.created"}"#,
            "event_id",
        ),
        (SYNC, r#"{"attendees":[{"external_id":"1"}]}"#, "team_slug"),
        (
            SYNC,
            r#"{"team_slug":"t","project_slug":"p","attendees":[{},{}]}"#,
            "attendees.*.external_id",
        ),
    ] {
        let expected = json!({ field: [format!("The {field} field is required")] });
        assert_eq!(refused(tail, body), expected);
    }
}

#[test]
fn a_mode_that_is_not_documented_is_refused() {
    let sync = json!({
        "team_slug": "t", "project_slug": "p", "sync_mode": "delete",
        "attendees": [{ "external_id": "1" }],
    });
    let expected = "The sync_mode field must be upsert, create or update";
    assert_eq!(
        refused(SYNC, &sync.to_string()),
        json!({ "sync_mode": [expected] })
    );
}

#[test]
fn broken_json_is_refused_and_an_unknown_object_is_kept() {
    let expected = json!({ "body": ["The body field must be valid JSON"] });
    for tail in [STATUS, SCAN, CVENT, SYNC, OUTGOING] {
        assert_eq!(refused(tail, r#"{"gateway_id":"#), expected);
    }
    let long = "x".repeat(256);
    let scan = json!({ "reader_id": long, "credential_value": "C" }).to_string();
    let expected = "The reader_id field must not be greater than 255 characters";
    assert_eq!(refused(SCAN, &scan), json!({ "reader_id": [expected] }));
    let rows: Vec<Value> = (0..10_001).map(|id| json!({ "external_id": id })).collect();
    let sync = json!({ "team_slug": "t", "project_slug": "p", "attendees": rows });
    let expected = "The attendees field must not have more than 10000 items";
    assert_eq!(
        refused(SYNC, &sync.to_string()),
        json!({ "attendees": [expected] })
    );
    assert!(given::ordering_key(Gxp, OUTGOING, r#"{"hello":"world"}"#).is_ok());
    assert!(given::map(Gxp, OUTGOING, r#"{"hello":"world"}"#).is_err());
}

#[test]
fn a_repeat_has_the_same_ids_and_a_further_event_has_not() {
    let ids = |delivery, tail, body| given::event_ids(delivery, Gxp, tail, body);
    let at_31 = r#"{"gateway_id":"G","status":"online","timestamp":"2024-01-15T10:31:00Z"}"#;
    let at_32 = r#"{"gateway_id":"G","status":"online","timestamp":"2024-01-15T10:32:00Z"}"#;
    assert_eq!(ids(1, STATUS, at_31), ids(2, STATUS, at_31));
    assert_ne!(ids(1, STATUS, at_31), ids(1, STATUS, at_32));
    let sync = r#"{"team_slug":"t","project_slug":"p","attendees":[{"external_id":"1"},{"external_id":"1"}]}"#;
    assert_eq!(ids(1, SYNC, sync), ids(2, SYNC, sync));
    let rows = ids(1, SYNC, sync);
    assert_ne!(rows[0], rows[1]);
    let granted = r#"{"id":"evt_1","event":"access.granted","project_id":1}"#;
    assert_eq!(ids(1, OUTGOING, granted), ids(2, OUTGOING, granted));
}

#[test]
fn a_status_with_another_reader_is_another_event() {
    let id = |readers: Value| {
        let status = json!({
            "gateway_id": "G",
            "status": "online",
            "timestamp": "2024-01-15T10:31:00Z",
            "readers": readers,
        });
        given::event_ids(1, Gxp, STATUS, &status.to_string())[0]
    };
    let reader =
        json!({ "reader_id": "R", "status": "online", "last_scan": "2024-01-15T10:30:00Z" });
    let first = id(json!([reader]));
    assert_eq!(first, id(json!([reader])));
    for (field, value) in [
        ("reader_id", "S"),
        ("status", "offline"),
        ("last_scan", "2024-01-15T10:30:01Z"),
    ] {
        let mut other = reader.clone();
        other[field] = value.into();
        assert_ne!(first, id(json!([other])), "{field}");
    }
    assert_ne!(first, id(json!([])));
    assert_ne!(first, id(json!([reader, reader])));
}

#[test]
fn a_body_that_is_no_json_is_quarantined_as_such() {
    for tail in [STATUS, SCAN, CVENT, SYNC, OUTGOING] {
        let unmappable = given::map(Gxp, tail, "{").unwrap_err();
        assert_eq!(unmappable.reason, Reason::NotJson, "{tail}");
    }
}

#[test]
fn what_carries_no_time_is_an_event_each_time() {
    let ids = |delivery, tail, body| given::event_ids(delivery, Gxp, tail, body);
    let status = r#"{"gateway_id":"G","status":"online"}"#;
    let scan = r#"{"reader_id":"R","credential_value":"C","timestamp":"just now"}"#;
    for (tail, body) in [(STATUS, status), (SCAN, scan)] {
        assert_ne!(ids(1, tail, body), ids(2, tail, body));
        assert_eq!(ids(1, tail, body), ids(1, tail, body));
    }
}

#[test]
fn a_gateway_is_online_or_offline_by_its_own_word() {
    for (status, expected) in [
        ("online", "device.online"),
        ("Connected", "device.online"),
        ("offline", "device.offline"),
        ("DISCONNECTED", "device.offline"),
        ("degraded", "device.health"),
    ] {
        let body = json!({ "gateway_id": "G", "status": status }).to_string();
        assert_eq!(given::types(Gxp, STATUS, &body), [expected]);
    }
}

#[test]
fn a_credential_is_no_attribute_of_an_event_that_is_not_known() {
    let data = json!({ "attendee": { "credential_value": "ABC123456" }, "zone": "hall" });
    let body = json!({ "id": "evt_1", "event": "zone.entered", "data": data }).to_string();
    let events = given::map(Gxp, OUTGOING, &body).unwrap();
    let attributes = &events[0].event.envelope.attributes;
    assert_eq!(attributes.len(), 1);
    assert_eq!(attributes["zone"], "hall");
}
