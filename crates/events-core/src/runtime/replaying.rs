//! Jobs that make deliveries again: one process makes a step of each, every second.
//!
//! A step and the position of its job are one commit ([`Replays::step`]), so a process that is killed in the middle
//! leaves nothing half made, and whoever goes on makes nothing twice.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::wake::Wake;
use crate::{
    catalog::Catalog,
    delivery::DeliveryId,
    event::Seq,
    ports::{
        Clock, DeadLetterQuery, EventHistory, Leadership, Page, PageRequest, ReplayEnd, ReplayQuery, ReplayStep,
        Replays, StoreError, TimelineQuery, WebhookSubscriptions,
    },
    webhooks::{HANDLER, Replay, ReplayKind, ReplayState, Selection, Subscription},
};

/// Between steps; a job's rate is what it makes in this time.
const TICK: Duration = Duration::from_secs(1);
/// Deliveries made in one commit, so that none holds the store for long.
const BATCH: usize = 100;
/// Events read at once, and in one tick at most: a replay that finds little still goes on.
const EVENTS: usize = 500;
const EVENTS_A_TICK: usize = 20_000;
/// Jobs that make steps at the same time; others wait for one of them to end.
const JOBS: usize = 20;
/// How long a process makes the steps without asking again; another takes over after this.
const TERM: Duration = Duration::from_secs(15);
/// The task that is led.
const TASK: &str = "replays";
/// How far the times of two events next to each other in the log may be out of order: processes draw an event's time
/// before its place.
const DISORDER: SignedDuration = SignedDuration::from_secs(60);

/// What jobs work with.
pub(crate) struct Replaying {
    pub(crate) replays: Arc<dyn Replays>,
    pub(crate) subscriptions: Arc<dyn WebhookSubscriptions>,
    pub(crate) history: Arc<dyn EventHistory>,
    pub(crate) catalog: Arc<Catalog>,
    /// Chooses the process that makes steps; without it, this one does.
    pub(crate) leadership: Option<Arc<dyn Leadership>>,
    /// Name of this process.
    pub(crate) worker: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wake: Wake,
}

impl Replaying {
    /// Makes steps until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.tick().await {
                tracing::warn!("Failed to make a step of a replay, trying again: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => break,
            }
        }
        if let Some(leadership) = &self.leadership
            && let Err(error) = leadership.resign(TASK, &self.worker).await
        {
            tracing::debug!("Failed to resign, the next leader waits for the end of the term: {error}");
        }
    }

    /// A second's share of each job that runs.
    async fn tick(&self) -> Result<(), StoreError> {
        let page = PageRequest { limit: JOBS, ..PageRequest::default() };
        let running = ReplayQuery { state: Some(ReplayState::Running), page, ..ReplayQuery::default() };
        let jobs = self.replays.replays(running).await?.items;
        if jobs.is_empty() || !self.leads().await? {
            return Ok(());
        }
        for job in jobs {
            self.go_on(job).await?;
        }
        self.wake.all_lanes();
        Ok(())
    }

    async fn leads(&self) -> Result<bool, StoreError> {
        match &self.leadership {
            Some(leadership) => leadership.lead(TASK, &self.worker, TERM, self.clock.now()).await,
            None => Ok(true),
        }
    }

    /// Makes as many deliveries as the job may have in a tick, in small steps.
    async fn go_on(&self, mut job: Replay) -> Result<(), StoreError> {
        let subscription = self.subscriptions.subscription(job.subscription_id, None).await?;
        let selection = subscription.as_ref().and_then(|it| Selection::of(&job, it, self.catalog.clone()));
        let (Some(subscription), Some(selection)) = (subscription, selection) else {
            return self.fail(&job).await;
        };
        let before = job.made;
        let mut looked_at = 0;
        while looked_at < EVENTS_A_TICK {
            let left = usize::try_from(u64::from(job.rate).saturating_sub(job.made - before)).unwrap_or(usize::MAX);
            if left == 0 {
                break;
            }
            let share = left.min(BATCH);
            let step = match job.kind {
                ReplayKind::Recover => self.recover(&job, &subscription, share).await?,
                ReplayKind::Replay => self.replay(&job, &subscription, &selection, share).await?,
            };
            looked_at += EVENTS;
            let Some(step) = step else { break };
            // Whoever cancelled it, or made the step before us, is right.
            let Some(now) = self.replays.step(step).await? else { break };
            job = now;
            if job.state != ReplayState::Running {
                tracing::info!(replay.id = %job.replay_id, made = job.made, "A replay is done");
                break;
            }
        }
        Ok(())
    }

    async fn fail(&self, job: &Replay) -> Result<(), StoreError> {
        const WHY: &str = "the subscription gets no deliveries: it was deleted or disabled, or is not verified";
        tracing::warn!(replay.id = %job.replay_id, "A replay ends early: {WHY}");
        let end = ReplayEnd { state: ReplayState::Failed, reason: Some(WHY.to_owned()), at: self.clock.now() };
        self.replays.end(job.replay_id, None, end).await.map(drop)
    }

    /// The next dead letters, newest first: one that dies again does not come a second time.
    async fn recover(
        &self,
        job: &Replay,
        subscription: &Subscription,
        share: usize,
    ) -> Result<Option<ReplayStep>, StoreError> {
        let query = DeadLetterQuery {
            page: PageRequest { limit: share, offset: 0, cursor: Some(job.position) },
            ..failed_letters(job)
        };
        let Page { items, next } = self.history.dead_letters(query).await?;
        let dead_letters: Vec<DeliveryId> = items.iter().map(|letter| letter.delivery_id).collect();
        let to = dead_letters.last().map_or(job.last, |last| last.0);
        Ok(Some(ReplayStep { dead_letters, is_last: next.is_none(), ..self.step(job, subscription, to) }))
    }

    /// The next events that the subscription wants; `None` while the log has none to look at.
    async fn replay(
        &self,
        job: &Replay,
        subscription: &Subscription,
        selection: &Selection,
        share: usize,
    ) -> Result<Option<ReplayStep>, StoreError> {
        let found = self.history.scan(Seq(job.position), EVENTS).await?;
        if found.is_empty() && job.position < job.last {
            return Ok(None);
        }
        let mut to = job.position;
        let mut events = Vec::new();
        for stored in found {
            if stored.seq.0 > job.last {
                to = job.last;
            } else if events.len() < share {
                to = stored.seq.0;
                if selection.wants(&stored.event) {
                    events.push(stored.seq);
                }
                continue;
            }
            break;
        }
        Ok(Some(ReplayStep { events, is_last: to >= job.last, ..self.step(job, subscription, to) }))
    }

    fn step(&self, job: &Replay, subscription: &Subscription, to: i64) -> ReplayStep {
        ReplayStep {
            replay_id: job.replay_id,
            from: job.position,
            to,
            is_last: false,
            handler: HANDLER.into(),
            target: subscription.subscription_id.into(),
            events: Vec::new(),
            dead_letters: Vec::new(),
            now: self.clock.now(),
        }
    }
}

/// The dead letters that a recovery is about.
#[must_use]
pub fn failed_letters(job: &Replay) -> DeadLetterQuery {
    DeadLetterQuery {
        handler: Some(HANDLER.into()),
        target: Some(job.subscription_id.into()),
        since: Some(job.since),
        until: Some(job.until),
        ..DeadLetterQuery::default()
    }
}

/// The part of the log that has the events recorded from `since` on: the place before its first event, and its last
/// place. Events that were recorded more than a minute out of order may be left out.
///
/// Costs a few dozen look-ups, however long the log.
///
/// # Errors
/// When the store does not answer.
pub async fn part_of_log(history: &dyn EventHistory, since: Timestamp) -> Result<(Seq, Seq), StoreError> {
    let newest = TimelineQuery { page: PageRequest { limit: 1, ..PageRequest::default() }, ..TimelineQuery::default() };
    let Some(last) = history.timeline(newest).await?.items.first().map(|newest| newest.seq) else {
        return Ok((Seq::START, Seq::START));
    };
    let since = since.saturating_sub(DISORDER).unwrap_or(Timestamp::MIN);
    // What is up to `before` is older; what is after `after` is not.
    let (mut before, mut after) = (Seq::START.0, last.0);
    while before < after {
        let middle = before + (after - before) / 2;
        match history.scan(Seq(middle), 1).await?.first() {
            Some(next) if next.event.created_at < since => before = next.seq.0,
            _ => after = middle,
        }
    }
    Ok((Seq(before), last))
}
