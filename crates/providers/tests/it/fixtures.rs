//! Every sample of every provider: signed, proven, keyed, mapped. The snapshots are the mapping's
//! specification; ids in them are frozen across releases.

use std::collections::BTreeSet;
use std::path::Path;

use events::{Body, Provider, RawPosition, Time};
use providers::{Delivery, Headers, Key, Mapped, Raw, Refusal, Sample, SecretEncoding};
use serde_json::{Value, json};

const SOURCE: &str = "demo";
/// 2026-01-01T00:00:00Z, where a scheme signs a time; receipt is two seconds later.
const SIGNED_AT_S: i64 = 1_767_225_600;

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

/// Takes the sample through the whole crate, as ingest and normalizer do.
fn outcome(provider: Provider, sample: &Sample) -> Value {
    let signed_at = Time::from_seconds(SIGNED_AT_S).unwrap();
    let key = Key::new(
        provider,
        "key-1",
        &"whsec_test_0123456789".into(),
        SecretEncoding::Text,
    )
    .unwrap();
    let delivery = Delivery {
        provider,
        source: SOURCE.into(),
        tenant: "acme".into(),
        tail: sample.tail.to_owned(),
        headers: providers::sign(
            provider,
            sample.tail,
            &key,
            sample.body.as_bytes(),
            signed_at,
        ),
        body: sample.body.into(),
    };
    let unproven = Delivery {
        headers: Headers::default(),
        ..delivery.clone()
    };
    assert_eq!(
        providers::verify(unproven, &[&key]).unwrap_err(),
        Refusal::Unproven
    );
    let verified = providers::verify(delivery, &[&key]).unwrap();
    let raw = Raw {
        provider,
        source: SOURCE,
        tenant: "acme",
        delivery_id: uuid::Uuid::nil(),
        received_at: signed_at.saturating_add_micros(2_000_000),
        signed_at: verified.signed_at(),
        tail: sample.tail,
        position: RawPosition {
            topic: format!("cardea.raw.{provider}"),
            partition: 0,
            offset: 0,
            index: 0,
        },
        body: sample.body.as_bytes(),
    };
    let ordering_key = providers::ordering_key(&verified).unwrap();
    match providers::map(&raw) {
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
