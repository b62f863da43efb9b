//! What people and their tools ask Cardea over HTTP; at present the schema registry's read API.

mod config;
mod registry;

use axum::Router;

pub use config::Config;

/// Returns the routes of the console. The prefix is that of the physical topics.
pub fn router(topic_prefix: &str) -> Router {
    Router::new().nest("/registry", registry::router(topic_prefix))
}
