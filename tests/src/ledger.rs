//! The ledger: which messages arrived, and which events they told of.

use std::{collections::BTreeMap, time::Instant};

use serde_json::Value;

/// A message as it arrived.
#[derive(Clone, Debug)]
pub struct Message {
    /// Name of the channel, without `#`.
    pub channel: String,
    /// Its text; of a digest, all lines.
    pub text: String,
    /// The numbers of the events it tells of.
    pub numbers: Vec<u64>,
    /// When it arrived.
    pub at: Instant,
    /// The status it was answered with, once it was.
    pub answered: Option<u16>,
}

impl Message {
    pub(crate) fn arrived(channel: String, body: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = body["text"].as_str().unwrap_or_default().to_owned();
        let number = |line: &str| line.strip_prefix("n=")?.parse().ok();
        let numbers = text.lines().filter_map(number).collect();
        Self { channel, text, numbers, at: Instant::now(), answered: None }
    }
}

/// All messages of a receiver, in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub struct Ledger(pub Vec<Message>);

impl Ledger {
    /// How often each number was told, in messages that were accepted.
    #[must_use]
    pub fn accepted(&self) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for message in self.0.iter().filter(|message| message.answered == Some(200)) {
            for number in &message.numbers {
                *counts.entry(*number).or_default() += 1;
            }
        }
        counts
    }

    /// Messages of a channel.
    #[must_use]
    pub fn of(&self, channel: &str) -> Vec<&Message> {
        self.0.iter().filter(|message| message.channel == channel).collect()
    }
}
