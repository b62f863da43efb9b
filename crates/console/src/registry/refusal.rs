//! Why the registry does not answer, with the codes that its clients know.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::Reply;

#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Path not found")]
    PathNotFound,
    #[error("Subject not found")]
    SubjectNotFound,
    #[error("Version not found")]
    VersionNotFound,
    #[error("Schema not found")]
    SchemaNotFound,
    #[error("Invalid schema")]
    InvalidSchema,
    #[error("Invalid version: a number from 1, or latest")]
    InvalidVersion,
    #[error("This registry is read-only: its schemas are those that Cardea ships")]
    ReadOnly,
    /// Its clients try again; that Cardea is refused there is not theirs to mend.
    #[error("The registry with this schema does not serve")]
    NotForwarded,
}

impl Refusal {
    fn error_code(self) -> u16 {
        match self {
            Self::PathNotFound => 404,
            Self::SubjectNotFound => 40401,
            Self::VersionNotFound => 40402,
            Self::SchemaNotFound => 40403,
            Self::InvalidSchema => 42201,
            Self::InvalidVersion => 42202,
            Self::ReadOnly => 405,
            Self::NotForwarded => 50003,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::PathNotFound
            | Self::SubjectNotFound
            | Self::VersionNotFound
            | Self::SchemaNotFound => StatusCode::NOT_FOUND,
            Self::InvalidSchema | Self::InvalidVersion => StatusCode::UNPROCESSABLE_ENTITY,
            Self::ReadOnly => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotForwarded => StatusCode::BAD_GATEWAY,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let document = json!({"error_code": self.error_code(), "message": self.to_string()});
        (self.status(), Reply(document)).into_response()
    }
}
