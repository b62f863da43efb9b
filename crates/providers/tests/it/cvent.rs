//! Cvent: the static token, activation, types by the words of their titles.

use http::Method;
use providers::{Answer, Handshake, Outcome, Provider::Cvent, Reason, Refusal};
use serde_json::json;

use crate::given;

#[test]
fn the_bare_token_is_the_proof() {
    let key = given::key(Cvent, "key-1", "a-token");
    let verify = |headers: &[(&str, &str)]| {
        providers::verify(given::delivery(Cvent, "", headers, "{}"), &[&key])
    };
    assert!(verify(&[("Authorization", "a-token")]).is_ok());
    for refused in [
        &[][..],
        &[("Authorization", "a-token2")],
        &[("Authorization", "A-token")],
        &[("Authorization", "Bearer a-token")],
        &[("Authorization", "")],
        &[("X-Authorization", "a-token")],
        &[("Authorization", "a-token"), ("Authorization", "a-token")],
    ] {
        assert_eq!(verify(refused).unwrap_err(), Refusal::Unproven);
    }
}

#[test]
fn activation_is_answered_and_nothing_else() {
    let headers = given::headers(&[]);
    let handshake = |method: &Method| {
        providers::handshake(
            Cvent,
            &Handshake {
                method,
                headers: &headers,
                body: b"",
            },
        )
    };
    assert_eq!(handshake(&Method::GET), Some(Answer::empty(200)));
    assert_eq!(handshake(&Method::POST), None);
    assert_eq!(handshake(&Method::OPTIONS), None);
}

#[test]
fn answers_are_a_status_alone() {
    for (outcome, status) in [
        (Outcome::Accepted, 200),
        (Outcome::Unauthenticated, 401),
        (
            Outcome::Malformed {
                field: "body",
                reason: "not JSON",
            },
            400,
        ),
    ] {
        assert_eq!(
            providers::answer(Cvent, "X/1", &outcome),
            Answer::empty(status)
        );
    }
}

#[test]
fn kinds_are_known_by_the_words_of_their_titles() {
    for (event_type, expected) in [
        ("InviteeOrGuestCancelled", "entitlement.cancelled"),
        ("InviteeAttendsCventSession", "account.other"),
        ("InviteeMarkedAsSessionNoShow", "account.other"),
        ("InviteeOrGuestEmailSent", "account.other"),
        ("InviteeSubstitutedInAnEvent", "account.other"),
        // The titles of the catalogue, whose strings are not published.
        ("added to invitation list", "account.other"),
        ("declines invitation", "account.other"),
        ("email bounces", "account.other"),
        ("email opened", "account.other"),
        ("resubscribes to event email", "account.other"),
        ("unsubscribed from event email", "account.other"),
        ("abandons registration", "account.other"),
        ("invitee guest order created", "account.other"),
        ("marked as no show", "account.other"),
        ("marked event participant", "entitlement.checked_in"),
        ("marked session participant", "account.other"),
        ("registered for event", "entitlement.created"),
        ("registered for session", "account.other"),
        ("registration cancelled", "entitlement.cancelled"),
        ("registration modified", "entitlement.updated"),
        ("session registration cancelled", "account.other"),
        ("confirm email opt in", "account.other"),
        ("contact created", "person.created"),
        ("contact deleted", "person.deleted"),
        ("contact edited", "person.updated"),
        ("contact opts out of emails", "account.other"),
        ("opts back in to emails", "account.other"),
        ("session created", "account.other"),
        ("speaker modified", "account.other"),
        ("event cancelled", "account.other"),
        ("event deleted", "account.other"),
        ("event modified", "account.other"),
        ("manual attendee", "account.other"),
        ("meeting request submitted", "account.other"),
        ("something else", "account.unknown"),
        ("invitee unregistered", "account.unknown"),
        ("invitee deregistered from event", "account.unknown"),
        ("unmarked event participant", "account.unknown"),
        ("participant removed from event", "account.unknown"),
    ] {
        let body = json!({
            "eventType": event_type,
            "messageStub": "5ddb3c67",
            "message": [{ "inviteeStub": "i" }],
        });
        let types = given::types(Cvent, "", &body.to_string());
        assert_eq!(types, [expected], "{event_type}");
    }
}

#[test]
fn type_and_stub_may_stand_in_the_path_alone() {
    let body = r#"{"message":[{"inviteeStub":"a"},{"inviteeStub":"b"}]}"#;
    let stub = "fb8fcfce-691d-4ef1-a4bf-3239105f2eb9";
    let tail = "events/InviteeOrGuestCancelled/fb8fcfce-691d-4ef1-a4bf-3239105f2eb9";
    let events = given::map(Cvent, tail, body).unwrap();
    let envelope = &events[1].event.envelope;
    assert_eq!(envelope.native_type, "InviteeOrGuestCancelled");
    assert_eq!(envelope.native_id.as_deref(), Some(stub));
    assert_eq!(events[1].key, "demo/invitee/b");
    assert_eq!(
        given::ordering_key(Cvent, tail, body).as_deref(),
        Ok("demo/")
    );
    assert!(given::map(Cvent, "", body).is_err());
}

/// A path that is the same for all messages would make them one.
#[test]
fn the_end_of_any_path_is_no_stub() {
    let body = r#"{"eventType":"InviteeOrGuestCancelled","message":[{}]}"#;
    let stub = |tail| {
        let events = given::map(Cvent, tail, body).map_err(|unmappable| unmappable.reason)?;
        Ok(events[0].event.envelope.native_id.clone().unwrap())
    };
    assert_eq!(
        stub("InviteeOrGuestCancelled/fb8fcfce").as_deref(),
        Ok("fb8fcfce")
    );
    for tail in [
        "registrations",
        "events/registrations",
        "InviteeOrGuestCancelled",
    ] {
        assert_eq!(stub(tail), Err(Reason::UnknownEnvelope), "{tail}");
    }
    let untyped = r#"{"message":[{}]}"#;
    let refused = given::map(Cvent, "events/registrations", untyped).unwrap_err();
    assert_eq!(refused.reason, Reason::UnknownEnvelope);
}

#[test]
fn broken_json_is_refused_and_a_message_without_records_is_quarantined() {
    assert!(matches!(
        given::ordering_key(Cvent, "", "{"),
        Err(Refusal::Malformed { .. })
    ));
    let empty = r#"{"eventType":"X","messageStub":"1","message":[]}"#;
    assert!(given::ordering_key(Cvent, "", empty).is_ok());
    assert!(given::map(Cvent, "", empty).is_err());
    let mixed = r#"{"eventType":"X","messageStub":"1","message":[{},7]}"#;
    assert_eq!(
        given::map(Cvent, "", mixed).unwrap_err().reason,
        Reason::BadField
    );
}

#[test]
fn each_record_of_a_message_is_an_event_and_a_repeat_is_none() {
    let body = r#"{"eventType":"InviteeOrGuestCancelled","messageStub":"1","message":[{},{}]}"#;
    let first = given::event_ids(1, Cvent, "", body);
    assert_ne!(first[0], first[1]);
    assert_eq!(first, given::event_ids(2, Cvent, "", body));
}
