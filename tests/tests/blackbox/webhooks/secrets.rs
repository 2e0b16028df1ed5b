//! Secrets of subscriptions: they are told when they are made and when somebody asks for them, and nowhere else.

use events_tests::{Api, Conduct, Deployment, Endpoint, PATIENCE, Size, on_each_size};
use reqwest::Method;
use serde_json::{Value, json};

use super::{KEYS, SUBSCRIPTIONS, deliveries, path, post, publish, subscribe_with, system, tries};

on_each_size! {
    no_secret_is_told_beside_its_own_answer,
}

const OWN: &str = "whsec_c2NlbmFyaW8tb3duLXNlY3JldC1vZi10aGUtY3VzdG9tZXI=";
/// The bytes that it stands for.
const OWN_KEY: &[u8] = b"scenario-own-secret-of-the-customer";
const VALUES: [&str; 3] = ["header-value-one", "Bearer header-value-two", "header-value-three"];

/// What must not be seen, and all that was.
#[derive(Default)]
struct Watch {
    secrets: Vec<String>,
    seen: Vec<(String, String)>,
}

impl Watch {
    fn guard(&mut self, secret: &Value) {
        let secret = secret.as_str().unwrap();
        // Neither as it is written nor the part that is secret.
        self.secrets.extend([secret.to_owned(), secret.split_once('_').map_or(secret, |(_, key)| key).to_owned()]);
    }

    fn see(&mut self, what: impl Into<String>, text: impl ToString) {
        self.seen.push((what.into(), text.to_string()));
    }

    /// Sends a request whose answer must tell nothing.
    async fn ask(&mut self, api: &Api, method: Method, path: &str, body: &Value) -> Value {
        let answer = api.send(method.clone(), path, body.to_string().into_bytes()).await.unwrap();
        self.see(format!("{method} {path}"), &answer.body);
        answer.body
    }

    fn check(&self) {
        for (what, text) in &self.seen {
            for secret in &self.secrets {
                let at = text.find(secret.as_str());
                let around = at.map(|at| text[at.saturating_sub(200)..].chars().take(400).collect::<String>());
                assert!(at.is_none(), "{what} tells {secret}: …{}…", around.unwrap_or_default());
            }
        }
    }
}

async fn no_secret_is_told_beside_its_own_answer(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[("EVENTS__LOG__LEVEL", "debug")]).await;
    let api = system.api();
    let mut watch = Watch::default();
    watch.guard(&KEYS.split_once(':').unwrap().1.into());
    VALUES.iter().for_each(|value| watch.guard(&(*value).into()));
    watch.guard(&OWN.into());

    // An endpoint that fails in every way that could tell something, and repeats whatever it was sent.
    endpoint.decide("/", |call| {
        // A challenge comes without headers of the owner's own.
        let value = call.headers.get("x-api-key").map(|value| value.to_str().unwrap()).unwrap_or_default();
        let told = format!("x-echo: {value}\r\n");
        let location = format!("location: http://127.0.0.1/{value}\r\n");
        let body = format!("{:?} {OWN}", call.headers);
        let event: Value = serde_json::from_slice(&call.body).unwrap();
        match event["data"]["n"].as_u64() {
            Some(1) => Conduct::body(200, &told, body.as_bytes()),
            Some(2) => Conduct::body(302, &location, body.as_bytes()),
            Some(3) => Conduct::HangUp,
            Some(4) => Conduct::BytesAndEnd([value.as_bytes(), b"\r\n\r\n"].concat()),
            _ => Conduct::body(500, &told, body.as_bytes()),
        }
    });
    let headers = json!({ "x-api-key": VALUES[0], "authorization": VALUES[1] });
    let fields =
        json!({ "url": endpoint.url("/"), "events": ["test.secret"], "headers": headers, "retry_seconds": [1] });
    let mine = subscribe_with(&api, fields.clone()).await;
    watch.guard(&mine["secret"]);
    let mut own = fields.clone();
    own["secret"] = OWN.into();
    let own = subscribe_with(&api, own).await;
    let mut asymmetric = fields.clone();
    asymmetric["signature"] = "v1a".into();
    let asymmetric = subscribe_with(&api, asymmetric).await;
    let all = [&mine, &own, &asymmetric];
    for subscription in all {
        let revealed = post(&api, &path(subscription, "/secret"), &json!({})).await;
        watch.guard(&revealed["secret"]);
    }

    for number in 1..=5 {
        publish(&api, "test.secret", number).await;
    }
    api.all_processed(PATIENCE).await;
    for subscription in all {
        let rotated = post(&api, &path(subscription, "/rotate"), &json!({ "grace_seconds": 3_600 })).await;
        if rotated["secret"].is_string() {
            watch.guard(&rotated["secret"]);
        }
        let revealed = post(&api, &path(subscription, "/secret"), &json!({})).await;
        watch.guard(&revealed["secret"]);
    }
    publish(&api, "test.secret", 2).await;
    api.all_processed(PATIENCE).await;

    wrong_input(&api, &mut watch, &mine, &fields).await;
    everything_shown(&system, &mut watch, &all).await;
    let tried = watch.seen.len();
    watch.check();
    let log = system.log();
    assert!(log.contains("DEBUG"), "the servers log at debug level");
    watch.see("the log", log);
    watch.check();
    println!("{} secrets, in none of {tried} answers, nor in the log", watch.secrets.len());
    files_hold_none(&system, &watch, &endpoint);
}

/// Secrets in places where they do not belong.
async fn wrong_input(api: &Api, watch: &mut Watch, mine: &Value, fields: &Value) {
    let secret = mine["secret"].as_str().unwrap().to_owned();
    let broken = format!("{secret}!");
    let wrong = [
        ("secret", json!(broken)),
        ("secret", json!({ "value": secret })),
        ("headers", json!({ "x-api-key": format!("{}\r\nx: y", VALUES[0]) })),
        ("headers", json!({ "host": VALUES[0] })),
        ("headers", json!([VALUES[0]])),
        ("headers", json!(VALUES[0])),
        ("format", json!(secret)),
        ("signature", json!(secret)),
        ("description", json!([secret])),
        ("timeout_seconds", json!(secret)),
        ("challenge", json!(secret)),
        ("rate_limit", json!(secret)),
        ("filter", json!(secret)),
        ("events", json!(secret)),
        ("url", json!(format!("http://user:{}@127.0.0.1/", VALUES[2]))),
    ];
    for (field, value) in &wrong {
        let mut body = fields.clone();
        body[*field] = value.clone();
        let answer = watch.ask(api, Method::POST, SUBSCRIPTIONS, &body).await;
        assert_eq!(answer["status"], 422, "{field}: {answer}");
        let answer = watch.ask(api, Method::PATCH, &path(mine, ""), &json!({ (*field): value })).await;
        assert_eq!(answer["status"], 422, "{field}: {answer}");
    }
    for body in [json!({ "secret": broken }), json!({ "signature": secret }), json!({ "grace_seconds": secret })] {
        let answer = watch.ask(api, Method::POST, &path(mine, "/rotate"), &body).await;
        assert_eq!(answer["status"], 422, "{answer}");
    }
    let changed = json!({ "headers": { "x-api-key": VALUES[2], "authorization": null } });
    watch.ask(api, Method::PATCH, &path(mine, ""), &changed).await;
}

/// Everything that can be read about subscriptions, by HTTP and from the command line.
async fn everything_shown(system: &Deployment, watch: &mut Watch, all: &[&Value]) {
    let api = system.api();
    for list in [SUBSCRIPTIONS, "/api/v1/webhooks/deliveries", "/api/v1/dead-letters", "/api/v1/deliveries", "/health"]
    {
        watch.ask(&api, Method::GET, list, &Value::Null).await;
    }
    for subscription in all {
        let id = subscription["subscription_id"].as_str().unwrap();
        watch.ask(&api, Method::GET, &path(subscription, ""), &Value::Null).await;
        watch.ask(&api, Method::GET, &path(subscription, "/public-keys"), &Value::Null).await;
        watch.ask(&api, Method::GET, &path(subscription, "/deliveries"), &Value::Null).await;
        for action in ["/test", "/verify", "/pause", "/enable"] {
            watch.ask(&api, Method::POST, &path(subscription, action), &json!({})).await;
        }
        let listed = deliveries(&api, subscription).await;
        for delivery in &listed {
            let id = &delivery["delivery_id"];
            let story = watch.ask(&api, Method::GET, &format!("/api/v1/webhooks/deliveries/{id}"), &Value::Null).await;
            assert!(!tries(&story).is_empty(), "{story}");
            watch.ask(&api, Method::GET, &format!("/api/v1/deliveries/{id}/attempts"), &Value::Null).await;
        }
        let event = json!({ "event_id": listed[0]["event_id"] });
        watch.ask(&api, Method::POST, &path(subscription, "/explain"), &event).await;
        for arguments in [&["webhooks", "show", id][..], &["webhooks", "deliveries", "--subscription", id]] {
            watch.see(arguments.join(" "), system.cli(arguments).ok());
        }
    }
    for arguments in [&["webhooks", "list"][..], &["webhooks", "list", "--json"], &["dead-letters", "list"]] {
        watch.see(arguments.join(" "), system.cli(arguments).ok());
    }
    let doctor = system.cli(&["doctor"]);
    // Database servers of tests do not wait for the disk, which is a problem.
    assert_eq!(doctor.code == Some(0), system.shared_store().is_none(), "{doctor:?}");
    watch.see("doctor", doctor.stdout + &doctor.stderr);
}

/// What a thief of the disk would have: no secret as it is written, and none as the bytes that it stands for.
fn files_hold_none(system: &Deployment, watch: &Watch, endpoint: &Endpoint) {
    let files = system.files();
    if files.is_empty() {
        return;
    }
    let holds = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    for (name, bytes) in &files {
        for secret in &watch.secrets {
            assert!(!holds(bytes, secret.as_bytes()), "{name} holds {secret}");
        }
        assert!(!holds(bytes, OWN_KEY), "{name} holds the bytes of {OWN}");
    }
    // They were looked at where they would be: beside the URL and the names of the headers.
    let database: Vec<u8> =
        files.iter().filter(|(name, _)| name.starts_with("events.db")).flat_map(|(_, bytes)| bytes.clone()).collect();
    for known in [&*endpoint.url("/"), "x-api-key"] {
        assert!(holds(&database, known.as_bytes()), "{known} is in none of {:?}", names(&files));
    }
    println!("{} secrets, in none of {:?}", watch.secrets.len(), names(&files));
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}
