//! Whether an endpoint that hangs slows another one down.

use super::{ROUNDS, Servers, latency::at_fifty_a_second, receiver::Receiver, system::System};
use crate::report::{Report, Target};

/// Events of a round.
const EVENTS: usize = 500;

/// An endpoint that never answers has 10,000 deliveries waiting; a healthy one is as quick as before.
pub(super) async fn run(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    for (whose, organization_id) in [("the same organization", None), ("another organization", Some("org_of_the_sick"))]
    {
        let (system, receiver) = (System::start(store, servers).await?, Receiver::start()?);
        system.subscribe(receiver.url("timed"), None).await?;
        let [_, before] = at_fifty_a_second(&system, &receiver, EVENTS).await?;
        system.subscribe(receiver.url("silence"), organization_id).await?;
        let waiting = (0..10_000).map(|number| {
            let event = crate::engine::event(number);
            organization_id.map_or(event.clone(), |organization_id| event.organization(organization_id))
        });
        for call in waiting.collect::<Vec<_>>().chunks(500) {
            system.engine.publisher().publish_all(call.to_vec()).await?;
        }
        receiver.reached(ROUNDS * EVENTS + 10_000).await;
        receiver.times();
        let [_, beside] = at_fifty_a_second(&system, &receiver, EVENTS).await?;
        let name = format!("webhooks {store}, p99 beside a hanging one of {whose}");
        report.ratio(&name, "ms", beside, before, Target::AtMost(2.0));
        system.close().await;
    }
    Ok(())
}
