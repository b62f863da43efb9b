//! Tolerant reading of JSON bodies: what has an unexpected type is absent, never an error.

mod shown;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;

use events::Time;

use shown::presentable;
pub(crate) use value::Value;

use crate::{Reason, Refusal, Unmappable};

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
pub(crate) fn parse(body: &[u8]) -> Result<Value<'_>, NotJson> {
    // With one, a body is no JSON: only then is it looked for.
    read(body).or_else(|NotJson| match without_nul(body) {
        Cow::Borrowed(_) => Err(NotJson),
        Cow::Owned(body) => read(&body).map(Value::into_owned),
    })
}

fn read(body: &[u8]) -> Result<Value<'_>, NotJson> {
    let text = std::str::from_utf8(body).map_err(|_| NotJson)?;
    serde_json::from_str(text).map_err(|_| NotJson)
}

/// Tells whether a body is JSON by the grammar of RFC 8259, but holds what cannot be read here: half
/// a surrogate pair, as JavaScript cuts emoji, a number beyond all floats, or very deep nesting.
pub(crate) fn is_lawful_but_unreadable(body: &[u8]) -> bool {
    let body = without_nul(body);
    let lawful = std::str::from_utf8(&body)
        .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    lawful && read(&body).is_err()
}

fn without_nul(body: &[u8]) -> Cow<'_, [u8]> {
    if body.contains(&0) {
        Cow::Owned(body.iter().copied().filter(|byte| *byte != 0).collect())
    } else {
        Cow::Borrowed(body)
    }
}

/// The fields of an object that are not read yet, by name; of equal names the last counts. Each
/// reader takes its field out if it has the type asked for; what is left at the end becomes
/// attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// Anything but an object has no fields.
impl<'a> From<Value<'a>> for Fields<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Object(fields) => fields,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Self::default(),
        }
    }
}

impl<'a> Fields<'a> {
    /// Parses a body.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, NotJson> {
        parse(body).map(Self::from)
    }

    fn of(mut fields: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        fields.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Self(fields)
    }

    /// Turns all names into lower case, at every depth.
    pub(crate) fn lower_cased(self) -> Self {
        let fields = self.0.into_iter().map(|(mut name, value)| {
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                name.to_mut().make_ascii_lowercase();
            }
            (name, lower_cased(value))
        });
        Self::of(fields.collect())
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// Reads a text without taking it, at the end of a path of names; an array counts as its first
    /// element.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<Cow<'_, str>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.get(first)?;
        for name in rest {
            value = match value {
                Value::Array(elements) => elements.first()?,
                value => value,
            };
            let Value::Object(fields) = value else {
                return None;
            };
            value = fields.get(name)?;
        }
        text_of(value)
    }

    /// Takes a string that is not empty, or a whole number as text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, |value| text_of(value).map(Cow::into_owned))
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
    pub(crate) fn list(&mut self, name: &str) -> Vec<Value<'a>> {
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
        let at = self.position(name)?;
        let Value::Object(inner) = &mut self.0[at].1 else {
            return None;
        };
        let read = read(inner);
        if inner.0.is_empty() {
            self.0.remove(at);
        }
        Some(read)
    }

    /// Puts the first element in the place of an array.
    pub(crate) fn first_of(&mut self, name: &str) {
        if let Some(at) = self.position(name)
            && let Value::Array(elements) = &mut self.0[at].1
        {
            let first = elements.drain(..).next();
            self.0[at].1 = first.unwrap_or_default();
        }
    }

    /// Drops fields on purpose.
    pub(crate) fn discard(&mut self, names: &[&str]) {
        self.0.retain(|(name, _)| !names.contains(&&**name));
    }

    /// Drops all other fields.
    pub(crate) fn keep(&mut self, names: &[&str]) {
        self.0.retain(|(name, _)| names.contains(&&**name));
    }

    /// Turns what is left into attributes: texts as they are, all else as compact JSON. Nulls,
    /// empty values and withheld fields are left out, at every depth.
    pub(crate) fn attributes(self) -> BTreeMap<String, String> {
        let kept = self.0.into_iter().filter_map(|(name, mut value)| {
            if !presentable(&name, &mut value) {
                return None;
            }
            let text = match value {
                Value::String(text) => text.into_owned(),
                value => serde_json::to_string(&value).expect("names of fields are strings"),
            };
            Some((name.into_owned(), text))
        });
        kept.collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == name)
    }

    fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.position(name).map(|at| &self.0[at].1)
    }

    fn remove_if(&mut self, name: &str, fits: fn(&Value<'a>) -> bool) -> Option<Value<'a>> {
        let at = self.position(name)?;
        fits(&self.0[at].1).then(|| self.0.remove(at).1)
    }

    /// Takes a field out if `read` finds in it what it looks for.
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&Value<'a>) -> Option<T>) -> Option<T> {
        let at = self.position(name)?;
        let read = read(&self.0[at].1)?;
        self.0.remove(at);
        Some(read)
    }
}

fn text_of<'v>(value: &'v Value<'_>) -> Option<Cow<'v, str>> {
    match value {
        Value::String(text) => {
            let text = match text {
                // Only an escape can have brought a NUL, and what holds escapes is not borrowed.
                Cow::Owned(text) if text.contains('\0') => Cow::Owned(text.replace('\0', "")),
                text => Cow::Borrowed(&**text),
            };
            Some(text).filter(|text| !text.is_empty())
        }
        // No float: as it is rounded, two large ids would become one.
        Value::Number(number) => {
            let positive = number.as_u64().map(|whole| whole.to_string());
            let text = positive.or_else(|| Some(number.as_i64()?.to_string()));
            text.map(Cow::Owned)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn lower_cased(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Object(fields) => Value::Object(fields.lower_cased()),
        Value::Array(values) => Value::Array(values.into_iter().map(lower_cased).collect()),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields<'_> {
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
    fn of_equal_names_the_last_counts() {
        let mut fields = fields(r#"{"a":"1","b":{"x":1,"x":2},"a":"2","a":"3"}"#);
        assert_eq!(fields.text("a").as_deref(), Some("3"));
        let expected = BTreeMap::from([("b".to_owned(), r#"{"x":2}"#.to_owned())]);
        assert_eq!(fields.attributes(), expected);
    }

    #[test]
    fn texts_are_borrowed_unless_they_hold_escapes() {
        let value = parse(br#"{"a":"plain","b":"line\nbreak"}"#).unwrap();
        let fields = Fields::from(value).0;
        assert!(matches!(fields[0].1, Value::String(Cow::Borrowed("plain"))));
        assert!(matches!(&fields[1].1, Value::String(Cow::Owned(text)) if text == "line\nbreak"));
    }

    #[test]
    fn case_of_names_can_be_ignored() {
        let mut fields = fields(r#"{"Payload":{"Id":1}}"#).lower_cased();
        let id = fields.within("payload", |payload| payload.text("id"));
        assert_eq!(id.flatten().as_deref(), Some("1"));
    }
}
