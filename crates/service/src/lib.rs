//! What every process needs: logs, metrics, health, HTTP serving with limits, tasks that do not
//! die unnoticed, and a shutdown that loses nothing. Knows nothing of events, providers and Kafka.

mod admin;
mod chassis;
pub mod clock;
pub mod duration;
pub mod health;
pub mod http;
pub mod logs;
pub mod metrics;
mod shutdown;
mod tasks;

pub use chassis::{Config, Context, run};
pub use health::{Health, Ready};
pub use metrics::Metrics;
pub use shutdown::Shutdown;
pub use tasks::{OnFailure, Tasks};
