//! Genea's audit log: who changed which resource.

use events::{
    Account, Actor, Body, CanonicalTopic, Change, Credential, CredentialRef, EventType, Person,
    Resource,
};

use super::site;
use crate::json::Fields;

/// Maps an entry of the audit log by the resource that changed. The message names persons and
/// cards, so it is kept in the audit entry only, which has a field for it.
pub(super) fn map(action: &str, payload: &mut Fields<'_>) -> (EventType, Body) {
    let resource = payload.within("audit_resource", |resource| Resource {
        kind: resource.text("type").unwrap_or_default(),
        id: resource.text("uuid").or_else(|| resource.text("id")),
        name: resource.text("name"),
    });
    let resource = resource.unwrap_or_default();
    let message = payload.text("event_message");
    let site = site(payload);
    let event_type = match (resource.kind.as_str(), action) {
        ("CARD", "CREATED") => EventType::CredentialCreated,
        ("CARD", "DELETED") => EventType::CredentialDeleted,
        ("CARD", _) => EventType::CredentialUpdated,
        ("USER", "CREATED") => EventType::PersonCreated,
        ("USER", "DELETED") => EventType::PersonDeleted,
        ("USER", _) => EventType::PersonUpdated,
        (_, "CREATED") => EventType::AuditCreated,
        (_, "UPDATED") => EventType::AuditUpdated,
        (_, "DELETED") => EventType::AuditDeleted,
        _ => EventType::AuditOther,
    };
    let change = match action {
        "CREATED" => Change::Created,
        "UPDATED" => Change::Updated,
        "DELETED" => Change::Deleted,
        _ => Change::Unknown,
    };
    let body = if event_type.topic() == CanonicalTopic::Credential {
        Body::Credential(Credential {
            change,
            site,
            ..subject(resource)
        })
    } else {
        Body::Account(Account {
            change,
            resource: Some(resource).filter(|resource| *resource != Resource::default()),
            actor: actor(payload),
            site,
            message,
        })
    };
    (event_type, body)
}

/// Returns the card or the person whom the entry is about.
fn subject(Resource { kind, id, name }: Resource) -> Credential {
    let mut subject = Credential::default();
    if kind == "CARD" {
        subject.credential = Some(CredentialRef {
            id,
            number: name,
            ..CredentialRef::default()
        });
    } else {
        subject.person = Some(Person {
            id,
            name,
            ..Person::default()
        });
    }
    subject
}

fn actor(payload: &mut Fields<'_>) -> Option<Actor> {
    payload.within("actor", |actor| Actor {
        kind: actor.text("type"),
        id: actor.text("user_uuid"),
        name: actor.text("user_name"),
        email: actor.text("user_email"),
    })
}
