//! The read side of Confluent's schema registry API, over the schemas that Cardea ships.
//!
//! A stock deserializer needs `schemas/ids/{id}`, the rest is what clients and tools look around
//! with. Nothing can be registered: a new schema is a new release. An id that is not ours is asked
//! of the registry that Cardea writes with, if there is one.

mod refusal;

use std::sync::Arc;

use ::registry::{Client, RegistryError};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use events::CanonicalTopic;
use events::schema::{self, Versioned};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::warn;

use refusal::Refusal;

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const COMPATIBILITY: &str = "FULL_TRANSITIVE";
const MODE: &str = "READONLY";

/// The largest schema that somebody may ask about.
const BODY_BYTES_MAX: usize = 256 * 1024;

type Answer = Result<Reply, Refusal>;

pub(crate) fn router(topic_prefix: &str, behind: Option<Client>) -> Router {
    let subjects = Subjects {
        topic_prefix: topic_prefix.into(),
    };
    let by_id = Router::new()
        .route("/schemas/ids/{id}", get(schema_by_id))
        .with_state(behind);
    Router::new()
        .route("/schemas/types", get(schema_types))
        .route("/schemas/ids/{id}/versions", get(versions_of_id))
        .route("/subjects", get(list_subjects))
        .route("/subjects/{subject}", post(look_up))
        .route("/subjects/{subject}/versions", get(list_versions))
        .route("/subjects/{subject}/versions/{version}", get(version))
        .route("/config", get(config))
        .route("/config/{subject}", get(config_of_subject))
        .route("/mode", get(mode))
        .route("/mode/{subject}", get(mode_of_subject))
        .with_state(subjects)
        .merge(by_id)
        .fallback(async || Refusal::PathNotFound)
        .method_not_allowed_fallback(async || Refusal::ReadOnly)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn schema_types() -> Answer {
    reply(["AVRO"])
}

async fn schema_by_id(State(behind): State<Option<Client>>, Path(id): Path<String>) -> Answer {
    let id: i32 = id.parse().map_err(|_| Refusal::SchemaNotFound)?;
    if let Some(known) = schema::by_id(id) {
        return reply(json!({"schema": known.text}));
    }
    let behind = behind.ok_or(Refusal::SchemaNotFound)?;
    match behind.schema(id).await {
        Ok(found) => reply(found.ok_or(Refusal::SchemaNotFound)?),
        Err(error @ (RegistryError::Away(_) | RegistryError::Refused(_))) => {
            let error = format!("{:#}", anyhow::Error::new(error));
            warn!(schema.id = id, error, "schema registry gives no schema");
            Err(Refusal::NotForwarded)
        }
    }
}

async fn versions_of_id(State(subjects): State<Subjects>, Path(id): Path<String>) -> Answer {
    let found = by_id(&id)?;
    let subject = subjects.of(found.topic);
    reply([json!({"subject": subject, "version": found.version})])
}

async fn list_subjects(State(subjects): State<Subjects>) -> Answer {
    reply(CanonicalTopic::ALL.map(|topic| subjects.of(topic)))
}

async fn list_versions(State(subjects): State<Subjects>, Path(subject): Path<String>) -> Answer {
    let topic = subjects.topic(&subject)?;
    let of_topic = schema::all().iter().filter(|found| found.topic == topic);
    reply(of_topic.map(|found| found.version).collect::<Vec<_>>())
}

async fn version(
    State(subjects): State<Subjects>,
    Path((subject, version)): Path<(String, String)>,
) -> Answer {
    let topic = subjects.topic(&subject)?;
    let found = match version.as_str() {
        "latest" | "-1" => schema::current(topic),
        number => numbered(topic, number)?,
    };
    reply(subjects.describe(found))
}

/// Says which version a schema is, as a serializer does that may not register.
async fn look_up(
    State(subjects): State<Subjects>,
    Path(subject): Path<String>,
    body: Bytes,
) -> Answer {
    #[derive(Deserialize)]
    struct Question {
        schema: String,
    }
    let topic = subjects.topic(&subject)?;
    let question: Question = serde_json::from_slice(&body).map_err(|_| Refusal::InvalidSchema)?;
    let found = schema::find(topic, &question.schema).map_err(|_| Refusal::InvalidSchema)?;
    reply(subjects.describe(found.ok_or(Refusal::SchemaNotFound)?))
}

async fn config() -> Answer {
    reply(json!({"compatibilityLevel": COMPATIBILITY}))
}

async fn config_of_subject(
    State(subjects): State<Subjects>,
    Path(subject): Path<String>,
) -> Answer {
    subjects.topic(&subject)?;
    config().await
}

async fn mode() -> Answer {
    reply(json!({"mode": MODE}))
}

async fn mode_of_subject(State(subjects): State<Subjects>, Path(subject): Path<String>) -> Answer {
    subjects.topic(&subject)?;
    mode().await
}

/// The names under which a registry files the topics' schemas.
#[derive(Clone)]
struct Subjects {
    topic_prefix: Arc<str>,
}

impl Subjects {
    fn of(&self, topic: CanonicalTopic) -> String {
        format!("{}{topic}-value", self.topic_prefix)
    }

    fn topic(&self, subject: &str) -> Result<CanonicalTopic, Refusal> {
        let mut topics = CanonicalTopic::ALL.into_iter();
        topics
            .find(|topic| self.of(*topic) == subject)
            .ok_or(Refusal::SubjectNotFound)
    }

    fn describe(&self, found: &Versioned) -> Value {
        json!({
            "subject": self.of(found.topic),
            "version": found.version,
            "id": found.id,
            "schemaType": "AVRO",
            "schema": found.text,
        })
    }
}

fn by_id(id: &str) -> Result<&'static Versioned, Refusal> {
    let id = id.parse().map_err(|_| Refusal::SchemaNotFound)?;
    schema::by_id(id).ok_or(Refusal::SchemaNotFound)
}

fn numbered(topic: CanonicalTopic, number: &str) -> Result<&'static Versioned, Refusal> {
    let number: i32 = number.parse().map_err(|_| Refusal::InvalidVersion)?;
    let mut of_topic = schema::all().iter().filter(|found| found.topic == topic);
    of_topic
        .find(|found| found.version == number)
        .ok_or(Refusal::VersionNotFound)
}

/// A JSON document in the registry's media type.
struct Reply(Value);

fn reply(document: impl Serialize) -> Answer {
    let document = serde_json::to_value(document).expect("names and numbers are valid JSON");
    Ok(Reply(document))
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, MEDIA_TYPE)], Json(self.0)).into_response()
    }
}

#[cfg(test)]
mod tests;
