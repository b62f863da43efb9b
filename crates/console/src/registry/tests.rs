use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use testkit::{Answer, Endpoint};
use tower::ServiceExt;

use super::*;

const ACCESS_ID: i32 = 2_000_000_001;

async fn ask(method: Method, path: &str, body: &str) -> (StatusCode, Value) {
    ask_before(None, method, path, body).await
}

/// Asks a console that has this registry behind it.
async fn ask_before(
    behind: Option<Client>,
    method: Method,
    path: &str,
    body: &str,
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/registry{path}"))
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = crate::router("cardea.", behind)
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE);
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

async fn get_ok(path: &str) -> Value {
    let (status, answer) = ask(Method::GET, path, "").await;
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    answer
}

async fn refused(method: Method, path: &str, body: &str) -> (u16, u64) {
    let (status, answer) = ask(method, path, body).await;
    assert!(answer["message"].is_string());
    (status.as_u16(), answer["error_code"].as_u64().unwrap())
}

#[tokio::test]
async fn a_deserializer_finds_every_schema_by_its_id() {
    for released in schema::all() {
        for query in ["", "?subject=cardea.access-value", "?fetchMaxId=false"] {
            let answer = get_ok(&format!("/schemas/ids/{}{query}", released.id)).await;
            assert_eq!(answer, json!({"schema": released.text}));
        }
    }
}

#[tokio::test]
async fn a_tool_finds_its_way_around() {
    let subjects = ["access", "credential", "device", "account"];
    let subjects = subjects.map(|topic| format!("cardea.{topic}-value"));
    assert_eq!(get_ok("/subjects").await, json!(subjects));
    assert_eq!(get_ok("/schemas/types").await, json!(["AVRO"]));

    let described = json!({
        "subject": "cardea.access-value",
        "version": 1,
        "id": ACCESS_ID,
        "schemaType": "AVRO",
        "schema": schema::current(CanonicalTopic::Access).text,
    });
    let versions = "/subjects/cardea.access-value/versions";
    assert_eq!(get_ok(versions).await, json!([1]));
    for version in ["1", "latest", "-1"] {
        assert_eq!(get_ok(&format!("{versions}/{version}")).await, described);
    }
    assert_eq!(
        get_ok(&format!("/schemas/ids/{ACCESS_ID}/versions")).await,
        json!([{"subject": "cardea.access-value", "version": 1}])
    );
    for config in ["/config", "/config/cardea.access-value"] {
        assert_eq!(
            get_ok(config).await,
            json!({"compatibilityLevel": "FULL_TRANSITIVE"})
        );
    }
    for mode in ["/mode", "/mode/cardea.access-value"] {
        assert_eq!(get_ok(mode).await, json!({"mode": "READONLY"}));
    }
}

#[tokio::test]
async fn a_serializer_finds_the_version_of_its_schema() {
    let schema = schema::current(CanonicalTopic::Access).text;
    let compact: Value = serde_json::from_str(schema).unwrap();
    let question = json!({"schema": compact.to_string(), "schemaType": "AVRO"}).to_string();

    let (status, answer) = ask(Method::POST, "/subjects/cardea.access-value", &question).await;
    assert_eq!((status, &answer["id"]), (StatusCode::OK, &json!(ACCESS_ID)));

    let other = refused(Method::POST, "/subjects/cardea.device-value", &question).await;
    assert_eq!(other, (404, 40403));
    for broken in ["", "{}", r#"{"schema": "{}"}"#] {
        let broken = refused(Method::POST, "/subjects/cardea.access-value", broken).await;
        assert_eq!(broken, (422, 42201));
    }
}

#[tokio::test]
async fn what_is_not_there_has_the_code_that_clients_know() {
    let cases = [
        ("/schemas/ids/1", (404, 40403)),
        ("/schemas/ids/one", (404, 40403)),
        ("/schemas/ids/1/versions", (404, 40403)),
        ("/subjects/access-value/versions", (404, 40401)),
        ("/subjects/cardea.access-key/versions/1", (404, 40401)),
        ("/config/nothing", (404, 40401)),
        ("/mode/nothing", (404, 40401)),
        ("/subjects/cardea.access-value/versions/2", (404, 40402)),
        ("/subjects/cardea.access-value/versions/two", (422, 42202)),
        ("/associations/resources/cardea.access", (404, 404)),
    ];
    for (path, expected) in cases {
        assert_eq!(refused(Method::GET, path, "").await, expected, "{path}");
    }
}

#[tokio::test]
async fn nothing_can_be_written() {
    let cases = [
        (Method::POST, "/subjects/cardea.access-value/versions"),
        (Method::DELETE, "/subjects/cardea.access-value"),
        (Method::DELETE, "/subjects/cardea.access-value/versions/1"),
        (Method::PUT, "/config"),
        (Method::PUT, "/mode"),
    ];
    for (method, path) in cases {
        assert_eq!(refused(method, path, "{}").await, (405, 405), "{path}");
    }
}

#[tokio::test]
async fn an_id_that_is_not_ours_is_asked_of_the_registry_behind() {
    let behind = Endpoint::start(Answer::status(200).body(r#"{"schema":"\"string\""}"#));
    let config = ::registry::Config {
        schema_registry: Some(behind.url().into()),
        schema_registry_mode: ::registry::Mode::Register,
        schema_registry_user: None,
        schema_registry_secret: None,
        schema_registry_secret_file: None,
        schema_registry_ca: None,
    };
    let client = Client::new(&config).unwrap();
    let ask = async |id: i32| {
        let path = format!("/schemas/ids/{id}");
        ask_before(client.clone(), Method::GET, &path, "").await
    };
    assert_eq!(
        ask(7).await,
        (StatusCode::OK, json!({"schema": "\"string\""}))
    );
    // Ours are served whatever is there.
    assert_eq!(ask(ACCESS_ID).await.0, StatusCode::OK);
    assert_eq!(behind.received_count(), 1);

    behind.answer([Answer::status(404).body(r#"{"error_code":40403}"#)]);
    let (status, answer) = ask(7).await;
    assert_eq!(
        (status.as_u16(), &answer["error_code"]),
        (404, &json!(40403))
    );
    for failed in [401, 403, 500] {
        behind.answer([Answer::status(failed)]);
        let (status, answer) = ask(7).await;
        assert_eq!(
            (status.as_u16(), &answer["error_code"]),
            (502, &json!(50003))
        );
    }
}
