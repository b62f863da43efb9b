//! The program as a shell sees it: exit codes, messages, help. Needs no Kafka.

use std::path::Path;
use std::process::{Command, Output};

/// `EX_USAGE` and `EX_CONFIG` of `sysexits.h`.
const USAGE: Option<i32> = Some(64);
const CONFIG: Option<i32> = Some(78);

fn cardea(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cardea"))
        .args(args)
        .env_clear()
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .expect("cargo has built the program")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("the output is text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("the output is text")
}

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
    for command in ["topics", "tail", "schemas", "completions"] {
        assert!(stdout(&output).contains(&format!("\n  {command}")));
    }
}

#[test]
fn help_of_a_command_shows_an_example() {
    for command in [&["topics"] as &[&str], &["tail"], &["schemas", "check"]] {
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
}

#[test]
fn a_bad_setting_is_named_in_one_sentence() {
    let prefix = ["topics", "--topic-prefix", "a b"];
    assert_refused(&prefix, CONFIG, &["--topic-prefix", "`a b`"]);
    let brokers = ["tail", "--brokers", " "];
    assert_refused(&brokers, CONFIG, &["--brokers", "no broker"]);
}

#[test]
fn a_bad_kafka_setting_is_named_without_its_value() {
    let setting = ["topics", "--kafka-set", "sasl.passwort=canary-5150"];
    assert_refused(&setting, CONFIG, &["--kafka-set", "sasl.passwort"]);
    assert!(!stderr(&cardea(&setting)).contains("canary-5150"));
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
fn a_file_that_is_not_there_is_named() {
    let args = ["schemas", "check", "/nowhere.avsc", "--topic", "access"];
    assert_refused(&args, CONFIG, &["/nowhere.avsc"]);
}
