//! One record of a message: mostly an invitee, at times a contact or the event itself.

use std::collections::BTreeMap;

use events::{Account, Body, Change, Credential, Entitlement, EntitlementKind, Person, Resource};

use super::types::Kind;
use crate::draft::full_name;
use crate::json::Fields;

pub(super) struct Record {
    pub(super) key: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) body: Body,
}

/// What a record can be about, and the field that names it; the first that is there wins.
const SUBJECTS: [(&str, &str); 5] = [
    ("invitee", "inviteeStub"),
    ("contact", "contactStub"),
    ("session", "sessionStub"),
    ("speaker", "speakerStub"),
    ("event", "eventStub"),
];

/// The fields that may leave the raw record as attributes.
const SHOWN: [&str; 13] = [
    "accountStub",
    "contactStub",
    "eventStub",
    "inviteeStub",
    "isGuest",
    "newContactStub",
    "oldContactStub",
    "registrationDate",
    "registrationType",
    "responseMethod",
    "sessionStub",
    "speakerStub",
    "updatedDate",
];

pub(super) fn read(kind: Kind, mut fields: Fields<'_>) -> Record {
    let attributes = shown(&mut fields);
    let person = person(&mut fields, attributes.get("contactStub").cloned());
    let event_name = fields
        .object("eventForInvitee")
        .and_then(|mut event| event.text("eventTitle"));
    let subject = SUBJECTS
        .iter()
        .find_map(|(subject, field)| Some((*subject, attributes.get(*field)?.clone())));
    let key = subject
        .as_ref()
        .map_or(String::new(), |(subject, stub)| format!("{subject}/{stub}"));
    let body = match kind {
        Kind::Registration(_, change) => Body::Credential(Credential {
            change,
            person,
            entitlement: Some(Entitlement {
                kind: EntitlementKind::Registration,
                id: attributes.get("inviteeStub").cloned(),
                name: event_name,
                attended: (change == Change::CheckedIn).then_some(true),
                ..Entitlement::default()
            }),
            ..Credential::default()
        }),
        Kind::Contact(_, change) => Body::Credential(Credential {
            change,
            person,
            ..Credential::default()
        }),
        Kind::Other | Kind::Unknown => Body::Account(Account {
            resource: subject.map(|(subject, stub)| Resource {
                kind: subject.to_owned(),
                id: Some(stub),
                name: None,
            }),
            ..Account::default()
        }),
    };
    Record {
        key,
        attributes,
        body,
    }
}

/// Takes texts and truth values; an empty text means that there is none.
fn shown(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut value = |field: &str| {
        let text = fields.text(field);
        text.or_else(|| Some(fields.flag(field)?.to_string()))
    };
    SHOWN
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), value(field)?)))
        .collect()
}

/// The substitution record spells names with underscores, the others do not.
fn person(fields: &mut Fields<'_>, id: Option<String>) -> Option<Person> {
    let mut either = |one, other| fields.text(one).or_else(|| fields.text(other));
    let first_name = either("firstName", "first_name");
    let last_name = either("lastName", "last_name");
    let person = Person {
        id,
        name: full_name(first_name, last_name),
        email: either("email", "emailAddress"),
        active: None,
    };
    (person != Person::default()).then_some(person)
}
