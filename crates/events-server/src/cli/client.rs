//! Talks to a running server.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Host, Url};

use super::json;
use crate::{config::Config, key};

/// Longer than the server takes to answer or to give up.
const PATIENCE: Duration = Duration::from_secs(60);

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
        let url = url.unwrap_or_else(|| format!("http://{}", reachable(config.listen)));
        let base =
            base_url(&url).with_context(|| format!("--url {url:?} is not an address such as http://127.0.0.1:8080"))?;
        let key = match key {
            Some(key) => key,
            None if is_local(&base) => read_admin_key(config)?,
            // The key of this machine's server is nothing that another machine should get to see.
            None => bail!("no API key for {base}; give one with --api-key or EVENTS_API_KEY"),
        };
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { http, base, key: SecretString::from(key.trim().to_owned()) })
    }

    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        let mut url = self.base.join(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.answer(self.http.request(Method::GET, url)).await
    }

    /// One thing of a list by its id, or a part of that thing.
    pub(super) async fn get_one(&self, list: &str, id: &str, part: &str) -> anyhow::Result<Value> {
        self.answer(self.http.request(Method::GET, self.one(list, id, part)?)).await
    }

    /// A part of one thing, with a query.
    pub(super) async fn get_part(
        &self,
        list: &str,
        id: &str,
        part: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<Value> {
        let mut url = self.one(list, id, part)?;
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

    /// Posts to a part of one thing.
    pub(super) async fn post_one(&self, list: &str, id: &str, part: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.request(Method::POST, self.one(list, id, part)?);
        self.answer(request.header("content-type", "application/json").body(body.to_string())).await
    }

    /// Changes one thing.
    pub(super) async fn patch_one(&self, list: &str, id: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.request(Method::PATCH, self.one(list, id, "")?);
        self.answer(request.header("content-type", "application/json").body(body.to_string())).await
    }

    pub(super) async fn delete(&self, list: &str, id: &str) -> anyhow::Result<Value> {
        self.answer(self.http.request(Method::DELETE, self.one(list, id, "")?)).await
    }

    /// The address of one thing; its id stays one part of the path, whatever is in it.
    fn one(&self, list: &str, id: &str, part: &str) -> anyhow::Result<Url> {
        let mut url = self.base.join(list)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id).extend(Some(part).filter(|part| !part.is_empty()));
        }
        Ok(url)
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let response = request.bearer_auth(self.key.expose_secret()).send().await.with_context(|| {
            format!(
                "no server answers at {}; start one with `events-server serve`, or name another with --url",
                self.base
            )
        })?;
        let status = response.status();
        let body = response.text().await.context("the answer broke off")?;
        if status.is_success() {
            let answer = if body.is_empty() { Ok(Value::Null) } else { json::read(&body) };
            return answer.with_context(|| format!("what answers at {} is no events-server", self.base));
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

/// The address with a slash at its end, so that paths are added to it and replace nothing.
fn base_url(text: &str) -> Option<Url> {
    let url: Url = format!("{}/", text.trim_end_matches('/')).parse().ok()?;
    url.has_host().then_some(url)
}

/// Where a server that listens on all addresses is reached from here.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sources, load};

    fn client(url: &str) -> anyhow::Result<Client> {
        let config = load(&Sources::default()).unwrap();
        Client::new(Some(url.to_owned()), Some("ek_test".to_owned()), &config)
    }

    #[test]
    fn an_id_stays_one_part_of_the_path() {
        let one = |url: &str, id: &str| client(url).unwrap().one("api/v1/events", id, "").unwrap().to_string();
        assert_eq!(one("http://a.example", "../keys"), "http://a.example/api/v1/events/..%2Fkeys");
        assert_eq!(one("http://a.example/events/", "7?x#y"), "http://a.example/events/api/v1/events/7%3Fx%23y");
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for url in ["", "8080", "localhost:8080", "unix:/x"] {
            assert!(client(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_admin_key_of_this_machine_goes_nowhere_else() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("admin.key"), "ek_admin").unwrap();
        let data_dir = ("EVENTS__SERVER__DATA_DIR".to_owned(), scratch.path().to_str().unwrap().to_owned());
        let config = load(&Sources { file: None, environment: [data_dir].into() }).unwrap();
        for url in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
            assert!(Client::new(Some(url.to_owned()), None, &config).is_ok(), "{url}");
        }
        let refused = Client::new(Some("https://localhost.example".to_owned()), None, &config);
        assert!(refused.err().unwrap().to_string().contains("--api-key"));
    }
}
