//! What the events say, in both generations of `data`.

use std::collections::BTreeMap;

use events::{Account, Body, Change, Credential, CredentialRef, Person, Resource};

use super::types::Family;
use crate::json::Fields;

pub(super) fn pass(
    change: Change,
    id: Option<String>,
    mut data: Fields<'_>,
) -> (Body, BTreeMap<String, String>) {
    let [protocol, site_code, status] = data
        .within("details", |issued| {
            ["protocol", "site_code", "status"].map(|field| issued.text(field))
        })
        .unwrap_or_default();
    let devices = devices(&mut data);
    let of_first_device = |field| devices.first()?.get(field).cloned();
    let credential = CredentialRef {
        id,
        kind: (data.text("protocol"))
            .or(protocol)
            .or_else(|| of_first_device("protocol")),
        // A site code is the same on all cards of a site; the number beside it is not shown.
        facility_code: (data.text("site_code"))
            .or(site_code)
            .or_else(|| of_first_device("site_code")),
        number: None,
        status,
    };
    let person = Person {
        id: data.text("employee_id"),
        name: data.text("full_name"),
        ..Person::default()
    };
    let body = Credential {
        change,
        state: data.text("state"),
        credential: Some(credential),
        person: (person != Person::default()).then_some(person),
        ..Credential::default()
    };
    let mut attributes = data.attributes();
    for (device, number) in devices.into_iter().zip(0..) {
        let named = |(field, value)| (format!("device.{number}.{field}"), value);
        attributes.extend(device.into_iter().map(named));
    }
    (Body::Credential(body), attributes)
}

/// Reads the one device of the first generation or the many of the second.
fn devices(data: &mut Fields<'_>) -> Vec<BTreeMap<&'static str, String>> {
    let one = data.object("device");
    let many = data.list("devices").into_iter().map(Fields::from);
    one.into_iter().chain(many).map(device).collect()
}

/// Names what is shown of a device: the rest of it is what the card's chip holds.
fn device(mut device: Fields<'_>) -> BTreeMap<&'static str, String> {
    let fields = [
        ("id", device.text("id")),
        ("platform", device.text("platform")),
        ("type", device.text("type")),
        ("protocol", device.text("protocol")),
        ("site_code", device.text("site_code")),
        (
            "status",
            device.text("status").map(|status| normal(&status)),
        ),
    ];
    fields
        .into_iter()
        .filter_map(|(field, value)| Some((field, value?)))
        .collect()
}

/// Brings the spellings of a device's status into one form: the vendor's first model wrote
/// `CredentialsCreated` and misspelt `uninstalled`. A status it adds later passes.
fn normal(status: &str) -> String {
    let mut snake = String::new();
    let mut after_lower = false;
    for c in status.chars() {
        if c.is_ascii_uppercase() && after_lower {
            snake.push('_');
        }
        after_lower = c.is_ascii_lowercase();
        snake.push(c.to_ascii_lowercase());
    }
    match snake.as_str() {
        "unintstalled" => "uninstalled".to_owned(),
        _ => snake,
    }
}

pub(super) fn administration(
    change: Change,
    family: Family,
    id: Option<String>,
    mut data: Fields<'_>,
) -> (Body, BTreeMap<String, String>) {
    let resource = Resource {
        kind: family.resource().to_owned(),
        id,
        name: (data.text("name"))
            .or_else(|| data.text("webhook_name"))
            .or_else(|| data.text("organization_name")),
    };
    let body = Account {
        change,
        resource: Some(resource),
        ..Account::default()
    };
    (Body::Account(body), data.attributes())
}
