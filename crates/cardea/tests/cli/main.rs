//! The program as a shell sees it.

mod kafka;
mod registry;
mod shell;
mod spool;

use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::Duration;

use testkit::{free_port, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The demo sources, whose secrets are text.
const SOURCES: &str = "deploy/local/sources.yaml";

/// The program in the project's folder, with nothing of this process's environment. Tests run at
/// once, so none has the folder's spool.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    command.args(args).env_clear().current_dir(folder);
    command.env("CARDEA_NO_SPOOL", "true");
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

/// A process with an ingest of the demo sources that ends with the test.
struct Service {
    process: Child,
    url: String,
    admin: String,
}

impl Service {
    /// Starts `cardea ingest` or `cardea all`; returns once it takes connections.
    async fn start(mut command: Command) -> Self {
        let address = |port: u16| format!("127.0.0.1:{port}");
        let (ingest, admin) = (address(free_port()), address(free_port()));
        command
            .args(["--sources", SOURCES, "--log-level", "error"])
            .args(["--ingest-address", &ingest, "--admin-address", &admin]);
        let process = command.spawn().expect("cargo has built the program");
        let url = format!("http://{ingest}");
        let service = Self {
            process,
            url,
            admin,
        };
        wait_until("ingest", Duration::from_secs(30), async || {
            tokio::net::TcpStream::connect(&ingest).await.is_ok()
        })
        .await;
        service
    }

    /// Asks `/ready`; returns the whole answer.
    async fn readiness(&self) -> std::io::Result<String> {
        let mut stream = tokio::net::TcpStream::connect(&self.admin).await?;
        stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Ends it as an orchestrator would; returns whether it ended well.
    fn terminate(mut self) -> bool {
        let pid = self.process.id().to_string();
        let asked = Command::new("kill").arg(pid).status();
        asked.expect("there is a program `kill`");
        self.process.wait().expect("it is our child").success()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
