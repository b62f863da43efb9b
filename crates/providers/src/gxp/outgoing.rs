//! What GxP sends out: `{id, event, timestamp, project_id, data}`.

use events::{
    Access, Account, Body, Change, Credential, CredentialRef, Decision, DenyReason, DeviceRef,
    EventType, Person, Portal, Resource, Time,
};

use super::person;
use crate::draft::{Draft, Identity, Reason, Unmappable};
use crate::json::Fields;

pub(super) struct Outgoing<'a> {
    id: Option<String>,
    event: Option<String>,
    project_id: Option<String>,
    timestamp: Option<Time>,
    data: Fields<'a>,
    rest: Fields<'a>,
}

/// What the names of GxP's events stand for.
enum Kind {
    Attendee(EventType, Change),
    Access(EventType, Decision),
    Credential(EventType, Change),
    FormResponse(Change),
    Unknown,
}

impl Kind {
    fn of(event: &str) -> Self {
        match event {
            "attendee.created" => Self::Attendee(EventType::PersonCreated, Change::Created),
            "attendee.updated" => Self::Attendee(EventType::PersonUpdated, Change::Updated),
            "attendee.deleted" => Self::Attendee(EventType::PersonDeleted, Change::Deleted),
            "access.granted" => Self::Access(EventType::AccessGranted, Decision::Granted),
            "access.denied" => Self::Access(EventType::AccessDenied, Decision::Denied),
            "credential.created" => Self::Credential(EventType::CredentialCreated, Change::Created),
            "credential.revoked" => Self::Credential(EventType::CredentialRevoked, Change::Revoked),
            "form.response.created" => Self::FormResponse(Change::Created),
            "form.response.updated" => Self::FormResponse(Change::Updated),
            _ => Self::Unknown,
        }
    }
}

impl<'a> Outgoing<'a> {
    pub(super) fn read(mut fields: Fields<'a>) -> Self {
        Self {
            id: fields.text("id"),
            event: fields.text("event"),
            project_id: fields.text("project_id"),
            timestamp: fields.time("timestamp"),
            data: fields.object("data").unwrap_or_default(),
            rest: fields,
        }
    }

    pub(super) fn draft(self) -> Result<Draft, Unmappable> {
        let Self {
            id: Some(id),
            event: Some(native_type),
            project_id,
            timestamp,
            mut data,
            rest,
        } = self
        else {
            return Err(Unmappable {
                reason: Reason::UnknownEnvelope,
                detail: "neither a documented path nor `id` and `event`".to_owned(),
            });
        };
        let (event_type, entity, body) = match Kind::of(&native_type) {
            Kind::Attendee(event_type, change) => attendee(event_type, change, &mut data),
            Kind::Access(event_type, decision) => access(event_type, decision, &mut data),
            Kind::Credential(event_type, change) => credential(event_type, change, &mut data),
            Kind::FormResponse(change) => form_response(change, &mut data),
            Kind::Unknown => (
                EventType::AccountUnknown,
                "account".to_owned(),
                Body::Account(Account::default()),
            ),
        };
        let project = project_id.clone().unwrap_or_default();
        let mut attributes = data.attributes();
        attributes.extend(rest.attributes());
        attributes.extend(project_id.map(|id| ("project_id".to_owned(), id)));
        Ok(Draft {
            event_type,
            native_type,
            identity: Identity::Provider {
                namespace: "outgoing".to_owned(),
                id,
            },
            occurred_at: timestamp,
            key: format!("project/{project}/{entity}"),
            attributes,
            body,
        })
    }
}

fn attendee(
    event_type: EventType,
    change: Change,
    data: &mut Fields<'_>,
) -> (EventType, String, Body) {
    let person = data
        .within("attendee", attendee_person)
        .unwrap_or_else(|| attendee_person(data));
    let id = person.as_ref().and_then(|person| person.id.as_deref());
    let entity = entity("attendee", id);
    let body = Credential {
        change,
        person,
        ..Credential::default()
    };
    (event_type, entity, Body::Credential(body))
}

fn access(
    event_type: EventType,
    decision: Decision,
    data: &mut Fields<'_>,
) -> (EventType, String, Body) {
    let reader_id = data.text("reader_id");
    let access = Access {
        decision,
        deny_reason: (decision == Decision::Denied).then_some(DenyReason::Other),
        deny_reason_raw: data.text("reason"),
        portal: reader_id.clone().map(|id| Portal {
            id,
            ..Portal::default()
        }),
        device: reader_id.clone().map(|id| DeviceRef {
            id,
            ..DeviceRef::default()
        }),
        person: data.within("attendee", attendee_person).flatten(),
        credential: data.text("credential_value").map(|number| CredentialRef {
            kind: data.text("scan_type"),
            number: Some(number),
            ..CredentialRef::default()
        }),
        ..Access::default()
    };
    let entity = entity("reader", reader_id.as_deref());
    (event_type, entity, Body::Access(access))
}

fn credential(
    event_type: EventType,
    change: Change,
    data: &mut Fields<'_>,
) -> (EventType, String, Body) {
    let credential = CredentialRef {
        id: data.text("id"),
        kind: data.text("type"),
        number: data.text("credential_value"),
        status: data.text("status"),
        ..CredentialRef::default()
    };
    let entity = entity("credential", credential.id.as_deref());
    let body = Credential {
        change,
        person: data.within("attendee", attendee_person).flatten(),
        credential: Some(credential),
        ..Credential::default()
    };
    (event_type, entity, Body::Credential(body))
}

fn form_response(change: Change, data: &mut Fields<'_>) -> (EventType, String, Body) {
    let id = data.text("id");
    // The answers are the form's own fields, and may say anything of a person.
    data.keep(&["form_id"]);
    let entity = entity("form_response", id.as_deref());
    let body = Account {
        change,
        resource: Some(Resource {
            kind: "form_response".to_owned(),
            id,
            name: None,
        }),
        ..Account::default()
    };
    (EventType::AccountOther, entity, Body::Account(body))
}

fn attendee_person(fields: &mut Fields<'_>) -> Option<Person> {
    let id = fields.text("id").or_else(|| fields.text("external_id"));
    person(fields, id)
}

/// Where the data does not say which, all of the kind share one key.
fn entity(kind: &str, id: Option<&str>) -> String {
    format!("{kind}/{}", id.unwrap_or_default())
}
