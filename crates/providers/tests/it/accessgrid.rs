//! AccessGrid: the bearer token, handshakes, answers, every type.

use http::Method;
use providers::{Answer, Handshake, Outcome, Provider::Accessgrid, Refusal};
use serde_json::{Value, json};

use crate::given;

#[test]
fn the_scheme_has_no_case_and_the_token_has() {
    let key = given::key(Accessgrid, "key-1", "whsec_secret_value_here");
    let verify = |headers: &[(&str, &str)]| {
        providers::verify(given::delivery(Accessgrid, "", headers, "{}"), &[&key])
    };
    for value in [
        "Bearer whsec_secret_value_here",
        "bearer whsec_secret_value_here",
        "BEARER  whsec_secret_value_here",
    ] {
        assert!(verify(&[("Authorization", value)]).is_ok());
    }
    let good = ("Authorization", "Bearer whsec_secret_value_here");
    for refused in [
        &[][..],
        &[good, good],
        &[("Authorization", "whsec_secret_value_here")],
        &[("Authorization", "Basic whsec_secret_value_here")],
        &[("Authorization", "Bearer WHSEC_secret_value_here")],
        &[("Authorization", "Bearer whsec_secret_value_her")],
        &[("Authorization", "Bearer ")],
        &[("Authorization", "Bearer")],
    ] {
        assert_eq!(verify(refused).unwrap_err(), Refusal::Unproven);
    }
}

fn handshake(method: &Method, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let request = Handshake {
        method,
        headers: &given::headers(headers),
        body: body.as_bytes(),
    };
    providers::handshake(Accessgrid, &request)
}

const CHALLENGE: &str = "X-AccessGrid-Webhook-Challenge";

#[test]
fn a_challenge_is_answered_with_its_token() {
    let body = r#"{"challenge":"ch_Abc-123"}"#;
    for (headers, body) in [
        (&[(CHALLENGE, "ch_Abc-123")][..], body),
        (&[(CHALLENGE, "ch_Abc-123")], ""),
        (&[], body),
    ] {
        let answer = handshake(&Method::POST, headers, body).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, r#"{"challenge":"ch_Abc-123"}"#);
        let echo = ("x-accessgrid-webhook-challenge", "ch_Abc-123".to_owned());
        assert!(answer.headers.contains(&echo));
    }
}

#[test]
fn what_is_no_sane_challenge_is_no_handshake() {
    let long = "x".repeat(257);
    let long_body = json!({ "challenge": long }).to_string();
    let padded = format!(r#"{{"challenge":"x"{}}}"#, " ".repeat(1_024));
    let event = r#"{"challenge":"x","id":"1","type":"ag.access_pass.issued"}"#;
    for (headers, body) in [
        (&[][..], ""),
        (&[], "{}"),
        (&[], event),
        (&[], r#"{"challenge":"two words"}"#),
        (&[], r#"{"challenge":"a\r\nset-cookie: b"}"#),
        (&[], r#"{"challenge":""}"#),
        (&[], &long_body),
        (&[], &padded),
        (&[(CHALLENGE, long.as_str())], ""),
        (&[(CHALLENGE, "")], ""),
        (&[(CHALLENGE, "x")], r#"{"challenge":"y"}"#),
        (&[(CHALLENGE, "x")], event),
        (&[(CHALLENGE, "x"), (CHALLENGE, "x")], ""),
    ] {
        assert_eq!(handshake(&Method::POST, headers, body), None, "{body}");
    }
    assert_eq!(handshake(&Method::GET, &[(CHALLENGE, "x")], ""), None);
}

#[test]
fn permission_to_send_is_given_as_cloudevents_wants_it() {
    let origin = [
        ("WebHook-Request-Origin", "eventemitter.example.com"),
        ("WebHook-Request-Rate", "120"),
    ];
    let answer = handshake(&Method::OPTIONS, &origin, "").unwrap();
    let expected = Answer::empty(200)
        .with_header("allow", "POST")
        .with_header("webhook-allowed-origin", "eventemitter.example.com")
        .with_header("webhook-allowed-rate", "*");
    assert_eq!(answer, expected);
    assert_eq!(handshake(&Method::OPTIONS, &[], ""), None);
    assert_eq!(handshake(&Method::POST, &origin, ""), None);
}

#[test]
fn success_says_received() {
    let answer = providers::answer(Accessgrid, "", &Outcome::Accepted);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, r#"{"received":true}"#);
    let answer = providers::answer(Accessgrid, "", &Outcome::Unauthenticated);
    assert_eq!(answer, Answer::empty(401));
}

#[test]
fn a_broken_body_is_taken_lest_it_come_for_six_hours() {
    for body in ["{", "", "[]", "null", r#"{"id":"1"}"#] {
        let key = given::ordering_key(Accessgrid, "", body);
        assert_eq!(key.as_deref(), Ok("demo/"));
        assert!(given::map(Accessgrid, "", body).is_err());
    }
}

#[test]
fn every_type_is_mapped_on_purpose() {
    for (native_type, expected) in [
        ("ag.access_pass.issued", "credential.created"),
        ("ag.access_pass.viewed", "credential.updated"),
        ("ag.access_pass.updated", "credential.updated"),
        ("ag.access_pass.activated", "credential.activated"),
        ("ag.access_pass.suspended", "credential.suspended"),
        ("ag.access_pass.resumed", "credential.resumed"),
        ("ag.access_pass.unlinked", "credential.revoked"),
        ("ag.access_pass.deleted", "credential.deleted"),
        ("ag.access_pass.expired", "credential.expired"),
        ("ag.access_pass.failed", "credential.failed"),
        ("ag.access_pass.renewed", "credential.updated"),
        ("ag.access_pass.installed", "credential.updated"),
        ("ag.access_pass.devices.added", "credential.updated"),
        ("ag.access_pass.devices.removed", "credential.updated"),
        ("ag.access_pass.devices.suspended", "credential.updated"),
        ("ag.access_pass.devices.resumed", "credential.updated"),
        ("ag.access_pass.device_added", "credential.updated"),
        ("ag.access_pass.device_removed", "credential.updated"),
        ("ag.card_template.created", "template.created"),
        ("ag.card_template.updated", "template.updated"),
        (
            "ag.card_template.requested_publishing",
            "template.publish_requested",
        ),
        (
            "ag.card_template.request_publishing",
            "template.publish_requested",
        ),
        ("ag.card_template.published", "template.published"),
        ("ag.card_template.deleted", "template.deleted"),
        ("ag.card_template_pair.created", "account.changed"),
        ("ag.landing_page.created", "account.changed"),
        ("ag.landing_page.updated", "account.changed"),
        ("ag.landing_page.attached_to_template", "account.changed"),
        ("ag.credential_profile.created", "account.changed"),
        ("ag.credential_profile.deleted", "account.changed"),
        (
            "ag.credential_profile.attached_to_template",
            "account.changed",
        ),
        ("ag.hid_org.created", "account.changed"),
        ("ag.hid_org.activated", "account.changed"),
        ("ag.account_balance.low", "account.balance_low"),
        ("ag.webhook.cert_expiring", "account.certificate_expiring"),
        (
            "ag.account.impersonation_started",
            "account.impersonation_started",
        ),
        (
            "ag.account.impersonation_ended",
            "account.impersonation_ended",
        ),
        ("ag.access_pass.devices", "account.unknown"),
        ("ag.access_pass", "account.unknown"),
        ("ag.elevator.called", "account.unknown"),
        ("something", "account.unknown"),
    ] {
        for data in [json!({ "id": "x" }), json!({}), Value::Null] {
            let body = json!({ "id": "evt_1", "type": native_type, "data": data });
            let types = given::types(Accessgrid, "", &body.to_string());
            assert_eq!(types, [expected], "{native_type}");
        }
    }
}

#[test]
fn what_opens_doors_stays_in_the_raw_record() {
    let secrets = json!({
        "card_number": "s3cret", "tag_id": "s3cret", "file_data": "s3cret", "apple_user_id": "s3cret",
    });
    let data = |mut data: Value| {
        let fields = data.as_object_mut().unwrap();
        fields.extend(secrets.as_object().unwrap().clone());
        data
    };
    let body = data(json!({
        "id": "ap_1",
        "details": data(json!({ "platform": "apple" })),
        "device": data(json!({ "id": "1" })),
        "devices": [data(json!({ "id": "2" }))],
        "metadata": data(json!({ "badge": "blue" })),
        "card_templates": [data(json!({ "id": "ct_1" }))],
    }));
    for native_type in [
        "ag.access_pass.issued",
        "ag.hid_org.created",
        "ag.new.thing",
    ] {
        let body = json!({ "id": "evt_1", "type": native_type, "data": body });
        let events = given::map(Accessgrid, "", &body.to_string()).unwrap();
        let shown = format!("{events:?}");
        assert!(!shown.contains("s3cret"));
        assert!(shown.contains("blue"));
    }
}

#[test]
fn both_spellings_and_both_generations_name_the_same_pass() {
    let first = r#"{"specversion":"1.0","id":"1","type":"ag.access_pass.updated","data":{"access_pass_id":"ap_1"}}"#;
    let second =
        r#"{"spec_version":"1.0","id":"1","type":"ag.access_pass.updated","data":{"id":"ap_1"}}"#;
    for body in [first, second] {
        let key = given::ordering_key(Accessgrid, "", body);
        assert_eq!(key.as_deref(), Ok("demo/pass/ap_1"));
    }
    let ids = |delivery, body| given::event_ids(delivery, Accessgrid, "", body);
    assert_eq!(ids(1, first), ids(2, second));
}

#[test]
fn the_status_of_a_device_has_one_spelling() {
    for (status, expected) in [
        ("CredentialsCreated", "credentials_created"),
        ("bundle_delivered", "bundle_delivered"),
        ("Unintstalled", "uninstalled"),
        ("SUSPENDED", "suspended"),
        ("lent_to_a_friend", "lent_to_a_friend"),
    ] {
        let devices = json!([{ "status": status }]);
        let data = json!({ "id": "ap_1", "devices": devices });
        let body = json!({ "id": "1", "type": "ag.access_pass.devices.added", "data": data });
        let events = given::map(Accessgrid, "", &body.to_string()).unwrap();
        let attributes = &events[0].event.envelope.attributes;
        assert_eq!(attributes["device.0.status"], expected);
    }
}
