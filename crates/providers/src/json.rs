//! Tolerant reading of JSON bodies: what has an unexpected type is absent, never an error.

use std::borrow::Cow;
use std::collections::BTreeMap;

use events::Time;
use serde_json::{Map, Value};

use crate::{Reason, Refusal, Unmappable};

/// Names of fields, in lower case and without separators, which no attribute shows at any depth:
/// what names or reaches a person, and what would open a door. The list knows what the providers
/// are known to send; a field with any other name passes, and with it whatever it holds.
const WITHHELD: [&str; 31] = [
    "accesstoken",
    "address",
    "appleuserid",
    "barcode",
    "birth",
    "birthdate",
    "cardnumber",
    "contactemail",
    "credentialvalue",
    "dateofbirth",
    "email",
    "emailaddress",
    "emergencycontact",
    "filedata",
    "firstname",
    "fobid",
    "fullname",
    "gender",
    "imageurl",
    "lastname",
    "password",
    "phone",
    "phonenumber",
    "pin",
    "secret",
    "tagid",
    "taxid",
    "token",
    "useravatarurl",
    "useremail",
    "username",
];

/// No name among them is longer.
const WITHHELD_BYTES_MAX: usize = 16;

/// A body that is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

impl From<NotJson> for Unmappable {
    fn from(_: NotJson) -> Self {
        Self {
            reason: Reason::NotJson,
            detail: "body is not JSON".to_owned(),
        }
    }
}

impl From<NotJson> for Refusal {
    fn from(_: NotJson) -> Self {
        Self::Malformed {
            field: "body",
            reason: "not JSON",
        }
    }
}

/// Parses a body. NUL characters, which Glofox is known to send, are skipped here and nowhere else:
/// the proof covers them. Nesting deeper than 128 is not JSON.
pub(crate) fn parse(body: &[u8]) -> Result<Value, NotJson> {
    serde_json::from_slice(&without_nul(body)).map_err(|_| NotJson)
}

/// Tells whether a body is JSON by the grammar of RFC 8259, but holds what cannot be read here: half
/// a surrogate pair, as JavaScript cuts emoji, a number beyond all floats, or very deep nesting.
pub(crate) fn is_lawful_but_unreadable(body: &[u8]) -> bool {
    let body = without_nul(body);
    let lawful = std::str::from_utf8(&body)
        .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    lawful && serde_json::from_slice::<Value>(&body).is_err()
}

fn without_nul(body: &[u8]) -> Cow<'_, [u8]> {
    if body.contains(&0) {
        Cow::Owned(body.iter().copied().filter(|byte| *byte != 0).collect())
    } else {
        Cow::Borrowed(body)
    }
}

/// The fields of an object that are not read yet. Each reader takes its field out if it has the
/// type asked for; what is left at the end becomes attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

/// Anything but an object has no fields.
impl From<Value> for Fields {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(fields) => Self(fields),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Self::default(),
        }
    }
}

impl Fields {
    /// Parses a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, NotJson> {
        parse(body).map(Self::from)
    }

    /// Turns all names into lower case, at every depth.
    pub(crate) fn lower_cased(self) -> Self {
        Self(lower_cased(self.0))
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Reads a text without taking it, at the end of a path of names; an array counts as its first
    /// element.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<String> {
        let (first, rest) = path.split_first()?;
        let mut value = self.0.get(*first)?;
        for name in rest {
            value = value.get(0).unwrap_or(value).get(name)?;
        }
        text_of(value)
    }

    /// Takes a string that is not empty, or a whole number as text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, text_of)
    }

    /// Takes a truth value.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name, Value::as_bool)
    }

    /// Takes an RFC 3339 time.
    pub(crate) fn time(&mut self, name: &str) -> Option<Time> {
        self.take(name, |value| value.as_str()?.parse().ok())
    }

    /// Takes a time of a provider whose times are UTC even where no offset says so.
    pub(crate) fn time_utc(&mut self, name: &str) -> Option<Time> {
        self.time(name).or_else(|| {
            self.take(name, |value| {
                let at: jiff::civil::DateTime = value.as_str()?.parse().ok()?;
                let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
                Some(at.timestamp().into())
            })
        })
    }

    /// Takes an array; there is none where the field is absent or no array.
    pub(crate) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.remove_if(name, Value::is_array) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        }
    }

    /// Takes an object for good: what is not read of it does not become an attribute.
    pub(crate) fn object(&mut self, name: &str) -> Option<Self> {
        self.remove_if(name, Value::is_object).map(Self::from)
    }

    /// Reads within an object; what is not read of it stays here.
    pub(crate) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let mut inner = self.object(name)?;
        let read = read(&mut inner);
        if !inner.0.is_empty() {
            self.0.insert(name.to_owned(), Value::Object(inner.0));
        }
        Some(read)
    }

    /// Puts the first element in the place of an array.
    pub(crate) fn first_of(&mut self, name: &str) {
        if let Some(Value::Array(elements)) = self.0.get_mut(name) {
            let first = elements.drain(..).next().unwrap_or_default();
            self.0.insert(name.to_owned(), first);
        }
    }

    /// Drops fields on purpose.
    pub(crate) fn discard(&mut self, names: &[&str]) {
        self.0.retain(|name, _| !names.contains(&name.as_str()));
    }

    /// Drops all other fields.
    pub(crate) fn keep(&mut self, names: &[&str]) {
        self.0.retain(|name, _| names.contains(&name.as_str()));
    }

    /// Turns what is left into attributes: texts as they are, all else as compact JSON. Nulls,
    /// empty values and withheld fields are left out, at every depth.
    pub(crate) fn attributes(self) -> BTreeMap<String, String> {
        let kept = self.0.into_iter().filter_map(|(name, mut value)| {
            if !presentable(&name, &mut value) {
                return None;
            }
            let text = match value {
                Value::String(text) => text,
                value => value.to_string(),
            };
            Some((name, text))
        });
        kept.collect()
    }

    fn remove_if(&mut self, name: &str, fits: fn(&Value) -> bool) -> Option<Value> {
        if fits(self.0.get(name)?) {
            self.0.remove(name)
        } else {
            None
        }
    }

    /// Takes a field out if `read` finds in it what it looks for.
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let read = read(self.0.get(name)?)?;
        self.0.remove(name);
        Some(read)
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.replace('\0', "")).filter(|text| !text.is_empty()),
        // Rounded: two large ids would become one.
        Value::Number(number) if number.is_f64() => None,
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn lower_cased(fields: Map<String, Value>) -> Map<String, Value> {
    fn value_lower_cased(value: Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(lower_cased(fields)),
            Value::Array(values) => values.into_iter().map(value_lower_cased).collect(),
            plain => plain,
        }
    }
    fields
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value_lower_cased(value)))
        .collect()
}

/// Takes out of a field what may not be shown; tells whether anything is left.
fn presentable(name: &str, value: &mut Value) -> bool {
    if withheld(name) {
        return false;
    }
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
        Value::Array(values) => {
            values.retain_mut(|value| presentable("", value));
            !values.is_empty()
        }
        Value::Object(fields) => {
            fields.retain(|name, value| presentable(name, value));
            !fields.is_empty()
        }
    }
}

/// Tells whether a name is one of [`WITHHELD`], without allocating: each field of a body is asked.
fn withheld(name: &str) -> bool {
    let mut plain_name = [0; WITHHELD_BYTES_MAX];
    let mut length = 0;
    for c in name.chars().filter(|c| c.is_alphanumeric()) {
        let (Ok(byte), true) = (u8::try_from(c), length < WITHHELD_BYTES_MAX) else {
            return false;
        };
        plain_name[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain_name = &plain_name[..length];
    let found = WITHHELD.binary_search_by(|withheld| withheld.as_bytes().cmp(plain_name));
    found.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn nul_characters_are_skipped() {
        let mut fields = fields("{\"a\":\"x\0y\",\0\"b\":\"\\u0000z\"}");
        assert_eq!(fields.text("a").unwrap(), "xy");
        assert_eq!(fields.text("b").unwrap(), "z");
    }

    #[test]
    fn what_is_no_json_is_told_apart_from_what_is_no_object() {
        assert_eq!(parse(b"{\"a\":1").unwrap_err(), NotJson);
        assert_eq!(parse(b"{\"a\":\"\xff\"}").unwrap_err(), NotJson);
        assert_eq!(parse(b"").unwrap_err(), NotJson);
        assert_eq!(parse("[".repeat(200).as_bytes()).unwrap_err(), NotJson);
        assert!(Fields::parse(b"[1]").unwrap().attributes().is_empty());
    }

    #[test]
    fn a_field_of_another_type_is_absent_and_kept() {
        let mut fields = fields(r#"{"n":7,"b":"yes","t":"tomorrow","o":[1]}"#);
        assert_eq!(fields.text("n").as_deref(), Some("7"));
        assert_eq!(fields.flag("b"), None);
        assert_eq!(fields.time("t"), None);
        assert!(fields.object("o").is_none());
        let left: Vec<_> = fields.attributes().into_iter().collect();
        let expected = [("b", "yes"), ("o", "[1]"), ("t", "tomorrow")];
        assert_eq!(left, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn a_number_that_is_rounded_names_nothing() {
        let mut fields = fields(
            r#"{"whole":18446744073709551615,"large":18446744073709551616,"part":1.5,"power":1e3}"#,
        );
        assert_eq!(fields.text("whole").unwrap(), "18446744073709551615");
        for name in ["large", "part", "power"] {
            assert_eq!(fields.text(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_not_read_within_an_object_becomes_an_attribute() {
        let mut fields = fields(r#"{"actor":{"id":"1","role":"ADMIN"},"all":{"on":true}}"#);
        assert_eq!(
            fields.within("actor", |actor| actor.text("id")),
            Some(Some("1".into()))
        );
        assert_eq!(fields.within("all", |all| all.flag("on")), Some(Some(true)));
        let expected = BTreeMap::from([("actor".to_owned(), r#"{"role":"ADMIN"}"#.to_owned())]);
        assert_eq!(fields.attributes(), expected);
    }

    #[test]
    fn names_and_secrets_are_withheld_at_every_depth() {
        let fields = fields(
            r#"{"firstName":"A","x":{"user_email":"a@b","list":[{"file_data":"00","barcode":"1","Fob-Id":2}]},"e":"","z":null}"#,
        );
        assert!(fields.attributes().is_empty());
    }

    #[test]
    fn every_withheld_name_is_found_however_it_is_spelt() {
        assert!(WITHHELD.is_sorted());
        for name in WITHHELD {
            assert!(withheld(name), "{name}");
            assert!(
                withheld(&format!("_{}", name.to_ascii_uppercase())),
                "{name}"
            );
            assert!(!withheld(&format!("{name}é")), "{name}");
        }
        assert!(!withheld("emergency_contacts_of_all") && !withheld("") && !withheld("ﬁrstname"));
    }

    #[test]
    fn the_first_element_stands_for_an_array() {
        let mut fields = fields(r#"{"location":[{"uuid":"l"}],"none":[]}"#);
        assert_eq!(fields.text_at(&["location", "uuid"]).as_deref(), Some("l"));
        assert_eq!(fields.text_at(&["none", "uuid"]), None);
        fields.first_of("location");
        fields.first_of("none");
        let uuid = fields.within("location", |location| location.text("uuid"));
        assert_eq!(uuid.flatten().as_deref(), Some("l"));
        assert!(fields.attributes().is_empty());
    }

    #[test]
    fn a_time_without_offset_is_utc_only_where_the_provider_says_so() {
        let mut fields = fields(r#"{"at":"2026-01-01T00:00:00.1234567"}"#);
        assert_eq!(fields.time("at"), None);
        let at = fields.time_utc("at").unwrap();
        assert_eq!(at.to_string(), "2026-01-01T00:00:00.123456Z");
    }

    #[test]
    fn case_of_names_can_be_ignored() {
        let mut fields = fields(r#"{"Payload":{"Id":1}}"#).lower_cased();
        let id = fields.within("payload", |payload| payload.text("id"));
        assert_eq!(id.flatten().as_deref(), Some("1"));
    }
}
