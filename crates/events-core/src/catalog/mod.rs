//! The catalog: which event types are known, what they mean, and what they look like.
//!
//! The catalog is data. The embedded part is `catalog/events.json` beside this crate's
//! sources, one entry per type; the constants in [`types`] are generated from it.

mod entry;
pub mod types;

use std::collections::BTreeMap;

pub use entry::{CatalogEntry, Field, FieldType, Severity};
use serde::Deserialize;

use crate::event::{EventType, Pattern};

const EMBEDDED: &str = include_str!("../../catalog/events.json");

/// Known event types by name, and other spellings of them.
///
/// An **alias** means the same event under another name: it is stored as emitted and
/// dispatched as its canonical type (C12–C14). Types that nobody described are accepted all
/// the same; they are just not in the catalog.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: BTreeMap<EventType, CatalogEntry>,
    aliases: BTreeMap<EventType, EventType>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    aliases: BTreeMap<EventType, EventType>,
    events: Vec<CatalogEntry>,
}

/// Why a catalog file is refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Not JSON, or not of the shape of a catalog; the message says where.
    #[error("the catalog is not readable: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Two entries for one type.
    #[error("the catalog describes `{0}` twice; remove one of the entries")]
    Duplicate(EventType),
    /// An alias leads nowhere, or hides a described type.
    #[error("the alias `{alias}` of `{canonical}` is refused: {problem}")]
    Alias {
        /// The other spelling.
        alias: EventType,
        /// What it should mean.
        canonical: EventType,
        /// Why it cannot.
        problem: &'static str,
    },
}

impl Catalog {
    /// The types of the source documents (R004–R012, R129–R141, R268–R305), and their aliases.
    ///
    /// # Panics
    /// Never: the embedded file is checked by a test.
    #[must_use]
    pub fn embedded() -> Self {
        match Self::from_json(EMBEDDED) {
            Ok(catalog) => catalog,
            Err(error) => unreachable!("the embedded catalog is checked by a test: {error}"),
        }
    }

    /// Reads a catalog.
    ///
    /// # Errors
    /// [`CatalogError`] that names the entry.
    pub fn from_json(json: &str) -> Result<Self, CatalogError> {
        Self::default().extended(json)
    }

    /// This catalog with the types and aliases of another.
    ///
    /// # Errors
    /// [`CatalogError`] that names the entry; a type may be described once only.
    pub fn extended(mut self, json: &str) -> Result<Self, CatalogError> {
        let document: Document = serde_json::from_str(json)?;
        let catalog = &mut self;
        for entry in document.events {
            let event_type = entry.event_type.clone();
            if catalog.entries.insert(event_type.clone(), entry).is_some() {
                return Err(CatalogError::Duplicate(event_type));
            }
        }
        for (alias, canonical) in document.aliases {
            let problem = if catalog.entries.contains_key(&alias) {
                Some("it is described as a type of its own")
            } else if !catalog.entries.contains_key(&canonical) {
                Some("that type is not described")
            } else {
                None
            };
            if let Some(problem) = problem {
                return Err(CatalogError::Alias { alias, canonical, problem });
            }
            catalog.aliases.insert(alias, canonical);
        }
        Ok(self)
    }

    /// The canonical type: what an alias stands for, or the type itself.
    #[must_use]
    pub fn canonical<'a>(&'a self, event_type: &'a EventType) -> &'a EventType {
        self.aliases.get(event_type).unwrap_or(event_type)
    }

    /// The entry of a type or of what an alias stands for.
    #[must_use]
    pub fn entry(&self, event_type: &EventType) -> Option<&CatalogEntry> {
        self.entries.get(self.canonical(event_type))
    }

    /// All entries by name.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &CatalogEntry> {
        self.entries.values()
    }

    /// All aliases with what they stand for, by name.
    pub fn aliases(&self) -> impl ExactSizeIterator<Item = (&EventType, &EventType)> {
        self.aliases.iter()
    }

    /// A pattern together with the other spellings it stands for, for searching stored events.
    #[must_use]
    pub fn spellings(&self, pattern: &Pattern) -> Vec<Pattern> {
        let pattern = match pattern {
            Pattern::Exact(event_type) => Pattern::Exact(self.canonical(event_type).clone()),
            other => other.clone(),
        };
        let aliases = self.aliases.iter().filter(|(_, canonical)| pattern.matches(canonical));
        let mut spellings: Vec<_> = aliases.map(|(alias, _)| Pattern::Exact(alias.clone())).collect();
        spellings.insert(0, pattern);
        spellings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_catalog_holds_the_77_types_and_4_aliases_of_the_source_documents() {
        let catalog = Catalog::from_json(EMBEDDED).unwrap();
        assert!(catalog.entries().len() >= 77, "{}", catalog.entries().len());
        assert!(catalog.aliases().len() >= 4, "{}", catalog.aliases().len());
        for entry in catalog.entries() {
            assert!(!entry.description.is_empty(), "{}", entry.event_type);
        }
    }

    /// R015 `test_event_type_values`, R005–R012
    #[test]
    fn r015_the_eight_types_have_exactly_these_values() {
        let values = [
            (types::USER_SIGNUP, "user.signup"),
            (types::USER_FIRST_IMPORT, "user.first_import"),
            (types::SUBSCRIPTION_STARTED, "subscription.started"),
            (types::SUBSCRIPTION_CANCELLED, "subscription.cancelled"),
            (types::SUBSCRIPTION_PAYMENT_FAILED, "subscription.payment_failed"),
            (types::IMPORTER_CREATED, "importer.created"),
            (types::IMPORT_COMPLETED, "import.completed"),
            (types::IMPORT_FAILED, "import.failed"),
        ];
        for (event_type, value) in values {
            assert_eq!(event_type.as_str(), value);
        }
    }

    /// R129–R141: how many types each group has.
    #[test]
    fn r129_the_groups_of_the_source_document_are_complete() {
        let catalog = Catalog::embedded();
        let count = |domain: &str| catalog.entries().filter(|entry| entry.event_type.domain() == domain).count();
        assert_eq!((count("auth"), count("onboarding"), count("profile"), count("org")), (7, 4, 3, 10));
        assert_eq!((count("billing"), count("practice"), count("system"), count("session")), (13, 4, 3, 3));
    }

    /// C12–C14
    #[test]
    fn an_alias_is_its_canonical_type_and_a_concept_is_not() {
        let catalog = Catalog::embedded();
        let signed_up = EventType::from_static("user.signed_up");
        assert_eq!(catalog.canonical(&signed_up), &types::AUTH_USER_SIGNED_UP);
        assert_eq!(catalog.canonical(&types::USER_SIGNUP), &types::USER_SIGNUP, "C15: same concept, another type");
        let spellings = catalog.spellings(&Pattern::Exact(types::ORG_CREATED));
        let spellings: Vec<_> = spellings.iter().map(ToString::to_string).collect();
        assert_eq!(spellings, ["org.created", "organization.created", "practice.created"]);
    }

    #[test]
    fn faults_in_a_catalog_are_named() {
        let refused = |json: &str| Catalog::from_json(json).unwrap_err().to_string();
        let entry = r#"{"type":"a.b","version":"1.0.0","description":"x","category":"y","fields":[]}"#;
        assert!(refused(&format!(r#"{{"events":[{entry},{entry}]}}"#)).contains("describes `a.b` twice"));
        assert!(refused(&format!(r#"{{"aliases":{{"c.d":"e.f"}},"events":[{entry}]}}"#)).contains("`c.d` of `e.f`"));
        assert!(refused(&format!(r#"{{"aliases":{{"a.b":"a.b"}},"events":[{entry}]}}"#)).contains("type of its own"));
        assert!(refused(r#"{"events":[{"type":"A"}]}"#).contains("`A` is not an event type"));
        assert!(refused(r#"{"events":[],"evnts":1}"#).contains("unknown field `evnts`"));
    }
}
