//! What holds whatever comes: samples with changed fields, cut or flipped bytes, and noise.

use events::Provider;
use http::Method;
use proptest::prelude::*;
use providers::{Delivery, Handshake, Headers, Raw, Refusal, Sample};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::given::{own_key, raw, signed, verified};

fn any_sample() -> impl Strategy<Value = (Provider, Sample)> {
    let all: Vec<_> = Provider::ALL
        .into_iter()
        .flat_map(|provider| {
            providers::samples(provider)
                .iter()
                .map(move |s| (provider, *s))
        })
        .collect();
    prop::sample::select(all)
}

/// A sample in which some fields have other values: few different ones, so that keys collide.
fn changed_sample() -> impl Strategy<Value = (Provider, &'static str, Vec<u8>)> {
    let value = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1.5),
        json!(""),
        json!("x"),
        json!("a/b"),
        json!("2026-05-12T18:00:00Z"),
        json!([]),
        json!({}),
        json!([{ "id": "x", "uuid": 7 }]),
    ]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), value), 0..6);
    (any_sample(), edits).prop_map(|((provider, sample), edits)| {
        let Ok(mut body) = serde_json::from_str::<Value>(sample.body) else {
            return (provider, sample.tail, sample.body.into());
        };
        for (place, value) in edits {
            let mut places = Vec::new();
            pointers(&body, "", &mut places);
            if !places.is_empty() {
                let pointer: &String = place.get(&places);
                *body.pointer_mut(pointer).unwrap() = value;
            }
        }
        (provider, sample.tail, body.to_string().into_bytes())
    })
}

/// Collects the JSON pointers of all fields and elements.
fn pointers(value: &Value, parent: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, v)| (name.clone(), v)).collect(),
        Value::Array(values) => (0..).map(|i: usize| i.to_string()).zip(values).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, child) in children {
        let pointer = format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"));
        pointers(child, &pointer, found);
        found.push(pointer);
    }
}

/// Any body: noise, a sample, a changed sample, or a cut one.
fn any_body() -> impl Strategy<Value = (Provider, String, Vec<u8>)> {
    let noise = (any_sample(), any::<Vec<u8>>()).prop_map(|((p, _), body)| (p, "", body));
    let cut = (changed_sample(), any::<prop::sample::Index>()).prop_map(|(sample, at)| {
        let (provider, tail, mut body) = sample;
        body.truncate(at.index(body.len() + 1));
        (provider, tail, body)
    });
    let tail = prop_oneof![Just(None), any::<String>().prop_map(Some)];
    (prop_oneof![noise, changed_sample(), cut], tail).prop_map(|((provider, known, body), tail)| {
        (provider, tail.unwrap_or_else(|| known.to_owned()), body)
    })
}

fn any_headers() -> impl Strategy<Value = Headers> {
    let name = prop::sample::select(vec![
        "signature",
        "alocity-signature",
        "x-gxp-signature",
        "x-cvent-signature",
        "x-sequr-signature",
        "authorization",
        "x-accessgrid-webhook-challenge",
        "webhook-request-origin",
    ]);
    let value = prop_oneof![
        any::<Vec<u8>>(),
        "(t|sig|sha1|sha256|Bearer)?[:= ,;]{0,2}[0-9a-fA-F+/=]{0,64}".prop_map(String::into_bytes),
    ];
    prop::collection::vec((name, value), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_unsigned_passes(
        (provider, tail, body) in any_body(),
        headers in any_headers(),
    ) {
        let methods = [Method::GET, Method::POST, Method::OPTIONS];
        for method in &methods {
            let request = Handshake { method, headers: &headers, body: &body };
            providers::handshake(provider, &request);
        }
        let delivery = Delivery { headers, ..signed(provider, &tail, &body) };
        let refused = providers::verify(delivery, &[&own_key(provider)]).unwrap_err();
        prop_assert_eq!(refused, Refusal::Unproven);
    }

    #[test]
    fn mapping_never_panics_and_is_deterministic((provider, tail, body) in any_body()) {
        let verified = verified(provider, &tail, &body);
        if let Ok(key) = providers::ordering_key(&verified) {
            prop_assert!(key.starts_with("demo/"));
        }
        let events = providers::map(&raw(&verified));
        prop_assert_eq!(&events, &providers::map(&raw(&verified)));
        for event in events.unwrap_or_default() {
            let topic = event.event.envelope.event_type.topic();
            prop_assert_eq!(event.event.body.topic(), topic);
        }
    }

    #[test]
    fn a_changed_byte_never_verifies(
        (provider, sample) in any_sample(),
        place in any::<prop::sample::Index>(),
    ) {
        let delivery = signed(provider, sample.tail, sample.body.as_bytes());
        let key = own_key(provider);
        let mut body = delivery.body.to_vec();
        body[place.index(sample.body.len())] ^= 1;
        let covered = match provider {
            Provider::Glofox | Provider::Alocity | Provider::Gxp | Provider::Genea => true,
            // A token says who sent, not what.
            Provider::Accessgrid | Provider::Cvent => false,
        };
        let changed = Delivery { body: body.into(), ..delivery.clone() };
        prop_assert_eq!(providers::verify(changed, &[&key]).is_err(), covered);

        let headers = delivery.headers.iter().map(|(name, value)| {
            let mut value = value.to_vec();
            let place = place.index(value.len());
            value[place] ^= 1;
            (name.to_owned(), value)
        });
        let changed = Delivery { headers: headers.collect(), ..delivery.clone() };
        prop_assert!(providers::verify(changed, &[&key]).is_err());
    }

    /// Otherwise one canonical key, or the copies of one event, would spread over raw partitions.
    #[test]
    fn equal_keys_and_ids_have_equal_ordering_keys(
        bodies in prop::collection::vec(changed_sample(), 2..12),
    ) {
        let mut seen = Vec::new();
        for (delivery_id, (provider, tail, body)) in (0..).zip(bodies) {
            let verified = verified(provider, tail, &body);
            let Ok(ordering_key) = providers::ordering_key(&verified) else {
                continue;
            };
            let delivery_id = Uuid::from_u128(delivery_id);
            let raw = Raw { delivery_id, ..raw(&verified) };
            for event in providers::map(&raw).unwrap_or_default() {
                let id = event.event.envelope.event_id;
                seen.push((provider, event.key, id, ordering_key.clone()));
            }
        }
        for (i, (provider, key, id, ordering_key)) in seen.iter().enumerate() {
            for (other_provider, other_key, other_id, other_ordering_key) in &seen[..i] {
                if provider == other_provider && (key == other_key || id == other_id) {
                    prop_assert_eq!(ordering_key, other_ordering_key);
                }
            }
        }
    }
}
