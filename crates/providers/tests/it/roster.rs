//! The roster: rows of syncs, ids, and what carries a decision.

use std::collections::HashMap;

use proptest::prelude::{Strategy, any, proptest};
use providers::Provider::Gxp;
use providers::Raw;
use providers::roster::{
    self, Asked, Attendee, Decision, Judged, Results, Row, RowKey, Ruling, SyncMode,
};
use serde_json::{Value, json};

use crate::given;

const SYNC: &str = "attendee-sync";
/// As the page shows it.
const DOCUMENTED: &str = r#"{
"project_slug": "my-event",
"team_slug": "my-team",
"sync_mode": "upsert",
"attendees": [
{
"external_id": "EXT-001",
"first_name": "Jane",
"last_name": "Smith",
"email": "jane@example.com",
"attendee_type": "general"
}
]
}"#;

fn key(tenant: &str, external_id: &str, team: &str, project: &str) -> RowKey {
    RowKey {
        tenant: tenant.to_owned(),
        external_id: external_id.to_owned(),
        team_slug: team.to_owned(),
        project_slug: project.to_owned(),
    }
}

fn rows(body: &str, decision: Option<Decision>) -> Vec<Row> {
    let verified = given::verified(Gxp, SYNC, body.as_bytes());
    roster::rows(&Raw {
        decision,
        ..given::raw(&verified)
    })
}

#[test]
fn the_documented_sync_is_one_row() {
    let [row] = rows(DOCUMENTED, None).try_into().unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert!(row.key == key("acme", "EXT-001", "my-team", "my-event"));
    let expected = Attendee {
        first_name: text("Jane"),
        last_name: text("Smith"),
        email: text("jane@example.com"),
        attendee_type: text("general"),
    };
    assert!(row.attendee == expected);
}

#[test]
fn an_attendees_id_stays_the_same_for_ever() {
    let id = key("acme", "EXT-001", "my-team", "my-event").id();
    assert_eq!(id, 707_373_743_096_588);
}

#[test]
fn without_a_decision_only_an_upsert_writes() {
    let sync = |mode: &str| {
        let rows = [1, 2, 3].map(|id| json!({ "external_id": id }));
        json!({ "team_slug": "t", "project_slug": "p", "sync_mode": mode, "attendees": rows })
            .to_string()
    };
    assert_eq!(rows(&sync("upsert"), None).len(), 3);
    for mode in ["create", "update"] {
        assert_eq!(rows(&sync(mode), None), []);
        let decision = Decision::Rows(vec![true, false, true]);
        let written = rows(&sync(mode), Some(decision));
        let ids: Vec<_> = written.iter().map(|row| &*row.key.external_id).collect();
        assert_eq!(ids, ["1", "3"]);
    }
}

#[test]
fn what_is_no_sync_writes_no_row() {
    for sample in providers::samples(Gxp) {
        let verified = given::verified(Gxp, sample.tail, sample.body.as_bytes());
        let rows = roster::rows(&given::raw(&verified));
        assert_eq!(rows.is_empty(), sample.name != SYNC, "{}", sample.name);
    }
}

fn body(answer: &providers::Answer) -> Value {
    assert_eq!(answer.status, 200);
    answer.body.parse().unwrap()
}

#[test]
fn a_sync_is_answered_in_the_documented_shape() {
    let results = Results {
        created: 5,
        updated: 10,
        skipped: 2,
        errors: Vec::new(),
    };
    let expected = json!({
        "success": true,
        "results": { "created": 5, "updated": 10, "skipped": 2, "errors": [] },
    });
    assert_eq!(body(&results.answer()), expected);
}

#[test]
fn a_scan_is_answered_in_the_documented_shape() {
    let [row] = rows(DOCUMENTED, None).try_into().unwrap();
    let id = row.key.id();
    let expected = json!({
        "success": true,
        "access_granted": true,
        "attendee": { "id": id, "first_name": "Jane", "last_name": "Smith" },
    });
    let granted = Ruling::Granted(Some(row));
    assert_eq!(body(&granted.answer()), expected);
    let attendee_id = Some(id);
    assert_eq!(granted.decision(), Decision::Granted { attendee_id });
    let stranger = json!({ "success": true, "access_granted": true, "attendee": null });
    assert_eq!(body(&Ruling::Granted(None).answer()), stranger);
    let denied = json!({ "success": true, "access_granted": false, "attendee": null });
    for ruling in [Ruling::Denied, Ruling::Closed] {
        assert_eq!(body(&ruling.answer()), denied);
    }
}

#[test]
fn an_attendee_that_cannot_be_taken_is_named_and_the_others_are_taken() {
    let long = "x".repeat(256);
    let sync = json!({
        "team_slug": "t", "project_slug": "p",
        "attendees": [{}, { "external_id": "2" }, { "external_id": "3", "email": long }],
    });
    let verified = given::verified(Gxp, SYNC, sync.to_string().as_bytes());
    let Some(Asked::Sync(sync)) = roster::asked(&verified) else {
        panic!("no sync");
    };
    assert_eq!(sync.rows.len(), 1);
    let results = Results {
        errors: sync.errors,
        ..Results::default()
    };
    let expected = json!([
        { "row": 0, "errors": {
            "attendees.0.external_id": ["The attendees.0.external_id field is required"],
        } },
        { "row": 2, "errors": {
            "attendees.2.email": [
                "The attendees.2.email field must not be greater than 255 characters",
            ],
        } },
    ]);
    assert_eq!(body(&results.answer())["results"]["errors"], expected);
}

#[test]
fn a_mode_writes_what_it_says() {
    use Judged::{Created, Refused, Unchanged, Updated};
    let named = |name: &str| Attendee {
        first_name: Some(name.to_owned()),
        ..Attendee::default()
    };
    let (old, new) = (named("old"), named("new"));
    for (mode, unknown, same, other) in [
        (SyncMode::Upsert, Created, Unchanged, Updated),
        (SyncMode::Create, Created, Refused, Refused),
        (SyncMode::Update, Refused, Unchanged, Updated),
    ] {
        assert_eq!(mode.judge(None, &new), unknown);
        assert_eq!(mode.judge(Some(&new), &new), same);
        assert_eq!(mode.judge(Some(&old), &new), other);
    }
}

fn keys() -> impl Strategy<Value = RowKey> {
    let parts = ("[ab]{0,2}", "[ab]{0,2}", "[ab]{0,2}", "[ab]{0,2}");
    parts.prop_map(|(a, b, c, d)| key(&a, &b, &c, &d))
}

fn decisions() -> impl Strategy<Value = Decision> {
    proptest::prop_oneof![
        any::<Option<u64>>().prop_map(|attendee_id| Decision::Granted { attendee_id }),
        proptest::strategy::Just(Decision::Denied),
        proptest::strategy::Just(Decision::Closed),
        any::<Vec<bool>>().prop_map(Decision::Rows),
    ]
}

proptest! {
    #[test]
    fn different_keys_have_different_ids_that_javascript_can_read(
        keys in proptest::collection::hash_set(keys(), 0..200),
    ) {
        let ids: HashMap<_, _> = keys.iter().map(|key| (key.id(), key)).collect();
        assert_eq!(ids.len(), keys.len());
        assert!(ids.keys().all(|id| (1..1 << 53).contains(id)));
    }

    #[test]
    fn a_row_is_read_back_as_it_was_written(key in keys(), name in any::<Option<String>>()) {
        let attendee = Attendee { first_name: name, ..Attendee::default() };
        let row = Row { key: key.clone(), attendee: attendee.clone() };
        let (bytes, value) = row.record();
        assert!(roster::read(&bytes, Some(&value)) == Ok((key.clone(), Some(attendee))));
        assert!(roster::read(&bytes, None) == Ok((key, None)));
    }

    #[test]
    fn a_decision_is_read_back_as_it_was_written(decision in decisions()) {
        assert_eq!(decision.to_string().parse(), Ok(decision));
    }

    #[test]
    fn no_other_text_is_a_decision(text in ".*") {
        if let Ok(decision) = text.parse::<Decision>() {
            let written = decision.to_string();
            assert!(written == text || text.starts_with("granted "), "{text}");
        }
    }
}
