//! Every sample of every provider: signed, proven, keyed, mapped. The snapshots are the mapping's
//! specification; ids in them are frozen across releases.

use std::collections::BTreeSet;
use std::path::Path;

use events::{Body, Provider};
use providers::{Delivery, Headers, Mapped, Refusal, Sample};
use serde_json::{Value, json};

use crate::given;

#[test]
fn samples_become_what_their_snapshots_show() {
    for provider in Provider::ALL {
        for sample in providers::samples(provider) {
            insta::with_settings!({
                snapshot_path => format!("snapshots/{provider}"),
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, {
                insta::assert_json_snapshot!(sample.name, outcome(provider, sample));
            });
        }
    }
}

#[test]
fn every_fixture_is_a_sample() {
    for provider in Provider::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{provider}"));
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let samples = providers::samples(provider).iter();
        let listed: BTreeSet<String> = samples.map(|s| format!("{}.json", s.name)).collect();
        assert_eq!(files, listed, "{provider}");
    }
}

/// The persons of all samples; a message of the audit log, which names them, has a field.
#[test]
fn attributes_name_nobody() {
    for provider in Provider::ALL {
        for sample in providers::samples(provider) {
            let verified = given::verified(provider, sample.tail, sample.body.as_bytes());
            for mapped in providers::map(&given::raw(&verified)).unwrap_or_default() {
                for (name, value) in mapped.event.envelope.attributes {
                    let named = ["@", "Ada", "Lovell", "Bob The", "Aaron", "Allison", "+353"]
                        .iter()
                        .any(|part| value.contains(part));
                    assert!(!named, "{provider} {}: {name}", sample.name);
                }
            }
        }
    }
}

/// Takes the sample through the whole crate, as ingest and normalizer do.
fn outcome(provider: Provider, sample: &Sample) -> Value {
    let body = sample.body.as_bytes();
    let unproven = Delivery {
        headers: Headers::default(),
        ..given::signed(provider, sample.tail, body)
    };
    assert_eq!(
        providers::verify(unproven, &[&given::own_key(provider)]).unwrap_err(),
        Refusal::Unproven
    );
    let verified = given::verified(provider, sample.tail, body);
    let ordering_key = match providers::ordering_key(&verified) {
        Ok(key) => key,
        Err(refusal) => return json!({ "refused": refusal.to_string() }),
    };
    match providers::map(&given::raw(&verified)) {
        Ok(events) => json!({
            "ordering_key": ordering_key,
            "events": events.iter().map(show).collect::<Vec<_>>(),
        }),
        Err(unmappable) => json!({
            "ordering_key": ordering_key,
            "quarantined": unmappable.to_string(),
        }),
    }
}

/// Shows what differs from sample to sample.
fn show(mapped: &Mapped) -> Value {
    let envelope = &mapped.event.envelope;
    let body = match &mapped.event.body {
        Body::Access(access) => json!({ "access": access }),
        Body::Credential(credential) => json!({ "credential": credential }),
        Body::Device(device) => json!({ "device": device }),
        Body::Account(account) => json!({ "account": account }),
    };
    said(json!({
        "key": mapped.key,
        "event_id": envelope.event_id,
        "event_type": envelope.event_type.name(),
        "native_id": envelope.native_id,
        "id_basis": envelope.id_basis,
        "native_type": envelope.native_type,
        "occurred_at": envelope.occurred_at,
        "occurred_at_basis": envelope.occurred_at_basis,
        "attributes": envelope.attributes,
        "body": body,
    }))
}

/// Leaves out what the event does not say.
fn said(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null() && value != "UNKNOWN" && value != &json!([]))
            .map(|(name, value)| (name, said(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(said).collect(),
        plain => plain,
    }
}
