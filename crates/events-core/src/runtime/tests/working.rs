//! Working: every outcome of a handler, and what follows from it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Bench, Scripted, Seen, event};
use crate::{
    Pattern,
    delivery::{AttemptOutcome, DeliveryState, ErrorClass, Pacing, RetryPolicy},
    ports::{Delivered, EventHistory, HandlerError, HandlerPolicy, TargetStates},
    routing::Route,
};

/// R047 `test_process_event_calls_slack_handler`, R040, R042
#[tokio::test(start_paused = true)]
async fn r047_the_handler_is_called_once_with_type_and_payload() {
    let handler = Scripted::willing("slack");
    let bench = Bench::start(std::slice::from_ref(&handler));
    bench.publish(event("user.signup")).await;
    bench.settled().await;
    let calls = handler.calls();
    assert_eq!(calls.len(), 1);
    let delivery = &calls[0].0[0];
    assert_eq!(delivery.event.event_type.as_str(), "user.signup");
    assert_eq!(delivery.event.payload.as_str(), r#"{"email":"alice@example.com"}"#);
    assert_eq!(delivery.idempotency_key(), format!("{}/slack/default", delivery.event.event_id));
}

/// R049 `test_process_event_continues_on_handler_error`, R044, R045, R115, R201
#[tokio::test(start_paused = true)]
async fn r049_a_failing_handler_stops_neither_the_queue_nor_the_next_handler() {
    let failing = Scripted::new("failing", HandlerPolicy::default(), |_, _| {
        Err(HandlerError::fail(ErrorClass::new("broken"), "it broke"))
    });
    let panicking = Scripted::new("panicking", once(), |_, _| panic!("on purpose"));
    let willing = Scripted::willing("willing");
    let bench = Bench::start(&[failing.clone(), panicking.clone(), willing.clone()]);
    bench.publish(event("a.b")).await;
    bench.publish(event("a.b")).await;
    bench.settled().await;
    assert_eq!([failing.calls().len(), panicking.calls().len(), willing.calls().len()], [2, 2, 2]);
    let depth = bench.store.depth(Timestamp::MAX).await.unwrap();
    assert_eq!(depth.dead, 4);
}

fn once() -> HandlerPolicy {
    HandlerPolicy { retry: RetryPolicy { max_attempts: 1, ..RetryPolicy::default() }, ..HandlerPolicy::default() }
}

fn again() -> HandlerError {
    HandlerError::retry(ErrorClass::new("flaky"), "not now")
}

/// R098, C2
#[tokio::test(start_paused = true)]
async fn r098_a_failure_is_tried_again_on_schedule_until_it_works() {
    let handler = Scripted::new("flaky", HandlerPolicy::default(), |_, call| {
        if call < 4 { Err(again().with_status(503)) } else { Ok(Delivered::status(200)) }
    });
    let bench = Bench::start(&[handler]);
    let published = bench.publish(event("a.b")).await;
    bench.settled().await;
    let delivery = bench.deliveries().await.remove(0);
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Succeeded, 4));
    let attempts = bench.attempts(&delivery).await;
    let pauses: Vec<_> =
        attempts.windows(2).map(|pair| pair[1].created_at.duration_since(pair[0].created_at).as_secs_f64()).collect();
    for (pause, expected) in pauses.iter().zip([5.0, 15.0, 45.0]) {
        assert!((0.75 * expected..1.25 * expected + 1.5).contains(pause), "{pauses:?}");
    }
    let outcomes: Vec<_> = attempts.iter().map(|attempt| (attempt.outcome, attempt.status)).collect();
    let (retry, done) = (AttemptOutcome::Retry, AttemptOutcome::Done);
    assert_eq!(outcomes, [(retry, Some(503)), (retry, Some(503)), (retry, Some(503)), (done, Some(200))]);
    let detail = bench.store.event(published.event.event_id, None).await.unwrap().unwrap();
    assert_eq!((detail.processed, detail.retry_count, detail.last_error.as_deref()), (true, 3, Some("not now")));
}

/// R259: what never works ends as a dead letter, with all its attempts.
#[tokio::test(start_paused = true)]
async fn the_last_attempt_ends_in_the_dead_letters() {
    let retry = RetryPolicy { cap: Duration::from_secs(60), ..RetryPolicy::default() };
    let policy = HandlerPolicy { retry, ..HandlerPolicy::default() };
    let handler = Scripted::new("broken", policy, |_, _| Err(again()));
    let bench = Bench::start(&[handler]);
    bench.publish(event("a.b")).await;
    bench.settled().await;
    let delivery = bench.deliveries().await.remove(0);
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Dead, 16));
    let letters = bench.store.dead_letters(crate::ports::DeadLetterQuery::default()).await.unwrap().items;
    assert_eq!((letters.len(), letters[0].reason.as_str(), letters[0].attempts), (1, "not now", 16));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_is_dropped_at_its_deadline() {
    let policy = HandlerPolicy { timeout: Duration::from_secs(10), ..once() };
    let handler = Scripted::new("stuck", policy, |_, _| Ok(Delivered::default())).closed();
    let bench = Bench::start(&[handler]);
    bench.publish(event("a.b")).await;
    bench.settled().await;
    let delivery = bench.deliveries().await.remove(0);
    let attempt = bench.attempts(&delivery).await.remove(0);
    assert_eq!(attempt.error_class, Some(ErrorClass::TIMEOUT));
    assert_eq!(attempt.error.as_deref(), Some("no result within 10s"));
}

/// One slow handler delays nobody else (guarantee 4).
#[tokio::test(start_paused = true)]
async fn a_stuck_handler_delays_no_other() {
    let (stuck, quick) = (Scripted::willing("stuck").closed(), Scripted::willing("quick"));
    let bench = Bench::start(&[stuck.clone(), quick.clone()]);
    for _ in 0..100 {
        bench.publish(event("a.b")).await;
    }
    quick.called(100).await;
    assert_eq!(stuck.calls().len(), HandlerPolicy::default().concurrency, "and it is held to its concurrency");
}

/// A delivery that waits for a slot longer than its lease stays with its worker: leases are renewed.
#[tokio::test(start_paused = true)]
async fn waiting_for_a_slot_loses_no_lease() {
    let policy = HandlerPolicy { concurrency: 1, timeout: Duration::from_secs(3600), ..HandlerPolicy::default() };
    let handler = Scripted::new("slow", policy, |_, _| Ok(Delivered::default())).closed();
    let bench = Bench::start(std::slice::from_ref(&handler));
    bench.publish(event("a.b")).await;
    bench.publish(event("a.c")).await;
    for call in 1..=2 {
        handler.called(call).await;
        tokio::time::sleep(Duration::from_secs(3500)).await;
        handler.open(1);
    }
    bench.settled().await;
    assert_eq!(handler.calls().len(), 2);
    let attempts: Vec<_> = bench.deliveries().await.iter().map(|delivery| delivery.attempts).collect();
    assert_eq!(attempts, [1, 1], "nobody else was given them");
}

#[tokio::test(start_paused = true)]
async fn retry_after_pauses_the_target_and_no_other() {
    let times = Seen::default();
    let seen = times.clone();
    let started = tokio::time::Instant::now();
    let handler = Scripted::new("slack", HandlerPolicy::default(), move |delivery, call| {
        seen.push((delivery.target.as_str().to_owned(), started.elapsed().as_secs()));
        if call == 1 {
            return Err(HandlerError::retry_after(ErrorClass::new("rate_limited"), "slower", Duration::from_secs(120)));
        }
        Ok(Delivered::status(200))
    });
    let bench = Bench::with_routes(&[handler], |_| {
        vec![
            Route::new("slack".into(), "#busy", ["a.*".parse::<Pattern>().unwrap()]),
            Route::new("slack".into(), "#calm", ["b.*".parse::<Pattern>().unwrap()]),
        ]
    });
    bench.publish(event("a.first")).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.store.troubled(Timestamp::UNIX_EPOCH).await.unwrap().len(), 1);
    bench.publish(event("a.second")).await;
    bench.publish(event("b.third")).await;
    bench.settled().await;
    let times = times.all();
    assert_eq!(times[0], ("#busy".into(), 0));
    assert!(times[1].0 == "#calm" && times[1].1 < 10, "{times:?}");
    assert!(times[2..].iter().all(|(target, second)| target == "#busy" && *second >= 120), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_gone_stops_and_what_waits_is_kept() {
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let state = gone.clone();
    let handler = Scripted::new("slack", HandlerPolicy::default(), move |_, _| {
        if state.load(std::sync::atomic::Ordering::SeqCst) {
            Err(HandlerError::target_down(ErrorClass::new("http_4xx"), "channel_is_archived").with_status(410))
        } else {
            Ok(Delivered::status(200))
        }
    });
    let bench = Bench::start(std::slice::from_ref(&handler));
    bench.publish(event("a.b")).await;
    handler.called(1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..5 {
        bench.publish(event("a.b")).await;
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(handler.calls().len(), 1, "nothing is sent to a target that is gone");
    let troubled = bench.store.troubled(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(
        (troubled.len(), troubled[0].waiting, troubled[0].reason.as_deref()),
        (1, 5, Some("channel_is_archived"))
    );

    gone.store(false, std::sync::atomic::Ordering::SeqCst);
    bench.store.resume(&"slack".into(), None, Timestamp::now()).await.unwrap();
    bench.engine.wake();
    handler.called(6).await;
    bench.settled().await;
    assert_eq!(bench.store.depth(Timestamp::MAX).await.unwrap().dead, 1);
}

fn paced() -> HandlerPolicy {
    let pacing = Pacing { interval: Duration::from_secs(1), burst: 3, digest_over: 5, digest_max: 50 };
    HandlerPolicy { pacing: Some(pacing), ..HandlerPolicy::default() }
}

#[tokio::test(start_paused = true)]
async fn a_paced_target_gets_its_burst_in_order_then_one_a_second() {
    let times = Seen::default();
    let seen = times.clone();
    let started = tokio::time::Instant::now();
    let handler = Scripted::new("slack", paced(), move |delivery, _| {
        seen.push((delivery.seq.0, started.elapsed().as_secs()));
        Ok(Delivered::status(200))
    });
    let bench = Bench::start(&[handler]);
    let events = (0..5).map(|_| event("a.b")).collect();
    bench.engine.publisher().publish_all(events).await.unwrap();
    bench.settled().await;
    assert_eq!(times.all(), [(1, 0), (2, 0), (3, 0), (4, 1), (5, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_pile_becomes_one_digest_whose_events_are_each_accounted_for() {
    let handler = Scripted::new("slack", paced(), |delivery, _| {
        if delivery.event.event_type.as_str() == "a.bad" {
            return Err(HandlerError::fail(ErrorClass::new("template"), "needs the field `email`"));
        }
        Ok(Delivered::status(200).with_response("digest of 11"))
    });
    let bench = Bench::start(std::slice::from_ref(&handler));
    let mut events: Vec<_> = (0..11).map(|_| event("a.b")).collect();
    events.push(event("a.bad"));
    bench.engine.publisher().publish_all(events).await.unwrap();
    bench.settled().await;
    let calls = handler.calls();
    assert_eq!(calls.iter().map(|call| call.0.len()).collect::<Vec<_>>(), [12]);
    let deliveries = bench.deliveries().await;
    let succeeded = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Succeeded).count();
    let dead = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Dead).count();
    assert_eq!((succeeded, dead), (11, 1));
    for delivery in &deliveries {
        assert_eq!(bench.attempts(delivery).await.len(), 1);
    }
}
