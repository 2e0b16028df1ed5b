//! Leasing at once: what routing leases is as if it had been claimed. How much that is, is the store's to say.

use std::collections::HashSet;

use super::steps::{ids, names, plan_for, works};
use crate::{
    delivery::{Delivery, DeliveryId, DeliveryState, TargetEffect},
    event::StoredEvent,
    ports::{ClaimRequest, NewDelivery, RouteSummary, Routed, RoutedEvent},
    testkit::{Fixture, affecting, at, claim, delivery, done, event},
};

impl Fixture {
    async fn routed_for(&self, plans: Vec<RoutedEvent>, offers: Vec<ClaimRequest>) -> Routed {
        works(self.store.route_and_claim(plans, offers, at(0)).await)
    }

    /// Routes one event and answers what was leased, as a worker would get it.
    async fn leased(&self, deliveries: Vec<NewDelivery>, offer: ClaimRequest) -> (StoredEvent, Vec<Delivery>) {
        let stored = self.stored(event("user.signup")).await;
        let routed = self.routed_for(vec![plan_for(&stored, deliveries.clone(), &[])], vec![offer]).await;
        assert_eq!(routed.summary, RouteSummary { events: 1, deliveries: deliveries.len(), cancelled: 0 });
        assert!(routed.leased.is_sorted_by_key(|leased| leased.place), "{routed:?}");
        let leased = routed.leased.iter().map(|leased| {
            let new = deliveries[leased.place].clone();
            Delivery {
                delivery_id: leased.delivery_id,
                lease: leased.lease,
                lease_until: at(30),
                seq: stored.seq,
                event: stored.event.clone(),
                handler: new.handler,
                target: new.target,
                attempt: 1,
                due_at: new.due_at,
                guard: new.guard,
            }
        });
        let leased = leased.collect();
        (stored, leased)
    }
}

fn to(targets: &[&str]) -> Vec<NewDelivery> {
    targets.iter().map(|target| delivery("slack", target)).collect()
}

/// "In the same commit leases what it makes": others get what is left, and it is settled like any claim.
pub async fn what_routing_leases_is_claimed(fixture: &Fixture) {
    let mut deliveries = to(&["#a", "#b"]);
    deliveries.push(delivery("email", "alice@example.com"));
    deliveries.push(NewDelivery { due_at: at(60), ..delivery("slack", "#later") });
    let (stored, leased) = fixture.leased(deliveries, claim("slack").lease(30).build()).await;
    let others = fixture.claimed(claim("slack")).await;
    let all: HashSet<DeliveryId> = ids(&leased).into_iter().chain(ids(&others)).collect();
    assert_eq!((all.len(), leased.len() + others.len()), (2, 2), "{leased:?} {others:?}");
    fixture.claimed_one(claim("email")).await;
    fixture.claimed_one(claim("slack").at(at(60))).await;
    let held = leased.iter().map(Delivery::lease_ref).collect();
    assert_eq!(works(fixture.store.renew(held, at(90)).await), []);
    for delivery in leased {
        let record = fixture.listed_one(delivery.delivery_id, &stored).await;
        assert_eq!((record.state, record.attempts, &record.target), (DeliveryState::Leased, 1, &delivery.target));
        fixture.settled(done(&delivery, at(1))).await;
        let attempts = fixture.attempts(delivery.delivery_id).await;
        assert_eq!((attempts.len(), attempts[0].number, attempts[0].is_final), (1, 1, true));
    }
}

/// A lease of routing ends like any other, and whoever had it is fenced out.
pub async fn what_routing_leased_is_claimed_again_when_the_lease_ends(fixture: &Fixture) {
    let (_, leased) = fixture.leased(to(&["#a", "#b"]), claim("slack").lease(30).build()).await;
    assert_eq!(works(fixture.store.release_expired(at(30), 10).await), 0);
    assert_eq!(works(fixture.store.release_expired(at(31), 10).await), leased.len());
    let again = fixture.claimed(claim("slack").at(at(31))).await;
    assert_eq!(again.len(), 2);
    for lost in leased {
        let next = again.iter().find(|next| next.delivery_id == lost.delivery_id).expect("it is due again");
        assert!(next.attempt == 2 && next.lease > lost.lease, "{next:?} after {lost:?}");
        fixture.fenced(done(&lost, at(32))).await;
    }
}

/// "No more of it than limit and allowances of the offer say, one for each target before one target gets more."
pub async fn routing_leases_no_more_than_is_offered(fixture: &Fixture) {
    let deliveries = to(&["#none", "#a", "#a", "#a", "#b", "#c"]);
    let offer = claim("slack").limit(4).each(2).allowing("#none", 0).build();
    let (_, leased) = fixture.leased(deliveries, offer).await;
    let targets = names(leased.iter().map(|leased| leased.target.clone()));
    let of = |name: &str| targets.iter().filter(|target| *target == name).count();
    assert!(leased.len() <= 4 && of("#none") == 0 && of("#a") <= 2, "{targets:?}");
    assert!(of("#a") < 2 || (of("#b"), of("#c")) == (1, 1), "others first: {targets:?}");
    let rest = fixture.claimed(claim("slack")).await;
    assert_eq!(leased.len() + rest.len(), 6, "what was not leased waits");
    assert_eq!(works(fixture.store.next_due(&"slack".into()).await), None);
}

/// "What is leased so is due, nothing else that is due waits for its target, and the target does not rest."
pub async fn routing_leases_nothing_that_has_to_wait(fixture: &Fixture) {
    for (target, effect) in
        [("#paused", TargetEffect::PauseUntil(at(60))), ("#disabled", TargetEffect::Disable("410".to_owned()))]
    {
        fixture.sent("slack", target).await;
        let claimed = fixture.claimed_one(claim("slack")).await;
        fixture.settled(affecting(done(&claimed, at(0)), effect)).await;
    }
    fixture.sent("slack", "#busy").await;
    let mut deliveries = to(&["#paused", "#disabled", "#busy"]);
    deliveries.push(NewDelivery { due_at: at(1), ..delivery("slack", "#later") });
    let (_, leased) = fixture.leased(deliveries, claim("slack").build()).await;
    assert_eq!(leased, []);
    assert_eq!(names(fixture.claimed(claim("slack")).await.iter().map(|it| &it.target)), ["#busy", "#busy"]);
}

/// A later event of the same call cancels what an earlier one made; what is left is leased under its own place.
pub async fn what_is_cancelled_in_the_same_call_is_not_leased(fixture: &Fixture) {
    let (first, second) = (fixture.stored(event("user.signup")).await, fixture.stored(event("user.signup")).await);
    let reminder = NewDelivery { cancel_key: Some("remind".to_owned()), ..delivery("slack", "#a") };
    let plans = vec![plan_for(&first, vec![reminder], &[]), plan_for(&second, to(&["#b"]), &["remind"])];
    let routed = fixture.routed_for(plans.clone(), vec![claim("slack").build()]).await;
    assert_eq!(routed.summary, RouteSummary { events: 2, deliveries: 2, cancelled: 1 });
    assert!(routed.leased.iter().all(|leased| leased.place == 1), "{routed:?}");
    assert_eq!(fixture.claimed(claim("slack")).await.len() + routed.leased.len(), 1);
    assert_eq!(fixture.routed_for(plans, vec![claim("slack").build()]).await, Routed::default(), "it is routed once");
}
