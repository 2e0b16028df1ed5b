//! What a page of failed deliveries takes with 1,000,000 attempts stored, beside 1,000.
//!
//! Both stores hold the same distribution of organizations and subscriptions; in the large one it is one delivery in
//! fifty that failed, as in life, and in the small one most, so that the page is full in both.

use std::{sync::Arc, time::Instant};

use events_core::{
    EventHistory,
    delivery::DeliveryStatus,
    ports::{DeliveryQuery, PageRequest},
    webhooks::HANDLER,
};
use events_postgres::PgStore;

use super::{
    ROUNDS, Servers,
    fill::{self, Part},
};
use crate::{
    raw::quantile,
    report::{Figure, Report, Target},
};

const FEW: Part = Part { from: 1, to: 727, failed: 3, of: 8 };
const MANY: Part = Part { from: 728, to: 990_000, failed: 1, of: 100 };
const PAGE: usize = 50;
/// Calls of a round.
const CALLS: usize = 200;

pub(super) async fn run(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    let (few, many) = (FEW.attempts(), FEW.attempts() + MANY.attempts());
    anyhow::ensure!((950..1_050).contains(&few) && many >= 1_000_000, "{few} and {many} attempts");
    let folder = tempfile::tempdir_in(".")?;
    let [small, large] = match servers {
        None => [filled_file(&folder, "small", &[FEW]).await?, filled_file(&folder, "large", &[FEW, MANY]).await?],
        Some(Servers { postgres, .. }) => [
            filled_schema(postgres, "webhooks_small", &[FEW]).await?,
            filled_schema(postgres, "webhooks_large", &[FEW, MANY]).await?,
        ],
    };
    for (status, word) in [(DeliveryStatus::Failed, "failed"), (DeliveryStatus::Dead, "dead")] {
        for (whose, of) in [("all", None), ("an organization", Some(false)), ("a subscription", Some(true))] {
            let query = DeliveryQuery {
                handler: Some(HANDLER.into()),
                status: Some(status),
                organization_id: of.map(|_| "org_0".to_owned()),
                target: of.filter(|of_one| *of_one).map(|_| "target_0".into()),
                with_payload: true,
                page: PageRequest { limit: PAGE, ..PageRequest::default() },
                ..DeliveryQuery::default()
            };
            let [mut small_rounds, mut large_rounds] = [const { Vec::new() }; 2];
            for _ in 0..ROUNDS {
                small_rounds.push(milliseconds(&small, &query).await?);
                large_rounds.push(milliseconds(&large, &query).await?);
            }
            let name = format!("webhooks {store}, {word} of {whose}, 1,000,000 / 1,000");
            report.ratio(&name, "ms", Figure::of(large_rounds), Figure::of(small_rounds), Target::AtMost(2.0));
        }
    }
    Ok(())
}

/// The median of many calls.
async fn milliseconds(history: &Arc<dyn EventHistory>, query: &DeliveryQuery) -> anyhow::Result<f64> {
    let mut samples = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let asked = Instant::now();
        let page = history.deliveries(query.clone()).await?;
        samples.push(asked.elapsed().as_secs_f64() * 1e3);
        anyhow::ensure!(page.items.len() == PAGE, "{} deliveries for {query:?}", page.items.len());
    }
    Ok(quantile(&mut samples, 0.5))
}

async fn filled_file(folder: &tempfile::TempDir, name: &str, parts: &[Part]) -> anyhow::Result<Arc<dyn EventHistory>> {
    let file = folder.path().join(name).join("events.db");
    std::fs::create_dir(folder.path().join(name))?;
    crate::engine::store(&folder.path().join(name)).await?.close().await; // makes the tables
    for part in parts {
        fill::sqlite(&file, *part).await?;
    }
    Ok(crate::engine::store(&folder.path().join(name)).await?)
}

async fn filled_schema(
    server: &xtask::services::Postgres,
    schema: &str,
    parts: &[Part],
) -> anyhow::Result<Arc<dyn EventHistory>> {
    let store = PgStore::open(&format!("{}?schema={schema}", server.url())).await?;
    fill::postgres(server, schema, parts)?;
    Ok(Arc::new(store))
}
