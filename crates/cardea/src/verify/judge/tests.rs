use providers::{Headers, SecretEncoding};

use super::*;

const BODY: &str = r#"{"reader_id": "READER-001", "credential_value": "A B\" C", "scan_type": "barcode", "timestamp": "2024-01-15T14:30:00Z"}"#;

fn now() -> Time {
    Time::from_seconds(1_767_225_600).unwrap()
}

fn clock() -> Clock {
    Clock {
        now: now(),
        replay_window: Duration::from_secs(60),
    }
}

fn key(secret: &str) -> Key {
    let secret = secret.to_owned().into();
    Key::new(Provider::Gxp, "key-1", &secret, SecretEncoding::Text).unwrap()
}

/// A delivery whose proof covers `signed`, and whose body is `kept`.
fn delivery(signed: &str, kept: &str) -> Delivery {
    Delivery {
        provider: Provider::Gxp,
        source: "gxp-demo".into(),
        tenant: "acme".into(),
        tail: "access-event".to_owned(),
        headers: providers::sign(
            Provider::Gxp,
            "access-event",
            &key("right"),
            signed.as_bytes(),
            now(),
        ),
        body: kept.to_owned().into(),
    }
}

fn reasons(delivery: &Delivery, key: &Key) -> String {
    match judge(delivery, &[key], clock()) {
        Judgement::Refused { reasons } => reasons.join("; "),
        accepted @ Judgement::Accepted { .. } => panic!("{accepted:?}"),
    }
}

#[test]
fn an_accepted_delivery_shows_what_it_becomes() {
    let Judgement::Accepted {
        key_id,
        events,
        quarantined,
        ..
    } = judge(&delivery(BODY, BODY), &[&key("right")], clock())
    else {
        panic!("refused");
    };
    assert_eq!((key_id.as_str(), quarantined), ("key-1", None));
    let types: Vec<_> = events.iter().map(|event| event.event_type.name()).collect();
    assert_eq!(types, ["access.requested"]);
}

#[test]
fn a_missing_header_is_named() {
    let mut delivery = delivery(BODY, BODY);
    delivery.headers = Headers::default();
    let said = reasons(&delivery, &key("right"));
    assert_eq!(said, "header `x-gxp-signature` is missing");
}

#[test]
fn a_header_that_came_twice_is_named() {
    let mut delivery = delivery(BODY, BODY);
    delivery.headers.push("X-GxP-Signature", "sha256=00");
    let said = reasons(&delivery, &key("right"));
    assert_eq!(
        said,
        "header `x-gxp-signature` came 2 times instead of once"
    );
}

#[test]
fn a_body_that_an_editor_has_changed_is_recognised() {
    let with_break = format!("{BODY}\n");
    let said = reasons(&delivery(BODY, &with_break), &key("right"));
    assert!(said.contains("without what follows"), "{said}");
    let compact = BODY.replace(": ", ":").replace(", ", ",");
    let said = reasons(&delivery(&compact, BODY), &key("right"));
    assert!(said.contains("without blanks"), "{said}");
}

#[test]
fn another_secret_or_body_is_told_without_showing_either() {
    let said = reasons(&delivery(BODY, BODY), &key("wrong-secret"));
    assert!(said.contains("fits none of the live secrets (1)"), "{said}");
    assert!(
        !said.contains("wrong-secret") && !said.contains("READER"),
        "{said}"
    );
}

#[test]
fn a_source_without_a_live_secret_says_so() {
    let judged = judge(&delivery(BODY, BODY), &[], clock());
    let reasons = vec!["the source has no live secret".to_owned()];
    assert_eq!(judged, Judgement::Refused { reasons });
}

#[test]
fn a_stale_signed_time_is_told() {
    let secret = "right".into();
    let key = Key::new(Provider::Alocity, "key-1", &secret, SecretEncoding::Text).unwrap();
    let body = br#"{"serialNumber":"SN-0001","doorState":1}"#;
    let signed = |seconds_ago: i64| Delivery {
        provider: Provider::Alocity,
        tail: String::new(),
        headers: {
            let at = now().saturating_add_micros(-seconds_ago * 1_000_000);
            providers::sign(Provider::Alocity, "", &key, body, at)
        },
        body: body.as_slice().into(),
        ..delivery(BODY, BODY)
    };
    let timely = judge(&signed(60), &[&key], clock());
    assert!(matches!(timely, Judgement::Accepted { .. }));
    let said = reasons(&signed(61), &key);
    assert!(said.starts_with("signed at 2025-12-31T23:58:59Z"), "{said}");
}
