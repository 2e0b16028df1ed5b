//! Random walks: any sequence of operations has the same answers from a store as from the
//! memory store, and leaves the same state behind.
//!
//! The contract says what must hold in the situations that somebody thought of; a walk comes
//! through the others. A walk that fails is shortened as long as it still shows the difference,
//! printed, and its seed is kept beside the test's source, so that the next run begins with it.

mod counting;
mod leases;
mod observe;
mod op;
mod reads;
mod subscribing;
#[cfg(test)]
mod tests;
mod world;

use proptest::{
    collection::vec,
    test_runner::{Config, FailurePersistence, FileFailurePersistence, TestCaseError, TestError, TestRunner},
};

use super::Fixture;
use op::{Op, any_op};
use world::World;

/// How many walks, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Walks {
    /// Walks, each on an empty store.
    pub cases: u32,
    /// Operations of a walk at most.
    pub ops: usize,
    /// The source of the test, beside which the seeds of failed walks are kept: `file!()`.
    pub source: Option<&'static str>,
}

impl Default for Walks {
    fn default() -> Self {
        Self { cases: 64, ops: 60, source: None }
    }
}

/// Compares a store with the memory store over random walks.
///
/// `make_store` makes an empty store for each walk. Seqs and delivery ids are compared too, so
/// the store has to give them out without gaps, from 1 on.
///
/// # Panics
/// When an answer or the state behind it differs, with a short walk that shows it.
pub fn check_model<F: Future<Output = Fixture>>(walks: Walks, make_store: impl Fn() -> F) {
    let config = Config {
        cases: walks.cases,
        max_shrink_iters: 4_000,
        source_file: walks.source,
        failure_persistence: walks.source.map(|_| beside_the_source()),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&vec(any_op(), 1..=walks.ops), |walk| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime for one thread can be made");
        runtime.block_on(async { go(&walk, make_store().await).await }).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, walk)) => panic!("{reason}\nafter this walk:\n{}", told(&walk)),
        Err(TestError::Abort(reason)) => panic!("no walk was made: {reason}"),
    }
}

fn beside_the_source() -> Box<dyn FailurePersistence> {
    Box::new(FileFailurePersistence::WithSource("regressions"))
}

/// Goes one walk; answers the first difference.
async fn go(walk: &[Op], tested: Fixture) -> Result<(), String> {
    const LOOK_AROUND_EVERY: usize = 4;
    let mut world = World::new(tested);
    world.subscribe_first().await?;
    for (step, op) in walk.iter().enumerate() {
        world.apply(op).await.map_err(|difference| format!("step {}: {difference}", step + 1))?;
        if step % LOOK_AROUND_EVERY == 0 || step + 1 == walk.len() {
            world.observe().await.map_err(|difference| format!("after step {}: {difference}", step + 1))?;
        }
    }
    Ok(())
}

fn told(walk: &[Op]) -> String {
    let steps = walk.iter().enumerate();
    steps.map(|(step, op)| format!("{:>3}. {op:?}\n", step + 1)).collect()
}

/// Makes one test that compares a store with the memory store over random walks.
///
/// Takes what [`store_contract!`](crate::store_contract) takes, and how many walks of how many
/// operations to make.
///
/// ```ignore
/// events_core::store_model!(memory);
/// events_core::store_model!(memory, cases = 500, ops = 100);
/// ```
#[macro_export]
macro_rules! store_model {
    ($fixture:expr) => {
        $crate::store_model!($fixture, cases = 64, ops = 60);
    };
    ($fixture:expr, cases = $cases:expr, ops = $ops:expr) => {
        #[test]
        fn random_walks_come_out_as_in_memory() {
            let walks = $crate::testkit::Walks { cases: $cases, ops: $ops, source: Some(file!()) };
            $crate::testkit::check_model(walks, $fixture);
        }
    };
}
