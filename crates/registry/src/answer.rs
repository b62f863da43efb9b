//! What an answer of the registry means.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Outage, Refusal, RegistryError};

/// Reads the answer to the question for a subject's id.
pub(crate) fn id(status: StatusCode, body: &[u8], subject: &str) -> Result<i32, RegistryError> {
    #[derive(Deserialize)]
    struct Given {
        id: i32,
    }
    if status == StatusCode::OK {
        let given = serde_json::from_slice::<Given>(body);
        let given = given.map_err(|_| Refusal::NotARegistry { status })?;
        return Ok(given.id);
    }
    Err(failure(status, body, subject))
}

/// Reads the answer to the question for the schema of an id; `None` if there is none.
pub(crate) fn schema(status: StatusCode, body: &[u8]) -> Result<Option<Value>, RegistryError> {
    if status == StatusCode::OK {
        let document = serde_json::from_slice::<Value>(body).ok();
        let document = document.filter(|document| document["schema"].is_string());
        return Ok(Some(document.ok_or(Refusal::NotARegistry { status })?));
    }
    if status == StatusCode::NOT_FOUND && error_code(body).is_some_and(is_missing) {
        return Ok(None);
    }
    Err(failure(status, body, "schemas by id"))
}

/// The message is left out: what stands in it is not ours to log.
fn error_code(body: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Told {
        error_code: u32,
    }
    let told = serde_json::from_slice::<Told>(body).ok()?;
    Some(told.error_code)
}

/// Tells that subject, version or schema are not there; a plain 404 is of a path that no registry has.
fn is_missing(error_code: u32) -> bool {
    (40_400..40_500).contains(&error_code)
}

fn failure(status: StatusCode, body: &[u8], subject: &str) -> RegistryError {
    let subject = subject.to_owned();
    let code = error_code(body);
    let refusal = match (status, code) {
        (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => {
            return Outage::Status(status).into();
        }
        (status, _) if status.is_server_error() => return Outage::Status(status).into(),
        (StatusCode::UNAUTHORIZED, _) => Refusal::Unauthorized,
        (StatusCode::FORBIDDEN, _) => Refusal::Forbidden { subject },
        (StatusCode::CONFLICT, _) => Refusal::Incompatible { subject },
        (StatusCode::UNPROCESSABLE_ENTITY, Some(code)) => Refusal::Unprocessable { subject, code },
        (StatusCode::NOT_FOUND, Some(code)) if is_missing(code) => {
            Refusal::NotRegistered { subject }
        }
        (status, _) => Refusal::NotARegistry { status },
    };
    refusal.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = "cardea.access-value";

    fn told(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        match id(status, body.as_bytes(), SUBJECT) {
            Ok(id) => format!("id {id}"),
            Err(RegistryError::Away(_)) => "away".to_owned(),
            Err(RegistryError::Refused(refusal)) => refusal.to_string(),
        }
    }

    #[test]
    fn an_id_is_read_whatever_stands_beside_it() {
        assert_eq!(told(200, r#"{"id": 7}"#), "id 7");
        assert_eq!(told(200, r#"{"id": 7, "version": 2, "guid": "x"}"#), "id 7");
    }

    #[test]
    fn what_may_pass_is_no_refusal() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(told(status, ""), "away", "{status}");
        }
        assert_eq!(told(500, r#"{"error_code": 50001}"#), "away");
    }

    #[test]
    fn a_refusal_names_the_subject_and_the_way_out() {
        let refusals = [
            (409, 409, "compatibility level"),
            (422, 42205, "--schema-registry-mode lookup"),
            (403, 40301, "grant"),
            (404, 40403, "cardea schemas register"),
        ];
        for (status, code, way_out) in refusals {
            let body = format!(r#"{{"error_code": {code}, "message": "of somebody"}}"#);
            let told = told(status, &body);
            assert!(told.contains(SUBJECT) && told.contains(way_out), "{told}");
            assert!(!told.contains("somebody"), "{told}");
        }
        assert!(told(401, "").contains("--schema-registry-secret"));
    }

    #[test]
    fn what_is_no_registry_is_said_to_be_none() {
        for (status, body) in [
            (200, "<html>"),
            (200, "{}"),
            (302, ""),
            (404, "not found"),
            (404, r#"{"error_code": 404}"#),
            (405, ""),
        ] {
            let told = told(status, body);
            assert!(told.contains("no schema registry"), "{status}: {told}");
        }
    }

    #[test]
    fn an_unknown_id_is_told_from_a_wrong_address() {
        let missing = br#"{"error_code": 40403, "message": "Schema not found"}"#;
        assert!(matches!(schema(StatusCode::NOT_FOUND, missing), Ok(None)));
        assert!(schema(StatusCode::NOT_FOUND, b"not found").is_err());
        let found = schema(StatusCode::OK, br#"{"schema": "\"string\""}"#);
        assert_eq!(found.unwrap().unwrap()["schema"], "\"string\"");
    }
}
