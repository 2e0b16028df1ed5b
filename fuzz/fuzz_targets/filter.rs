//! Content filters: whatever is written as one is read or refused, and what was read keeps its meaning.
//!
//! The input is a filter, and after the first line break, if there is one, a payload to look at.

#![no_main]

use std::sync::LazyLock;

use events_core::{
    Event, Limits, Metadata, NewEvent, Payload,
    ports::{RandomIds, SystemClock},
    routing::Filter,
    types,
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static EVENT: LazyLock<Event> = LazyLock::new(|| {
    let payload =
        json!({ "amount": 4900, "items": [{ "sku": "a" }, "b"], "note": null, "paid": true, "": { "0": 1.5 } });
    let event = NewEvent::new(types::IMPORT_COMPLETED, payload).actor("user_1", "user").organization("org_1");
    let origin = Metadata { source: "fuzz".into(), environment: "development".into(), ..Metadata::default() };
    event.into_event(&origin, &Limits::default(), &RandomIds, &SystemClock).expect("the event is in order")
});

fuzz_target!(|input: &[u8]| {
    let (text, payload) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], Some(&input[at + 1..])),
        None => (input, None),
    };
    let Ok(filter) = Filter::parse(text) else { return };
    let printed = filter.to_value();
    assert_eq!(Filter::from_value(&printed).as_ref(), Ok(&filter), "printed and read again");
    assert_eq!(Filter::parse(printed.to_string().as_bytes()).as_ref(), Ok(&filter), "stored and read again");

    let mut event = EVENT.clone();
    let payload =
        payload.and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| Payload::from_json(text).ok());
    event.payload = payload.unwrap_or(event.payload);
    let held = filter.matches(&event);
    assert_eq!(filter.explain(&event).held, held, "explained as it matches");
    if let Ok(opposite) = Filter::from_value(&json!({ "not": printed })) {
        assert_ne!(opposite.matches(&event), held, "`not` is the opposite");
    }
});
