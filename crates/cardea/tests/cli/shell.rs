//! Exit codes, messages, help: what needs no Kafka.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::{SOURCES, Service, cardea, command, stderr, stdout};

/// `EX_USAGE` and `EX_CONFIG` of `sysexits.h`.
const USAGE: Option<i32> = Some(64);
const CONFIG: Option<i32> = Some(78);

/// Asserts that the command fails so, with one line on stderr that says all of this.
fn assert_refused(args: &[&str], code: Option<i32>, says: &[&str]) {
    let output = cardea(args);
    assert_eq!(output.status.code(), code, "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    for part in says {
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    if code == CONFIG {
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn help_names_every_command_and_goes_to_stdout() {
    let output = cardea(&["--help"]);
    assert!(output.status.success());
    for command in [
        "all",
        "ingest",
        "normalizer",
        "sink",
        "console",
        "topics",
        "send",
        "simulate",
        "verify",
        "tail",
        "audit",
        "quarantine",
        "spool",
        "subscriptions",
        "schemas",
        "completions",
    ] {
        assert!(stdout(&output).contains(&format!("\n  {command}")));
    }
}

#[test]
fn help_of_a_command_shows_an_example() {
    for command in [
        &["all"] as &[&str],
        &["ingest"],
        &["normalizer"],
        &["sink"],
        &["console"],
        &["topics"],
        &["send"],
        &["simulate"],
        &["verify"],
        &["tail"],
        &["spool", "list"],
        &["spool", "drain"],
        &["subscriptions", "create"],
        &["subscriptions", "list"],
        &["subscriptions", "delete"],
        &["schemas", "check"],
        &["schemas", "register"],
    ] {
        let output = cardea(&[command, &["--help"]].concat());
        let line = format!("cardea {}", command.join(" "));
        assert!(stdout(&output).contains(&line), "{}", stdout(&output));
        assert!(stdout(&output).contains("Example"), "{command:?}");
    }
}

#[test]
fn a_bad_flag_is_a_usage_error() {
    assert_refused(&["topics", "--colour"], USAGE, &["--colour"]);
    assert_refused(&["topics", "--partitions", "0"], USAGE, &["--partitions"]);
    assert_refused(&["teleport"], USAGE, &["teleport"]);
    assert_refused(
        &["tail", "--type", "access.opened"],
        USAGE,
        &["access.opened"],
    );
    assert_refused(&["tail", "--from", "yesterday"], USAGE, &["RFC 3339"]);
    for name in ["", " ", "hall 1"] {
        assert_refused(&["sink", "--instance", name], USAGE, &["--instance"]);
    }
}

#[test]
fn a_bad_setting_is_named_in_one_sentence() {
    let prefix = ["topics", "--topic-prefix", "a b"];
    assert_refused(&prefix, CONFIG, &["--topic-prefix", "`a b`"]);
    let brokers = ["tail", "--brokers", " "];
    assert_refused(&brokers, CONFIG, &["--brokers", "no broker"]);
}

#[test]
fn an_unknown_log_level_is_named_with_those_that_there_are() {
    let level = ["console", "--log-level", "warning"];
    assert_refused(&level, CONFIG, &["--log-level", "`warning`", "warn,"]);
}

#[test]
fn a_bad_kafka_setting_is_named_without_its_value() {
    let setting = ["topics", "--kafka-set", "sasl.passwort=canary-5150"];
    assert_refused(&setting, CONFIG, &["--kafka-set", "sasl.passwort"]);
    assert!(!stderr(&cardea(&setting)).contains("canary-5150"));
}

#[test]
fn kafka_settings_that_do_not_go_together_end_a_service_before_a_port_opens() {
    for (setting, says) in [
        ("enable.idempotence=false", "enable.idempotence"),
        ("group.protocol=consumer", "group.protocol"),
    ] {
        for service in [
            &["normalizer"] as &[&str],
            &["sink"],
            &["all", "--sources", SOURCES],
        ] {
            let flags = ["--log-level", "error", "--kafka-set", setting];
            assert_refused(&[service, &flags].concat(), CONFIG, &["--kafka-set", says]);
        }
    }
}

fn sources_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("there is a temporary folder");
    std::fs::write(&file, text).expect("a temporary file can be written");
    file
}

#[test]
fn bad_sources_end_a_service_before_a_port_opens_with_file_line_and_reason() {
    let file =
        sources_file("sources:\n- {id: hq, provider: gena, tenant: acme, secrets: [{text: s}]}\n");
    let path = file.path().to_str().unwrap();
    let args = ["ingest", "--sources", path, "--log-level", "error"];
    assert_refused(&args, CONFIG, &[path, ":2:", "`hq`", "`gena`"]);
}

#[test]
fn a_source_whose_secrets_are_all_expired_is_named_when_ingest_starts() {
    let secret = "{text: s, not_after: 2026-01-01T00:00:00Z}";
    let source = format!("{{id: hq, provider: genea, tenant: acme, secrets: [{secret}]}}");
    let file = sources_file(&format!("sources:\n- {source}\n"));
    let path = file.path().to_str().unwrap();
    // Ends after it has read the sources.
    let no_certificate = [
        "--ingest-tls-cert",
        "/none.crt",
        "--ingest-tls-key",
        "/none.key",
    ];
    let output = cardea(
        &[
            &["ingest", "--sources", path, "--no-spool"],
            &no_certificate[..],
        ]
        .concat(),
    );
    assert_eq!(output.status.code(), CONFIG);
    let said = stderr(&output).lines().find(|line| line.contains("ERROR"));
    assert!(
        said.is_some_and(|said| said.contains("source=\"hq\"")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_tool_names_the_sources_that_there_are() {
    let args = [
        "send",
        "--sources",
        SOURCES,
        "--source",
        "hq",
        "--event",
        "x",
    ];
    assert_refused(&args, CONFIG, &["`hq`", "gxp-demo", "cvent-demo"]);
}

#[test]
fn an_unknown_sample_or_address_is_a_bad_setting() {
    let source = ["send", "--sources", SOURCES, "--source", "gxp-demo"];
    let sample = [&source[..], &["--event", "teleport"]].concat();
    assert_refused(&sample, CONFIG, &["`teleport`", "cardea send --list"]);
    let address = [&source[..], &["--all-samples", "--url", "127.0.0.1"]].concat();
    assert_refused(&address, CONFIG, &["--url"]);
}

#[test]
fn nothing_to_send_is_a_usage_error() {
    assert_refused(&["send", "--source", "gxp-demo"], USAGE, &["--event"]);
}

#[test]
fn a_subscription_that_cannot_be_served_is_refused_before_kafka_is_asked() {
    let assert_refused_with = |flags: &[&str], code, says: &[&str]| {
        let args = [&["subscriptions", "create"], flags].concat();
        assert_refused(&args, code, says);
    };
    let private = ["--url", "http://127.0.0.1/", "--event-types", "*"];
    assert_refused_with(&private, CONFIG, &["url: the scheme must be https"]);
    let no_url = ["--url", "example.org", "--event-types", "*"];
    assert_refused_with(&no_url, USAGE, &["--url"]);
    let no_type = ["--url", "https://example.org/", "--event-types", "a*b"];
    assert_refused_with(&no_type, USAGE, &["--event-types"]);
    for unknown in ["access.grantd", "acces.*"] {
        let flags = ["--url", "https://example.org/", "--event-types", unknown];
        assert_refused_with(&flags, USAGE, &[unknown, "access.granted", "native"]);
    }
    assert_refused(&["subscriptions", "delete", "sub_7"], USAGE, &["sub_7"]);
}

#[test]
fn samples_of_every_provider_are_listed() {
    let output = cardea(&["send", "--list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for provider in events::Provider::ALL {
        let mut list = list.as_array().unwrap().iter();
        assert!(list.any(|sample| sample["provider"] == provider.name()));
    }
}

#[test]
fn verify_accepts_a_proven_body_and_says_what_is_wrong_with_another() {
    let file = sources_file(r#"{"gateway_id":"GW-007","status":"online"}"#);
    let body = file.path().to_str().unwrap();
    let verify = |body: &str, header: &str| {
        let source = ["verify", "--sources", SOURCES, "--source", "gxp-demo"];
        let delivery = ["--path", "mqtt-gateway-status", "--body", body];
        cardea(&[&source[..], &delivery, &["--header", header]].concat())
    };
    // openssl dgst -sha256 -hmac gxp-demo-secret-0123456789
    let proof =
        "X-GxP-Signature: sha256=f471bd6499c2c582208cecafe0d7674c3c72cfad2e03c2d6f8086c8f6bf6fbcc";
    let accepted = verify(body, proof);
    assert!(accepted.status.success(), "{}", stdout(&accepted));
    assert!(stdout(&accepted).contains("device.online"));

    let missing = verify(body, "Accept: */*");
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(
        stdout(&missing),
        "refused: header `x-gxp-signature` is missing\n"
    );

    let edited = sources_file("{\"gateway_id\":\"GW-007\",\"status\":\"online\"}\n");
    let refused = verify(edited.path().to_str().unwrap(), proof);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stdout(&refused).contains("byte for byte"),
        "{}",
        stdout(&refused)
    );
}

#[test]
fn a_simulation_without_ingest_counts_what_was_not_taken() {
    let url = ["--url", "http://127.0.0.1:1"];
    let run = ["simulate", "--sources", SOURCES, "--json", "--seed", "7"];
    let bounds = ["--count", "20", "--rate", "1000", "--forged", "0"];
    let output = cardea(&[&run[..], &url, &bounds].concat());
    assert_eq!(output.status.code(), Some(1));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["seed"], 7);
    assert_eq!(summary["total"]["unavailable"], 20);
    assert_eq!(stderr(&output), "");
}

#[tokio::test]
async fn ingest_answers_while_kafka_is_away_and_ends_when_it_is_asked() {
    let ingest = command(&["ingest", "--brokers", "127.0.0.1:1"]);
    let service = Service::start(ingest).await;
    let source = ["send", "--sources", SOURCES, "--source", "genea-demo"];
    let sample = ["--event", "access-granted", "--url", &service.url, "--json"];
    let output = cardea(&[&source[..], &sample].concat());
    assert_eq!(output.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["status"], 503);

    let asked_at = Instant::now();
    assert!(service.terminate());
    assert!(asked_at.elapsed() < Duration::from_secs(10));
}

#[test]
fn completions_complete_our_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = cardea(&["completions", shell]);
        assert!(output.status.success());
        assert!(stdout(&output).contains("topics"), "{shell}");
    }
}

#[test]
fn a_printed_schema_passes_its_own_check() {
    let printed = cardea(&["schemas", "print", "device"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("device.avsc");
    std::fs::write(&file, &printed.stdout).unwrap();
    let file = file.to_str().unwrap();
    let same = cardea(&["schemas", "check", file, "--topic", "device"]);
    assert!(same.status.success(), "{}", stdout(&same));
    let other = cardea(&["schemas", "check", file, "--topic", "access", "--json"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(stdout(&other).contains(r#""compatible":false"#));
}

#[test]
fn schemas_are_listed_for_people_and_for_scripts() {
    let table = cardea(&["schemas", "list"]);
    assert!(stdout(&table).starts_with("TOPIC       VERSION  ID\naccess      1"));
    let json = cardea(&["schemas", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(list[0]["topic"], "access");
}

#[test]
fn a_version_that_is_not_there_is_a_bad_setting() {
    let args = ["schemas", "print", "access", "--version", "9"];
    assert_refused(&args, CONFIG, &["--version", "access has no version 9"]);
}

#[test]
fn a_tool_says_where_it_looked_for_kafka_and_how_to_mend_that() {
    let tools = [
        &["topics"] as &[&str],
        &["tail"],
        &["subscriptions", "list"],
        &[
            "subscriptions",
            "delete",
            "sub_0123456789abcdef0123456789abcdef",
        ],
    ];
    // Each waits for Kafka as long as it would for a slow one.
    let started = tools.map(|tool| {
        let mut command = command(&[tool, &["--brokers", "127.0.0.1:1"]].concat());
        command.stderr(Stdio::piped()).spawn().unwrap()
    });
    for process in started {
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        let expected = "cardea: kafka at 127.0.0.1:1 does not serve; --brokers or CARDEA_BROKERS";
        assert!(said.starts_with(expected), "{said}");
        let cause = "(Local: Broker transport failure)";
        assert_eq!(said.matches(cause).count(), 1, "{said}");
    }
}

#[test]
fn a_tool_says_where_it_looked_for_ingest() {
    let source = ["send", "--sources", SOURCES, "--source", "gxp-demo"];
    let url = ["--all-samples", "--url", "http://127.0.0.1:1"];
    let output = cardea(&[&source[..], &url].concat());
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("http://127.0.0.1:1 gave no complete answer; see --url"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let args = ["schemas", "check", "/nowhere.avsc", "--topic", "access"];
    assert_refused(&args, CONFIG, &["/nowhere.avsc"]);
}

#[test]
fn a_registry_that_cannot_be_asked_is_a_bad_setting() {
    let register = ["schemas", "register"];
    assert_refused(&register, CONFIG, &["--schema-registry"]);
    let flag = "--schema-registry";
    let args = [&register[..], &[flag, "https://me:sesame@registry"]].concat();
    assert_refused(&args, CONFIG, &[flag, "--schema-registry-user"]);
    assert!(!stderr(&cardea(&args)).contains("sesame"));
    let args = [
        &["console", flag, "https://registry"][..],
        &["--schema-registry-ca", "/nowhere.pem"],
    ];
    assert_refused(&args.concat(), CONFIG, &["/nowhere.pem"]);
}
