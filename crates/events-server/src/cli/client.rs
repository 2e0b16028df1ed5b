//! Talks to a running server.

use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::{config::Config, key};

/// A server and a key for it.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
}

impl Client {
    /// The server named on the command line or in the configuration; the key given, or the
    /// admin key that the server left in its data directory.
    pub(super) fn new(url: Option<String>, key: Option<String>, config: &Config) -> anyhow::Result<Self> {
        let url = url.unwrap_or_else(|| format!("http://{}", config.listen));
        let base: Url =
            url.parse().with_context(|| format!("--url {url:?} is not an address such as http://127.0.0.1:8080"))?;
        let key = match key {
            Some(key) => key,
            None => read_admin_key(config)?,
        };
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, base, key: SecretString::from(key.trim().to_owned()) })
    }

    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        let mut url = self.base.join(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.answer(self.http.request(Method::GET, url)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.post_json(path, body.to_string()).await
    }

    /// Posts JSON text as it stands, so that the server sees what the user wrote.
    pub(super) async fn post_json(&self, path: &str, body: String) -> anyhow::Result<Value> {
        let request = self.http.request(Method::POST, self.base.join(path)?);
        self.answer(request.header("content-type", "application/json").body(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(self.http.request(Method::DELETE, self.base.join(path)?)).await
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let response = request.bearer_auth(self.key.expose_secret()).send().await.with_context(|| {
            format!(
                "no server answers at {}; start one with `events-server serve`, or name another with --url",
                self.base
            )
        })?;
        let status = response.status();
        let body = response.text().await?;
        if status.is_success() {
            return Ok(if body.is_empty() { Value::Null } else { serde_json::from_str(&body)? });
        }
        bail!("{}", refusal(status, &body))
    }
}

/// What the server says is wrong, in one line for each fault.
fn refusal(status: StatusCode, body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    let faults: Vec<_> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|fault| Some(format!("{} {}", fault["field"].as_str()?, fault["problem"].as_str()?)))
        .collect();
    match (faults.is_empty(), problem["detail"].as_str()) {
        (false, _) => faults.join("\n       "),
        (true, Some(detail)) => detail.to_owned(),
        (true, None) => format!("the server answered {status}"),
    }
}

fn read_admin_key(config: &Config) -> anyhow::Result<String> {
    let path = key::admin_key_file(&config.data_dir);
    std::fs::read_to_string(&path).with_context(|| {
        format!(
            "no API key: {} cannot be read; start the server in this directory once, or give --api-key",
            path.display()
        )
    })
}
