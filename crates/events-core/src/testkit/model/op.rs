//! The operations of a walk, drawn from few names so that they meet each other often.

use proptest::{
    collection::vec,
    option, prop_compose, prop_oneof,
    strategy::{Just, Strategy},
};

use super::{
    reads::{Read, any_read},
    subscribing::{Subscribing, any_subscribing},
};

/// Handlers: the first is always paced, the second never, the third now and then.
pub(super) const HANDLERS: [&str; 3] = ["slack", "webhooks", "email"];
pub(super) const TARGETS: [&str; 3] = ["a", "b", "c"];
pub(super) const TYPES: [&str; 3] = ["user.signup", "user.login", "billing.paid"];
/// Whose the endpoints are that a walk begins with, by the place in [`ORGANIZATIONS`].
pub(super) const ENDPOINTS: [usize; 4] = [1, 1, 1, 2];
pub(super) const ORGANIZATIONS: [Option<&str>; 3] = [None, Some("org_1"), Some("org_2")];

/// Names one of what there is at that moment, counted from the newest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick(pub(super) usize);

impl Pick {
    /// The one that is named; `None` when there is nothing.
    pub(super) fn of<T>(self, things: &[T]) -> Option<&T> {
        things.iter().rev().nth(self.0 % things.len().max(1))
    }
}

/// One step of a walk.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Append(Vec<Draft>),
    Route(Vec<Plan>),
    Claim {
        handler: usize,
        limit: usize,
        lease: u64,
        paced: bool,
        each: Option<usize>,
        allowed: Option<(usize, usize)>,
    },
    Settle(Vec<Ending>),
    Renew {
        held: Vec<Pick>,
        seconds: i64,
    },
    Advance {
        seconds: i64,
    },
    ReleaseExpired {
        limit: usize,
    },
    Redrive(Letters),
    Resume {
        handler: usize,
        target: Option<usize>,
    },
    Rest {
        handler: usize,
        target: usize,
        effect: Effect,
    },
    Subscribe(Subscribing),
    Prune {
        attempts_age: i64,
        dead_letters_age: i64,
        keys_age: i64,
        limit: usize,
    },
    Count {
        limit: usize,
    },
    NextDue {
        handler: usize,
    },
    Read(Read),
}

/// An event to be appended.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) event_type: usize,
    pub(super) organization: usize,
    pub(super) key: Option<u8>,
    /// Has the id of an event that is there.
    pub(super) same_id: Option<Pick>,
}

/// What routing makes of an event; `again` names one that may be routed already.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) event: Pick,
    pub(super) again: bool,
    pub(super) deliveries: Vec<Planned>,
    pub(super) cancellations: Vec<u8>,
}

/// A delivery to be made.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) handler: usize,
    pub(super) target: usize,
    /// Goes to one of the first subscriptions instead.
    pub(super) endpoint: Option<usize>,
    pub(super) delay: i64,
    pub(super) cancel_key: Option<u8>,
    pub(super) guarded: bool,
}

/// The end of a claim; `again` names one that may have ended already.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) claim: Pick,
    pub(super) again: bool,
    pub(super) verdict: Come,
    pub(super) effect: Option<Effect>,
}

/// What comes of a claim.
#[derive(Clone, Copy, Debug)]
pub(super) enum Come {
    Done,
    Dropped,
    RetryIn { seconds: i64 },
    Dead,
    HandedBack,
}

/// What a target brought upon itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    PauseFor { seconds: i64 },
    Disable,
}

/// Which dead letters to redrive.
#[derive(Clone, Debug)]
pub(super) struct Letters {
    pub(super) these: Option<Vec<Pick>>,
    pub(super) handler: Option<usize>,
    pub(super) target: Option<usize>,
    pub(super) organization: usize,
    pub(super) limit: usize,
}

pub(super) fn any_op() -> impl Strategy<Value = Op> {
    let prune = (-1..40_i64, -1..40_i64, -1..40_i64, 0..6_usize).prop_map(
        |(attempts_age, dead_letters_age, keys_age, limit)| Op::Prune {
            attempts_age,
            dead_letters_age,
            keys_age,
            limit,
        },
    );
    prop_oneof![
        4 => vec(draft(), 0..4).prop_map(Op::Append),
        6 => vec(plan(), 1..4).prop_map(Op::Route),
        8 => claim(),
        8 => vec(ending(), 1..5).prop_map(Op::Settle),
        2 => (vec(picked(), 0..4), 0..40_i64).prop_map(|(held, seconds)| Op::Renew { held, seconds }),
        4 => seconds().prop_map(|seconds| Op::Advance { seconds }),
        3 => (0..4_usize).prop_map(|limit| Op::ReleaseExpired { limit }),
        2 => letters().prop_map(Op::Redrive),
        1 => (0..3_usize, option::of(0..3_usize)).prop_map(|(handler, target)| Op::Resume { handler, target }),
        1 => (0..3_usize, 0..3_usize, effect())
            .prop_map(|(handler, target, effect)| Op::Rest { handler, target, effect }),
        4 => any_subscribing().prop_map(Op::Subscribe),
        2 => prune,
        2 => (1..6_usize).prop_map(|limit| Op::Count { limit }),
        1 => (0..3_usize).prop_map(|handler| Op::NextDue { handler }),
        3 => any_read().prop_map(Op::Read),
    ]
}

pub(super) fn picked() -> impl Strategy<Value = Pick> {
    (0..24_usize).prop_map(Pick)
}

fn rarely() -> impl Strategy<Value = bool> {
    prop_oneof![5 => Just(false), 1 => Just(true)]
}

/// The two that are always the same more often, so that work piles up there.
fn handler() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0_usize), 3 => Just(1_usize), 1 => Just(2_usize)]
}

/// Mostly moments, sometimes as long as a lease lasts.
fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![2 => 0..6_i64, 1 => 0..60_i64]
}

prop_compose! {
    fn draft()(
        event_type in 0..3_usize,
        organization in 0..3_usize,
        key in option::weighted(0.4, 0..3_u8),
        same_id in option::weighted(0.1, picked()),
    ) -> Draft {
        Draft { event_type, organization, key, same_id }
    }
}

prop_compose! {
    fn plan()(
        event in picked(),
        again in rarely(),
        deliveries in vec(planned(), 0..8),
        cancellations in vec(0..2_u8, 0..2),
    ) -> Plan {
        Plan { event, again, deliveries, cancellations }
    }
}

prop_compose! {
    fn planned()(
        handler in handler(),
        target in 0..3_usize,
        endpoint in option::weighted(0.6, 0..ENDPOINTS.len()),
        delay in prop_oneof![4 => Just(0_i64), 1 => -5..60_i64],
        cancel_key in option::weighted(0.3, 0..2_u8),
        guarded in proptest::bool::ANY,
    ) -> Planned {
        Planned { handler, target, endpoint, delay, cancel_key, guarded }
    }
}

fn come() -> impl Strategy<Value = Come> {
    prop_oneof![
        3 => Just(Come::Done),
        1 => Just(Come::Dropped),
        3 => seconds().prop_map(|seconds| Come::RetryIn { seconds }),
        3 => Just(Come::Dead),
        1 => Just(Come::HandedBack),
    ]
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![2 => (-5..60_i64).prop_map(|seconds| Effect::PauseFor { seconds }), 1 => Just(Effect::Disable)]
}

prop_compose! {
    fn ending()(
        claim in picked(),
        again in rarely(),
        verdict in come(),
        effect in option::weighted(0.25, effect()),
    ) -> Ending {
        Ending { claim, again, verdict, effect }
    }
}

prop_compose! {
    fn letters()(
        these in option::weighted(0.2, vec(picked(), 0..3)),
        handler in option::weighted(0.2, 0..3_usize),
        target in option::weighted(0.2, 0..3_usize),
        organization in 0..3_usize,
        limit in 0..6_usize,
    ) -> Letters {
        Letters { these, handler, target, organization, limit }
    }
}

fn claim() -> impl Strategy<Value = Op> {
    let lease = prop_oneof![2 => 1..6_u64, 1 => 1..40_u64];
    let each = option::weighted(0.2, 0..4_usize);
    let allowed = option::weighted(0.3, (0..TARGETS.len(), 0..4_usize));
    (handler(), 0..9_usize, lease, proptest::bool::ANY, each, allowed).prop_map(
        |(handler, limit, lease, paced, each, allowed)| Op::Claim { handler, limit, lease, paced, each, allowed },
    )
}
