//! Both stores side by side: every operation is done to each with the same arguments, and the
//! answers are compared.

use std::{fmt::Debug, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    leases::Leases,
    op::{Come, Draft, Effect, Ending, HANDLERS, Letters, ORGANIZATIONS, Op, Pick, Plan, Planned, TARGETS, TYPES},
};
use crate::{
    delivery::{Delivery, DeliveryId, Guard, HandlerName, LeaseRef, Pacing, Settlement, TargetEffect},
    event::{Event, EventId, Seq, StoredEvent},
    ports::{ClaimRequest, IdGenerator, NewDelivery, PruneRequest, RedriveFilter, RoutedEvent, StoreError},
    testkit::{
        Fixture, MemoryStore, SequentialIds, affecting, at, claim, dead, delivery, done, dropped, event, handed_back,
        retry,
    },
    webhooks::Subscription,
};

/// The rate of paced handlers: small enough that piles and empty buckets both come up.
const PACING: Pacing = Pacing { interval: Duration::from_secs(4), burst: 2, digest_over: 3, digest_max: 5 };

/// Both stores, and what a caller would know.
pub(super) struct World {
    pub(super) reference: Fixture,
    pub(super) tested: Fixture,
    pub(super) now: Timestamp,
    ids: SequentialIds,
    /// Ids that were appended, for appending them again.
    pub(super) event_ids: Vec<EventId>,
    /// Claims that were not settled yet.
    held: Vec<Delivery>,
    /// All claims, as the memory store gave them out.
    pub(super) claims: Vec<Delivery>,
    /// Subscriptions as they were seen, old revisions too.
    pub(super) seen: Vec<Subscription>,
    leases: Leases,
}

/// Asks both stores the same and answers what they agree on, or else returns the difference.
macro_rules! both {
    ($world:expr, $port:ident.$method:ident($($argument:expr),*)) => {{
        let reference = $world.reference.$port.$method($($argument),*).await;
        let tested = $world.tested.$port.$method($($argument),*).await;
        $crate::testkit::model::world::agreed(stringify!($method), reference, tested)?
    }};
}
pub(super) use both;

/// What both answered; errors are the same when they allow the caller the same.
pub(super) fn agreed<T: PartialEq + Debug>(
    method: &str,
    reference: Result<T, StoreError>,
    tested: Result<T, StoreError>,
) -> Result<T, String> {
    match (reference, tested) {
        (Ok(reference), Ok(tested)) if reference == tested => Ok(reference),
        (reference, tested) => {
            Err(format!("{method} answers differently\n in memory: {reference:?}\nunder test: {tested:?}"))
        }
    }
}

impl World {
    pub(super) fn new(tested: Fixture) -> Self {
        Self {
            reference: Fixture::new(Arc::new(MemoryStore::new())),
            tested,
            now: at(0),
            ids: SequentialIds::new(),
            event_ids: Vec::new(),
            held: Vec::new(),
            claims: Vec::new(),
            seen: Vec::new(),
            leases: Leases::default(),
        }
    }

    /// Does `op` to both stores; answers the difference, if there is one.
    pub(super) async fn apply(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Append(drafts) => {
                let events: Vec<_> = drafts.iter().map(|draft| self.event(draft)).collect();
                both!(self, store.append(events.clone()));
            }
            Op::Route(plans) => self.route(plans).await?,
            Op::Claim { handler, limit, lease, paced, each, allowed } => {
                let mut request = self.claim_request(*handler, *limit, *lease, *paced);
                request.allowances.each = each.unwrap_or(usize::MAX);
                request.allowances.of.extend(allowed.map(|(target, most)| (TARGETS[target].into(), most)));
                let (reference, tested) =
                    (self.reference.store.claim(request.clone()).await, self.tested.store.claim(request).await);
                let tested = match (&reference, tested) {
                    (Ok(reference), Ok(tested)) => Ok(self.leases.note(reference, tested)?),
                    (_, tested) => tested,
                };
                let claimed = agreed("claim", reference, tested)?;
                self.held.extend(claimed.clone());
                self.claims.extend(claimed);
            }
            Op::Settle(endings) => {
                let settlements: Vec<_> = endings.iter().filter_map(|ending| self.settlement(ending)).collect();
                let reference = self.reference.store.settle(settlements.clone()).await;
                let settlements = settlements.into_iter().map(|it| self.leases.settlement(it)).collect();
                agreed("settle", reference, self.tested.store.settle(settlements).await)?;
            }
            Op::Renew { held, seconds } => {
                let picked = held.iter().filter_map(|pick| pick.of(&self.claims));
                let leases: Vec<LeaseRef> = picked.map(Delivery::lease_ref).collect();
                let until = self.after(*seconds);
                let reference = self.reference.store.renew(leases.clone(), until).await;
                let tested = self.tested.store.renew(self.leases.of_tested(leases), until).await;
                agreed("renew", reference.map(|lost| self.leases.of_tested(lost)), tested)?;
            }
            Op::Advance { seconds } => self.now = self.after(*seconds),
            Op::ReleaseExpired { limit } => {
                both!(self, store.release_expired(self.now, *limit));
            }
            Op::Redrive(letters) => {
                let filter = self.redrive_filter(letters);
                both!(self, store.redrive(filter.clone(), self.now));
            }
            Op::Resume { handler, target } => {
                let target = target.map(|target| TARGETS[target].into());
                both!(self, targets.resume(&HANDLERS[*handler].into(), target.as_ref(), self.now));
            }
            Op::Rest { handler, target, effect } => {
                let (handler, target) = (HANDLERS[*handler].into(), TARGETS[*target].into());
                both!(self, targets.rest(&handler, &target, self.effect(*effect), self.now));
            }
            Op::Subscribe(step) => self.subscribe(step).await?,
            Op::Prune { attempts_age, dead_letters_age, keys_age, limit } => {
                let request = PruneRequest {
                    attempts_before: self.after(-attempts_age),
                    dead_letters_before: self.after(-dead_letters_age),
                    keys_before: self.after(-keys_age),
                    limit: *limit,
                };
                both!(self, store.prune(request));
            }
            Op::Count { limit } => self.count(*limit).await?,
            Op::NextDue { handler } => {
                both!(self, store.next_due(&HandlerName::from(HANDLERS[*handler])));
            }
            Op::Read(read) => self.read(read).await?,
        }
        Ok(())
    }

    /// This long after now, or before.
    pub(super) fn after(&self, seconds: i64) -> Timestamp {
        self.now + SignedDuration::from_secs(seconds)
    }

    fn event(&mut self, draft: &Draft) -> Arc<Event> {
        let known = draft.same_id.and_then(|pick| pick.of(&self.event_ids).copied());
        let event_id = known.unwrap_or_else(|| self.ids.event_id());
        self.event_ids.push(event_id);
        let mut event = event(TYPES[draft.event_type]).id(event_id).created_at(self.now).actor("user_1");
        if let Some(organization_id) = ORGANIZATIONS[draft.organization] {
            event = event.organization(organization_id);
        }
        if let Some(key) = draft.key {
            event = event.idempotency_key(&format!("key-{key}"));
        }
        event.build()
    }

    async fn route(&self, plans: &[Plan]) -> Result<(), String> {
        let unrouted: Vec<StoredEvent> = both!(self, store.unrouted(24)).events;
        let log: Vec<StoredEvent> = both!(self, history.scan(Seq::START, 1_000));
        let routed = plans.iter().filter_map(|plan| {
            let event = plan.event.of(if plan.again { &log } else { &unrouted })?;
            Some(RoutedEvent {
                seq: event.seq,
                deliveries: plan.deliveries.iter().map(|planned| self.new_delivery(planned)).collect(),
                cancellations: plan.cancellations.iter().map(|key| format!("cancel-{key}")).collect(),
            })
        });
        let routed: Vec<_> = routed.collect();
        both!(self, store.route(routed.clone(), self.now));
        Ok(())
    }

    fn new_delivery(&self, planned: &Planned) -> NewDelivery {
        let endpoint = planned.endpoint.map(|which| self.seen[which].subscription_id.to_string());
        NewDelivery {
            due_at: self.after(planned.delay),
            cancel_key: planned.cancel_key.map(|key| format!("cancel-{key}")),
            guard: planned.guarded.then_some(Guard { unless: crate::types::USER_SIGNUP }),
            ..delivery(HANDLERS[planned.handler], endpoint.as_deref().unwrap_or(TARGETS[planned.target]))
        }
    }

    fn claim_request(&self, handler: usize, limit: usize, lease: u64, paced: bool) -> ClaimRequest {
        let claim = claim(HANDLERS[handler]).at(self.now).limit(limit).lease(lease);
        match HANDLERS[handler] {
            "slack" => claim.paced(&PACING),
            "email" if paced => claim.paced(&PACING),
            _ => claim,
        }
        .build()
    }

    fn settlement(&mut self, ending: &Ending) -> Option<Settlement> {
        let claimed = if ending.again { ending.claim.of(&self.claims) } else { ending.claim.of(&self.held) }?.clone();
        self.held.retain(|held| held.lease_ref() != claimed.lease_ref());
        let settlement = match ending.verdict {
            Come::Done => done(&claimed, self.now),
            Come::Dropped => dropped(&claimed, "nobody listens", self.now),
            Come::RetryIn { seconds } => retry(&claimed, self.after(seconds), self.now),
            Come::Dead => dead(&claimed, &format!("gone at {}", self.now), self.now),
            Come::HandedBack => handed_back(&claimed, self.now),
        };
        Some(match ending.effect {
            None => settlement,
            Some(effect) => affecting(settlement, self.effect(effect)),
        })
    }

    fn effect(&self, effect: Effect) -> TargetEffect {
        match effect {
            Effect::Disable => TargetEffect::Disable(format!("410 at {}", self.now)),
            Effect::PauseFor { seconds } => TargetEffect::PauseUntil(self.after(seconds)),
        }
    }

    fn redrive_filter(&self, letters: &Letters) -> RedriveFilter {
        let delivery_of = |pick: &Pick| pick.of(&self.claims).map_or(DeliveryId(0), |claimed| claimed.delivery_id);
        RedriveFilter {
            deliveries: letters.these.as_ref().map(|these| these.iter().map(delivery_of).collect()),
            handler: letters.handler.map(|handler| HANDLERS[handler].into()),
            target: letters.target.map(|target| TARGETS[target].into()),
            organization_id: ORGANIZATIONS[letters.organization].map(str::to_owned),
            limit: letters.limit,
        }
    }
}
