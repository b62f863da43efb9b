//! The program as a shell sees it.

mod kafka;
mod shell;

use std::path::Path;
use std::process::{Command, Output};

/// The demo sources, whose secrets are text.
const SOURCES: &str = "deploy/local/sources.yaml";

/// The program in the project's folder, with nothing of this process's environment.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    command.args(args).env_clear().current_dir(folder);
    command
}

fn cardea(args: &[&str]) -> Output {
    let output = command(args).output();
    output.expect("cargo has built the program")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("the output is text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("the output is text")
}
