//! The command line: one module for each command.

mod client;
mod dead_letters;
mod deliveries;
mod demo;
mod doctor;
mod duration;
mod emit;
mod json;
mod keys;
mod listen;
mod offline;
mod serve;
mod tail;
mod text;
mod timeline;
mod webhook_answers;
mod webhook_deliveries;
mod webhook_requests;
mod webhook_stats;
mod webhooks;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use self::client::Client;
pub(crate) use self::{text::say, timeline::story};
use crate::config::{Config, Sources, load};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed (standard error says why), 2 not a valid command line, \
130 stopped without waiting for the end.";

/// An event system: say once what happened; everyone who should know learns of it.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    /// Configuration file; events.toml in the current directory, where there is one
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

/// Where commands find the server.
#[derive(Args)]
struct Remote {
    /// Address of the server; by default the one in the configuration
    #[arg(long, global = true, env = "EVENTS_URL", value_name = "URL")]
    url: Option<String>,
    /// API key; by default the admin key in the data directory
    #[arg(long, global = true, env = "EVENTS_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: API, router and workers
    Serve(serve::Arguments),
    /// Publish one event, or many from standard input
    Emit(emit::Arguments),
    /// Follow events as they are published
    Tail(tail::Arguments),
    /// Show past events, newest first; or everything about one event
    Timeline(timeline::Arguments),
    /// List deliveries, or show the attempts at one
    Deliveries(deliveries::Arguments),
    /// List, show and redrive deliveries that failed for good
    DeadLetters(dead_letters::Arguments),
    /// List, make and delete API keys
    Keys(keys::Arguments),
    /// Make, list, change and delete webhook subscriptions
    Webhooks(webhooks::Arguments),
    /// Receive webhooks on this machine, and check their signatures
    Listen(listen::Arguments),
    /// Bring the database to the current schema
    Migrate,
    /// Check the configuration and say what it means; changes nothing
    Check,
    /// Look at the database and the broker, and say what to do
    Doctor,
    /// Run a server on throwaway data with built-in receivers, and publish a customer's story
    Demo(demo::Arguments),
}

/// The program: reads the command line and runs the command to its end.
#[must_use]
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough, as `head` soon has.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    // Only what is printed fails with a bare input/output error; others say what they were about.
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = match cli.command {
        Command::Serve(_) | Command::Demo(_) => {
            tokio::runtime::Builder::new_multi_thread().worker_threads(server_threads()).enable_all().build()?
        }
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
    };
    let sources = Sources::of_process(cli.config);
    let done = runtime.block_on(async {
        let client = |config: &Config| Client::new(cli.remote.url, cli.remote.api_key, config);
        match cli.command {
            Command::Serve(arguments) => serve::run(arguments, sources, cli.json).await,
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Migrate => offline::migrate(load(&sources)?, cli.json).await,
            Command::Doctor => doctor::run(load(&sources)?, cli.json).await,
            Command::Check => offline::check(&load(&sources)?, cli.json),
            Command::Emit(arguments) => emit::run(arguments, &client(&load(&sources)?)?, cli.json).await,
            Command::Tail(arguments) => tail::run(arguments, &client(&load(&sources)?)?, cli.json).await,
            Command::Timeline(arguments) => timeline::run(arguments, &client(&load(&sources)?)?, cli.json).await,
            Command::Deliveries(arguments) => deliveries::run(arguments, &client(&load(&sources)?)?, cli.json).await,
            Command::DeadLetters(arguments) => dead_letters::run(arguments, &client(&load(&sources)?)?, cli.json).await,
            Command::Webhooks(arguments) => webhooks::run(arguments, &client(&load(&sources)?)?, cli.json).await,
            Command::Listen(arguments) => listen::run(arguments, cli.json).await,
            Command::Keys(arguments) => keys::run(arguments, &client(&load(&sources)?)?, cli.json).await,
        }
    });
    // What a command leaves running ends with the process.
    runtime.shutdown_background();
    done
}

/// Threads that serve. The store has one writer, so more would add memory and no speed.
fn server_threads() -> usize {
    const MOST: usize = 4;
    std::thread::available_parallelism().map_or(MOST, |cores| cores.get().min(MOST))
}
