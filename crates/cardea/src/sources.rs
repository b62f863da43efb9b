//! The sources of `sources.yaml` as the tools see them: who sends, and with which keys.

use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use events::{Provider, Time};
use ingest::{Sources, SourcesFile};
use providers::{Delivery, Headers, Key};

use crate::exit::setting;

/// One source, with the keys that are live.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) id: Arc<str>,
    pub(crate) provider: Provider,
    pub(crate) tenant: Arc<str>,
    pub(crate) keys: Vec<Key>,
}

/// Reads all sources of the file; there is at least one.
pub(crate) fn all(file: &SourcesFile, now: Time) -> anyhow::Result<Vec<Source>> {
    let sources = setting(Sources::load(&file.sources))?;
    let live = |source: &Arc<ingest::Source>| Source::at(source, now);
    Ok(sources.iter().map(live).collect())
}

/// Reads one source of the file.
pub(crate) fn find(file: &SourcesFile, id: &str, now: Time) -> anyhow::Result<Source> {
    let sources = setting(Sources::load(&file.sources))?;
    let found = sources.get(id).with_context(|| {
        let known: Vec<&str> = sources.iter().map(|source| &*source.id).collect();
        let (file, known) = (file.sources.display(), known.join(", "));
        format!("--source: `{id}` is not in {file}, which has {known}")
    });
    Ok(Source::at(setting(found)?, now))
}

impl Source {
    fn at(source: &ingest::Source, now: Time) -> Self {
        Self {
            id: Arc::clone(&source.id),
            provider: source.provider,
            tenant: Arc::clone(&source.tenant),
            keys: source.live_keys(now).into_iter().cloned().collect(),
        }
    }

    /// Makes an unsigned delivery of this source.
    pub(crate) fn delivery(&self, tail: &str, body: impl Into<Bytes>) -> Delivery {
        Delivery {
            provider: self.provider,
            source: Arc::clone(&self.id),
            tenant: Arc::clone(&self.tenant),
            tail: tail.to_owned(),
            headers: Headers::default(),
            body: body.into(),
        }
    }

    /// Makes a delivery that is proven at that time, as the provider would.
    pub(crate) fn signed(
        &self,
        tail: &str,
        body: impl Into<Bytes>,
        at: Time,
    ) -> anyhow::Result<Delivery> {
        let key = self.keys.first();
        let key = key.with_context(|| format!("source `{}` has no live secret", self.id))?;
        let unsigned = self.delivery(tail, body);
        let headers = providers::sign(self.provider, tail, key, &unsigned.body, at);
        Ok(Delivery {
            headers,
            ..unsigned
        })
    }
}
