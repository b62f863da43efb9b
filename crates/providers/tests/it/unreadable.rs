//! Lawful JSON that cannot be read here is kept, broken JSON is refused by who does not repeat it.

use events::Provider;
use providers::{Reason, Refusal};

use crate::given;

const LAWFUL: [&str; 3] = [
    r#"{"uuid":"\ud800","event_type":"ACCESS"}"#,
    r#"{"uuid":"1","number":1e999999}"#,
    r#"{"uuid":"1","name":"Bob \ud83d"}"#,
];

#[test]
fn lawful_json_is_kept_for_quarantine_by_every_provider() {
    for provider in Provider::ALL {
        for body in LAWFUL {
            let tail = if provider == Provider::Gxp {
                "access-event"
            } else {
                ""
            };
            let key = given::ordering_key(provider, tail, body).unwrap();
            assert!(key.ends_with('/'), "{provider} {body}: {key}");
            let unmappable = given::map(provider, tail, body).unwrap_err();
            assert_eq!(unmappable.reason, Reason::NotJson, "{provider} {body}");
        }
    }
}

#[test]
fn deep_nesting_is_kept_as_well() {
    let body = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(given::ordering_key(Provider::Genea, "", &body).is_ok());
}

#[test]
fn broken_json_is_refused() {
    for body in ["{\"uuid\":", "{\"uuid\":\"\\ud8\"}", "", "\u{feff}{}"] {
        let refused = given::ordering_key(Provider::Genea, "", body);
        assert!(matches!(refused, Err(Refusal::Malformed { .. })), "{body}");
    }
}
