//! Loading: the file, then the environment over it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use config::{Config as Layers, File, FileFormat, Source};

use super::{
    meant::Config,
    settings::Origins,
    written::{Environment, VARIABLES, Written},
};

/// Prefix of variables that override a key: `EVENTS__SERVER__LISTEN`.
const PREFIX: &str = "EVENTS__";
/// Read when no other file is named, and only if it is there.
const DEFAULT_FILE: &str = "events.toml";

/// Where configuration comes from. Tests pass their own; the process passes its own.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file that must exist.
    pub file: Option<PathBuf>,
    /// Environment variables.
    pub environment: Environment,
}

impl Sources {
    /// The process's environment, and the file named on the command line, if one was.
    pub(crate) fn of_process(file: Option<PathBuf>) -> Self {
        // Variables of other programs may be no text at all, which is nothing to fail for.
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let environment = variables.map(|(name, value)| (name, value.to_string_lossy().into_owned()));
        Self { file, environment: environment.collect() }
    }
}

/// Loads and validates.
///
/// # Errors
/// Names the file or variable, the key, the fault and what is allowed.
pub fn load(sources: &Sources) -> anyhow::Result<Config> {
    let (written, origins) = read(sources)?;
    Config::meant_by(written, origins)
}

/// The file with the environment over it, and which of them set each key.
fn read(sources: &Sources) -> anyhow::Result<(Written, Origins)> {
    let (mut layers, mut origins) = (Layers::builder(), Origins::new());
    if let Some(path) = file(sources)? {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        let layer = Layers::builder().add_source(File::from_str(&text, FileFormat::Toml)).build();
        let layer = layer.with_context(|| format!("{} is not valid TOML", path.display()))?;
        // Read once by itself, so that a fault in it is told from one in the environment.
        layer.clone().try_deserialize::<Written>().with_context(|| format!("in {}", path.display()))?;
        let sections = layer.collect()?;
        for (section, keys) in
            sections.iter().filter_map(|(section, keys)| Some((section, keys.clone().into_table().ok()?)))
        {
            origins.extend(keys.into_keys().map(|key| (format!("{section}.{key}"), path.display().to_string())));
        }
        layers = layers.add_source(layer);
    }
    // EVENTS__SECTION__KEY wins over a variable with a name of its own.
    let by_rank = |(variable, _): &(&String, &String)| variable.starts_with(PREFIX);
    let mut variables: Vec<_> = sources.environment.iter().collect();
    variables.sort_by_key(by_rank);
    for (variable, value) in variables {
        let Some(key) = key_of(variable)? else { continue };
        // An empty variable is an unset one, as in `SLACK_WEBHOOK_URL= events-server serve` (R041).
        if value.is_empty() {
            continue;
        }
        let layer = Layers::builder().set_override(&key, value.as_str())?.build()?;
        layer
            .clone()
            .try_deserialize::<Written>()
            .with_context(|| format!("in the environment variable {variable}"))?;
        origins.insert(key, variable.clone());
        layers = layers.add_source(layer);
    }
    Ok((layers.build()?.try_deserialize()?, origins))
}

fn file(sources: &Sources) -> anyhow::Result<Option<PathBuf>> {
    match &sources.file {
        Some(path) if !path.exists() => bail!("the configuration file {} does not exist", path.display()),
        Some(path) => Ok(Some(path.clone())),
        None => Ok(Some(Path::new(DEFAULT_FILE)).filter(|path| path.exists()).map(Path::to_owned)),
    }
}

/// `EVENTS__SERVER__LISTEN` is `server.listen`; a few variables have names of their own.
fn key_of(variable: &str) -> anyhow::Result<Option<String>> {
    if let Some((_, key)) = VARIABLES.iter().find(|(name, _)| *name == variable) {
        return Ok(Some((*key).to_owned()));
    }
    let Some(path) = variable.strip_prefix(PREFIX) else { return Ok(None) };
    let parts: Vec<_> = path.split("__").map(str::to_lowercase).collect();
    let is_key = |part: &String| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && !part.is_empty();
    if parts.len() != 2 || !parts.iter().all(is_key) {
        bail!(
            "the environment variable {variable} names no key; write EVENTS__SECTION__KEY, as in EVENTS__SERVER__LISTEN"
        );
    }
    Ok(Some(parts.join(".")))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn sources(file: &str, environment: &[(&str, &str)]) -> (tempfile::NamedTempFile, Sources) {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&path, file).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let sources = Sources { file: Some(path.path().to_owned()), environment };
        (path, sources)
    }

    fn loaded(file: &str, environment: &[(&str, &str)]) -> Config {
        load(&sources(file, environment).1).unwrap()
    }

    fn refused(file: &str, environment: &[(&str, &str)]) -> String {
        let (_file, sources) = sources(file, environment);
        format!("{:#}", load(&sources).map(drop).unwrap_err())
    }

    /// R066 `test_slack_webhook_url_default_none`, R065, R094, R100
    #[test]
    fn r066_slack_is_off_unless_it_is_configured() {
        assert!(read(&Sources::default()).unwrap().0.slack.webhook_url.is_none());
        assert!(loaded("", &[]).slack.is_none());
        assert!(loaded("", &[("SLACK_WEBHOOK_URL", "")]).slack.is_none(), "R041: empty is unset");
    }

    /// R067 `test_slack_webhook_url_from_env`, R064, R116
    #[test]
    fn r067_the_slack_webhook_url_comes_from_its_environment_variable() {
        let url = "https://hooks.slack.com/services/T0/B0/xxx";
        let variables = [("SLACK_WEBHOOK_URL", url)];
        let (written, _) = read(&sources("", &variables).1).unwrap();
        assert_eq!(written.slack.webhook_url.unwrap().expose_secret(), url);
        assert!(loaded("", &variables).slack.is_some(), "and switches the handler on");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[events]\nenvironment = \"staging\"";
        let config = loaded(file, &[("EVENTS__SERVER__LISTEN", "127.0.0.1:2"), ("PATH", "/bin")]);
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.origin.environment, "staging");
        let both = [("DATABASE_URL", "sqlite:plain.db"), ("EVENTS__DATABASE__URL", "sqlite:wins.db")];
        assert_eq!(loaded(file, &both).database.to_string(), "sqlite:wins.db");
        assert_eq!(loaded(file, &[("EVENTS__SERVER__MAX_BODY_BYTES", "1000000")]).max_body_bytes, 1_000_000);
    }

    #[test]
    fn unknown_keys_are_refused_with_the_allowed_ones_named() {
        let problem = refused("[server]\nlissten = \"x\"", &[]);
        assert!(problem.contains("lissten") && problem.contains("`listen`"), "{problem}");
        let problem = refused("[sever]", &[]);
        assert!(problem.contains("sever") && problem.contains("`server`"), "{problem}");
        let problem = refused("", &[("EVENTS__SERVER__LISSTEN", "x")]);
        assert!(problem.contains("EVENTS__SERVER__LISSTEN") && problem.contains("`listen`"), "{problem}");
        assert!(refused("", &[("EVENTS__LISTEN", "x")]).contains("EVENTS__SECTION__KEY"));
    }

    #[test]
    fn wrong_values_name_their_key() {
        let problem = refused("[server]\nlisten = \"nowhere\"", &[]);
        assert!(problem.contains("server.listen") && problem.contains("nowhere"), "{problem}");
        let problem = refused("[server]\nmax_body_bytes = \"many\"", &[]);
        assert!(problem.contains("max_body_bytes"), "{problem}");
        let problem = refused("[database]\nurl = \"mysql://x\"", &[]);
        assert!(problem.contains("database.url") && problem.contains("sqlite:"), "{problem}");
        assert!(refused("this is not toml", &[]).contains("not valid TOML"));
    }

    #[test]
    fn values_that_would_fail_later_are_refused_now() {
        for (key, value) in [
            ("server.shutdown_grace_seconds", "18446744073709551615"),
            ("server.max_body_bytes", "0"),
            ("events.max_payload_bytes", "1"),
            ("retention.attempts_days", "0"),
            ("retention.idempotency_keys_days", "6"),
        ] {
            let variable = format!("EVENTS__{}", key.replace('.', "__").to_uppercase());
            let problem = refused("", &[(&variable, value)]);
            assert!(problem.contains(key.split('.').next_back().unwrap()), "{problem}");
        }
        assert!(refused("[events]\nsource = \"\"", &[]).contains("events.source"));
    }

    #[test]
    fn every_setting_says_where_it_comes_from() {
        let file =
            "[server]\nlisten = \"127.0.0.1:1\"\n[slack.channels]\n\"C024BE91L\" = \"https://h.example/tops3cret\"";
        let environment =
            [("DATABASE_URL", "sqlite:x.db"), ("SLACK_WEBHOOK_URL", "https://h.example/tops3cret"), ("PATH", "/bin")];
        let settings = loaded(file, &environment).settings();
        let of = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
        assert_eq!(of("server.listen").value, "127.0.0.1:1");
        assert!(of("server.listen").from.starts_with('/'), "the path of the file: {:?}", of("server.listen"));
        assert_eq!((&*of("database.url").value, &*of("database.url").from), ("sqlite:x.db", "DATABASE_URL"));
        assert_eq!(of("server.data_dir").from, "default");
        assert_eq!(of("slack.webhook_url").from, "SLACK_WEBHOOK_URL");
        assert!(!format!("{settings:?}").contains("tops3cret"));
    }

    #[test]
    fn several_processes_need_a_database_that_they_can_share() {
        let problem = refused("", &[("EVENTS__SERVER__ROLE", "worker")]);
        assert!(problem.contains("server.role") && problem.contains("DATABASE_URL"), "{problem}");
        let problem = refused("[server]\nrole = \"boss\"", &[("DATABASE_URL", "postgres://db/events")]);
        assert!(problem.contains("server.role") && problem.contains("all, api, worker"), "{problem}");
        let config = loaded("[server]\nrole = \"api\"", &[("DATABASE_URL", "postgres://db/events")]);
        assert!(config.role.serves_api() && !config.role.works());
    }

    #[test]
    fn a_broker_is_named_by_its_url() {
        let url = "amqp://app:tops3cret@rabbit:5673/%2f?heartbeat=5";
        let config = loaded("[amqp]\nexchange = \"shop\"", &[("AMQP_URL", url)]);
        let shown = format!("{:?}", config.settings());
        assert!(shown.contains("amqp://app@rabbit:5673/%2f") && !shown.contains("tops3cret"), "{shown}");
        assert!(loaded("", &[]).broker.is_none());
        let problem = refused("[amqp]\nexchange = \"shop\"", &[]);
        assert!(problem.contains("amqp.url"), "{problem}");
        for wrong in ["http://app:tops3cret@rabbit", "tops3cret", "amqp://app:tops3cret@"] {
            let problem = refused("", &[("AMQP_URL", wrong)]);
            assert!(problem.starts_with("amqp") && !problem.contains("tops3cret"), "{problem}");
        }
    }

    #[test]
    fn name_servers_are_addresses_with_a_port_where_it_is_another_one() {
        let shown = |value: &str| {
            let config = loaded("", &[("EVENTS__WEBHOOKS__NAMESERVERS", value)]);
            config.settings().into_iter().find(|setting| setting.key == "webhooks.nameservers").unwrap().value
        };
        assert_eq!(shown(""), "those of the system");
        assert_eq!(
            shown("10.0.0.53, 10.0.0.54:5353,fd00::1,[fd00::2]:5353"),
            "10.0.0.53:53, 10.0.0.54:5353, [fd00::1]:53, [fd00::2]:5353"
        );
        for wrong in ["ns.example.com", "10.0.0.0/8", "10.0.0.53:dns"] {
            let problem = refused(&format!("[webhooks]\nnameservers = \"{wrong}\""), &[]);
            assert!(problem.starts_with("webhooks.nameservers: ") && problem.contains("10.0.0.53:5353"), "{problem}");
        }
    }

    #[test]
    fn a_secret_in_a_wrong_place_is_not_repeated() {
        let problem = refused("[slack]\nwebhook_url = \"hooks.slack.com/services/T0/B0/tops3cret\"", &[]);
        assert!(!problem.contains("tops3cret") && problem.contains("webhook_url"), "{problem}");
    }
}
