//! Which message an event becomes in which channel: the catalog's templates, changed by configuration.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use events_core::{Catalog, EventType};
use serde::Deserialize;

use crate::{
    config::{ChannelTemplateConfig, ConfigError, FieldConfig, SlackConfig, TemplateConfig},
    destination::check_channel,
    escape,
    fields::{Fields, FillError},
    message::{Field, MAX_FIELDS, Message},
    money::{Money, Unit},
    template::Template,
};

/// The target of what names no channel.
pub(crate) const DEFAULT_TARGET: &str = "default";

/// The message of an event type, ready to be filled.
#[derive(Debug)]
pub(crate) struct MessageTemplate {
    pub(crate) text: Template,
    fields: Vec<(String, FieldValue)>,
}

#[derive(Debug)]
enum FieldValue {
    Text(Template),
    Money(Money),
}

impl MessageTemplate {
    /// The message for the values of an event.
    pub(crate) fn render(&self, values: &Fields<'_>) -> Result<Message, FillError> {
        let text = self.text.render(values)?;
        let mut fields = Vec::with_capacity(self.fields.len());
        for (title, value) in &self.fields {
            let value = match value {
                FieldValue::Text(template) => template.render(values)?,
                FieldValue::Money(money) => money.render(values)?,
            };
            fields.push(Field { title: title.clone(), value });
        }
        Ok(Message { text, fields })
    }
}

/// All messages by canonical event type.
#[derive(Debug)]
pub(crate) struct Book {
    /// Each type's own message and target.
    types: BTreeMap<EventType, (String, Arc<MessageTemplate>)>,
    /// What a target gets instead or besides; `None` where the type is muted there.
    targets: BTreeMap<String, BTreeMap<EventType, Option<Arc<MessageTemplate>>>>,
}

impl Book {
    /// The catalog's messages with the configuration's changes.
    ///
    /// # Errors
    /// [`ConfigError`] that names the key.
    pub(crate) fn new(config: &SlackConfig, catalog: &Catalog) -> Result<Self, ConfigError> {
        let drafts = drafts(config, catalog)?;
        let mut types = BTreeMap::new();
        for (event_type, draft) in &drafts {
            if let Some(channel) = &draft.channel {
                check_channel(&format!("templates.{event_type}.channel"), channel)?;
            }
            if let Some(message) = compile(&format!("slack.templates.{event_type}"), event_type, draft, catalog)? {
                types.insert(event_type.clone(), (target(config, draft.channel.as_deref()), message));
            }
        }
        let mut targets = BTreeMap::new();
        for (channel, templates) in &config.channel_templates {
            check_channel("channel_templates", channel)?;
            let messages = channel_messages(channel, templates, &drafts, catalog)?;
            targets.insert(target(config, Some(channel)), messages);
        }
        Ok(Self { types, targets })
    }

    /// The message of a canonical type at a target. A target that the type no longer leads to
    /// gets the type's own message: the delivery was planned when it still did.
    pub(crate) fn message(&self, target: &str, canonical: &EventType) -> Option<&Arc<MessageTemplate>> {
        match self.targets.get(target).and_then(|types| types.get(canonical)) {
            Some(message) => message.as_ref(),
            None => self.types.get(canonical).map(|(_, message)| message),
        }
    }

    /// The target of a canonical type's own message.
    pub(crate) fn channel(&self, canonical: &EventType) -> Option<&str> {
        self.types.get(canonical).map(|(target, _)| target.as_str())
    }

    /// Every target and canonical type that has a message, each pair once.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &EventType)> {
        let special = |target: &str, event_type: &EventType| {
            self.targets.get(target).is_some_and(|types| types.contains_key(event_type))
        };
        let own = self.types.iter().map(|(event_type, (target, _))| (target.as_str(), event_type));
        let own = own.filter(move |(target, event_type)| !special(target, event_type));
        let further = self.targets.iter().flat_map(|(target, types)| {
            let sent = types.iter().filter(|(_, message)| message.is_some());
            sent.map(move |(event_type, _)| (target.as_str(), event_type))
        });
        own.chain(further)
    }
}

/// The target of a channel; the default channel is the default target by another name.
fn target(config: &SlackConfig, channel: Option<&str>) -> String {
    match channel {
        Some(channel) if Some(channel) != config.default_channel.as_deref() => channel.to_owned(),
        _ => DEFAULT_TARGET.to_owned(),
    }
}

/// The messages of one channel; what they leave out stays as the type has it.
fn channel_messages(
    channel: &str,
    templates: &BTreeMap<EventType, ChannelTemplateConfig>,
    drafts: &BTreeMap<EventType, TemplateConfig>,
    catalog: &Catalog,
) -> Result<BTreeMap<EventType, Option<Arc<MessageTemplate>>>, ConfigError> {
    let (mut messages, mut seen) = (BTreeMap::new(), BTreeMap::new());
    for (event_type, own) in templates {
        let key = format!("slack.channel_templates.{channel}.{event_type}");
        let canonical = catalog.canonical(event_type);
        refuse_twice(&mut seen, canonical, event_type, &key)?;
        let base = drafts.get(canonical);
        let draft = TemplateConfig {
            template: own.template.clone().or_else(|| base?.template.clone()),
            fields: own.fields.clone().or_else(|| base?.fields.clone()),
            channel: None,
            enabled: own.enabled,
        };
        messages.insert(canonical.clone(), compile(&key, canonical, &draft, catalog)?);
    }
    Ok(messages)
}

/// The catalog's messages, each key changed by the configuration's of the same type.
fn drafts(config: &SlackConfig, catalog: &Catalog) -> Result<BTreeMap<EventType, TemplateConfig>, ConfigError> {
    let mut drafts = BTreeMap::new();
    for entry in catalog.entries() {
        if let Some(section) = entry.handlers.get("slack") {
            let draft = TemplateConfig::deserialize(section).map_err(|error| ConfigError::Message {
                key: format!("the catalog's handlers.slack of {}", entry.event_type),
                problem: error.to_string(),
            })?;
            drafts.insert(entry.event_type.clone(), draft);
        }
    }
    let mut seen = BTreeMap::new();
    for (event_type, changes) in &config.templates {
        let canonical = catalog.canonical(event_type);
        refuse_twice(&mut seen, canonical, event_type, &format!("slack.templates.{event_type}"))?;
        let draft = drafts.entry(canonical.clone()).or_default();
        draft.enabled &= changes.enabled;
        draft.template = changes.template.clone().or(draft.template.take());
        draft.channel = changes.channel.clone().or(draft.channel.take());
        draft.fields = changes.fields.clone().or(draft.fields.take());
    }
    Ok(drafts)
}

/// Two spellings of one type would contradict each other.
fn refuse_twice<'a>(
    seen: &mut BTreeMap<EventType, &'a EventType>,
    canonical: &EventType,
    event_type: &'a EventType,
    key: &str,
) -> Result<(), ConfigError> {
    match seen.entry(canonical.clone()) {
        Entry::Vacant(place) => {
            place.insert(event_type);
            Ok(())
        }
        Entry::Occupied(first) => {
            let problem = format!("it is the same type as {}; keep one of them", first.get());
            Err(ConfigError::Message { key: key.to_owned(), problem })
        }
    }
}

/// Reads the templates of a draft; `None` for a muted one.
fn compile(
    key: &str,
    event_type: &EventType,
    draft: &TemplateConfig,
    catalog: &Catalog,
) -> Result<Option<Arc<MessageTemplate>>, ConfigError> {
    let refused = |problem: &str| ConfigError::Message { key: key.to_owned(), problem: problem.to_owned() };
    if !draft.enabled || draft.template.as_deref() == Some("") {
        return Ok(None);
    }
    let parse =
        |key: String, template: &str| Template::parse(template).map_err(|source| ConfigError::Template { key, source });
    let Some(template) = &draft.template else {
        return Err(refused("it needs a `template`, because the catalog has none for this type"));
    };
    let text = parse(format!("{key}.template"), template)?;
    let configured = draft.fields.as_deref().unwrap_or_default();
    if configured.len() > MAX_FIELDS {
        return Err(refused("it has more fields than the 490 that Slack takes"));
    }
    let mut fields = Vec::with_capacity(configured.len());
    for (at, field) in configured.iter().enumerate() {
        if field.title.trim().is_empty() {
            return Err(refused("a field needs a `title`"));
        }
        let value = match field {
            FieldConfig { value: Some(value), money: None, unit: None, .. } => {
                FieldValue::Text(parse(format!("{key}.fields[{at}].value"), value)?)
            }
            FieldConfig { value: None, money: Some(money), .. } => {
                if !Template::is_name(money) {
                    return Err(refused("`money` is the name of a field, such as `amount` or `invoice.amount`"));
                }
                let unit = field.unit.unwrap_or_else(|| unit(catalog, event_type, money));
                FieldValue::Money(Money { field: money.clone(), unit })
            }
            _ => return Err(refused("a field has a `title`, and either a `value` or `money` with its `unit`")),
        };
        fields.push((escape::value(&field.title), value));
    }
    Ok(Some(Arc::new(MessageTemplate { text, fields })))
}

/// What the catalog says an amount counts (C35).
fn unit(catalog: &Catalog, event_type: &EventType, field: &str) -> Unit {
    let described = catalog.entry(event_type).and_then(|entry| entry.fields.iter().find(|known| known.name == field));
    match described.and_then(|known| known.unit.as_deref()) {
        Some("major") => Unit::Major,
        _ => Unit::Minor,
    }
}
