//! An event as a CloudEvent: headers beside the Avro value, or one JSON document.

use std::borrow::Cow;

use serde_json::json;

use crate::Event;

/// Returns the headers of the CloudEvents Kafka binding, binary mode.
///
/// The source is the path under which the console shows it, the subject is the record's key.
/// Three extensions let a consumer filter without decoding the value.
pub fn ce_headers<'a>(event: &'a Event, key: &'a str) -> [(&'static str, Cow<'a, str>); 10] {
    let envelope = &event.envelope;
    [
        ("content-type", "application/avro".into()),
        ("ce_specversion", "1.0".into()),
        ("ce_id", envelope.event_id.to_string().into()),
        ("ce_source", ce_source(event).into()),
        ("ce_type", envelope.event_type.name().into()),
        ("ce_time", envelope.occurred_at.to_string().into()),
        ("ce_subject", key.into()),
        ("ce_provider", envelope.provider.name().into()),
        ("ce_nativetype", envelope.native_type.as_str().into()),
        ("ce_tenant", envelope.tenant.as_str().into()),
    ]
}

/// Returns the structured mode (`application/cloudevents+json`), with the event's JSON as data.
pub fn cloudevent_json(event: &Event, key: &str) -> serde_json::Value {
    let envelope = &event.envelope;
    json!({
        "specversion": "1.0",
        "id": envelope.event_id,
        "source": ce_source(event),
        "type": envelope.event_type,
        "time": envelope.occurred_at,
        "subject": key,
        "datacontenttype": "application/json",
        "provider": envelope.provider,
        "nativetype": envelope.native_type,
        "tenant": envelope.tenant,
        "data": event,
    })
}

/// A source's id is a segment of ingest's paths, so it is one here without escapes.
fn ce_source(event: &Event) -> String {
    ["/sources/", &event.envelope.source].concat()
}
