//! The program: the services, and the tools around them.

mod audit;
mod completions;
mod exit;
mod http;
mod mapping;
mod output;
mod quarantine;
mod reach;
mod sample;
mod schemas;
mod send;
mod services;
mod simulate;
mod sources;
mod spool;
mod subscriptions;
mod tail;
mod topics;
mod verify;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Takes signed webhooks of access-control systems through Kafka to your subscribers.
///
/// Every flag has a variable of its name: CARDEA_BROKERS for --brokers.
#[derive(Debug, Parser)]
#[command(name = "cardea", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    All(Box<services::AllArgs>),
    Ingest(services::IngestArgs),
    Normalizer(services::NormalizerArgs),
    Sink(services::SinkArgs),
    Console(services::ConsoleArgs),
    Topics(topics::Args),
    Send(send::Args),
    Simulate(simulate::Args),
    Verify(verify::Args),
    Tail(tail::Args),
    Audit(audit::Args),
    Quarantine(quarantine::Args),
    Spool(spool::Args),
    Subscriptions(subscriptions::Args),
    Schemas(schemas::Args),
    Completions(completions::Args),
}

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => exit::code(run(cli.command)),
        Err(told) => {
            // Help and version come this way too.
            told.print().ok();
            ExitCode::from(if told.use_stderr() { exit::USAGE } else { 0 })
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let ended = runtime.block_on(async {
        match command {
            Command::All(args) => services::all(*args).await,
            Command::Ingest(args) => services::ingest(args).await,
            Command::Normalizer(args) => services::normalizer(args).await,
            Command::Sink(args) => services::sink(args).await,
            Command::Console(args) => services::console(args).await,
            Command::Topics(args) => topics::run(args).await,
            Command::Send(args) => send::run(args).await,
            Command::Simulate(args) => simulate::run(args).await,
            Command::Verify(args) => verify::run(&args),
            Command::Tail(args) => tail::run(&args),
            Command::Audit(args) => audit::run(args).await,
            Command::Quarantine(args) => quarantine::run(args).await,
            Command::Spool(args) => spool::run(args).await,
            Command::Subscriptions(args) => subscriptions::run(args).await,
            Command::Schemas(args) => schemas::run(args).await,
            Command::Completions(args) => completions::run(&args),
        }
    });
    // A call to Kafka that nobody waits for any more may block for seconds.
    runtime.shutdown_background();
    ended
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_flag_has_a_variable_of_its_name() {
        fn check(command: &clap::Command) {
            for flag in command.get_arguments().filter(|arg| !arg.is_positional()) {
                let long = flag.get_long().expect("flags have long names");
                if !["help", "version"].contains(&long) {
                    let variable = format!("CARDEA_{}", long.replace('-', "_").to_uppercase());
                    assert_eq!(flag.get_env(), Some(variable.as_ref()), "{command}");
                }
            }
            command.get_subcommands().for_each(check);
        }
        let mut command = Cli::command();
        command.build();
        check(&command);
    }
}
