use clap::Parser;
use events::CanonicalTopic;
use events::schema;
use testkit::{Answer, Endpoint, free_port};

use super::*;

mod tls;

const SUBJECT: &str = "cardea.access-value";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    config: Config,
}

fn client(address: &str, flags: &[&str]) -> Result<Client, ConfigError> {
    let flags = [&["test", "--schema-registry", address], flags].concat();
    let client = Client::new(&Flags::parse_from(flags).config)?;
    Ok(client.expect("an address is given"))
}

fn answering(body: &'static str) -> Endpoint {
    Endpoint::start(Answer::status(200).body(body))
}

fn access() -> &'static Versioned {
    schema::current(CanonicalTopic::Access)
}

#[tokio::test]
async fn a_schema_is_registered_or_only_looked_up() {
    let registry = answering(r#"{"id":7}"#);
    // A slash at the end, and a path before ours, as Apicurio has it.
    let base = format!("{}apis/ccompat/v7/", registry.url());
    for (mode, path) in [("register", "/versions"), ("lookup", "")] {
        let client = client(&base, &["--schema-registry-mode", mode]).unwrap();
        assert_eq!(client.id(SUBJECT, access()).await.unwrap(), 7);
        let asked = registry.received().pop().unwrap();
        let expected = format!("/apis/ccompat/v7/subjects/{SUBJECT}{path}");
        assert_eq!(
            (asked.method.as_str(), asked.uri.path()),
            ("POST", &*expected)
        );
        assert_eq!(asked.header("content-type"), MEDIA_TYPE);
        assert_eq!(asked.header("authorization"), "");
        let question: Value = serde_json::from_slice(&asked.body).unwrap();
        let text = question["schema"].as_str().unwrap();
        let same = schema::find(CanonicalTopic::Access, text).unwrap().unwrap();
        assert_eq!(same.id, access().id);
        assert!(!text.contains('\n'), "{text}");
    }
}

#[tokio::test]
async fn a_schema_is_read_by_its_id() {
    let registry = answering(r#"{"schema":"\"string\""}"#);
    let client = client(&registry.url(), &[]).unwrap();
    let found = client.schema(9).await.unwrap().unwrap();
    assert_eq!(found["schema"], "\"string\"");
    let asked = registry.received().pop().unwrap();
    assert_eq!(asked.uri.path(), "/schemas/ids/9");
}

#[tokio::test]
async fn a_secret_goes_to_the_registry_and_nowhere_else() {
    let registry = answering("{}");
    let flags = [
        "--schema-registry-user",
        "cardea",
        "--schema-registry-secret",
        "sesame",
    ];
    let client = client(&registry.url(), &flags).unwrap();
    let refused = client.id(SUBJECT, access()).await.unwrap_err();
    let asked = registry.received().pop().unwrap();
    assert_eq!(asked.header("authorization"), "Basic Y2FyZGVhOnNlc2FtZQ==");
    for shown in [format!("{refused:?} {refused}"), format!("{client:?}")] {
        assert!(
            !shown.contains("sesame") && !shown.contains("Y2Fy"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_registry_that_is_away_may_come_back() {
    let registry = Endpoint::start(Answer::reset());
    let mut client_of_it = client(&registry.url(), &[]).unwrap();
    client_of_it.answer_within = Duration::from_millis(200);
    let large = Answer::status(200).body(vec![b' '; ANSWER_BYTES_MAX + 1]);
    for answer in [Answer::reset(), Answer::hang(), Answer::status(503), large] {
        registry.answer([answer]);
        let failed = client_of_it.id(SUBJECT, access()).await;
        assert!(matches!(failed, Err(RegistryError::Away(_))), "{failed:?}");
    }
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let failed = client(&nobody, &[]).unwrap().id(SUBJECT, access()).await;
    assert!(matches!(failed, Err(RegistryError::Away(_))), "{failed:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = answering(r#"{"id":7}"#);
    let registry = Endpoint::start(Answer::redirect(&elsewhere.url()));
    let client = client(&registry.url(), &[]).unwrap();
    let refused = client.id(SUBJECT, access()).await;
    assert!(
        matches!(refused, Err(RegistryError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(elsewhere.received_count(), 0);
}

#[test]
fn an_address_is_checked_and_a_secret_in_it_is_not_told() {
    for address in ["", "registry", "ftp://registry", "http://", "http://r/?a=b"] {
        let refused = client(address, &[]).unwrap_err();
        assert!(matches!(refused, ConfigError::Address), "{address}");
    }
    let refused = client("https://cardea:sesame@registry/", &[]).unwrap_err();
    assert!(matches!(refused, ConfigError::SecretInAddress));
    let open = client("https://registry:8081/path/", &[]).unwrap();
    assert_eq!(open.address(), "https://registry:8081/path");
}

#[test]
fn a_file_without_certificates_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let refused = client("https://registry", &["--schema-registry-ca", path]).unwrap_err();
    assert!(refused.to_string().contains(path), "{refused}");
    let refused = client("https://registry", &["--schema-registry-ca", "/nowhere"]).unwrap_err();
    assert!(refused.to_string().contains("/nowhere"), "{refused}");
}
