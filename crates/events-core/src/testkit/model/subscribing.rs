//! Steps of a walk that change webhook subscriptions and rotate their secrets.

use proptest::{
    option, prop_oneof,
    strategy::{Just, Strategy},
};

use super::{
    op::{ENDPOINTS, ORGANIZATIONS, Pick, picked},
    world::{World, both},
};
use crate::{
    ports::{PageRequest, SubscriptionQuery, Updated},
    testkit::{secret, subscription},
    webhooks::{Status, Subscription, WebhookSecret},
};

const PATTERNS: [&str; 3] = ["*", "user.*", "billing.paid"];

/// A change, named so that old revisions and subscriptions that are gone come up too.
#[derive(Clone, Debug)]
pub(super) enum Subscribing {
    Make { organization: usize, look: Look },
    Change { which: Pick, look: Look },
    Delete { which: Pick, organization: usize },
    Rotate { which: Pick, grace: i64 },
    NoteHealth { which: Pick, failing: bool, notices: u8 },
}

/// What routing depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pattern: usize,
    status: usize,
    is_verified: bool,
}

fn look() -> impl Strategy<Value = Look> {
    let verified = prop_oneof![3 => Just(true), 1 => Just(false)];
    (0..3_usize, 0..3_usize, verified).prop_map(|(pattern, status, is_verified)| Look { pattern, status, is_verified })
}

pub(super) fn any_subscribing() -> impl Strategy<Value = Subscribing> {
    prop_oneof![
        3 => (0..3_usize, look()).prop_map(|(organization, look)| Subscribing::Make { organization, look }),
        4 => (picked(), look()).prop_map(|(which, look)| Subscribing::Change { which, look }),
        1 => (picked(), 0..3_usize).prop_map(|(which, organization)| Subscribing::Delete { which, organization }),
        2 => (picked(), 0..20_i64).prop_map(|(which, grace)| Subscribing::Rotate { which, grace }),
        1 => (picked(), option::of(0..3_u8)).prop_map(|(which, notices)| Subscribing::NoteHealth {
            which,
            failing: notices.is_some(),
            notices: notices.unwrap_or_default(),
        }),
    ]
}

impl World {
    /// Makes the endpoints that a walk begins with.
    pub(super) async fn subscribe_first(&mut self) -> Result<(), String> {
        for organization in ENDPOINTS {
            let look = Look { pattern: 0, status: 0, is_verified: true };
            self.subscribe(&Subscribing::Make { organization, look }).await?;
        }
        Ok(())
    }

    pub(super) async fn subscribe(&mut self, step: &Subscribing) -> Result<(), String> {
        match step {
            Subscribing::Make { organization, look } => {
                let organization_id = ORGANIZATIONS[*organization].map(str::to_owned);
                let made = Subscription { organization_id, created_at: self.now, ..subscription("").build() };
                let made = self.looking(made, *look);
                let first = WebhookSecret { created_at: self.now, ..secret(made.subscription_id) };
                both!(self, subscriptions.create(made.clone(), first.clone()));
                self.seen.push(made);
            }
            Subscribing::Change { which, look } => {
                let Some(seen) = which.of(&self.seen).cloned() else { return Ok(()) };
                let wanted = self.looking(seen, *look);
                if let Updated::Done(now) = both!(self, subscriptions.update(wanted.clone())) {
                    self.seen.push(now);
                }
            }
            Subscribing::Delete { which, organization } => {
                let Some(seen) = which.of(&self.seen) else { return Ok(()) };
                both!(self, subscriptions.delete(seen.subscription_id, ORGANIZATIONS[*organization]));
            }
            Subscribing::Rotate { which, grace } => {
                let Some(seen) = which.of(&self.seen) else { return Ok(()) };
                let next = WebhookSecret { created_at: self.now, ..secret(seen.subscription_id) };
                both!(self, subscriptions.add_secret(next.clone(), self.after(*grace)));
            }
            Subscribing::NoteHealth { which, failing, notices } => {
                let Some(seen) = which.of(&self.seen) else { return Ok(()) };
                let since = failing.then_some(self.now);
                both!(self, subscriptions.note_health(seen.subscription_id, since, *notices));
            }
        }
        Ok(())
    }

    fn looking(&self, seen: Subscription, look: Look) -> Subscription {
        let disabled = || Status::Disabled { reason: format!("at {}", self.now), at: self.now };
        Subscription {
            events: vec![PATTERNS[look.pattern].parse().expect("these are patterns")],
            status: [Status::Enabled, Status::Paused, disabled()][look.status].clone(),
            verified_at: look.is_verified.then_some(self.now),
            updated_at: self.now,
            ..seen
        }
    }

    /// Looks at all subscriptions; answers the first difference.
    pub(super) async fn observe_subscriptions(&self) -> Result<(), String> {
        both!(self, routes.stored_routes());
        for organization in ORGANIZATIONS {
            let page = PageRequest { limit: 3, ..PageRequest::default() };
            let query = SubscriptionQuery { organization_id: organization.map(str::to_owned), page };
            both!(self, subscriptions.list(query.clone()));
        }
        for it in both!(self, subscriptions.all(None, 1_000)) {
            both!(self, subscriptions.secrets(it.subscription_id));
        }
        Ok(())
    }
}
