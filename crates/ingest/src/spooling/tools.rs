//! What a person does with a spool that no ingest runs on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use events::Time;
use kafka::Cluster;
use service::Metrics;
use spool::{LocalDisk, OpenError, Opened};
use tokio::time::{Instant, sleep};

use super::record::RawContent;
use super::{Spooling, drain};
use crate::config::{SpoolConfig, SpoolFolder};
use crate::metrics::IngestMetrics;

/// Kafka is away if it acknowledges nothing for so long.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A delivery in the spool.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Spooled {
    pub topic: String,
    pub partition: i32,
    pub source: Option<String>,
    pub delivery_id: Option<String>,
    pub received_at: Option<Time>,
    /// On disk.
    pub bytes: u32,
}

/// What became of a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    pub deliveries: usize,
    /// Parts that were damaged and are gone.
    pub damaged: u64,
}

/// Lists what is in a spool, in the order in which it will be drained, partition by partition.
pub fn list(folder: &SpoolFolder) -> anyhow::Result<Vec<Spooled>> {
    let dir = existing(folder)?;
    let Opened { spool, found, .. } = spool::open(dir, 0, Box::new(LocalDisk)).map_err(told)?;
    let mut listed = Vec::new();
    for found in found {
        let entry = spool.read(found.slot).context("read an entry")?;
        let content = RawContent::decode(&entry.payload);
        let content = content.as_ref();
        let text = |value: Option<&str>| value.map(str::to_owned);
        listed.push(Spooled {
            topic: found.topic.to_string(),
            partition: found.partition,
            source: text(content.and_then(RawContent::source)),
            delivery_id: text(content.and_then(RawContent::delivery_id)),
            received_at: content.and_then(RawContent::received_at),
            bytes: found.slot.bytes(),
        });
    }
    // Stable, so that each partition stays in order.
    listed.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    Ok(listed)
}

/// Sends all of a spool to Kafka.
pub async fn drain(folder: &SpoolFolder, cluster: &Cluster) -> anyhow::Result<Drained> {
    existing(folder)?;
    let config = SpoolConfig {
        folder: folder.clone(),
        no_spool: false,
        spool_bytes_max: 0,
        spool_drain_rate: u64::MAX / 1_000,
    };
    let metrics = IngestMetrics::register(&Metrics::new());
    let spooling = Spooling::open(&config, cluster, &metrics).map_err(|failed| match failed
        .downcast::<OpenError>(
    ) {
        Ok(failed) => told(failed),
        Err(failed) => failed,
    })?;
    let deliveries = spooling.copies();
    let shared = Arc::clone(&spooling.0);
    let writing = tokio::task::spawn_blocking(move || shared.write());
    let shared = Arc::clone(&spooling.0);
    let draining = tokio::task::spawn_blocking(move || drain::run(&shared));
    let (mut left, mut progress_at) = (deliveries, Instant::now());
    while left > 0 && progress_at.elapsed() < PATIENCE {
        sleep(LOOK_EVERY).await;
        let now = spooling.copies();
        if now < left {
            (left, progress_at) = (now, Instant::now());
        }
    }
    spooling.end();
    draining.await.context("drain")?;
    writing.await.context("note what is drained")?;
    ensure!(
        left == 0,
        "kafka acknowledges nothing; {left} of {deliveries} deliveries are left"
    );
    let damaged = spooling.0.spool.stats().unreadable;
    Ok(Drained {
        deliveries,
        damaged,
    })
}

fn existing(folder: &SpoolFolder) -> anyhow::Result<&Path> {
    let dir = &folder.spool_dir;
    ensure!(
        dir.is_dir(),
        "--spool-dir: there is no folder {}",
        dir.display()
    );
    Ok(dir)
}

fn told(failed: OpenError) -> anyhow::Error {
    let in_use = matches!(failed, OpenError::InUse { .. });
    let failed = anyhow::Error::new(failed);
    if in_use {
        failed.context("an ingest runs on this spool and drains it by itself; its metrics `cardea_ingest_spool_*` tell more")
    } else {
        failed
    }
}
