//! `events-server`: the event system as one program.

use std::process::ExitCode;

// A fifth to a third more webhooks a second than with the system's allocator, in no more memory; why this one, and
// where it is set up: docs/decisions/0026-jemalloc.md.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    events_server::main()
}
