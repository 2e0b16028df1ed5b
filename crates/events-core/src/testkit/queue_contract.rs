//! The contract of the queue port: every promise by name, for every queue.
//!
//! Each function tries one promise on an empty queue and panics when it is not kept.
//! [`queue_contract!`](crate::queue_contract) makes one test of each. A queue may join word that
//! waits and may tell more processes than one; the promises leave room for that.

use std::{any::Any, collections::BTreeSet, fmt, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    delivery::HandlerName,
    event::Seq,
    ports::{DeliveryQueue, QueueError, Receipt, Received, Reference},
};

/// A queue under test: nobody has pushed anything yet.
pub struct QueueFixture {
    connect: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn DeliveryQueue>> + Send + Sync>,
    /// Dropped last: fields are dropped from first to last.
    _guard: Box<dyn Any + Send + Sync>,
}

impl QueueFixture {
    /// `connect` is another process that connects to the queue, with the handlers of
    /// [`Self::handlers`]; dropping what it gives is the death of that process. `guard` is kept
    /// until the test is over.
    pub fn new<F>(connect: impl Fn() -> F + Send + Sync + 'static, guard: impl Any + Send + Sync) -> Self
    where
        F: Future<Output = Arc<dyn DeliveryQueue>> + Send + 'static,
    {
        Self { connect: Box::new(move || connect().boxed()), _guard: Box::new(guard) }
    }

    /// The handlers that the promises speak of.
    #[must_use]
    pub fn handlers() -> [HandlerName; 2] {
        ["slack".into(), "webhooks".into()]
    }

    async fn connected(&self) -> Arc<dyn DeliveryQueue> {
        (self.connect)().await
    }
}

impl fmt::Debug for QueueFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueFixture").finish_non_exhaustive()
    }
}

/// Makes one `#[tokio::test]` of each promise of the queue port.
///
/// Takes a path to an async function (or a closure) without arguments that makes a
/// [`QueueFixture`](crate::testkit::QueueFixture). The crate that uses the macro needs `tokio` with
/// `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! queue_contract {
    ($fixture:expr) => {
        $crate::queue_contract_tests! { $fixture =>
            what_is_pushed_is_received
            word_waits_until_somebody_asks
            whoever_waits_is_told
            word_for_one_handler_reaches_no_other
            a_receive_is_bounded_by_its_limit
            what_is_acknowledged_does_not_come_again
            what_is_refused_comes_again
            a_receive_that_is_given_up_loses_nothing
            word_reaches_another_process
            what_a_dead_process_held_comes_to_another
            the_same_word_twice_does_no_harm
            a_large_push_arrives
            nothing_to_push_is_nothing
            receipts_of_nothing_are_ignored
        }
    };
}

/// The tests of [`queue_contract!`](crate::queue_contract).
#[doc(hidden)]
#[macro_export]
macro_rules! queue_contract_tests {
    ($fixture:expr => $($promise:ident)*) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let fixture: $crate::testkit::QueueFixture = ($fixture)().await;
                $crate::testkit::queue_contract::$promise(&fixture).await;
            }
        )*
    };
}

/// No queue takes this long; without a limit a test of a broken one would never end.
const LONG: Duration = Duration::from_secs(30);

fn slack() -> HandlerName {
    "slack".into()
}

fn webhooks() -> HandlerName {
    "webhooks".into()
}

fn word(handler: &HandlerName, seqs: impl IntoIterator<Item = i64>) -> Vec<Reference> {
    let seqs: Vec<Seq> = seqs.into_iter().map(Seq).collect();
    Reference::about(handler, &seqs).collect()
}

fn works<T>(answer: Result<T, QueueError>) -> T {
    answer.expect("the queue under test works")
}

fn receipts(received: &[Received]) -> Vec<Receipt> {
    received.iter().map(|received| received.receipt).collect()
}

async fn received(queue: &Arc<dyn DeliveryQueue>, handler: &HandlerName) -> Vec<Received> {
    let received = tokio::time::timeout(LONG, queue.receive(handler, 100)).await;
    let received = works(received.expect("word comes in time"));
    assert!(!received.is_empty(), "receiving waits until there is something");
    assert!(received.iter().all(|received| received.reference.handler == *handler), "{received:?}");
    received
}

/// Receives and acknowledges until all of `seqs` were named, or word came that names nothing,
/// which is about everything.
async fn received_all(queue: &Arc<dyn DeliveryQueue>, handler: &HandlerName, seqs: impl IntoIterator<Item = i64>) {
    let mut missing: BTreeSet<Seq> = seqs.into_iter().map(Seq).collect();
    while !missing.is_empty() {
        let received = received(queue, handler).await;
        for received in &received {
            if received.reference.seqs.is_empty() {
                missing.clear();
            }
            missing.retain(|seq| !received.reference.seqs.contains(seq));
        }
        works(queue.ack(receipts(&received)).await);
    }
}

/// Word comes to whoever asks for it.
pub async fn what_is_pushed_is_received(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(word(&slack(), [7])).await);
    received_all(&queue, &slack(), [7]).await;
}

/// Word that comes before anybody asks is kept.
pub async fn word_waits_until_somebody_asks(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(word(&slack(), [1])).await);
    works(queue.push(word(&webhooks(), [2])).await);
    works(queue.push(word(&slack(), [3])).await);
    received_all(&queue, &webhooks(), [2]).await;
    received_all(&queue, &slack(), [1, 3]).await;
}

/// Whoever waits is told when something is pushed.
pub async fn whoever_waits_is_told(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { received_all(&queue, &slack(), [5]).await }
    });
    tokio::task::yield_now().await;
    works(queue.push(word(&slack(), [5])).await);
    waiting.await.expect("the receiver is told");
}

/// A handler gets word about its own deliveries only.
pub async fn word_for_one_handler_reaches_no_other(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(word(&slack(), [1])).await);
    let (for_slack, for_webhooks) = (slack(), webhooks());
    let mut webhooks_wait = queue.receive(&for_webhooks, 10);
    let first = received(&queue, &for_slack).await;
    assert!(webhooks_wait.as_mut().now_or_never().is_none(), "nothing is there for the other handler");
    works(queue.ack(receipts(&first)).await);
}

/// "At most `limit`."
pub async fn a_receive_is_bounded_by_its_limit(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(word(&slack(), 0..80)).await);
    let first = works(queue.receive(&slack(), 3).await);
    assert!((1..=3).contains(&first.len()), "{first:?}");
    works(queue.ack(receipts(&first)).await);
}

/// "They need not come again": not to a process that comes later either.
pub async fn what_is_acknowledged_does_not_come_again(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(word(&slack(), [1])).await);
    received_all(&queue, &slack(), [1]).await;
    drop(queue);
    let later = fixture.connected().await;
    works(later.push(word(&slack(), [2])).await);
    let received = received(&later, &slack()).await;
    assert!(received.iter().all(|received| !received.reference.seqs.contains(&Seq(1))), "{received:?}");
}

/// "They come again, to whoever asks first."
pub async fn what_is_refused_comes_again(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(word(&slack(), [4])).await);
    let first = received(&queue, &slack()).await;
    works(queue.nack(receipts(&first)).await);
    received_all(&queue, &slack(), [4]).await;
}

/// "Dropping a future of any method loses nothing."
pub async fn a_receive_that_is_given_up_loses_nothing(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    for seq in 1..=20 {
        drop(queue.receive(&slack(), 10).now_or_never()); // given up before anything is there
        works(queue.push(word(&slack(), [seq])).await);
        received_all(&queue, &slack(), [seq]).await;
    }
}

/// What one process pushes, another receives.
pub async fn word_reaches_another_process(fixture: &QueueFixture) {
    let (here, there) = (fixture.connected().await, fixture.connected().await);
    let waiting = tokio::spawn(async move { received_all(&there, &slack(), [9]).await });
    tokio::task::yield_now().await;
    works(here.push(word(&slack(), [9])).await);
    waiting.await.expect("the other process is told");
}

/// "What it had received and not acknowledged goes to others."
pub async fn what_a_dead_process_held_comes_to_another(fixture: &QueueFixture) {
    let (dying, living) = (fixture.connected().await, fixture.connected().await);
    works(living.push(word(&slack(), [6])).await);
    // Whoever has the word, it dies.
    let slack = slack();
    let (heir, dead) = tokio::select! {
        _ = received(&dying, &slack) => (living, dying),
        _ = received(&living, &slack) => (dying, living),
    };
    drop(dead);
    received_all(&heir, &slack, [6]).await;
}

/// "A reference may come twice."
pub async fn the_same_word_twice_does_no_harm(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    for _ in 0..10 {
        works(queue.push(word(&slack(), [3])).await);
    }
    works(queue.push(word(&slack(), [4])).await);
    received_all(&queue, &slack(), [3, 4]).await;
}

/// Five thousand events at once are told of.
pub async fn a_large_push_arrives(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(word(&slack(), 0..5_000)).await);
    received_all(&queue, &slack(), 0..5_000).await;
}

/// Without references nothing happens, and nothing fails.
pub async fn nothing_to_push_is_nothing(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(Vec::new()).await);
    works(queue.ack(Vec::new()).await);
    works(queue.nack(Vec::new()).await);
    works(queue.push(word(&slack(), [1])).await);
    received_all(&queue, &slack(), [1]).await;
}

/// "Receipts of a lost connection are ignored", and so are those that were given back before.
pub async fn receipts_of_nothing_are_ignored(fixture: &QueueFixture) {
    let queue = fixture.connected().await;
    works(queue.push(word(&slack(), [1])).await);
    let first = received(&queue, &slack()).await;
    works(queue.ack(receipts(&first)).await);
    works(queue.ack(receipts(&first)).await);
    works(queue.nack(receipts(&first)).await);
    works(queue.ack(vec![Receipt(u64::MAX)]).await);
    works(queue.push(word(&slack(), [2])).await);
    received_all(&queue, &slack(), [2]).await;
}

#[cfg(test)]
mod tests {
    /// A promise that is written and not listed would never be tried.
    #[test]
    fn every_promise_is_listed() {
        let text = include_str!("queue_contract.rs");
        let listed: Vec<&str> = text.lines().map(str::trim).collect();
        let promises: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()).collect();
        assert!(promises.len() > 10);
        for promise in promises {
            assert!(listed.contains(&promise), "{promise} is not listed in queue_contract!");
        }
    }
}
