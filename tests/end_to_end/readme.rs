//! The README's examples run as printed.

use std::process::Command;

use events::Provider;
use testkit::wait_until;

use crate::program::{DEADLINE, Site, binary, root};

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_webhook_is_accepted_and_comes_out() {
    let site = Site::new();
    let _program = site.start().await;
    let address = format!("127.0.0.1:{}", site.ingest());
    let example = example_with("curl -i").replace("127.0.0.1:8080", &address);
    // The receiver belongs to `make up`.
    let (example, _) = example.split_once("curl -s").unwrap();
    let ran = Command::new("bash")
        .args(["-euc", example])
        .output()
        .unwrap();
    let answer = String::from_utf8_lossy(&ran.stdout);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    wait_until("the event", DEADLINE, async || site.events().len() == 1).await;
    assert_eq!(site.events()[0].envelope.provider, Provider::Gxp);
}

#[test]
fn every_subcommand_that_the_readme_names_teaches_itself() {
    let readme = readme();
    let table = readme.split("| subcommand | does |").nth(1).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut named = Vec::new();
    for row in rows {
        let cell = row.split('|').nth(1).unwrap();
        named.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    assert!(named.len() > 10, "{named:?}");
    for subcommand in named {
        let help = Command::new(binary())
            .args([&subcommand, "--help"])
            .output()
            .unwrap();
        assert!(help.status.success(), "cardea {subcommand} --help");
        assert!(
            help.stdout.len() > 200,
            "cardea {subcommand} --help teaches nothing"
        );
    }
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// Returns the indented example that holds this text.
fn example_with(text: &str) -> String {
    let readme = readme();
    let blocks = readme.split("\n\n");
    let block = blocks
        .filter(|block| block.starts_with("    "))
        .find(|block| block.contains(text));
    block.unwrap().to_owned()
}
