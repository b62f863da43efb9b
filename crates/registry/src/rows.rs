//! The topic `schema_ids`: every id that a registry gave a schema of Cardea.
//!
//! Key `<subject>/<id>`, value a JSON object. All rows are in partition 0, so that they have one
//! order: of several rows of a registry that say the same schema, the last one counts.

use events::schema::{self, Ids, Writer};
use events::{CanonicalTopic, Topic};
use kafka::{Cluster, Failure, Producer, Record, SendError, Table, Update};
use serde::{Deserialize, Serialize};
use tracing::warn;

/// All rows, in their order.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<Known>);

#[derive(Debug)]
struct Known {
    row: Row,
    writer: Writer,
}

/// What one registry said of one schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The registry's address.
    pub(crate) registry: String,
    pub(crate) subject: String,
    pub(crate) id: i32,
    /// Its text, so that readers of any release, and without a registry, can read what has the id.
    pub(crate) schema: String,
}

impl Row {
    fn key(&self) -> String {
        format!("{}/{}", self.subject, self.id)
    }
}

impl Rows {
    /// Reads the topic, which must exist. Blocks.
    pub(crate) fn load(cluster: &Cluster) -> Result<Self, Failure> {
        let mut table = Table::open(cluster, &cluster.topic(Topic::SchemaIds))?;
        let mut rows = Self::default();
        table.load(|update| rows.apply(&update))?;
        Ok(rows)
    }

    fn apply(&mut self, Update { key, value }: &Update) {
        self.0.retain(|known| known.row.key().as_bytes() != key);
        let Some(value) = value else {
            return;
        };
        let row = serde_json::from_slice::<Row>(value).ok();
        let known = row.and_then(|row| {
            let writer = Writer::parse(&row.schema).ok()?;
            Some(Known { row, writer })
        });
        match known {
            Some(known) if known.row.key().as_bytes() == key => self.0.push(known),
            Some(_) | None => warn!("a row of schema_ids is not understood and passed over"),
        }
    }

    /// Returns the ids that a registry gave the current schemas, if it gave them all.
    pub(crate) fn ids(&self, cluster: &Cluster, registry: &str) -> Option<Ids> {
        let id_of = |topic| {
            let current = schema::current(topic);
            let subject = crate::subject(cluster, topic);
            let mut latest_first = self.0.iter().rev();
            latest_first.find_map(|Known { row, writer }| {
                let same = row.registry == registry && row.subject == subject;
                (same && writer.is(current)).then_some(row.id)
            })
        };
        let ids: Option<Vec<i32>> = CanonicalTopic::ALL.into_iter().map(id_of).collect();
        Some(Ids::new(ids?.try_into().ok()?))
    }

    /// Returns the schema of a subject's id.
    pub(crate) fn writer(&self, subject: &str, id: i32) -> Option<&Writer> {
        let mut known = self.0.iter();
        let found = known.find(|known| known.row.subject == subject && known.row.id == id);
        found.map(|known| &known.writer)
    }
}

/// Writes a row; from then on every reader can find its schema.
pub(crate) async fn write(
    cluster: &Cluster,
    producer: &Producer,
    row: &Row,
) -> Result<(), SendError> {
    let value = serde_json::to_vec(row).expect("texts and a number are JSON");
    let (topic, key) = (cluster.topic(Topic::SchemaIds), row.key());
    let record = Record {
        topic: &topic,
        partition: Some(0),
        key: Some(key.as_bytes()),
        value: Some(&value),
        ..Record::default()
    };
    producer.send(&record).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
