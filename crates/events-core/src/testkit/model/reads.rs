//! Reads of a walk: filters and pages in any combination.

use proptest::{
    option, prop_compose, prop_oneof,
    sample::select,
    strategy::{Just, Strategy},
};

use super::{
    op::{HANDLERS, ORGANIZATIONS, Pick, TARGETS, TYPES, picked},
    world::{World, both},
};
use crate::{
    delivery::{DeliveryState, DeliveryStatus},
    event::{EventType, Pattern, Seq},
    ports::{DeadLetterQuery, DeliveryQuery, PageRequest, TimelineQuery},
};

const PATTERNS: [&str; 4] = ["*", "user.*", "user.login", "billing.paid"];
const STATES: [DeliveryState; 5] = [
    DeliveryState::Pending,
    DeliveryState::Leased,
    DeliveryState::Succeeded,
    DeliveryState::Dead,
    DeliveryState::Dropped,
];

const STATUSES: [DeliveryStatus; 5] = [
    DeliveryStatus::Pending,
    DeliveryStatus::Failed,
    DeliveryStatus::Succeeded,
    DeliveryStatus::Dead,
    DeliveryStatus::Dropped,
];

/// A question to both stores.
#[derive(Clone, Debug)]
pub(super) enum Read {
    Event { event: Pick, organization: usize },
    Timeline { types: Option<usize>, since_age: Option<i64>, until_age: Option<i64>, filter: Filter },
    Deliveries { event: Option<Pick>, stands: Stands, types: Option<usize>, time: Window, filter: Filter },
    DeadLetters { delivery: Option<Pick>, time: Window, filter: Filter },
    Scan { after: i64, limit: usize },
    HappenedAfter { event_type: usize, organization: usize, after: i64 },
}

/// Ages in seconds between which something lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    since: Option<i64>,
    until: Option<i64>,
}

/// Where a delivery stands, in the words of the store or of those who wait for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stands {
    state: Option<DeliveryState>,
    status: Option<DeliveryStatus>,
    payload: bool,
}

/// What lists have in common.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    handler: Option<usize>,
    target: Option<usize>,
    organization: usize,
    page: PageRequest,
}

pub(super) fn any_read() -> impl Strategy<Value = Read> {
    prop_oneof![
        (picked(), 0..3_usize).prop_map(|(event, organization)| Read::Event { event, organization }),
        (option::of(0..4_usize), option::of(-1..20_i64), option::of(-1..20_i64), filter())
            .prop_map(|(types, since_age, until_age, filter)| Read::Timeline { types, since_age, until_age, filter }),
        (option::weighted(0.3, picked()), stands(), option::weighted(0.3, 0..4_usize), window(), filter())
            .prop_map(|(event, stands, types, time, filter)| Read::Deliveries { event, stands, types, time, filter }),
        (option::weighted(0.3, picked()), window(), filter()).prop_map(|(delivery, time, filter)| Read::DeadLetters {
            delivery,
            time,
            filter
        }),
        (0..20_i64, 0..5_usize).prop_map(|(after, limit)| Read::Scan { after, limit }),
        (0..3_usize, 0..3_usize, 0..20_i64).prop_map(|(event_type, organization, after)| Read::HappenedAfter {
            event_type,
            organization,
            after
        }),
    ]
}

prop_compose! {
    fn window()(
        since in option::weighted(0.3, -1..20_i64),
        until in option::weighted(0.3, -1..20_i64),
    ) -> Window {
        Window { since, until }
    }
}

prop_compose! {
    fn stands()(
        state in option::weighted(0.3, select(&STATES[..])),
        status in option::weighted(0.3, select(&STATUSES[..])),
        payload in proptest::bool::ANY,
    ) -> Stands {
        Stands { state, status, payload }
    }
}

prop_compose! {
    fn filter()(
        handler in option::weighted(0.3, 0..3_usize),
        target in option::weighted(0.3, 0..3_usize),
        organization in 0..3_usize,
        limit in prop_oneof![0..6_usize, Just(50)],
        offset in prop_oneof![2 => Just(0_usize), 1 => 1..3_usize],
        cursor in option::weighted(0.3, 0..40_i64),
    ) -> Filter {
        Filter { handler, target, organization, page: PageRequest { limit, offset, cursor } }
    }
}

impl Filter {
    fn organization_id(&self) -> Option<String> {
        ORGANIZATIONS[self.organization].map(str::to_owned)
    }
}

impl World {
    /// Asks both stores; answers the difference, if there is one.
    pub(super) async fn read(&self, read: &Read) -> Result<(), String> {
        match read {
            Read::Event { event, organization } => {
                if let Some(event_id) = event.of(&self.event_ids) {
                    both!(self, history.event(*event_id, ORGANIZATIONS[*organization]));
                }
            }
            Read::Timeline { types, since_age, until_age, filter } => {
                let query = TimelineQuery {
                    actor: Some("user_1".to_owned()),
                    organization_id: filter.organization_id(),
                    event_types: types.map(|types| pattern(PATTERNS[types])).into_iter().collect(),
                    since: since_age.map(|age| self.after(-age)),
                    until: until_age.map(|age| self.after(-age)),
                    page: filter.page.clone(),
                };
                both!(self, history.timeline(query.clone()));
            }
            Read::Deliveries { event, stands, types, time, filter } => {
                let query = DeliveryQuery {
                    delivery_id: None,
                    event_id: event.and_then(|event| event.of(&self.event_ids).copied()),
                    handler: filter.handler.map(|handler| HANDLERS[handler].into()),
                    target: filter.target.map(|target| TARGETS[target].into()),
                    state: stands.state,
                    status: stands.status,
                    event_types: types.map(|types| pattern(PATTERNS[types])).into_iter().collect(),
                    since: time.since.map(|age| self.after(-age)),
                    until: time.until.map(|age| self.after(-age)),
                    with_payload: stands.payload,
                    organization_id: filter.organization_id(),
                    page: filter.page.clone(),
                };
                both!(self, history.deliveries(query.clone()));
            }
            Read::DeadLetters { delivery, time, filter } => {
                let claimed = delivery.and_then(|pick| pick.of(&self.claims));
                let query = DeadLetterQuery {
                    delivery_id: claimed.map(|claimed| claimed.delivery_id),
                    handler: filter.handler.map(|handler| HANDLERS[handler].into()),
                    target: filter.target.map(|target| TARGETS[target].into()),
                    since: time.since.map(|age| self.after(-age)),
                    until: time.until.map(|age| self.after(-age)),
                    organization_id: filter.organization_id(),
                    page: filter.page.clone(),
                };
                both!(self, history.dead_letters(query.clone()));
            }
            Read::Scan { after, limit } => {
                both!(self, history.scan(Seq(*after), *limit));
            }
            Read::HappenedAfter { event_type, organization, after } => {
                let event_type: EventType = TYPES[*event_type].parse().expect("this is an event type");
                both!(self, history.happened_after(&event_type, ORGANIZATIONS[*organization], Seq(*after)));
            }
        }
        Ok(())
    }
}

fn pattern(text: &str) -> Pattern {
    text.parse().expect("this is a pattern")
}
