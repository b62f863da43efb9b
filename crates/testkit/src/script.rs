//! The two ways to `deploy/kafka/kafka`: its folder, and a lease that ends with this process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/kafka/kafka");
const STATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.cardea");

/// Where the Kafka called `name` lives.
pub(crate) fn folder(name: &str) -> PathBuf {
    fs::create_dir_all(STATE).expect("create .cardea");
    Path::new(STATE)
        .canonicalize()
        .expect("find .cardea")
        .join(name)
}

/// Takes a share in the Kafka that watches `file`. It is given back when the file is closed, which a kill does too.
pub(crate) fn lease(file: &Path) -> File {
    let lease = File::options()
        .create(true)
        .append(true)
        .open(file)
        .expect("open the lease");
    lease.lock_shared().expect("take the lease");
    lease
}

/// Runs the script and returns what it printed.
pub(crate) fn run(command: &str, dir: &Path, options: &[&str]) -> String {
    let output = Command::new(SCRIPT)
        .args([command, "--dir"])
        .arg(dir)
        .args(options)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("run deploy/kafka/kafka");
    assert!(
        output.status.success(),
        "`kafka {command}` failed: {}",
        output.status
    );
    String::from_utf8(output.stdout)
        .expect("the script prints text")
        .trim()
        .to_owned()
}
