//! `events-server`: the event system as one program.

use std::process::ExitCode;

fn main() -> ExitCode {
    events_server::main()
}
