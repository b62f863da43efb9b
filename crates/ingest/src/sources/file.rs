//! The sources file as it is written.

use std::path::PathBuf;

use events::Time;
use providers::SecretEncoding;
use secrecy::SecretString;
use serde::Deserialize;
use serde_saphyr::{Error, Spanned};

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
    pub(super) body_bytes_max: Option<u32>,
    #[serde(default)]
    pub(super) gxp_paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    pub(super) id: Option<String>,
    pub(super) env: Option<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) text: Option<SecretString>,
    pub(super) not_before: Option<Time>,
    pub(super) not_after: Option<Time>,
}

/// Reads the file's entries; a fault is a line and a reason.
pub(super) fn read(text: &str) -> Result<Vec<Spanned<Entry>>, (u64, String)> {
    // A snippet of the file might show a secret.
    let options = serde_saphyr::options! { with_snippet: false };
    let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|fault| {
        let line = fault.location().map_or(0, |at| at.line());
        (line, reason(fault.without_snippet()))
    })?;
    Ok(file.sources)
}

fn reason(fault: &Error) -> String {
    match fault {
        // A secret that lacks the space after its colon is read as a field's name.
        Error::SerdeUnknownField { expected, .. } => {
            format!("unknown field, expected one of {}", expected.join(", "))
        }
        Error::DuplicateMappingKey { .. } => "a field is there twice".to_owned(),
        other => other.to_string(),
    }
}
