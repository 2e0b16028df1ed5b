//! Counting in a walk: stores number attempts differently, so what is compared is what readers see.

use super::{
    op::{HANDLERS, ORGANIZATIONS, TARGETS},
    world::{World, agreed},
};
use crate::{
    delivery::HandlerName,
    ports::{Statistics, StatisticsOf, StatisticsQuery, StoreError},
    statistics::{Day, read},
};

impl World {
    /// Makes a step of counting in both stores; each may have another one to make.
    pub(super) async fn count(&self, limit: usize) -> Result<(), String> {
        let reference = step(&*self.reference.statistics, limit).await;
        agreed("count", reference, step(&*self.tested.statistics, limit).await)
    }

    /// Statistics of all, of each organization and of each target are the same, however much of them is counted.
    pub(super) async fn observe_statistics(&self) -> Result<(), String> {
        let organizations = ORGANIZATIONS.into_iter().flatten().map(|it| StatisticsOf::Organization(it.to_owned()));
        let targets = StatisticsOf::Targets(TARGETS.map(Into::into).to_vec());
        for of in [StatisticsOf::All, targets].into_iter().chain(organizations) {
            let query = StatisticsQuery { handler: HANDLERS[1].into(), of, since: Day::of(self.now).minus(10) };
            let reference = read(&*self.reference.statistics, &query).await;
            agreed("read of statistics", reference, read(&*self.tested.statistics, &query).await)?;
        }
        Ok(())
    }
}

async fn step(statistics: &dyn Statistics, limit: usize) -> Result<(), StoreError> {
    let handler = HandlerName::from(HANDLERS[1]);
    if let Some(step) = statistics.uncounted(&[handler], limit).await?.step() {
        statistics.count(step).await?;
    }
    Ok(())
}
