//! Events to publish, each with a number of its own.

use serde_json::{Value, json};

/// An event whose message is `n=<number>` in the channel with this index; its number is its
/// idempotency key, too.
#[must_use]
pub fn numbered(channel: usize, number: u64) -> Value {
    json!({
        "event_type": format!("test.c{channel}"), "payload": { "n": number },
        "idempotency_key": format!("n-{number}"), "metadata": { "source": "test" },
    })
}

/// Numbered events as one call, spread over this many channels.
#[must_use]
pub fn batch(channels: usize, numbers: std::ops::Range<u64>) -> Value {
    let channels = u64::try_from(channels.max(1)).unwrap_or(1);
    let index = |number: u64| usize::try_from(number % channels).unwrap_or(0);
    numbers.map(|number| numbered(index(number), number)).collect()
}
