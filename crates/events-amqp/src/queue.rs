//! The queue: the port, carried out by two tasks.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use events_core::{
    delivery::HandlerName,
    ports::{DeliveryQueue, QueueError, Receipt, Received, Reference},
};
use futures_util::future::{join_all, try_join_all};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    batch::Push,
    consumer::Consumer,
    depth::QueueDepth,
    health::{AmqpStatus, Health, Part},
    lane::{Lane, Settled},
    link::Plug,
    options::{AmqpOptions, OptionsError},
    publisher::{Inbox, Publisher, Question, WAITING},
};

/// How long [`AmqpQueue::close`] waits for a push that is under way and for two goodbyes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(8);

/// A [`DeliveryQueue`] on RabbitMQ.
///
/// Dropping it is dying: both sockets are cut, and the broker hands on at once what was received
/// and not acknowledged. [`Self::close`] says goodbye first.
pub struct AmqpQueue {
    health: Arc<Health>,
    /// Empty when this process does not consume.
    lanes: BTreeMap<HandlerName, Arc<Lane>>,
    pushes: mpsc::Sender<Push>,
    questions: mpsc::Sender<Question>,
    closing: CancellationToken,
    plugs: Vec<Plug>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl AmqpQueue {
    /// Starts to connect, in the background: a broker that is away is no failure. Must be called
    /// inside a tokio runtime, and [closed](Self::close) before that runtime ends.
    ///
    /// # Errors
    /// The options cannot be used, whatever the broker says.
    pub fn start(options: AmqpOptions) -> Result<Self, OptionsError> {
        let (address, names) = options.checked()?;
        let address = Arc::new(address);
        let handlers: Vec<HandlerName> = options.handlers.iter().map(|handler| handler.name.clone()).collect();
        let consumed = if options.consume { options.handlers } else { Vec::new() };
        let lanes: Vec<_> =
            consumed.into_iter().map(|handler| (Arc::new(Lane::new(handler.name)), handler.prefetch)).collect();
        let consuming = lanes.iter().map(|(lane, _)| Part::Consuming(lane.handler.clone()));
        let health = Arc::new(Health::new((*address).clone(), consuming.chain([Part::Publishing])));
        let closing = CancellationToken::new();
        let (pushes, pushed) = mpsc::channel(WAITING);
        let (questions, asked) = mpsc::channel(1);
        let mut queue = Self {
            health: Arc::clone(&health),
            lanes: lanes.iter().map(|(lane, _)| (lane.handler.clone(), Arc::clone(lane))).collect(),
            pushes,
            questions,
            closing: closing.clone(),
            plugs: Vec::new(),
            tasks: Mutex::default(),
        };
        let publisher = Publisher {
            address: Arc::clone(&address),
            names: names.clone(),
            handlers,
            passive: options.passive,
            confirm_timeout: options.confirm_timeout,
            plug: queue.plug(),
            inbox: Inbox { pushes: pushed, questions: asked, closing: closing.clone(), health: Arc::clone(&health) },
        };
        queue.spawn(publisher.run());
        if !lanes.is_empty() {
            let plug = queue.plug();
            let passive = options.passive;
            let consumer = Consumer { address, names, passive, health, plug, lanes, closing, generations: 0.into() };
            queue.spawn(consumer.run());
        }
        Ok(queue)
    }

    /// How the queue is at the moment. Asks nobody.
    #[must_use]
    pub fn status(&self) -> AmqpStatus {
        self.health.status()
    }

    /// Waits until word can be pushed and received: for commands that are no use without a broker.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] with the last error when that took longer than `limit`.
    pub async fn connected(&self, limit: Duration) -> Result<(), QueueError> {
        timeout(limit, self.health.connected()).await.map_err(|_| {
            let reason = self.status().last_error;
            QueueError::Unavailable(reason.unwrap_or_else(|| format!("not connected within {limit:?}")))
        })
    }

    /// How much word waits for each handler, and what is wrong with its queue. Asks the broker.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] when the broker is away or has an alarm.
    pub async fn depth(&self) -> Result<Vec<QueueDepth>, QueueError> {
        self.health.may_push()?;
        let (question, answer) = oneshot::channel();
        self.questions.send(question).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Lets the push that is under way come to its end, then says goodbye to the broker. What was
    /// received and not acknowledged goes to others. Afterwards nothing works any more.
    pub async fn close(&self) {
        self.closing.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        if timeout(CLOSE_TIMEOUT, join_all(tasks)).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
        self.end();
    }

    fn plug(&mut self) -> Plug {
        let plug = Plug::default();
        self.plugs.push(plug.clone());
        plug
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.tasks.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        tasks.push(tokio::spawn(task));
    }

    fn end(&self) {
        self.health.closed();
        self.lanes.values().for_each(|lane| lane.close("it was closed"));
        self.plugs.iter().for_each(Plug::pull);
    }

    async fn settle(&self, receipts: &[Receipt], settled: Settled) -> Result<(), QueueError> {
        if receipts.is_empty() {
            return Ok(());
        }
        let mut lanes = self.lanes.values();
        if self.lanes.values().all(|lane| lane.away().is_some()) {
            let reason = lanes.next().and_then(|lane| lane.away()).unwrap_or_else(|| DOES_NOT_CONSUME.to_owned());
            return Err(QueueError::Unavailable(reason));
        }
        // All frames are handed over before the first wait, so a future that is dropped loses none.
        let written: Vec<_> = lanes.filter_map(|lane| lane.settle(receipts, settled)).collect();
        try_join_all(written).await.map(|_| ())
    }
}

const DOES_NOT_CONSUME: &str = "this process does not consume it";

fn gone() -> QueueError {
    QueueError::Unavailable("it was closed".to_owned())
}

#[async_trait]
impl DeliveryQueue for AmqpQueue {
    async fn push(&self, references: Vec<Reference>) -> Result<(), QueueError> {
        if references.is_empty() {
            return Ok(());
        }
        self.health.may_push()?;
        let (answer, answered) = oneshot::channel();
        // There is room, or a push under way that ends within the confirm timeout.
        self.pushes.send(Push { references, answer }).await.map_err(|_| gone())?;
        // The publisher answers every push. If it ended in the middle of one, nobody knows.
        answered.await.unwrap_or_else(|_| Err(QueueError::Unknown("it was closed".to_owned())))
    }

    async fn receive(&self, handler: &HandlerName, limit: usize) -> Result<Vec<Received>, QueueError> {
        match self.lanes.get(handler) {
            Some(lane) => lane.receive(limit).await,
            None => Err(QueueError::Unavailable(DOES_NOT_CONSUME.to_owned())),
        }
    }

    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.settle(&receipts, Settled::Done).await
    }

    async fn nack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.settle(&receipts, Settled::Again).await
    }
}

impl Drop for AmqpQueue {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        tasks.iter().for_each(JoinHandle::abort);
        self.end();
    }
}

impl fmt::Debug for AmqpQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpQueue").field("status", &self.status()).finish_non_exhaustive()
    }
}
