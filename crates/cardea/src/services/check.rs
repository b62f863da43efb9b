//! Whether the topics serve, asked before a service starts.

use std::time::Duration;

use anyhow::anyhow;
use events::Topic;
use kafka::{Cluster, Failure};
use service::Context;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::exit::setting;
use crate::topics::{Layout, judgement};

/// A service that starts while Kafka is away is not held up longer: ingest has to answer.
const PATIENCE: Duration = Duration::from_secs(3);
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// For so long a broker that has just started may not know of topics, nor all of a topic that is new.
const HEARSAY: Duration = Duration::from_secs(5);
/// A broker that is down for the moment is not counted, so that two may be three.
const COPIES_SAFE: i32 = 2;

/// What is asked of Kafka.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) cluster: Cluster,
    pub(crate) layout: Layout,
    pub(crate) topics: Vec<Topic>,
    pub(crate) dedupe_window: Duration,
}

impl Question {
    /// Fails if a topic is missing or wrong. While Kafka is away that is not known: a task asks on.
    pub(crate) async fn ask(self, context: &Context) -> anyhow::Result<()> {
        match timeout(PATIENCE, self.once()).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(objection))) => {
                warn!(%objection, "topics are checked again");
                // Longer only if Kafka goes away meanwhile.
                if let Ok(known) = timeout(HEARSAY * 2, self.until_known()).await {
                    return known;
                }
            }
            Ok(Err(fatal @ Failure::Fatal { .. })) => return Err(fatal.into()),
            Ok(Err(Failure::Unclear { .. })) | Err(_) => {
                warn!("kafka is away, topics are checked when it is back");
            }
        }
        let shutdown = context.shutdown.clone();
        context.tasks.spawn("topics", move || {
            let (question, shutdown) = (self.clone(), shutdown.clone());
            async move {
                tokio::select! {
                    known = question.until_known() => known,
                    () = shutdown.requested() => Ok(()),
                }
            }
        });
        Ok(())
    }

    /// Asks until the topics are good, or have been wrong for a while.
    async fn until_known(&self) -> anyhow::Result<()> {
        let mut objected_at = None;
        loop {
            match self.once().await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(objection)) => {
                    if objected_at.get_or_insert_with(Instant::now).elapsed() > HEARSAY {
                        return Err(objection);
                    }
                }
                Err(fatal @ Failure::Fatal { .. }) => return Err(fatal.into()),
                Err(Failure::Unclear { .. }) => objected_at = None,
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    async fn once(&self) -> Result<anyhow::Result<()>, Failure> {
        let (layout, window) = (&self.layout, self.dedupe_window);
        let judged = judgement(&self.cluster, layout, &self.topics, window).await?;
        if let Some(objection) = judged.objection {
            return Ok(setting(Err(anyhow!(objection))));
        }
        for remark in judged.remarks {
            warn!(remark, "a topic is not as planned");
        }
        if judged.copies < COPIES_SAFE {
            warn!(
                copies = judged.copies,
                "one broker alone keeps a record: a power cut there may lose it"
            );
        }
        info!("topics are good");
        Ok(Ok(()))
    }
}
