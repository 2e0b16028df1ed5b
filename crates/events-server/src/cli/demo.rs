//! `demo`: the whole system on throwaway data, told as one customer's story.

use clap::Args;

use crate::demo;

#[derive(Args)]
pub(super) struct Arguments {
    /// Exit when the story is told
    #[arg(long)]
    once: bool,
    /// Port of the demo's server; any free one by default
    #[arg(long, default_value_t = 0)]
    port: u16,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    demo::run(arguments.port, arguments.once).await
}
