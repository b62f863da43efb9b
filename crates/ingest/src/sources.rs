//! The sources: who may send, as which provider, for which tenant, with which secrets.

mod check;
mod file;
mod live;
mod rate;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use events::{Provider, Time};
use ipnet::IpNet;
use providers::Key;
use serde::Deserialize;

use live::Watched;
use rate::Rate;

pub(crate) use live::{Follower, LiveSources, announce};

/// All sources of a file, each checked.
#[derive(Debug)]
pub struct Sources {
    all: Vec<Arc<Source>>,
    by_id: HashMap<Arc<str>, Arc<Source>>,
    by_gxp_path: HashMap<String, Arc<Source>>,
    /// Of which it is made.
    files: Vec<Watched>,
}

/// One configured sender.
#[derive(Debug)]
pub struct Source {
    pub id: Arc<str>,
    pub provider: Provider,
    pub tenant: Arc<str>,
    /// Its own limit, where it sets one.
    pub body_bytes_max: Option<usize>,
    /// Its own window, where it sets one.
    pub replay_window: Option<Duration>,
    pub(crate) doors: Doors,
    rate: Option<Rate>,
    keys: Vec<TimedKey>,
    /// Empty allows every peer.
    allow_from: Vec<IpNet>,
}

/// What a scan is answered whose credential the roster does not show.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Doors {
    /// The roster does not know it.
    pub(crate) unknown_credential: Door,
    /// The roster is not there to be asked, or not all of it.
    pub(crate) without_roster: Door,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Door {
    #[default]
    Deny,
    Grant,
}

/// A key and when it counts.
#[derive(Debug)]
struct TimedKey {
    key: Key,
    not_before: Option<Time>,
    not_after: Option<Time>,
}

/// Why a sources file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    #[error("{}: sources file cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}:{line}: {reason}", path.display())]
    Invalid {
        path: PathBuf,
        line: u64,
        /// The field and what is wrong with it.
        reason: String,
    },
}

impl Sources {
    /// Reads a sources file and the secrets it names.
    pub fn load(path: &Path) -> Result<Self, SourcesError> {
        let file = Watched::look(path);
        let text = fs::read_to_string(path).map_err(|source| SourcesError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        #[expect(
            clippy::disallowed_methods,
            reason = "which variable holds a secret is known only from the file"
        )]
        let environment = |name: &str| std::env::var(name).ok();
        let mut sources = Self::parse(path, &text, &environment)?;
        sources.files.push(file);
        Ok(sources)
    }

    fn parse(
        path: &Path,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SourcesError> {
        let invalid = |(line, reason)| SourcesError::Invalid {
            path: path.to_owned(),
            line,
            reason,
        };
        let entries = file::read(text).map_err(invalid)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        check::sources(entries, folder, environment).map_err(|fault| invalid(fault.into_parts()))
    }

    pub fn get(&self, id: &str) -> Option<&Arc<Source>> {
        self.by_id.get(id)
    }

    /// Returns the source that claims `/webhook/v1/{path}`.
    pub fn by_gxp_path(&self, path: &str) -> Option<&Arc<Source>> {
        self.by_gxp_path.get(path)
    }

    /// Lists the sources in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.all.iter()
    }

    /// Lists those that nobody can send for at that time, as no key counts.
    pub(crate) fn not_live(&self, at: Time) -> impl Iterator<Item = &Arc<Source>> {
        self.iter().filter(move |s| s.live_keys(at).is_empty())
    }
}

impl Source {
    /// Returns the keys that count at that time, in the order of the file.
    pub fn live_keys(&self, at: Time) -> Vec<&Key> {
        let live = self.keys.iter().filter(|timed| timed.is_live(at));
        live.map(|timed| &timed.key).collect()
    }

    /// Counts a request; fails with the time to wait if there are too many.
    pub(crate) fn take_turn(&self, now: Instant) -> Result<(), Duration> {
        let rate = self.rate.as_ref();
        rate.map_or(Ok(()), |rate| rate.take_turn(now))
    }

    /// Tells whether that peer may send for this source.
    pub fn allows(&self, peer: IpAddr) -> bool {
        // A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d.
        let peer = peer.to_canonical();
        self.allow_from.is_empty() || self.allow_from.iter().any(|net| net.contains(&peer))
    }
}

impl TimedKey {
    fn is_live(&self, at: Time) -> bool {
        self.not_before.is_none_or(|from| from <= at) && self.not_after.is_none_or(|to| at < to)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Reads sources as from `sources.yaml`; the environment has the variable `FILLED` alone.
    pub(crate) fn parse(text: &str) -> Result<Sources, SourcesError> {
        let environment = |name: &str| match name {
            "FILLED" => Some("secret of the environment".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Sources::parse(Path::new("sources.yaml"), text, &environment)
    }

    fn fault(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    /// One source of that provider, with more fields in flow style.
    fn one(provider: &str, more: &str) -> String {
        format!("sources:\n  - {{id: hq, provider: {provider}, tenant: acme, {more}}}\n")
    }

    #[test]
    fn a_full_file_is_read() {
        let sources = parse(
            "sources:\n\
             - id: hq-doors\n\
             \x20 provider: genea\n\
             \x20 tenant: acme\n\
             \x20 secrets:\n\
             \x20   - env: FILLED\n\
             \x20   - text: next\n\
             \x20     id: of-december\n\
             \x20     not_before: 2026-12-01T00:00:00Z\n\
             \x20 allow_from: [203.0.113.0/24, 198.51.100.7]\n\
             \x20 body_bytes_max: 4096\n\
             \x20 requests_per_second: 50\n\
             - id: fair\n\
             \x20 provider: gxp\n\
             \x20 tenant: acme\n\
             \x20 secrets: [{text: s}]\n\
             \x20 gxp_paths: [access-event, cvent]\n",
        )
        .unwrap();
        let hq = sources.get("hq-doors").unwrap();
        assert_eq!((hq.provider, &*hq.tenant), (Provider::Genea, "acme"));
        assert_eq!(hq.body_bytes_max, Some(4096));
        assert_eq!(&*sources.by_gxp_path("cvent").unwrap().id, "fair");
        assert!(sources.by_gxp_path("attendee-sync").is_none());
        let ids: Vec<_> = sources.iter().map(|source| &*source.id).collect();
        assert_eq!(ids, ["hq-doors", "fair"]);
    }

    #[test]
    fn the_documented_file_is_read() {
        let page = include_str!("../../../docs/ingest.md");
        let (_, rest) = page.split_once("```yaml\n").unwrap();
        let (text, _) = rest.split_once("```").unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hq-secret-next"), "c2VjcmV0\n").unwrap();
        let environment = |_: &str| Some("c2VjcmV0".to_owned());
        let sources = Sources::parse(&folder.path().join("sources.yaml"), text, &environment);
        assert_eq!(sources.unwrap().iter().count(), 2);
    }

    #[test]
    fn a_key_counts_within_its_time_only() {
        let secrets = "secrets: [{env: FILLED, not_after: 2026-12-02T00:00:00Z},\
                       {text: next, id: next, not_before: 2026-12-01T00:00:00Z}]";
        let sources = parse(&one("genea", secrets)).unwrap();
        let live_at = |at: &str| -> Vec<String> {
            let keys = sources.get("hq").unwrap().live_keys(at.parse().unwrap());
            keys.iter().map(|key| key.id().to_string()).collect()
        };
        assert_eq!(live_at("2026-11-30T23:59:59Z"), ["FILLED"]);
        assert_eq!(live_at("2026-12-01T00:00:00Z"), ["FILLED", "next"]);
        assert_eq!(live_at("2026-12-02T00:00:00Z"), ["next"]);
    }

    #[test]
    fn a_source_without_a_key_that_counts_is_known() {
        let secrets = "secrets: [{text: s, not_after: 2026-12-02T00:00:00Z},\
                       {text: next, not_before: 2026-12-03T00:00:00Z}]";
        let sources = parse(&one("genea", secrets)).unwrap();
        let not_live = |at: &str| sources.not_live(at.parse().unwrap()).count();
        assert_eq!(not_live("2026-12-01T00:00:00Z"), 0);
        assert_eq!(not_live("2026-12-02T00:00:00Z"), 1);
        assert_eq!(not_live("2026-12-03T00:00:00Z"), 0);
    }

    #[test]
    fn an_allow_list_lets_its_networks_in_and_nobody_else() {
        let allowed = "secrets: [{text: s}], allow_from: [203.0.113.0/24, '2001:db8::/32']";
        let sources = parse(&one("genea", allowed)).unwrap();
        let allows = |peer: &str| sources.get("hq").unwrap().allows(peer.parse().unwrap());
        assert!(allows("203.0.113.9") && allows("::ffff:203.0.113.9") && allows("2001:db8::1"));
        assert!(!allows("203.0.114.9") && !allows("::ffff:203.0.114.9") && !allows("::1"));
        let open = parse(&one("genea", "secrets: [{text: s}]")).unwrap();
        assert!(open.get("hq").unwrap().allows("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_used_is_named_with_line_field_and_reason() {
        let secret = "secrets: [{text: s}]";
        let faults = [
                "sources: [".to_owned(),
                "sources: []".to_owned(),
                "source: []".to_owned(),
                one("genea", "secrets: [{text: s}], colour: red"),
                one("genea", "secrets: []"),
                one("gena", secret),
                one("genea", "secrets: [{env: ABSENT}]"),
                one("genea", "secrets: [{env: EMPTY}]"),
                one("genea", "secrets: [{text: s}, {file: /nowhere/at-all}]"),
                one("genea", "secrets: [{text: s, env: FILLED}]"),
                one("genea", "secrets: [{id: lonely}]"),
                one("genea", "secrets: [{text: a, id: x}, {text: b, id: x}]"),
                one("genea", "secrets: [{text: s, not_before: soon}]"),
                one(
                    "genea",
                    "secrets: [{text: s, not_before: 2026-12-02T00:00:00Z, not_after: 2026-12-01T00:00:00Z}]"
                ),
                one("alocity", "secrets: [{text: '*'}], secret_encoding: base64"),
                one("cvent", "secrets: [{text: s}], secret_encoding: base64"),
                one("genea", "secrets: [{text: s}], allow_from: [203.0.113.0/33]"),
                one("genea", "secrets: [{text: s}], body_bytes_max: 0"),
                one("genea", "secrets: [{text: s}], gxp_paths: [cvent]"),
                one("gxp", "secrets: [{text: s}], gxp_paths: [tickets]"),
                one("gxp", "secrets: [{text: s}], gxp_paths: [cvent, cvent]"),
                one("alocity", "secrets: [{text: s}], replay_window: soon"),
                one("genea", "secrets: [{text: s}], replay_window: 5m"),
                one("genea", "secrets: [{text: s}], requests_per_second: 0"),
                one("genea", "secrets: [{text: s}], unknown_credential: grant"),
                one("gxp", "secrets: [{text: s}], without_roster: open"),
                one("genea", secret).replace("id: hq", "id: a/b"),
                one("genea", secret).replace("tenant: acme", "tenant: ''"),
                one("genea", secret) + &one("genea", secret)["sources:\n".len()..],
            ]
            .map(|text| fault(&text));
        insta::assert_snapshot!(faults.join("\n"));
    }

    #[test]
    fn what_cannot_be_read_is_told_in_the_words_of_the_file() {
        let secret = "secrets: [{text: s}]";
        let faults = [
            String::new(),
            "# nothing yet\n".to_owned(),
            "sources:\n".to_owned(),
            "sources: {}\n".to_owned(),
            "---\nsources: []\n---\nsources: []\n".to_owned(),
            "sources:\n- hq\n".to_owned(),
            "sources:\n- id: hq\n  secrets:\n".to_owned(),
            one("genea", secret) + "sources: []\n",
            one("genea", secret).replace("hq", "~"),
            one("genea", secret).replace("tenant: acme, ", ""),
            one("genea", "tenant: other, secrets: [{text: s}]"),
            one("genea", "secrets: s"),
            one("genea", "secrets: [s]"),
            one("genea", "secrets: [{text: }]"),
            one("genea", "secrets: [{text: [s]}]"),
            one("genea", "secrets: [{text: *s}]"),
            one("genea", "secrets: [{text: s, not_after: 1767225600}]"),
            one("genea", "secrets: [{text: s}], secret_encoding: rot13"),
            one("genea", "secrets: [{text: s}], allow_from: 203.0.113.7"),
            one("genea", "secrets: [{text: s}], body_bytes_max: 99999999999"),
            one("genea", "secrets: [{text: s}], body_bytes_max: lots"),
        ]
        .map(|text| fault(&text));
        insta::assert_snapshot!(faults.join("\n"));
    }

    #[test]
    fn no_fault_shows_a_secret() {
        let canary = "canary-5150";
        for text in [
            one(
                "cvent",
                &format!("secrets: [{{text: {canary}}}], colour: red"),
            ),
            one("cvent", &format!("secrets: [{{text: [{canary}]}}]")),
            one("cvent", &format!("secrets: [{{text: {{a: {canary}}}}}]")),
            one(
                "cvent",
                &format!("secrets: [{{text: {canary}, not_before: soon}}]"),
            ),
            one("cvent", &format!("secrets: [{{text: {canary}}}")),
            one("cvent", &format!("secrets: {canary}")),
            one("cvent", &format!("secrets: [{canary}]")),
            one("cvent", &format!("secrets: [{{text:{canary}}}]")),
            one("cvent", &format!("{canary}: red, {canary}: blue")),
            one("cvent", &format!("secrets: [{{text: !!int {canary}}}]")),
        ] {
            let fault = parse(&text).unwrap_err();
            assert!(!format!("{fault} {fault:?}").contains(canary), "{fault}");
        }
        let sources = parse(&one("cvent", &format!("secrets: [{{text: {canary}}}]"))).unwrap();
        assert!(!format!("{sources:?}").contains(canary));
    }
}
