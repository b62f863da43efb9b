use std::collections::{BTreeMap, BTreeSet};

use apache_avro::schema::RecordSchema;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::samples::full;

const ENVELOPE: [&str; 14] = [
    "event_id",
    "type",
    "provider",
    "source",
    "tenant",
    "native_id",
    "id_basis",
    "native_type",
    "occurred_at",
    "occurred_at_basis",
    "received_at",
    "origin",
    "raw",
    "attributes",
];

#[test]
fn a_changed_schema_is_a_new_version() {
    for topic in CanonicalTopic::ALL {
        let text = match topic {
            CanonicalTopic::Access => include_str!("../../../../schemas/access.avsc"),
            CanonicalTopic::Credential => include_str!("../../../../schemas/credential.avsc"),
            CanonicalTopic::Device => include_str!("../../../../schemas/device.avsc"),
            CanonicalTopic::Account => include_str!("../../../../schemas/account.avsc"),
        };
        assert_eq!(text, current(topic).text, "{topic}");
    }
}

#[test]
fn ids_and_versions_are_unique() {
    let ids: BTreeSet<i32> = all().iter().map(|released| released.id).collect();
    assert_eq!(ids.len(), all().len());
    for topic in CanonicalTopic::ALL {
        let of_topic = all().iter().filter(|released| released.topic == topic);
        assert!(
            of_topic
                .map(|released| released.version)
                .eq(1..=current(topic).version)
        );
    }
    for released in all() {
        assert_eq!(by_id(released.id).unwrap().text, released.text);
    }
    assert!(by_id(1).is_none());
}

#[test]
fn a_released_version_never_changes() {
    let lines = all().iter().map(|released| {
        let Versioned {
            topic,
            version,
            id,
            text,
            ..
        } = released;
        let digest = hex::encode(Sha256::digest(text));
        format!("{id} {topic} {version} {digest}")
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_version_is_found_by_its_text() {
    for released in all() {
        let compact: Value = serde_json::from_str(released.text).unwrap();
        let found = find(released.topic, &compact.to_string()).unwrap();
        assert_eq!(found.unwrap().id, released.id);
    }
    assert!(
        find(CanonicalTopic::Access, current(CanonicalTopic::Device).text)
            .unwrap()
            .is_none()
    );
    assert_eq!(find(CanonicalTopic::Access, "{}").unwrap_err(), NotASchema);
}

#[test]
fn every_version_reads_every_other() {
    for released in all() {
        assert_eq!(objections(released.topic, released.text), []);
    }
}

#[test]
fn every_record_starts_with_the_same_envelope() {
    let envelopes = CanonicalTopic::ALL.map(|topic| {
        let text: Value = serde_json::from_str(current(topic).text).unwrap();
        text["fields"].as_array().unwrap()[..ENVELOPE.len()].to_vec()
    });
    let names = envelopes[0]
        .iter()
        .map(|field| field["name"].as_str().unwrap());
    assert!(names.eq(ENVELOPE));
    assert!(envelopes.iter().all(|envelope| *envelope == envelopes[0]));
}

#[test]
fn the_fields_are_those_of_the_event_in_their_order() {
    for event in full() {
        let Schema::Record(RecordSchema { fields, .. }) = &current(event.body.topic()).schema
        else {
            panic!("no record");
        };
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(written_fields(&event), names);
    }
}

/// Reads the order from the JSON text, as its tree sorts the names.
fn written_fields(event: &crate::Event) -> Vec<String> {
    let text = serde_json::to_string_pretty(event).unwrap();
    let top_level = text.lines().filter_map(|line| line.strip_prefix("  \""));
    top_level
        .map(|line| line.split('"').next().unwrap().to_owned())
        .collect()
}

#[test]
fn one_name_has_one_definition() {
    let mut known = BTreeMap::new();
    for topic in CanonicalTopic::ALL {
        let text: Value = serde_json::from_str(current(topic).text).unwrap();
        for_each_object(&text, &mut |object| {
            if object.get("fields").or(object.get("symbols")).is_some() {
                let name = object["name"].as_str().unwrap().to_owned();
                let first = known.entry(name).or_insert_with(|| object.clone());
                assert_eq!(first, object);
            }
        });
    }
    assert_eq!(known.len(), 26);
}

/// What a reader needs to live with versions that lack the field, or know more symbols.
#[test]
fn fields_are_documented_and_have_defaults() {
    for topic in CanonicalTopic::ALL {
        let text: Value = serde_json::from_str(current(topic).text).unwrap();
        for_each_object(&text, &mut |object| {
            if object.contains_key("symbols") {
                assert_eq!(object["default"], object["symbols"][0]);
            }
            if let (Some(name), Some(kind)) = (object.get("name"), object.get("type"))
                && !["record", "enum"].iter().any(|named| kind == named)
            {
                assert!(object.contains_key("doc"), "{name}");
                let plain = kind.is_string() || kind["logicalType"].is_string();
                assert_eq!(object.contains_key("default"), !plain, "{name}");
            }
        });
    }
}

fn for_each_object(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    if let Value::Object(object) = value {
        visit(object);
        object
            .values()
            .for_each(|inner| for_each_object(inner, visit));
    }
    if let Value::Array(items) = value {
        items.iter().for_each(|inner| for_each_object(inner, visit));
    }
}
