//! What people and their tools ask Cardea over HTTP; at present the schema registry's read API.

mod config;
mod registry;

use std::net::SocketAddr;

use ::registry::Client;
use axum::Router;
use service::http::{self, HttpConfig};
use service::{Context, Ready, Shutdown};
use tracing::info;

pub use config::Config;

/// Starts the console; it serves until the process is asked to end.
pub fn start(config: &Config, topic_prefix: &str, registry: Option<Client>, context: &Context) {
    let address = config.console_address;
    let router = router(topic_prefix, registry);
    let health = context.health.clone();
    health.announce("console", 0);
    let shutdown = context.shutdown.clone();
    context.tasks.spawn("console", move || {
        let ready = health.component("console");
        serve(address, router.clone(), ready, shutdown.clone())
    });
}

/// Returns the routes of the console. The prefix is that of the physical topics; a registry is asked
/// for the ids that Cardea does not ship.
pub fn router(topic_prefix: &str, registry: Option<Client>) -> Router {
    Router::new().nest("/registry", registry::router(topic_prefix, registry))
}

async fn serve(
    address: SocketAddr,
    router: Router,
    ready: Ready,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    ready.set_not_ready("the port is not open");
    let listener = http::bind(address).await?;
    info!(%address, "console address is open");
    ready.set_ready();
    http::serve(listener, router, HttpConfig::default(), shutdown).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use service::OnFailure;

    use super::*;

    fn started_at(address: SocketAddr) -> Context {
        let context = Context::new(Duration::from_secs(5), OnFailure::EndProcess);
        let config = Config {
            console_address: address,
        };
        start(&config, "cardea.", None, &context);
        context
    }

    #[tokio::test]
    async fn it_serves_until_the_process_is_asked_to_end() {
        let context = started_at(SocketAddr::from(([127, 0, 0, 1], 0)));
        assert!(!context.health.is_ready());
        let ready = async {
            while !context.health.is_ready() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), ready)
            .await
            .unwrap();
        context.shutdown.request();
        context.tasks.join().await.unwrap();
        assert!(!context.health.is_ready());
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let failure = started_at(address).tasks.join().await.unwrap_err();
        let told = format!("{failure:#}");
        assert!(
            told.starts_with(&format!("console: listen on {address}")),
            "{told}"
        );
    }
}
