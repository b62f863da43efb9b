//! ABC Glofox: members, bookings and memberships of gyms; no access decisions.
//!
//! Open questions, and what is assumed:
//! - What is signed is not defined: the raw body, with the secret as text.
//! - The header's name: `signature` by the documents, `x-glofox-signature` and `x-signature` have
//!   been seen; the first of them that came counts, and none beside it.
//! - Names of fields differ in case from event to event: case is ignored.
//! - The types of e-agreements are listed with a trailing comma: it is no part of the type.
//! - Whether a retry repeats its `trace_id`, and whether two events can share one: it does; and they
//!   may, so that type and entity count as well.
//! - An access event may hold a barcode and a fob: both are meant, each is an event.
//! - `MEMBER_DELETED` and the like are not documented: they mean what they say.

mod entitlement;

use events::{
    Account, Body, Change, Credential, CredentialRef, EventType, Person, Resource, Site, Time,
};
use serde_json::json;

use crate::delivery::{Delivery, Headers, Proof, Refusal, prove};
use crate::draft::{Draft, Identity, Reason, Unmappable, full_name, key_of};
use crate::json::{Fields, NotJson};
use crate::{Answer, Key, Outcome, Raw};

const SIGNATURES: [&str; 3] = ["signature", "x-glofox-signature", "x-signature"];

pub(crate) fn verify(delivery: &Delivery, live_keys: &[&Key]) -> Result<Proof, Refusal> {
    let headers = &delivery.headers;
    let came = SIGNATURES.iter().find(|name| headers.contains(name));
    let given = came
        .and_then(|name| headers.only(name))
        .and_then(|given| hex::decode(given).ok())
        .ok_or(Refusal::Unproven)?;
    prove("hmac-sha256-hex", None, live_keys, |key| {
        key.fits_mac(&[&delivery.body], &given)
    })
}

pub(crate) fn sign(key: &Key, body: &[u8]) -> Headers {
    Headers::from_iter([(SIGNATURES[0], hex::encode(key.mac(&[body])))])
}

/// Parses a body; what is no object has no fields.
fn parse(body: &[u8]) -> Result<Fields<'_>, NotJson> {
    Ok(Fields::parse(body)?.lower_cased())
}

/// The last word of a type.
#[derive(Clone, Copy)]
enum Verb {
    Created,
    Updated,
    Deleted,
}

impl Verb {
    fn change(self) -> Change {
        match self {
            Self::Created => Change::Created,
            Self::Updated => Change::Updated,
            Self::Deleted => Change::Deleted,
        }
    }
}

/// Takes a type apart: `BOOKING` and created.
fn type_parts(native_type: &str) -> (String, Option<Verb>) {
    let upper = native_type.to_ascii_uppercase();
    let (domain, verb) = upper.rsplit_once('_').unwrap_or((&upper, ""));
    let verb = match verb {
        "CREATED" => Some(Verb::Created),
        "UPDATED" => Some(Verb::Updated),
        "DELETED" => Some(Verb::Deleted),
        _ => None,
    };
    (domain.to_owned(), verb)
}

struct Envelope {
    /// As it came, without a trailing comma.
    native_type: String,
    location_id: Option<String>,
    trace_id: Option<String>,
    occurred_at: Option<Time>,
}

impl Envelope {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Unmappable> {
        let native_type = native_type(fields).ok_or_else(|| unknown_envelope("type"))?;
        fields.discard(&["type"]);
        let ids = fields.within("metadata", |metadata| {
            (metadata.text("location_id"), metadata.text("trace_id"))
        });
        let (location_id, trace_id) = ids.unwrap_or_default();
        Ok(Self {
            native_type,
            location_id,
            trace_id,
            occurred_at: fields.time("timestamp"),
        })
    }
}

fn native_type(envelope: &Fields<'_>) -> Option<String> {
    let text = envelope.text_at(&["type"])?;
    let native_type = text.trim_end_matches([',', ' ']);
    (!native_type.is_empty()).then(|| native_type.to_owned())
}

pub(crate) fn ordering_key(delivery: &Delivery) -> Result<String, Refusal> {
    let envelope = parse(&delivery.body)?;
    Ok(key_of(&delivery.source, &entity(&envelope)))
}

/// Returns what an event is ordered by: the member where it is about one, else the booking,
/// membership and so on, which Glofox changes one at a time. No such id: the source.
fn entity(envelope: &Fields<'_>) -> String {
    let (domain, _) = type_parts(&native_type(envelope).unwrap_or_default());
    let (kind, id) = match domain.as_str() {
        "MEMBER_ACCESS_INFO" | "EAGREEMENT" => ("user", "user_id"),
        "MEMBER" => ("user", "id"),
        domain => (domain, "id"),
    };
    let id = envelope.text_at(&["payload", id]);
    id.map_or_else(String::new, |id| {
        format!("{}/{id}", kind.to_ascii_lowercase())
    })
}

/// The trace id is the event's; `id` in the payload is the booking's and comes again with each of
/// its changes. Type and entity stand beside it, so that equal ids have equal ordering keys.
/// Without a trace id, a body that names its time is told from others by its content.
fn identity(envelope: &Envelope, entity: &str, body: &[u8]) -> Identity {
    let native_type = &envelope.native_type;
    let location_id = envelope.location_id.as_deref().unwrap_or_default();
    match (&envelope.trace_id, envelope.occurred_at) {
        (Some(id), _) => Identity::Provider {
            namespace: format!("{location_id}/{native_type}/{entity}"),
            id: id.clone(),
        },
        (None, Some(_)) => Identity::Derived(vec![body.to_vec()]),
        (None, None) => Identity::Delivery,
    }
}

pub(crate) fn map(raw: &Raw<'_>) -> Result<Vec<Draft>, Unmappable> {
    let mut fields = parse(raw.body)?;
    let key = entity(&fields);
    let payload = fields.object("payload");
    let mut payload = payload.ok_or_else(|| unknown_envelope("payload"))?;
    let envelope = Envelope::read(&mut fields)?;
    let identity = identity(&envelope, &key, raw.body);
    let Envelope {
        native_type,
        location_id,
        trace_id: _,
        occurred_at,
    } = envelope;
    let site = location_id.map(|id| Site {
        id: Some(id),
        ..Site::default()
    });
    let (event_type, bodies) = event(&native_type, &mut payload, site);
    let mut attributes = payload.attributes();
    attributes.extend(fields.attributes());
    let draft = |body| Draft {
        event_type,
        native_type: native_type.clone(),
        identity: identity.clone(),
        occurred_at,
        key: key.clone(),
        attributes: attributes.clone(),
        body,
    };
    Ok(bodies.into_iter().map(draft).collect())
}

fn unknown_envelope(field: &str) -> Unmappable {
    Unmappable {
        reason: Reason::UnknownEnvelope,
        detail: format!("`{field}` is missing"),
    }
}

/// Maps a delivery; only a member with barcode and fob has more than one body.
fn event(
    native_type: &str,
    payload: &mut Fields<'_>,
    site: Option<Site>,
) -> (EventType, Vec<Body>) {
    let (domain, verb) = type_parts(native_type);
    if domain == "PUSH_NOTIFICATION" {
        // A letter to persons: its text is nobody else's.
        payload.discard(&["notification", "to"]);
    }
    let (event_type, body) = match verb {
        Some(verb) if domain == "MEMBER_ACCESS_INFO" => return access_info(verb, payload, site),
        Some(verb) => changed(&domain, verb, payload, site),
        None => account(&domain, None, payload, site),
    };
    (event_type, vec![body])
}

fn changed(
    domain: &str,
    verb: Verb,
    payload: &mut Fields<'_>,
    site: Option<Site>,
) -> (EventType, Body) {
    match domain {
        "MEMBER" => member(verb, payload, site),
        "BOOKING" => entitlement::map(verb, entitlement::booking(payload), payload, site),
        "COURSE_BOOKING" => {
            entitlement::map(verb, entitlement::course_booking(payload), payload, site)
        }
        "MEMBERSHIP" => entitlement::map(verb, entitlement::membership(payload), payload, site),
        "SERVICE" => entitlement::map(verb, entitlement::service(payload), payload, site),
        "EVENT" | "EAGREEMENT" | "INVOICE" | "PUSH_NOTIFICATION" => {
            account(domain, Some(verb), payload, site)
        }
        _ => account(domain, None, payload, site),
    }
}

/// A member's barcode, then the fob: each is a credential of its own. Without any, the member alone.
fn access_info(verb: Verb, payload: &mut Fields<'_>, site: Option<Site>) -> (EventType, Vec<Body>) {
    let event_type = match verb {
        Verb::Created => EventType::CredentialCreated,
        Verb::Updated => EventType::CredentialUpdated,
        Verb::Deleted => EventType::CredentialDeleted,
    };
    let numbers = payload.within("identifiers", |identifiers| {
        [("barcode", "barcode"), ("fob", "fob_id")]
            .map(|(kind, field)| Some((kind, identifiers.text(field)?)))
    });
    let credentials = numbers.into_iter().flatten().flatten();
    let mut credentials: Vec<_> = credentials.map(credential).map(Some).collect();
    if credentials.is_empty() {
        credentials.push(None);
    }
    let person = person(payload);
    let body = |credential| {
        Body::Credential(Credential {
            change: verb.change(),
            credential,
            person: person.clone(),
            site: site.clone(),
            ..Credential::default()
        })
    };
    (event_type, credentials.into_iter().map(body).collect())
}

fn credential((kind, number): (&str, String)) -> CredentialRef {
    CredentialRef {
        kind: Some(kind.to_owned()),
        number: Some(number),
        ..CredentialRef::default()
    }
}

/// A member or a lead. A member who leaves is updated to `active: false`.
fn member(verb: Verb, payload: &mut Fields<'_>, site: Option<Site>) -> (EventType, Body) {
    let event_type = match verb {
        Verb::Created => EventType::PersonCreated,
        Verb::Updated => EventType::PersonUpdated,
        Verb::Deleted => EventType::PersonDeleted,
    };
    let body = Credential {
        change: verb.change(),
        person: Some(Person {
            id: payload.text("id"),
            name: full_name(payload.text("first_name"), payload.text("last_name")),
            email: payload.text("email"),
            active: payload.flag("active"),
        }),
        site,
        ..Credential::default()
    };
    (event_type, Body::Credential(body))
}

fn person(payload: &mut Fields<'_>) -> Option<Person> {
    let id = payload.text("user_id")?;
    Some(Person {
        id: Some(id),
        ..Person::default()
    })
}

/// What fits nowhere else, or, without a verb, what is not known.
fn account(
    domain: &str,
    verb: Option<Verb>,
    payload: &mut Fields<'_>,
    site: Option<Site>,
) -> (EventType, Body) {
    let body = Account {
        change: verb.map(Verb::change).unwrap_or_default(),
        resource: Some(Resource {
            kind: domain.to_ascii_lowercase(),
            id: payload.text("id").or_else(|| payload.text("resource_id")),
            name: payload.text("name"),
        }),
        site,
        ..Account::default()
    };
    let event_type = match verb {
        Some(_) => EventType::AccountOther,
        None => EventType::AccountUnknown,
    };
    (event_type, Body::Account(body))
}

pub(crate) fn answer(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Accepted => Answer::json(200, &json!({ "status": "accepted" })),
        Outcome::Unauthenticated
        | Outcome::Malformed { .. }
        | Outcome::TooLarge
        | Outcome::UnsupportedEncoding
        | Outcome::RateLimited { .. }
        | Outcome::Unavailable { .. } => outcome.plain(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_type_has_its_event_type() {
        let table = [
            ("MEMBER_ACCESS_INFO_CREATED", EventType::CredentialCreated),
            ("MEMBER_ACCESS_INFO_UPDATED", EventType::CredentialUpdated),
            ("MEMBER_CREATED", EventType::PersonCreated),
            ("MEMBER_UPDATED", EventType::PersonUpdated),
            ("BOOKING_CREATED", EventType::EntitlementCreated),
            ("BOOKING_UPDATED", EventType::EntitlementUpdated),
            ("BOOKING_DELETED", EventType::EntitlementCancelled),
            ("COURSE_BOOKING_CREATED", EventType::EntitlementCreated),
            ("COURSE_BOOKING_DELETED", EventType::EntitlementCancelled),
            ("MEMBERSHIP_CREATED", EventType::EntitlementCreated),
            ("MEMBERSHIP_UPDATED", EventType::EntitlementUpdated),
            ("MEMBERSHIP_DELETED", EventType::EntitlementCancelled),
            ("SERVICE_CREATED", EventType::EntitlementCreated),
            ("SERVICE_UPDATED", EventType::EntitlementUpdated),
            ("SERVICE_DELETED", EventType::EntitlementCancelled),
            ("EVENT_CREATED", EventType::AccountOther),
            ("EVENT_UPDATED", EventType::AccountOther),
            ("EVENT_DELETED", EventType::AccountOther),
            ("EAGREEMENT_CREATED", EventType::AccountOther),
            ("EAGREEMENT_UPDATED", EventType::AccountOther),
            ("INVOICE_UPDATED", EventType::AccountOther),
            ("PUSH_NOTIFICATION_CREATED", EventType::AccountOther),
            ("BOOKING_MOVED", EventType::AccountUnknown),
            ("LOCKER_CREATED", EventType::AccountUnknown),
            ("PING", EventType::AccountUnknown),
        ];
        for (native_type, event_type) in table {
            let (found, bodies) = event(native_type, &mut Fields::default(), None);
            assert_eq!(found, event_type, "{native_type}");
            assert_eq!(bodies.len(), 1, "{native_type}");
            assert_eq!(bodies[0].topic(), event_type.topic(), "{native_type}");
        }
    }
}
