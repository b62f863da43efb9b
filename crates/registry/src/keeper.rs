//! Brings the ids of the current schemas from the registry into `schema_ids`, and to the writers.
//!
//! Ids that are kept serve at once, whether the registry is there or not; without them nothing is
//! written before it has answered. Never is there a silent return to the ids that Cardea ships.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use events::CanonicalTopic;
use events::schema::{self, Ids, Versioned};
use kafka::{Cluster, Failure, Producer, SendError, Stop};
use service::{Context, Health, Ready, Shutdown};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::client::Client;
use crate::error::{Refusal, RegistryError};
use crate::rows::{self, Row, Rows};

const NAME: &str = "schema-ids";
const ACK_WITHIN: Duration = Duration::from_secs(10);
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// The ids that events are to be written under, once they are known.
#[derive(Clone, Debug)]
pub struct Awaited(watch::Receiver<Option<Ids>>);

/// The ids that events are written under.
#[derive(Clone, Debug)]
pub struct Live(watch::Receiver<Option<Ids>>);

impl Awaited {
    /// Blocks until the ids are known; `None` if asked to stop before that.
    pub fn wait(&self, stop: &Stop) -> Option<Live> {
        while self.0.borrow().is_none() {
            if stop.requested() {
                return None;
            }
            std::thread::sleep(POLL);
        }
        Some(Live(self.0.clone()))
    }
}

impl Live {
    /// Gives out the ids that Cardea ships.
    pub fn embedded() -> Self {
        Self(watch::channel(Some(Ids::embedded())).1)
    }

    pub fn now(&self) -> Ids {
        self.0.borrow().expect("ids that were known stay known")
    }
}

/// Starts to keep the ids; without a registry they are those that Cardea ships.
pub fn start(client: Option<Client>, cluster: &Cluster, context: &Context) -> Awaited {
    let Some(client) = client else {
        return Awaited(Live::embedded().0);
    };
    let (publish, live) = watch::channel(None);
    let keeper = Arc::new(Keeper {
        client,
        cluster: cluster.clone(),
        publish,
        health: context.health.clone(),
        shutdown: context.shutdown.clone(),
    });
    context.health.announce(NAME, 0);
    context.tasks.spawn(NAME, move || {
        let keeper = Arc::clone(&keeper);
        async move { keeper.run().await }
    });
    Awaited(live)
}

struct Keeper {
    client: Client,
    cluster: Cluster,
    publish: watch::Sender<Option<Ids>>,
    health: Health,
    shutdown: Shutdown,
}

/// Why the ids of the registry are not known, or not kept.
#[derive(Debug, thiserror::Error)]
enum Hindrance {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("schema ids cannot be kept")]
    Kafka(#[from] SendError),
}

impl Keeper {
    async fn run(&self) -> anyhow::Result<()> {
        let ready = self.health.component(NAME);
        tokio::select! {
            kept = self.keep(&ready) => kept?,
            () = self.shutdown.requested() => return Ok(()),
        }
        // Dropped, the part would not be ready any more.
        self.shutdown.requested().await;
        Ok(())
    }

    async fn keep(&self, ready: &Ready) -> anyhow::Result<()> {
        ready.set_not_ready("kafka has not answered yet");
        let rows = self.rows().await?;
        let kept = rows.ids(&self.cluster, self.client.address());
        if let Some(kept) = kept {
            info!("schema ids that the registry gave before serve");
            self.publish(kept, ready);
        }
        let producer = Producer::new(&self.cluster, ACK_WITHIN)?;
        let mut backoff = BACKOFF_MIN;
        loop {
            let hindrance = match self.ask(&rows, kept, &producer).await {
                Ok(ids) => {
                    self.publish(ids, ready);
                    return Ok(());
                }
                Err(Hindrance::Registry(RegistryError::Refused(refusal))) => {
                    return self.refused(refusal);
                }
                Err(away @ (Hindrance::Registry(RegistryError::Away(_)) | Hindrance::Kafka(_))) => {
                    format!("{:#}", anyhow::Error::new(away))
                }
            };
            warn!(
                error = hindrance,
                again.after_s = backoff.as_secs_f64(),
                "schema registry gives no ids"
            );
            if self.publish.borrow().is_none() {
                ready.set_not_ready(format!("no schema ids yet: {hindrance}"));
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// Ids that serve go on serving; there are events with them already.
    fn refused(&self, refusal: Refusal) -> anyhow::Result<()> {
        if self.publish.borrow().is_none() {
            return Err(refusal.into());
        }
        let refusal = format!("{:#}", anyhow::Error::new(refusal));
        error!(
            error = refusal,
            "schema registry does not confirm the ids, they serve on"
        );
        Ok(())
    }

    fn publish(&self, ids: Ids, ready: &Ready) {
        self.publish.send_replace(Some(ids));
        ready.set_ready();
    }

    /// Reads what is kept, however long Kafka is away.
    async fn rows(&self) -> anyhow::Result<Rows> {
        let mut backoff = BACKOFF_MIN;
        loop {
            let cluster = self.cluster.clone();
            let read = tokio::task::spawn_blocking(move || Rows::load(&cluster));
            match read.await.context("read schema ids")? {
                Ok(rows) => return Ok(rows),
                Err(Failure::Unclear { step, source }) => {
                    warn!(step, error = %source, "schema ids cannot be read, trying again");
                }
                Err(fatal @ Failure::Fatal { .. }) => return Err(fatal.into()),
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// Asks the registry for all ids, and keeps those that are new before anybody writes with them.
    async fn ask(
        &self,
        rows: &Rows,
        kept: Option<Ids>,
        producer: &Producer,
    ) -> Result<Ids, Hindrance> {
        let mut ids = [0; CanonicalTopic::ALL.len()];
        for (id, topic) in ids.iter_mut().zip(CanonicalTopic::ALL) {
            let subject = crate::subject(&self.cluster, topic);
            let current = schema::current(topic);
            *id = self.client.id(&subject, current).await?;
            unused(rows, &subject, *id, current).map_err(RegistryError::from)?;
        }
        let ids = Ids::new(ids);
        if kept == Some(ids) {
            info!("schema registry confirms the ids");
            return Ok(ids);
        }
        for topic in CanonicalTopic::ALL {
            let row = Row {
                registry: self.client.address().to_owned(),
                subject: crate::subject(&self.cluster, topic),
                id: ids.of(topic),
                schema: schema::current(topic).compact(),
            };
            rows::write(&self.cluster, producer, &row).await?;
        }
        if kept.is_some() {
            warn!("schema registry gives other ids than before");
        } else {
            info!("schema registry has given the ids");
        }
        Ok(ids)
    }
}

/// Refuses an id that stood for another schema: the events of that one could not be read any more.
fn unused(rows: &Rows, subject: &str, id: i32, current: &Versioned) -> Result<(), Refusal> {
    let shipped = schema::by_id(id).is_none_or(|known| known.id == current.id);
    let kept = rows.writer(subject, id);
    if shipped && kept.is_none_or(|writer| writer.is(current)) {
        return Ok(());
    }
    Err(Refusal::Reused {
        subject: subject.to_owned(),
        id,
    })
}

#[cfg(test)]
mod tests {
    use events::CanonicalTopic::{Access, Device};

    use super::*;

    const SUBJECT: &str = "cardea.access-value";

    #[test]
    fn an_id_that_is_shipped_for_another_schema_is_refused() {
        let (access, device) = (schema::current(Access), schema::current(Device));
        let rows = Rows::default();
        assert!(unused(&rows, SUBJECT, 7, access).is_ok());
        // The console of another Cardea, as a registry to look up in.
        assert!(unused(&rows, SUBJECT, access.id, access).is_ok());
        let refused = unused(&rows, SUBJECT, device.id, access);
        let told = refused.unwrap_err().to_string();
        assert!(told.contains(SUBJECT) && told.contains("restore"), "{told}");
    }

    #[test]
    fn an_id_that_was_kept_for_another_schema_of_the_subject_is_refused() {
        let rows = Rows::of(&[(Access, 7), (Device, 8)]);
        assert!(unused(&rows, SUBJECT, 7, schema::current(Access)).is_ok());
        assert!(unused(&rows, SUBJECT, 8, schema::current(Access)).is_ok());
        assert!(unused(&rows, SUBJECT, 7, schema::current(Device)).is_err());
    }
}
