//! The sources file as it is written.

use std::path::PathBuf;

use providers::SecretEncoding;
use secrecy::SecretString;
use serde::Deserialize;
use serde_saphyr::{Error, Spanned};

use super::Door;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sources: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) provider: String,
    pub(super) tenant: String,
    pub(super) secrets: Vec<Spanned<Secret>>,
    #[serde(default)]
    pub(super) secret_encoding: SecretEncoding,
    #[serde(default)]
    pub(super) allow_from: Vec<String>,
    pub(super) body_bytes_max: Option<i64>,
    pub(super) requests_per_second: Option<i64>,
    pub(super) replay_window: Option<String>,
    #[serde(default)]
    pub(super) gxp_paths: Vec<String>,
    pub(super) unknown_credential: Option<Door>,
    pub(super) without_roster: Option<Door>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    pub(super) id: Option<String>,
    pub(super) env: Option<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) text: Option<SecretString>,
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
}

/// Fields whose names a fault may show: what else stands before a value may be part of a secret.
const FIELDS: [&str; 18] = [
    "sources",
    "id",
    "provider",
    "tenant",
    "secrets",
    "secret_encoding",
    "allow_from",
    "body_bytes_max",
    "requests_per_second",
    "replay_window",
    "gxp_paths",
    "unknown_credential",
    "without_roster",
    "env",
    "file",
    "text",
    "not_before",
    "not_after",
];

/// Reads the file's entries; a fault is a line and a reason.
pub(super) fn read(text: &str) -> Result<Vec<Spanned<Entry>>, (u64, String)> {
    // A snippet of the file might show a secret.
    let options = serde_saphyr::options! { with_snippet: false };
    let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|fault| {
        let (line, column) = fault
            .location()
            .map_or((0, 0), |at| (at.line(), at.column()));
        let reason = reason(fault.without_snippet());
        match field_before(text, line, column) {
            Some(field) => (line, format!("{field}: {reason}")),
            None => (line, reason),
        }
    })?;
    Ok(file.sources)
}

/// Finds the field whose value, or the first of its values, begins there.
fn field_before(text: &str, line: u64, column: u64) -> Option<&'static str> {
    let index = |number: u64| usize::try_from(number).ok()?.checked_sub(1);
    let line = text.lines().nth(index(line)?)?;
    let before: String = line.chars().take(index(column)?).collect();
    let before = before.trim_end_matches([' ', ':', '[', '{']);
    let name = before.rsplit([' ', '[', '{', ',']).next()?;
    FIELDS.into_iter().find(|field| *field == name)
}

/// Says it in the words of the file instead of the parser's.
fn reason(fault: &Error) -> String {
    match fault {
        Error::Eof { .. } => "the file is empty; it begins with `sources:`".to_owned(),
        Error::MultipleDocuments { .. } => "`---` begins a second document".to_owned(),
        Error::NullIntoString { .. } => "a value is needed".to_owned(),
        Error::InvalidScalar { .. } => "a whole number is needed".to_owned(),
        Error::UnknownAnchor { .. } => "a value that begins with `*` needs quotes".to_owned(),
        Error::Unexpected { expected, .. } => match *expected {
            "sequence start" => "a list is needed".to_owned(),
            "mapping start" => "fields are needed, each as `name: value`".to_owned(),
            "string scalar" => "one value is needed, no list and no fields".to_owned(),
            _ => fault.to_string(),
        },
        // A secret that lacks the space after its colon is read as a field's name.
        Error::SerdeUnknownField { expected, .. } => {
            format!("unknown field, expected one of {}", expected.join(", "))
        }
        Error::SerdeUnknownVariant { expected, .. } => {
            format!("expected one of {}", expected.join(", "))
        }
        Error::SerdeMissingField { field, .. } => format!("{field}: it is missing"),
        Error::DuplicateMappingKey { key, .. } => {
            let known = key.as_deref().filter(|key| FIELDS.contains(key));
            known.map_or("a field is there twice".to_owned(), |key| {
                format!("{key}: it is there twice")
            })
        }
        other => other.to_string(),
    }
}
