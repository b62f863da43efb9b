//! Two kinds of deliveries, mapped as one would by hand who knew no other: borrowed structs in, the
//! canonical record's bytes out. They are those of the product, which a test holds them to.

use std::borrow::Cow;

use events::{
    CanonicalTopic, Change, Decision, EntitlementKind, EventType, IdBasis, Origin, Provider, Time,
    TimeBasis,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A raw record, as far as these kinds need it.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    pub provider: Provider,
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub source: &'a str,
    pub tenant: &'a str,
    pub received_at: i64,
    pub body: &'a [u8],
}

/// A canonical record, ready to be written.
#[derive(Debug, PartialEq)]
pub struct Canonical {
    pub id: Uuid,
    pub topic: CanonicalTopic,
    pub key: String,
    pub headers: [(&'static str, String); 10],
    pub value: Vec<u8>,
}

/// A registration as GxP is told of it, at the path `cvent`.
#[derive(Deserialize)]
struct CheckIn<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    event_id: Cow<'a, str>,
    #[serde(borrow)]
    data: Registration<'a>,
    timestamp: Time,
}

#[derive(Deserialize)]
struct Registration<'a> {
    #[serde(borrow)]
    registration_id: Cow<'a, str>,
    #[serde(borrow)]
    attendee: Attendee<'a>,
}

#[derive(Deserialize)]
struct Attendee<'a> {
    #[serde(borrow)]
    first_name: Cow<'a, str>,
    #[serde(borrow)]
    last_name: Cow<'a, str>,
    #[serde(borrow)]
    email: Cow<'a, str>,
}

/// An entry of Alocity's access log.
#[derive(Deserialize)]
struct Wrapper<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    payload: AccessLog<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessLog<'a> {
    id: u64,
    #[serde(borrow)]
    serial_number: Cow<'a, str>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    facility_code: u64,
    card_number: u64,
    result_type: u64,
    created_at: &'a str,
}

/// What differs between the two before their bodies.
struct Envelope<'a> {
    event_type: EventType,
    native_type: &'a str,
    native_id: &'a str,
    /// The key without its source.
    entity: &'a str,
    namespace: &'a str,
    occurred_at: Time,
}

/// Maps a granted access of Alocity or a check-in of GxP.
pub fn map(raw: &Raw<'_>, schema_id: impl Fn(CanonicalTopic) -> i32) -> Canonical {
    let mut datum = Datum(Vec::with_capacity(512));
    datum.0.push(0);
    if raw.provider == Provider::Alocity {
        let Wrapper { event, payload } = serde_json::from_slice(raw.body).unwrap();
        let topic = CanonicalTopic::Access;
        datum.0.extend(schema_id(topic).to_be_bytes());
        let entity = ["device/", &payload.serial_number].concat();
        let at: jiff::civil::DateTime = payload.created_at.parse().unwrap();
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let envelope = Envelope {
            event_type: EventType::AccessGranted,
            native_type: &event,
            native_id: &payload.id.to_string(),
            namespace: &[&event, "/", &entity].concat(),
            entity: &entity,
            occurred_at: at.timestamp().into(),
        };
        let id = datum.envelope(raw, &envelope);
        datum.long(1);
        datum.text("resultType");
        datum.text(&payload.result_type.to_string());
        datum.long(0);
        datum.access(&payload);
        return envelope.record(raw, id, topic, datum.0);
    }
    let checked_in: CheckIn<'_> = serde_json::from_slice(raw.body).unwrap();
    let topic = CanonicalTopic::Credential;
    datum.0.extend(schema_id(topic).to_be_bytes());
    let entity = ["registration/", &checked_in.data.registration_id].concat();
    let envelope = Envelope {
        event_type: EventType::EntitlementCheckedIn,
        native_type: &checked_in.event_type,
        native_id: &checked_in.event_id,
        namespace: &entity,
        entity: &entity,
        occurred_at: checked_in.timestamp,
    };
    let id = datum.envelope(raw, &envelope);
    datum.long(0);
    datum.check_in(&checked_in.data);
    envelope.record(raw, id, topic, datum.0)
}

impl Envelope<'_> {
    fn id(&self, raw: &Raw<'_>) -> Uuid {
        let mut hash = Sha256::new();
        for part in [
            raw.provider.name().as_bytes(),
            raw.source.as_bytes(),
            b"provider",
            self.namespace.as_bytes(),
            self.native_id.as_bytes(),
            &0_i32.to_be_bytes(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        Uuid::new_v8(*digest.first_chunk().unwrap())
    }

    fn record(&self, raw: &Raw<'_>, id: Uuid, topic: CanonicalTopic, value: Vec<u8>) -> Canonical {
        let key = [raw.source, "/", self.entity].concat();
        let headers = [
            ("content-type", "application/avro".to_owned()),
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", id.to_string()),
            ("ce_source", ["/sources/", raw.source].concat()),
            ("ce_type", self.event_type.name().to_owned()),
            ("ce_time", self.occurred_at.to_string()),
            ("ce_subject", key.clone()),
            ("ce_provider", raw.provider.name().to_owned()),
            ("ce_nativetype", self.native_type.to_owned()),
            ("ce_tenant", raw.tenant.to_owned()),
        ];
        Canonical {
            id,
            topic,
            key,
            headers,
            value,
        }
    }
}

/// Avro, in the order of the schema's fields.
struct Datum(Vec<u8>);

impl Datum {
    fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    fn text(&mut self, text: &str) {
        self.long(text.len() as i64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn some(&mut self, text: &str) {
        self.0.push(2);
        self.text(text);
    }

    /// Nulls, or the first symbols of enums.
    fn zeros<const N: usize>(&mut self) {
        self.0.extend([0; N]);
    }

    /// Writes all but the attributes.
    fn envelope(&mut self, raw: &Raw<'_>, envelope: &Envelope<'_>) -> Uuid {
        let id = envelope.id(raw);
        self.text(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        self.text(envelope.event_type.name());
        self.text(raw.provider.name());
        self.text(raw.source);
        self.text(raw.tenant);
        self.some(envelope.native_id);
        self.long(IdBasis::Provider as i64);
        self.text(envelope.native_type);
        self.long(envelope.occurred_at.micros());
        self.long(TimeBasis::Payload as i64);
        self.long(raw.received_at);
        self.long(Origin::Live as i64);
        self.long(1);
        self.text(raw.topic);
        self.long(raw.partition.into());
        self.long(raw.offset);
        self.long(0);
        id
    }

    fn access(&mut self, log: &AccessLog<'_>) {
        let serial = &*log.serial_number;
        self.long(Decision::Granted as i64);
        self.zeros::<2>();
        // The portal.
        self.some(serial);
        self.zeros::<3>();
        // The device.
        self.some(serial);
        self.zeros::<1>();
        self.some(serial);
        self.zeros::<2>();
        // No site.
        self.zeros::<1>();
        // The person.
        self.long(1);
        self.some(&log.user_id);
        self.zeros::<3>();
        // The card.
        self.long(1);
        self.zeros::<2>();
        self.some(&log.card_number.to_string());
        self.some(&log.facility_code.to_string());
        self.zeros::<1>();
    }

    fn check_in(
        &mut self,
        Registration {
            registration_id,
            attendee,
        }: &Registration<'_>,
    ) {
        let Attendee {
            first_name,
            last_name,
            email,
        } = attendee;
        self.long(Change::CheckedIn as i64);
        self.zeros::<2>();
        // The person.
        self.long(1);
        self.zeros::<1>();
        self.some(&[first_name, " ", last_name].concat());
        self.some(email);
        self.zeros::<1>();
        // The entitlement.
        self.long(1);
        self.long(EntitlementKind::Registration as i64);
        self.some(registration_id);
        self.zeros::<4>();
        self.long(1);
        self.0.push(1);
        // No site.
        self.zeros::<1>();
    }
}

#[cfg(test)]
mod tests {
    use events::{RawPosition, schema, wire};

    use super::*;

    #[test]
    fn what_it_writes_is_what_the_product_writes() {
        let check_in = (Provider::Gxp, "cvent.attendee.checked_in", "cvent");
        let access = (Provider::Alocity, "accesslog-granted", "");
        for (provider, name, tail) in [check_in, access] {
            let samples = providers::samples(provider);
            let sample = samples.iter().find(|sample| sample.name == name).unwrap();
            let received_at = 1_767_225_600_123_456;
            let raw = providers::Raw {
                provider,
                source: "hq",
                tenant: "acme",
                delivery_id: Uuid::nil(),
                received_at: Time::from_micros(received_at).unwrap(),
                signed_at: None,
                tail,
                decision: None,
                position: RawPosition {
                    topic: "raw".to_owned(),
                    partition: 7,
                    offset: 123_456,
                    index: 0,
                },
                body: sample.body.as_bytes(),
            };
            let [mapped] = providers::map(&raw).unwrap().try_into().unwrap();
            let schema_id = |topic| schema::current(topic).id;
            let topic = mapped.event.body.topic();
            let headers = wire::ce_headers(&mapped.event, &mapped.key);
            let products = Canonical {
                id: mapped.event.envelope.event_id,
                topic,
                key: mapped.key.clone(),
                headers: headers.map(|(name, value)| (name, value.into_owned())),
                value: wire::encode(&mapped.event, schema_id(topic)).unwrap(),
            };
            let lean = Raw {
                provider,
                topic: "raw",
                partition: 7,
                offset: 123_456,
                source: "hq",
                tenant: "acme",
                received_at,
                body: sample.body.as_bytes(),
            };
            assert_eq!(map(&lean, schema_id), products, "{name}");
        }
    }
}
