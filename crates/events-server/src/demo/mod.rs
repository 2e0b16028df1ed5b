//! The demo: a real server on throwaway data, real messages to built-in receivers.

mod receiver;
mod story;

use std::{fs, os::unix::fs::DirBuilderExt, path::PathBuf};

use anyhow::Context;
use serde_json::Value;

use self::receiver::Receiver;
use crate::{
    app::App,
    cli::say,
    config::{LogFormat, Sources, load},
    key, logging,
};

/// Tells the story; unless `once`, stays up afterwards until it is interrupted.
pub(crate) async fn run(port: u16, once: bool) -> anyhow::Result<()> {
    logging::start(LogFormat::Text, "warn");
    let data = Scratch::new()?;
    let mut slack = Receiver::start().await?;
    let file = data.0.join("events.toml");
    fs::write(&file, configuration(&data, port, &slack))?;
    let app = App::start(load(&Sources { file: Some(file), ..Sources::default() })?).await?;
    let server =
        Server { url: format!("http://{}", app.address()?), key: fs::read_to_string(key::admin_key_file(&data.0))? };
    say(format_args!(
        "A server runs on {}, on throwaway data; a stand-in for Slack listens on {}.",
        server.url,
        slack.address()
    ))?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(app.serve(async move { drop(stopped.await) }));
    let telling = async {
        story::tell(&server, &mut slack).await?;
        if once { Ok(()) } else { stay(&server, &mut slack).await }
    };
    // Whenever it is interrupted, the demo leaves nothing behind.
    let told = tokio::select! {
        told = telling => told,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    drop(stop);
    serving.await.context("the server failed")?;
    told
}

/// Shows how to go on, and every further message.
async fn stay(server: &Server, slack: &mut Receiver) -> anyhow::Result<()> {
    say(format_args!(
        "\nThe server stays up: {}/health shows how it is. In another terminal, publish an event of your own:\n",
        server.url
    ))?;
    say(format_args!("  curl {}/api/v1/events -H 'Authorization: Bearer {}' \\", server.url, server.key))?;
    say("    -d '{\"event_type\": \"user.signup\", \"payload\": {\"email\": \"you@example.com\"}}'\n")?;
    say("Messages show up here. Ctrl-C ends the demo and removes its data.\n")?;
    loop {
        say(format_args!("  {}", slack.next().await))?;
    }
}

fn configuration(data: &Scratch, port: u16, slack: &Receiver) -> String {
    let channel = |name: &str| format!("\"http://{}/services/{name}\"", slack.address());
    format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\ndata_dir = {data:?}\n\n\
         [slack]\nwebhook_url = {}\n\n\
         [slack.channels]\n\"#signups\" = {}\n\"#alerts\" = {}\n",
        channel("general"),
        channel("signups"),
        channel("alerts"),
        data = data.0,
    )
}

/// The demo's server, as a client sees it.
struct Server {
    url: String,
    key: String,
}

impl Server {
    async fn publish(&self, event: &Value) -> anyhow::Result<Value> {
        let request = reqwest::Client::builder().no_proxy().build()?.post(format!("{}/api/v1/events", self.url));
        let answer = request.bearer_auth(&self.key).json(event).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }

    async fn event(&self, event_id: &str) -> anyhow::Result<Value> {
        let request =
            reqwest::Client::builder().no_proxy().build()?.get(format!("{}/api/v1/events/{event_id}", self.url));
        Ok(request.bearer_auth(&self.key).send().await?.error_for_status()?.json().await?)
    }
}

/// A directory of the demo's own that is gone when the demo ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("events-demo-{}", std::process::id()));
        // Not a directory that somebody else has put there: the admin key goes into it.
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
