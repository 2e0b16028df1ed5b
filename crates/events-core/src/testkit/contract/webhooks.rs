//! Webhook subscriptions: kept whole, seen by their organization only, changed by one at a time.

use std::time::Duration;

use super::steps::works;
use crate::{
    ports::{PageRequest, SubscriptionQuery, Updated},
    testkit::{Fixture, SubscriptionBuilder, at, secret, subscription},
    webhooks::{
        Format, RateLimit, Scheme, Sealed, SealedHeader, SecretId, Status, Subscription, SubscriptionId, WebhookSecret,
    },
};

/// A subscription that differs from the usual in every field.
fn peculiar() -> Subscription {
    let disabled = Status::Disabled { reason: "410 gone".to_owned(), at: at(7) };
    let built = subscription("org_1").events(&["billing.*", "user.signup"]).status(disabled).unverified();
    Subscription {
        description: "für \"Otto\" 🦀".to_owned(),
        headers: vec![
            SealedHeader { name: "x-key".to_owned(), value: Sealed::new(vec![0, 255, 16]) },
            SealedHeader { name: "x-empty".to_owned(), value: Sealed::new(vec![]) },
        ],
        retry: Some(vec![Duration::from_secs(1), Duration::from_millis(86_399_999)]),
        timeout: Some(Duration::from_millis(1_500)),
        rate_limit: Some(RateLimit { interval: Duration::from_micros(333_333), burst: 9 }),
        format: Format::CloudEventsBinary,
        signing: Scheme::V1a,
        failing_since: Some(at(5)),
        notices: 2,
        revision: 3,
        created_at: at(1),
        updated_at: at(2),
        ..built
            .filter(r#"{"or": [{"field": "payload.amount", "gte": 0.5}, {"field": "actor", "in": ["a", null]}]}"#)
            .build()
    }
}

async fn made(fixture: &Fixture, subscription: SubscriptionBuilder) -> Subscription {
    let subscription = subscription.build();
    let created = fixture.subscriptions.create(subscription.clone(), secret(subscription.subscription_id)).await;
    assert!(works(created), "there is none with this id");
    subscription
}

async fn found(fixture: &Fixture, subscription: &Subscription) -> Option<Subscription> {
    works(fixture.subscriptions.subscription(subscription.subscription_id, None).await)
}

async fn updated(fixture: &Fixture, subscription: Subscription) -> Updated {
    works(fixture.subscriptions.update(subscription).await)
}

async fn secrets(fixture: &Fixture, subscription: &Subscription) -> Vec<WebhookSecret> {
    works(fixture.subscriptions.secrets(subscription.subscription_id).await)
}

/// "Stores a subscription and its first secret": with everything that was asked for.
pub async fn a_subscription_comes_back_as_it_was_made(fixture: &Fixture) {
    let of_everybody = subscription("").of_everybody().build();
    for subscription in [subscription("org_1").build(), peculiar(), of_everybody] {
        let secret = WebhookSecret {
            scheme: Scheme::V1a,
            key_id: "k2".to_owned(),
            sealed: Sealed::new(vec![0, 1, 254, 255]),
            public_key: Some(vec![9; 32]),
            expires_at: Some(at(60)),
            ..secret(subscription.subscription_id)
        };
        assert!(works(fixture.subscriptions.create(subscription.clone(), secret.clone()).await));
        assert_eq!(found(fixture, &subscription).await.as_ref(), Some(&subscription));
        assert_eq!(secrets(fixture, &subscription).await, [secret]);
    }
}

/// "`false`, and nothing is changed, when there is one with this id": its first secret stays the only one.
pub async fn a_subscription_is_made_once_with_one_secret(fixture: &Fixture) {
    let first = made(fixture, subscription("org_1")).await;
    let second = Subscription { url: "https://other.example".to_owned(), ..first.clone() };
    let before = secrets(fixture, &first).await;
    assert!(!works(fixture.subscriptions.create(second, secret(first.subscription_id)).await));
    assert_eq!(found(fixture, &first).await.as_ref(), Some(&first));
    assert_eq!(secrets(fixture, &first).await, before);
}

/// "A subscription of another one, or of none, is as if it were not there."
pub async fn another_organizations_subscription_is_not_there(fixture: &Fixture) {
    let theirs = made(fixture, subscription("org_2")).await;
    let everybodys = made(fixture, subscription("").of_everybody()).await;
    for hidden in [&theirs, &everybodys] {
        let seen = fixture.subscriptions.subscription(hidden.subscription_id, Some("org_1")).await;
        assert_eq!(works(seen), None);
        assert!(!works(fixture.subscriptions.delete(hidden.subscription_id, Some("org_1")).await));
        let stolen = Subscription { organization_id: Some("org_1".to_owned()), ..hidden.clone() };
        assert_eq!(updated(fixture, stolen).await, Updated::Missing);
        assert_eq!(found(fixture, hidden).await.as_ref(), Some(hidden));
    }
    let adopted = Subscription { organization_id: None, ..theirs.clone() };
    assert_eq!(updated(fixture, adopted).await, Updated::Missing, "nor does it change hands");
    let listed = works(fixture.subscriptions.list(of("org_1", PageRequest::default())).await);
    assert_eq!(listed.items, []);
    let seen = fixture.subscriptions.subscription(theirs.subscription_id, Some("org_2")).await;
    assert_eq!(works(seen), Some(theirs));
}

fn of(organization_id: &str, page: PageRequest) -> SubscriptionQuery {
    SubscriptionQuery { organization_id: Some(organization_id.to_owned()), page }
}

/// "Subscriptions newest first", those of everybody's list too, and pages that follow each other.
pub async fn subscriptions_are_listed_newest_first_in_pages(fixture: &Fixture) {
    let mut mine = Vec::new();
    for _ in 0..5 {
        made(fixture, subscription("org_2")).await;
        mine.insert(0, made(fixture, subscription("org_1")).await);
    }
    let page = |cursor| PageRequest { limit: 2, cursor, ..PageRequest::default() };
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let listed = works(fixture.subscriptions.list(of("org_1", page(cursor))).await);
        seen.extend(listed.items);
        made(fixture, subscription("org_1")).await;
        cursor = listed.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, mine, "each once, and none that came meanwhile");
    let everything = works(fixture.subscriptions.list(SubscriptionQuery::default()).await);
    assert_eq!((everything.items.len(), everything.next), (13, None));
    let passed = PageRequest { offset: 1, limit: 1, cursor: None };
    let listed = works(fixture.subscriptions.list(SubscriptionQuery { page: passed, ..Default::default() }).await);
    assert_eq!(listed.items, everything.items[1..2]);
}

/// "Changes the subscription": everything but its health, its organization and the time when it was made.
pub async fn a_change_is_made_whole(fixture: &Fixture) {
    let first = made(fixture, subscription("org_1")).await;
    let wanted = Subscription {
        subscription_id: first.subscription_id,
        revision: first.revision,
        notices: 0,
        failing_since: None,
        ..peculiar()
    };
    works(fixture.subscriptions.note_health(first.subscription_id, Some(at(30)), 1).await);
    let given = Subscription { failing_since: Some(at(99)), notices: 2, created_at: at(99), ..wanted.clone() };
    let Updated::Done(now) = updated(fixture, given).await else { panic!("nobody else changed it") };
    let expected = Subscription {
        revision: first.revision + 1,
        failing_since: Some(at(30)),
        notices: 1,
        created_at: first.created_at,
        ..wanted
    };
    assert_eq!(now, expected);
    assert_eq!(found(fixture, &first).await, Some(expected));
}

/// "If its revision is still the given one": who comes second is told how it is now.
pub async fn a_change_of_an_old_revision_is_a_conflict(fixture: &Fixture) {
    let seen = made(fixture, subscription("org_1")).await;
    let mine = Subscription { description: "mine".to_owned(), ..seen.clone() };
    let theirs = Subscription { description: "theirs".to_owned(), ..seen.clone() };
    let Updated::Done(current) = updated(fixture, mine).await else { panic!("it is the first change") };
    assert_eq!(updated(fixture, theirs).await, Updated::Conflict(current.clone()));
    assert_eq!(found(fixture, &seen).await, Some(current));
    let unknown = subscription("org_1").build();
    assert_eq!(updated(fixture, unknown).await, Updated::Missing);
}

/// "Removes a subscription and its secrets; `false` when there is none with this id."
pub async fn a_deleted_subscription_is_gone_with_its_secrets(fixture: &Fixture) {
    let (gone, stays) = (made(fixture, subscription("org_1")).await, made(fixture, subscription("org_1")).await);
    let delete = async || works(fixture.subscriptions.delete(gone.subscription_id, Some("org_1")).await);
    assert_eq!((delete().await, delete().await), (true, false));
    assert_eq!((found(fixture, &gone).await, secrets(fixture, &gone).await), (None, vec![]));
    assert_eq!(updated(fixture, gone.clone()).await, Updated::Missing);
    assert_eq!((found(fixture, &stays).await.as_ref(), secrets(fixture, &stays).await.len()), (Some(&stays), 1));
}

/// "Subscriptions of all organizations in the order of their ids, after one, at most `limit`."
pub async fn all_subscriptions_come_by_id(fixture: &Fixture) {
    let mut all = Vec::new();
    for organization_id in ["org_1", "org_2", "org_1"] {
        all.push(made(fixture, subscription(organization_id)).await);
    }
    all.sort_by_key(|it| it.subscription_id);
    assert_eq!(works(fixture.subscriptions.all(None, 2).await), all[..2]);
    assert_eq!(works(fixture.subscriptions.all(Some(all[1].subscription_id), 2).await), all[2..]);
    assert_eq!(works(fixture.subscriptions.all(Some(all[2].subscription_id), 2).await), []);
}

/// "Adds a secret and lets the others of its subscription expire at `others_expire_at`, unless they do so earlier."
pub async fn a_new_secret_lets_the_others_expire(fixture: &Fixture) {
    let subscription = made(fixture, subscription("org_1")).await;
    let other = made(fixture, self::subscription("org_1")).await;
    let next = |seconds| WebhookSecret { created_at: at(seconds), ..secret(subscription.subscription_id) };
    let add = async |secret, expiry| works(fixture.subscriptions.add_secret(secret, at(expiry)).await);
    let (second, third) = (next(10), next(20));
    assert!(add(second.clone(), 100).await);
    assert!(add(third.clone(), 50).await);
    let expiries = secrets(fixture, &subscription).await.into_iter().map(|it| (it.secret_id, it.expires_at));
    let expiries: Vec<_> = expiries.collect();
    assert_eq!(expiries[..2], [(third.secret_id, None), (second.secret_id, Some(at(50)))], "newest first");
    assert_eq!(expiries[2].1, Some(at(50)));
    assert!(!add(third.clone(), 30).await, "it is there already");
    assert!(add(next(40), 200).await);
    let expiries = secrets(fixture, &subscription).await.into_iter().map(|it| it.expires_at);
    assert_eq!(expiries.collect::<Vec<_>>(), [None, Some(at(200)), Some(at(50)), Some(at(50))]);
    assert!(add(next(60), 60).await);
    let expiries = secrets(fixture, &subscription).await.into_iter().map(|it| it.expires_at);
    assert_eq!(expiries.collect::<Vec<_>>(), [None, Some(at(60)), Some(at(60))], "the expired ones are removed");
    assert_eq!(secrets(fixture, &other).await[0].expires_at, None);
}

/// "`false`, and nothing is changed, when there is no such subscription."
pub async fn a_secret_belongs_to_a_subscription(fixture: &Fixture) {
    let missing = subscription("org_1").build();
    assert!(!works(fixture.subscriptions.add_secret(secret(missing.subscription_id), at(1)).await));
    assert_eq!(secrets(fixture, &missing).await, []);
    let unknown = WebhookSecret { secret_id: SecretId::random(), ..secret(SubscriptionId::random()) };
    assert!(!works(fixture.subscriptions.add_secret(unknown, at(1)).await));
}

/// "Notes the health of a subscription, which is no revision of it."
pub async fn health_is_noted_and_is_no_revision(fixture: &Fixture) {
    let first = made(fixture, subscription("org_1")).await;
    let note =
        async |since, notices| works(fixture.subscriptions.note_health(first.subscription_id, since, notices).await);
    assert!(note(Some(at(9)), 1).await);
    let ill = Subscription { failing_since: Some(at(9)), notices: 1, ..first.clone() };
    assert_eq!(found(fixture, &first).await, Some(ill));
    assert!(note(None, 0).await);
    assert_eq!(found(fixture, &first).await, Some(first));
    let unknown = SubscriptionId::random();
    assert!(!works(fixture.subscriptions.note_health(unknown, None, 0).await));
}
