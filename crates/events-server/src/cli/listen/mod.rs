//! `listen`: a receiver of webhooks on this machine, which says what came and whether its signature is right.

mod answers;
mod receiver;
mod report;

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Context;
use clap::Args;
use events_webhooks::signature::{PublicKey, Secret, VerifyingKey};
use secrecy::SecretString;
use tokio::net::TcpListener;

use self::{answers::Answers, receiver::Receiver};
use super::{duration, text};

#[derive(Args)]
pub(super) struct Arguments {
    /// The port, on 127.0.0.1; 0 takes a free one
    #[arg(long, short, default_value_t = 9000)]
    port: u16,
    /// The subscription's secret, whsec_…; its signatures are checked
    #[arg(
        long,
        env = "EVENTS_WEBHOOK_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        conflicts_with = "public_key"
    )]
    secret: Option<String>,
    /// The subscription's public key, whpk_…; its signatures are checked
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// Statuses to answer, one after the other; the last one for ever
    #[arg(long, value_delimiter = ',', default_value = "200", value_parser = clap::value_parser!(u16).range(200..=599))]
    status: Vec<u16>,
    /// How long to wait before each answer
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration::parse)]
    delay: Duration,
}

pub(super) async fn run(arguments: Arguments, as_json: bool) -> anyhow::Result<()> {
    let key = key(arguments.secret.map(SecretString::from), arguments.public_key.as_deref())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await;
    let listener =
        listener.with_context(|| format!("cannot listen on 127.0.0.1:{}; choose another --port", arguments.port))?;
    let address = listener.local_addr()?;
    if as_json {
        text::say(serde_json::json!({ "listening": format!("http://{address}") }))?;
    } else {
        text::say(format_args!("Listening on http://{address}. Ctrl-C ends it."))?;
        if key.is_none() {
            text::say("Signatures are not checked; give --secret or --public-key.")?;
        }
    }
    let receiver = Receiver::new(key, Answers::new(arguments.status, arguments.delay), as_json);
    tokio::select! {
        closed = receiver.serve(listener) => closed?,
        stopped = tokio::signal::ctrl_c() => stopped.context("cannot wait for Ctrl-C")?,
    }
    Ok(report::end(&receiver.counts(), as_json)?)
}

fn key(secret: Option<SecretString>, public_key: Option<&str>) -> anyhow::Result<Option<VerifyingKey>> {
    Ok(match (secret, public_key) {
        (Some(secret), _) => Some(VerifyingKey::Symmetric(Secret::parse(&secret)?)),
        (None, Some(key)) => Some(VerifyingKey::Public(PublicKey::parse(key)?)),
        (None, None) => None,
    })
}
