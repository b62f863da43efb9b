//! Turns what the sources file says into sources that can be used, or names the fault.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use events::{Provider, Time};
use ipnet::IpNet;
use providers::{Key, SecretEncoding};
use secrecy::SecretString;
use serde_saphyr::Spanned;

use super::file::{Entry, Secret};
use super::live::Watched;
use super::rate::Rate;
use super::{Doors, Source, Sources, TimedKey};
use crate::config::BODY_BYTES_MAX;
use crate::front::network;

/// What the page of GxP documents below `/webhook/v1/`.
const GXP_PATHS: [&str; 4] = [
    "mqtt-gateway-status",
    "access-event",
    "cvent",
    "attendee-sync",
];
/// Ids stand in paths, topic names and record keys.
const ID_BYTES_MAX: usize = 64;

/// What is wrong, and where.
pub(super) struct Fault {
    line: u64,
    source: String,
    reason: String,
}

/// Where secrets come from.
struct Vault<'a> {
    /// Relative files are beside the sources file.
    folder: &'a Path,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Fault {
    pub(super) fn into_parts(self) -> (u64, String) {
        let Self {
            line,
            source,
            reason,
        } = self;
        match source.as_str() {
            "" => (line, reason),
            id => (line, format!("source `{id}`: {reason}")),
        }
    }
}

pub(super) fn sources(
    entries: Vec<Spanned<Entry>>,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Sources, Fault> {
    let vault = Vault {
        folder,
        environment,
    };
    let mut sources = Sources {
        all: Vec::new(),
        by_id: HashMap::new(),
        by_gxp_path: HashMap::new(),
        files: vault.files(&entries),
    };
    for entry in entries {
        let line = entry.referenced.line();
        let entry = entry.value;
        let fault = |(line, reason)| Fault {
            line,
            source: printable(&entry.id),
            reason,
        };
        let source = Arc::new(source(&entry, line, &vault).map_err(fault)?);
        let id = Arc::clone(&source.id);
        if sources.by_id.insert(id, Arc::clone(&source)).is_some() {
            return Err(fault((
                line,
                "id: another source has it as well".to_owned(),
            )));
        }
        for path in &entry.gxp_paths {
            let claimed = sources
                .by_gxp_path
                .insert(path.clone(), Arc::clone(&source));
            if let Some(first) = claimed {
                let reason = format!(
                    "gxp_paths: `{path}` is claimed by source `{}` already",
                    first.id
                );
                return Err(fault((line, reason)));
            }
        }
        sources.all.push(source);
    }
    if sources.all.is_empty() {
        let reason = "sources: at least one is needed".to_owned();
        return Err(Fault {
            line: 1,
            source: String::new(),
            reason,
        });
    }
    Ok(sources)
}

fn source(entry: &Entry, line: u64, vault: &Vault<'_>) -> Result<Source, (u64, String)> {
    check_needed(entry).map_err(|reason| (line, reason))?;
    let provider: Provider = entry
        .provider
        .parse()
        .map_err(|unknown| (line, format!("provider: {unknown}")))?;
    check_combination(entry, provider).map_err(|reason| (line, reason))?;
    Ok(Source {
        id: entry.id.as_str().into(),
        provider,
        tenant: entry.tenant.as_str().into(),
        body_bytes_max: body_bytes_max(entry).map_err(|reason| (line, reason))?,
        replay_window: replay_window(entry, provider).map_err(|reason| (line, reason))?,
        doors: Doors {
            unknown_credential: entry.unknown_credential.unwrap_or_default(),
            without_roster: entry.without_roster.unwrap_or_default(),
        },
        rate: rate(entry).map_err(|reason| (line, reason))?,
        keys: keys(entry, provider, vault)?,
        allow_from: networks(&entry.allow_from).map_err(|reason| (line, reason))?,
    })
}

fn check_needed(entry: &Entry) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let length = 1..=ID_BYTES_MAX;
    if !entry.id.chars().all(fits) || !length.contains(&entry.id.len()) {
        return Err(format!(
            "id: 1 to {ID_BYTES_MAX} letters, digits, `-`, `_` and `.` may stand there"
        ));
    }
    if entry.secrets.is_empty() {
        return Err("secrets: at least one is needed".to_owned());
    }
    if entry.tenant.is_empty() || entry.tenant.chars().any(char::is_control) {
        return Err("tenant: a name without control characters is needed".to_owned());
    }
    Ok(())
}

fn check_combination(entry: &Entry, provider: Provider) -> Result<(), String> {
    if !entry.gxp_paths.is_empty() && provider != Provider::Gxp {
        return Err("gxp_paths: only a source of provider gxp has them".to_owned());
    }
    let door = entry.unknown_credential.or(entry.without_roster);
    if door.is_some() && provider != Provider::Gxp {
        return Err(
            "unknown_credential, without_roster: only a source of provider gxp has them".to_owned(),
        );
    }
    if let Some(path) = entry
        .gxp_paths
        .iter()
        .find(|path| !GXP_PATHS.contains(&path.as_str()))
    {
        let known = GXP_PATHS.join(", ");
        return Err(format!(
            "gxp_paths: unknown path `{path}`; known are {known}"
        ));
    }
    let has_token = matches!(provider, Provider::Accessgrid | Provider::Cvent);
    if entry.secret_encoding != SecretEncoding::Text && has_token {
        return Err(format!(
            "secret_encoding: {provider} sends its secret as text"
        ));
    }
    Ok(())
}

fn body_bytes_max(entry: &Entry) -> Result<Option<usize>, String> {
    match entry.body_bytes_max {
        None => Ok(None),
        Some(bytes @ 1..=BODY_BYTES_MAX) => Ok(Some(bytes as usize)),
        Some(_) => Err(format!(
            "body_bytes_max: 1 to {BODY_BYTES_MAX} bytes are possible"
        )),
    }
}

fn replay_window(entry: &Entry, provider: Provider) -> Result<Option<Duration>, String> {
    let Some(text) = &entry.replay_window else {
        return Ok(None);
    };
    if provider != Provider::Alocity {
        return Err(format!("replay_window: {provider} signs no time"));
    }
    let window = service::duration::parse(text);
    window
        .map(Some)
        .map_err(|reason| format!("replay_window: {reason}"))
}

fn rate(entry: &Entry) -> Result<Option<Rate>, String> {
    let Some(count) = entry.requests_per_second else {
        return Ok(None);
    };
    let count = u32::try_from(count).ok().and_then(NonZeroU32::new);
    let count = count.ok_or("requests_per_second: a number from 1 on is needed")?;
    Ok(Some(Rate::per_second(count)))
}

/// Takes networks in CIDR notation, and single addresses.
fn networks(allow_from: &[String]) -> Result<Vec<IpNet>, String> {
    let networks = allow_from.iter().map(|text| network(text));
    let networks: Result<_, String> = networks.collect();
    networks.map_err(|reason| format!("allow_from: {reason}"))
}

fn keys(
    entry: &Entry,
    provider: Provider,
    vault: &Vault<'_>,
) -> Result<Vec<TimedKey>, (u64, String)> {
    let mut keys: Vec<TimedKey> = Vec::new();
    for (index, secret) in entry.secrets.iter().enumerate() {
        let at = |reason| {
            (
                secret.referenced.line(),
                format!("secrets[{index}]: {reason}"),
            )
        };
        let secret = &secret.value;
        let (origin, text) = vault.open(secret, index).map_err(at)?;
        let id = secret.id.as_deref().unwrap_or(&origin);
        if keys.iter().any(|timed| &**timed.key.id() == id) {
            return Err(at(format!("id: another secret is called `{id}` as well")));
        }
        let key = Key::new(provider, id, &text, entry.secret_encoding);
        let key = key.map_err(|bad| at(bad.to_string()))?;
        let not_before = time("not_before", secret.not_before.as_deref()).map_err(at)?;
        let not_after = time("not_after", secret.not_after.as_deref()).map_err(at)?;
        if not_before
            .zip(not_after)
            .is_some_and(|(from, to)| from >= to)
        {
            return Err(at("not_after: not later than not_before".to_owned()));
        }
        keys.push(TimedKey {
            key,
            not_before,
            not_after,
        });
    }
    Ok(keys)
}

fn time(field: &str, text: Option<&str>) -> Result<Option<Time>, String> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| format!("{field}: no time such as 2026-12-01T00:00:00Z"))
}

impl Vault<'_> {
    /// Looks at the files that hold secrets.
    fn files(&self, entries: &[Spanned<Entry>]) -> Vec<Watched> {
        let secrets = entries.iter().flat_map(|entry| &entry.value.secrets);
        let named = secrets.filter_map(|secret| secret.value.file.as_ref());
        let files = named.map(|path| Watched::look(&self.folder.join(path)));
        files.collect()
    }

    /// Returns what a secret is called unless it says so itself, and its text.
    fn open(&self, secret: &Secret, index: usize) -> Result<(String, SecretString), String> {
        match (&secret.env, &secret.file, &secret.text) {
            (Some(name), None, None) => {
                let text = (self.environment)(name)
                    .ok_or_else(|| format!("env: variable `{name}` is not set"))?;
                Ok((name.clone(), text.into()))
            }
            (None, Some(path), None) => {
                let shown = path.display();
                let text = fs::read_to_string(self.folder.join(path)).map_err(|failed| {
                    format!("file: `{shown}` cannot be read: {}", failed.kind())
                })?;
                // Editors and `echo` end a file with a line break that is not part of the secret.
                let text = text.trim_end_matches(['\r', '\n']);
                Ok((shown.to_string(), text.into()))
            }
            (None, None, Some(text)) => Ok((format!("text-{index}"), text.clone())),
            _ => Err("exactly one of env, file and text is needed, with a value".to_owned()),
        }
    }
}

fn printable(id: &str) -> String {
    id.chars()
        .take(ID_BYTES_MAX)
        .filter(|c| !c.is_control())
        .collect()
}
