use apache_avro::Schema;
use proptest::prelude::*;

use super::*;
use crate::samples::{full, full_of, sparse};
use crate::{Access, Account, Body, Decision, DenyReason};

fn encoded(event: &Event) -> Vec<u8> {
    encode(event, schema::current(event.body.topic()).id).unwrap()
}

#[test]
fn every_event_type_survives_the_wire() {
    let sparse = EventType::ALL.into_iter().map(sparse);
    for event in full().into_iter().chain(sparse) {
        assert_eq!(decode(&encoded(&event)).unwrap(), event);
    }
}

/// The same bytes by the library's other path, which checks every name and symbol.
#[test]
fn the_bytes_are_those_of_a_checked_tree_of_values() {
    let sparse = EventType::ALL.into_iter().map(sparse);
    for event in full().into_iter().chain(sparse).chain(every_symbol()) {
        let schema = &schema::current(event.body.topic()).schema;
        let tree = apache_avro::to_value(&event).unwrap();
        let tree = tree.resolve(schema).unwrap();
        let datum = apache_avro::to_avro_datum(schema, tree).unwrap();
        assert_eq!(encoded(&event)[PREFIX_BYTES..], datum);
    }
}

/// One event for each symbol of each enum, read from JSON by its name.
fn every_symbol() -> Vec<Event> {
    let mut events = Vec::new();
    for (topic, path, symbols) in enums() {
        for symbol in symbols {
            events.push(with_symbol(topic, &path, &symbol).unwrap());
        }
    }
    events
}

#[test]
fn a_symbol_that_the_schema_lacks_is_noticed() {
    for (topic, path, symbols) in enums() {
        let refused = with_symbol(topic, &path, "?").unwrap_err().to_string();
        let known = format!("expected one of `{}`", symbols.join("`, `"));
        assert!(refused.ends_with(&known), "{topic}{path}: {refused}");
    }
}

fn with_symbol(topic: CanonicalTopic, path: &str, symbol: &str) -> serde_json::Result<Event> {
    let mut json = serde_json::to_value(full_of(topic)).unwrap();
    *json.pointer_mut(path).unwrap() = symbol.into();
    serde_json::from_value(json)
}

/// Lists every enum: its topic, its JSON pointer, its symbols.
fn enums() -> Vec<(CanonicalTopic, String, Vec<String>)> {
    let mut found = Vec::new();
    for topic in CanonicalTopic::ALL {
        find_enums(topic, &schema::current(topic).schema, "", &mut found);
    }
    assert_eq!(found.len(), 24);
    found
}

fn find_enums(
    topic: CanonicalTopic,
    schema: &Schema,
    path: &str,
    found: &mut Vec<(CanonicalTopic, String, Vec<String>)>,
) {
    match schema {
        Schema::Enum(of) => found.push((topic, path.to_owned(), of.symbols.clone())),
        Schema::Union(of) => {
            for variant in of.variants() {
                find_enums(topic, variant, path, found);
            }
        }
        Schema::Record(of) => {
            for field in &of.fields {
                find_enums(
                    topic,
                    &field.schema,
                    &format!("{path}/{}", field.name),
                    found,
                );
            }
        }
        _ => {}
    }
}

#[test]
fn golden_bytes() {
    for event in full() {
        insta::assert_snapshot!(event.body.topic().name(), hex::encode(encoded(&event)));
    }
}

#[test]
fn a_type_of_another_topic_is_refused() {
    let mut event = sparse(EventType::AccessGranted);
    event.envelope.event_type = EventType::DeviceOnline;
    let refused = WireError::TypeInWrongTopic {
        event_type: EventType::DeviceOnline,
        topic: CanonicalTopic::Access,
    };
    assert_eq!(encode(&event, 1), Err(refused));
}

#[test]
fn what_is_no_event_is_refused() {
    let good = encoded(&sparse(EventType::AccessGranted));
    assert_eq!(decode(b""), Err(WireError::NotFramed));
    assert_eq!(decode(&good[..4]), Err(WireError::NotFramed));
    assert_eq!(decode(b"{\"a\":1}"), Err(WireError::NotFramed));
    assert_eq!(decode(&[0, 0, 0, 0, 7]), Err(WireError::UnknownSchema(7)));
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(decode(&longer), Err(WireError::Malformed));
    let huge = vec![0; EVENT_BYTES_MAX + 1];
    assert_eq!(decode(&huge), Err(WireError::TooLarge));
}

#[test]
fn a_cut_event_is_refused() {
    for event in full() {
        let good = encoded(&event);
        for end in PREFIX_BYTES..good.len() {
            assert_eq!(decode(&good[..end]), Err(WireError::Malformed), "{end}");
        }
    }
}

/// As a newer version would write it: two symbols and a field that this version does not have.
#[test]
fn symbols_and_fields_of_a_newer_writer_do_not_break_a_reader() {
    let text = schema::current(CanonicalTopic::Access).text;
    let newer = text
        .replace("\"ELEVATOR\"", "\"ELEVATOR\", \"TAILGATING\"")
        .replace(
            "\"GRANTED\", \"DENIED\"",
            "\"GRANTED\", \"DENIED\", \"DEFERRED\"",
        );
    let mut newer: serde_json::Value = serde_json::from_str(&newer).unwrap();
    let field = serde_json::json!({"name": "floor", "type": ["null", "string"], "default": null});
    newer["fields"].as_array_mut().unwrap().push(field);
    let newer = Schema::parse(&newer).unwrap();

    let event = full_of(CanonicalTopic::Access);
    let mut json = serde_json::to_value(&event).unwrap();
    json["decision"] = "DEFERRED".into();
    json["deny_reason"] = "TAILGATING".into();
    json["floor"] = "7".into();
    for time in ["occurred_at", "received_at"] {
        json[time] = 1_778_608_800_123_456_i64.into();
    }
    let tree = apache_avro::to_value(&json)
        .unwrap()
        .resolve(&newer)
        .unwrap();
    let datum = apache_avro::to_avro_datum(&newer, tree).unwrap();
    let bytes = [&[0, 0, 0, 0, 9], datum.as_slice()].concat();

    let read = decode_with(&bytes, |_| Some(&newer)).unwrap();
    let Body::Access(body) = read.body else {
        panic!("another topic");
    };
    let Body::Access(written) = event.body else {
        panic!("another topic");
    };
    let expected = Access {
        decision: Decision::Unknown,
        deny_reason: Some(DenyReason::Other),
        ..written
    };
    assert_eq!(body, expected);
}

#[test]
fn an_unknown_type_is_named() {
    let event = sparse(EventType::AccessGranted);
    let mut bytes = encoded(&event);
    let at = bytes
        .windows(14)
        .position(|w| w == b"access.granted")
        .unwrap();
    bytes[at..at + 14].copy_from_slice(b"access.magical");
    let unknown = WireError::UnknownType("access.magical".to_owned());
    assert_eq!(decode(&bytes), Err(unknown));
}

#[test]
fn an_unknown_provider_is_named() {
    let event = sparse(EventType::AccessGranted);
    let mut bytes = encoded(&event);
    let known = event.envelope.provider.name().as_bytes();
    let mut windows = bytes.windows(known.len());
    let at = windows.position(|window| window == known).unwrap();
    bytes[at] = b'?';
    let name = String::from_utf8(bytes[at..at + known.len()].to_vec()).unwrap();
    assert_eq!(decode(&bytes), Err(WireError::UnknownProvider(name)));
}

#[test]
fn an_event_is_a_cloudevent() {
    let event = full_of(CanonicalTopic::Access);
    let key = "hq-doors/door/door-1";
    insta::assert_json_snapshot!("cloudevent", cloudevent_json(&event, key));
    insta::assert_debug_snapshot!("ce_headers", ce_headers(&event, key));
}

proptest! {
    #[test]
    fn bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..200), topic in 0..4usize) {
        let id = schema::current(CanonicalTopic::ALL[topic]).id;
        let bytes = [&[0], id.to_be_bytes().as_slice(), &tail].concat();
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn a_flipped_byte_never_panics(at in 0..400usize, with in 1..=255u8) {
        let mut bytes = encoded(&full_of(CanonicalTopic::Device));
        let at = at % bytes.len();
        bytes[at] ^= with;
        if let Ok(event) = decode(&bytes) {
            prop_assert_eq!(event.body.topic(), CanonicalTopic::Device);
        }
    }

    #[test]
    fn any_text_survives_the_wire(text in ".*", offset: i64, attributes: std::collections::BTreeMap<String, String>) {
        let mut event = full_of(CanonicalTopic::Account);
        event.envelope.native_type.clone_from(&text);
        event.envelope.raw.as_mut().unwrap().offset = offset;
        event.envelope.attributes = attributes;
        event.body = Body::Account(Account { message: Some(text), ..Account::default() });
        let bytes = encoded(&event);
        let mut datum = Vec::new();
        let schema = &schema::current(CanonicalTopic::Account).schema;
        apache_avro::write_avro_datum_ref(schema, &event, &mut datum).unwrap();
        prop_assert_eq!(&bytes[PREFIX_BYTES..], datum);
        prop_assert_eq!(decode(&bytes).unwrap(), event);
    }
}
