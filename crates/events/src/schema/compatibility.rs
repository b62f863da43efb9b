//! Whether a new version of a schema may follow the released ones.

use std::error::Error as _;

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use serde_json::{Map, Value};

use super::{Versioned, all};
use crate::CanonicalTopic;

/// Why a text cannot be the next version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incompatible {
    #[error("not an avro schema: {reason}")]
    NotASchema { reason: String },
    #[error("version {version} cannot read what the new one writes: {reason}")]
    OldReader { version: i32, reason: String },
    #[error("the new version cannot read what version {version} wrote: {reason}")]
    NewReader { version: i32, reason: String },
}

/// Checks a text against every released version of its topic, in both directions (full
/// transitive); returns all objections.
pub fn objections(topic: CanonicalTopic, text: &str) -> Vec<Incompatible> {
    if let Err(error) = Schema::parse_str(text) {
        let reason = error.to_string();
        return vec![Incompatible::NotASchema { reason }];
    }
    let released = all().iter().filter(|released| released.topic == topic);
    released.flat_map(|old| both_ways(old, text)).collect()
}

fn both_ways(old: &Versioned, new: &str) -> Vec<Incompatible> {
    let version = old.version;
    let old_reader = can_read(old.text, new)
        .err()
        .map(|reason| Incompatible::OldReader { version, reason });
    let new_reader = can_read(new, old.text)
        .err()
        .map(|reason| Incompatible::NewReader { version, reason });
    old_reader.into_iter().chain(new_reader).collect()
}

/// Applies the Avro rule that the library leaves out: an enum with a default reads any symbol. To
/// it, such a reader then knows all symbols of the writer.
fn can_read(reader: &str, writer: &str) -> Result<(), String> {
    let tree = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| error.to_string());
    let schema = |tree: &Value| Schema::parse(tree).map_err(|error| error.to_string());
    let (mut reader, writer) = (tree(reader)?, tree(writer)?);
    let mut enums = Map::new();
    collect_enums(&writer, &mut enums);
    teach_symbols(&mut reader, &enums);
    SchemaCompatibility::can_read(&schema(&writer)?, &schema(&reader)?).map_err(|error| {
        // The innermost cause names what is wrong; the ones around it are the path to it.
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            reason = format!("{reason}: {inner}");
            cause = inner.source();
        }
        reason
    })
}

fn collect_enums(schema: &Value, enums: &mut Map<String, Value>) {
    match schema {
        Value::Object(fields) => {
            if let (Some(Value::String(name)), Some(symbols)) =
                (fields.get("name"), fields.get("symbols"))
            {
                enums.insert(name.clone(), symbols.clone());
            }
            fields
                .values()
                .for_each(|inner| collect_enums(inner, enums));
        }
        Value::Array(items) => items.iter().for_each(|inner| collect_enums(inner, enums)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn teach_symbols(schema: &mut Value, enums: &Map<String, Value>) {
    match schema {
        Value::Object(fields) => {
            let taught = fields.get("name").and_then(Value::as_str);
            let taught = taught.and_then(|name| enums.get(name)?.as_array().cloned());
            if fields.contains_key("default")
                && let (Some(Value::Array(known)), Some(taught)) =
                    (fields.get_mut("symbols"), taught)
            {
                let new: Vec<_> = taught.into_iter().filter(|s| !known.contains(s)).collect();
                known.extend(new);
            }
            fields
                .values_mut()
                .for_each(|inner| teach_symbols(inner, enums));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|inner| teach_symbols(inner, enums)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::current;

    const TOPIC: CanonicalTopic = CanonicalTopic::Access;

    /// The current version, changed in its JSON.
    fn changed(change: impl FnOnce(&mut Value)) -> String {
        let mut tree: Value = serde_json::from_str(current(TOPIC).text).unwrap();
        change(&mut tree);
        tree.to_string()
    }

    fn push_field(tree: &mut Value, field: &str) {
        let field = serde_json::from_str(field).unwrap();
        tree["fields"].as_array_mut().unwrap().push(field);
    }

    #[test]
    fn a_field_with_a_default_may_come() {
        let new = changed(|tree| {
            push_field(
                tree,
                r#"{"name": "x", "type": ["null", "string"], "default": null}"#,
            );
        });
        assert_eq!(objections(TOPIC, &new), []);
    }

    #[test]
    fn a_field_without_a_default_may_not() {
        let new = changed(|tree| push_field(tree, r#"{"name": "x", "type": "string"}"#));
        let found = objections(TOPIC, &new);
        assert!(
            matches!(&found[..], [Incompatible::NewReader { version: 1, reason }] if reason.contains("'x'")),
            "{found:?}"
        );
    }

    #[test]
    fn a_required_field_may_not_go() {
        let new = changed(|tree| {
            let fields = tree["fields"].as_array_mut().unwrap();
            fields.retain(|field| field["name"] != "event_id");
        });
        let found = objections(TOPIC, &new);
        assert!(
            matches!(&found[..], [Incompatible::OldReader { version: 1, reason }] if reason.contains("'event_id'")),
            "{found:?}"
        );
    }

    #[test]
    fn a_symbol_may_come_where_the_enum_has_a_default() {
        let more = current(TOPIC)
            .text
            .replace(r#""DERIVED"]"#, r#""DERIVED", "GUESSED"]"#);
        assert_ne!(more, current(TOPIC).text);
        assert_eq!(objections(TOPIC, &more), []);
    }

    #[test]
    fn what_is_no_schema_is_said_to_be_none() {
        assert!(matches!(
            &objections(TOPIC, "{}")[..],
            [Incompatible::NotASchema { .. }]
        ));
    }
}
