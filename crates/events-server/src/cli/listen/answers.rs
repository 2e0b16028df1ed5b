//! What the receiver answers: statuses in their order, each after the same delay.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The answers still to be given. The last one is given for ever.
pub(super) struct Answers {
    statuses: Mutex<VecDeque<u16>>,
    pub(super) delay: Duration,
}

impl Answers {
    pub(super) fn new(statuses: Vec<u16>, delay: Duration) -> Self {
        Self { statuses: Mutex::new(statuses.into()), delay }
    }

    /// The status of the next answer.
    pub(super) fn next(&self) -> u16 {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if statuses.len() > 1 { statuses.pop_front() } else { statuses.front().copied() };
        next.unwrap_or(200)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_status_is_given_for_ever() {
        let answers = Answers::new(vec![500, 503, 200], Duration::ZERO);
        assert_eq!([(); 5].map(|()| answers.next()), [500, 503, 200, 200, 200]);
    }
}
