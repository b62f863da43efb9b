//! The program: the services, and the tools around them.

mod completions;
mod exit;
mod output;
mod schemas;
mod tail;
mod topics;

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
    Topics(topics::Args),
    Tail(tail::Args),
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
    runtime.block_on(async {
        match command {
            Command::Topics(args) => topics::run(args).await,
            Command::Tail(args) => tail::run(&args),
            Command::Schemas(args) => schemas::run(args),
            Command::Completions(args) => completions::run(&args),
        }
    })
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
