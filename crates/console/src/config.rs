//! The console's settings.

use std::net::SocketAddr;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Address that the console listens on.
    #[arg(long, env = "CARDEA_CONSOLE_ADDRESS", default_value = "127.0.0.1:8081")]
    pub console_address: SocketAddr,
}
