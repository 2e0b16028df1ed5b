//! API keys: kept by their hash, found by it, listed and removed by their id.

use super::steps::works;
use crate::{
    ports::{ApiKey, Scope},
    testkit::{Fixture, at},
};

fn key(key_id: &str, seconds: i64) -> ApiKey {
    ApiKey {
        key_id: key_id.to_owned(),
        name: format!("key {key_id}"),
        scopes: vec![Scope::Read, Scope::Publish],
        organization_id: None,
        created_at: at(seconds),
    }
}

/// "The key with this hash, or `None`": with its scopes and its organization.
pub async fn a_key_is_found_by_its_hash(fixture: &Fixture) {
    let bound = ApiKey { organization_id: Some("org_1".to_owned()), scopes: vec![Scope::Manage], ..key("b", 2) };
    works(fixture.keys.put(key("a", 1), [1; 32]).await);
    works(fixture.keys.put(bound.clone(), [2; 32]).await);
    assert_eq!(works(fixture.keys.find(&[1; 32]).await), Some(key("a", 1)));
    assert_eq!(works(fixture.keys.find(&[2; 32]).await), Some(bound));
    assert_eq!(works(fixture.keys.find(&[3; 32]).await), None);
}

/// "All keys, oldest first."
pub async fn keys_are_listed_oldest_first(fixture: &Fixture) {
    for (key_id, seconds) in [("b", 2), ("c", 1), ("a", 3)] {
        let hash = [u8::try_from(seconds).expect("it is small"); 32];
        works(fixture.keys.put(key(key_id, seconds), hash).await);
    }
    assert_eq!(works(fixture.keys.list().await), [key("c", 1), key("b", 2), key("a", 3)]);
}

/// "A key with the same id or hash is replaced": the old secret opens nothing any more.
pub async fn a_key_is_replaced_by_one_with_its_id_or_hash(fixture: &Fixture) {
    works(fixture.keys.put(key("a", 1), [1; 32]).await);
    works(fixture.keys.put(key("a", 2), [2; 32]).await);
    assert_eq!(works(fixture.keys.find(&[1; 32]).await), None);
    works(fixture.keys.put(key("b", 3), [2; 32]).await);
    assert_eq!(works(fixture.keys.list().await), [key("b", 3)]);
    works(fixture.keys.put(key("c", 4), [4; 32]).await);
    works(fixture.keys.put(key("b", 5), [4; 32]).await);
    assert_eq!(works(fixture.keys.list().await), [key("b", 5)], "one key may take the place of two");
}

/// "Removes a key; `false` when there is none with this id."
pub async fn a_removed_key_opens_nothing(fixture: &Fixture) {
    works(fixture.keys.put(key("a", 1), [1; 32]).await);
    works(fixture.keys.put(key("b", 2), [2; 32]).await);
    assert!(works(fixture.keys.remove("a").await));
    assert!(!works(fixture.keys.remove("a").await));
    assert_eq!(works(fixture.keys.find(&[1; 32]).await), None);
    assert_eq!(works(fixture.keys.list().await), [key("b", 2)]);
}
