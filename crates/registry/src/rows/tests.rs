use bytes::Bytes;
use events::CanonicalTopic::{self, Access};

use super::*;

const HERE: &str = "https://here";

fn cluster() -> Cluster {
    let config = kafka::Config {
        brokers: "127.0.0.1:1".to_owned(),
        topic_prefix: "cardea.".to_owned(),
        kafka_set: Vec::new(),
    };
    Cluster::new(&config).unwrap()
}

fn row(registry: &str, topic: CanonicalTopic, id: i32, schema: &str) -> Row {
    Row {
        registry: registry.to_owned(),
        subject: crate::subject(&cluster(), topic),
        id,
        schema: schema.to_owned(),
    }
}

fn current(registry: &str, topic: CanonicalTopic, id: i32) -> Row {
    row(registry, topic, id, &schema::current(topic).compact())
}

/// The schema of a release to come.
fn tomorrow(topic: CanonicalTopic) -> String {
    let field = r#""fields":[{"name":"later","type":"string","default":""},"#;
    let text = schema::current(topic).compact();
    text.replacen(r#""fields":["#, field, 1)
}

fn apply(rows: &mut Rows, row: &Row) {
    rows.apply(&Update {
        key: Bytes::from(row.key()),
        value: Some(serde_json::to_vec(row).unwrap().into()),
    });
}

fn rows(all: &[Row]) -> Rows {
    let mut rows = Rows::default();
    all.iter().for_each(|row| apply(&mut rows, row));
    rows
}

impl Rows {
    /// The rows of these ids of the current schemas.
    pub(crate) fn of(ids: &[(CanonicalTopic, i32)]) -> Self {
        let all = ids.iter().map(|(topic, id)| current(HERE, *topic, *id));
        rows(&all.collect::<Vec<_>>())
    }
}

fn four(registry: &str, first: i32) -> Vec<Row> {
    let topics = CanonicalTopic::ALL.into_iter().zip(first..);
    topics
        .map(|(topic, id)| current(registry, topic, id))
        .collect()
}

fn ids(all: &[Row], registry: &str) -> Option<Ids> {
    rows(all).ids(&cluster(), registry)
}

#[test]
fn ids_serve_when_the_configured_registry_gave_them_all() {
    let all = four(HERE, 7);
    assert_eq!(ids(&all, HERE), Some(Ids::new([7, 8, 9, 10])));
    assert_eq!(ids(&all[1..], HERE), None);
    assert_eq!(ids(&all, "https://elsewhere"), None);
}

#[test]
fn ids_of_another_release_do_not_serve_this_one() {
    let mut all = four(HERE, 7);
    all[0] = row(HERE, Access, 7, &tomorrow(Access));
    assert_eq!(ids(&all, HERE), None);
}

#[test]
fn the_last_of_several_ids_counts_and_the_others_are_still_read() {
    let all = [four(HERE, 20), four(HERE, 7)].concat();
    assert_eq!(ids(&all, HERE), Some(Ids::new([7, 8, 9, 10])));
    let rows = rows(&all);
    let current = schema::current(Access);
    for id in [7, 20] {
        let writer = rows.writer("cardea.access-value", id).unwrap();
        assert!(writer.is(current), "{id}");
    }
}

#[test]
fn an_id_means_a_schema_within_its_subject() {
    let rows = rows(&four(HERE, 7));
    assert!(rows.writer("cardea.access-value", 8).is_none());
    assert!(rows.writer("cardea.credential-value", 8).is_some());
}

#[test]
fn a_schema_of_another_release_is_found() {
    let rows = rows(&[row(HERE, Access, 7, &tomorrow(Access))]);
    let writer = rows.writer("cardea.access-value", 7).unwrap();
    assert!(matches!(writer, Writer::Other(_)));
    assert!(!writer.is(schema::current(Access)));
}

#[test]
fn a_row_that_is_deleted_or_not_understood_is_none() {
    let mut all = four(HERE, 7);
    all[1].schema = "{}".to_owned();
    let mut rows = rows(&all);
    assert!(rows.writer("cardea.credential-value", 8).is_none());
    rows.apply(&Update {
        key: Bytes::from(all[0].key()),
        value: None,
    });
    rows.apply(&Update {
        key: Bytes::from("cardea.device-value/9"),
        value: Some(Bytes::from("of tomorrow")),
    });
    rows.apply(&Update {
        key: Bytes::from("of another"),
        value: Some(serde_json::to_vec(&all[0]).unwrap().into()),
    });
    let left: Vec<i32> = rows.0.iter().map(|known| known.row.id).collect();
    assert_eq!(left, [10]);
}
