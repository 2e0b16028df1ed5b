//! The project's own commands: `cargo xtask <command>`.

mod bench;
mod ci;
mod demo;
mod deploy;
mod generate;
mod layers;
mod process;
mod servers;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <command>

  demo [--once]           build the server and run its demo
  test [--without-services] [FILTER]
                          run every test; starts PostgreSQL and RabbitMQ for those that need them
  services [postgres] [rabbitmq]
                          start these servers, or both, for `cargo test`, and print their addresses
  ci [--without-tests]    what a change must pass: fmt, clippy, doc, deny, tidy, generated files, layers, tests
  tidy                    files over 500 lines, missing headers, docs that name paths that do not exist
  deploy --check          deploy/ against systemd, docker compose and what the server knows
  generate [--check]      write the files that follow from the catalog
  bench [NAME]            measure, each figure beside its raw limit; writes target/bench.json
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["demo", rest @ ..] => demo::run(rest),
        ["test", rest @ ..] => test::run(rest, test::is_ci()),
        ["services", names @ ..] => servers::run(names),
        ["deploy", "--check"] => deploy::run(),
        ["ci"] => ci::run(true),
        ["ci", "--without-tests"] => ci::run(false),
        ["tidy"] => tidy::run(),
        ["generate"] => generate::run(false),
        ["generate", "--check"] => generate::run(true),
        ["bench", rest @ ..] => bench::run(rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
