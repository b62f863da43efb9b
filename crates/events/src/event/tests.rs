use crate::samples::{full, sparse};
use crate::{Event, EventType};

#[test]
fn json_shows_an_event_flat() {
    for event in full() {
        let topic = event.body.topic().name();
        insta::assert_json_snapshot!(topic, event);
    }
}

#[test]
fn json_keeps_every_field() {
    let sparse = EventType::ALL.into_iter().map(sparse);
    for event in full().into_iter().chain(sparse) {
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}

#[test]
fn json_with_an_unknown_type_is_refused() {
    let mut json = serde_json::to_value(sparse(EventType::AccessGranted)).unwrap();
    json["type"] = "access.teleported".into();
    assert!(serde_json::from_value::<Event>(json).is_err());
}
